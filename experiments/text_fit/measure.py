"""Are texts found that are shorter or longer than what is said, and how many right ones are blamed?

    python -m experiments.text_fit.measure [--sets ljspeech32 quiz …] [--no-start] [--recogniser]

In turn, a fifth of a set's clips gets the first 50 to 90 % of its text (by letters, at a word, one
word less at least), or keeps the first 50 to 90 % of its sound, from the first word on; the others
are as they were. Printed for each set and kind: the planted clips that are found, and the clips as
they were that are pointed at. `--no-start` leaves the packaged start out, which the demo voice made
and is not judged by. `--recogniser` lets the configured recogniser hear every clip (and the sounds
that were cut to 80 %). `--nats` tries other limits than that of conf/prepare.yaml.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from experiments.text_fit.make_phones import sounds
from experiments.timed_cuts.material import sets
from xttslab.commands import CONF
from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing import phones
from xttslab.data.preparing.finishing import Recipe, Unusable
from xttslab.data.preparing.text_coverage import (
    ENDS_EARLY,
    GOES_ON,
    SpokenText,
    TextCoverage,
)
from xttslab.data.speaker_encoders import RATE

SHARES = (0.9, 0.8, 0.7, 0.6, 0.5)
HEARD_SHARES = (1.0, 0.8)
FOLDS = 5


@dataclass(frozen=True)
class Clip:
    """A clip's text, and the frames and what is heard of the first part of its sound, by share."""

    text: str
    language: str
    sound: dict[float, np.ndarray]
    heard: dict[float, str]

    def spoken(self, text_share: float, sound_share: float) -> SpokenText:
        """The clip with so much of its text and its sound."""
        text = cut_text(self.text, text_share)
        return SpokenText(text, self.language, self.sound[sound_share], self.heard.get(sound_share))


def main() -> None:
    """Print a line for every set and limit, and one for all sets together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--no-start", action="store_true")
    parser.add_argument("--recogniser", action="store_true")
    parser.add_argument("--nats", type=float, nargs="*", help="limits to try")
    parser.add_argument(
        "--every", type=int, default=1, help="of the demo sets, one clip in so many"
    )
    parser.add_argument("--memory", type=Path, help="JSON file of what was heard before")
    parser.add_argument("--show", action="store_true", help="print the clips that are blamed")
    options = parser.parse_args()
    if options.no_start:
        phones.START = Path("none")
    with initialize_config_dir(str(Path(CONF).resolve()), version_base=None):
        config = compose("prepare", overrides=["name=x", "transcripts.model=packaged"])
    recipe = instantiate(config.recipe, encoder=None)
    rules = instantiate(config.checks, _convert_="all").text_coverage
    limits = options.nats or [rules.nats]
    sums: list[np.ndarray] = []
    for name, clips in sets().items():
        if options.sets and name not in options.sets:
            continue
        step = options.every if name.startswith("demo") else 1
        language = "en" if name.startswith("ljspeech") else "hu"
        recogniser = instantiate(config.transcripts, language=language)
        memory = Memory(options.memory, name, recogniser if options.recogniser else None)
        rows = list(enumerate(clips))[::step]
        known = [c for i, (x, t) in rows if (c := clip(x, t, language, recipe, memory, i))]
        counts = np.array([planted(known, rules, limits, kind) for kind in kinds()])
        sums.append(counts)
        report(name, limits, counts)
        if options.show:
            show(known, rules)
    report("all", limits, np.sum(sums, axis=0))


class Memory:
    """What the recogniser heard of a set's clips, kept in a file."""

    def __init__(self, path: Path | None, name: str, recogniser: object) -> None:
        self.path, self.name, self.recogniser = path, name, recogniser
        self.texts = json.loads(path.read_text("utf-8")) if path and path.is_file() else {}

    def heard(self, row: int, share: float, samples: np.ndarray) -> str:
        """The text of the first `share` of clip `row`, (n,) samples."""
        key = f"{self.name}/{row}/{share:g}"
        if key not in self.texts:
            audio = soxr.resample(samples, SAMPLE_RATE, RATE)
            self.texts[key] = self.recogniser.transcribe([audio])[0].text  # type: ignore[attr-defined]
            if self.path:
                self.path.write_text(json.dumps(self.texts, ensure_ascii=False), "utf-8")
        return self.texts[key]


