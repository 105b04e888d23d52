"""The ranking tests with known answers.

    python -m experiments.ranking.run [most=24] [out=FOLDER] [only=emotion,smoothness]

Prints the table that is published in `experiments/ranking/README.md`: per aspect and kind of pair,
how many pairs there are and how many the measure orders right. At most `most` clips of a voice are
used. Every stage keeps its pairs in `out`; a stage whose file is there is read, not run again.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from experiments.ranking.material import REPOSITORY, Voice, load_voices
from experiments.ranking.pairs import (
    Pair,
    babble_pairs,
    emotion_pairs,
    naturalness_pairs,
    pronunciation_pairs,
    smoothness_pairs,
    speaker_pairs,
)
from experiments.ranking.uneven import consistency_pairs
from xttslab.evaluation.recognition import Recogniser
from xttslab.evaluation.settings import Scoring


def main(arguments: Sequence[str]) -> None:
    """Make all pairs that are not there yet, print the table."""
    options = dict(argument.split("=", 1) for argument in arguments)
    most = int(options.get("most", 24))
    out = Path(options.get("out", "outputs/ranking"))
    out.mkdir(parents=True, exist_ok=True)
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        scoring = instantiate(compose("evaluation/default").evaluation.scoring)
    works = stages(load_voices(most), load_voices(1000)["demo"], scoring)
    pairs: list[Pair] = []
    for name in options.get("only", ",".join(works)).split(","):
        file = out / f"{name}.csv"
        if not file.is_file():
            begun = perf_counter()
            write_pairs(file, works[name]())
            print(f"{name}: {perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
        pairs += read_pairs(file)
    print(table(pairs))


def stages(
    voices: dict[str, Voice], demo: Voice, scoring: Scoring
) -> dict[str, Callable[[], list[Pair]]]:
    """The tests by name, each drawing from its own fixed seed."""
    many = {name: voice for name, voice in voices.items() if len(voice.clips) > 9}
    hungarian = {name: voice for name, voice in many.items() if voice.language == "hu"}
    recogniser = scoring.recogniser

    def random() -> np.random.Generator:
        return np.random.default_rng(0)

    return {
        "voice_similarity": lambda: speaker_pairs(voices, 400, random()),
        "naturalness": lambda: naturalness_pairs(voices, 100, random()),
        "pronunciation": lambda: _pronunciation(hungarian, recogniser, random()),
        "emotion": lambda: _emotion(demo, random()),
        "smoothness": lambda: smoothness_pairs(many, scoring.defects, 20, random()),
        "babble": lambda: babble_pairs(hungarian, recogniser, scoring.defects, random()),
        "consistency": lambda: consistency_pairs(many, scoring, 60, random()),
    }


def _emotion(demo: Voice, random: np.random.Generator) -> list[Pair]:
    return [pair for size in (1, 2, 3) for pair in emotion_pairs(demo.clips, size, 100, random)]


def _pronunciation(
    voices: dict[str, Voice], recogniser: Recogniser, random: np.random.Generator
) -> list[Pair]:
    heard = {
        name: recogniser.transcribe([clip.audio for clip in voice.clips])
        for name, voice in voices.items()
    }
    return pronunciation_pairs(heard, voices, 4, random)


def table(pairs: Sequence[Pair]) -> str:
    """Markdown: one row a kind, one in bold an aspect."""
    lines = ["| aspect | pairs | ordered right |", "|---|---|---|"]
    for aspect in dict.fromkeys(pair.aspect for pair in pairs):
        members = [pair for pair in pairs if pair.aspect == aspect]
        lines.append(_line(f"**{aspect}**", members))
        for kind in dict.fromkeys(pair.kind for pair in members):
            lines.append(_line(kind, [pair for pair in members if pair.kind == kind]))
    return "\n".join(lines)


def _line(name: str, pairs: Sequence[Pair]) -> str:
    right = np.mean([pair.better > pair.worse for pair in pairs])
    return f"| {name} | {len(pairs)} | {right:.1%} |"


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Every pair with both measures, as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("aspect", "kind", "better", "worse"))
        writer.writerows((p.aspect, p.kind, f"{p.better:.4f}", f"{p.worse:.4f}") for p in pairs)


def read_pairs(path: Path) -> list[Pair]:
    """What `write_pairs` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [Pair(r["aspect"], r["kind"], float(r["better"]), float(r["worse"])) for r in rows]


if __name__ == "__main__":
    main(sys.argv[1:])
