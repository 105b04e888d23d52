"""How near do cuts by a transcript come to the true ends of sentences, and whose is the text?

    python -m experiments.timed_cuts.measure [--sets demo_milliomos ljspeech32 …] [--recogniser]

Sentences are joined to long recordings with pauses from 0.08 to 1.2 s; their transcripts give
times of words exactly, off by up to 0.15 s, of segments of several sentences, or of subtitles.
Printed for each: the share of true starts and ends that a clip begins and ends within 120 ms of,
and the clips that hold less or more than their text. `--recogniser` lets Whisper hear every clip
and asks whether its own text is the nearest of all.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import soxr
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from experiments.timed_cuts.material import (
    Show,
    as_subtitles,
    by_segments,
    by_words,
    make_show,
    sets,
)
from xttslab.commands import CONF
from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing.finishing import Recipe
from xttslab.data.preparing.folder import Record
from xttslab.data.preparing.phones import SOUND_HZ, sound_frames
from xttslab.data.preparing.recordings import plan_segments
from xttslab.data.preparing.segment_times import aligned_words
from xttslab.data.preparing.spectrum import frame_power
from xttslab.data.preparing.text_coverage import SpokenText, TextCoverage
from xttslab.data.preparing.timed_texts import TimedSegment, timed_text
from xttslab.data.preparing.transcripts import difference
from xttslab.data.preparing.voice_activity import speech_probability
from xttslab.data.speaker_encoders import RATE

NEAR = 0.12  # seconds
Cut = tuple[float, float, str]  # a clip's first and last moment of speech, and its text
KINDS = {
    "words, exact": lambda show: by_words(show, 0.0),
    "words, ±0.15 s": lambda show: by_words(show, 0.15),
    "segments, ±0.1 s": lambda show: by_segments(show, 0.1),
    "subtitles, ±0.1 s": lambda show: as_subtitles(show, 0.1),
}


def main() -> None:
    """Print a line for every set and kind of transcript."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--noise", type=float, default=-50.0, help="dB relative to the speech")
    parser.add_argument("--kinds", nargs="*", help="beginnings of the kinds of transcript")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recogniser", action="store_true")
    parser.add_argument("--worst", type=int, default=0, help="print so many of the worst ends")
    options = parser.parse_args()
    with initialize_config_dir(str(Path(CONF).resolve()), version_base=None):
        config = compose(
            "prepare", overrides=["name=x", "check_speakers=false", "transcripts.model=packaged"]
        )
    recipe = instantiate(config.recipe, encoder=None)
    rules = instantiate(config.checks, _convert_="all").text_coverage
    for name, clips in sets().items():
        if options.sets and name not in options.sets:
            continue
        language = "en" if name.startswith("ljspeech") else "hu"
        recogniser = instantiate(config.transcripts, language=language)
        show = make_show(clips, options.seed, noise_db=options.noise)
        probability = speech_probability(show.samples)
        power = frame_power(show.samples, len(probability)).astype(np.float32)
        detected = np.stack([probability, power], axis=1)
        sound = sound_frames(show.samples, SAMPLE_RATE, probability >= 0.5)
        for kind, transcript in KINDS.items():
            if options.kinds and not kind.startswith(tuple(options.kinds)):
                continue
            found = cut(show, detected, transcript(show), recipe, language)
            doubts = review(show, found, sound, rules, language)
            print(f"{name:15} {kind:18} {judge(show, found, options.worst)}, {doubts}", flush=True)
            if options.recogniser:
                print(f"{'':34} {heard(show, found, recogniser, language)}", flush=True)


def cut(
    show: Show,
    detected: np.ndarray,
    utterances: Sequence[TimedSegment],
    recipe: Recipe,
    language: str = "hu",
) -> list[Cut]:
    """The clips, trimmed as `prepare` does but without the silence that it keeps around."""
    trimming = replace(recipe.trimming, margin_s=0.0)
    blank = Record("x", "x", "", "", "")
    timed = timed_text(Path("x.json"), utterances)
    if not timed.exact:
        sound = sound_frames(show.samples, SAMPLE_RATE, detected[:, 0] >= 0.5)
        timed = aligned_words(timed, language, sound)
        if timed.misfit:
            print(f"   {timed.misfit}")
    segments, _ = plan_segments(blank, detected, recipe, timed)
    found = []
    for one in segments:
        low, high = one.window
        samples = show.samples[round(low * SAMPLE_RATE) : round(high * SAMPLE_RATE)]
        bounds = trimming.bounds(samples, one.regions)
        if bounds is not None:
            start, end = (low + place / SAMPLE_RATE for place in bounds)
            found.append((start, end, one.blank.text))
    return found


