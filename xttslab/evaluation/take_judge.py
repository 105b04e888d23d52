"""Judges takes of a text with a speech recogniser: missing or added words, cut ends, odd pace."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from xttslab.data.predictors import PredictorMissing
from xttslab.evaluation.pronunciation import normalise
from xttslab.evaluation.recognition import Recognised, Recogniser
from xttslab.evaluation.smoothness import cut_off
from xttslab.evaluation.spoken_clips import RATE
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.voice import finished_at
from xttslab.speaking.joining import speech_frames
from xttslab.speaking.take_guard import Take, TakeJudgement

log = logging.getLogger(__name__)

# Chosen on 120 sentences of the small base with failures planted in them; experiments/guard.
MISSING, ADDED = 0.18, 0.15  # share of the text's letters in one place
QUICK, SLOW = 0.25, 0.18  # departure of ln(seconds a letter) from the usual
UNHEARD_QUICK, UNHEARD_SLOW = 0.20, 0.20  # the same, where nobody recognises words
BEHIND_S = 0.35  # seconds of sound behind the last word
FEWEST_LETTERS = 4  # missing or added: a recogniser drops so many of a single word
FEWEST_TAKES = 3  # whose middle is called the usual pace
SAME_LETTERS = 3  # in a row, by which two texts are found to be the same again
FAULT_COST = 10.0  # a take with a fault is behind every one without


@dataclass(frozen=True)
class TakeJudge:
    """Finds failures of generation: babble, cut ends, words repeated or left out.

    Without a recogniser pace and ending alone are judged.
    """

    recogniser: Recogniser | None
    language: str

    def __call__(
        self, takes: Sequence[Take], usual: Mapping[str, float] | None = None
    ) -> list[TakeJudgement]:
        """Judge takes that were generated together; raises PredictorMissing as a recogniser does.

        `usual` is each voice's pace (`pace_of`); None: the middle of its takes, `FEWEST_TAKES` at
        the least.
        """
        texts = [normalise(take.text, self.language) for take in takes]
        waves = [soxr.resample(take.wave, SPEECH_RATE, RATE).astype(np.float32) for take in takes]
        paces = [pace_of(take.wave, text) for take, text in zip(takes, texts, strict=True)]
        if usual is None:
            usual = _usual([take.voice for take in takes], paces)
        slower = [
            pace - usual.get(take.voice, pace) if np.isfinite(pace) else -np.inf
            for take, pace in zip(takes, paces, strict=True)
        ]
        heard = self.recogniser.transcribe(waves) if self.recogniser else [None] * len(takes)
        rows = zip(takes, texts, waves, slower, heard, strict=True)
        return [self._judgement(*row) for row in rows]

    def _judgement(
        self, take: Take, text: str, wave: np.ndarray, slower: float, heard: Recognised | None
    ) -> TakeJudgement:
        if not np.isfinite(slower):
            return TakeJudgement(("it is silent",), 2 * FAULT_COST)
        faults = _ending_faults(take, wave)
        error = 0.0
        if heard is None:
            faults += _pace_faults(slower, UNHEARD_QUICK, UNHEARD_SLOW)
        else:
            found = differences(text, normalise(heard.text, self.language))
            error = found.error
            faults += _word_faults(found, slower) or _pace_faults(slower, QUICK, SLOW)
            behind = len(wave) / RATE - heard.words[-1].end if heard.words else 0.0
            if behind - _silence_behind(take.wave) > BEHIND_S:
                faults.append(f"{behind:.1f} s of sound after the last word")
        cost = error + abs(slower) + (1 - take.likeness) + FAULT_COST * bool(faults)
        return TakeJudgement(tuple(faults), cost)


def judge_for(recogniser: Recogniser, language: str) -> TakeJudge:
    """A judge with this recogniser, or without one, with a warning, where it cannot be used."""
    try:
        recogniser.check()
    except PredictorMissing as fault:
        log.warning("takes are judged by pace and ending alone: %s", fault)
        return TakeJudge(None, language)
    return TakeJudge(recogniser, language)


def configured_judge(conf: Path, language: str) -> TakeJudge:
    """The judge of a language with the recogniser that evaluations use, as the folder `conf`
    configures it."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    scoring = OmegaConf.load(conf / "evaluation" / "default.yaml").scoring
    scoring.language = language
    return judge_for(instantiate(scoring.recogniser, _convert_="all"), language)


