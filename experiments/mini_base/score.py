"""The shipped base, or a run, and voices that it never heard in; the table of the model card out.

    python -m experiments.mini_base.score [--run RUN] [--out FOLDER]

Speaks 40 ordinary sentences that are in no training data, each after a clip of one of 25 voices
that are in none either, under two seeds, whose means are shown: whether one take finds its voice is
worth .025, and seeds move that by a take or two. Beside it: the teacher's own clips of the same
sentences and voices; their mels alone and their codes alone, made audible without GPT and decoder;
their codes through GPT and decoder (the ceiling of both); the base's speech compared with the wrong
sentence (what chance gives). Needs `held_out/` of experiments/mini_base/speech.py.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
import torch
from omegaconf import OmegaConf
from scipy.stats import pearsonr

from experiments.mini_base.codec_alone import MelVoice
from experiments.mini_base.places import TEACHER
from xttslab.commands import CONF
from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.batches import Example
from xttslab.data.manifest import Clip, read_folder
from xttslab.data.speaker_encoders import resemblyzer as embed
from xttslab.evaluation.naturalness import predict_distillmos
from xttslab.evaluation.pronunciation import compare, normalise, pooled_rate
from xttslab.evaluation.prosody import describe
from xttslab.evaluation.recognition import Recogniser
from xttslab.evaluation.speaker_similarity import cosines
from xttslab.evaluation.spoken_clips import RATE
from xttslab.model.base import Base, build_base
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.voice import Speaking, Voice
from xttslab.speaking.loading import default_settings, load_run
from xttslab.speaking.speaker import Speaker
from xttslab.training.decoder_data import decoder_latents

MODEL = CONF / "model/xtts_mini.yaml"
SENTENCES = 40
SEEDS = (1, 2)
KEPT = 4  # voices whose speech is kept as files
VOICES = 20  # among which an output must find its own
FIRST_MANNERS = 25  # trials before the voices come again in their second manner


@dataclass(frozen=True)
class Trial:
    """A sentence spoken by the teacher, the clip that prompts the base, and a second clip."""

    target: Clip
    reference: Clip
    second: Clip


def trials(folder: Path) -> list[Trial]:
    """Three clips of one voice and manner each, voices in turn."""
    voices: dict[str, list[Clip]] = {}
    for clip in read_folder(folder, "held_out", "hu")[0]:
        voices.setdefault(clip.speaker, []).append(clip)
    # First every voice in its first manner, then in its second.
    order = sorted(voices, key=lambda name: (name.split("_")[1], name))
    chosen = [Trial(*voices[name][:3]) for name in order if len(voices[name]) > 2]
    return chosen[:SENTENCES]


def speak(base: Base, voice: Voice, some: Sequence[Trial], settings: Speaking) -> list[np.ndarray]:
    """The base's own speech of every target sentence, 24 kHz."""
    speaker = Speaker(voice, base.tokenizer, "hu", {})
    return [
        speaker.say(
            trial.target.text,
            speaker_wav=trial.reference.audio,
            settings=replace(settings, seed=settings.seed + row),
        )
        for row, trial in enumerate(some)
    ]


@torch.no_grad()
def ceiling(base: Base, voice: Voice, some: Sequence[Trial]) -> list[np.ndarray]:
    """The teacher's clips through codes, GPT (teacher-forced) and decoder."""
    made = []
    for trial in some:
        wave, prompt = (read_audio(clip.audio) for clip in (trial.target, trial.reference))
        (codes, _), (_, mel) = base.codec.encode([wave]) + base.codec.encode([prompt])
        tokens = base.tokenizer.encode(trial.target.text, "hu")
        (latents,) = decoder_latents(base.gpt, [Example(0, tokens, codes, mel)])
        _, speaker = voice.reference([prompt])
        states = torch.from_numpy(latents).float()[None]
        made.append(voice.decoder(states, g=speaker[None]).flatten().numpy())
    return made


def nearest_own(waves: Sequence[np.ndarray], references: np.ndarray) -> tuple[float, float]:
    """How often a clip is nearest to its own reference among VOICES, and that cosine's mean.

    The others are references of the voices that come next among the first manners.
    """
    made = cosines(embed(waves), references)  # (n, n)
    own = np.diag(made)
    others = np.stack([made[i, _others(i)] for i in range(len(waves))])
    return float(np.mean(own > others.max(axis=1))), float(own.mean())


def _others(row: int) -> np.ndarray:
    return (row + 1 + np.arange(VOICES - 1)) % FIRST_MANNERS


