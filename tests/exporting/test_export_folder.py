"""An exported folder speaks in Coqui's own `Xtts` what it speaks in ours."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import asdict, replace
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch
import yaml
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

import xttslab
from tests.conftest import CONF, sampling
from xttslab.errors import UserError
from xttslab.exporting import export_folder
from xttslab.exporting.export_folder import (
    Export,
    blend,
    loads_in_coqui,
    save_served_model,
    write_export,
)
from xttslab.model.base import Base, build_base
from xttslab.model.generation import generate
from xttslab.model.sampling import Sentence
from xttslab.model.voice import Speaking, Voice
from xttslab.speaking.loading import default_settings, load, load_export

TEXT = "jó napot kívánok."
MODEL = {
    "name": "small",
    "folder": "assets/xtts_mini",
    "files": {"vocabulary": "vocab.json", "decoder": "", "gpt": "", "dvae": "", "mel_stats": ""},
    "architecture": {
        "layers": 2,
        "model_dim": 64,
        "heads": 2,
        "max_text_tokens": 60,
        "max_mel_tokens": 40,
        "max_prompt_tokens": 70,
        "number_text_tokens": 75,
        "num_audio_tokens": 34,
        "start_audio_token": 32,
        "stop_audio_token": 33,
    },
    "codec": {"hidden": 8, "codebook_dim": 8, "codes": 32, "blocks": 1},
    "codes_per_token": 1.0,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "recompute": "none",
    "text_stop_seen": False,
}
HIFIGAN = {"kind": "hifigan", "sizes": {"decoder_input_dim": 64, "d_vector_dim": 512}}
SIZES = {"latent_dim": 64, "width": 32, "blocks": 1, "speaker_dim": 8, "speaker_width": 8}
SOURCE_FILTER = {"kind": "source_filter", "sizes": SIZES}


def made(decoder: dict) -> Export:
    model = {**MODEL, "decoder": decoder}
    base = build_base(**model, weights="random", seed=4)
    base.gpt.eval()
    with torch.no_grad():
        for name, parameter in base.gpt.named_parameters():
            if parameter.dim() > 1 and "conditioning" not in name:
                torch.nn.init.normal_(parameter, std=3.0 / parameter.shape[-1] ** 0.5)
    voice = base.voice()
    wave = np.random.default_rng(0).normal(0, 0.1, 3 * 22050).astype(np.float32)
    voices = {"greeting": voice.reference([wave])}
    return Export(base, voice, model, voices, "hu", "# card\n", default_settings(CONF))


@pytest.fixture(scope="module")
def coqui_export() -> Export:
    return made(HIFIGAN)


def speech(voice: Voice, base: Base, reference: tuple[torch.Tensor, torch.Tensor]):
    """Greedy codes, and their waveform, of TEXT."""
    tokens = base.tokenizer.encode(TEXT, "hu")
    limit = voice.gpt.max_gen_mel_tokens
    spoken = generate(
        voice.gpt,
        [Sentence(tokens, reference[0], limit)],
        sampling(greedy=True, repetition_penalty=10.0),
    )[0]
    return spoken.codes, voice.decode(spoken, reference[1], Speaking(sampling(), trim_babble=False))


def export_settings(folder: Path) -> dict[str, float]:
    """What Coqui speaks an exported folder with unless it is told otherwise."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return {name: config[name] for name in asdict(sampling()) if name in config}


@pytest.mark.parametrize("half", [False, True])
def test_coqui_loads_it_and_says_the_same(coqui_export: Export, tmp_path: Path, half: bool) -> None:
    out = tmp_path / "voice"
    megabytes = write_export(coqui_export, out, half)
    config = XttsConfig()
    config.load_json(str(out / "config.json"))
    theirs = Xtts.init_from_config(config)
    theirs.load_checkpoint(config, checkpoint_dir=str(out), eval=True)
    ours = load_export(out)
    stored = theirs.speaker_manager.speakers["greeting"]
    latents, speaker = stored["gpt_cond_latent"], stored["speaker_embedding"]

    codes, wave = speech(ours.voice, coqui_export.base, ours.references.stored["greeting"])
    tokens = torch.tensor(theirs.tokenizer.encode(TEXT, lang="hu"))[None]
    assert tokens[0].tolist() == coqui_export.base.tokenizer.encode(TEXT, "hu").tolist()
    found = theirs.gpt.generate(
        cond_latents=latents,
        text_inputs=tokens,
        do_sample=False,
        num_beams=1,
        repetition_penalty=10.0,
    )[0]
    assert found[: len(codes)].tolist() == codes.tolist()
    assert len(found) - len(codes) in (0, 1)  # the stop token
    made = theirs.inference(TEXT, "hu", latents, speaker, do_sample=False, repetition_penalty=10.0)[
        "wav"
    ]
    np.testing.assert_allclose(wave, made, atol=1e-3)
    assert np.abs(made).max() > 1e-3
    assert megabytes == pytest.approx(46 if half else 92, rel=0.05)
    usual = export_settings(out)
    assert usual == {
        "temperature": 0.75, "top_k": 50, "top_p": 0.85, "repetition_penalty": 5.0,
    }  # fmt: skip
    assert "dvae" not in "".join(torch.load(out / "model.pth")["model"])


def test_coqui_hears_as_much_of_a_recording_as_the_export_does(coqui_export: Export) -> None:
    settings = replace(coqui_export.settings, reference_seconds=12.0, chunk_seconds=4.0)
    for given, heard in ((coqui_export.settings, [30, 6, 30]), (settings, [12, 4, 30])):
        config = json.loads(export_folder._config(replace(coqui_export, settings=given)))
        names = ("gpt_cond_len", "gpt_cond_chunk_len", "max_ref_len")
        assert [config[name] for name in names] == heard


