"""Everything from word list to shipped base, step by step; what is done is not done again.

    nohup nice -n 19 python -m experiments.mini_base.run [STEP …] &

Steps: espeak, codec, read, voices, decoder, ship. Without names all are run in this order. Each
is a command of its own (printed), can be interrupted, and goes on where it was. The teacher's
speech comes from `python -m experiments.mini_base.speech`, which runs beside this; `codec` waits
until there is half an hour of it. Places: experiments/mini_base/places.py.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from experiments.mini_base.places import BASES, CACHE, DATA, WORDS

REPOSITORY = Path(__file__).resolve().parents[2]
TEACHER = Path(os.environ.get("XTTSLAB_TEACHER_CORPUS", CACHE / "teacher"))
CODEC = CACHE / "codec.safetensors"
DECODER = CACHE / "decoder.safetensors"
START = BASES / "start"
FEWEST_SHARDS = 5  # of teacher speech before the codec is trained: about half an hour
# What every GPT run of a base has in common: prompts from another clip of the voice, as it is used.
GPT = (
    "model=xtts_mini",
    f"model.folder={START}",
    "model.dropout=0.05",
    "batch.clips=32",
    "batch.prompt=other",
    "batch.prompt_seconds=[1.5,3.0]",
    "loss.text_weight=0.1",
    "trainer=cpu",
    "trainer.precision=bf16-mixed",
    "samples.every_n_epochs=0",
    "scheduler.warmup_steps=100",
    "checkpoint.patience=0",
    "checkpoint.every_minutes=5",
    "checkpoint.keep_last=true",
    "resume=true",
)


def espeak() -> None:
    """One voice to learn to read from, many to learn that voices differ."""
    if not WORDS.is_file():
        raise SystemExit(f"{WORDS}: missing; `npm pack dictionary-hu` there and unpack it")
    for name, clips, voices, longest in (("one", 4000, 1, 4), ("many", 12000, 100, 6)):
        out = DATA / f"espeak_{name}"
        if not (out / "metadata.csv").is_file():
            sizes = ["--clips", clips, "--voices", voices, "--longest", longest]
            _python("experiments.mini_base.espeak", "--out", out, "--words", WORDS, *sizes)


def codec() -> None:
    """The DVAE, on all voices that there are."""
    if CODEC.is_file():
        return
    shards = len(list(TEACHER.glob("shard_*")))
    if shards < FEWEST_SHARDS:
        raise SystemExit(f"{TEACHER}: {shards} shards of teacher speech, {FEWEST_SHARDS} needed")
    folders = [DATA / "espeak_one", DATA / "espeak_many", TEACHER]
    _python("experiments.mini_base.codec", *folders, "--out", CODEC)


def read() -> None:
    """The GPT learns to read from one voice: minutes."""
    _python("experiments.mini_base.assemble", "--codec", CODEC, "--out", START)
    _dataset("espeak_one", {"espeak_one": DATA / "espeak_one"})
    _train("read", "dataset=espeak_one", "optim.lr=1e-3", "trainer.max_epochs=6")


def voices() -> None:
    """Then from all voices, and the teacher's sentences."""
    _dataset("mini_all", {"espeak_many": DATA / "espeak_many", "teacher": TEACHER})
    start = CACHE / "outputs/read"
    rest = ("optim.lr=8e-4", "trainer.max_epochs=20", f"init_from={start}")
    _train("voices", "dataset=mini_all", *rest)


def decoder() -> None:
    """The decoder, on the latents of that GPT."""
    if not DECODER.is_file():
        data = [TEACHER, DATA / "espeak_many"]
        run = CACHE / "outputs/voices"
        sizes = ["--per-folder", 4000, "--out", DECODER]
        _python("experiments.mini_base.decoder", "--run", run, "--data", *data, *sizes)


def ship() -> None:
    """All parts into the package."""
    parts = ["--codec", CODEC, "--run", CACHE / "outputs/voices", "--decoder", DECODER]
    _python("experiments.mini_base.assemble", *parts, "--ship")


STEPS: dict[str, Callable[[], None]] = {
    step.__name__: step for step in (espeak, codec, read, voices, decoder, ship)
}


def _train(name: str, *overrides: str) -> None:
    if (CACHE / "outputs" / name / "finished").is_file():
        return
    _python("xttslab.train", f"run_name={name}", *GPT, *overrides, folder=CACHE)


def _dataset(name: str, sources: dict[str, Path]) -> None:
    """A dataset config where `train`, started in CACHE, finds it."""
    lines = [f"name: {name}", "language: hu", "balance: none", "max_repeats: 1", "sources:"]
    lines += [f"  {source}: {folder}" for source, folder in sources.items()]
    path = DATA / "conf/dataset" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _python(module: str, *arguments: object, folder: Path = REPOSITORY) -> None:
    command = [sys.executable, "-W", "ignore", "-m", module, *map(str, arguments)]
    print("$", *command[3:], flush=True)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run(command, check=True, cwd=folder, env=environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(STEPS))
    for name in parser.parse_args().steps or STEPS:
        STEPS[name]()


if __name__ == "__main__":
    main()