@dataclass(frozen=True)
class Differences:
    """What was heard beside a text, as shares of its `letters`: all edits, and the most letters
    that are missing or too many in one place."""

    letters: int
    error: float
    missing: float
    added: float


def differences(wanted: str, heard: str) -> Differences:
    """Compare two normalised texts. A place lies between runs of `SAME_LETTERS` equal letters: so
    a misheard letter within a lost word does not break the loss in two."""
    from rapidfuzz.distance import Levenshtein

    edits, places = 0, [[0, 0]]
    for step in Levenshtein.opcodes(wanted, heard):
        here, there = step.src_end - step.src_start, step.dest_end - step.dest_start
        if step.tag == "equal" and here >= SAME_LETTERS:
            places.append([0, 0])
            continue
        edits += max(here, there) if step.tag != "equal" else 0
        places[-1][0] += here
        places[-1][1] += there
    letters = max(len(wanted), 1)
    net = [there - here for here, there in places]
    share = [step / letters if abs(step) >= FEWEST_LETTERS else 0.0 for step in net]
    return Differences(letters, edits / letters, max(0.0, -min(share)), max(0.0, *share))


def pace_of(wave: np.ndarray, text: str) -> float:
    """ln(seconds of sound a letter of a normalised text), −inf for silence.

    Over sentences of one voice it spreads by .095; a syllable's would by .128.
    """
    seconds = np.count_nonzero(speech_frames(wave, SPEECH_RATE)) / 100
    return float(np.log(seconds / max(len(text), 1))) if seconds else -np.inf


def _usual(voices: Sequence[str], paces: Sequence[float]) -> dict[str, float]:
    """Voice → the middle of its paces, where there are enough."""
    found: dict[str, list[float]] = {}
    for voice, pace in zip(voices, paces, strict=True):
        if np.isfinite(pace):
            found.setdefault(voice, []).append(pace)
    return {
        voice: float(np.median(known))
        for voice, known in found.items()
        if len(known) >= FEWEST_TAKES
    }


def _silence_behind(wave: np.ndarray) -> float:
    frames = np.flatnonzero(speech_frames(wave, SPEECH_RATE))
    return len(wave) / SPEECH_RATE - (int(frames[-1]) + 1) / 100 if len(frames) else 0.0


def _ending_faults(take: Take, wave: np.ndarray) -> list[str]:
    """A sentence that never ended, or that ends within a sound."""
    if not take.spoken.ended and finished_at(take.spoken) == len(take.spoken.codes):
        return ["it does not end"]
    return ["it ends in the middle of a sound"] if cut_off(wave) else []


def _word_faults(found: Differences, slower: float) -> list[str]:
    """Too many or too few letters in one place; a take that is quick for its text lacks more than
    a recogniser, which knows what usually follows, lets on."""
    faults = []
    if found.missing - min(slower, 0.0) / 2 >= MISSING and found.missing:
        faults.append(f"{found.missing:.0%} of the text is missing")
    if found.added >= ADDED:
        faults.append(f"{found.added:.0%} more is said than the text")
    return faults


def _pace_faults(slower: float, quick: float, slow: float) -> list[str]:
    """A recogniser leaves repeated words out; they still take their time."""
    if slower > slow:
        return [f"takes {np.expm1(slower):.0%} longer than such a text usually does"]
    if slower < -quick:
        return [f"takes {-np.expm1(slower):.0%} less time than such a text usually does"]
    return []
