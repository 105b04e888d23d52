"""What a person changed stays; what they left alone follows the source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from xttslab.data.manifest import Clip
from xttslab.data.preparing.assembly import by_name, merge

ROW = Clip(Path("wavs/a.wav"), "Szöveg.", "s", split="eval", source="x")


def merged(made: Clip | None, current: Clip | None, written: Clip | None) -> tuple[list, list]:
    return merge(*({"a": clip} if clip else {} for clip in (made, current, written)))


def test_a_new_clip_is_added_after_the_others() -> None:
    new = replace(ROW, audio=Path("wavs/b.wav"), split="")
    rows, deleted = merge(by_name([new, ROW]), by_name([ROW]), by_name([ROW]))
    assert (rows, deleted) == ([ROW, new], [])


@pytest.mark.parametrize(
    ("change", "edit", "wanted"),
    [
        ({"text": "Új."}, {}, {"text": "Új."}),
        ({"text": "Új."}, {"text": "Kézi."}, {"text": "Kézi."}),
        ({"text": ""}, {}, {}),
        ({"split": "train"}, {}, {}),
        ({"speaker": "t"}, {}, {"speaker": "t"}),
        ({"category": "question"}, {}, {"category": "question"}),
        (
            {"category": "question"},
            {"category": "greeting", "category_assumed": False},
            {"category": "greeting", "category_assumed": False},
        ),
    ],
)
def test_a_cell_follows_the_source_until_a_person_writes_in_it(
    change: dict[str, str], edit: dict[str, object], wanted: dict[str, object]
) -> None:
    rows, _ = merged(replace(ROW, **change), replace(ROW, **edit), ROW)
    assert rows == [replace(ROW, **wanted)]


def test_a_proposal_that_a_person_confirmed_is_not_proposed_again() -> None:
    proposed = replace(ROW, category="question")
    confirmed = replace(proposed, category_assumed=False)
    assert merged(proposed, confirmed, proposed)[0] == [confirmed]


def test_a_deleted_row_does_not_come_back() -> None:
    assert merged(ROW, None, ROW) == ([], [ROW])


def test_rows_of_other_sources_stay() -> None:
    assert merged(None, ROW, ROW) == ([ROW], [])
    assert merged(None, ROW, None) == ([ROW], [])
