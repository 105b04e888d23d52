"""One export in, its speech in Coqui's `Xtts.inference` and in ours timed side by side out.

    python -m experiments.speed_vs_coqui.speaking [--size full] [--codes 100]

Random weights at XTTS-v2's size never choose to stop, so both sides speak the same number of codes.
Coqui speaks one sentence after the other, as its class does; ours one alone, and all in one batch.
Both run in this process, on the same threads; ours then once more with a GPT of 16 bits
(`say precision=bf16`). Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from experiments.speed_vs_coqui.measuring import without_bfloat16
from xttslab.exporting.export_folder import Export, write_export
from xttslab.model.base import build_base
from xttslab.model.sampling import Sampling
from xttslab.model.voice import Speaking
from xttslab.speaking.loading import load_export
from xttslab.speaking.speaker import Speaker

CONF = Path(__file__).resolve().parents[2] / "conf"
TOKENS = 75  # of the packaged vocabulary; XTTS-v2's own of 6,681 adds 27 MB to an export
SMALLER = {"full": {}, "half": {"layers": 15}, "small": {"layers": 4, "model_dim": 256, "heads": 4}}


def like_coqui() -> Speaking:
    """As Coqui's `inference` samples by default; it trims nothing."""
    rules = Sampling(temperature=0.75, top_k=50, top_p=0.85, repetition_penalty=10.0)
    return Speaking(rules, trim_babble=False)


def write_random(out: Path, size: str) -> float:
    """Export random weights of XTTS-v2's shape; returns MB in half precision."""
    model = OmegaConf.to_container(OmegaConf.load(CONF / "model/xtts_v2.yaml"), resolve=True)
    model["architecture"] |= {**SMALLER[size], "number_text_tokens": TOKENS}
    model["decoder"]["sizes"]["decoder_input_dim"] = model["architecture"]["model_dim"]
    base = build_base(**model, weights="random", seed=1)
    base.gpt.eval()
    voice = base.voice()
    noise = np.random.default_rng(0).normal(0, 0.1, 6 * 22_050).astype(np.float32)
    reference = voice.reference([noise])
    voices = {"neutral": reference}
    export = Export(base, voice, model, voices, "hu", "# random weights\n", like_coqui())
    return write_export(export, out, half=True)


def load_coqui(folder: Path) -> Xtts:
    config = XttsConfig()
    config.load_json(str(folder / "config.json"))
    model = Xtts.init_from_config(config)
    model.load_checkpoint(config, checkpoint_dir=str(folder), eval=True)
    return model


def timed(work: Callable[[], object], rounds: int) -> float:
    """Median seconds of `rounds` runs."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def theirs(model: Xtts, texts: list[str]) -> None:
    stored = model.speaker_manager.speakers["neutral"]
    voice = (stored["gpt_cond_latent"], stored["speaker_embedding"])
    for text in texts:
        model.inference(text, "hu", *voice, temperature=0.75)


def ours(speaker: Speaker, texts: list[str]) -> None:
    tokens = [speaker.tokenizer.encode(text, "hu") for text in texts]
    latents, embedding = speaker.references.stored["neutral"]
    speaker.voice.speak(tokens, [latents] * len(texts), [embedding] * len(texts), like_coqui())


def _measure(
    speak: Callable[[list[str]], None], work: dict[str, tuple[list[str], int]]
) -> dict[str, float]:
    return {name: timed(partial(speak, texts), rounds) for name, (texts, rounds) in work.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SMALLER, default="full")
    parser.add_argument("--codes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    samples = OmegaConf.load(CONF / "samples/default.yaml").sentences
    texts = [sample.text for sample in samples]
    with tempfile.TemporaryDirectory() as place:
        megabytes = write_random(Path(place) / "voice", options.size)
        model, speaker = load_coqui(Path(place) / "voice"), load_export(Path(place) / "voice")
    torch.set_num_threads(options.threads)  # Coqui's modules set it to 1
    model.gpt.max_gen_mel_tokens = speaker.voice.gpt.max_gen_mel_tokens = options.codes
    speaker.voice.likely = lambda tokens: options.codes
    found = {"size": options.size, "codes": options.codes, "export_mb": round(megabytes, 1)}
    work = {"one": (texts[:1], options.rounds), "batch": (texts, 1)}
    seconds = {"coqui": _measure(partial(theirs, model), work)}
    seconds["ours"] = _measure(partial(ours, speaker), work)
    if why := without_bfloat16("cpu"):
        print(f"left out, since {why}: ours_bf16", file=sys.stderr)
    else:
        seconds["ours_bf16"] = _measure(partial(ours, speaker.to("cpu", "bf16")), work)
    for name in work:
        found[f"{name}_s"] = {side: round(spent[name], 2) for side, spent in seconds.items()}
        found[f"{name}_ratio"] = {
            side: round(seconds["coqui"][name] / seconds[side][name], 2)
            for side in seconds
            if side != "coqui"
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
