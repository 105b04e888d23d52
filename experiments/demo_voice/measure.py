"""The demo recordings in, a Markdown table of each category's medians out.

python -m experiments.demo_voice.measure
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile as sf

from experiments.demo_voice.delivery import SETS, pitch_track
from experiments.demo_voice.speak import ASSETS, HERE, read_scores, read_sentences

_HEADER = (
    "| set | category | clips | s a clip | pitch, Hz | range, semitones | characters/s "
    "| level, dBFS | CER, mean | CER, worst |\n|---|---|---|---|---|---|---|---|---|---|"
)


def clip_values(path: Path, text: str) -> tuple[float, float, float, float, float]:
    """Seconds, median pitch (Hz), 10–90 % pitch range (semitones), pace (letters and spaces a
    second) and RMS (dBFS) of one clip."""
    audio, rate = sf.read(path, dtype="float32")
    track = pitch_track(audio, rate)
    low, high = np.percentile(track, (10, 90))
    seconds = len(audio) / rate
    level = 10 * np.log10(np.mean(audio**2))
    spread = 12 * np.log2(high / low)
    return seconds, float(np.median(track)), float(spread), len(text) / seconds, float(level)


def main() -> None:
    print(_HEADER)
    for name in SETS:
        scores = read_scores(HERE / f"scores_{name}.csv")
        values, rates = defaultdict(list), defaultdict(list)
        for audio_file, category, text in read_sentences(HERE / f"{name}.psv"):
            values[category].append(clip_values(ASSETS / f"demo_{name}" / audio_file, text))
            take = scores.get(audio_file)
            rates[category] += [take.cer] if take else []
        for category in sorted(values):
            seconds, pitch, spread, pace, level = np.median(values[category], axis=0)
            heard = rates[category] or [np.nan]
            print(
                f"| {name} | {category} | {len(values[category])} | {seconds:.1f} | {pitch:.0f} "
                f"| {spread:.1f} | {pace:.1f} | {level:.1f} | {np.mean(heard):.2f} "
                f"| {np.max(heard):.2f} |"
            )


if __name__ == "__main__":
    main()
