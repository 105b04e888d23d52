"""Compare what two revisions compute: every metric, manifest, code, waveform, score and weight.

    python -m experiments.same_numbers.run                  HEAD~ and the working tree
    python -m experiments.same_numbers.run --before ed80985 --after main

Both run the commands of exercise.py, each with its own code, at the same time and on one thread
each. What a revision gave is kept under outputs/same_numbers/ by the id of its files, so that the
next comparison runs the other side alone; a stopped comparison goes on by the same command. A
revision compared with itself runs twice. Ends with status 1 when anything differs.
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions
from pathlib import Path

from experiments.same_numbers import exercise
from experiments.same_numbers.differences import compare, table
from experiments.same_numbers.revisions import ROOT, WORKING_TREE, Revision, digest, export, find
from experiments.same_numbers.snapshot import take

GROUPS = {
    "codes", "configuration", "manifests", "metrics", "mlflow metrics", "mlflow params",
    "reports", "scorecards", "waveforms", "weights",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", default="HEAD~", help="a revision of git; default: HEAD~")
    parser.add_argument("--after", default=WORKING_TREE, help="default: the working tree")
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs/same_numbers")
    options = parser.parse_args()
    before, after = find(options.before), find(options.after)
    sides = [_side(options.folder, before), _side(options.folder, after)]
    if sides[0] == sides[1]:
        sides[1] = sides[1].with_name(f"{sides[1].name}_again")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_run, ("before", "after"), (before, after), sides))
    snapshots = [
        take(side / "work", revision.names)
        for side, revision in zip(sides, (before, after), strict=True)
    ]
    rows, differences = compare(*snapshots, before.names.lacks)
    print(f"\nbefore: {before.called} ({sides[0]})\nafter: {after.called} ({sides[1]})\n")
    print(table(rows, differences))
    if missing := GROUPS - {row.group for row in rows}:
        raise SystemExit(f"nothing was found on either side of: {', '.join(sorted(missing))}")
    sys.exit(bool(differences))


def _side(folder: Path, revision: Revision) -> Path:
    """Where the revision runs: by its files, what it is asked to do and what with."""
    given = [path.read_bytes() for part in exercise.recordings() for path in part]
    installed = {f"{d.name}=={d.version}" for d in distributions() if d.name != "xttslab"}
    asked = [repr(step) for step in _steps(revision)]
    key = digest(*map(str.encode, (*asked, *sorted(installed))), *given)
    return folder.resolve() / f"{revision.tree[:10]}_{key}"


def _steps(revision: Revision) -> list[exercise.Step]:
    """The exercise in the revision's own names."""
    return [
        dataclasses.replace(step, overrides=tuple(revision.names.overrides(step.overrides)))
        for step in exercise.STEPS
    ]


def _run(label: str, revision: Revision, side: Path) -> None:
    tree = export(revision, side / "tree")
    _require_own_code(tree)
    exercise.run(_steps(revision), tree, side, f"{label:>6} {revision.called}")


def _require_own_code(tree: Path) -> None:
    """Raise SystemExit unless the commands run the package in `tree`, and no installed one."""
    asked = [sys.executable, "-c", "import xttslab; print(xttslab.__file__)"]
    told = subprocess.run(
        asked, env=exercise.environment(tree), cwd=tree.parent, capture_output=True, text=True
    ).stdout.strip()
    if not Path(told).is_relative_to(tree):
        raise SystemExit(f"{tree}: its package is not the one that runs, but {told}")


if __name__ == "__main__":
    main()
