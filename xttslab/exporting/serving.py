"""An exported folder in, an MLflow model saved as code out (`mlflow models serve`)."""

from __future__ import annotations

from pathlib import Path

from xttslab.errors import UserError

CODE = Path(__file__).with_name("speaking_model.py")
# `seed` too is a double: a column of whole numbers with a hole is one of floats, which MLflow
# would refuse for a long
OPTIONAL = {"category": "string", "speed": "double", "seed": "double", "temperature": "double"}
PACKAGE = Path(__file__).parents[1]


def save_served_model(folder: Path, out: Path) -> None:
    """Write the MLflow model `out` around a copy of an exported folder.

    The model holds this package's code too: serving needs its dependencies, not a checkout.
    Raises UserError when `out` exists.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    if out.exists():
        raise UserError(f"{out}: exists already; name another folder with mlflow_model=")
    given = Schema(
        [ColSpec("string", "text")]
        + [ColSpec(kind, name, required=False) for name, kind in OPTIONAL.items()]
    )
    made = Schema([ColSpec("string", "wav_base64"), ColSpec("long", "sample_rate")])
    mlflow.pyfunc.save_model(
        out,
        python_model=str(CODE),
        artifacts={"voice": str(folder)},
        signature=ModelSignature(given, made),
        code_paths=[str(PACKAGE)],
        pip_requirements=["mlflow", "coqui-tts[codec]", "torch", "soundfile", "soxr", "rich"],
    )
