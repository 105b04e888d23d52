"""A run in, its voice served by a real `mlflow models serve` process and heard through HTTP out.

    python -m experiments.serving.run RUN

Exports the run, saves it as an MLflow model, serves it on localhost, asks it to speak, and compares
the answer with `say` on the same export. Prints one line of JSON; exits with 1 when they differ.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile as sf

from xttslab.commands import CONF
from xttslab.exporting.export_folder import save_served_model, write_export
from xttslab.exporting.model_card import gather
from xttslab.speaking.loading import default_settings, load_export
from xttslab.tracking.client import DEFAULT_URI

TEXT = "Nagyszerű teljesítmény, 10 000 forint!"
PATIENCE_S = 180


def ask(
    port: int, row: dict[str, object], server: subprocess.Popen[bytes]
) -> tuple[np.ndarray, int]:
    """The server's speech for one row; waits until it is up, unless it has ended."""
    body = json.dumps({"dataframe_records": [row]}).encode()
    headers = {"Content-Type": "application/json"}
    address = f"http://127.0.0.1:{port}/invocations"
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            request = urllib.request.Request(address, body, headers)
            with urllib.request.urlopen(request, timeout=120) as answer:
                (made,) = json.load(answer)["predictions"]
            return sf.read(io.BytesIO(base64.b64decode(made["wav_base64"])))
        except (ConnectionError, urllib.error.URLError):
            if time.monotonic() > until or server.poll() is not None:
                raise
            time.sleep(1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--uri", default=DEFAULT_URI)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        voice, model, port = Path(place) / "voice", Path(place) / "model", free_port()
        export = gather(options.run, options.uri, 1.0, voice, default_settings(CONF))
        size = write_export(export, voice, half=True)
        save_served_model(voice, model)
        command = ["-m", "mlflow", "models", "serve", "-m", model, "-p", port]
        command += ["--env-manager", "local"]
        # MLflow starts uvicorn by its name, which is beside Python where nobody activated it.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        server = subprocess.Popen(
            [sys.executable, *map(str, command)], env={**os.environ, "PATH": path}
        )
        try:
            heard, rate = ask(port, {"text": TEXT, "seed": 3}, server)
        finally:
            server.terminate()
            server.wait()
        speaker = load_export(voice)
        settings = replace(speaker.settings, seed=3)
        wanted = np.clip(speaker.say(TEXT, settings=settings), -1, 1)
    equal = len(heard) == len(wanted) and bool(np.abs(heard - wanted).max() < 1e-3)
    seconds = round(len(heard) / rate, 2)
    print(json.dumps({"export_mb": round(size, 1), "seconds": seconds, "as_say": equal}))
    raise SystemExit(not equal)


if __name__ == "__main__":
    main()
