"""Send MLflow what an outage held back.

python -m xttslab.sync
python -m xttslab.sync uri=http://mlflow.example:5000
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xttslab.commands import launch

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> None:
    """Send what is held back and say so, run by run; fails if something still is."""
    from pathlib import Path

    from xttslab.errors import UserError
    from xttslab.tracking.sender import journals, send_held_back

    outputs = Path(config.output_dir)
    if not journals(outputs):
        raise UserError(f"{outputs}: no tracked run in it; name the folder with output_dir=")
    left = []
    for run in send_held_back(outputs, config.uri or None):
        state = f"{run.pending} held back ({run.fault})" if run.fault else "complete"
        print(f"{run.run_dir}: {run.sent} records sent to {run.uri}, {state}", flush=True)
        left += [run] if run.fault else []
    if left:
        runs = "1 run is" if len(left) == 1 else f"{len(left)} runs are"
        raise UserError(
            f"{runs} still held back; start {left[0].uri} or correct MLFLOW_TRACKING_URI and run "
            "this again"
        )


if __name__ == "__main__":
    launch(main, "sync")
