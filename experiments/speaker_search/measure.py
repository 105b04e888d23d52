"""How much of what is kept is the wanted speaker's, and how much of theirs is kept?

    python -m experiments.speaker_search.measure --seeds 3 4

Recordings of several real people are mixed, with and without noise 10 dB below the speech, and
divided and trimmed as `prepare` does it: by a sample of the wanted person that is in no recording,
by a sample from another programme, for whoever speaks most, by the name in a transcript alone, and
by that name and the voice of what is named. Clips that go to review count as kept. Three ways to
hear: CAM++ within the turns that pyannote's network finds, Resemblyzer within the same turns, and
Resemblyzer alone, the fallback.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from experiments.speaker_search.mixing import Mix, mix, shares, voice_of
from xttslab.commands import CONF
from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing.finishing import Recipe
from xttslab.data.preparing.folder import Record
from xttslab.data.preparing.recordings import plan_segments
from xttslab.data.preparing.speaker_search import SpeakerPiece, SpeakerSearch, mean_voice
from xttslab.data.preparing.speaker_turns import Turns, find_turns, plain_turns
from xttslab.data.preparing.spectrum import frame_power
from xttslab.data.preparing.timed_texts import TimedSegment, TimedText, TimedWord, timed_text
from xttslab.data.preparing.voice_activity import Span, speech_probability
from xttslab.data.preparing.voice_windows import VoiceWindows, embed_turns
from xttslab.data.preparing.wanted_speaker import named_voice, named_windows
from xttslab.data.speaker_encoders import ENCODERS, RATE

MIXES = (
    ("quiz", "ljspeech", "reader", "anna"),
    ("interview", "ljspeech", "reader", "anna"),
    ("quiz", "ljspeech"),
    ("interview", "reader"),
)
OTHER_PROGRAMME = {"quiz": "interview", "interview": "quiz"}  # the same man
WAYS = (("campplus", True), ("resemblyzer", True), ("resemblyzer", False))
_WORD = 0.4  # seconds of a word in the transcripts …
_SENTENCE = 8  # … and words of a sentence


@dataclass
class Material:
    """A mix, the speech in it, what is heard of it, and what decides."""

    mix: Mix
    detected: np.ndarray
    speech: list[Span]
    windows: VoiceWindows
    search: SpeakerSearch
    recipe: Recipe


def main() -> None:
    """Print a line for every mix, way and wanted person, then mean and least of each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3])
    parser.add_argument("--seconds", type=float, default=300.0)
    options = parser.parse_args()
    with initialize_config_dir(str(Path(CONF).resolve()), version_base=None):
        config = compose("prepare", overrides=["name=x"])
    recipe = instantiate(config.recipe)
    searches = {name: instantiate(limits) for name, limits in config.speaker_search.items()}
    results: dict[str, list[tuple[float, float]]] = {}
    for seed in options.seeds:
        for people in MIXES:
            for snr in (None, 10.0):
                made = mix(list(people), options.seconds, snr, seed)
                noise = "clean" if snr is None else f"{snr:.0f} dB"
                name = f"{seed} {'+'.join(people)} {noise}"
                for way, who, pure, kept in judge(made, recipe, searches):
                    results.setdefault(f"{way}, {noise}", []).append((pure, kept))
                    print(f"{name:40} {way:36} {who:10} {pure:6.1%} {kept:6.1%}", flush=True)
    for way, found in sorted(results.items()):
        least, mean = np.min(found, axis=0), np.mean(found, axis=0)
        print(
            f"{way:44} theirs {mean[0]:.1%} (least {least[0]:.1%}), kept {mean[1]:.1%} "
            f"(least {least[1]:.1%}), {len(found)} cases"
        )


