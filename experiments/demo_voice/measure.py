"""The demo recordings in, a Markdown table of each category's medians out.

python -m experiments.demo_voice.measure
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import soundfile as sf

from experiments.demo_voice.delivery import SETS, pitch_track
from experiments.demo_voice.speak import ASSETS, HERE, Take, read_scores

_HEADER = (
    "| set | category | clips | s a clip | pitch, Hz | range, semitones | characters/s "
    "| level, dBFS | CER, mean | CER, worst |\n|---|---|---|---|---|---|---|---|---|---|"
)


def clip_values(name: str, take: Take) -> tuple[float, float, float, float, float, float]:
    """Seconds, median pitch (Hz), 10–90 % pitch range (semitones), pace (letters and spaces a
    second), RMS (dBFS) and CER of one clip."""
    audio, rate = sf.read(ASSETS / f"demo_{name}" / take.audio_file, dtype="float32")
    track = pitch_track(audio, rate)
    low, high = np.percentile(track, (10, 90))
    seconds = len(audio) / rate
    level = 10 * np.log10(np.mean(audio**2))
    pace = len(take.text) / seconds
    return seconds, float(np.median(track)), 12 * np.log2(high / low), pace, level, take.cer


def main() -> None:
    print(_HEADER)
    for name in SETS:
        values = defaultdict(list)
        for take in read_scores(HERE / f"scores_{name}.csv").values():
            values[take.category].append(clip_values(name, take))
        for category in sorted(values):
            rows = np.array(values[category])
            seconds, pitch, spread, pace, level, _ = np.median(rows, axis=0)
            mean, worst = rows[:, 5].mean(), rows[:, 5].max()
            print(
                f"| {name} | {category} | {len(rows)} | {seconds:.1f} | {pitch:.0f} | {spread:.1f} "
                f"| {pace:.1f} | {level:.1f} | {mean:.2f} | {worst:.2f} |"
            )


if __name__ == "__main__":
    main()
