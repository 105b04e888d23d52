"""The commands that both revisions run: prepare, train every stage, evaluate, export and speak."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

ROOT = Path(__file__).resolve().parents[2]
_KILL_WITHIN_S = 300.0

# Sizes as in tests/conftest.py, with room for a real sentence.
MODEL = (
    "model=xtts_mini",
    "weights=random",
    "model.architecture.layers=1",
    "model.architecture.model_dim=64",
    "model.architecture.heads=1",
    "model.architecture.max_text_tokens=60",
    "model.architecture.max_mel_tokens=100",
    "model.architecture.num_audio_tokens=66",
    "model.architecture.start_audio_token=64",
    "model.architecture.stop_audio_token=65",
    "model.codec={hidden: 16, codebook_dim: 8, codes: 64, blocks: 1}",
    "model.decoder.sizes={latent_dim: 64, width: 32, blocks: 1, speaker_dim: 16}",
)
QUICK = (
    "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false",
    "trainer.max_epochs=2",
    "optim.lr=1e-3",
    "scheduler.warmup_steps=0",
)
# Of the GPT's stage alone; the others refuse what they do not read.
OF_GPT = ("batch.prompt_seconds=[0.4,0.8]", "batch.train_eval_clips=4")
SILENT = ("samples.every_n_epochs=0", "samples.score_every_n_epochs=0")
SPOKEN = (
    "evaluation.scoring.bootstrap=50",
    "samples.every_n_epochs=1",
    "samples.score_every_n_epochs=2",
    "samples.sentences=[{category: question, text: Biztos?}, {category: neutral, text: Igen.}]",
)
SENTENCES = (
    "sentences.categories={question: ['Miért?'], neutral: ['Nem tudom.']}",
    "sentences.sets={short: ['Ez az!']}",
    "~sentences.sets.numbers",
    "~sentences.sets.unseen",
    "sentences.long='Jó napot. Várjunk csak.'",
)


@dataclass(frozen=True)
class Step:
    """One command of the exercise.

    `makes` is the file or folder that it writes, removed before the command starts anew. A step
    with `kill` is killed by SIGKILL once that file exists, and resumed.
    """

    name: str
    module: str
    overrides: tuple[str, ...]
    makes: str
    kill: str | None = None


def _train(name: str, *overrides: str, dataset: str = "milliomos", kill: str | None = None) -> Step:
    given = (f"dataset={dataset}", *MODEL, *QUICK, f"run_name={name}", *overrides)
    return Step(name, "train", given, f"outputs/{name}", kill)


STEPS = (
    Step(
        "prepare_clips",
        "prepare",
        ("dataset=milliomos", "source=recordings/clips", "workers=1"),
        "data/milliomos",
    ),
    Step(
        "prepare_recording",
        "prepare",
        (
            *("dataset=blikk", "source=recordings/long", "workers=1"),
            *("transcripts.model=packaged", "transcripts.beam_size=1", "recipe.segments.max_s=3.5"),
        ),
        "data/blikk",
    ),
    _train("gpt", *OF_GPT, *SPOKEN, dataset="combined"),
    _train(
        "resumed",
        *OF_GPT,
        *SILENT,
        *("trainer.max_epochs=4", "checkpoint.every_minutes=0"),
        kill="outputs/resumed/checkpoints/last.ckpt",
    ),
    _train("lora", *OF_GPT, *SILENT, "adapter=lora", "init_from=outputs/gpt"),
    _train(
        "two_processes",
        *OF_GPT,
        *SILENT,
        *("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "batch.clips=2"),
    ),
    _train(
        "decoder",
        *(*SPOKEN, "samples.score_every_n_epochs=0", "stage=decoder", "init_from=outputs/gpt"),
        *("stage.batches=4", "stage.segments=4", "stage.segment_codes=8"),
        dataset="combined",
    ),
    _train(
        "dvae", *SILENT, "stage=dvae", "stage.batches=4", "stage.batch_codes=80", "optim.lr=3e-3"
    ),
    Step(
        "evaluate",
        "evaluate",
        (
            *("run=outputs/decoder", "seeds=[7]", "rows=[zero_shot,codec]", *SENTENCES),
            "evaluation.scoring.bootstrap=50",
        ),
        "outputs/decoder/evaluation",
    ),
    Step("report", "report", ("run=outputs/decoder", "out=reported"), "reported"),
    Step("compare", "compare", ("runs=[gpt,two_processes]", "out=compared"), "compared"),
    Step(
        "export_lora", "export", ("run=outputs/lora", "out=voice_lora", "half=false"), "voice_lora"
    ),
    Step("export_decoder", "export", ("run=outputs/decoder", "out=voice"), "voice"),
    Step(
        "say",
        "say",
        (
            *("run=outputs/decoder", "category=question", "text=Jó estét kívánok! Ki van ott?"),
            *("out=spoken/hello.wav", "longest=20"),
        ),
        "spoken",
    ),
)


def recordings() -> tuple[list[Path], list[Path]]:
    """Packaged recordings that the exercise prepares: the shortest of two categories as clips with
    their texts, and what is joined to one long recording."""
    folder = next(path.parent for path in ROOT.glob("xttslab/**/demo_milliomos/metadata.csv"))
    clips = [
        path
        for category in ("question", "neutral")
        for path in sorted(folder.glob(f"*_{category}_*.ogg"), key=lambda p: (_size(p), p))[:7]
    ]
    return clips, sorted(folder.with_name("demo_blikk").glob("*.ogg"))[:6]


def _size(path: Path) -> int:
    return path.stat().st_size


def furnish(work: Path) -> None:
    """Put the recordings into `work/recordings`: `clips/` with metadata, and `long/` without."""
    clips, parts = recordings()
    out = work / "recordings/clips"
    out.mkdir(parents=True)
    for path in clips:
        shutil.copyfile(path, out / path.name)
    header, *rows = (clips[0].parent / "metadata.csv").read_text("utf-8").splitlines(keepends=True)
    named = {path.name for path in clips}
    kept = [row for row in rows if row.partition("|")[0] in named]
    (out / "metadata.csv").write_text("".join([header, *kept]), encoding="utf-8")
    waves = [sf.read(path, dtype="int16") for path in parts]
    rate = waves[0][1]
    pause = np.zeros(rate, np.int16)
    (work / "recordings/long").mkdir()
    long = np.concatenate([part for wave, _ in waves for part in (wave, pause)])
    sf.write(work / "recordings/long/interview.wav", long, rate)


def run(steps: Sequence[Step], tree: Path, side: Path, say: str) -> None:
    """Run the steps that are not done yet with the package in `tree`, in `side/work`.

    `say` is printed before each line. Raises SystemExit with the end of a command's output when
    it fails.
    """
    work = side / "work"
    if not (side / "furnished").exists():
        shutil.rmtree(work, ignore_errors=True)
        furnish(work)
        (side / "furnished").touch()
    for step in steps:
        done = side / f"{step.name}.done"
        if done.exists():
            continue
        made = work / step.makes
        shutil.rmtree(made) if made.is_dir() else made.unlink(missing_ok=True)
        began = time.monotonic()
        log = side / f"{step.name}.log"
        log.unlink(missing_ok=True)
        if step.kill:
            _start_and_kill(step, tree, work, log)
        _finish(step, _start(step, tree, work, log, resume=bool(step.kill)), log)
        done.touch()
        print(f"{say}: {step.name}, {time.monotonic() - began:.0f} s", flush=True)


def _start(
    step: Step, tree: Path, work: Path, log: Path, resume: bool = False
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "ignore", "-m", f"xttslab.{step.module}", *step.overrides]
    with log.open("ab") as said:
        return subprocess.Popen(
            [*command, *(["resume=true"] if resume else [])],
            cwd=work,
            env=environment(tree),
            stdout=said,
            stderr=said,
        )


def environment(tree: Path) -> dict[str, str]:
    """This process's environment with one thread, `tree` as the first place to import from, and
    nothing that would send a run elsewhere or make it part of another."""
    of_runs = ("MLFLOW_", "XTTSLAB_", "RANK", "LOCAL_RANK", "MASTER_", "WORLD_SIZE", "SLURM_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(of_runs)}
    return {**kept, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def _finish(step: Step, process: subprocess.Popen[bytes], log: Path) -> None:
    if process.wait():
        end = "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-20:])
        raise SystemExit(f"{step.name} ended with {process.returncode} ({log}):\n{end}")


def _start_and_kill(step: Step, tree: Path, work: Path, log: Path) -> None:
    """Start the command and kill it as soon as the file `step.kill` exists."""
    process = _start(step, tree, work, log)
    until = time.monotonic() + _KILL_WITHIN_S
    while not (work / step.kill).is_file():
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise SystemExit(f"{step.name} could not be killed where it should be, see {log}")
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
