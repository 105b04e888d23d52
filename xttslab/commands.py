"""What all entry points share: a task function in, a Hydra application with kind errors out.

Free text and paths may hold what Hydra's grammar refuses (`ű`, `!`, `,`, `(`, `=`, spaces), so
the values of the keys that carry them are quoted before Hydra sees the command line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xttslab.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

CONF = Path(__file__).resolve().parents[1] / "conf"
PREPARED_CONF = Path("data/conf")  # where `prepare` writes the configs of new data sets
FREE_TEXT = (
    "text", "text_file", "out", "source", "speaker_wav", "run", "run_name", "init_from", "clips",
    "references", "texts", "others", "dataset.path",
)  # fmt: skip


def quote_free_text(arguments: Sequence[str]) -> list[str]:
    """Quote the values of free-text keys for Hydra's grammar; leave everything else alone.

    `text=Nagyszerű!` → `text='Nagyszerű!'`. Values that are already quoted stay as they are.
    """
    return [_quoted(argument) for argument in arguments]


def _quoted(argument: str) -> str:
    key, sign, value = argument.partition("=")
    if not sign or key.lstrip("+") not in FREE_TEXT or not value or value == "null":
        return argument
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return argument
    # Hydra unescapes only backslashes that stand before a quote (or at the end of the value).
    escaped = value.replace("\\'", "\\\\\\'") if "\\'" in value else value.replace("'", "\\'")
    if escaped.endswith("\\"):
        escaped += "\\"
    return f"{key}='{escaped}'"


def launch(task: Callable[[DictConfig], Any], config_name: str) -> None:
    """Run `task` as the Hydra application of an entry point and exit.

    A UserError, and every fault in the command line itself, becomes one line on stderr and exit
    status 2; any other exception keeps its traceback, since it is a defect of the program.
    """
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    os.environ["HYDRA_FULL_ERROR"] = "1"  # let the exceptions below reach us
    sys.argv[1:] = quote_free_text(sys.argv[1:])
    if (PREPARED_CONF / "dataset").is_dir():
        sys.argv.append(f"hydra.searchpath=['file://{PREPARED_CONF.resolve()}']")
    application = hydra.main(config_path=str(CONF), config_name=config_name, version_base="1.3")
    failed: list[str] = []
    try:
        application(_kind(task, failed))()
    except (HydraException, OmegaConfBaseException) as fault:
        _say(_explain(fault))
        sys.exit(2)
    if failed:
        _say(f"{len(failed)} runs of the sweep failed, the others are whole")
        sys.exit(1)


def _kind(task: Callable[[DictConfig], Any], failed: list[str]) -> Callable[[DictConfig], Any]:
    """`task` that tells a UserError in one line; a failed run does not stop a sweep."""

    def run(config: DictConfig) -> Any:
        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode

        try:
            return task(config)
        except UserError as fault:
            _say(str(fault))
            if HydraConfig.get().mode != RunMode.MULTIRUN:
                sys.exit(2)
            failed.append(str(fault))
            return float("inf")

    return run


def _say(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)


def _explain(fault: Exception) -> str:
    """Hydra's message in one line, with what exists where a name does not."""
    cause = fault.__cause__ if fault.__cause__ and not str(fault).strip() else fault
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    message = " ".join(lines) or type(cause).__name__
    return f"{message}; see `--help` for the groups and `--cfg job` for every option"
