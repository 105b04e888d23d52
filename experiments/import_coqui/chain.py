"""A run of Coqui's trainer becomes a voice of ours: every step with one command, and its figures.

    python -m experiments.import_coqui.chain /tmp/chain

Trains with Coqui's own trainer on a few clips of the packaged demo (`train.py`), then runs
`import_run`, `say`, `evaluate`, `export`, `train init_from=` and `compare` in the new folder, and
has Coqui's `Xtts` load the export and speak. The vocabulary is XTTS-v2's where it is there
(`--vocabulary`, default ../shared/data/xtts_v2/vocab.json), else the small base's. About ten
minutes on one core. Prints a line for every step; exits with 1 where one fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from xttslab.data.manifest import EVAL, Clip, read_folder, write_metadata
from xttslab.data.preparing.sources import lay_out

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
XTTS_V2 = ROOT.parent / "shared/data/xtts_v2/vocab.json"
MINI = ROOT / "xttslab/assets/xtts_mini/vocab.json"
DATA, RUN, NEXT = "demo_milliomos", "coqui", "continued"
SILENT = ("confirmation", "excitement", "greeting", "tension", "transition")
SPOKEN = {"neutral": "Jó estét kívánok!", "question": "Biztos a válaszában?"}
TRAIN = "import sys; from pathlib import Path; from experiments.import_coqui.train import main; "
LOAD = """
import sys
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts
config = XttsConfig()
config.load_json(sys.argv[1] + "/config.json")
model = Xtts(config)
model.load_checkpoint(config, checkpoint_dir=sys.argv[1], eval=True)
wave = model.synthesize("Jó estét kívánok!", speaker="greeting", language="hu")["wav"]
print(f"Coqui speaks {len(wave) / 24000:.2f} s, as {len(model.speaker_manager.speakers)} voices")
"""


def steps(place: Path, vocabulary: Path, tokens: int) -> dict[str, list[str]]:
    """Step → the arguments of Python, in the order in which they are run."""
    data = place / "data" / DATA
    sizes = ["layers=2", "model_dim=64", "heads=2", f"number_text_tokens={tokens}"]
    further = [f"model.architecture.{size}" for size in sizes]
    further += [f"run_name={NEXT}", "model=xtts_v2", f"model.folder=outputs/{RUN}"]
    further += ["weights=random", "model.decoder.sizes.decoder_input_dim=64"]
    further += ["trainer=cpu", "trainer.max_epochs=1"]
    further += ["samples.every_n_epochs=0", "samples.score_every_n_epochs=0", "timed_steps=0"]
    short = ["seeds=[7]", "rows=[zero_shot]", "device=cpu", "sentences.sets=null"]
    short += ["sentences.long=null", *(f"sentences.categories.{name}=[]" for name in SILENT)]
    short += [f"sentences.categories.{name}=['{text}']" for name, text in SPOKEN.items()]
    call = f"main(Path({str(data)!r}), Path('training'), Path({str(vocabulary)!r}), 16)"
    spoken = ["category=greeting", "text=Jó estét kívánok!", "out=hello.wav", "device=cpu"]
    return {
        "coqui trains": ["-c", TRAIN + call],
        "import": _command("import_run", "source=SOURCE", f"dataset={DATA}", f"run_name={RUN}"),
        "say": _command("say", f"run={RUN}", *spoken),
        "evaluate": _command("evaluate", f"run={RUN}", *short),
        "export": _command("export", f"run={RUN}", "out=voice"),
        "coqui loads": ["-c", LOAD, "voice"],
        "train": _command("train", f"dataset={DATA}", f"init_from={RUN}", *further),
        "evaluate again": _command("evaluate", f"run={NEXT}", *short),
        "compare": _command("compare", f"runs=[{RUN},{NEXT}]"),
    }


def few_clips(folder: Path) -> None:
    """Keep one held-out and three other clips of every category, so that all takes minutes."""
    kept: dict[tuple[str, str], list[Clip]] = {}
    for clip in read_folder(folder, DATA)[0]:
        kept.setdefault((clip.category, clip.split), []).append(clip)
    few = [clips[: 1 if split == EVAL else 3] for (_, split), clips in sorted(kept.items())]
    write_metadata(folder / "metadata.csv", [clip for clips in few for clip in clips])


def _command(name: str, *options: str) -> list[str]:
    return ["-m", f"xttslab.{name}", *options]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", type=Path, help="a new folder for all that is made")
    parser.add_argument("--vocabulary", type=Path, default=XTTS_V2 if XTTS_V2.is_file() else MINI)
    options = parser.parse_args()
    from xttslab.model.tokenizer import Tokenizer

    place, vocabulary = options.place.resolve(), options.vocabulary.resolve()
    place.mkdir(parents=True)
    few_clips(lay_out(DATA, place / "data" / DATA))
    tokens = Tokenizer(vocabulary).size
    print(f"{vocabulary.name} of {vocabulary.parent.name}: {tokens} tokens", flush=True)
    paths = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    for name, arguments in steps(place, vocabulary, tokens).items():
        source = next((str(path) for path in (place / "training").glob("coqui_tiny*")), "")
        command = [argument.replace("SOURCE", source) for argument in arguments]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *command], cwd=place, env=environment, capture_output=True, text=True
        )
        (place / f"{name}.log").write_text(done.stdout + done.stderr, encoding="utf-8")
        said = [line for line in (done.stdout or done.stderr).splitlines() if line.strip()]
        seconds = time.perf_counter() - started
        print(f"{name:<15} {seconds:6.1f} s  {said[-1] if said else ''}", flush=True)
        if done.returncode:
            raise SystemExit(f"{name} failed: {done.stderr[-2000:]}")


if __name__ == "__main__":
    main()
