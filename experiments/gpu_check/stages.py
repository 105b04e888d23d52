"""The demo voice in, whether every stage trains and speaks on a device in every precision out.

What a device computes before any update is compared with the processor's float32: that tells wrong
arithmetic from bad luck in training.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir

import xttslab
from xttslab.model.decoder import SPEECH_RATE
from xttslab.training.run import train

ROOT = Path(__file__).resolve().parents[2]
STAGES = {"gpt": "eval/mel_ce", "dvae": "eval/mel_l1", "decoder": "eval/mel"}  # what each lowers
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
ALLOWED = {"32-true": 0.003, "bf16-mixed": 0.03, "16-mixed": 0.03}  # off the processor, relative
SHORT = (
    "dataset=demo_milliomos", f"data_dir={ROOT / 'data'}", "codes_dir=codes", "model=xtts_mini",
    "trainer.max_epochs=1", "trainer.enable_progress_bar=false", "samples.every_n_epochs=0",
    "scheduler.warmup_steps=0", "timed_steps=0",
)  # fmt: skip
RATES = {
    "gpt": ("batch.clips=8", "optim.lr=1e-4"),
    "dvae": ("optim.lr=1e-4", "stage.batches=20"),
    "decoder": ("optim.lr=3e-4", "stage.batches=20"),
}
OTHERS = {
    "gpt, LoRA": ("adapter=lora", "batch.clips=8", "optim.lr=3e-4"),
    "gpt, recompute=all": ("model.recompute=all", "batch.clips=8", "optim.lr=1e-4"),
    "gpt, optim=adamw_8bit": ("optim=adamw_8bit", "batch.clips=8", "optim.lr=1e-4"),
}
QUIETEST = 1e-3  # peak of a wave that is more than silence
SPOKEN = "Jó napot kívánok, kedves nézőink! Kezdjük a mai játékot."


def stage_table(accelerator: str, precisions: Sequence[str] = PRECISIONS, more: tuple = ()) -> str:
    """Train every stage for one short epoch, and speak, on Lightning's `accelerator` (gpu, cpu);
    `more` configures every run. A line that fails says why and the others go on."""
    lines = [
        "| run | precision | at the start | off the processor | after an epoch | s | |",
        "|---|---|---|---|---|---|---|",
    ]
    on_device = (f"trainer.accelerator={accelerator}", *more)
    with _workplace():
        exact = {}
        for stage, metric in STAGES.items():
            chosen = (f"stage={stage}", *RATES[stage], *more)
            run = (f"{stage}_exact", "trainer=cpu", "+trainer.limit_train_batches=1", *chosen)
            exact[stage] = _losses(metric, *run)[0]
            for precision in precisions:
                run = (f"{stage}_{precision}", *chosen, *on_device)
                lines.append(_row(stage, metric, precision, exact[stage], *run))
        for name, overrides in OTHERS.items():
            run = (name.partition("=")[0].replace(", ", "_"), *overrides, *on_device)
            lines.append(_row(name, STAGES["gpt"], precisions[-1], exact["gpt"], *run))
        run = f"outputs/decoder_{precisions[0]}"
        lines += [_spoken(run, accelerator, precision) for precision in ("float32", "bf16")]
    return "\n".join(lines)


def _row(name: str, metric: str, precision: str, exact: float, run: str, *overrides: str) -> str:
    started = time.perf_counter()
    try:
        start, end = _losses(metric, run, *overrides, f"trainer.precision={precision}")
    except Exception as fault:  # whatever it is, the other lines are worth having
        return f"| {name} | {precision} | – | – | – | – | {_told(fault)} |"
    seconds, off = time.perf_counter() - started, abs(start / exact - 1)
    verdict = _verdict(off <= ALLOWED[precision] and end < start)
    found = f"{start:.4f} | {off:.3%} | {end:.4f} | {seconds:.1f}"
    return f"| {name} | {precision} | {found} | {verdict} |"


def _losses(metric: str, run: str, *overrides: str) -> tuple[float, float]:
    """Train as configured; what was lowered, at the start and after the last epoch."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", [*SHORT, f"run_name={run}", *overrides])
    with contextlib.redirect_stdout(io.StringIO()):
        train(config)
    rows = Path("outputs", run, "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    first, last = (json.loads(rows[place])[metric] for place in (0, -1))
    return first, last


def _spoken(run: str, accelerator: str, precision: str) -> str:
    device = "cuda" if accelerator == "gpu" else accelerator
    try:
        speaker = xttslab.load(run, device, precision)
        category = speaker.categories[0]
        speaker.say(SPOKEN, category)  # hears the reference, which is not timed
        started = time.perf_counter()
        wave = speaker.say(SPOKEN, category)
    except Exception as fault:
        return f"| speech | {precision} | – | – | – | – | {_told(fault)} |"
    took, seconds = time.perf_counter() - started, len(wave) / SPEECH_RATE
    verdict = _verdict(np.isfinite(wave).all() and np.abs(wave).max() > QUIETEST)
    found = f"{seconds:.1f} s of it, {seconds / took:.1f} times real time | {took:.1f}"
    return f"| speech | {precision} | – | – | {found} | {verdict} |"


def _verdict(fine: bool) -> str:
    return "ok" if fine else "**wrong**"


def _told(fault: Exception) -> str:
    return f"{type(fault).__name__}: {str(fault).strip().splitlines()[0][:120]}"


@contextlib.contextmanager
def _workplace() -> Iterator[None]:
    """A folder of its own for runs and store, gone afterwards."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