def test_the_minis_export_says_that_only_we_load_it(tmp_path: Path) -> None:
    export = made(SOURCE_FILTER)
    out = tmp_path / "mini"
    write_export(export, out, half=False)
    assert not loads_in_coqui(export.voice)
    assert "loaded by xttslab alone" in json.loads((out / "config.json").read_text())["note"]
    ours = load_export(out)
    before = speech(export.voice, export.base, export.voices["greeting"])
    after = speech(ours.voice, export.base, ours.references.stored["greeting"])
    assert before[0].tolist() == after[0].tolist()
    np.testing.assert_allclose(before[1], after[1], atol=1e-5)
    assert ours.say("Jó!", "greeting").dtype == np.float32
    with pytest.raises(UserError, match="category=anger: the data has no clip of it; it has gree"):
        ours.say("Jó!", "anger")


def test_the_categories_keep_their_temperatures(tmp_path: Path) -> None:
    write_export(
        replace(made(SOURCE_FILTER), temperatures={"greeting": 0.65}), tmp_path / "v", half=True
    )
    assert load_export(tmp_path / "v").temperatures == {"greeting": 0.65}


def test_the_folder_speaks_by_the_settings_it_was_exported_with(tmp_path: Path) -> None:
    settings = Speaking(sampling(top_k=9), speed=1.1, seed=3)
    write_export(replace(made(SOURCE_FILTER), settings=settings), tmp_path / "v", half=True)
    assert load_export(tmp_path / "v").settings == settings
    assert load(str(tmp_path / "v"), settings=Speaking(sampling())).settings == settings


def test_an_older_folder_without_settings_gets_those_of_the_product(tmp_path: Path) -> None:
    write_export(made(SOURCE_FILTER), tmp_path / "v", half=True)
    described = yaml.safe_load((tmp_path / "v/xttslab.yaml").read_text("utf-8"))
    del described["speaking"]
    (tmp_path / "v/xttslab.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    usual = xttslab.load(str(tmp_path / "v"), device="cpu").settings
    assert usual == Speaking(sampling(), seed=7)


def test_an_existing_folder_is_never_touched(coqui_export: Export, tmp_path: Path) -> None:
    out = tmp_path / "voice"
    out.mkdir()
    (out / "precious").touch()
    with pytest.raises(UserError, match="voice: exists already; name another one with out="):
        write_export(coqui_export, out, half=True)
    assert [path.name for path in out.iterdir()] == ["precious"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xttslab.exporting.export_folder._save", full)
    with pytest.raises(UserError, match=r"cannot be written \(No space left"):
        write_export(made(SOURCE_FILTER), tmp_path / "voice", half=True)
    assert list(tmp_path.iterdir()) == []


def test_blend_goes_from_the_base_to_the_run() -> None:
    base = {"a": torch.zeros(3), "n": torch.tensor(1)}
    tuned = {"a": torch.full((3,), 2.0), "n": torch.tensor(2)}
    assert blend(base, tuned, 0.0)["a"].tolist() == [0.0] * 3
    assert blend(base, tuned, 0.25)["a"].tolist() == [0.5] * 3
    assert blend(base, tuned, 1.0)["a"].tolist() == [2.0] * 3
    assert blend(base, tuned, 0.25)["n"].item() == 2
    with pytest.raises(UserError, match=r"blend=1\.5: must be between 0"):
        blend(base, tuned, 1.5)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    write_export(made(SOURCE_FILTER), folder / "voice", half=False)
    save_served_model(folder / "voice", folder / "model")
    return folder


def test_it_holds_code_and_no_pickle(served: Path) -> None:
    names = {path.name for path in (served / "model").rglob("*") if path.is_file()}
    assert "speaking_model.py" in names
    assert "model.pth" in names
    assert not {name for name in names if name.endswith(".pkl")}


def heard(answer: dict) -> np.ndarray:
    wave, rate = sf.read(io.BytesIO(base64.b64decode(answer["wav_base64"])))
    assert rate == answer["sample_rate"] == 24_000
    return wave


def test_it_says_what_the_export_says_whatever_a_row_leaves_out(served: Path) -> None:
    model = mlflow.pyfunc.load_model(str(served / "model"))
    asked = pd.DataFrame(
        [
            {"text": TEXT, "category": "greeting", "seed": 5, "speed": 1.25},
            {"text": TEXT, "temperature": 0.5},  # MLflow hands it over with NaN for the others
        ]
    )
    first, second = map(heard, model.predict(asked).to_dict(orient="records"))
    speaker = load_export(served / "voice")
    wanted = speaker.say(TEXT, "greeting", settings=Speaking(sampling(), seed=5, speed=1.25))
    np.testing.assert_allclose(first, np.clip(wanted, -1, 1), atol=1e-4)
    cool = Speaking(sampling(temperature=0.5), seed=7)
    np.testing.assert_allclose(second, np.clip(speaker.say(TEXT, settings=cool), -1, 1), atol=1e-4)


def test_a_row_without_text_is_named(served: Path) -> None:
    model = mlflow.pyfunc.load_model(str(served / "model"))
    with pytest.raises(UserError, match="row 1: has no text to say"):
        model.predict(pd.DataFrame([{"text": TEXT}, {"text": " "}]))


def test_a_folder_that_exists_is_refused(served: Path) -> None:
    with pytest.raises(UserError, match=r"model: exists already; name another one with mlflow"):
        save_served_model(served / "voice", served / "model")
