"""Every page that the product writes, made from made-up records of a hard kind.

Long names with and without places to break, 14 categories, and as many epochs as are asked for.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from tests.reporting.runs import clips_of, falling, gates, rules
from xttslab.data.audio import mp3
from xttslab.evaluation.aspects import ASPECTS
from xttslab.evaluation.card_output import write_card
from xttslab.evaluation.scales import Interval
from xttslab.evaluation.scorecard import AspectScore, ClipScore, Scorecard
from xttslab.reporting.audit import write_audit
from xttslab.reporting.audit_facts import AuditRules
from xttslab.reporting.build import write_comparison, write_report
from xttslab.reporting.comparison import compare_runs
from xttslab.reporting.listening import Entrant, ListeningPlan, ListeningTest, Stimulus
from xttslab.reporting.run_data import ManifestClip, RunData
from xttslab.reporting.verdict import VerdictRules
from xttslab.reporting.votes import Vote
from xttslab.serving.listening_pages import listening_app
from xttslab.serving.local_pages import LocalServer, access_for, bind
from xttslab.tracking.gallery import SampleSentence, write_gallery

CATEGORIES = (
    "confirmation", "excitement", "greeting", "neutral", "question", "tension", "transition",
    "whispered", "angry", "narration_of_a_documentary", "telephone-announcement", "sad", "laughing",
    "congratulations",
)  # fmt: skip
TEXTS = (
    "Nagyszerű teljesítmény!",
    "Négy válaszlehetőség közül választhat.",
    "Megszentségteleníthetetlenségeskedéseitekért.",
)
UNBROKEN = "kvizmusorfelvetelekbolhangoltvaltozatallandotanulasiratavalharmincepochig03cbaf"
NAMES = (UNBROKEN, "combined_xtts_v2_constant_lr_3e-6_batch_3_seed_7_without_the_interviews_77aa10")
EPOCHS = (1, 12, 60)


def make_pages(folder: Path, audit_rules: AuditRules) -> dict[str, Path]:
    """Write all pages that are files: name → page."""
    folder.mkdir(parents=True, exist_ok=True)
    wave = folder / "clip.wav"
    soundfile.write(wave, 0.1 * np.sin(np.arange(12000) / 9), 24000)
    made = {"audit": make_audit(folder / "audit", audit_rules)}
    for epochs in EPOCHS:
        place = folder / f"epochs_{epochs}"
        made[f"samples_{epochs}"] = make_samples(place / "samples", epochs, wave)
        runs = [
            made_run(name, epochs, place, wave, off)
            for name, off in zip(NAMES, (0, 0.3), strict=True)
        ]
        made[f"report_{epochs}"] = write_report(runs[0], rules(), gates(), place).html
        verdict = VerdictRules(nats=0.05, text_gain=0.1, score=0.3, votes=20, draws=20)
        both = compare_runs(runs, rules(), verdict, [gates()] * 2)
        made[f"compare_{epochs}"] = write_comparison(both, place).html
    return made


def make_samples(samples: Path, epochs: int, wave: Path) -> Path:
    """The page of samples: one clip, linked to wherever a clip is looked for."""
    sentences = [
        SampleSentence(f"{n:02d}_{category}", category, TEXTS[n % len(TEXTS)])
        for n, category in enumerate(CATEGORIES * 2, 1)
    ]
    names = [
        f"epoch_{epoch:03d}/{sentence.name}"
        for epoch in range(epochs + 1)
        for sentence in sentences
        if (epoch, sentence.name) != (1, "02_excitement")  # one is missing
    ]
    compressed = wave.with_suffix(".mp3")
    compressed.write_bytes(mp3(wave))
    for name in names:
        for source, link in (
            (wave, samples / f"{name}.wav"),
            (compressed, samples / f".page/{name}.mp3"),
        ):
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, link)
    losses = falling(5.2, 4.1, epochs, 0.08)
    references = dict.fromkeys(CATEGORIES[1:], wave)
    out = samples / "index.html"
    write_gallery(samples, sentences, references, out, f"{UNBROKEN}: samples", "hu", losses)
    return out


def made_run(name: str, epochs: int, folder: Path, wave: Path, off: float) -> RunData:
    """A run with everything that a report can show, `off` nats above another."""
    held_out = {e: 4.0 + off + 0.004 * (e - epochs / 3) ** 2 for e in range(epochs + 1)}
    train = falling(4.6 + off, 2.5, epochs)
    histories = {
        "eval/mel_ce": held_out,
        f"eval/{CATEGORIES[9]}_2024/mel_ce": held_out,
        "eval/text_ce": falling(2.9, 2.2, epochs),
        "eval/mel_ce_other_text": {e: v + 0.9 for e, v in held_out.items()},
        "eval/text_gain": dict.fromkeys(held_out, 0.9),
        "eval/stop_ce": dict.fromkeys(held_out, 0.7),
        "train_eval/mel_ce": train,
        "train/mel_ce": {e: v + 0.2 for e, v in train.items() if e},
        "gap/mel_ce": {e: held_out[e] - train[e] for e in held_out},
        "lr": dict.fromkeys(range(1, epochs + 1), 3e-6),
        "grad_norm": {e: 1 + 1 / e for e in range(1, epochs + 1)},
    }
    histories |= {f"eval/mel_ce/{category}": held_out for category in CATEGORIES}
    card, base = folder / f"{name}.json", folder / f"{name}_base.json"
    write_card(card, made_card(6.4 - off))
    write_card(base, made_card(5.9))
    samples = {
        f"samples/epoch_{epochs:03d}/{n:02d}_{category}.wav": wave
        for n, category in enumerate(CATEGORIES, 1)
    }
    clips = clips_of({category: 3 * n for n, category in enumerate(CATEGORIES, 1)})
    return RunData(
        name,
        run_id=name,
        histories=histories,
        params={
            "optim.lr": f"{3e-6 + off:g}",
            "scheduler._target_": "xttslab.training.optim.cosine",
            "batch.clips": "3", "dataset.sources": f"{{'{UNBROKEN}': '/mnt/c/{UNBROKEN}/{off}'}}",
        },
        tags={"dataset": UNBROKEN, "model": "xtts_v2", "init_from_name": NAMES[1]},
        clips=[*clips, ManifestClip("quiz", "a.wav", TEXTS[0], "neutral", False, "eval")],
        files={
            "evaluation/scorecard.json": card,
            "evaluation/scorecards/zero_shot.json": base,
            **({f"evaluation/scorecards/{UNBROKEN[:30]}.json": base} if off else {}),
            **samples,
        },
        profile={"clips": float(len(clips)), "minutes": 14.8},
    )  # fmt: skip


def made_card(score: float) -> Scorecard:
    """Scores of all aspects but one in every category; clips named as files in long folders."""
    clips = tuple(
        ClipScore(
            f"spoken/{n:02d}_{category}.wav", TEXTS[n % 3], category, 7, "sentences", 2.0, {},
            {"naturalness": score}, score, TEXTS[n % 3], False,
            "the voice is right (0.91); clear words (2% misheard)",
            "46% of the letters misheard, as “megszentségteleníthetetlenségeskedésünkért”",
        )
        for n, category in enumerate(CATEGORIES)
    )  # fmt: skip
    given = Interval(score, score - 0.5, score + 0.5)
    by_category = dict.fromkeys(CATEGORIES, score)
    aspects = {
        name: AspectScore(
            name, None if name == "emotion" else given, by_category, "distillmos", 3.5, None, None,
            "a predictor of what listeners would say of a recording", "never checked here", {},
            missing="no real recordings of two categories" if name == "emotion" else "",
        )
        for name in ASPECTS
    }  # fmt: skip
    names = [clip.name for clip in clips]
    return Scorecard(
        given, by_category, aspects, clips, tuple(names[:3]), tuple(names[-3:]), {}, {}, {}
    )


def make_audit(folder: Path, audit_rules: AuditRules) -> Path:
    """The audit of a set with long file names, 14 categories, rejected and doubtful clips."""
    manifest = ["audio_file|text|speaker_name|category|language|split|source"]
    measured = ["audio_file|origin|start|end|seconds|snr_db|pitch_hz|lufs"]
    refused, doubtful = ["audio_file|reason|value"], ["audio_file|check|finding|value"]
    sound = folder / "wavs" / "clip.wav"
    sound.parent.mkdir(parents=True)
    soundfile.write(sound, 0.1 * np.sin(np.arange(11025) / 9), 22050)
    for n in range(60):
        name = f"wavs/{UNBROKEN}_{n:03d}.wav"
        os.link(sound, folder / name)
        category, split = CATEGORIES[n % 14], ("eval" if n % 10 == 0 else "train")
        manifest.append(f"{name}|{TEXTS[n % 3]}|s|{category}|hu|{split}|{UNBROKEN[:40]}_{n % 2}")
        seconds = 0.2 if n == 7 else 2 + n / 30
        measured.append(
            f"{name}|show.wav|{n}|{n + 1}|{seconds}|{30 + n / 4}|{110 + n}|{-23 + n / 9}"
        )
        if n % 9 == 0:
            doubtful.append(f"{name}|hum|a hum of the mains at 50 Hz and its harmonics|-41 dB")
            refused.append(f"D:\\{UNBROKEN}\\{n}.wav|no such audio file: {UNBROKEN}|{n}")
    for file, lines in (
        ("metadata.csv", manifest), ("clips.csv", measured),
        ("rejected.csv", refused), ("review.csv", doubtful),
    ):  # fmt: skip
        (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return write_audit(folder, audit_rules).page


@contextmanager
def listening_test_page(folder: Path) -> Iterator[str]:
    """A listening test with one task of each kind, served; its address."""
    wave = folder / "clip.wav"
    clips = [Stimulus(name, "01", TEXTS[2], CATEGORIES[9], wave) for name in NAMES]
    with listening_served(clips, wave, []) as address:
        yield address


@contextmanager
def listening_served(clips: list[Stimulus], wave: Path, votes: list[Vote]) -> Iterator[str]:
    """A listening test over voices of one recording each, served; its address. Votes are added."""
    entrants = [Entrant(clip.run, (clip,), judged=clip is clips[0]) for clip in clips]
    real = [Stimulus("", "real", "", "", wave)]
    test = ListeningTest(entrants, real, ListeningPlan(2, 0.95), rng=random.Random(3))
    access = access_for("127.0.0.1", "a-secret-of-this-session")
    app = listening_app(test, votes.append, access)
    with LocalServer(app, access, bind("127.0.0.1", 0)).running() as address:
        yield address
