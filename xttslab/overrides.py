"""Quotes the texts and paths of a command line, so that Hydra takes every character as it is.

Hydra's grammar refuses accents, spaces, `!`, `(` and `=` in a bare value and splits it at commas;
OmegaConf evaluates `${…}` in it. Which keys hold text is read from conf/: those whose default is a
text. (An unset text is '' there; null is an unset number.)
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml

from xttslab.errors import UserError

Kind = Literal["text", "texts", "group", "number", "switch", "other"]
Defaults = Mapping[str, Sequence[Any]]  # key → its value in every file of conf/ that has it
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_FUNCTION = re.compile(r"(choice|glob|interval|range|shuffle|sort|tag)\(.*\)")  # of a sweep
_CHOICE = re.compile(r"[\w/\-+.$%*@?|:, \[\]]*", re.ASCII)  # what Hydra reads without quotes
_WORD = re.compile(r"[A-Za-z_/][\w/.:-]*", re.ASCII)  # needs no quotes, unless it is one of these:
_NO_TEXT = {"null", "true", "false", "inf", "nan"}
_PLAIN = re.compile(r"[^\W\d][\w.]*=[^\[{'\"].*", re.DOTALL)  # of a key that conf/ does not have
_SEVERAL_KINDS = {"trainer.devices", "trainer.deterministic"}  # auto, warn: texts to Lightning
_OPTIONAL = re.compile(r"trainer\..*|wyoming_port")  # numbers that null turns off
_MISSING = "???"  # OmegaConf's mark of a value that must be given, which it reads in any text
_REFERENCE = re.compile(r"\$\{(\.*)([\w.]+)\}")
_PACKAGE = re.compile(r"# @package (\S+)")
_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast


def quote(arguments: Sequence[str], kinds: Mapping[str, Kind]) -> list[str]:
    """The arguments with every text and path quoted for Hydra; all else stays as it is.

    `text=Nagyszerű!` → `text='Nagyszerű!'`, `runs=[Őszi,b]` → `runs=['Őszi',b]`. A value that
    is quoted already stands for the same text, so quoting twice changes nothing. Commas separate
    in lists, and after `-m` where no space follows, unless they stand within quotes.

    Raises UserError where the value of a number or a switch is none, null for a number that cannot
    be unset, and for a text that OmegaConf would take for a missing one.
    """
    sweep = "-m" in arguments or "--multirun" in arguments
    return [_argument(argument, kinds, sweep) for argument in arguments]


def plain(value: str) -> str:
    """The text that a person means by a value, with Hydra's quotes or without.

    A leading `~/` is the home folder: bash replaces it, other shells leave it to the program.
    """
    if not re.fullmatch(_QUOTED, value, re.DOTALL):
        return os.path.expanduser(value) if re.match(r"~([/\\]|$)", value) else value
    mark = value[0]
    text = re.sub(rf"\\+{mark}|\\+$", lambda found: found[0][1::2], value[1:-1])
    return re.sub(r"(\\+)\$\{", lambda found: found[1][1::2] + "${", text)


def quoted(text: str) -> str:
    """A value of Hydra's grammar that stands for exactly this text in a configuration."""
    if _WORD.fullmatch(text) and text.lower() not in _NO_TEXT:
        return text
    return in_quotes(re.sub(r"(\\*)\$\{", r"\1\1\\${", text))


def shell_line(arguments: Sequence[str]) -> str:
    """A command as a person types it, quoted for the shells of this system."""
    return subprocess.list2cmdline(arguments) if sys.platform == "win32" else shlex.join(arguments)


