"""The packed layout, and which codes the loss leaves out: Coqui's mask bugs beside our mask."""

from __future__ import annotations

import numpy as np
import pytest

from xttslab.data.batches import AFTER_STOP, CODE, IGNORED, STOP, Example, TokenSpec, collate

SPEC = TokenSpec(start_text=9, stop_text=0, start_audio=64, stop_audio=65, prompt_latents=2)


def example(row: int, text: int, codes: int, span: tuple[int, int] | None = None) -> Example:
    prompt = np.zeros((80, 8), dtype=np.float32)
    return Example(row, np.full(text, 3), np.arange(codes) % 64, prompt, span)


def test_parts_lie_back_to_back_and_padding_at_the_end() -> None:
    batch = collate([example(5, 2, 3), example(6, 1, 1)], SPEC, "none")
    assert batch.rows.tolist() == [5, 6]
    assert batch.text.tolist() == [[9, 3, 3], [9, 3, 0]]
    assert batch.audio.tolist() == [[64, 0, 1, 2, 65, 65, 65], [64, 0, 65, 65, 65, 65, 65]]
    # latents 0-1, text 2-4, audio 5-11; the second clip skips the padded text position 4
    assert batch.order.tolist()[0] == list(range(12))
    assert batch.order.tolist()[1][:9] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert batch.text_at.tolist() == [2, 3, 4, 14, 15]
    assert batch.text_targets.tolist() == [3, 3, 0, 3, 0]
    assert batch.audio_at.tolist() == [5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20]
    assert batch.audio_targets.tolist() == [0, 1, 2, 65, 65, 65, 65, 0, 65, 65, 65, 65]
    assert batch.audio_kinds.tolist()[:7] == [CODE] * 3 + [STOP] + [AFTER_STOP] * 3
    assert batch.audio_rows.tolist() == [0] * 7 + [1] * 5


def test_text_stop_follows_the_text_when_training_sees_it() -> None:
    seen = TokenSpec(9, 0, 64, 65, prompt_latents=2, text_stop_seen=True)
    batch = collate([example(0, 2, 3)], seen, "none")
    assert batch.text.tolist() == [[9, 3, 3, 0]]
    assert batch.text_at.tolist() == [2, 3, 4]  # nothing is predicted after the stop
    assert batch.audio_at.tolist()[0] == 6


def scored(examples: list[Example], mask: str) -> list[list[bool]]:
    batch = collate(examples, SPEC, mask)
    kept = batch.audio_targets != IGNORED
    return [kept[batch.audio_rows == row].tolist() for row in range(len(examples))]


def test_fixed_mask_covers_the_prompt_of_every_clip() -> None:
    first, second = scored([example(0, 1, 6, (1, 3)), example(1, 1, 6, (0, 2))], "fixed")
    assert first == [True, False, False, True, True, True] + [True] * 4
    assert second == [False, False, True, True, True, True] + [True] * 4


def test_coqui_mask_covers_the_last_clip_alone_and_four_times_too_far() -> None:
    first, second = scored([example(0, 1, 6, (1, 2)), example(1, 1, 6, (1, 2))], "coqui")
    assert all(first)
    assert second == [True] * 4 + [False] * 4 + [True] * 2  # a stop or two with it


def test_stops_are_always_scored_even_where_the_prompt_covers_the_clip() -> None:
    (fixed,) = scored([example(0, 1, 5, (0, 9))], "fixed")
    assert fixed == [False] * 5 + [True] * 4
    (coqui,) = scored([example(0, 1, 5, (0, 9))], "coqui")
    assert not any(coqui)  # their mean over nothing is NaN


@pytest.mark.parametrize("mask", ["fixed", "coqui"])
def test_a_prompt_from_another_clip_masks_nothing(mask: str) -> None:
    (kept,) = scored([example(0, 1, 5)], mask)
    assert all(kept)


def test_prompts_of_one_length_share_a_group_and_none_is_padded() -> None:
    lengths = [8, 12, 8]
    examples = [
        Example(i, np.ones(1), np.ones(2), np.full((80, frames), i, dtype=np.float16))
        for i, frames in enumerate(lengths)
    ]
    groups = collate(examples, SPEC, "none").prompts
    assert [(rows.tolist(), tuple(mel.shape)) for rows, mel in groups] == [
        ([0, 2], (2, 80, 8)),
        ([1], (1, 80, 12)),
    ]
    assert groups[0][1][1].unique().tolist() == [2.0]
