"""Loaders over encoded clips: what each batch holds, and that codes are computed once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_clips
from tests.data.test_corpus import Letters
from xttslab.data.batches import CODE, IGNORED, TokenSpec
from xttslab.data.codes import fill_store
from xttslab.data.corpus import load_corpus
from xttslab.data.datamodule import BatchSettings, ClipData
from xttslab.data.manifest import ClipLimits

SPEC = TokenSpec(start_text=72, stop_text=0, start_audio=64, stop_audio=65)


class Counting:
    """An encoder that counts what it is given; its codes and mels tell which clip they are of."""

    fingerprint = "counting"

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, waves: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        self.encoded += len(waves)
        results = []
        for wave in waves:
            codes = np.full(-(-len(wave) // 1024), int(abs(wave[3000]) * 1e6) % 64, np.uint16)
            results.append((codes, np.full((80, 1 + len(wave) // 256), codes[0], np.float16)))
        return results


@pytest.fixture
def data(tmp_path: Path):
    def build(
        prompt: str = "self", balance: str = "none", codec: Counting | None = None
    ) -> ClipData:
        folder = tmp_path / "milliomos"
        if not folder.is_dir():
            make_clips(folder, "milliomos", ["greeting", "tension"], each=8)
        sources, limits = {"milliomos": str(folder)}, ClipLimits(400, 604)
        corpus = load_corpus("set", sources, "hu", Letters(), limits, tmp_path / "h.json", None)
        store, keys = fill_store(corpus, codec or Counting(), tmp_path / "codes")
        settings = BatchSettings(3, 0, 4, balance, 3, 5, prompt, (0.3, 0.6), 0)
        return ClipData(corpus, SPEC, store, keys, settings, "fixed", seed=7)

    return build


def test_codes_are_computed_once(data, tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    data(codec=first)
    data(codec=second)
    assert (first.encoded, second.encoded) == (16, 0)
    changed = tmp_path / "milliomos/wavs/000.wav"
    changed.write_bytes(changed.read_bytes()[:-2000])
    data(codec=second)
    assert second.encoded == 1


def test_runs_that_start_together_compute_codes_once(data, tmp_path: Path) -> None:
    corpus, codecs = data().corpus, [Counting() for _ in range(4)]
    with ThreadPoolExecutor(4) as starts:
        stores = list(starts.map(lambda codec: fill_store(corpus, codec, tmp_path / "new"), codecs))
    assert sorted(codec.encoded for codec in codecs) == [0, 0, 0, 16]
    assert [len(store) for store, _ in stores] == [16] * 4


def test_an_epoch_holds_every_training_clip_once(data) -> None:
    clips = data()
    seen = [row for batch in clips.train_dataloader() for row in batch.rows.tolist()]
    assert sorted(seen) == clips.corpus.train
    held_out = clips.val_dataloader()[0]
    assert sorted(r for b in held_out for r in b.rows.tolist()) == clips.corpus.eval


def test_a_prompt_of_the_clip_itself_masks_its_codes(data) -> None:
    clips = data(prompt="self")
    for batch in clips.train_dataloader():
        frames = {row: mel.shape[-1] for rows, mel in batch.prompts for row in rows.tolist()}
        for position, row in enumerate(batch.rows.tolist()):
            mine = (batch.audio_rows == position) & (batch.audio_kinds == CODE)
            masked = int((batch.audio_targets[mine] == IGNORED).sum())
            assert masked == frames[position] // 4
            assert int(mine.sum()) == clips.code_counts([row])[0]


def test_a_prompt_of_another_clip_is_of_its_category(data) -> None:
    clips = data(prompt="other")
    code_of = {row: int(clips.store[clip.key].codes[0]) for row, clip in enumerate(clips.clips)}
    for batch in clips.train_dataloader():
        assert (batch.audio_targets != IGNORED).all()
        prompts = {
            row: mel
            for rows, mels in batch.prompts
            for row, mel in zip(rows.tolist(), mels, strict=True)
        }
        for position, mel in prompts.items():
            row = int(batch.rows[position])
            category = clips.corpus.clips[row].category
            allowed = {
                code_of[other]
                for other in clips.corpus.train
                if other != row and clips.corpus.clips[other].category == category
            }
            assert int(mel[0, 0]) in allowed


def test_evaluation_never_changes_and_scores_every_code(data) -> None:
    clips = data()
    for loader in clips.val_dataloader():
        first, second = list(loader), list(loader)
        for one, two in zip(first, second, strict=True):
            assert one.order.equal(two.order)
            assert (one.audio_targets != IGNORED).all()
            assert all(a[1].equal(b[1]) for a, b in zip(one.prompts, two.prompts, strict=True))


def test_the_reference_loader_prompts_with_another_clip(data) -> None:
    clips = data()
    own, _, by_reference, _ = clips.val_dataloader()
    (first,), (second,) = list(own), list(by_reference)
    assert first.rows.equal(second.rows)
    assert first.audio_targets.equal(second.audio_targets)
    for row in first.rows.tolist():
        assert clips.clips[row].reference in clips.corpus.train


def test_the_last_loader_gives_each_held_out_clip_the_text_of_another(data) -> None:
    clips = data()
    own, *_, other = clips.val_dataloader()
    (first,), (second,) = list(own), list(other)
    assert first.rows.equal(second.rows)
    assert first.audio_targets.equal(second.audio_targets)
    assert all(a[1].equal(b[1]) for a, b in zip(first.prompts, second.prompts, strict=True))
    for position, row in enumerate(first.rows.tolist()):
        scored = second.text_targets[second.text_rows == position].tolist()
        text = clips.corpus.tokens[clips.corpus.other_texts[row]].tolist()
        assert scored == [*text, SPEC.stop_text]
        assert text != clips.corpus.tokens[row].tolist()


def test_without_another_held_out_text_there_is_no_loader_of_other_texts(data) -> None:
    clips = data()
    only = clips.corpus.eval[0]
    held_out = [
        replace(clip, split="train") if row != only else clip
        for row, clip in enumerate(clips.corpus.clips)
    ]
    clips.corpus = replace(clips.corpus, clips=tuple(held_out))
    assert clips.corpus.eval == [only]
    assert clips.corpus.other_texts == {}
    assert len(clips.val_dataloader()) == 3


def test_train_eval_is_a_fixed_part_of_training(data) -> None:
    clips = data()
    assert len(clips.train_eval_rows()) == 5
    assert set(clips.train_eval_rows()) <= set(clips.corpus.train)
    assert data().train_eval_rows() == clips.train_eval_rows()


def test_code_statistics_are_of_the_training_clips(data) -> None:
    clips = data()
    counts: dict[int, int] = {}
    for row in clips.corpus.train:
        codes = clips.store[clips.clips[row].key].codes
        counts[int(codes[0])] = counts.get(int(codes[0]), 0) + len(codes)
    shares = np.array(list(counts.values())) / sum(counts.values())
    statistics = clips.code_statistics()
    assert statistics["codes/in_use"] == len(counts)
    assert statistics["codes/unigram_entropy"] == pytest.approx(-(shares * np.log(shares)).sum())


def test_shares_follow_the_balance(data) -> None:
    assert data().shares() == pytest.approx({"milliomos/greeting": 0.5, "milliomos/tension": 0.5})
