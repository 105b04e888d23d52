"""Cleans transcripts: takes out tags that nobody says (`[nevet]`), and mends spaces and dashes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xttslab.text.characters import LETTER, LOWER, UPPER

# Words that begin a stage direction in round brackets, where other text may be spoken.
_DIRECTIONS = (
    "nevet", "kacag", "kuncog", "vihog", "röhög", "mosoly", "köhög", "köhint", "krákog", "torkát",
    "torokk", "sóhaj", "felsóhaj", "nyög", "sír", "zokog", "szipog", "szipp", "szuszog", "liheg",
    "lélegz", "lélegez", "levegő", "ásít", "tüsszent", "csuklik", "horkan", "suttog", "kiabál",
    "kiált", "énekel", "dúdol", "fütty", "hümmög", "hallgat", "csend", "csönd", "szünet", "taps",
    "zene", "zaj", "moraj", "ováció", "éljenzés", "csöng", "cseng", "dudál", "érthetetlen",
    "nem érthető", "nem hallható", "közbeszól", "közbevág", "háttér", "egyszerre beszél",
    "laugh", "chuckl", "giggl", "cough", "sigh", "sob", "cry", "crie", "sniff", "gasp", "groan",
    "breath", "inhal", "exhal", "yawn", "sneez", "whisper", "shout", "sing", "hum", "clears",
    "throat", "pause", "silence", "applau", "clap", "cheer", "music", "nois", "inaudible",
    "unintelligible", "crosstalk", "overlapping", "background", "speaking",
)  # fmt: skip
_LOUD = "nagy|kis|hangos|hangosan|halk|halkan|rövid|hosszú|enyhe|loud|loudly|soft|softly|long|short"
_DIRECTION = rf"(?:(?:{_LOUD})\s)?(?:{'|'.join(map(re.escape, _DIRECTIONS))})\w*(?:[ ,]+\w+){{0,3}}"
_TAG = re.compile(
    r"\[[^\[\]]{0,80}\]"  # nobody reads these aloud, whatever stands in them
    r"|</?[A-Za-z_][^<>]{0,60}>|\{[^{}\d]{1,60}\}"
    rf"|\(\s*(?:{_DIRECTION}|\?+|\.{{2,}}|…)[.!?…]*\s*\)|\*\s*{_DIRECTION}[.!?…]*\s*\*",
    re.IGNORECASE,
)
_DASHES = re.compile(r"\s*-{2,}\s*")
_SPACES = re.compile(r"\s+")
_DOUBLED = re.compile(r"[^\S\n]{2,}")
_BEFORE_MARK = re.compile(r"(?<=\w)\s+([,;:!?]|\.(?!\.))(?=\s|$)")
# "négyből.Telefonon", "igen!Nem", "alma,körte"; not "1,5", "www.x.hu", "U.S.A" or "Node.js".
_STOP = rf"(?<!www)(?<=[{LOWER}][{LOWER}])(?:\.|…|\.\.\.)(?=[{UPPER}](?:[{LOWER}]|\s))"
_NO_SPACE = re.compile(rf"{_STOP}|(?<=[{LETTER}])[!?]+(?=[{LETTER}])|(?<=[{LOWER}]),(?=[{LETTER}])")


@dataclass(frozen=True)
class Mended:
    """A text made ready to be read aloud, and what was changed: (what, the place as it was)."""

    text: str
    changes: tuple[tuple[str, str], ...] = ()


def mend(text: str) -> Mended:
    """Take tags in brackets out of a text and mend `--`, doubled and missing spaces.

    Square and curly brackets and markup go with all they hold, round ones where they hold a stage
    direction: "(köhög)", not "(Budapest)". A text that needs nothing stays as it is; mending twice
    changes nothing more.
    """
    changes: list[tuple[str, str]] = []
    tags = _TAG.findall(text)
    if tags:
        text = _TAG.sub(" ", text)
        text = re.sub(rf"^[\s,;:.]+(?=[{LETTER}\"„(])", "", text)
        changes.append(("tags taken out of the text", " ".join(tags)))
    elif found := _DOUBLED.findall(text.strip()):
        changes.append(("doubled spaces of the text mended", f"{len(found)} places"))
    text = _SPACES.sub(" ", text).strip()
    if tags:
        text = _BEFORE_MARK.sub(r"\1", text)
    for pattern, new, what in (
        (_DASHES, " – ", "-- of the text mended"),
        (_BEFORE_MARK, r"\1", "spaces before a mark taken out of the text"),
        (_NO_SPACE, r"\g<0> ", "missing spaces of the text mended"),
    ):
        places = [_around(text, found) for found in pattern.finditer(text)]
        if places:
            changes.append((what, ", ".join(places)))
            text = pattern.sub(new, text).strip()
    return Mended(text, tuple(changes))


def _around(text: str, found: re.Match[str]) -> str:
    """What was found with the words that it stands between."""
    start = max(text.rfind(" ", 0, found.start()), 0)
    end = text.find(" ", found.end())
    return text[start : end if end > 0 else len(text)].strip()
