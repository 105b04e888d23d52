"""LJ Speech (or demo) clips in, one folder that both trainers read out."""

from __future__ import annotations

import csv
import statistics
from itertools import cycle, islice
from pathlib import Path

import soundfile

ROOT = Path(__file__).resolve().parents[2]
LJ_SPEECH = ROOT.parent / "shared/data/ljspeech32"
DEMO = ROOT / "data/demo_milliomos"


def write_clips(out: Path, train: int, held_out: int) -> Path:
    """Write `train` + `held_out` clips with metadata.csv into `out`; those of middle length first.

    Where there are too few recordings, they return a tenth quieter: other bytes, so that no cache
    knows them.
    """
    sources = _recordings()
    seconds = {path: soundfile.info(path).duration for path, _ in sources}
    middle = statistics.median(seconds.values())
    sources.sort(key=lambda entry: abs(seconds[entry[0]] - middle))
    (out / "wavs").mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (path, text) in enumerate(islice(cycle(sources), train + held_out)):
        wave, rate = soundfile.read(path, dtype="float32")
        name = f"wavs/{number:03d}.wav"
        soundfile.write(out / name, wave * 0.9 ** (number // len(sources)), rate)
        split = "train" if number < train else "eval"
        rows.append([name, _letters(text), "speaker", "neutral", "en", split])
    with (out / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="|", quoting=csv.QUOTE_NONE)
        writer.writerow(["audio_file", "text", "speaker_name", "category", "language", "split"])
        writer.writerows(rows)
    return out


def read_rows(folder: Path) -> list[dict[str, str]]:
    """The rows of a folder that `write_clips` made."""
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="|", quoting=csv.QUOTE_NONE))


def _letters(text: str) -> str:
    """What every vocabulary has, so that both trainers read the same tokens."""
    return " ".join("".join(c if c.isalpha() else " " for c in text.lower()).split())


def _recordings() -> list[tuple[Path, str]]:
    if (LJ_SPEECH / "transcripts.psv").is_file():
        lines = (LJ_SPEECH / "transcripts.psv").read_text(encoding="utf-8").splitlines()[1:]
        parts = [line.split("|") for line in lines]
        return [(LJ_SPEECH / name, text) for name, text, _ in parts]
    if (DEMO / "metadata.csv").is_file():
        return [(DEMO / row["audio_file"], row["text"]) for row in read_rows(DEMO)]
    raise SystemExit("no clips: run `python -m xttslab.prepare dataset=demo_milliomos` first")
