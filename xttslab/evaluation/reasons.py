"""Measures and marks of one clip in; in words, what is good and what is bad about it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xttslab.evaluation.smoothness import Defects, DefectWeights

_GOOD, _BAD = 8.0, 6.0  # marks
_MOST = 3  # reasons on either side
_TONE = {
    "pitch_st": ("the pitch is {:.1f} semitones too {}", "high", "low"),
    "pitch_range_st": ("the melody is {:.1f} semitones too {}", "wide", "flat"),
    "energy_db": ("it is {:.0f} dB too {}", "loud", "quiet"),
    "rate_syllables_s": ("it is {:.1f} syllables a second too {}", "fast", "slow"),
}
_DEFECTS = {
    "clicks": "clicks or hard cuts",
    "dropouts": "dropouts",
    "spectral_jumps": "leaps of the sound",
    "pitch_jumps": "leaps of the pitch",
    "cut_off": "it breaks off in the middle of a sound",
    "repeated_s": "s of stutter",
    "stuck_s": "s of stuck codes",
    "babble_s": "s of babble after the end",
}
_ONE_DEFECT = 0.3  # what counts less is not worth a word


@dataclass(frozen=True)
class Evidence:
    """What the words are made from: raw measures, marks by aspect, the measure behind each, the
    words understood, the defects' weights, and where the tone is farthest off (feature, by how
    much in its unit)."""

    measures: Mapping[str, float]
    marks: Mapping[str, float]
    behind: Mapping[str, str]
    heard: str | None
    weights: DefectWeights
    tone: tuple[str, float] | None
    category: str


def good_points(evidence: Evidence) -> str:
    """The clip's best aspects, best first; empty when none has mark 8."""
    best = sorted(evidence.marks.items(), key=lambda pair: (-pair[1], pair[0]))
    return "; ".join(_GOOD_WORDS[name](evidence) for name, mark in best[:_MOST] if mark >= _GOOD)


def bad_points(evidence: Evidence) -> str:
    """The aspects that cost most, worst first; empty when all have mark 6 or more."""
    worst = sorted(evidence.marks.items(), key=lambda pair: (pair[1], pair[0]))
    return "; ".join(_BAD_WORDS[name](evidence) for name, mark in worst[:_MOST] if mark < _BAD)


def _value(evidence: Evidence, aspect: str) -> float:
    return evidence.measures[evidence.behind[aspect]]


def _another_voice(evidence: Evidence) -> str:
    if "speaker_similarity" not in evidence.measures:
        return "no voice is to be heard"
    return f"another voice ({_value(evidence, 'voice_similarity'):.2f})"


def _misheard(evidence: Evidence) -> str:
    share = f"{min(evidence.measures['cer'], 1):.0%} of the letters misheard"
    return f"{share}, as “{evidence.heard}”" if evidence.heard else "nothing was understood"


def _wrong_tone(evidence: Evidence) -> str:
    unlike = f"does not sound like {evidence.category}"
    if evidence.tone is None:
        return unlike
    feature, difference = evidence.tone
    words, more, less = _TONE[feature]
    return f"{unlike}: {words.format(abs(difference), more if difference > 0 else less)}"


def _defects(evidence: Evidence) -> str:
    """The defects that count, heaviest first."""
    found = {name: evidence.measures.get(name, 0.0) for name in Defects.__dataclass_fields__}
    weight = {name: getattr(evidence.weights, name) * amount for name, amount in found.items()}
    names = sorted((n for n in found if weight[n] >= _ONE_DEFECT), key=lambda n: -weight[n])
    words = [
        _DEFECTS[name] if name == "cut_off" else f"{found[name]:.1f} {_DEFECTS[name]}"
        for name in names[:_MOST]
    ]
    return ", ".join(words) or "many small defects"


_GOOD_WORDS: dict[str, Callable[[Evidence], str]] = {
    "voice_similarity": lambda e: f"the voice is right ({_value(e, 'voice_similarity'):.2f})",
    "pronunciation": lambda e: f"clear words ({_value(e, 'pronunciation'):.0%} misheard)",
    "naturalness": lambda e: f"natural sound ({_value(e, 'naturalness'):.1f} of 5)",
    "emotion": lambda e: f"the tone of {e.category}",
    "smoothness": lambda e: "smooth",
}
_BAD_WORDS: dict[str, Callable[[Evidence], str]] = {
    "voice_similarity": _another_voice,
    "pronunciation": _misheard,
    "naturalness": lambda e: f"artificial sound ({_value(e, 'naturalness'):.1f} of 5)",
    "emotion": _wrong_tone,
    "smoothness": _defects,
}
