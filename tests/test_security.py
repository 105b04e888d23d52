"""Nothing of a run, a server or a data set is executed, leaves its folder, or listens to others."""

from __future__ import annotations

import ast
import shutil
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from xttslab.errors import UserError
from xttslab.reporting.run_data import _from_journal, _listed
from xttslab.tracking.client import open_client
from xttslab.tracking.journal import Journal
from xttslab.tracking.records import Artifact, Started
from xttslab.tracking.sender import send_held_back

PACKAGE = Path(__file__).parents[1] / "xttslab"
FORBIDDEN = {
    *("pickle.load", "pickle.loads", "joblib.load", "dill.load", "cloudpickle.loads"),
    *("yaml.load", "yaml.unsafe_load", "eval", "exec", "os.system", "marshal.loads"),
}


@cache
def calls() -> list[tuple[Path, ast.Call, str]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found.append((path, node, ast.unparse(node.func)))
    return found


def keyword(call: ast.Call, name: str) -> str:
    return next((ast.unparse(k.value) for k in call.keywords if k.arg == name), "")


def _reads_plain_yaml(call: ast.Call) -> bool:
    return ast.unparse(call.func) == "yaml.load" and ast.unparse(call).endswith("SafeLoader)")


def test_nothing_is_unpickled_or_executed() -> None:
    used = [(path.name, call, name) for path, call, name in calls() if name in FORBIDDEN]
    unsafe = [(file, name) for file, call, name in used if not _reads_plain_yaml(call)]
    assert unsafe == []
    loads = [(path.name, call) for path, call, name in calls() if name == "torch.load"]
    assert len(loads) >= 3
    assert [name for name, call in loads if keyword(call, "weights_only") != "True"] == []
    assert [
        path.name for path, call, _ in calls() if keyword(call, "allow_pickle") not in ("", "False")
    ] == []
    assert [path.name for path, call, _ in calls() if keyword(call, "shell") == "True"] == []


def test_pages_escape_what_comes_from_data() -> None:
    environments = [call for _, call, name in calls() if name == "Environment"]
    assert environments
    for call in environments:
        assert keyword(call, "autoescape") not in ("", "False"), ast.unparse(call)


def test_nothing_listens_to_other_machines_unasked() -> None:
    texts = [path for path in PACKAGE.rglob("*.py") if "0.0.0.0" in path.read_text("utf-8")]
    assert texts == []


@pytest.fixture
def foreign_run(tmp_path: Path) -> Path:
    """A run folder from somebody else whose journal names a file of ours."""
    (tmp_path / "secret.txt").write_text("ours")
    run_dir = tmp_path / "outputs" / "run"
    journal = Journal(run_dir)
    journal.create()
    journal.append(Started("key", "run", "xttslab", {}, 1))
    journal.append(Artifact("../../secret.txt", "samples"))
    (run_dir / "link").symlink_to(tmp_path / "secret.txt")
    journal.append(Artifact("link", "samples"))
    return run_dir


@pytest.mark.posix
def test_a_journal_reads_and_sends_nothing_outside_its_run(foreign_run, empty_store) -> None:
    assert _from_journal(foreign_run) == {}
    shutil.copy(empty_store, foreign_run / "mlflow.db")
    uri = f"sqlite:///{foreign_run}/mlflow.db"
    (sent,) = send_held_back(foreign_run.parent, uri)
    assert sent.fault == ""
    refused = (foreign_run / "tracking" / "refused.jsonl").read_text(encoding="utf-8")
    assert refused.count("leaves the run's folder") == 2
    client = open_client(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("xttslab").experiment_id])
    assert client.list_artifacts(run.info.run_id) == []


@pytest.mark.parametrize("path", ["../evil.wav", "samples/../../evil.wav", "/etc/evil.wav"])
def test_a_server_cannot_name_a_file_outside(path: str) -> None:
    entry = SimpleNamespace(path=path, is_dir=False)
    client = SimpleNamespace(list_artifacts=lambda run_id, folder: [entry])
    with pytest.raises(UserError, match="leaves its folder"):
        _listed(client, "run")
