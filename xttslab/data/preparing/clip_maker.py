"""Makes single clips in worker processes, writes them and keeps their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xttslab.data.audio import SAMPLE_RATE, AudioFault, content_hash, write_audio
from xttslab.data.preparing.decoding import Stream
from xttslab.data.preparing.finishing import RECIPE_VERSION, Passage, Recipe, Unusable
from xttslab.data.preparing.folder import ClipJournal, Record, key_of
from xttslab.data.preparing.voice_windows import VoiceWindows, hear
from xttslab.data.preparing.wanted_speaker import WantedSpeaker

_HEARD = "heard_"  # features: the windows of a clip's speech


@dataclass(frozen=True)
class ClipMaker:
    """Makes clips by one recipe into the folder of one data set; `wanted` is the only speaker whose
    clips are made, None for everybody."""

    folder: Path
    recipe: Recipe
    wanted: WantedSpeaker | None = None

    @property
    def journal(self) -> ClipJournal:
        """The records of the clips made so far."""
        return ClipJournal(self.folder / ".prepare" / "clips")

    def target(self, name: str) -> Path:
        """The file of the clip of that name."""
        return self.folder / "wavs" / f"{name}.wav"

    def keyed(self, blank: Record) -> Record:
        """The record with the key over everything that its clip is made from."""
        origin = (blank.origin_digest, blank.start, blank.end)
        if blank.transcript:
            origin = (*origin, blank.text, blank.speaker, blank.transcript)
        search = self.wanted.search if self.wanted else None
        wanted = [search] if search and (blank.transcript or not search.by_name) else []
        return replace(blank, key=key_of(RECIPE_VERSION, self.recipe, origin, *wanted))

    def known(self, keyed: Record) -> Record | None:
        """The clip's record if it was made before, and everything is still there."""
        record = self.journal.load(keyed.name)
        if record is None or record.key != keyed.key:
            return None
        return record if record.reason or self.target(keyed.name).is_file() else None

    def make(
        self,
        keyed: Record,
        passage: Passage,
        offset: float,
        clipped: list[tuple[float, float]],
        changes: tuple[tuple[str, str], ...] = (),
    ) -> Record:
        """Finish a passage that begins `offset` seconds into its file; write clip and record.

        `clipped` are clipped places in seconds of that file, `changes` what decoding did. Raises
        UserError only for faults of the machine, such as a full disk.
        """
        try:
            clip = self.recipe.finish(passage)
        except Unusable as fault:
            return self.reject(keyed, fault)
        target = self.target(keyed.name)
        write_audio(target, clip.samples)
        start, end = offset + clip.start, offset + clip.end
        lost = sum(max(0.0, min(b, end) - max(a, start)) for a, b in clipped)
        record = replace(
            keyed,
            start=start,
            end=end,
            digest=content_hash(target),
            changes=(*changes, *clip.changes),
            measures={**keyed.measures, **clip.measures, "clipped_ms": 1000 * lost},
            features={**keyed.features, **clip.features},
        )
        self.journal.save(record)
        return record

    def reject(self, keyed: Record, fault: Unusable | AudioFault) -> Record:
        """Remember that no clip can be made, and why."""
        record = replace(keyed, reason=fault.reason, value=fault.value)
        self.journal.save(record)
        return record


@dataclass(frozen=True)
class ClipTask:
    """A file that is one clip."""

    audio: Path
    blank: Record
    maker: ClipMaker


def make_clip(task: ClipTask) -> Record:
    """Make one clip from one file, unless that was done before."""
    maker, keyed = task.maker, task.maker.keyed(task.blank)
    known = maker.known(keyed)
    if known is not None:
        return known
    try:
        stream = Stream(task.audio)
        maker.recipe.require_length(stream.facts.seconds)
        samples = np.concatenate(list(stream))
        if stream.truncated:
            heard = f"{len(samples) / SAMPLE_RATE:.2f} s are left"
            raise Unusable("the file is cut off: its header promises more", heard)
    except (AudioFault, Unusable) as fault:
        return maker.reject(keyed, fault)
    passage = maker.recipe.passage(samples)
    if maker.wanted is not None and not maker.wanted.search.by_name:
        heard = hear(samples, passage.regions, maker.wanted.search.encoder)
        windows = {f"{_HEARD}{name}": array for name, array in vars(heard).items()}
        keyed = replace(keyed, features=windows)
    return maker.make(keyed, passage, 0.0, stream.clipped, stream.changes)


def judge_clips(records: Sequence[Record], maker: ClipMaker) -> list[Record]:
    """The records with what part of each clip is the wanted speaker's; the same where everybody is
    wanted. Raises UserError where nothing is theirs."""
    rows = [row for row, record in enumerate(records) if f"{_HEARD}places" in record.features]
    judged = list(records)
    if maker.wanted is None or not rows:
        return judged
    heard = [VoiceWindows(**_heard(records[row])) for row in rows]
    found = maker.wanted.clip_measures(heard, maker.folder / ".prepare")
    for row, measures in zip(rows, found, strict=True):
        record = replace(records[row], measures={**records[row].measures, **measures})
        if record != records[row]:
            maker.journal.save(record)
        judged[row] = record
    return judged


def _heard(record: Record) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(_HEARD): array
        for name, array in record.features.items()
        if name.startswith(_HEARD)
    }
