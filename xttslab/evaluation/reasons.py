"""Says in words what is good and what is bad about a scored clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xttslab.evaluation.emotion import FEATURES, JUST_NOTICEABLE
from xttslab.evaluation.smoothness import Defects, DefectWeights

_GOOD, _BAD = 8.0, 6.0  # scores
_CLEAR = 10.0  # on the scale of the configuration: no more misheard than of clear speech
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
class ClipEvidence:
    """What the words are made from: raw measures, scores by aspect, the measure behind each, the
    words understood, the defects' weights, and where the tone is farthest off (feature, by how
    much in its unit).

    `plain` are the scores that the raw measures have on the scales of the configuration: a score is
    relative to the speaker's recordings, and words that stand beside a raw number must fit it too.
    Aspects without such a scale are absent.
    """

    measures: Mapping[str, float]
    scores: Mapping[str, float]
    plain: Mapping[str, float]
    behind: Mapping[str, str]
    heard: str | None
    weights: DefectWeights
    tone: tuple[str, float] | None
    category: str


def good_points(evidence: ClipEvidence) -> str:
    """The clip's best aspects, best first; empty when none has score 8.

    Where the recordings themselves measure badly, it is praised for no more than being like them.
    """
    best = sorted(evidence.scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return "; ".join(_praise(evidence, name) for name, score in best[:_MOST] if score >= _GOOD)


def bad_points(evidence: ClipEvidence) -> str:
    """The aspects that cost most, worst first; empty when all have score 6 or more.

    Where the raw measure is good, it is blamed for no more than being less than the recordings.
    """
    worst = sorted(evidence.scores.items(), key=lambda pair: (pair[1], pair[0]))
    return "; ".join(_blame(evidence, name) for name, score in worst[:_MOST] if score < _BAD)


def _praise(evidence: ClipEvidence, aspect: str) -> str:
    least = _CLEAR if aspect == "pronunciation" else _GOOD
    deserved = evidence.plain.get(aspect, least) >= least
    return (_GOOD_WORDS if deserved else _LIKE_REAL_WORDS)[aspect](evidence)


def _blame(evidence: ClipEvidence, aspect: str) -> str:
    deserved = evidence.plain.get(aspect, 0.0) < (_CLEAR if aspect == "pronunciation" else _BAD)
    return (_BAD_WORDS if deserved else _LESS_THAN_REAL_WORDS)[aspect](evidence)


def _value(evidence: ClipEvidence, aspect: str) -> float:
    return evidence.measures[evidence.behind[aspect]]


def _another_voice(evidence: ClipEvidence) -> str:
    if "speaker_similarity" not in evidence.measures:
        return "no voice is to be heard"
    return f"another voice ({_value(evidence, 'voice_similarity'):.2f})"


def _misheard(evidence: ClipEvidence) -> str:
    if not evidence.heard:
        return "nothing was understood"
    share = f"{min(evidence.measures['cer'], 1):.0%} of the letters misheard"
    return f"{share}, as “{evidence.heard}”"


def _wrong_tone(evidence: ClipEvidence) -> str:
    unlike = f"does not sound like {evidence.category}"
    if evidence.tone is None:
        return unlike
    feature, difference = evidence.tone
    if abs(difference) < JUST_NOTICEABLE[FEATURES.index(feature)]:
        return unlike  # what nobody hears is no cause
    words, more, less = _TONE[feature]
    return f"{unlike}: {words.format(abs(difference), more if difference > 0 else less)}"


def _smooth(evidence: ClipEvidence) -> str:
    found = _counted(evidence)
    return f"few defects: {found}" if found else "smooth"


def _defects(evidence: ClipEvidence) -> str:
    return _counted(evidence) or "many small defects"


def _counted(evidence: ClipEvidence) -> str:
    """The defects that count, heaviest first; empty where none does."""
    found = {name: evidence.measures.get(name, 0.0) for name in Defects.__dataclass_fields__}
    weight = {name: getattr(evidence.weights, name) * amount for name, amount in found.items()}
    names = sorted((n for n in found if weight[n] >= _ONE_DEFECT), key=lambda n: -weight[n])
    words = [
        _DEFECTS[name] if name == "cut_off" else f"{found[name]:.1f} {_DEFECTS[name]}"
        for name in names[:_MOST]
    ]
    return ", ".join(words)


def _number(evidence: ClipEvidence, aspect: str) -> str:
    """The raw measure behind an aspect in words."""
    value = _value(evidence, aspect)
    return {
        "voice_similarity": f"{value:.2f}",
        "pronunciation": f"{min(value, 1):.0%} misheard",
        "naturalness": f"{value:.1f} of 5",
        "smoothness": f"{value:.1f} defects a second",
    }[aspect]


_GOOD_WORDS: dict[str, Callable[[ClipEvidence], str]] = {
    "voice_similarity": lambda e: f"the voice is right ({_number(e, 'voice_similarity')})",
    "pronunciation": lambda e: f"clear words ({_number(e, 'pronunciation')})",
    "naturalness": lambda e: f"natural sound ({_number(e, 'naturalness')})",
    "emotion": lambda e: f"the tone of {e.category}",
    "smoothness": _smooth,
}
_LIKE_REAL_WORDS: dict[str, Callable[[ClipEvidence], str]] = {
    "voice_similarity": lambda e: (
        f"as like the voice as the recordings are ({_number(e, 'voice_similarity')})"
    ),
    "pronunciation": lambda e: (
        f"words no less clear than in the recordings ({_number(e, 'pronunciation')})"
    ),
    "naturalness": lambda e: f"sounds as the recordings do ({_number(e, 'naturalness')})",
    "smoothness": lambda e: f"no rougher than the recordings ({_number(e, 'smoothness')})",
}
_LESS_THAN_REAL_WORDS: dict[str, Callable[[ClipEvidence], str]] = {
    "voice_similarity": lambda e: (
        f"less like the voice than the recordings are ({_number(e, 'voice_similarity')})"
    ),
    "pronunciation": lambda e: (
        f"words less clear than in the recordings ({_number(e, 'pronunciation')})"
    ),
    "naturalness": lambda e: f"less natural than the recordings ({_number(e, 'naturalness')})",
    "smoothness": lambda e: f"rougher than the recordings ({_number(e, 'smoothness')})",
}
_BAD_WORDS: dict[str, Callable[[ClipEvidence], str]] = {
    "voice_similarity": _another_voice,
    "pronunciation": _misheard,
    "naturalness": lambda e: f"artificial sound ({_number(e, 'naturalness')})",
    "emotion": _wrong_tone,
    "smoothness": _defects,
}