def row_of(
    waves: Sequence[np.ndarray], texts: Sequence[str], references: np.ndarray
) -> dict[str, float]:
    """CER, seconds after the last intended word, naturalness and nearness to the own reference of
    clips at 16 kHz."""
    found_words = Recogniser().transcribe(waves)
    heard = [normalise(found.text) for found in found_words]
    wanted = [normalise(text) for text in texts]
    compared = [compare(words, text) for words, text in zip(found_words, texts, strict=True)]
    tails = [
        len(wave) / RATE - one.speech_end
        for wave, one in zip(waves, compared, strict=True)
        if one.speech_end is not None
    ]
    found, cosine = nearest_own(waves, references)
    return {
        "cer": pooled_rate(heard, wanted),
        "cer_other_text": pooled_rate(heard, wanted[1:] + wanted[:1]),
        "after_speech_s": float(np.mean(tails)),
        "distillmos": float(np.mean(predict_distillmos(waves))),
        "finds_own": found,
        "own_cosine": cosine,
    }


def follows(
    made: Sequence[np.ndarray], some: Sequence[Trial], heard: Sequence[np.ndarray]
) -> dict[str, float]:
    """Correlation over all trials of the output's pitch and pace with the reference's."""
    outputs = [describe(w, t.target.text) for w, t in zip(made, some, strict=True)]
    prompts = [describe(w, t.reference.text) for w, t in zip(heard, some, strict=True)]
    found = {}
    for name in ("pitch_st", "rate_syllables_s"):
        pairs = [
            (getattr(o, name), getattr(p, name)) for o, p in zip(outputs, prompts, strict=True)
        ]
        known = np.array([pair for pair in pairs if None not in pair])
        found[name] = float(pearsonr(*known.T).statistic)
    return found


def read_16k(clip: Clip) -> np.ndarray:
    """A clip's samples as the measures want them."""
    wave, rate = sf.read(clip.audio, dtype="float32")
    return soxr.resample(wave, rate, RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", help="a run in place of the shipped base")
    parser.add_argument("--out", type=Path, help="where some of the base's speech is kept as FLAC")
    options = parser.parse_args()
    if options.run:
        base, _ = load_run(options.run)
    else:
        base = build_base(**OmegaConf.to_container(OmegaConf.load(MODEL), resolve=True))
    base.gpt.eval()
    voice, some = base.voice(), trials(TEACHER / "held_out")
    texts = [trial.target.text for trial in some]
    prompts = [read_16k(trial.reference) for trial in some]
    references = embed(prompts)
    plain, recordings = MelVoice(base.codec), [read_audio(trial.target.audio) for trial in some]

    usual = default_settings(CONF)

    def takes(**chosen: object) -> list[list[np.ndarray]]:
        ways = (replace(usual, seed=seed, **chosen) for seed in SEEDS)
        return [_at_16k(speak(base, voice, some, way), SPEECH_RATE) for way in ways]

    paced = "base, at its reference's pace"
    rows = {
        "teacher": [[read_16k(trial.target) for trial in some]],
        "mels alone": [_at_16k(map(plain.of_mels, recordings), SAMPLE_RATE)],
        "codes alone": [_at_16k(map(plain.of_codes, recordings), SAMPLE_RATE)],
        "ceiling": [_at_16k(ceiling(base, voice, some), SPEECH_RATE)],
        "base": takes(),
        paced: takes(pace="reference"),
        "base, babble left": takes(trim_babble=False),
    }
    for name, spoken in rows.items():
        _say(name, [row_of(waves, texts, references) for waves in spoken])
    second, cosine = nearest_own([read_16k(trial.second) for trial in some], references)
    _say("second clip", [{"finds_own": second, "own_cosine": cosine}])
    for name in ("teacher", "base", paced):
        found = [follows(waves, some, prompts) for waves in rows[name]]
        _say(f"{name} follows its reference", found)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        kept = speak(base, voice, some[:KEPT], replace(usual, seed=SEEDS[0]))
        for trial, wave in zip(some, kept, strict=False):
            sf.write(options.out / f"{trial.target.speaker}.flac", wave, SPEECH_RATE)


def _at_16k(waves: Iterable[np.ndarray], rate: int) -> list[np.ndarray]:
    return [soxr.resample(wave, rate, RATE) for wave in waves]


def _say(row: str, found: Sequence[dict[str, float]]) -> None:
    """Print the mean over seeds."""
    means = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
    print(json.dumps({"row": row} | {k: round(v, 3) for k, v in means.items()}), flush=True)


if __name__ == "__main__":
    main()
