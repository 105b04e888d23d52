"""The demo sentences in, Opus clips, metadata and a score of each clip out.

    python -m experiments.demo_voice.speak

Every clip is heard by a recogniser; one that is not understood is spoken again a little slower or
faster, and the clearest take stays. Clips whose text has a score already are left alone, so after
rewording a sentence the same command speaks only that one; `--draft` speaks without hearing, and
the next run hears what is there first.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import soundfile as sf

from experiments.demo_voice.delivery import SETS, Delivery, deliver
from experiments.teacher.phonemes import HungarianPhonemes
from experiments.teacher.recognition import Recogniser, character_error_rate
from experiments.teacher.synthesis import SAMPLE_RATE, Kokoro, trim

HERE = Path(__file__).parent
ASSETS = HERE.parents[1] / "xttslab" / "assets" / "demo"
SPEAKER = "demo"
CLEAR = 0.15
TAKES = (1.0, 0.93, 1.05)
OPUS_LEVEL = 0.77  # 0 (256 kbit/s) to 1 (6): about 66 kbit/s


@dataclass(frozen=True)
class Take:
    """One row of scores.csv: a clip, how it was spoken in the end, and how it was heard."""

    audio_file: str
    category: str
    text: str
    speed: float
    seconds: float
    cer: float
    heard: str


class Studio:
    """The engines, loaded once."""

    def __init__(self, threads: int) -> None:
        self._phonemes = HungarianPhonemes()
        self._kokoro = Kokoro(threads)
        self._recogniser = Recogniser(threads=threads)

    def speak(self, text: str, delivery: Delivery) -> np.ndarray:
        """(n,) float32 samples at SAMPLE_RATE."""
        plain = self._kokoro.speak(self._phonemes(text), delivery.voice, delivery.speed)
        return deliver(trim(plain), SAMPLE_RATE, delivery)

    def hear(self, name: str, category: str, text: str, speed: float, audio: np.ndarray) -> Take:
        """Score one take."""
        heard = self._recogniser.transcribe(audio, SAMPLE_RATE)
        cer = round(character_error_rate(text, heard), 3)
        return Take(name, category, text, speed, round(len(audio) / SAMPLE_RATE, 2), cer, heard)

    def best_take(
        self, path: Path, category: str, text: str, delivery: Delivery, draft: np.ndarray | None
    ) -> Take:
        """Speak up to len(TAKES) times, stop at the first clear one, keep the clearest at `path`.

        A `draft` is what lies at `path` and counts as the first take.
        """
        best: Take | None = None
        for pace in TAKES:
            way = replace(delivery, speed=round(delivery.speed * pace, 3))
            old = best is None and draft is not None
            audio = draft if old else self.speak(text, way)
            take = self.hear(path.name, category, text, way.speed, audio)
            if best is None or take.cer < best.cer:
                best = take
                if not old:
                    write_clip(path, audio)
            if take.cer <= CLEAR:
                break
        assert best is not None
        return best


def write_clip(path: Path, audio: np.ndarray) -> None:
    """Encode (n,) float samples at SAMPLE_RATE as Opus."""
    sf.write(path, audio, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL)


def read_sentences(path: Path) -> list[tuple[str, str, str]]:
    """Rows `category|text` → (audio file, category, text), numbered within the category."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="|"))
    number: Counter[str] = Counter()
    named = []
    for row in rows:
        number[row["category"]] += 1
        name = f"{path.stem}_{row['category']}_{number[row['category']]:03d}.ogg"
        named.append((name, row["category"], row["text"]))
    return named


def read_scores(path: Path) -> dict[str, Take]:
    """The takes of an earlier run by audio file; none when there was no run."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["audio_file"]: Take(
            row["audio_file"],
            row["category"],
            row["text"],
            float(row["speed"]),
            float(row["seconds"]),
            float(row["cer"]),
            row["heard"],
        )
        for row in rows
    }


def speak_set(studio: Studio, name: str) -> list[Take]:
    """Speak what is missing of one set; its audio, metadata.csv and scores are kept up to date."""
    folder, scores = ASSETS / f"demo_{name}", HERE / f"scores_{name}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    known = read_scores(scores)
    sentences = read_sentences(HERE / f"{name}.psv")
    for number, (audio_file, category, text) in enumerate(sentences, 1):
        path, take = folder / audio_file, known.get(audio_file)
        if take and take.text == text and path.is_file():
            continue
        # With a score of another text the clip is out of date; without any it is a draft.
        draft = sf.read(path, dtype="float32")[0] if not take and path.is_file() else None
        take = studio.best_take(path, category, text, SETS[name][category], draft)
        known[audio_file] = take
        _write_scores(scores, list(known.values()))
        print(f"{number}/{len(sentences)} {take.cer:.2f} {text} → {take.heard}", flush=True)
    takes = [known[audio_file] for audio_file, _, _ in sentences]
    _write_scores(scores, takes)
    return takes


def draft_set(studio: Studio, name: str) -> None:
    """Speak every missing clip once, unheard, and write metadata.csv."""
    folder = ASSETS / f"demo_{name}"
    folder.mkdir(parents=True, exist_ok=True)
    sentences = read_sentences(HERE / f"{name}.psv")
    for audio_file, category, text in sentences:
        if not (folder / audio_file).is_file():
            write_clip(folder / audio_file, studio.speak(text, SETS[name][category]))
    _write_metadata(folder / "metadata.csv", sentences)


def _write_scores(path: Path, takes: list[Take]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, Take.__dataclass_fields__, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(take) for take in takes)


def _write_metadata(path: Path, sentences: list[tuple[str, str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="|", lineterminator="\n")
        writer.writerow(("audio_file", "text", "speaker_name", "category"))
        writer.writerows((name, text, SPEAKER, category) for name, category, text in sentences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SETS, help="one set alone")
    parser.add_argument("--draft", action="store_true", help="speak without hearing")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    studio = Studio(options.threads)
    for name in [options.only] if options.only else SETS:
        draft_set(studio, name)
        if options.draft:
            continue
        takes = speak_set(studio, name)
        seconds = sum(take.seconds for take in takes)
        mean = np.mean([take.cer for take in takes])
        print(f"{name}: {len(takes)} clips, {seconds / 60:.1f} min, mean CER {mean:.3f}")


if __name__ == "__main__":
    main()
