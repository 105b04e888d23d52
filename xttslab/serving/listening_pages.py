"""Serves a blind listening test as a page on this machine and keeps every vote with its runs."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, Response

from xttslab.data.audio_names import audio_files
from xttslab.errors import UserError
from xttslab.evaluation.aspects import RATED, TITLES
from xttslab.reporting.findings import FindingRules, find
from xttslab.reporting.html import playable, render
from xttslab.reporting.listening import Entrant, ListeningPlan, ListeningTest, Stimulus
from xttslab.reporting.run_data import RunData, load_run
from xttslab.reporting.sample_clips import real_recordings, sentence_texts, spoken_samples
from xttslab.reporting.scores import nearest
from xttslab.reporting.tournament import standings
from xttslab.reporting.votes import (
    VOTES,
    Vote,
    append_vote,
    candidate,
    listener_metrics,
    read_votes,
    together,
)
from xttslab.serving.local_pages import Access, LocalServer, access_for, bind, page_app
from xttslab.tracking.journal import Journal
from xttslab.tracking.run_tracker import RunTracker

log = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_LONGEST_ANSWER = 10_000  # bytes
_LONGEST_NAME = 80
BEST, ALL = "best", "all"  # epochs of a run, beside their numbers


class _Answer(BaseModel):
    """`{"task": "…", "choice": "a", "scores": {}, "listener": ""}`."""

    task: str
    choice: str | None = None
    scores: dict[str, int] = Field(default_factory=dict)
    listener: Annotated[str, Field(max_length=_LONGEST_NAME)] = ""


def listening_app(test: ListeningTest, record: Callable[[Vote], None], access: Access) -> FastAPI:
    """The application: the page, the next question, a recording, and a vote, which `record` keeps
    before the page says so."""
    app = page_app(access, _LONGEST_ANSWER)
    lock = threading.Lock()  # requests come from several threads

    @app.get("/")
    def page() -> Response:
        aspects = [(name, TITLES[name]) for name in RATED]
        content = {"aspects": aspects, "title": "Blind listening"}
        return HTMLResponse(render("listening_test.html.j2", content))

    @app.get("/next")
    def next_question(
        listener: Annotated[str, Query(max_length=_LONGEST_NAME)] = "",
    ) -> dict[str, Any]:
        with lock:
            return test.next(listener.strip())

    @app.get("/clip/{key}")
    def clip(key: str) -> Response:
        path = test.path(key)
        sound = playable(path) if path else b""
        if not sound:
            raise HTTPException(404, "there is no such recording")
        return Response(sound, media_type="audio/mpeg")

    @app.post("/vote")
    def vote(answer: _Answer) -> dict[str, bool]:
        with lock:
            given = test.vote(answer.task, answer.model_dump(), answer.listener.strip())
            record(given)
            test.note(answer.task, given)
        return {"saved": True}

    return app


class Session:
    """One listening test: its page, and the votes as they come.

    A vote goes to `<run folder>/listener/votes.jsonl` of every run that it is about, and all the
    run's votes so far become its metrics `listener/…` at step = number of votes.
    """

    def __init__(self, runs: Sequence[RunData], entrants: Sequence[Entrant], plan: ListeningPlan,
                 port: int) -> None:  # fmt: skip
        self._folders = {run.name: run.run_dir for run in runs if run.run_dir}
        self._trackers = {
            name: RunTracker.attach(folder)
            for name, folder in self._folders.items()
            if Journal(folder).exists()
        }
        for run in runs:
            if run.name not in self._trackers:
                log.warning("run %s: its folder is not on this disk; its votes are lost", run.name)
        self.given = 0
        real = {stimulus.path: stimulus for run in runs for stimulus in _real(run)}
        before = together(read_votes(folder / VOTES) for folder in self._folders.values())
        self.test = ListeningTest(entrants, list(real.values()), plan, before)
        access = access_for(_HOST, secrets.token_urlsafe(24))
        app = listening_app(self.test, self.record, access)
        self.server = LocalServer(app, access, bind(_HOST, port))

    def record(self, vote: Vote) -> None:
        """Keep a vote with the runs that it is about, a real clip's with all of them."""
        self.given += 1
        about = [name for name in self._trackers if vote.about(name)] or list(self._trackers)
        for name in about:
            path, tracker = self._folders[name] / VOTES, self._trackers[name]
            append_vote(path, vote)
            votes = read_votes(path)
            tracker.log_metrics(listener_metrics(votes, name), len(votes))
            tracker.log_artifact(path, VOTES.rpartition("/")[0])

    def close(self) -> None:
        """Wait until the votes are in MLflow; a second call does nothing."""
        while self._trackers:
            self._trackers.popitem()[1].close()


