"""Reads the samples of the speaker that is wanted, and checks that they are of one person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xttslab.data.audio import AudioFault, content_hash, read_audio
from xttslab.data.audio_names import audio_files
from xttslab.data.preparing.speaker_search import (
    SpeakerSearch,
    VoiceSample,
    mean_voice,
)
from xttslab.data.preparing.voice_activity import SpeechFinder, speech_probability
from xttslab.data.preparing.voice_windows import VoiceWindows, hear
from xttslab.data.preparing.wanted_speaker import WantedSpeaker
from xttslab.errors import UserError

MAIN = "main"  # in place of samples: whoever speaks most


def find_samples(names: Sequence[str]) -> tuple[VoiceSample, ...]:
    """The clips that `names` are, a folder stands for those in it; none for the main speaker.

    Raises UserError for one that is not there, and for `main` beside others.
    """
    if MAIN in names:
        if len(names) > 1:
            raise UserError(f"voice={MAIN} is whoever speaks most; give it without samples")
        return ()
    paths: list[Path] = []
    for name in names:
        path = Path(name).expanduser()
        found = sorted(audio_files(path)) if path.is_dir() else [path]
        if not path.exists() or not found:
            missing = "no recordings in it" if path.exists() else "no such file or folder"
            remedy = "give clips of the speaker to keep, or voice=main for whoever speaks most"
            raise UserError(f"voice={name}: {missing}; {remedy}")
        paths += found
    return tuple(VoiceSample(path, content_hash(path)) for path in paths)


def wanted_speaker(search: SpeakerSearch, speech: SpeechFinder) -> WantedSpeaker:
    """Whom the samples ask for; without any whom transcripts name, or the main speaker.

    Raises UserError for a sample that cannot be read, is too short, or holds two voices, and
    for samples of different people.
    """
    if not search.samples:
        return WantedSpeaker(search, None)
    parts = [_heard(search, sample.path, speech) for sample in search.samples]
    seconds = [float(part.seconds.sum()) for part in parts]
    if sum(seconds) < search.sample_s:
        raise UserError(
            f"voice={search.samples[0].path}: {sum(seconds):.1f} s of speech, and "
            f"{search.sample_s:g} s are needed; give a longer sample, or several"
        )
    means = np.array([mean_voice(part.voices, part.seconds) for part in parts])
    for sample, mean in zip(search.samples[1:], means[1:], strict=True):
        if mean @ means[0] < search.match:
            pair = f"{search.samples[0].path} and {sample.path}"
            likeness = f"cosine {mean @ means[0]:.2f}, of one person at least {search.match}"
            raise UserError(f"voice: {pair} are two people ({likeness}); leave one of them out")
    return WantedSpeaker(search, mean_voice(means, np.array(seconds)))


def _heard(search: SpeakerSearch, path: Path, speech: SpeechFinder) -> VoiceWindows:
    """What is said in a sample; windows without an embedding are left out."""
    try:
        samples = read_audio(path)
    except AudioFault as fault:
        raise UserError(f"voice={fault}") from fault
    heard = hear(samples, speech.regions(speech_probability(samples)), search.encoder)
    known = ~np.isnan(heard.voices).any(axis=1)
    heard = VoiceWindows(
        heard.places[known], heard.turns[known], heard.voices[known], heard.together
    )
    voices, _ = search.voices(heard, least_s=1.0)
    for voice in voices[1:]:
        if voice @ voices[0] < search.match:
            second = heard.places[heard.voices @ voice > heard.voices @ voices[0]]
            place = f"{second[0, 0]:.1f} to {second[-1, 1]:.1f} s"
            likeness = f"cosine {voice @ voices[0]:.2f}"
            raise UserError(
                f"voice={path}: two voices in it, the second at {place} ({likeness}); "
                "cut one of them out"
            )
    return heard
