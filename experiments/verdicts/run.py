"""Does the verdict hold? Pairs of runs that differ in their seed alone, and runs that were spoilt.

    nohup nice -n 15 python -m experiments.verdicts.run [--base RUN] [--epochs 8] [--marks] &

Five pairs should be told apart at most once; a run on shuffled texts, one with too high a learning
rate and one on a fifth of the data should lose against a sound one. Runs that are finished are not
made again. All of it lies in outputs/verdicts/; the table goes to experiments/LOG.md by hand.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from experiments.verdicts.sets import one_fifth, shuffled
from xttslab.reporting.analysis import ReportRules
from xttslab.reporting.comparison import Comparison, compare_runs
from xttslab.reporting.run_data import load_run
from xttslab.reporting.verdict import VerdictRules

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "outputs/verdicts"
SET = "demo_milliomos"
PAIRS = [(seed, seed + 1) for seed in range(1, 10, 2)]
RATE, TOO_HIGH = 3e-4, 6e-3
SPOILT = {
    "shuffled": ("texts of other clips", (f"dataset.sources={{{SET}: data/shuffled}}",)),
    "high_rate": (f"learning rate {TOO_HIGH / RATE:g} times", (f"optim.lr={TOO_HIGH}",)),
    "fifth": ("one fifth of the data", (f"dataset.sources={{{SET}: data/fifth}}",)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", help="run or checkpoint that all start from; default: xtts_mini")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--marks", action="store_true", help="speak and score the last epoch too")
    options = parser.parse_args()
    data = PLACE / "data" / SET
    if not (data / "metadata.csv").is_file():
        _python("xttslab.prepare", f"dataset={SET}")
    shuffled(data, PLACE / "data/shuffled")
    one_fifth(data, PLACE / "data/fifth")
    spoken = options.epochs if options.marks else 0
    common = [f"trainer.max_epochs={options.epochs}", f"samples.every_n_epochs={spoken}"]
    common += [f"samples.score_every_n_epochs={spoken}"]
    if options.base:
        common += [f"init_from={Path(options.base).resolve()}", "weights=random"]
    for seed in sorted({seed for pair in PAIRS for seed in pair}):
        _train(_sound(seed), *common, f"seed={seed}", f"samples.seed={seed}")
    for name, (_, overrides) in SPOILT.items():
        _train(name, *common, *overrides)
    report()


def report() -> None:
    """Print the table of all verdicts."""
    print("| pair | what differs | losses | reading | overall marks | verdict | by |")
    print("|---|---|---|---|---|---|---|")
    wrong = 0
    for one, other in PAIRS:
        found = _compare(_sound(one), _sound(other))
        wrong += found.verdict.winner is not None
        _row(found, "the seed")
    lost = 0
    for name, (what, _) in SPOILT.items():
        found = _compare(_sound(PAIRS[0][0]), name)
        lost += found.verdict.winner == _sound(PAIRS[0][0])
        _row(found, what)
    print(f"\nfalse verdicts: {wrong} of {len(PAIRS)}; spoilt runs that lost: {lost} of 3")


def _row(found: Comparison, what: str) -> None:
    pair = found.pairs[0]
    evidence = pair.evidence
    shown = [
        "–"
        if d is None
        else f"{d.first:.3f} → {d.second:.3f} ({d.interval.low:+.3f} to {d.interval.high:+.3f})"
        for d in (evidence.loss, evidence.text_gain, evidence.scores.get("overall"))
    ]
    verdict = pair.decision.winner or "no difference"
    cells = (f"{pair.first}, {pair.second}", what, *shown, verdict, pair.decision.by or "–")
    print("|", " | ".join(cells), "|", flush=True)


def _compare(*names: str) -> Comparison:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        chosen = [f"runs=[{','.join(names)}]", "gates=reference_analysis"]
        plain = OmegaConf.to_container(compose("compare", chosen))
    runs = [load_run(str(PLACE / "outputs" / name), "") for name in names]
    verdict = VerdictRules(**plain["verdict"])
    return compare_runs(runs, ReportRules.of(plain["rules"]), verdict, [plain["gates"]] * 2)


def _sound(seed: int) -> str:
    return f"seed_{seed:02d}"


def _train(name: str, *overrides: str) -> None:
    if (PLACE / "outputs" / name / "finished").is_file():
        return
    fixed = (
        f"dataset={SET}", "model=xtts_mini", "trainer=cpu", "trainer.enable_progress_bar=false",
        "batch.clips=8", "batch.prompt=other", f"optim.lr={RATE}", "checkpoint.patience=0",
        "timed_steps=0", "resume=true",
    )  # fmt: skip
    _python("xttslab.train", f"run_name={name}", *fixed, *overrides)


def _python(module: str, *arguments: str) -> None:
    print("$", module, *arguments, flush=True)
    command: Sequence[str] = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    PLACE.mkdir(parents=True, exist_ok=True)
    subprocess.run(command, check=True, cwd=PLACE)


if __name__ == "__main__":
    main()
