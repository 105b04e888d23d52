"""The Hydra applications behind the entry points, with one-line errors, and `xttslab COMMAND`."""

from __future__ import annotations

import ast
import difflib
import errno
import io
import os
import re
import runpy
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xttslab import __version__
from xttslab.errors import UserError
from xttslab.overrides import Defaults, defaults_of, in_quotes, kinds_of, plain, quote
from xttslab.progress import told

if TYPE_CHECKING:
    from omegaconf import DictConfig

STOPPED = 130  # the exit status that shells expect behind Ctrl-C
PACKAGE = Path(__file__).resolve().parent
# A wheel holds conf/ within the package; a checkout has it at the top level.
CONF = next(place for place in (PACKAGE / "conf", PACKAGE.parent / "conf") if place.is_dir())
# What Hydra says of a command line, and the same for somebody who does not know Hydra.
_REMEDIES = (
    (
        re.compile(r"Could not override '([^']+)'"),
        "{0}= is no option here{near} `--cfg job` shows all of them, +{0}= adds a new one",
    ),
    (
        re.compile(
            r"Could not find '([^']+)/([^'/]+)' Available options in '[^']+': (.+?) Config "
        ),
        "{0}={1}: is no choice here; choose one of {2}",
    ),
    (
        re.compile(r"Ambiguous value for argument '(.+?)' 1\."),
        "{0}: several values need -m, a run for each; a text with a comma needs quotes in quotes",
    ),
    (re.compile(r"parsing override '(.+?)' missing EQUAL"), "{0}: write {0}=VALUE"),
    (
        re.compile(r"^LexerNoViableAltException: (.+?) \^ "),
        "{0}: cannot be read; put a text into quotes of its own, \"KEY='…'\"",
    ),
)


def launch(task: Callable[[DictConfig], Any], config_name: str) -> None:
    """Run `task` as the Hydra application of an entry point and exit.

    A UserError, and every fault in the command line itself, becomes one line on stderr and exit
    status 2, Ctrl-C the line "stopped" and exit status 130; any other exception keeps its
    traceback, since it is a defect of the program. A sweep goes on after a run that failed, and
    exits with status 1 and the number of those runs.
    """
    import hydra

    from xttslab.tuning.sweep_run import failed_runs

    write_utf8()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let the exceptions below reach us
    defaults = defaults_of(CONF, config_name)
    application = hydra.main(config_path=str(CONF), config_name=config_name, version_base="1.3")
    try:
        given = quote(sys.argv[1:], kinds_of(defaults))
        added = [f"hydra.help.app_name={config_name}", *_search_path(given, defaults)]
        sys.argv[1:] = _together([*given, *added])
        with told():
            application(_guarded(task))()
    except (UserError, *_faults()) as fault:
        _say(_explain(fault, defaults))
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(STOPPED)
    except BrokenPipeError:  # `… | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        sys.exit(1)
    if failed := failed_runs():
        runs = "1 run" if failed == 1 else f"{failed} runs"
        _say(f"{runs} of the sweep failed, see the messages above; the others are whole")
        sys.exit(1)


def prepared_conf(data_dir: str) -> Path:
    """Where `prepare` writes the configurations of new data sets, beside the data sets."""
    return Path(data_dir) / "conf"


_FREE = "free some space, or name another disk with output_dir= or data_dir=, and run it again"
_DISK = {  # faults of the disk, not of the program, and what to do
    errno.ENOSPC: _FREE,
    errno.EDQUOT: _FREE,
    errno.EROFS: "name a folder that can be written",
    errno.EACCES: "change its rights, or name another folder",
}
_TYPED = {"name": "dataset"}  # keys that people type otherwise, see `plain_name`


def plain_name(arguments: Sequence[str], group: str = "dataset", key: str = "name") -> list[str]:
    """`dataset=NAME` → `name=NAME`: Hydra would look for NAME in the group of data sets, and here
    it is the folder's name alone."""
    named = f"{group}="
    return [f"{key}={a[len(named) :]}" if a.startswith(named) else a for a in arguments]


