"""Builds wheel and sdist, and tries the wheel in an empty environment.

python run.py release                # into dist/, for a version that CHANGELOG.md names
python run.py release --unreleased   # the same before the version has its heading there
python run.py release --trial        # and tries it: another folder, no extras
python run.py release --trial --python python3.13
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from xttslab import __version__

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
CODE = ("xttslab", "conf")
BUILD = (  # the backend changes sys.argv
    "import setuptools.build_meta as backend, sys; out = sys.argv[1];"
    "backend.build_sdist(out); backend.build_wheel(out)"
)
# What an environment without extras must be able to do, in a folder of its own.
TINY = ("model=xtts_mini", "weights=random", "dataset=demo_milliomos")
CHECKS: tuple[tuple[str, ...], ...] = (
    ("python", "-c", "import xttslab; print(xttslab.__version__)"),
    ("xttslab", "--help"),
    ("xttslab", "train", "--help"),
    ("xttslab", "train", "--cfg", "job", "dataset=demo_milliomos", "model=xtts_mini"),
    ("xttslab", "prepare", "dataset=demo_milliomos"),
    ("xttslab", "train", *TINY, "trainer.max_epochs=1", "+trainer.limit_train_batches=3",
     "run_name=trial", "samples.score_every_n_epochs=0"),
    ("xttslab", "say", "run=trial", "text=Jó napot!", "out=hello.wav"),
    ("xttslab", "doctor"),
)  # fmt: skip


def heading_problem(changelog: str, version: str, unreleased: bool) -> str:
    """Why a version may not be released with this CHANGELOG.md, in one line; "" if it may."""
    first = re.search(r"^## (.+)$", changelog, re.MULTILINE)
    newest = first[1] if first else "nothing"
    if newest.split()[0] == version or (unreleased and newest == "Unreleased"):
        return ""
    return (
        f"CHANGELOG.md begins with '{newest}' and xttslab.__version__ is {version}: write "
        f"'## {version} (DATE)' there, or raise the version in xttslab/__init__.py"
    )


def build(out: Path) -> tuple[Path, Path]:
    """Wheel and sdist of this version, built from a copy, so that nothing old is packed."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, "source")
        copied.mkdir()
        for name in SOURCE:
            shutil.copy(ROOT / name, copied)
        for name in CODE:
            shutil.copytree(
                ROOT / name, copied / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        out.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", BUILD, str(out.resolve())]
        done = subprocess.run(command, cwd=copied, capture_output=True, encoding="utf-8")
    if done.returncode:
        sys.exit(f"error: the build failed\n{done.stderr[-3000:]}")
    (sdist,), (wheel,) = (out.glob(f"xttslab-{__version__}{e}") for e in (".tar.gz", "-*.whl"))
    return wheel, sdist


def install(wheel: Path, environment: Path, python: str) -> None:
    """Make an empty environment of a Python and put the wheel into it, without extras."""
    subprocess.run([python, "-m", "venv", str(environment)], check=True)
    pip = [tool(environment, "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    pins = ["--constraint", str(ROOT / "constraints.txt")]
    done = subprocess.run([*pip, *pins, str(wheel)], capture_output=True, encoding="utf-8")
    if done.returncode:
        sys.exit(f"error: the wheel cannot be installed\n{(done.stdout + done.stderr)[-3000:]}")


def tool(environment: Path, name: str) -> str:
    """A program of an environment."""
    folder, ending = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
    return str(environment / folder / f"{name}{ending}")


def try_out(environment: Path, folder: Path) -> list[str]:
    """Run every check in a folder; returns the commands that failed, each told with its end."""
    failed = []
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MLFLOW_TRACKING_URI")}
    for name, *arguments in CHECKS:
        started, shown = time.monotonic(), " ".join([name, *arguments])
        done = subprocess.run(
            [tool(environment, name), *arguments], cwd=folder, env=kept, capture_output=True,
            encoding="utf-8", errors="replace", check=False,
        )  # fmt: skip
        took = time.monotonic() - started
        print(f"{'fault' if done.returncode else 'ok':<6}{took:6.1f} s  {shown}", flush=True)
        if done.returncode:
            failed.append(shown)
            print((done.stdout + done.stderr)[-2000:], flush=True)
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python run.py release", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--unreleased", action="store_true", help="CHANGELOG.md may be behind")
    parser.add_argument("--trial", action="store_true", help="install and try the wheel")
    parser.add_argument("--python", default=sys.executable, help="of the trial's environment")
    options = parser.parse_args()
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if problem := heading_problem(changelog, __version__, options.unreleased):
        sys.exit(f"error: {problem}")
    wheel, sdist = build(options.out)
    for path in (wheel, sdist):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    if options.trial:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            environment, folder = Path(place, "environment"), Path(place, "elsewhere")
            folder.mkdir()
            install(wheel.resolve(), environment, options.python)
            if failed := try_out(environment, folder):
                sys.exit(f"error: {len(failed)} of {len(CHECKS)} checks failed")


if __name__ == "__main__":
    main()
