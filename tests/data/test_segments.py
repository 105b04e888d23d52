"""The order of segments: every clip as often, by seed and epoch, dealt out to devices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from xttslab.data import segments
from xttslab.data.audio import AudioFault
from xttslab.data.segments import (
    SILENCE,
    SegmentOrder,
    WholeClip,
    clip_loaders,
    pack,
    read_recordings,
)


def test_order_is_every_clip_and_repeats_by_seed_and_epoch() -> None:
    order = SegmentOrder(5, 3, seed=2)
    first = list(order)
    assert sorted(row for row, _ in first) == sorted([0, 1, 2, 3, 4] * 3)
    assert list(order) == first
    order.set_epoch(1)
    assert list(order) != first
    fixed = SegmentOrder(5, 1, seed=2, fixed=True)
    before = list(fixed)
    fixed.set_epoch(3)
    assert list(fixed) == before
    assert [row for row, _ in before] == [0, 1, 2, 3, 4]


def test_devices_share_an_epoch_out_evenly() -> None:
    whole = list(SegmentOrder(5, 3, seed=2))
    parts = [list(SegmentOrder(5, 3, seed=2, rank=rank, world=2)) for rank in (0, 1)]
    assert [len(part) for part in parts] == [7, 7] == [len(SegmentOrder(5, 3, 2, world=2))] * 2
    assert sorted(parts[0] + parts[1]) == sorted(whole[:14])


PITCHES = (120.0, 180.0, 260.0)
SECONDS = 0.8


@pytest.fixture
def voices(tmp_path: Path) -> list[Path]:
    """Three sounds of three pitches, eight harmonics each, at 22,050 Hz."""
    paths = []
    for pitch in PITCHES:
        turns = pitch * np.arange(round(SECONDS * 22_050)) / 22_050
        wave = sum(np.sin(2 * np.pi * k * turns) / k for k in range(1, 9))
        paths.append(tmp_path / f"{pitch:.0f}.wav")
        sf.write(paths[-1], 0.2 * wave, 22_050, subtype="FLOAT")
    return paths


@pytest.mark.parametrize("together", [64, 1])  # in this process; in two others
def test_every_recording_in_order_at_both_rates(voices, together, monkeypatch) -> None:
    monkeypatch.setattr(segments, "RECORDINGS_PER_TASK", together)
    found = list(read_recordings(voices, 24_000, pitch=True, cores=2))
    assert [len(one.speech) for one in found] == [round(SECONDS * 24_000)] * 3
    assert [len(one.wave) for one in found] == [round(SECONDS * 22_050)] * 3
    assert {one.speech.dtype for one in found} == {np.dtype(np.int16)}
    peaks = [np.abs(one.wave).max() / 32767 for one in found]
    np.testing.assert_allclose(
        peaks, [np.abs(sf.read(path)[0]).max() for path in voices], atol=1e-4
    )
    for one, pitch in zip(found, PITCHES, strict=True):
        assert np.median(one.pitch.hertz[one.pitch.hertz > 0]) == pytest.approx(pitch, rel=0.01)


def test_pitch_is_left_out_where_no_decoder_asks(voices) -> None:
    assert all(
        len(one.pitch.hertz) == 0 for one in read_recordings(voices, 24_000, pitch=False, cores=2)
    )


def test_a_missing_recording_is_named(tmp_path) -> None:
    with pytest.raises(AudioFault, match=r"gone\.wav: no such audio file"):
        list(read_recordings([tmp_path / "gone.wav"], 24_000, pitch=True, cores=2))


def clip(codes: int, *tokens: int) -> WholeClip:
    return WholeClip(np.full(codes * 1024, 0.5, dtype=np.float32), np.array(tokens))


def test_clips_lie_side_by_side_with_silence_behind() -> None:
    batch = pack([clip(2, 7, 8, 9), clip(5, 4)])
    assert batch.wave.shape == (2, (5 + SILENCE) * 1024)
    assert batch.wave[0].count_nonzero() == 2 * 1024
    assert batch.codes.tolist() == [2 + SILENCE, 5 + SILENCE]
    assert batch.tokens.tolist() == [7, 8, 9, 4]
    assert batch.token_counts.tolist() == [3, 1]


def test_every_clip_comes_as_often_as_asked_within_the_size() -> None:
    clips = [clip(4 + i, i) for i in range(10)]
    train, fixed = clip_loaders(clips, clips[:3], batch_codes=50, passes=3, seed=1)
    batches = list(train)
    assert sorted(t for b in batches for t in b.tokens.tolist()) == sorted(list(range(10)) * 3)
    assert max(b.wave.numel() // 1024 for b in batches) <= 50
    first = [batch.tokens.tolist() for batch in fixed]
    assert sorted(token for batch in first for token in batch) == [0, 1, 2]
    assert [batch.tokens.tolist() for batch in fixed] == first
