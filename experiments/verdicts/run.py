"""Does the verdict hold? Pairs of runs that differ in their seed alone, and runs that were spoilt.

    nohup nice -n 15 python -m experiments.verdicts.run [--base RUN] [--epochs 8] [--marks] &

Five pairs should be told apart at most once; a run on shuffled texts, one with too high a learning
rate and one on a fifth of the data should lose against a sound one. Runs that are finished are not
made again. All of it lies in outputs/verdicts/; the table goes to experiments/LOG.md by hand.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from experiments.verdicts.sets import one_fifth, shuffled
from xttslab.data.audio import read_audio
from xttslab.data.manifest import read_folder
from xttslab.evaluation.card_output import write_card
from xttslab.evaluation.scorecard import VERSION, ZERO_SHOT, Scorecard
from xttslab.evaluation.scoring import SampleScorer, sample
from xttslab.evaluation.spoken_clips import SpokenClip
from xttslab.model.decoder import SPEECH_RATE
from xttslab.reporting.analysis import ReportRules
from xttslab.reporting.comparison import Comparison, compare_runs
from xttslab.reporting.run_data import load_run
from xttslab.reporting.scores import Scores
from xttslab.reporting.verdict import VerdictRules
from xttslab.reporting.worth import ALIKE, worth_of

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
    parser.add_argument("--rescore", action="store_true", help="finished runs, then the table")
    parser.add_argument("--report", action="store_true", help="the table of what is finished alone")
    options = parser.parse_args()
    if options.rescore:
        rescore()
    if options.report or options.rescore:
        report()
        return
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
    _train_all(common)
    report()


def _train_all(common: Sequence[str]) -> None:
    for seed in sorted({seed for pair in PAIRS for seed in pair}):
        _train(_sound(seed), *common, f"seed={seed}", f"samples.seed={seed}")
    for name, (_, overrides) in SPOILT.items():
        _train(name, *common, *overrides)


def report() -> None:
    """Print the table of all verdicts."""
    equal_to_base()
    print("| pair | what differs | losses | reading | overall marks | verdict | by |")
    print("|---|---|---|---|---|---|---|")
    wrong = lost = 0
    pairs = [pair for pair in PAIRS if all(_finished(_sound(seed)) for seed in pair)]
    spoilt = {name: what for name, (what, _) in SPOILT.items() if _finished(name)}
    for one, other in pairs:
        found = _compare(_sound(one), _sound(other))
        wrong += found.verdict.winner is not None
        _row(found, "the seed")
    for name, what in spoilt.items():
        found = _compare(_sound(PAIRS[0][0]), name)
        lost += found.verdict.winner == _sound(PAIRS[0][0])
        _row(found, what)
    print(f"\nfalse verdicts: {wrong} of {len(pairs)}; spoilt that lost: {lost} of {len(spoilt)}")


def rescore() -> None:
    """Score the samples of finished runs on the sound set again, where their cards are of an
    earlier version of the scores."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        overrides = [f"dataset={SET}", f"data_dir={PLACE / 'data'}"]
        scoring = instantiate(compose("train", overrides).evaluation.scoring)
    scorer = SampleScorer(read_folder(PLACE / "data" / SET)[0], scoring)
    for name in filter(_finished, (_sound(seed) for pair in PAIRS for seed in pair)):
        for path in sorted((PLACE / "outputs" / name / "samples").glob("epoch_*/scorecard.json")):
            card = json.loads(path.read_text("utf-8"))
            if card["version"] != VERSION:
                write_card(path, scorer.score([_sample(path.parent, c) for c in card["clips"]]))
                print(path.relative_to(PLACE), flush=True)


def _sample(folder: Path, told: Mapping[str, str]) -> SpokenClip:
    wave = read_audio(folder / f"{Path(told['name']).name}.wav", SPEECH_RATE)
    return sample(told["name"], wave, SPEECH_RATE, told["text"], told["category"])


def equal_to_base() -> None:
    """Print what is said of a run whose weights are its base's: the base's own samples by one seed,
    set against those by another, as a report sets a run against its base."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        plain = OmegaConf.to_container(compose("compare", ["runs=[a,b]"]))
    rules = ReportRules.of(plain["rules"]).worth
    seeds = [seed for pair in PAIRS for seed in pair if _start_card(seed).is_file()]
    run = SimpleNamespace(name="equal", tags={})
    findings = SimpleNamespace(choice=SimpleNamespace(epoch=1))
    states = []
    for one, other in permutations(seeds, 2):
        card, base = (
            Scorecard.from_dict(json.loads(_start_card(seed).read_text("utf-8")))
            for seed in (one, other)
        )
        found = worth_of(run, findings, Scores(card=card, beside={ZERO_SHOT: base}), rules)
        states.append(found.state)
        if found.state != ALIKE:
            said = "; ".join(f"{a.question.lower()}: {a.said} ({a.numbers})" for a in found.answers)
            print(f"base by seed {one} against base by seed {other}: {found.state}: {said}")
    print(f"called no better than its base: {states.count(ALIKE)} of {len(states)}\n")


def _start_card(seed: int) -> Path:
    return PLACE / "outputs" / _sound(seed) / "samples" / "epoch_000" / "scorecard.json"


def _finished(name: str) -> bool:
    return (PLACE / "outputs" / name / "finished").is_file()


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
    if _finished(name):
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
