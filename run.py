"""Sets up the project and runs its main jobs, with the standard library alone.

python run.py setup     make .venv and install everything; a second call does nothing
python run.py demo      set-up, then the whole job on the packaged demo voice
python run.py test      set-up, then every test; further arguments go to pytest
python run.py ui        MLflow over mlruns/, opened at the list of runs
python run.py doctor    is this machine fit, and what to do where it is not
python run.py release   wheel and sdist into dist/; --trial installs and tries them

The same on Linux, WSL2, macOS and Windows; the make targets call it. The environment need not be
active.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
WINDOWS = platform.system() == "Windows"
PYTHON = os.path.join(VENV, "Scripts" if WINDOWS else "bin", "python.exe" if WINDOWS else "python")
DONE = os.path.join(VENV, "setup.json")  # which steps of the set-up are done, and from what
OLDEST = (3, 11)
EXTRAS = "demo,eval,serve,dev"
TORCH_INDEX = "https://download.pytorch.org/whl/"
# Builds of torch for NVIDIA cards, the preferred one first: name, oldest driver (Linux, Windows),
# and the compute capabilities it was compiled for. If an install fails because a build is no
# longer offered, or a new card is in none, change this table: pytorch.org lists what exists.
TORCH_BUILDS = (
    ("cu130", (580, 580), (75, 121)),
    ("cu128", (570, 570), (70, 120)),
    ("cu126", (560, 560), (50, 90)),
)
DEMO = (
    "xttslab.prepare dataset=demo_milliomos",
    "xttslab.prepare dataset=demo_blikk",
    "xttslab.train experiment=demo",
    "xttslab.train experiment=demo_combined",
    "xttslab.compare runs=[best:demo_milliomos,best:demo_combined]",
    "xttslab.train experiment=demo_voice",
)


class SetupError(Exception):
    """What went wrong and what to do, in one line."""


def main(arguments):
    """Run one command; returns the exit status."""
    commands = {"setup": setup, "demo": demo, "test": test, "ui": ui, "doctor": doctor}
    commands["release"] = release
    if not arguments or arguments[0] in ("--help", "-h"):
        print(__doc__)
        return 0 if arguments else 2
    if fault := wrong_words(arguments, commands):
        print(f"error: {fault}", file=sys.stderr)
        return 2
    try:
        again = python_for(sys.version_info[:2])
        if again:
            return subprocess.call([*again, os.path.join(ROOT, "run.py"), *arguments])
        return commands[arguments[0]](arguments[1:])
    except SetupError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def wrong_words(arguments, commands):
    """What is wrong with the words behind run.py, "" for nothing."""
    name, *more = arguments
    if name not in commands:
        return f"run.py {name}: no such command; there are {', '.join(commands)}"
    if more and name in ("setup", "demo"):
        return f"run.py {name} takes no options, and was given {' '.join(more)}"
    return ""


def setup(_arguments=()):
    """Make the environment and install into it what is not installed yet; returns 0."""
    make_environment()
    done = read_done()
    for name, inputs, install in steps():
        stamp = fingerprint(inputs)
        if done.get(name) == stamp:
            continue
        started = time.monotonic()
        print(f"set-up     {name} …", flush=True)
        install()
        done[name] = stamp
        with open(DONE, "w", encoding="utf-8") as file:
            json.dump(done, file, indent=1)
        print(f"set-up     {name}: {time.monotonic() - started:.0f} s", flush=True)
    return 0


def demo(_arguments):
    """The whole job on the packaged voice; stops at the first command that fails."""
    setup()
    for command in DEMO:
        print(f"\n$ python -m {command}", flush=True)
        status = subprocess.call([PYTHON, "-m", *command.split()], cwd=ROOT)
        if status:
            return status
    return 0


def test(arguments):
    """Every test, on all cores."""
    setup()
    return subprocess.call([PYTHON, "-m", "pytest", "--numprocesses", "auto", *arguments], cwd=ROOT)


def ui(arguments):
    """MLflow's pages over mlruns/."""
    setup()
    return subprocess.call([PYTHON, "-m", "xttslab.tracking.ui", *arguments], cwd=ROOT)


def doctor(arguments):
    """Is this machine fit to train?"""
    setup()
    return subprocess.call([PYTHON, "-m", "xttslab.doctor", *arguments], cwd=ROOT)


def release(arguments):
    """Build what is published."""
    setup()
    return subprocess.call([PYTHON, "-m", "experiments.release.run", *arguments], cwd=ROOT)


def python_for(version):
    """The command of another Python where this one is too old; None where it is new enough."""
    if version >= OLDEST:
        return None
    for minor in range(14, OLDEST[1] - 1, -1):
        names = [["py", f"-3.{minor}"]] if WINDOWS else []
        for command in [*names, [f"python3.{minor}"]]:
            if shutil.which(command[0]) and answers(command):
                return command
    raise SetupError(
        f"Python {version[0]}.{version[1]} is too old: install Python 3.11 or newer (python.org, "
        "or your system's packages) and call that one"
    )


