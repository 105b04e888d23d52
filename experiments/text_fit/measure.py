"""Are texts found that are shorter or longer than what is said, and how many right ones are blamed?

    python -m experiments.text_fit.measure [--sets ljspeech32 quiz …] [--recogniser] [--every 2]

In turn, a fifth of a set's clips gets the first 50 to 90 % of its text (by letters, at a word), or
keeps the first 50 to 90 % of its sound; the others are as they were. Printed for each set and kind:
the planted clips that are found, and the clips as they were that are pointed at. `--recogniser`
lets the configured recogniser hear every clip (and every sound that was cut).
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

from experiments.timed_cuts.material import sets
from xttslab.commands import CONF
from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing.finishing import VOICE_RATE, Recipe, Unusable
from xttslab.data.preparing.text_lengths import ENDS_EARLY, GOES_ON, SpokenText, TextLengths

SHARES = (0.9, 0.8, 0.7, 0.6, 0.5)
FOLDS = 5


@dataclass(frozen=True)
class Clip:
    """A clip's text, and what is measured and heard of the first part of its sound, by share."""

    text: str
    language: str
    measures: dict[float, dict[str, float]]
    heard: dict[float, str]

    def spoken(self, text_share: float, sound_share: float) -> SpokenText:
        """The clip with so much of its text and its sound."""
        heard = self.heard.get(sound_share)
        text = cut_text(self.text, text_share)
        return SpokenText(text, self.language, "x", self.measures[sound_share], heard)


def main() -> None:
    """Print a line for every set, and one for all together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--recogniser", action="store_true")
    parser.add_argument(
        "--every", type=int, default=1, help="of the demo sets, one clip in so many"
    )
    parser.add_argument("--memory", type=Path, help="JSON file of what was heard before")
    options = parser.parse_args()
    with initialize_config_dir(str(Path(CONF).resolve()), version_base=None):
        overrides = ["name=x", "check_speakers=false", "transcripts.model=packaged"]
        config = compose("prepare", overrides=overrides)
    recipe = instantiate(config.recipe, voices=None)
    rules = instantiate(config.checks, _convert_="all").text_lengths
    recogniser = instantiate(config.transcripts) if options.recogniser else None
    sums: list[np.ndarray] = []
    for name, clips in sets().items():
        if options.sets and name not in options.sets:
            continue
        step = options.every if name.startswith("demo") else 1
        language = "en" if name.startswith("ljspeech") else "hu"
        memory = Memory(options.memory, name, recogniser)
        rows = list(enumerate(clips))[::step]
        known = [c for i, (x, t) in rows if (c := clip(x, t, language, recipe, memory, i))]
        counts = np.array([list(planted(known, rules, *kind)) for kind in kinds()]).sum(axis=1)
        sums.append(counts)
        report(name, counts)
    report("all", np.sum(sums, axis=0))


class Memory:
    """What the recogniser heard of a set's clips, kept in a file."""

    def __init__(self, path: Path | None, name: str, recogniser: object) -> None:
        self.path, self.name, self.recogniser = path, name, recogniser
        self.texts = json.loads(path.read_text("utf-8")) if path and path.is_file() else {}

    def heard(self, row: int, share: float, samples: np.ndarray) -> str:
        """The text of the first `share` of clip `row`, (n,) samples."""
        key = f"{self.name}/{row}/{share:g}"
        if key not in self.texts:
            audio = soxr.resample(samples, SAMPLE_RATE, VOICE_RATE)
            self.texts[key] = self.recogniser.transcribe([audio])[0].text  # type: ignore[attr-defined]
            if self.path:
                self.path.write_text(json.dumps(self.texts, ensure_ascii=False), "utf-8")
        return self.texts[key]


def clip(
    samples: np.ndarray, text: str, language: str, recipe: Recipe, memory: Memory, row: int
) -> Clip | None:
    """Measure a clip and its first parts as `prepare` does; None for one that it refuses."""
    measures, heard = {}, {}
    for share in (1.0, *SHARES):
        part = samples[: round(share * len(samples))].astype(np.float32)
        try:
            measures[share] = recipe.finish(recipe.passage(part)).measures
        except Unusable:
            return None
        if memory.recogniser is not None and share in (1.0, 0.8, 0.6):
            heard[share] = memory.heard(row, share, part)
    return Clip(text, language, measures, heard)


def cut_text(text: str, share: float) -> str:
    """The words that are nearest to the first `share` of the letters."""
    words = text.split()
    ends = np.cumsum([len(word) for word in words])
    return " ".join(words[: 1 + int(np.argmin(np.abs(ends / ends[-1] - share)))])


def kinds() -> Iterator[tuple[float, float]]:
    """Shares of text and of sound."""
    for share in SHARES:
        yield share, 1.0
        yield 1.0, share


def planted(
    clips: Sequence[Clip], rules: TextLengths, text: float, sound: float
) -> Iterator[tuple[int, int, int, int]]:
    """Found and planted clips, blamed and untouched ones, for each fifth."""
    wanted = ENDS_EARLY if text < 1 else GOES_ON
    for fold in range(FOLDS):
        chosen = {row for row in range(len(clips)) if row % FOLDS == fold}
        heard = not clips[0].heard or sound in clips[0].heard
        if not heard:
            yield 0, 0, 0, 0
            continue
        spoken = [
            c.spoken(text, sound) if row in chosen else c.spoken(1.0, 1.0)
            for row, c in enumerate(clips)
        ]
        found = rules.misfits(spoken)
        hits = {one.row for one in found if one.row in chosen and one.kind == wanted}
        blamed = {one.row for one in found if one.row not in chosen}
        yield len(hits), len(chosen), len(blamed), len(clips) - len(chosen)


def report(name: str, counts: np.ndarray) -> None:
    """Shares found by what was cut and to how much, and the share of false alarms."""
    parts = []
    for (text, sound), (hits, chosen, _, _) in zip(kinds(), counts, strict=True):
        if chosen:
            parts.append(
                f"{'text' if text < 1 else 'sound'} {min(text, sound):.0%}: {hits / chosen:.0%}"
            )
    blamed, untouched = counts[:, 2].sum(), counts[:, 3].sum()
    print(
        f"{name:15} {', '.join(parts)}; false alarms {blamed / max(untouched, 1):.1%}", flush=True
    )


if __name__ == "__main__":
    main()
