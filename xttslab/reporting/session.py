"""Runs in, a blind listening session out, whose votes are kept with the runs and in MLflow."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import yaml

from xttslab.reporting.blind_server import BlindServer
from xttslab.reporting.booth import Booth, Stimulus, build_booth
from xttslab.reporting.findings import FindingRules, find
from xttslab.reporting.listening import VOTES, Vote, append_vote, listener_metrics, read_votes
from xttslab.reporting.record import RunData
from xttslab.reporting.samples import sentence_texts, spoken_samples
from xttslab.reporting.scores import nearest
from xttslab.tracking.journal import Journal
from xttslab.tracking.store import RunTracker

log = logging.getLogger(__name__)


class Session:
    """One sitting: the blind page, and the votes as they come.

    A vote goes to `<run folder>/listener/votes.jsonl` of every run that it is about, and all the
    run's votes so far become its metrics `listener/…` at step = number of votes.
    """

    def __init__(self, runs: Sequence[RunData], rules: FindingRules, tasks: int, port: int) -> None:
        self._folders = {run.name: run.run_dir for run in runs if run.run_dir}
        self._trackers = {
            name: RunTracker.attach(folder)
            for name, folder in self._folders.items()
            if Journal(folder).exists()
        }
        for run in runs:
            if run.name not in self._trackers:
                log.warning("run %s: its folder is not on this disk; its votes are lost", run.name)
        self._lock = threading.Lock()
        self.votes = 0
        self.server = BlindServer(booth_of(runs, rules, tasks), self.record, port)

    def record(self, vote: Vote) -> None:
        """Keep a vote; called from the server's threads."""
        with self._lock:
            self.votes += 1
            about = vote.runs or list(self._trackers)  # a real clip tells about all of them
            for name in about:
                if name in self._trackers:
                    self._keep(name, vote)

    def close(self) -> None:
        """Stop serving and wait until the votes are in MLflow; a second call does nothing."""
        self.server.server_close()
        while self._trackers:
            self._trackers.popitem()[1].close()

    def _keep(self, name: str, vote: Vote) -> None:
        path, tracker = self._folders[name] / VOTES, self._trackers[name]
        append_vote(path, vote)
        votes = read_votes(path)
        tracker.log_metrics(listener_metrics(votes, name), len(votes))
        tracker.log_artifact(path, VOTES.rpartition("/")[0])


def booth_of(runs: Sequence[RunData], rules: FindingRules, tasks: int) -> Booth:
    """Each run's samples nearest to its best epoch, and the held-out recordings on this disk."""
    spoken = {run.name: _spoken(run, rules) for run in runs}
    real = {stimulus.path: stimulus for run in runs for stimulus in _real(run)}
    return build_booth(spoken, list(real.values()), tasks)


def _spoken(run: RunData, rules: FindingRules) -> list[Stimulus]:
    epochs, texts = spoken_samples(run), sentence_texts(run)
    if not epochs:
        return []
    shown = nearest(epochs, find(run, rules).choice.epoch)
    return [
        Stimulus(run.name, name, texts.get(name, ""), category, path)
        for name, category, path in epochs[shown]
    ]


def _real(run: RunData) -> list[Stimulus]:
    """The held-out recordings of a run's data, as far as its folders are here."""
    path = run.files.get("config/config.yaml")
    config = yaml.safe_load(path.read_text(encoding="utf-8")) if path else None
    sources = ((config or {}).get("dataset") or {}).get("sources") or {}
    found = []
    for clip in run.clips:
        audio = Path(sources.get(clip.source, "")) / clip.audio_file
        if clip.split == "eval" and clip.source in sources and audio.is_file():
            found.append(Stimulus("", audio.stem, clip.text, clip.category, audio))
    return found
