"""The served model is code around an exported folder: loaded by MLflow, it says what `say` says."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from tests.conftest import sampling
from tests.exporting.test_folder import SOURCE_FILTER, TEXT, made
from xttslab.errors import UserError
from xttslab.exporting.folder import write_export
from xttslab.exporting.serving import save_served_model
from xttslab.model.voice import Speaking
from xttslab.speaking.exported import load_export


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
    with pytest.raises(UserError, match=r"model: exists already; name another folder"):
        save_served_model(served / "voice", served / "model")
