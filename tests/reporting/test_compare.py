"""Two tracked runs are compared, listened to blind, and the votes are found in MLflow."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.reporting.cards import card
from tests.reporting.runs import URI, gates, rules, tracked_run
from tests.reporting.test_pairing import with_other_texts
from xttslab.errors import UserError
from xttslab.reporting.build import compare_references, write_comparison
from xttslab.reporting.comparison import compare_runs
from xttslab.reporting.listening import ListeningPlan
from xttslab.reporting.run_data import RunData, load_run
from xttslab.reporting.verdict import VerdictRules
from xttslab.serving.listening_pages import Session, entrants_of
from xttslab.tracking.runs import find_run

VERDICT = VerdictRules(nats=0.05, text_gain=0.1, score=0.3, votes=20, draws=200)


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A listening session over two tracked runs with samples and one real clip."""
    monkeypatch.chdir(tmp_path)
    for variable in ("MLFLOW_TRACKING_URI", "XTTSLAB_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    for name, best in (("first", 12), ("second", 20)):
        tracked_run(name, best)
    real = tmp_path / "data/milliomos/wavs/b.wav"
    real.parent.mkdir(parents=True)
    real.write_bytes(Path("outputs/first/samples/epoch_010/01_greeting.wav").read_bytes())
    made = opened_session()
    yield made
    made.close()


def opened_session(*epochs: int | str) -> Session:
    runs = [load_run(name, URI) for name in ("first", "second")]
    entrants = entrants_of(runs, rules().findings, epochs or ["best"])
    return Session(runs, entrants, ListeningPlan(8, 0.95), 0)


def ask(url: str, answer: dict | None = None, host: str | None = None) -> tuple[int, bytes]:
    body = json.dumps(answer).encode() if answer is not None else None
    headers = {"Host": host} if host else {}
    request = urllib.request.Request(url, body, headers | {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def test_a_script_votes_and_finds_its_votes_in_mlflow(session: Session) -> None:
    kinds = []
    with session.server.running() as address:
        base, token = address.split("/?token=")
        assert base.startswith("http://127.0.0.1:")
        for url in (f"{base}/", f"{base}/?token=guess"):
            assert ask(url)[0] == 401
        assert ask(f"{base}/?token={token}", host="evil.example")[0] == 403
        assert ask(address)[0] == 200
        assert ask(f"{base}/clip/unknown?token={token}")[0] == 404
        while True:
            state = json.loads(ask(f"{base}/next?listener=a+script&token={token}")[1])
            task = state["task"]
            if task is None:
                break
            if not kinds:
                assert (state["done"], state["of"]) == (0, 2 + 4 + 2)
                status, sound = ask(f"{base}/clip/{task['clips'][0]}?token={token}")
                assert (status, len(sound) > 500) == (200, True)
                wrong = {"task": task["id"], "choice": "neither"}
                refused = ask(f"{base}/vote?token={token}", wrong)
                assert (refused[0], b"is no answer here" in refused[1]) == (400, True)
            truth = session.test._open[task["id"]].stimuli
            second = truth[0].run == "second@20"
            answer: dict = {"task": task["id"], "listener": "a script"}
            if task["kind"] == "ab":
                answer["choice"] = "a" if second else "b"
            elif task["kind"] == "real":
                answer["choice"] = "synthetic" if truth[0].run else "real"
            else:
                answer["scores"] = {"naturalness": 8 if second else 5}
            assert ask(f"{base}/vote?token={token}", answer)[0] == 200
            again = ask(f"{base}/vote?token={token}", answer)
            assert (again[0], b"was answered already" in again[1]) == (400, True)
            kinds.append(task["kind"])
    assert kinds == ["ab"] * 2 + ["scores"] * 4 + ["real"] * 2
    session.close()

    votes = find_run("second", URI).metrics
    assert votes["listener/naturalness"] == 8.0
    assert votes["listener/naturalness/count"] == 2
    assert votes["listener/preferred"] == 1.0
    others = find_run("first", URI).metrics
    assert others["listener/naturalness"] == 5.0
    # one real clip, and one drawn from either run
    told = [m["listener/told_apart"] for m in (votes, others) if "listener/told_apart" in m]
    assert told == [1.0]

    found = compare_references(["first", "second"], URI, rules(), VERDICT, None, gates(), None)
    text = found.html.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert text.count('src="data:audio/mpeg;base64,') == 2 * 2 + 4  # first screen, below
    assert "Blind: second was preferred to first in 2.0 of 2 votes" in text
    assert [one.name for one in found.comparison.ear.table] == ["second@20", "first@10"]
    assert "| second@20 | 69 % (36 to 90) |" in found.markdown.read_text(encoding="utf-8")

    # the same listener goes on where everything was answered; three voices are a tournament
    resumed = opened_session()
    assert resumed.test.next("a script")["task"] is None
    resumed.close()
    several = opened_session(10, "best")
    assert several.test.names == ["first@10", "second@10", "second@20"]
    assert several.test.next("another one")["task"]["kind"] == "ab"
    several.close()
    assert found.comparison.common == {"milliomos": ["wavs/b.wav"]}


def test_runs_without_anything_are_compared_with_what_is_missing(tmp_path: Path) -> None:
    runs = [RunData("empty"), RunData("nothing", status="KILLED")]
    found = compare_runs(runs, rules(), VERDICT, [gates()] * 2)
    page = write_comparison(found, tmp_path).html.read_text(encoding="utf-8")
    assert found.verdict.headline == "These runs cannot be compared"
    assert "its status is KILLED" in page
    assert "no held-out clip in common" in page


def test_a_run_on_the_texts_of_other_clips_loses_by_text_gain(tmp_path: Path) -> None:
    names = "abcdefgh"
    right = {name: (4.0 + 0.1 * n, 5.1 + 0.1 * n, 100, "a") for n, name in enumerate(names)}
    apart = {
        name: (4.1 + 0.2 * (n % 3), 4.2 + 0.2 * (n % 3), 100, "a") for n, name in enumerate(names)
    }
    history = {"eval/mel_ce": {0: 5.0, 3: 4.5, 5: 4.3, 6: 4.5, 7: 4.6, 8: 4.7}}
    runs = [
        replace(with_other_texts(name, tmp_path, clips), histories=history)
        for name, clips in (("sound", right), ("shuffled", apart))
    ]
    found = compare_runs(runs, rules(), VERDICT, [gates()] * 2)
    assert found.verdict.headline == (
        "sound (checkpoint of epoch 5) is the best, but not good enough to deploy"
    )
    assert found.pairs[0].decision.by == "text gain"
    assert found.pairs[0].evidence.text_gain.value == pytest.approx(-1.0)
    written = write_comparison(found, tmp_path)
    reason = "losses do not tell them apart, text gain does: that of shuffled is lower"
    assert reason in written.html.read_text(encoding="utf-8")
    text = written.markdown.read_text(encoding="utf-8")
    assert f"- {reason}\n" in text
    assert "- sound → shuffled: 1.1000 → 0.1000 (-1.0000, 8 clips)" in text


HISTORY = {"eval/mel_ce": {0: 5.0, 3: 4.5, 5: 4.3, 6: 4.5, 7: 4.6, 8: 4.7}}


def scored(name: str, folder: Path, epoch: int, score: float, **more: object) -> RunData:
    """A run whose best epoch is 5 and whose samples were scored at one epoch alone."""
    path = folder / f"{name}.json"
    found = card([f"Mondat {n}." for n in range(8)], score + 0.1 * np.arange(8))
    path.write_text(json.dumps(found.to_dict()), encoding="utf-8")
    files = {f"samples/epoch_{epoch:03d}/scorecard.json": path}
    return RunData(name, histories=HISTORY, files=files, **more)


def test_marks_decide_where_they_are_of_the_weights_that_would_be_deployed(tmp_path: Path) -> None:
    fair = [scored("first", tmp_path, 5, 6.0), scored("second", tmp_path, 5, 8.0)]
    found = compare_runs(fair, rules(), VERDICT, [gates()] * 2)
    assert found.verdict.headline == (
        "second (checkpoint of epoch 5) is the best, but not good enough to deploy"
    )
    assert found.verdict.reasons[0] == "minimum gates not met: Mel CE 4.30 (below 3.5)"
    page = write_comparison(found, tmp_path / "page").html.read_text("utf-8")
    whole = found.pairs[0].evidence.scores["overall"]
    assert f"there overall goes from {whole.first:.2f} to {whole.second:.2f}." in page
    unfair = [scored("untrained", tmp_path, 0, 6.0), fair[1]]
    found = compare_runs(unfair, rules(), VERDICT, [gates()] * 2)
    assert found.verdict.winner is None
    assert any(
        "the scores of untrained are of epoch 0, its best weights of epoch 5; run python -m "
        "xttslab.evaluate run=untrained" in reason
        for reason in found.verdict.reasons
    )


def test_a_run_that_never_beat_its_start_does_not_win_over_it_by_scores(tmp_path: Path) -> None:
    start = scored("start", tmp_path, 5, 6.0, run_id="a" * 32)
    further = replace(
        scored("further", tmp_path, 0, 8.0, tags={"init_from_run": "a" * 32}),
        histories={"eval/mel_ce": {0: 4.3, 3: 4.4, 5: 4.5, 6: 4.5, 7: 4.6, 8: 4.7}},
    )
    found = compare_runs([start, further], rules(), VERDICT, [gates()] * 2)
    assert found.verdict.winner is None
    reason = "further never got better than its start, the weights of start"
    assert reason in found.verdict.reasons
    assert reason in write_comparison(found, tmp_path).html.read_text(encoding="utf-8")


def test_an_imported_run_is_compared_in_what_is_known_of_it() -> None:
    ours = RunData("ours", params={"optim.lr": "1e-5", "batch.prompt": "self", "seed": "7"})
    theirs = RunData("theirs", params={"optim.lr": "5e-6"}, tags={"imported.from": "coqui x"})
    found = compare_runs([ours, theirs], rules(), VERDICT, [gates()] * 2)
    assert found.settings == [("optim.lr", ["1e-5", "5e-6"])]
    assert any("which clips theirs held out is not known" in r for r in found.verdict.reasons)


def test_a_run_is_not_compared_with_itself() -> None:
    with pytest.raises(UserError, match=r"runs=\[a,a\]: name two or more different runs"):
        compare_runs([RunData("a"), RunData("a")], rules(), VERDICT, [gates()] * 2)
    with pytest.raises(UserError, match=r"runs=\[a\]: name two or more runs"):
        compare_references(["a"], URI, rules(), VERDICT, None, gates(), None)
