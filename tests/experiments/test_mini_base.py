"""The recipe of a base from nothing, every step at tiny size, and the objectives that it adds."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.mini_base import run
from experiments.mini_base.ship import ship
from experiments.mini_base.stages import (
    OUTPUTS_PER_CODE,
    BaseDecoderStage,
    BaseDvaeStage,
    CtcHead,
    contrastive_loss,
    corrupt_codes,
    mel_by_code,
)
from tests.conftest import QUICK, TINY_MODEL, make_clips
from xttslab.data.batches import Example, TokenSpec, collate
from xttslab.data.segments import ClipBatch, WholeClip, pack
from xttslab.errors import UserError
from xttslab.model.base import ASSETS
from xttslab.model.checkpoints import read_tensors
from xttslab.model.codec import Codec
from xttslab.model.decoder import MiniDecoder
from xttslab.training.optim import constant
from xttslab.training.run import train

SPEC = TokenSpec(start_text=9, stop_text=0, start_audio=64, stop_audio=65, prompt_latents=2)
SMALL = (
    *TINY_MODEL,
    *(option for option in QUICK if "max_epochs" not in option),
    "trainer.precision=32-true",
    "timed_steps=0",
)
SIZES = {
    "dvae": ("stage.batches=4", "stage.batch_codes=80", "stage.plain_steps=2"),
    "gpt": ("batch.clips=8",),
    "decoder": ("stage.batches=2", "stage.segments=4", "stage.segment_codes=8"),
}


@pytest.fixture
def shipped(workplace: Path, compose, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All steps run at tiny size, on made-up clips in place of espeak-ng's and the teacher's;
    gives the folder that was shipped to."""
    out = workplace / "shipped"

    def command(module: str, *arguments: object, folder: Path = workplace) -> None:
        given = list(map(str, arguments))
        if module.endswith("espeak"):
            make_clips(Path(given[given.index("--out") + 1]), "espeak", ["neutral"], each=10)
        elif module.endswith("ship"):
            ship(given[0], out)
        else:
            stage = next((a.removeprefix("stage=") for a in given if a.startswith("stage=")), "gpt")
            places = f"hydra.searchpath=[file://{workplace / 'data/conf'}]"
            train(compose(places, *given, *SMALL, *SIZES[stage], "trainer.max_epochs=2"))

    for name, folder in (("CACHE", workplace), ("DATA", workplace / "data")):
        monkeypatch.setattr(run, name, folder)
    table = workplace / "data/milliomos/metadata.csv"
    lines = table.read_text("utf-8").splitlines(keepends=True)
    voices = [line.replace("beszélő", f"voice{i % 3}") for i, line in enumerate(lines)]
    table.write_text("".join(voices), encoding="utf-8")
    words = workplace / "words.dic"
    words.touch()
    monkeypatch.setattr(run, "WORDS", words)
    monkeypatch.setattr(run, "_require", lambda folder, shards: None)
    monkeypatch.setattr(run, "SPEECH", {"quick": workplace / "data/milliomos"})
    monkeypatch.setattr(run, "TEACHER", workplace / "data/blikk")
    monkeypatch.setattr(run, "_python", command)
    for step in run.STEPS.values():
        step()
    return out