def judge(
    made: Mix, recipe: Recipe, searches: dict[str, SpeakerSearch]
) -> Iterator[tuple[str, str, float, float]]:
    """(way, wanted person, share that is theirs, share of theirs that is kept)."""
    probability = speech_probability(made.samples)
    power = frame_power(made.samples, len(probability)).astype(np.float32)
    detected = np.stack([probability, power], axis=1)
    speech = recipe.speech.regions(probability)
    audio = soxr.resample(made.samples, SAMPLE_RATE, RATE, quality="HQ")
    turns = {True: find_turns(audio, speech), False: plain_turns(speech)}
    wanted = [who for who in made.speech if who != "anna"]
    for encoder, networked in WAYS:
        windows = embed_turns(audio, turns[networked], ENCODERS[encoder])
        heard = Material(made, detected, speech, windows, searches[encoder], recipe)
        label = f"{encoder}{'' if networked else ' alone'}"
        for who in wanted:
            yield f"{label}, by sample", who, *score(heard, who, sample(who, encoder, recipe))
            if who in OTHER_PROGRAMME:
                voice = sample(OTHER_PROGRAMME[who], encoder, recipe)
                yield f"{label}, other programme", who, *score(heard, who, voice)
        main_one = max(made.speech, key=lambda who: made.speech[who].sum())
        voice = heard.search.main_voice([windows])
        if voice is not None:
            yield f"{label}, main", main_one, *score(heard, main_one, voice)
        for who in made.speech:
            yield f"{label}, name and voice", who, *by_name(heard, who)
    for who in made.speech:
        named = divided(heard, transcript(made).keeping(who), None)
        yield "transcript, by name alone", who, *shares(made, who, named)[:2]


@lru_cache
def sample(who: str, encoder: str, recipe: Recipe) -> np.ndarray:
    """The voice of the person's last clip, which is in no mix."""
    clip = voice_of(who)[-1]
    speech = recipe.speech.regions(speech_probability(clip))
    audio = soxr.resample(clip, SAMPLE_RATE, RATE, quality="HQ")
    turns: Turns = plain_turns(speech)
    heard = embed_turns(audio, turns, ENCODERS[encoder])
    known = ~np.isnan(heard.voices).any(axis=1)
    return mean_voice(heard.voices[known], heard.seconds[known])


def score(heard: Material, who: str, voice: np.ndarray) -> tuple[float, float]:
    """Share of the kept speech that is theirs, and share of theirs that is kept."""
    pieces = heard.search.pieces(heard.windows, voice, heard.speech)
    return shares(heard.mix, who, divided(heard, None, pieces))[:2]


def by_name(heard: Material, who: str) -> tuple[float, float]:
    """The same where a transcript names the person, and the voice of what is named is heard."""
    timed = transcript(heard.mix).keeping(who)
    named = named_windows(heard.windows, timed.named())
    voice = named_voice(heard.search, heard.windows, named)
    pieces = None
    if voice is not None:
        pieces = heard.search.pieces(heard.windows, voice, heard.speech, named)
    return shares(heard.mix, who, divided(heard, timed, pieces))[:2]


def divided(
    heard: Material, timed: TimedText | None, pieces: list[SpeakerPiece] | None
) -> list[Span]:
    """The clips, from start to end, as `prepare` cuts and trims them."""
    blank = Record("x", "x", "", "", "")
    segments, _ = plan_segments(blank, heard.detected, heard.recipe, timed, pieces)
    found = []
    for one in segments:
        low, high = one.window
        samples = heard.mix.samples[round(low * SAMPLE_RATE) : round(high * SAMPLE_RATE)]
        bounds = heard.recipe.trimming.bounds(samples, one.regions)
        if bounds is not None:
            start, end = (low + place / SAMPLE_RATE for place in bounds)
            found.append((start, end))
    return found


def transcript(made: Mix) -> TimedText:
    """Who speaks when, as a service would tell it: words with times and speakers."""
    segments = []
    for turn in made.turns:
        edges = np.linspace(turn.start, turn.end, max(2, round((turn.end - turn.start) / _WORD)))
        texts = ["szó.", *["szó"] * (_SENTENCE - 2), "Szó"] * len(edges)  # from behind, …
        texts = texts[: len(edges) - 1][::-1]  # … so that a turn ends with a full stop
        words = tuple(
            TimedWord(text, float(a), float(b), turn.who)
            for text, a, b in zip(texts, edges[:-1], edges[1:], strict=True)
        )
        segments.append(TimedSegment(" ".join(texts), turn.start, turn.end, turn.who, words))
    return timed_text(Path("mix.json"), segments)


if __name__ == "__main__":
    main()
