"""The MLflow model that speaks from an exported folder; MLflow runs this file as it stands.

Input: a column `text`, and if wanted `category`, `speed`, `seed`, `temperature`; a row may leave
any of these out. Output, one row each: `wav_base64` (a 16-bit wav file) and `sample_rate`.
"""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import soundfile as sf
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class SpeakingModel(PythonModel):
    """Loads the artifact `voice` once and speaks every row."""

    def load_context(self, context: Any) -> None:
        from xttslab.speaking.loading import load_export

        self.speaker = load_export(Path(context.artifacts["voice"])).to("auto")

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        rows = model_input.to_dict(orient="records")
        # what a row leaves out arrives as NaN, and makes floats of its column's whole numbers
        given = [{name: v for name, v in row.items() if not pd.isna(v)} for row in rows]
        return pd.DataFrame([self._row(number, row) for number, row in enumerate(given)])

    def _row(self, number: int, row: dict[str, Any]) -> dict[str, Any]:
        """The speech of one row, which holds only what was given."""
        from xttslab.errors import UserError
        from xttslab.model.decoder import SPEECH_RATE

        if not str(row.get("text", "")).strip():
            raise UserError(f"row {number}: has no text to say")
        category = row.get("category")
        settings = self.speaker.usual_settings(category)
        given = {"speed": float, "seed": int}
        changes = {name: kind(row[name]) for name, kind in given.items() if name in row}
        settings = self.speaker.settings_for(
            category, replace(settings, **changes), row.get("temperature")
        )
        wave = self.speaker.say(row["text"], category, settings=settings)
        buffer = io.BytesIO()
        sf.write(buffer, wave, SPEECH_RATE, subtype="PCM_16", format="WAV")
        wav = base64.b64encode(buffer.getvalue()).decode("ascii")
        return {"wav_base64": wav, "sample_rate": SPEECH_RATE}


set_model(SpeakingModel())