def judge(show: Show, found: Sequence[Cut], worst: int) -> str:
    """How many true ends were met, and how many clips hold other words than their text says."""
    starts, ends = (np.array([row[side] for row in found]) for side in (0, 1))
    true = np.array([(one.start, one.end) for one in show.said])
    off = np.stack([_nearest(starts, true[:, 0]), _nearest(ends, true[:, 1])])
    counted = np.ones_like(off, bool)
    for place in range(len(true) - 1):  # short sentences share a clip: no end is between them
        shared = any(a < true[place, 1] - 0.3 and b > true[place + 1, 0] + 0.3 for a, b, _ in found)
        counted[1, place] = counted[0, place + 1] = not shared
    wrong = [clip for clip in found if not _holds_its_text(show, clip)]
    for place in np.argsort(-np.max(off * counted, axis=0))[:worst]:
        one = show.said[place]
        errors = f"{off[0, place]:.2f} {off[1, place]:.2f}"
        print(f"   {errors} at {one.start:.2f}-{one.end:.2f}: {one.text}")
    for start, end, text in wrong[:worst]:
        print(f"   not its text: {start:.2f}-{end:.2f} {text}")
    met = off <= NEAR
    return (
        f"{np.mean(met[0][counted[0]]):6.1%} of {counted[0].sum()} starts, "
        f"{np.mean(met[1][counted[1]]):6.1%} of {counted[1].sum()} ends within "
        f"{NEAR * 1000:.0f} ms; {len(wrong)} of {len(found)} clips not their text"
    )


def review(
    show: Show, found: Sequence[Cut], sound: np.ndarray, rules: TextCoverage, language: str
) -> str:
    """How many clips hold something of another sentence, and how many of these are not pointed at
    by the check of texts against sound."""
    spoken = [
        SpokenText(text, language, sound[int(a * SOUND_HZ) : int(b * SOUND_HZ) + 1])
        for a, b, text in found
    ]
    doubted = {one.row for one in rules.misfits(spoken)}
    strange = {row for row, clip in enumerate(found) if _holds_another(show, clip)}
    kept = f"{len(strange - doubted)} of them kept without a doubt"
    return f"{len(strange)} with another's, {kept}; {len(doubted)} to review"


def _nearest(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    return np.abs(found[None, :] - true[:, None]).min(axis=1)


def _holds_its_text(show: Show, clip: Cut) -> bool:
    """Whether the sentences of a clip's text are wholly in it, and nothing of any other; of a
    sentence that is too long for a clip, a part may be in it alone."""
    low, high, text = clip
    for one in show.said:
        inside = min(high, one.end) - max(low, one.start)
        if one.text in text:
            if inside < one.end - one.start - 0.25:
                return False
        elif text in one.text:
            if inside < high - low - 0.25:
                return False
        elif inside > 0.2 and not _shares(text, one.text):
            return False
    return True


def _holds_another(show: Show, clip: Cut) -> bool:
    """Whether a clip holds a quarter of a second of a sentence of which its text has nothing, or
    its text a sentence of which it holds nothing."""
    low, high, text = clip
    for one in show.said:
        inside = min(high, one.end) - max(low, one.start)
        theirs = one.text in text or text in one.text or _shares(text, one.text)
        if (inside > 0.25 and not theirs) or (one.text in text and inside < 0.25):
            return True
    return False


def _shares(text: str, sentence: str) -> bool:
    """Whether a clip's text holds the end or the beginning of a long sentence."""
    words, said = text.split(), sentence.split()
    return any(words[-n:] == said[:n] or words[:n] == said[-n:] for n in range(2, len(said)))


def heard(show: Show, found: Sequence[Cut], recogniser: object, language: str) -> str:
    """Whether the own text of each clip is the nearest of all to what a recogniser hears."""
    audios = [
        soxr.resample(show.samples[int(a * SAMPLE_RATE) : int(b * SAMPLE_RATE)], SAMPLE_RATE, RATE)
        for a, b, _ in found
    ]
    texts = [one.text for one in recogniser.transcribe(audios)]
    strangers = []
    for said, (_, _, own) in zip(texts, found, strict=True):
        apart = {text: difference(text, said, language) for _, _, text in found}
        if min(apart, key=lambda text: apart[text]) != own:
            strangers.append((own, said))
    for own, said in strangers:
        print(f"   text: {own}\n   heard: {said}")
    return f"recogniser: {len(strangers)} of {len(found)} clips are nearer to another clip's text"


if __name__ == "__main__":
    main()
