"""Which question a blind listener is asked next, and what the browser may know of it."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from xttslab.errors import UserError
from xttslab.reporting.listening import Entrant, ListeningPlan, ListeningTest, Stimulus
from xttslab.reporting.votes import Vote


def clips(run: str, count: int = 4) -> tuple[Stimulus, ...]:
    return tuple(
        Stimulus(run, f"{n:02d}_neutral", f"Mondat {n}.", "neutral", Path(f"{run}{n}.wav"))
        for n in range(count)
    )


def made(*names: str, count: int = 4, real: int = 0, tasks: int = 4, seed: int = 1, **more):
    entrants = [Entrant(name, clips(name, count)) for name in names]
    plan = ListeningPlan(tasks, 0.95)
    return ListeningTest(entrants, clips("", real), plan, rng=random.Random(seed), **more)


def answers(test: ListeningTest, listener: str = "", stop: int = 10_000) -> list[Vote]:
    """What a listener says who always prefers the candidate that comes last in the alphabet."""
    given: list[Vote] = []
    while (task := test.next(listener)["task"]) and len(given) < stop:
        kind = task["kind"]
        names = [clip.run for clip in test._open[task["id"]].stimuli]
        answer = {"choice": "ab"[names.index(max(names))]} if kind == "ab" else {"choice": "real"}
        answer = {"scores": {"naturalness": 7}} if kind == "scores" else answer
        vote = test.vote(task["id"], answer, listener)
        test.note(task["id"], vote)
        given.append(vote)
    return given


def test_every_kind_is_asked_and_no_question_names_a_run() -> None:
    test = made("run_one", "run_two", real=2)
    asked = test.next("")["task"]
    assert asked["text"].startswith("Mondat")
    assert "run_" not in str(asked)
    kinds = Counter(vote.kind for vote in answers(test))
    assert kinds == {"ab": 4, "scores": 4, "real": 4}
    assert test.next("") == {"task": None, "done": 12, "of": 12}


def test_real_clips_and_synthetic_ones_are_as_many_and_have_no_sentence() -> None:
    test = made("one", real=6, tasks=8)
    given = [vote for vote in answers(test) if vote.kind == "real"]
    assert Counter(len(vote.runs) for vote in given) == {0: 4, 1: 4}
    assert len({(vote.clip, *vote.runs) for vote in given}) == 8
    hidden = made("one", real=6, tasks=8, votes=[v for v in test.votes if v.kind == "scores"])
    assert hidden.next("")["task"]["text"] == ""


def test_no_sentence_of_a_pair_is_heard_twice_and_sides_are_drawn() -> None:
    test = made("one", "two", count=40, tasks=40)
    sides = []
    for _ in range(40):
        task = test.next("")["task"]
        sides.append(test._open[task["id"]].stimuli[0].run)
        test.note(task["id"], test.vote(task["id"], {"choice": "b"}, ""))
    assert 8 < sides.count("one") < 32
    assert len({vote.clip for vote in test.votes}) == 40
    assert [vote.answer != side for vote, side in zip(test.votes, sides, strict=True)] == [
        True
    ] * 40


def test_a_listener_goes_on_where_they_stopped_and_another_begins() -> None:
    first = made("one", "two", real=2)
    before = answers(first, "Éva", stop=5)
    again = made("one", "two", real=2, votes=list(before), seed=2)
    assert again.next("Éva")["done"] == 5
    later = answers(again, "Éva")
    pairs = [vote.clip for vote in (*before, *later) if vote.kind == "ab"]
    assert sorted(pairs) == sorted(set(pairs))
    assert again.next("Ádám")["done"] == 0
    # pairs with voices that are not heard here do not count
    other = made("one", "three", votes=list(before)).votes
    assert all(vote.runs == ["one"] for vote in other)


def test_a_tournament_ends_when_its_best_is_found_with_less_than_half_of_the_pairs() -> None:
    test = made(*"abcdef", count=14, tasks=14)
    assert test.next("")["of"] == 104 + 14
    pairs = [vote for vote in answers(test) if vote.kind == "ab"]
    assert len(pairs) < 15 * 14 / 2
    strengths = test.strengths()
    assert strengths.names[strengths.mean.argmax()] == "f"
    assert strengths.chances()[-1] >= 0.95


def test_only_judged_voices_are_scored_and_set_among_real_ones() -> None:
    entrants = [Entrant("one", clips("one")), Entrant("other", clips("other"), judged=False)]
    test = ListeningTest(entrants, clips("", 4), ListeningPlan(4, 0.95), rng=random.Random(1))
    judged = [name for vote in answers(test) if vote.kind != "ab" for name in vote.runs]
    assert set(judged) == {"one"}


def test_impossible_answers_are_refused() -> None:
    test = made("one", "two", tasks=1)
    task = test.next("")["task"]
    with pytest.raises(UserError, match="'c' is no answer here; use one of a, b, same"):
        test.vote(task["id"], {"choice": "c"}, "")
    test.note(task["id"], test.vote(task["id"], {"choice": "same"}, ""))
    assert test.votes[0].answer == ""
    with pytest.raises(UserError, match="this question was answered already, or is of another"):
        test.vote(task["id"], {"choice": "a"}, "")
    task = test.next("")["task"]
    with pytest.raises(UserError, match="naturalness: the score 11 is not a number from 1 to 10"):
        test.vote(task["id"], {"scores": {"naturalness": 11}}, "")
    with pytest.raises(UserError, match="no score was given; give at least one aspect a number"):
        test.vote(task["id"], {"scores": {}}, "")
    with pytest.raises(UserError, match="nothing to listen to"):
        made("one", count=0)