def write_utf8() -> None:
    """Print in UTF-8 whatever the system's encoding is: cp1250 lacks →, cp1252 lacks ő."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _search_path(arguments: Sequence[str], defaults: Defaults) -> list[str]:
    """The argument by which Hydra finds the data sets that `prepare` made."""
    given = [argument.partition("=")[2] for argument in arguments if _key(argument) == "data_dir"]
    known = any(_key(argument) == "hydra.searchpath" for argument in arguments)
    if known or "data_dir" not in defaults:
        return []
    place = prepared_conf(plain([*defaults["data_dir"], *given][-1]))
    found = (place / "dataset").is_dir()
    return [f"hydra.searchpath=[{in_quotes(f'file://{place.resolve()}')}]"] if found else []


def _together(arguments: Sequence[str]) -> list[str]:
    """Options such as `-m` first: argparse refuses values on both sides of one."""
    values = [a for a in arguments if a[:1] == "~" or ("=" in a and a[:1] != "-")]
    return [*(a for a in arguments if a not in values), *values]


def _key(argument: str) -> str:
    return argument.partition("=")[0].lstrip("+")


def _guarded(task: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """`task` whose faults of the user end in one line, and whose failed run stops no sweep."""

    def run(config: DictConfig) -> Any:
        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode

        from xttslab.tuning.sweep_run import note_failure

        sweep = HydraConfig.get().mode == RunMode.MULTIRUN
        try:
            return task(config)
        except (UserError, *_faults()) as fault:
            _say(_explain(fault))
            if not sweep:
                sys.exit(2)
        except Exception as fault:
            if isinstance(fault, OSError) and fault.errno in _DISK:
                _say(f"{fault.filename or 'the disk'}: {fault.strerror}; {_DISK[fault.errno]}")
                sys.exit(2)  # of a sweep too: the next run would meet the same
            if not sweep:
                raise
            traceback.print_exc()  # a defect in one run must not end the others
        note_failure()
        return float("inf")

    return run


def _faults() -> tuple[type[Exception], ...]:
    """What Hydra and OmegaConf raise for a command line or a value that cannot be."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    return HydraException, OmegaConfBaseException


def _say(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)


def _explain(fault: Exception, options: Iterable[str] = ()) -> str:
    """The message in one line, with what exists where a name does not; `options` are proposed for
    one that there is not."""
    from omegaconf.errors import MissingMandatoryValue

    if (mistake := _user_error(fault)) is not None:
        return str(mistake)
    if isinstance(fault, MissingMandatoryValue):
        key = _TYPED.get(fault.full_key, fault.full_key)
        return f"{key}= is missing; see `--cfg job` for what every option is"
    cause = fault.__cause__ if fault.__cause__ and not str(fault).strip() else fault
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    message = " ".join(lines) or type(cause).__name__
    for pattern, remedy in _REMEDIES:
        if found := pattern.search(message):
            near = difflib.get_close_matches(found[1], list(options), 1, cutoff=0.75)
            meant = f"; did you mean {near[0]}=?" if near else "."
            return remedy.format(*found.groups(), near=meant)
    return f"{message}; see `--help` for the groups and `--cfg job` for every option"


def _user_error(fault: BaseException | None) -> UserError | None:
    """The user's mistake that is behind a fault: Hydra wraps what a constructor refuses."""
    while fault is not None and not isinstance(fault, UserError):
        fault = fault.__cause__
    return fault


def main() -> None:
    """`xttslab COMMAND …`: the same as `python -m xttslab.COMMAND …`."""
    write_utf8()
    known = _commands()
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print("xttslab COMMAND [KEY=VALUE …]; `xttslab COMMAND --help` lists its groups\n")
        for command, purpose in known.items():
            print(f"  {command:<12}{purpose}")
    elif name == "--version":
        print(__version__)
    elif name in known:
        sys.argv[:2] = [f"xttslab {name}"]
        runpy.run_module(f"xttslab.{name}", run_name="__main__", alter_sys=True)
    else:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        _say(f"xttslab {name}: no such command; {hint}")
        sys.exit(2)


def _commands() -> dict[str, str]:
    """Every entry point, which is a module with a file in conf/, and what it does in one line."""
    names = sorted(path.stem for path in CONF.glob("*.yaml"))
    sources = {name: (PACKAGE / f"{name}.py").read_text("utf-8") for name in names}
    described = {name: ast.get_docstring(ast.parse(source)) for name, source in sources.items()}
    return {name: (text or "").splitlines()[0] for name, text in described.items()}