def in_quotes(text: str) -> str:
    """A value of Hydra's grammar that stands for this text, interpolations included."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(text, Quote.single).with_quotes()


def _argument(argument: str, kinds: Mapping[str, Kind], sweep: bool) -> str:
    key, sign, value = argument.partition("=")
    if not key and sign:
        raise UserError(f"{argument}: no option is named before =; write KEY={value}")
    kind = kinds.get(key.lstrip("+"))
    if kind is None:  # quoted, so that Hydra says that there is no such key, not how it parses
        odd = _PLAIN.fullmatch(argument) and not _CHOICE.fullmatch(value)
        return f"{key}={quoted(value)}" if odd and not sweep else argument
    untouched = not value or (value == "null" and kind != "number")
    if not sign or kind == "other" or untouched or (sweep and _FUNCTION.fullmatch(value)):
        return argument
    if kind in ("number", "switch"):
        for part in _split(value, ",") if sweep else [value]:
            _require(kind, key, part)
        return argument
    if kind == "group":
        return argument if _CHOICE.fullmatch(value) else f"{key}={quoted(plain(value))}"
    if kind == "texts" and value.startswith("[") and value.endswith("]"):
        return f"{key}={_lists(key, value) if sweep else _list(key, value)}"
    parts = _split(value, r",(?! )") if sweep else [value]
    return f"{key}={','.join(_text(key, part) for part in parts)}"


def _require(kind: Kind, key: str, value: str) -> None:
    """Raise UserError for a value that is none of its kind; a reference is followed later."""
    if "${" in value or (kind == "switch" and value.lower() in ("true", "false")):
        return
    if value == "null" and (kind == "switch" or _OPTIONAL.fullmatch(key.lstrip("+"))):
        return
    if not _is_number(value):
        wanted = "a number" if kind == "number" else "true or false"
        several = "; several at once need -m, a run for each" if "," in value else ""
        raise UserError(f"{key}={value}: give {wanted}{several}")


def _lists(key: str, value: str) -> str:
    return ",".join(_list(key, f"[{part}]") for part in value[1:-1].split("],["))


def _list(key: str, value: str) -> str:
    return f"[{','.join(_text(key, part) for part in _split(value[1:-1], ','))}]"


def _text(key: str, value: str) -> str:
    text = plain(value)
    if text == _MISSING:
        raise UserError(f"{key}={text}: means here that no value is given; write another one")
    return quoted(text)


def _split(value: str, separator: str) -> list[str]:
    """The parts between separators that do not stand within quotes; none of an empty value."""
    part = rf"(?:^|(?<=,))\s*(?:{_QUOTED})\s*(?=,|$)"
    found = re.finditer(rf"{part}|{separator}", value, re.DOTALL)
    ends = [one.span() for one in found if one[0] == ","]
    starts = [0, *(end for _, end in ends)]
    stops = [*(start for start, _ in ends), len(value)]
    parts = [value[a:b].strip() for a, b in zip(starts, stops, strict=True)]
    return parts if any(parts) else []


def kinds_of(defaults: Defaults) -> dict[str, Kind]:
    """What each key holds: `text`, a list of `texts`, a choice of a `group`, a `number`, a `switch`
    (true or false), or `other`: lists, what differs between files, and what may be several things
    (`trainer.devices=auto`).

    A text that is a number, a switch or unset (null) in any file is `other`.
    """
    return {key: _kind(key, defaults) for key in defaults}


def _kind(key: str, defaults: Defaults) -> Kind:
    values = defaults.get(key, ())
    kinds = {_kind_of(value, key, defaults) for value in values if value is not None}
    kind = kinds.pop() if len(kinds) == 1 else "other"
    return "other" if None in values and kind in ("text", "texts") else kind


def _kind_of(value: Any, key: str, defaults: Defaults) -> Kind:
    if value is GROUP:
        return "group"
    if key.startswith("hydra."):  # Hydra's own settings have interpolations on the command line
        return "other"
    if isinstance(value, list):
        return "texts" if all(isinstance(one, str) for one in value) else "other"
    if isinstance(value, bool) or not isinstance(value, str) or _is_number(value):
        if key in _SEVERAL_KINDS or isinstance(value, dict):
            return "other"
        return "switch" if isinstance(value, bool) else "number"
    if reference := _REFERENCE.fullmatch(value):
        levels, name = len(reference[1]), reference[2]
        above = key.split(".")[: -levels or None] if levels else []
        return _kind(".".join([*above, name]), defaults)
    return "text"


GROUP = object()  # stands for the default of a key that chooses a file of a group


def _is_number(value: str) -> bool:
    try:
        float(value)  # YAML 1.1, which PyYAML reads, takes 2e-6 for a text
    except ValueError:
        return False
    return True


def defaults_of(conf: Path, entry: str) -> Defaults:
    """Every key of entry point `entry` with its values in the files of `conf`."""
    found: dict[str, list[Any]] = {}
    packages: dict[str, set[str]] = {}
    for content in _primary(conf, entry):
        for item in content.pop("defaults", []):
            for choice in item if isinstance(item, dict) else ():
                group, renamed, package = choice.split()[-1].partition("@")
                packages.setdefault(group, set()).update([package] if renamed else [])
        _gather(content, "", found)
    for path in sorted(conf.glob("*/*.yaml")):
        text = path.read_text(encoding="utf-8")
        group = path.parent.name
        content = yaml.load(text, _SafeLoader) or {}
        content.pop("defaults", None)
        header = _PACKAGE.match(text)
        for package in {header[1] if header else group, *packages.get(group, ())}:
            _gather(content, "" if package == "_global_" else package, found)
    return found | {path.name: [GROUP] for path in conf.iterdir() if path.is_dir()}


def _primary(conf: Path, entry: str) -> Iterator[dict[str, Any]]:
    """The file of an entry point and those that it builds on."""
    text = (conf / f"{entry}.yaml").read_text(encoding="utf-8")
    content = yaml.load(text, _SafeLoader)
    for item in content.get("defaults", []):
        if isinstance(item, str) and (conf / f"{item}.yaml").is_file():
            yield from _primary(conf, item)
    yield content


def _gather(content: Mapping[str, Any], package: str, found: dict[str, list[Any]]) -> None:
    for name, value in content.items():
        key = f"{package}.{name}" if package else str(name)
        if isinstance(value, dict) and value:
            _gather(value, key, found)
        else:
            found.setdefault(key, []).append(value)


def typed_keys() -> list[str]:
    """The options that the command line of the running Hydra application gives, `settings.seed`."""
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        return []
    entries = HydraConfig.get().overrides.task
    return [entry.lstrip("+~").partition("=")[0] for entry in entries]


def refuse_unread(options: Sequence[str], call: str, remedy: str = "leave it out") -> None:
    """Raise UserError for an option, or one of a group, that the command line gives and that this
    kind of `call` does not read."""
    for key in typed_keys():
        if any(key == option or key.startswith(f"{option}.") for option in options):
            raise UserError(f"{key}=: {call} does not read it; {remedy}")
