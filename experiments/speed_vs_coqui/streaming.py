"""How soon Coqui's `inference_stream` and our `voice.stream` sound, at XTTS-v2's size.

    python -m experiments.speed_vs_coqui.streaming [--size full] [--codes 100] [--rounds 3]

Random weights never choose to stop, so both speak the same number of codes of the same text. The
sides take turns in one process, on the same threads, Coqui's with its default chunks of 20 codes.
`--processor --threads 1` leaves out what other processes took of the machine.
Prints one line of JSON: median seconds to the first sound and to the end of each, those of ours not
streamed, and their ratios.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median

import torch
from TTS.tts.models.xtts import Xtts

from experiments.speed_vs_coqui.speaking import SMALLER, like_coqui, load_coqui, write_random
from xttslab.speaking.loading import load_export
from xttslab.speaking.speaker import Speaker

_WARMING = 24  # codes of what is spoken once before: one chunk of Coqui's
TEXT = "Nagyszerű teljesítmény volt ez a mai estén."


def theirs(model: Xtts) -> Iterable[object]:
    stored = model.speaker_manager.speakers["neutral"]
    voice = (stored["gpt_cond_latent"], stored["speaker_embedding"])
    return model.inference_stream(TEXT, "hu", *voice, temperature=0.75)


def streamed(speaker: Speaker) -> Iterable[object]:
    return speaker.stream(TEXT, settings=like_coqui())


def whole(speaker: Speaker) -> Iterable[object]:
    yield speaker.say(TEXT, settings=like_coqui())


def timed(speak: Callable[[], Iterable[object]], clock: Callable[[], float]) -> tuple[float, ...]:
    """Seconds to the first chunk and to the end, and the number of chunks."""
    begun = clock()
    at = [clock() - begun for _ in speak()]
    return at[0], at[-1], len(at)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SMALLER, default="full")
    parser.add_argument("--codes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processor", action="store_true", help="seconds of this process alone")
    parser.add_argument("--voice", type=Path, help="export to speak with; made where it is missing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.voice or Path(place) / "voice"
        if not folder.exists():
            write_random(folder, options.size)
        if not options.rounds:
            return
        model, speaker = load_coqui(folder), load_export(folder)
    torch.set_num_threads(options.threads)  # Coqui's modules set it to 1

    def limit(codes: int) -> None:
        model.gpt.max_gen_mel_tokens = speaker.voice.gpt.max_gen_mel_tokens = codes
        speaker.voice.likely = lambda tokens: codes

    sides = {
        "coqui": partial(theirs, model),
        "ours": partial(streamed, speaker),
        "ours_whole": partial(whole, speaker),
    }
    clock = time.process_time if options.processor else time.perf_counter
    limit(_WARMING)
    for speak in sides.values():
        timed(speak, clock)
    limit(options.codes)
    rounds = [
        {name: timed(speak, clock) for name, speak in sides.items()} for _ in range(options.rounds)
    ]
    first, end = (
        {name: median(one[name][place] for one in rounds) for name in sides} for place in (0, 1)
    )
    found = {
        "size": options.size,
        "codes": options.codes,
        "first_s": {name: round(first[name], 3) for name in ("coqui", "ours")},
        "whole_s": {name: round(seconds, 2) for name, seconds in end.items()},
        "chunks": {name: rounds[0][name][2] for name in sides},
        "first_ratio": round(first["ours"] / first["coqui"], 3),
        "streamed_to_whole": round(end["ours"] / end["ours_whole"], 3),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