def listen(
    references: Sequence[str],
    uri: str,
    rules: FindingRules,
    epochs: Sequence[int | str],
    others: Sequence[str],
    plan: ListeningPlan,
    port: int,
) -> int:
    """Serve the listening test until Ctrl-C and print how the candidates stand; returns how many
    votes were given."""
    runs = [load_run(reference, uri) for reference in references]
    session = Session(runs, entrants_of(runs, rules, epochs, others), plan, port)
    print(f"voices     {', '.join(session.test.names)}")
    try:
        session.server.run("listen")
    finally:
        session.close()
    print(f"votes      {session.given}, kept with the runs and in MLflow as listener/…")
    for place, one in enumerate(standings(session.test.names, session.test.votes), 1):
        low, high = (f"{100 * end:.0f}" for end in (one.strength.low, one.strength.high))
        print(
            f"{'standing' if place == 1 else '':<11}{place}. {one.name}: preferred to an average "
            f"one in {100 * one.strength.value:.0f} % ({low} to {high}), the best with "
            f"{100 * one.best:.0f} %; {one.votes} votes"
        )
    return session.given


def entrants_of(
    runs: Sequence[RunData],
    rules: FindingRules,
    epochs: Sequence[int | str],
    others: Sequence[str] = (),
) -> list[Entrant]:
    """Each run's samples of the wanted epochs, and the recordings of other systems.

    `epochs`: numbers, `best` or `all`; the nearest epoch with samples is taken. `others`: folders
    whose files are named as the samples are. Raises UserError for an epoch that is none, and for a
    folder that has no such file.
    """
    found: dict[str, Entrant] = {}
    for run in runs:
        spoken, texts = spoken_samples(run), sentence_texts(run)
        best = nearest(spoken, find(run, rules).choice.epoch)
        for epoch in _wanted(epochs, list(spoken), best):
            name = candidate(run.name, epoch)
            clips = (
                Stimulus(name, clip, texts.get(clip, ""), category, path)
                for clip, category, path in spoken[epoch]
            )
            found[name] = Entrant(name, tuple(clips), judged=epoch == best)
    sentences = {clip.name: clip for entrant in found.values() for clip in entrant.stimuli}
    for folder in map(Path, others):
        entrant = _other(folder, sentences)
        if entrant.name in found:
            raise UserError(f"others={folder}: a voice of that name is compared already; rename it")
        found[entrant.name] = entrant
    return list(found.values())


def _wanted(epochs: Sequence[int | str], spoken: list[int], best: int | None) -> list[int]:
    wanted: list[int] = []
    for epoch in epochs:
        if str(epoch) == ALL:
            wanted += spoken
        elif str(epoch) == BEST:
            wanted += [] if best is None else [best]
        elif str(epoch).isdecimal():
            wanted += [near] if (near := nearest(spoken, int(epoch))) is not None else []
        else:
            raise UserError(f"epochs={epoch}: name epochs by number, or {BEST}, or {ALL}")
    return sorted(set(wanted))


def _other(folder: Path, sentences: dict[str, Stimulus]) -> Entrant:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; correct others=")
    named = {path.stem: path for path in audio_files(folder) if path.parent == folder}
    clips = tuple(
        Stimulus(folder.name, name, clip.text, clip.category, named[name])
        for name, clip in sentences.items()
        if name in named
    )
    if not clips:
        expected = ", ".join(f"{name}.wav" for name in sorted(sentences)[:3])
        raise UserError(f"{folder}: no file is named as the samples are ({expected} …)")
    return Entrant(folder.name, clips, judged=False)


def _real(run: RunData) -> list[Stimulus]:
    """The held-out recordings of a run's data, as far as its folders are here."""
    return [
        Stimulus("", audio.stem, clip.text, clip.category, audio)
        for clip, audio in real_recordings(run)
        if audio.is_file()
    ]
