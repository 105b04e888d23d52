"""An exported folder in, an MLflow model that speaks out; MLflow runs this file as it stands.

Input: a column `text`, and if wanted `category`, `speed`, `seed`, `temperature`. Output, one
row each: `wav_base64` (a 16-bit wav file) and `sample_rate`.
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
        from xttslab.speaking.exported import load_export

        self.speaker = load_export(Path(context.artifacts["voice"])).to("auto")

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        rows = model_input.to_dict(orient="records")
        return pd.DataFrame([self._row(row) for row in rows])

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        from xttslab.model.decoder import SPEECH_RATE
        from xttslab.model.voice import Speaking

        settings = Speaking()
        given = {name: row[name] for name in ("speed", "seed") if row.get(name) is not None}
        settings = self.speaker.settings_for(
            row.get("category"), replace(settings, **given), row.get("temperature")
        )
        wave = self.speaker.say(row["text"], row.get("category"), settings=settings)
        buffer = io.BytesIO()
        sf.write(buffer, wave, SPEECH_RATE, subtype="PCM_16", format="WAV")
        wav = base64.b64encode(buffer.getvalue()).decode("ascii")
        return {"wav_base64": wav, "sample_rate": SPEECH_RATE}


set_model(SpeakingModel())
