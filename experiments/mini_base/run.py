"""Everything from word list to shipped base, step by step; what is done is not done again.

    nohup nice -n 19 python -m experiments.mini_base.run [STEP …] &

Steps: espeak, codec, read, voices, teacher, decoder, ship. Without names all are run in this order.
Each is a command of its own (printed), can be interrupted, and goes on where it was. The teacher's
speech and its quick double's come from `python -m experiments.mini_base.speech [--quick]`; `codec`
says so where there is too little of it. All train on a card where there is one.
Places: experiments/mini_base/places.py.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from experiments.mini_base.places import CACHE, DATA, QUICK, TEACHER, WORDS

REPOSITORY = Path(__file__).resolve().parents[2]
FEWEST_SHARDS = 5  # of teacher speech: about half an hour
FEWEST_QUICK = 80  # of the quick double's: eight hours
# What every run of a base has in common.
RUN = (
    "model=xtts_mini",
    "weights=random",
    "trainer.enable_progress_bar=false",
    "samples.every_n_epochs=0",
    "checkpoint.patience=0",
    "checkpoint.every_minutes=5",
    "resume=true",
)
# Prompts are from another clip of the voice, as it is used; the text helps to learn reading; the
# mel that hidden states must tell, the decoder finds in them; and a tenth of the codes is given
# wrong, as its own speech will be.
GPT = (
    *RUN,
    "trainer.precision=bf16-mixed",
    "model.dropout=0.05",
    "batch.clips=32",
    "batch.prompt=other",
    "batch.prompt_seconds=[1.0,2.5]",
    "loss.text_weight=0.1",
    "stage.module._target_=experiments.mini_base.stages.BaseGptStage",
    "+stage.module.mel_aux_weight=1.0",
    "+stage.module.code_corruption=0.1",
    "scheduler.warmup_steps=100",
)
DVAE = (
    *RUN,
    "stage=dvae",
    "stage.module._target_=experiments.mini_base.stages.BaseDvaeStage",
    "+stage.module.ctc_weight=0.2",
    "+stage.module.tokens=${model.architecture.number_text_tokens}",
)
DECODER = (
    *RUN,
    "stage=decoder",
    "stage.module._target_=experiments.mini_base.stages.BaseDecoderStage",
    "+stage.module.speaker_weight=0.1",
    "trainer.precision=bf16-mixed",
)
READING = "train_only=[gpt,heads,embeddings]"
SPEECH = {"quick": QUICK / "speech", "teacher": TEACHER}
# Clips, voices, words of a clip at most.
ESPEAK = {"one": (4000, 1, 4), "wide": (6000, 90, 5)}


def espeak() -> None:
    """One voice to learn to read from; many that differ for the codec."""
    if not WORDS.is_file():
        raise SystemExit(f"{WORDS}: missing; `npm pack dictionary-hu` there and unpack it")
    for name, (clips, voices, longest) in ESPEAK.items():
        out = DATA / f"espeak_{name}"
        if not (out / "metadata.csv").is_file():
            sizes = ["--clips", clips, "--voices", voices, "--longest", longest]
            _python("experiments.mini_base.espeak", "--out", out, "--words", WORDS, *sizes)


def codec() -> None:
    """The DVAE, on the voices of the teacher and its quick double and ninety of espeak-ng's. Its
    codes must tell the text: from mels alone they keep fewer words."""
    _require(TEACHER, FEWEST_SHARDS)
    _require(QUICK / "speech", FEWEST_QUICK)
    rest = ("scheduler.warmup_steps=50", "stage.most_clips=20000", "trainer.max_epochs=4")
    sources = {"espeak_wide": DATA / "espeak_wide", **SPEECH}
    _train("codec", sources, *DVAE, *rest)


def read() -> None:
    """The GPT learns to read from one voice: minutes. Prompts say nothing there, so what hears them
    is left alone: trained, it learns to give the same for every voice, and never recovers."""
    rest = ("optim.lr=1e-3", "trainer.max_epochs=2", "scheduler.floor=0.5", _from("codec"))
    _train("read", {"espeak_one": DATA / "espeak_one"}, *GPT, READING, *rest)


def voices() -> None:
    """Then from hundreds of voices: many sentences, few passes, or it learns them by heart."""
    rest = ("optim.lr=8e-4", "trainer.max_epochs=4", "scheduler.floor=0.1", _from("read"))
    _train("voices", SPEECH, *GPT, *rest)


def teacher() -> None:
    """Then from the teacher alone, which sounds like a person."""
    rest = ("model.dropout=0.1", "optim.lr=4e-4", "trainer.max_epochs=3", _from("voices"))
    _train("teacher", {"teacher": TEACHER}, *GPT, *rest)


def decoder() -> None:
    """The decoder, on the latents of that GPT: hundreds of voices first, then the teacher's sound,
    which the quick double has not, and a discriminator of it."""
    many = ("stage.batches=200", "stage.most_clips=3000", "stage.adv_weight=0")
    rest = ("optim.lr=1e-3", "trainer.max_epochs=10", _from("teacher"))
    _train("sound", SPEECH, *DECODER, *many, *rest)
    # What convinces a discriminator is not what is nearest: the last epochs, at a falling rate, are
    # best.
    adversarial = ("stage.batches=600", "checkpoint.monitor=train/mel", "scheduler.floor=0.02")
    rest = ("optim.lr=8e-4", "trainer.max_epochs=15", _from("sound"))
    _train("decoder", {"teacher": TEACHER}, *DECODER, *adversarial, *rest)


def ship() -> None:
    """All parts into the package."""
    _python("experiments.mini_base.ship", CACHE / "outputs/decoder")


STEPS: dict[str, Callable[[], None]] = {
    step.__name__: step for step in (espeak, codec, read, voices, teacher, decoder, ship)
}


def _require(folder: Path, shards: int) -> None:
    found = len(list(folder.glob("shard_*")))
    if found < shards:
        raise SystemExit(f"{folder}: {found} shards of speech, {shards} needed; speak more first")


def _train(name: str, sources: dict[str, Path], *overrides: str) -> None:
    if (CACHE / "outputs" / name / "finished").is_file():
        return
    _dataset(name, sources)
    _python("xttslab.train", f"run_name={name}", f"dataset={name}", *overrides, folder=CACHE)


def _from(name: str) -> str:
    return f"init_from={CACHE / 'outputs' / name}"


def _dataset(name: str, sources: dict[str, Path]) -> None:
    """A dataset config where `train`, started in CACHE, finds it."""
    lines = [f"name: {name}", "language: hu", "sources:"]
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