def answers(command):
    """Whether a Python starts at all: Windows has names that only open its shop."""
    call = [*command, "-c", "import venv, ensurepip"]
    return subprocess.call(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def make_environment():
    """Make `.venv`, or make it anew where its Python is gone or too old."""
    if os.path.isfile(PYTHON):
        check = f"import sys; sys.exit(sys.version_info[:2] < {OLDEST})"
        if subprocess.call([PYTHON, "-c", check]) == 0:
            return
        print("set-up     .venv has an old or broken Python and is made anew", flush=True)
        shutil.rmtree(VENV)
    status = subprocess.call([sys.executable, "-m", "venv", VENV])
    if status:
        remedy = "sudo apt install python3-venv" if shutil.which("apt") else "reinstall Python"
        raise SetupError(f"the environment .venv could not be made: {remedy}, then again")


def steps():
    """The steps of the set-up: name, the files and words that decide whether it is done, how."""
    found = cards()  # another card or driver may need another build
    return (
        ("torch", ["constraints.txt", repr(found)], lambda: install_torch(found)),
        ("xttslab", ["constraints.txt", "pyproject.toml", EXTRAS], install_package),
        ("speaker encoder", ["requirements/no-deps.txt"], lambda: no_deps("no-deps")),
        ("test models", ["requirements/test-models.txt"], lambda: no_deps("test-models")),
    )


def install_torch(found):
    """Install torch and torchaudio: the build for this machine's cards, or for none."""
    build = torch_build(found, reachable)
    pins = [line for line in lines_of("constraints.txt") if re.match(r"torch(audio)?==", line)]
    pip([*pins, *(["--index-url", TORCH_INDEX + build] if build else [])])
    problem = torch_problem(found)
    if problem:
        print(f"warning: {problem}", file=sys.stderr)


def install_package():
    pip(["--constraint", "constraints.txt", "--editable", f".[{EXTRAS}]"])


def no_deps(name):
    pip(["--no-deps", "--requirement", f"requirements/{name}.txt"])


def pip(arguments):
    """Install; what pip says is shown only where it failed."""
    call = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    done = subprocess.run(call, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        print(done.stdout.decode("utf-8", "replace"), file=sys.stderr)
        raise SetupError(pip_remedy(done.stdout.decode("utf-8", "replace")))


def pip_remedy(said):
    """What to do about what pip said, in one line."""
    known = (
        ("No space left|not enough space", "the disk is full: free 8 GB, then again"),
        ("Permission denied|Access is denied", "close what uses .venv, or delete it, then again"),
        ("long paths|path too long|Filename too long", "enable long paths in Windows, or move the "
         "project to a short folder such as C:\\x, then again"),
        ("No matching distribution|Could not find a version", "this Python is too new or too old "
         "for the tested packages, or TORCH_BUILDS in run.py names a build that is gone"),
        ("ConnectionError|Max retries|timed out|resolve", "the network failed: the same command "
         "goes on where it stopped"),
    )  # fmt: skip
    for pattern, remedy in known:
        if re.search(pattern, said, re.IGNORECASE):
            return remedy
    return "pip failed; the same command goes on where it stopped"


def cards():
    """The NVIDIA cards: (name, compute capability as 89, driver as 570) each; [] without any."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    asked = "--query-gpu=name,compute_cap,driver_version"
    try:
        said = subprocess.check_output([tool, asked, "--format=csv,noheader"], timeout=30)
    except (OSError, subprocess.SubprocessError):
        return []
    found = []
    for line in said.decode("utf-8", "replace").splitlines():
        cells = [cell.strip() for cell in line.rsplit(",", 2)]
        if len(cells) == 3 and re.match(r"\d+\.\d$", cells[1]) and cells[2][:1].isdigit():
            found.append((cells[0], int(cells[1].replace(".", "")), int(cells[2].split(".")[0])))
    return found


def torch_build(found, online):
    """The name of the torch build to install: of TORCH_BUILDS, "cpu", or "" for pip's own choice.

    `online` says whether the builds' index answers; where it does not, pip's own sources decide.
    """
    if platform.system() == "Darwin" or not online():
        return ""
    if not found:
        return "cpu"
    for name, oldest_drivers, (least, most) in TORCH_BUILDS:
        drivers_fit = all(driver >= oldest_drivers[WINDOWS] for _, _, driver in found)
        if drivers_fit and all(least <= capability <= most for _, capability, _ in found):
            return name
    shown = "; ".join(f"{n}, compute {c / 10}, driver {d}" for n, c, d in found)
    raise SetupError(
        f"no build of torch in TORCH_BUILDS (run.py) fits {shown}: update the driver, or add the "
        "build that pytorch.org names for this card"
    )


def reachable():
    """Whether the index of torch's builds answers within three seconds."""
    try:
        urllib.request.urlopen(TORCH_INDEX + "cpu/", timeout=3).close()
    except (OSError, ValueError):
        return False
    return True


def torch_problem(found):
    """Why the installed torch cannot use the card that is there, in one line; "" if it can."""
    if not found:
        return ""
    code = "import torch; print(torch.__version__, *torch.cuda.get_arch_list())"
    done = subprocess.run([PYTHON, "-c", code], capture_output=True)
    version, *built_for = (done.stdout.decode() or "none").split()
    name, capability, _ = found[0]
    if f"sm_{capability}" in built_for or f"compute_{capability}" in built_for:
        return ""
    return (
        f"{name} (sm_{capability}) is not in torch {version}, built for "
        f"{' '.join(built_for) or 'no card'}: change TORCH_BUILDS in run.py"
    )


def lines_of(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return [line.strip() for line in file]


def fingerprint(inputs):
    """A hash of files by their content and of other words as they are."""
    total = hashlib.sha256()
    for item in inputs:
        path = os.path.join(ROOT, item)
        if item and os.path.isfile(path):
            with open(path, "rb") as file:
                total.update(file.read())
        else:
            total.update(item.encode())
    return total.hexdigest()


def read_done():
    """The steps that are done; none where the record is missing or damaged."""
    try:
        with open(DONE, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
