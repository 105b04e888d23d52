"""The package asks of the system what Windows has as well, or asks under a condition."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = Path(__file__).parents[1] / "xttslab"
MODULES = sorted(PACKAGE.rglob("*.py"))
POSIX_MODULES = {
    "crypt", "fcntl", "grp", "nis", "posix", "pty", "pwd", "resource", "spwd", "syslog", "termios",
    "tty",
}  # fmt: skip
POSIX_NAMES = {
    "os": {
        "chown", "fchmod", "fork", "forkpty", "geteuid", "getgid", "getloadavg", "getpgid",
        "getpgrp", "getuid", "killpg", "mkfifo", "nice", "O_CLOEXEC", "O_NOFOLLOW", "openpty",
        "posix_fadvise", "sched_getaffinity", "setpgid", "setsid", "statvfs", "sysconf", "uname",
        "wait", "waitpid",
    },
    "signal": {
        "alarm", "pause", "pthread_kill", "setitimer", "SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL",
        "SIGQUIT", "SIGSTOP", "SIGUSR1", "SIGUSR2", "sigwait",
    },
    "socket": {"AF_UNIX", "SO_REUSEPORT"},
}  # fmt: skip
# Behind a condition: where the peak of a process' memory is known to nobody else.
ALLOWED = {"training/callbacks.py": {"resource"}}


def posix_only(tree: ast.AST) -> Iterator[str]:
    """The modules and names of POSIX systems that a file's code mentions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from POSIX_MODULES & {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")[0]
            yield from POSIX_MODULES & {module}
            names = {alias.name for alias in node.names}
            yield from (f"{module}.{n}" for n in names & POSIX_NAMES.get(module, set()))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in POSIX_NAMES.get(node.value.id, set()):
                yield f"{node.value.id}.{node.attr}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_needs_what_windows_lacks(path: Path) -> None:
    found = set(posix_only(ast.parse(path.read_text(encoding="utf-8"))))
    assert found == ALLOWED.get(path.relative_to(PACKAGE).as_posix(), set())


def test_what_windows_lacks_is_found() -> None:
    code = "import fcntl\nfrom signal import pause\ndef f():\n  import os\n  os.killpg(1, 9)"
    assert set(posix_only(ast.parse(code))) == {"fcntl", "signal.pause", "os.killpg"}


def test_every_module_is_imported_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs each file's top level; libraries may import what they find."""
    real = builtins.__import__

    def imported(name: str, given=None, *rest: object, **more: object) -> ModuleType:
        ours = str((given or {}).get("__file__", "")).startswith(str(PACKAGE))
        if ours and name.split(".")[0] in POSIX_MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, given, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", imported)
    for path in MODULES:
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        module = ModuleType(f"{name}_")
        module.__dict__.update(__file__=str(path), __package__=name.rpartition(".")[0])
        monkeypatch.setitem(sys.modules, module.__name__, module)  # where dataclasses look
        code = compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True)
        exec(code, module.__dict__)


def test_git_keeps_one_line_ending() -> None:
    """Windows' git would else give shell scripts and data files two bytes a line."""
    lines = (PACKAGE.parent / ".gitattributes").read_text(encoding="utf-8").splitlines()
    assert "* text=auto eol=lf" in lines
    binary = {line.split()[0] for line in lines if line.endswith(" binary")}
    assert binary >= {"*.flac", "*.ogg", "*.wav", "*.png", "*.safetensors"}


NEEDS_POSIX = (
    "symlink_to(", "os.symlink(", "os.kill(", "signal.SIGKILL", 'get_context("fork")', "#!/bin/",
    ".st_mode", "os.mkfifo(",
)  # fmt: skip


def test_tests_that_need_a_posix_system_say_so() -> None:
    """They are left out on Windows; a file that uses such things marks some of its tests."""
    for path in sorted(Path(__file__).parent.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if path != Path(__file__) and any(name in text for name in NEEDS_POSIX):
            assert "pytest.mark.posix" in text, f"{path.name}: mark what needs a POSIX system"
