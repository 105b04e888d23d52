"""One real server process with a tiny voice, for every client of these tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY_MODEL, make_clips

REPOSITORY = Path(__file__).parents[2]
TOKEN = "a secret of twenty-four letters"
FRIEND = "http://127.0.0.1:8000"  # a page that may ask
CATEGORIES = ["greeting", "tension"]


@dataclass(frozen=True)
class Running:
    """A server that runs: its addresses and its process."""

    process: subprocess.Popen[str]
    printed: dict[str, str]

    @property
    def url(self) -> str:
        return self.printed["serve"].split("/?")[0].rstrip("/")

    def ask(
        self,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        method: str | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer; a body that is no bytes goes out as JSON."""
        given = {"Authorization": f"Bearer {TOKEN}", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            given = {"Content-Type": "application/json", **given}
        request = urllib.request.Request(self.url + path, body, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as fault:
            return fault.code, dict(fault.headers), fault.read()


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`python -m xttslab.serve` as a person starts it, with a token and few places."""
    folder = tmp_path_factory.mktemp("served")
    make_clips(folder / "data/milliomos", "milliomos", CATEGORIES)
    command = [sys.executable, "-W", "ignore", "-m", "xttslab.serve", "dataset=milliomos"]
    command += [*TINY_MODEL, "port=0", "wyoming_port=0", "aliases.nova=tension"]
    command += [f"origins=[{FRIEND}]"]
    command += ["limits.requests=3", "limits.characters=500", "limits.body_bytes=20000"]
    known = {"PATH": "", "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP") if name in os.environ}
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        encoding="utf-8",
        env={"PYTHONPATH": str(REPOSITORY), "XTTSLAB_TOKEN": TOKEN, **known, **kept},
    )  # fmt: skip
    try:
        yield Running(process, _printed(process))
    finally:
        process.terminate()
        process.communicate()


def _printed(process: subprocess.Popen[str]) -> dict[str, str]:
    """What the server says until it is ready, by the first word of each line."""
    found: dict[str, str] = {}
    said = []
    for line in process.stdout or ():
        said.append(line)
        word, _, rest = line.strip().partition(" ")
        found[word] = rest.strip()
        if word == "end":
            return found
    raise AssertionError(f"the server ended: {''.join(said)}")
