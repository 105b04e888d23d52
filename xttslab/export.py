"""Export a run as a small folder that speaks.

python -m xttslab.export run=best:combined out=voice
python -m xttslab.export run=best:combined out=voice_08 blend=0.8 mlflow_model=served
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xttslab.commands import launch

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> None:
    """Export as configured and say what was written."""
    from pathlib import Path

    from hydra.utils import instantiate

    from xttslab.errors import UserError
    from xttslab.files import require_new, require_writable
    from xttslab.tracking.lookup import require_run

    require_run(config.run, config.tracking.uri)
    if config.mlflow_model and Path(config.mlflow_model).resolve() == Path(config.out).resolve():
        raise UserError(f"mlflow_model={config.mlflow_model}: is out= too; name another folder")
    for option in ("out", "mlflow_model"):
        if config[option]:
            require_new(Path(config[option]), option)
            require_writable(Path(config[option]))
    from xttslab.exporting.export_folder import loads_in_coqui, save_served_model, write_export
    from xttslab.exporting.model_card import gather

    out = Path(config.out)
    settings = instantiate(config.settings)
    export = gather(config.run, config.tracking.uri, config.blend, out, settings)
    size = write_export(export, out, config.half)
    reader = "Coqui's Xtts loads it" if loads_in_coqui(export.voice) else "only xttslab loads it"
    print(f"{out}: {size:.0f} MB; {reader}")
    if config.mlflow_model:
        save_served_model(out, Path(config.mlflow_model))
        print(f'serve it: mlflow models serve -m "{config.mlflow_model}" --env-manager local')


if __name__ == "__main__":
    launch(main, "export")
