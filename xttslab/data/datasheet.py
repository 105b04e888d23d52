"""Reads and checks `dataset.yaml`: source, licence and the consent of each speaker."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from xttslab.data.text_files import read_text
from xttslab.errors import UserError
from xttslab.files import write_atomically

FILE = "dataset.yaml"
Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_TEMPLATE = """\
# What this voice is made from. It goes to MLflow with every run, and into exported models.
name: {name}
language: {language}
source: {source}
licence: null # such as CC-BY-4.0, or "recorded by us"
speakers:
"""
_SPEAKER = """\
  - name: {name}
    synthetic: false # true for a voice that no person owns
    consent: null # replace null by these three lines, filled in:
    #  by: the person who agreed
    #  date: 2025-01-31
    #  purpose: what the voice may be used for
"""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Consent(_Strict):
    """Who agreed that this voice is trained, when, and for what use."""

    by: Filled
    date: datetime.date
    purpose: Filled


class ConsentingSpeaker(_Strict):
    """A voice in the data set; a synthetic one needs no consent."""

    name: Filled
    synthetic: bool = False
    consent: Consent | None = None


class DataSheet(_Strict):
    """What travels with a data set into the run, the model card and the export."""

    name: Filled
    language: Filled
    source: Filled | None = None
    licence: Filled | None = None
    speakers: tuple[ConsentingSpeaker, ...] = ()

    @property
    def consent_id(self) -> str:
        """Twelve letters that stand for the consents of the sheet: the same for the same people,
        dates and purposes. Empty where there is none."""
        given = [f"{s.name}|{s.consent.model_dump_json()}" for s in self.speakers if s.consent]
        return hashlib.sha256("\n".join(given).encode()).hexdigest()[:12] if given else ""

    def warning(self) -> str | None:
        """One line when somebody's consent is not on record; None when all is in order."""
        missing = [s.name for s in self.speakers if not (s.synthetic or s.consent)]
        if self.speakers and not missing:
            return None
        who = ", ".join(missing) or "the speaker"
        return (
            f"data set {self.name!r} has no consent entry for {who}: training somebody's voice "
            f"needs their agreement; fill in `consent` in its {FILE}"
        )


def read_sheet(folder: Path) -> DataSheet:
    """The data sheet of a prepared set; one without an entry where there is no file.

    Raises UserError that names the field, its value and the remedy.
    """
    path = folder / FILE
    if not path.is_file():
        return DataSheet(name=folder.name, language="unknown")
    try:
        return DataSheet.model_validate(yaml.safe_load(read_text(path)))
    except yaml.YAMLError as fault:
        raise UserError(f"{path}: is not YAML ({' '.join(str(fault).split())})") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(
            f"{path}: {place} is {first['input']!r}: {first['msg'].lower()}; correct it"
        ) from fault


def write_sheet(folder: Path, language: str, source: Path, speakers: Iterable[str]) -> None:
    """Write a data sheet, unless the folder has one: the source's own, else one to fill in."""
    if (folder / FILE).exists():
        return
    if source.is_dir() and (source / FILE).is_file():
        read_sheet(source)  # a wrong one is not carried on
        write_atomically(folder / FILE, (source / FILE).read_bytes())
        return
    facts = {"name": folder.name, "language": language, "source": str(source)}
    filled = _TEMPLATE.format(**{key: _scalar(value) for key, value in facts.items()})
    filled += "".join(_SPEAKER.format(name=_scalar(name)) for name in sorted(set(speakers)))
    write_atomically(folder / FILE, filled.encode())


def _scalar(value: str) -> str:
    """A string as YAML, quoted where YAML needs it."""
    return yaml.safe_dump(value, allow_unicode=True, width=10_000).removesuffix("...\n").strip()