def rows(name: str) -> list[dict[str, float]]:
    lines = Path(f"outputs/{name}/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_step_from_words_to_shipped_weights_is_run(shipped: Path) -> None:
    codec, read, sound = rows("codec"), rows("read"), rows("sound")
    assert codec[-1]["train/text_ctc"] < codec[1]["train/text_ctc"]
    assert math.isfinite(codec[-1]["eval/text_ctc"])
    assert read[-1]["train/mel_aux_l1"] < read[1]["train/mel_aux_l1"]
    assert 0 < sound[-1]["train/speaker"] < 3  # ln 4 by chance, among four segments
    assert "train/adversarial" in rows("decoder")[-1]
    files = {path.name: path for path in shipped.iterdir()}
    packaged = ASSETS / "xtts_mini"
    for name in ("gpt.safetensors", "decoder.safetensors", "codec.safetensors"):
        assert parts(files[name]) == parts(packaged / name)
    assert json.loads(files["config.json"].read_text("utf-8"))["model"] == "xtts_mini"


def parts(path: Path) -> set[tuple[str, ...]]:
    """The parts of a model that a file holds, without their layers."""
    return {tuple(name.split(".")[:2]) for name in read_tensors(path)}


def test_a_run_of_a_subclass_goes_on_as_if_it_had_not_been_interrupted(
    workplace, tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.mini_base.stages import BaseGptStage

    added = [option for option in run.GPT if "stage.module" in option]
    options = (*added, "trainer.max_epochs=3", "checkpoint.every_minutes=0")
    train(tiny("run_name=whole", *options))
    step = BaseGptStage.training_step

    def cut_off(self: BaseGptStage, batch, batch_idx):
        if self.current_epoch == 1 and batch_idx == 1:
            raise RuntimeError("the power went")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(BaseGptStage, "training_step", cut_off)
    with pytest.raises(RuntimeError, match="the power went"):
        train(tiny("run_name=cut", *options))
    monkeypatch.setattr(BaseGptStage, "training_step", step)
    train(tiny("run_name=cut", "resume=true", *options))
    whole, resumed = rows("whole"), rows("cut")
    assert [row["epoch"] for row in resumed] == [0, 1, 2, 3]
    for one, other in zip(whole, resumed, strict=True):
        for name in ("train/mel_ce", "train/mel_aux_l1", "eval/mel_ce"):
            assert other.get(name) == pytest.approx(one.get(name), abs=1e-6)
    kept = read_tensors(Path("outputs/cut/checkpoints/best.safetensors"))
    assert all(name.startswith("gpt.") for name in kept)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["stage.module._target_=no.such.Stage"], "stage.module: .*no.such.Stage"),
        (["+stage.module.mel_aux=1.0"], "stage.module: .*unexpected keyword argument 'mel_aux'"),
    ],
)
def test_a_module_that_does_not_fit_is_named(workplace, tiny, options, message) -> None:
    with pytest.raises(UserError, match=message):
        train(tiny("run_name=wrong", *options))


def example(row: int, text: int, codes: int) -> Example:
    prompt = np.zeros((80, 8), dtype=np.float32)
    return Example(row, np.full(text, 3), np.arange(codes) % 64, prompt)


def test_a_share_of_the_input_codes_becomes_others_of_the_clip() -> None:
    torch.manual_seed(0)
    batch = collate([example(0, 2, 600), example(1, 1, 30)], SPEC, "none")
    wrong = corrupt_codes(batch, 0.2)
    changed = wrong.audio != batch.audio
    assert 80 < int(changed[0].sum()) < 160  # a fifth of 600; few are drawn as they were
    assert int(changed[:, 0].sum()) == int(changed[1, 31:].sum()) == 0  # start, stops, padding
    assert set(wrong.audio[1, 1:31].tolist()) <= set(range(30))
    assert torch.equal(wrong.audio_targets, batch.audio_targets)
    assert torch.equal(corrupt_codes(batch, 0.0).audio, batch.audio)


def test_the_mel_of_a_code_is_that_of_its_frames() -> None:
    mel = np.arange(80 * 13, dtype=np.float16).reshape(80, 13)
    by_code = mel_by_code(mel, 3)
    assert by_code.shape == (3, 320)
    np.testing.assert_array_equal(by_code[1].reshape(4, 80), mel[:, 4:8].T)
    missing = mel_by_code(mel[:, :11], 3)[2].reshape(4, 80)
    np.testing.assert_array_equal(missing[3], mel[:, 10])  # the last frame stands for the missing


