"""Made clips in, the text of each out: given, shared out of a transcript, or heard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from xttslab.data.manifest import Rejection
from xttslab.data.parallel import progress
from xttslab.data.preparing.making import Made
from xttslab.data.preparing.output import Folder
from xttslab.data.preparing.records import Record
from xttslab.data.preparing.transcripts import Listener, share_out


@dataclass
class Texts:
    """Texts by clip name, what was heard by content hash, where a text came from by clip name, and
    transcripts that could not be used."""

    by_name: dict[str, str] = field(default_factory=dict)
    heard: dict[str, str] = field(default_factory=dict)
    changes: dict[str, tuple[str, str]] = field(default_factory=dict)
    unused: list[Rejection] = field(default_factory=list)


def find_texts(
    made: Sequence[Made], folder: Folder, listener: Listener | None, check: bool
) -> Texts:
    """Decide the text of every clip; `check` listens to clips that have one, too."""
    texts = Texts()
    if listener is not None:
        wanted = [r for m in made if check or _needs_ears(m) for r in _usable(m.records)]
        texts.heard = _hear(wanted, folder, listener)
    for one in made:
        records, given = _usable(one.records), one.item.clip.text
        if not _is_cut(one):
            texts.by_name |= {record.name: given for record in records}
        elif given and listener is None:
            fault = "its transcript needs transcripts.model to be shared out among its clips"
            texts.unused.append(Rejection(one.item.origin, fault, f"{given[:40]} …"))
        elif given:
            spoken = [texts.heard.get(record.digest, "") for record in records]
            parts = share_out(given, spoken, one.item.clip.language)
            for record, part in zip(records, parts, strict=True):
                texts.by_name[record.name] = part
                texts.changes[record.name] = ("text shared out of", one.item.origin)
        for record in records:
            if not texts.by_name.get(record.name):
                texts.by_name[record.name] = texts.heard.get(record.digest, "")
                if listener is not None:
                    texts.changes[record.name] = ("text recognised by", listener.recogniser.model)
    return texts


def _hear(records: Iterable[Record], folder: Folder, listener: Listener) -> dict[str, str]:
    clips = {record.digest: folder.audio(record.name) for record in records}
    with progress("listen", len(clips)) as advance:
        return listener.hear(clips, advance)


def _usable(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if not record.reason]


def _is_cut(made: Made) -> bool:
    return any(record.name != record.base for record in made.records)


def _needs_ears(made: Made) -> bool:
    return not made.item.clip.text or _is_cut(made)
