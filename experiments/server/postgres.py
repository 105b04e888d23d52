"""A PostgreSQL of our own in, a training tracked through an MLflow server on it out, with pictures.

    python -m experiments.server.postgres --out FOLDER

Installs Debian's `postgresql` where it is missing and that is allowed, makes a cluster in a
temporary folder, starts `python -m xttslab.tracking.server` on it, trains a tiny model with
`tracking=server` (samples and all), compares what the server holds with the run's own journal, and
opens the UI in Chromium. Where something cannot be had it says which and ends with status 0.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser.chromium import missing, opened
from tests.conftest import QUICK, TINY_MODEL, make_clips

ROOT = Path(__file__).parents[2]
PORT, DATABASE_PORT = 5870, 5871
RUNS = ("milliomos_first", "milliomos_second")


def binaries() -> Path | None:
    """The folder with `initdb`, after an attempt to install it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "postgresql"], check=False)
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def database(tools: Path) -> Iterator[str]:
    """A PostgreSQL on loopback with a password made for it; yields its address."""
    folder = Path(tempfile.mkdtemp(prefix="xttslab-postgres-"))
    password = secrets.token_urlsafe(16)
    secret = folder / "password"
    secret.write_text(password)
    # PostgreSQL refuses to run as root; its Debian package brings a user for it
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")
        shutil.chown(secret, "postgres")
    data = folder / "data"
    make = ["-D", str(data), "-U", "xttslab", "-A", "scram-sha-256", f"--pwfile={secret}"]
    subprocess.run([*as_user, str(tools / "initdb"), *make], check=True, stdout=subprocess.DEVNULL)
    settings = f"-p {DATABASE_PORT} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data}"
    control = [*as_user, str(tools / "pg_ctl"), "-D", str(data), "-w"]
    log = str(data / "log")
    subprocess.run(
        [*control, "-l", log, "-o", settings, "start"], check=True, stdout=subprocess.DEVNULL
    )
    try:
        environment = {**os.environ, "PGPASSWORD": password}
        where = ["-h", "127.0.0.1", "-p", str(DATABASE_PORT), "-U", "xttslab"]
        subprocess.run([str(tools / "createdb"), *where, "mlflow"], check=True, env=environment)
        yield f"postgresql+psycopg://xttslab:{password}@127.0.0.1:{DATABASE_PORT}/mlflow"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server(uri: str, folder: Path) -> Iterator[str]:
    """`make server` over the database; yields its address."""
    files = str(folder / "artifacts")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MLFLOW_BACKEND_STORE_URI": uri,
        "MLFLOW_ARTIFACTS_DESTINATION": files,
    }
    call = [sys.executable, "-m", "xttslab.tracking.server", "--port", str(PORT)]
    process = subprocess.Popen(call, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if line.startswith("Server: "):
                break
        else:
            raise SystemExit("the server did not start, see above")
        yield f"http://127.0.0.1:{PORT}"
    finally:
        process.terminate()
        process.wait(30)


def train(folder: Path, uri: str, run: str, more: list[str]) -> float:
    """A training of a tiny model in a process of its own; returns its seconds."""
    chosen = ["dataset=milliomos", *TINY_MODEL, *QUICK, "timed_steps=0", *more]
    chosen += ["tracking=server", f"tracking.uri={uri}", f"run_name={run}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "xttslab.train", *chosen],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - started


def compare(folder: Path, uri: str, run: str, password: str) -> dict[str, int]:
    """Hold what the server has against the run's journal; counts of what was equal. The password
    must be in no file."""
    from xttslab.tracking.client import open_client
    from xttslab.tracking.journal import Journal
    from xttslab.tracking.records import Artifact, replay

    journal = Journal(folder / "outputs" / run)
    state = replay(record for record, _ in journal.read())
    client, known = open_client(uri), journal.destination()
    held = client.get_run(known.run_id)
    assert held.info.status == state.status == "FINISHED"
    assert held.data.params == state.params
    assert state.tags.items() <= held.data.tags.items()
    for name, history in state.metrics.items():
        found = {p.step: p.value for p in client.get_metric_history(known.run_id, name)}
        assert found == history, name
    artifacts = {r for r, _ in journal.read() if isinstance(r, Artifact)}
    for artifact in artifacts:
        source = journal.run_dir / artifact.file
        path = "/".join(filter(None, (artifact.folder, source.name)))
        arrived = Path(client.download_artifacts(known.run_id, path))
        assert arrived.read_bytes() == source.read_bytes(), path
    texts = [path for path in (folder / "outputs").rglob("*") if path.is_file()]
    assert not any(password.encode() in path.read_bytes() for path in texts)
    return {
        "params": len(state.params),
        "metrics": len(state.metrics),
        "values": sum(map(len, state.metrics.values())),
        "files": len(artifacts),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("outputs/postgres"))
    out = parser.parse_args().out
    tools = binaries()
    if tools is None:
        print("skipped: no PostgreSQL, and it cannot be installed here")
        return
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="xttslab-server-"))
    make_clips(folder / "data/milliomos", "milliomos", ["greeting", "tension"])
    sentence = "samples.sentences=[{category: greeting, text: Szia}]"
    with database(tools) as uri, server(uri, folder) as address:
        password = uri.rpartition("@")[0].rpartition(":")[2]
        for number, run in enumerate(RUNS):
            options = [f"seed={number}", "samples.every_n_epochs=1", sentence]
            seconds = train(folder, address, run, options)
            print(
                run,
                f"{seconds:.0f} s",
                json.dumps(compare(folder, address, run, password)),
                flush=True,
            )
        if reason := missing():
            print(f"no pictures: {reason}")
        else:
            with opened() as driver:
                _picture(driver, address, out)
    shutil.rmtree(folder, ignore_errors=True)


def _picture(driver: object, address: str, out: Path) -> None:
    from tests.browser import mlflow_ui
    from xttslab.tracking.client import open_client

    target = mlflow_ui.choose(open_client(address))
    names = mlflow_ui._landing(driver, address, target, out / "1_runs.png")
    run = f"{address}/#/experiments/{target.experiment_id}/runs/{target.run_id}/artifacts"
    seconds = mlflow_ui._sample(driver, f"{run}/{target.sample}", out / "2_sample.png")
    print(f"Chromium shows {', '.join(names)} and plays a sample of {seconds:.2f} s: {out}")


if __name__ == "__main__":
    main()
