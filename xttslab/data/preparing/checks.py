"""Finds clips with faults: noise, other speakers, copies, wrong texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import dataclasses as checked

from xttslab.data.copies import same_audio
from xttslab.data.manifest import Clip
from xttslab.data.preparing.folder import Record
from xttslab.data.preparing.speaker_search import MOST
from xttslab.data.preparing.text_checks import TextKind, text_faults
from xttslab.data.preparing.text_coverage import MISFITS, SpokenText, TextCoverage
from xttslab.data.preparing.transcripts import difference
from xttslab.data.speaker_encoders import EncoderName
from xttslab.text.hungarian import letters, unreadable

_SAMPLE = 400  # clips among which the most typical one is looked for
_FEWEST = 5  # clips of a speaker below which nobody is the main one
_ROUNDS = 5
Kind = Literal[
    "clipped", "noise", "hum", "narrow", "foreign", "voice", "stranger", "duplicate", "text",
    "unreadable", "text_ends_early", "text_goes_on", TextKind,
]  # fmt: skip


def strangers(voices: np.ndarray, speakers: Sequence[str], least_cosine: float) -> dict[int, float]:
    """Clips whose voice is not their speaker's main one: position → cosine to that voice.

    `voices` (clips, size) with rows of norm 1, or NaN where there is no voice; `speakers` is the
    name that stands in the metadata. The main voice is the mean of the clips around the most
    typical one, so it holds as long as no other person speaks more than the main one.
    """
    found: dict[int, float] = {}
    embedded = ~np.isnan(voices).any(axis=1)
    for speaker in sorted(set(speakers)):
        rows = np.flatnonzero(embedded & np.equal(np.array(speakers, object), speaker))
        if len(rows) < _FEWEST:
            continue
        cosine = voices[rows] @ main_voice(voices[rows], least_cosine)
        below = cosine < least_cosine
        found |= dict(zip(rows[below].tolist(), cosine[below].tolist(), strict=True))
    return found


def main_voice(voices: np.ndarray, least_cosine: float) -> np.ndarray:
    """The mean of the (clips, size) voices around the most typical one, (size,)."""
    sample = voices[:: -(-len(voices) // _SAMPLE)]
    close = (voices @ sample.T >= least_cosine).sum(axis=0)
    centre = sample[int(np.argmax(close))]
    for _ in range(_ROUNDS):
        mean = voices[voices @ centre >= least_cosine].mean(axis=0)
        centre = mean / np.linalg.norm(mean)
    return centre


@dataclass(frozen=True)
class Finding:
    """Something about a clip (by position): the check that saw it, what it is, and how much."""

    row: int
    check: str
    what: str
    value: str


@dataclass(frozen=True)
class Candidate:
    """A clip that is to be checked; `recognised` is its text by a speech recogniser, if any."""

    clip: Clip
    record: Record
    recognised: str | None = None

    @property
    def spoken(self) -> SpokenText:
        """Its text with its sound and what a recogniser heard, to be compared."""
        clip, sound = self.clip, self.record.features.get("sound")
        return SpokenText(clip.text, clip.language, sound, self.recognised)


@checked.dataclass(frozen=True)
class Checks:
    """Limits beyond which a clip is pointed out, and the checks whose clips are left out.

    Levels are relative to the speech of the clip, and how alike voices are is told by the encoder
    that heard them. See conf/prepare.yaml.
    """

    max_clipped_ms: float
    min_snr_db: float
    max_hum_db: float
    min_bandwidth_hz: float
    max_foreign_share: float
    min_voice_cosine: dict[EncoderName, float]
    min_voice_share: float
    min_agreement: float
    max_text_difference: float
    text_coverage: TextCoverage
    reject: tuple[Kind, ...]

    def findings(self, clips: Sequence[Candidate]) -> list[Finding]:
        """Everything that the checks see in a set, by clip."""
        found = [finding for row, clip in enumerate(clips) for finding in self._single(row, clip)]
        found += self._voices(clips)
        found += self._copies(clips)
        found += self._coverage(clips)
        texts, hungarian = [c.clip.text for c in clips], all(c.clip.language == "hu" for c in clips)
        found += [Finding(f.row, f.kind, f.what, f.value) for f in text_faults(texts, hungarian)]
        return sorted(found, key=lambda finding: finding.row)

    def _single(self, row: int, candidate: Candidate) -> Iterator[Finding]:
        measures = candidate.record.measures
        limits = (
            ("clipped", "clipped_ms", 1, self.max_clipped_ms, "the wave is clipped", "ms"),
            ("noise", "snr_db", -1, self.min_snr_db, "noise: speech over pauses", "dB"),
            ("hum", "hum_db", 1, self.max_hum_db, "mains hum, relative to the speech", "dB"),
            ("narrow", "bandwidth_hz", -1, self.min_bandwidth_hz, "nothing is heard above", "Hz"),
        )
        for check, name, sign, limit, what, unit in limits:
            value = measures.get(name)
            if value is not None and sign * value > sign * limit:
                yield Finding(row, check, what, f"{value:.0f} {unit}")
        foreign = measures.get("foreign_share", 0.0)
        if foreign > self.max_foreign_share:
            what = "loud sound that is not speech (music, laughter, noise)"
            yield Finding(row, "foreign", what, f"{foreign:.0%}")
        yield from self._wanted(row, measures)
        yield from self._text(row, candidate)

    def _wanted(self, row: int, measures: Mapping[str, float]) -> Iterator[Finding]:
        """Whether the clip is of the speaker that voice= asks for."""
        theirs, share = measures.get("voice_theirs", 1.0), measures.get("voice_share", 1.0)
        if theirs < MOST:
            value = f"{theirs:.0%} of it the wanted one"
            yield Finding(row, "stranger", "somebody else speaks", value)
        elif share < self.min_voice_share:
            value = f"{share:.0%} of it surely the wanted one"
            yield Finding(row, "voice", "perhaps another voice", value)

    def _text(self, row: int, candidate: Candidate) -> Iterator[Finding]:
        clip = candidate.clip
        if clip.language == "hu":
            for fault in unreadable(clip.text):
                yield Finding(row, "unreadable", "the text cannot be read aloud", str(fault))
        if candidate.recognised is not None and clip.text:
            apart = difference(clip.text, candidate.recognised, clip.language)
            if apart > self.max_text_difference:
                value = f"{apart:.0%} of the characters; heard: {candidate.recognised}"
                yield Finding(row, "text", "the text is not what is heard", value)

    def _coverage(self, clips: Sequence[Candidate]) -> Iterator[Finding]:
        """Texts that are shorter or longer than what is said."""
        spoken = [clip.spoken for clip in clips]
        for row, kind, value in self.text_coverage.misfits(spoken):
            yield Finding(row, kind, MISFITS[kind], value)

    def _voices(self, clips: Sequence[Candidate]) -> Iterator[Finding]:
        for encoder, least in self.min_voice_cosine.items():
            rows = [row for row, c in enumerate(clips) if encoder in c.record.features]
            if not rows:
                continue
            voices = np.stack([clips[row].record.features[encoder] for row in rows])
            names = [clips[row].clip.speaker for row in rows]
            for position, cosine in strangers(voices, names, least).items():
                value = f"cosine {cosine:.2f} to the main voice of {names[position]}"
                yield Finding(rows[position], "voice", "another voice", value)

    def _copies(self, clips: Sequence[Candidate]) -> Iterator[Finding]:
        """Of two clips with the same sound, the later row is the copy."""
        prints = [clip.record.features.get("peaks", np.zeros((0, 2), np.int16)) for clip in clips]
        first = _first_of_content(clips)
        seen = set(first)
        for row, original in first.items():
            yield _copy(row, clips[original], 1.0)
        for pair in same_audio(prints, self.min_agreement):
            if pair.second not in seen:
                seen.add(pair.second)
                yield _copy(pair.second, clips[pair.first], pair.share)


def leaks(clips: Sequence[Clip]) -> list[Finding]:
    """Held-out clips whose text is also trained on: their loss flatters the voice."""
    trained: dict[str, Clip] = {}
    for clip in clips:
        if clip.split == "train" and clip.text:
            trained.setdefault(letters(clip.text, clip.language), clip)
    return [
        Finding(row, "leak", "held out, but the same text is trained on", twin.audio.name)
        for row, clip in enumerate(clips)
        if clip.split == "eval"
        and clip.text
        and (twin := trained.get(letters(clip.text, clip.language)))
    ]


def repeated(clips: Sequence[Clip]) -> set[int]:
    """Rows whose text another row has too, up to case and punctuation."""
    grouped: dict[str, list[int]] = {}
    for row, clip in enumerate(clips):
        grouped.setdefault(letters(clip.text, clip.language), []).append(row)
    return {row for text, group in grouped.items() if text and len(group) > 1 for row in group}


def _first_of_content(clips: Sequence[Candidate]) -> dict[int, int]:
    """Rows whose file is byte for byte an earlier row's: row → that row."""
    first: dict[str, int] = {}
    copies = {}
    for row, clip in enumerate(clips):
        original = first.setdefault(clip.record.digest, row)
        if original != row:
            copies[row] = original
    return copies


def _copy(row: int, original: Candidate, share: float) -> Finding:
    what = f"the same recording as {original.clip.audio.name}"
    return Finding(row, "duplicate", what, f"{share:.0%} of the landmarks")