def test_the_text_teaches_the_encoder() -> None:
    torch.manual_seed(0)
    codec = Codec(torch.ones(80), hidden=16, codebook_dim=8, codes=64, blocks=1)
    stage = BaseDvaeStage(
        codec,
        [],
        ctc_weight=1.0,
        tokens=24,
        optimizer=partial(torch.optim.AdamW, lr=2e-3),
        scheduler=constant,
        seed=7,
        plain_steps=0,
        commitment=0.25,
        revive_every=10,
    )
    time = np.arange(24 * 1024, dtype=np.float32) / 22050
    batch = pack([WholeClip(0.2 * np.sin(2 * np.pi * 300 * time), np.array([3]))])
    mel = codec.code_mel(batch.wave)[..., :-1]
    quantised, _, _ = stage._quantise(codec.encode_mel(mel))
    stage.distances(quantised, mel, batch)["text_ctc"].backward()
    assert all(p.grad.abs().max() > 0 for p in codec.dvae.encoder.parameters())
    assert len(list(stage.learning.parameters())) == len(list(codec.dvae.parameters())) + 6


def clip_batch(codes: list[int], tokens: list[list[int]]) -> ClipBatch:
    counts = torch.tensor([len(text) for text in tokens])
    flat = torch.tensor([token for text in tokens for token in text])
    return ClipBatch(torch.empty(0), torch.tensor(codes), flat, counts)


def ignorant() -> CtcHead:
    head = CtcHead(codebook_dim=4, tokens=9)
    torch.nn.init.zeros_(head.last.weight)
    torch.nn.init.zeros_(head.last.bias)
    return head


def test_a_head_that_knows_nothing_counts_the_ways_to_say_a_token() -> None:
    found = ignorant()(torch.randn(2, 5, 4))
    assert found.shape == (5 * OUTPUTS_PER_CODE, 2, 10)
    lost = ignorant().loss(torch.randn(1, 3, 4), clip_batch([3], [[7]]))
    places = 3 * OUTPUTS_PER_CODE  # one token in a row somewhere among them: n (n + 1) / 2 ways
    ways = places * (places + 1) / 2
    assert lost.item() == pytest.approx(places * math.log(10) - math.log(ways), rel=1e-5)


def test_padding_behind_a_clip_changes_nothing() -> None:
    torch.manual_seed(0)
    head, vectors = CtcHead(4, 9), torch.zeros(1, 8, 4)
    vectors[:, :4] = torch.randn(1, 4, 4)
    far = vectors.clone()
    far[:, 7] = 5.0  # farther away than the head looks
    wanted = clip_batch([4], [[1, 2]])
    assert head.loss(far, wanted).item() == head.loss(vectors, wanted).item()


def test_a_text_without_room_counts_nothing() -> None:
    lost = ignorant().loss(torch.randn(1, 2, 4), clip_batch([2], [[1, 2, 3, 4, 5]]))
    assert lost.item() == 0.0


def test_the_contrastive_loss_is_low_when_each_finds_its_voice_and_ignores_doubles() -> None:
    vectors = torch.eye(4)
    voices = torch.arange(4)
    assert contrastive_loss(vectors, vectors, voices).item() < 0.01
    assert contrastive_loss(vectors, vectors.roll(1, 0), voices).item() > 5
    doubled = vectors[[0, 1, 2, 0]]
    voices = torch.tensor([0, 1, 2, 0])
    assert contrastive_loss(doubled, doubled, voices).item() < 0.01


def test_the_speaker_encoder_learns() -> None:
    decoder = MiniDecoder(latent_dim=8, width=32, blocks=2, speaker_dim=8, speaker_width=16)
    weights = dict.fromkeys(("mel_weight", "convergence_weight", "bins_weight", "pitch_weight"), 1)
    stage = BaseDecoderStage(
        decoder.requires_grad_(False),
        speaker_weight=0.1,
        optimizer=partial(torch.optim.AdamW, lr=2e-3),
        scheduler=constant,
        seed=7,
        adv_weight=0.0,
        **weights,
    )
    embedded = stage.embed(torch.randn(2, 4096)).squeeze(-1)
    contrastive_loss(embedded, embedded.roll(1, 0), torch.arange(2)).backward()
    assert all(p.grad is not None for p in decoder.speaker_encoder.parameters())
    assert stage.weights["speaker"] == 0.1
