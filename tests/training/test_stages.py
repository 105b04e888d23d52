"""DVAE and decoder are trained like the GPT: kept, tracked, gone on from, and used afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.conftest import furnish
from xttslab.errors import UserError
from xttslab.model.base import codec_of, decoder_of, weight_chain
from xttslab.model.checkpoints import read_tensors
from xttslab.speaking.loading import load_run
from xttslab.training.run import train

DVAE = ["stage=dvae", "stage.batches=4", "stage.batch_codes=80"]
DECODER = ["stage=decoder", "stage.batches=4", "stage.segments=8", "stage.segment_codes=8"]
BEST = "checkpoints/best.safetensors"


def rows(run: str) -> list[dict[str, float]]:
    lines = Path(f"outputs/{run}/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def best(run: str) -> Path:
    return Path(f"outputs/{run}/{BEST}").resolve()


@pytest.fixture(scope="module")
def chain(tiny, tmp_path_factory, empty_store):
    """A DVAE, a GPT on its codes, a decoder on its latents, and a GPT that goes on from all."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        furnish(tmp_path_factory.mktemp("chain"), empty_store, monkeypatch)
        train_all(tiny)
        yield


def train_all(tiny) -> None:
    train(tiny(*DVAE, "stage.plain_steps=2", "run_name=codes", "trainer.max_epochs=3"))
    train(tiny("init_from=outputs/codes", "run_name=reader"))
    train(tiny(*DECODER, "init_from=outputs/reader", "run_name=sound", "optim.lr=3e-3"))
    train(tiny("init_from=outputs/sound", "run_name=further", "trainer.max_epochs=1"))


def test_the_dvae_learns_and_reports_its_codes(chain) -> None:
    first, *_, last = rows("codes")
    assert last["eval/mel_l1"] < first["eval/mel_l1"]
    assert 1 < last["eval/perplexity"] <= last["eval/codes_used"] <= 64
    assert (first["epoch"], last["epoch"]) == (0, 3)


def test_a_gpt_learns_the_codes_of_the_dvae_that_it_starts_from(chain) -> None:
    base, run = load_run("outputs/reader")
    trained = read_tensors(best("codes"))
    assert torch.equal(base.codec.dvae.codebook.embed, trained["dvae.codebook.embed"])
    assert codec_of(best("reader")) == run.run_dir.resolve() / "codec.safetensors"
    record = json.loads(
        Path("outputs/reader/checkpoints/checkpoints.json").read_text(encoding="utf-8")
    )
    assert record["codec"] == base.codec.fingerprint
    assert record["origin"] == ""


def test_a_gpt_goes_on_to_learn_the_codes_of_a_dvae_trained_after_it(chain, tiny) -> None:
    train(tiny(*DVAE, "init_from=outputs/reader", "run_name=codes_2", "trainer.max_epochs=1"))
    train(tiny("init_from=outputs/codes_2", "run_name=reader_2", "optim.lr=0"))
    reader, _ = load_run("outputs/reader")
    later, _ = load_run("outputs/reader_2")
    assert torch.equal(later.gpt.mel_head.weight, reader.gpt.mel_head.weight)
    assert later.codec.fingerprint != reader.codec.fingerprint


def test_a_dvae_alone_does_not_speak(chain) -> None:
    with pytest.raises(UserError, match=r"a DVAE alone has no voice; train a GPT .*outputs/codes"):
        load_run("outputs/codes")


def test_a_decoder_refuses_to_start_from_a_dvae(chain, tiny) -> None:
    with pytest.raises(UserError, match="a DVAE alone has no voice"):
        train(tiny(*DECODER, "init_from=outputs/codes", "run_name=wrong"))


def test_the_decoder_learns_and_speaks_with_the_gpt_that_it_learned_from(chain) -> None:
    first, *_, last = rows("sound")
    assert last["eval/mel"] < first["eval/mel"]
    base, _ = load_run("outputs/sound")
    reader, _ = load_run("outputs/reader")
    assert torch.equal(base.gpt.mel_head.weight, reader.gpt.mel_head.weight)
    trained = read_tensors(best("sound"))
    assert {name.split(".")[0] for name in trained} == {"hifigan_decoder"}
    spoken = base.make_decoder().state_dict()
    assert torch.equal(spoken["envelopes.weight"], trained["hifigan_decoder.envelopes.weight"])
    assert not torch.equal(
        spoken["envelopes.weight"], reader.make_decoder().state_dict()["envelopes.weight"]
    )


def test_a_gpt_that_goes_on_keeps_the_trained_decoder(chain) -> None:
    assert weight_chain(best("further")) == [best("further"), best("sound"), best("reader")]
    kept = Path("outputs/further/checkpoints/checkpoints.json")
    record = json.loads(kept.read_text(encoding="utf-8"))
    assert record["origin"] == "../../sound/checkpoints/best.safetensors"  # moves with the project
    assert decoder_of(best("further")) == best("sound")
    sound, _ = load_run("outputs/sound")
    further, _ = load_run("outputs/further")
    assert torch.equal(
        further.make_decoder().state_dict()["envelopes.weight"],
        sound.make_decoder().state_dict()["envelopes.weight"],
    )
    assert not torch.equal(further.gpt.mel_head.weight, sound.gpt.mel_head.weight)


def test_codes_of_another_dvae_are_refused(chain) -> None:
    kept = Path("outputs/reader/codec.safetensors")
    kept.rename(kept.with_suffix(".away"))
    try:
        with pytest.raises(UserError, match=r"learned the audio codes of another DVAE \(\w{8}, "):
            load_run("outputs/reader")
    finally:
        kept.with_suffix(".away").rename(kept)


def test_a_decoder_run_interrupted_goes_on_as_if_it_had_not_been(chain, tiny, monkeypatch):
    from xttslab.training.decoder_stage import DecoderStage

    def config(name: str, *more: str):
        return tiny(*DECODER, "init_from=outputs/reader", f"run_name={name}", *more)

    train(config("whole"))
    step = DecoderStage.training_step

    def cut_off(self, batch, batch_idx):
        if self.current_epoch == 1:
            raise KeyboardInterrupt
        return step(self, batch, batch_idx)

    monkeypatch.setattr(DecoderStage, "training_step", cut_off)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(config("parts", "checkpoint.every_minutes=0"))
    monkeypatch.setattr(DecoderStage, "training_step", step)
    train(config("parts", "checkpoint.every_minutes=0", "resume=true"))
    whole, parts = rows("whole"), rows("parts")
    assert [row["epoch"] for row in parts] == [0, 1, 2]
    assert parts[-1]["eval/mel"] == pytest.approx(whole[-1]["eval/mel"], abs=1e-6)


@pytest.mark.parametrize("stage", [DVAE, DECODER], ids=["dvae", "decoder"])
def test_gradients_are_clipped_in_mixed_precision(chain, tiny, stage: list[str]) -> None:
    name = f"mixed_{stage[0].removeprefix('stage=')}"
    more = (
        "trainer.precision=bf16-mixed",
        "trainer.gradient_clip_val=1e-3",
        "trainer.max_epochs=1",
    )
    train(tiny(*stage, *more, f"run_name={name}"))
    assert rows(name)[-1]["grad_clipped"] == 1.0
