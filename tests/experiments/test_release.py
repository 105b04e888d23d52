"""A release needs its heading, and what the trial and the containers call exists."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from experiments.release import run as release
from xttslab import commands
from xttslab.tracking import ui

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def instructions() -> list[tuple[str, str]]:
    """Those of the Dockerfile, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line]


@pytest.fixture(scope="module")
def services() -> dict[str, dict]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]


def known(command: list[str]) -> bool:
    """Whether a program of ours, or a module that Python runs, exists."""
    if command[0] == "xttslab":
        named = command[1] if len(command) > 1 else "--help"
        return named.startswith("-") or (commands.PACKAGE / f"{named}.py").is_file()
    if command[:2] == ["python", "-m"]:
        return find_spec(command[2]) is not None
    return command[:2] == ["python", "-c"]


@pytest.mark.parametrize(
    ("changelog", "unreleased", "problem"),
    [
        ("# Changes\n\n## 1.2.0 (2026-11-29)\n\n## 1.1.0\n", False, ""),
        ("# Changes\n\n## Unreleased\n\n## 1.1.0\n", True, ""),
        ("# Changes\n\n## Unreleased\n", False, "CHANGELOG.md begins with 'Unreleased' and "),
        ("# Changes\n\n## 1.1.0\n", True, "write '## 1.2.0 (DATE)' there, or raise the version"),
    ],
)
def test_a_version_needs_its_heading(changelog: str, unreleased: bool, problem: str) -> None:
    found = release.heading_problem(changelog, "1.2.0", unreleased)
    assert problem in found
    assert bool(found) == bool(problem)


def test_the_trial_calls_what_exists() -> None:
    assert all(known(list(check)) for check in release.CHECKS)
    assert all((ROOT / name).is_file() for name in release.SOURCE)


def test_the_image_is_made_of_what_is_there() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    copied = [word for name, rest in instructions() if name == "COPY" for word in rest.split()[:-1]]
    assert len(copied) >= 8
    for name in copied:
        assert (ROOT / name).exists(), name
        assert any(fnmatch(name, pattern) or name.startswith(f"{pattern}/") for pattern in kept)
    said = dict(instructions())
    assert next(name for name, _ in instructions()) == "FROM"
    assert said["USER"] != "root"
    runs = " ".join(rest for name, rest in instructions() if name == "RUN")
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', runs)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    script = (ROOT / "run.py").read_text(encoding="utf-8")
    (build,) = (rest.split("=")[1] for name, rest in instructions() if name == "ARG")
    assert f'("{build}", (' in script
    (index,) = re.findall(r'TORCH_INDEX = "(.+)"', script)
    assert f'--index-url "{index}${{TORCH_BUILD}}"' in runs


def test_compose_calls_what_exists(services: dict[str, dict]) -> None:
    for name, service in services.items():
        for other in service.get("depends_on", {}):
            assert "healthcheck" in services[other], (name, other)
        if service["image"] == "xttslab":
            assert known([str(word) for word in service["entrypoint"]]), name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), "other machines reach nothing by default"
    serving = services["mlflow"]["environment"]
    assert {ui.STORE_VARIABLE, ui.FILES_VARIABLE} <= set(serving)
    database = services["postgres"]["environment"]
    address = f"postgresql+psycopg://{database['POSTGRES_USER']}:"
    assert serving[ui.STORE_VARIABLE].startswith(address)
    assert serving[ui.STORE_VARIABLE].endswith(f"@postgres:5432/{database['POSTGRES_DB']}")


def test_mlflow_answers_under_the_name_that_trainings_call(
    services: dict[str, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.server.security_utils import get_allowed_hosts_from_env, is_allowed_host_header

    name = "MLFLOW_SERVER_ALLOWED_HOSTS"
    monkeypatch.setenv(name, services["mlflow"]["environment"][name])
    allowed = get_allowed_hosts_from_env()
    called = services["train"]["environment"]["MLFLOW_TRACKING_URI"].removeprefix("http://")
    assert is_allowed_host_header(allowed, called)
    assert is_allowed_host_header(allowed, "127.0.0.1:5000")
    assert not is_allowed_host_header(allowed, "elsewhere.example")
