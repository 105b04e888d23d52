"""A Coqui folder becomes a run that the store, the report and a second training accept."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from tests.conftest import QUICK, sampling
from xttslab.errors import UserError
from xttslab.evaluation.run_scores import through_codec
from xttslab.evaluation.subject import subject_of_run
from xttslab.exporting.export_folder import write_export
from xttslab.exporting.model_card import gather
from xttslab.importing.coqui_curves import ARCHITECTURE
from xttslab.importing.coqui_run import _CODEC, Target, import_coqui
from xttslab.model.base import ASSETS, build_base, build_decoder, epoch_of
from xttslab.model.checkpoints import read_tensors
from xttslab.model.codec import Codec
from xttslab.model.voice import Speaking
from xttslab.speaking.loading import load, load_run, run_config
from xttslab.tracking.runs import find_run
from xttslab.training.run import plain, train

XTTS_V2 = [
    "dataset=milliomos",
    "model=xtts_v2",
    "weights=random",
    "model.architecture.layers=1",
    "model.architecture.model_dim=64",
    "model.architecture.heads=1",
    "model.architecture.max_text_tokens=60",
    "model.architecture.max_mel_tokens=80",
    "model.architecture.number_text_tokens=75",
    "model.decoder.sizes.decoder_input_dim=64",
    "model.codec={hidden: 512, codebook_dim: 512, codes: 1024, blocks: 3}",
]
FOLDER = Path(__file__).parent / "coqui_tiny"
URI = "sqlite:///mlruns/mlflow.db"


def coqui_folder(path: Path, model: dict, whole: bool = False) -> dict[str, torch.Tensor]:
    """The fixture with a best model of the tests' tiny size, as Coqui stores one; `whole` with
    codec and decoder, as its trainer does."""
    shutil.copytree(FOLDER, path)
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    sizes = model["architecture"]
    config["model_args"] |= {theirs: sizes[ours] for ours, theirs in ARCHITECTURE.items()}
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    gpt = build_base(**model, weights="random", seed=3).gpt.state_dict()
    weights = {f"xtts.gpt.{name}": value for name, value in gpt.items()}
    if whole:
        torch.manual_seed(5)
        codec = Codec(torch.rand(80) + 0.5, **_CODEC)
        weights |= {f"dvae.{name}": value for name, value in codec.dvae.state_dict().items()}
        sizes = {"decoder_input_dim": sizes["model_dim"], "d_vector_dim": 512}
        decoder = build_decoder("hifigan", sizes, None, seed=9).state_dict()
        weights |= {f"xtts.hifigan_decoder.{name}": value for name, value in decoder.items()}
        weights["xtts.mel_stats"] = codec.mel_stats
        config["model_args"] |= {**sizes, "tokenizer_file": str(ASSETS / "xtts_mini/vocab.json")}
        (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    stored = {"model": weights, "optimizer": {"state": {}}, "step": 28, "epoch": 2}
    torch.save(stored, path / "best_model.pth")
    shutil.copy(path / "best_model.pth", path / "best_model_28.pth")
    return gpt


def target(name: str = "first_cycle") -> Target:
    sources = {"milliomos": "data/milliomos"}
    samples = {**asdict(sampling()), "seed": 7}
    return Target(Path("outputs") / name, URI, "xttslab", "milliomos", sources, "hu", samples)


def test_an_imported_run_can_be_found_read_and_continued(workplace, tiny) -> None:
    model = plain(tiny().model)
    gpt = coqui_folder(workplace / "coqui", model)
    made = import_coqui(workplace / "coqui", target(), model)
    assert (made.rows, made.accumulated, made.best[0]) == (2, 2, 2)

    run = find_run("best:milliomos", URI)
    assert run.name == "first_cycle"
    assert run.status == "FINISHED"
    assert run.history("eval/mel_ce") == pytest.approx({0: 7.1158648, 1: 6.0503192, 2: 4.7767324})
    assert run.params["trainer.accumulate_grad_batches"] == "2"
    assert "multiplied by 2 accumulation steps (inferred)" in run.tags["imported.undone"]
    kept = read_tensors(run.checkpoint)
    assert set(kept) == {f"gpt.{name}" for name in gpt}
    assert torch.equal(kept["gpt.mel_head.weight"], gpt["mel_head.weight"])

    with pytest.raises(UserError, match="first_cycle: holds a run already; give another run_name"):
        import_coqui(workplace / "coqui", target(), model)

    train(tiny("run_name=second", "init_from=first_cycle", "trainer.max_epochs=1"))
    assert find_run("second", URI).tags["epochs_total"] == "3"


def test_an_imported_run_has_all_that_it_needs(
    workplace: Path, compose, caplog: pytest.LogCaptureFixture
) -> None:
    """Import → speak → its parts → export → Coqui loads it → continue → compare."""
    model = plain(compose(*XTTS_V2).model)
    gpt = coqui_folder(workplace / "coqui", model, whole=True)
    assert import_coqui(workplace / "coqui", target(), model).whole
    shutil.rmtree(workplace / "coqui")  # all is in the run: XTTS-v2's files are not needed

    settings = Speaking(sampling(), seed=7)
    speaker = load("first_cycle", URI, settings)
    assert (speaker.categories, speaker.language) == (["greeting", "tension"], "hu")
    assert torch.equal(speaker.voice.gpt.state_dict()["mel_head.weight"], gpt["mel_head.weight"])
    wave = speaker.say("Jó!", "greeting")
    assert len(wave) > 2000
    assert np.abs(wave).max() > 0

    subject = subject_of_run("first_cycle", URI, None)
    assert epoch_of(subject.checkpoint) == 2
    assert sum(clip.split == "eval" for clip in subject.clips) == 2
    assert len(through_codec(subject.speaker, subject.clips[:1], settings)[0].audio) > 2000
    assert subject.zero_shot() is None  # XTTS-v2's files are not here, which is said
    assert "zero_shot left out, first_cycle was imported without a base" in caplog.text

    out = workplace / "voice"
    export = gather("first_cycle", URI, 1.0, out, settings)
    write_export(export, out, half=False)
    assert "| eval/mel_ce | 4.777 |" in export.card
    config = XttsConfig()
    config.load_json(str(out / "config.json"))
    theirs = Xtts(config)
    theirs.load_checkpoint(config, checkpoint_dir=str(out), eval=True)
    assert torch.equal(theirs.gpt.mel_head.weight, gpt["mel_head.weight"])
    assert sorted(theirs.speaker_manager.speakers) == ["greeting", "tension"]

    further = ("init_from=outputs/first_cycle", "run_name=second", "trainer.max_epochs=1")
    train(compose(*XTTS_V2, *QUICK, *further))
    tags = find_run("second", URI).tags
    assert (tags["epochs_total"], tags["init_from_name"]) == ("3", "first_cycle")
    assert tags["codec"] == find_run("first_cycle", URI).tags["codec"]
    later = load_run("second", URI)[0].make_decoder().state_dict()
    own = speaker.voice.decoder.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in later.items())


def test_a_run_that_an_earlier_version_imported_is_to_be_imported_again(tmp_path: Path) -> None:
    old = "model: {}\ndataset: {name: a, sources: {}}\nimported: {source: /x/y, trainer: coqui}\n"
    (tmp_path / "config.yaml").write_text(old, encoding="utf-8")
    with pytest.raises(UserError, match=r"import_run source=/x/y run_name=.*_2$"):
        run_config(tmp_path)


def test_a_folder_without_weights_is_imported_without_them(workplace, tiny) -> None:
    shutil.copytree(FOLDER, workplace / "coqui")
    made = import_coqui(workplace / "coqui", target(), plain(tiny().model))
    assert made.checkpoint is None
    assert find_run("first_cycle", URI).checkpoint is None


def test_folders_that_are_none_of_coquis_are_refused(workplace, tiny) -> None:
    model = plain(tiny().model)
    (workplace / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty/config.json: no such file; give a training folder"):
        import_coqui(workplace / "empty", target(), model)
    shutil.copytree(FOLDER, workplace / "silent")
    (workplace / "silent/trainer_0_log.txt").write_text("> Start", encoding="utf-8")
    with pytest.raises(UserError, match="hold a finished epoch"):
        import_coqui(workplace / "silent", target(), model)
    shutil.copytree(FOLDER, workplace / "damaged")
    (workplace / "damaged/best_model.pth").write_bytes(b"torn")
    with pytest.raises(UserError, match=r"best_model.pth: cannot be read"):
        import_coqui(workplace / "damaged", target("damaged"), model)
    assert find_run("damaged", URI).status == "FAILED"
