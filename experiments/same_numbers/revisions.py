"""A revision of this repository as a folder to run, with what it calls otherwise."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from experiments.same_numbers.names import Names

ROOT = Path(__file__).resolve().parents[2]
TABLE = "experiments/same_numbers/names.yaml"
WORKING_TREE = "."


@dataclass(frozen=True)
class Revision:
    """`called`: as the user named it; `tree`: git's id of its files."""

    called: str
    tree: str
    names: Names


def find(called: str) -> Revision:
    """The revision, or the files of the working tree for `.`, uncommitted ones included.

    Raises SystemExit when git knows no such revision.
    """
    tree = _working_tree() if called == WORKING_TREE else _git("rev-parse", f"{called}^{{tree}}")
    holds_table = _git("ls-tree", "--name-only", tree, TABLE)
    own = _git("show", f"{tree}:{TABLE}") if holds_table else ""
    newest = (ROOT / TABLE).read_text(encoding="utf-8")
    return Revision(called, tree, Names.pending(newest, own))


def export(revision: Revision, folder: Path) -> Path:
    """Write the revision's files into `folder`, once; returns it."""
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(
            ["git", "archive", revision.tree], cwd=ROOT, check=True, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", str(partial)], input=archive, check=True)
        partial.replace(folder)
    return folder


def digest(*parts: bytes) -> str:
    """A short name for these contents."""
    return sha256(b"\n".join(parts)).hexdigest()[:8]


def _working_tree() -> str:
    """git's id of all files that are not ignored, as they are now; the index stays as it is."""
    with tempfile.TemporaryDirectory() as folder:
        index = {**os.environ, "GIT_INDEX_FILE": f"{folder}/index"}
        _git("read-tree", "HEAD", environment=index)
        _git("add", "--all", environment=index)
        return _git("write-tree", environment=index)


def _git(*arguments: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()