def clip(
    samples: np.ndarray, text: str, language: str, recipe: Recipe, memory: Memory, row: int
) -> Clip | None:
    """Measure a clip and its first parts as `prepare` does; None for one that it refuses."""
    try:
        samples = recipe.finish(recipe.passage(samples.astype(np.float32))).samples
    except Unusable:
        return None
    parts = {share: samples[: round(share * len(samples))] for share in (1.0, *SHARES)}
    found = dict(zip(parts, sounds(list(parts.values()), recipe), strict=True))
    heard = {}
    if memory.recogniser is not None:
        heard = {share: memory.heard(row, share, parts[share]) for share in HEARD_SHARES}
    return Clip(text, language, found, heard)


def cut_text(text: str, share: float) -> str:
    """The words that are nearest to the first `share` of the letters; one less at least."""
    words = text.split()
    ends = np.cumsum([len(word) for word in words])
    last = 1 + int(np.argmin(np.abs(ends / ends[-1] - share)))
    return " ".join(words[: last if share == 1 else min(last, len(words) - 1)])


def kinds() -> Iterator[tuple[float, float]]:
    """Shares of text and of sound."""
    for share in SHARES:
        yield share, 1.0
        yield 1.0, share


def planted(
    clips: Sequence[Clip], rules: TextCoverage, limits: Sequence[float], kind: tuple[float, float]
) -> np.ndarray:
    """Found and planted clips, blamed and untouched ones, by limit; (limits, 4)."""
    text, sound = kind
    wanted = ENDS_EARLY if text < 1 else GOES_ON
    counts = np.zeros((len(limits), 4))
    if clips[0].heard and sound not in clips[0].heard:
        return counts
    able = [row for row, one in enumerate(clips) if text == 1 or len(one.text.split()) > 1]
    for fold in range(FOLDS):
        chosen = set(able[fold::FOLDS])
        spoken = [
            one.spoken(text, sound) if row in chosen else one.spoken(1.0, 1.0)
            for row, one in enumerate(clips)
        ]
        parts = dict(rules.parts(spoken))
        for place, limit in enumerate(limits):
            found = {row: part.kind for row, part in parts.items() if part.nats > limit}
            hits = sum(row in chosen and kind == wanted for row, kind in found.items())
            blamed = sum(row not in chosen for row in found)
            counts[place] += hits, len(chosen), blamed, len(clips) - len(chosen)
    return counts


def show(clips: Sequence[Clip], rules: TextCoverage) -> None:
    """Print the clips as they are that are pointed at."""
    for row, kind, value in rules.misfits([one.spoken(1.0, 1.0) for one in clips]):
        print(f"   {kind}: {value}\n      {clips[row].text}\n      {clips[row].heard.get(1.0, '')}")


def report(name: str, limits: Sequence[float], counts: np.ndarray) -> None:
    """Shares found by what was cut and to how much, and the share of false alarms."""
    for place, limit in enumerate(limits):
        parts = []
        for what in ("text", "sound"):
            rows = [
                f"{hits / chosen:.0%}"
                for (text, _), (hits, chosen, *_) in zip(kinds(), counts[:, place], strict=True)
                if (text < 1) == (what == "text") and chosen
            ]
            parts.append(f"{what} {' '.join(rows)}")
        blamed, untouched = counts[:, place, 2].sum(), counts[:, place, 3].sum()
        alarms = f"false alarms {blamed / max(untouched, 1):.1%}"
        print(f"{name:15} {limit:4.0f} nats: {', '.join(parts)}; {alarms}", flush=True)


if __name__ == "__main__":
    main()
