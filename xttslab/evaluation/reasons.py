"""Says in words what is good and what is bad about a scored clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xttslab.evaluation.aspects import ASPECTS
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
    if evidence.plain.get(aspect, least) < least:
        return _filled(ASPECTS[aspect].like_real, evidence, aspect)
    return _GOOD_WORDS.get(aspect, _plainly("good", aspect))(evidence)


def _blame(evidence: ClipEvidence, aspect: str) -> str:
    most = _CLEAR if aspect == "pronunciation" else _BAD
    if evidence.plain.get(aspect, 0.0) >= most:
        return _filled(ASPECTS[aspect].unlike_real, evidence, aspect)
    return _BAD_WORDS.get(aspect, _plainly("bad", aspect))(evidence)


def _plainly(side: str, aspect: str) -> Callable[[ClipEvidence], str]:
    return lambda evidence: _filled(getattr(ASPECTS[aspect], side), evidence, aspect)


def _filled(words: str, evidence: ClipEvidence, aspect: str) -> str:
    """Words of the table with the raw measure and the category in them."""
    value = evidence.measures.get(evidence.behind.get(aspect, ""))
    shown = "" if value is None else ASPECTS[aspect].number.format(value)
    return words.format(number=shown, category=evidence.category)


def _another_voice(evidence: ClipEvidence) -> str:
    if evidence.behind["voice_similarity"] not in evidence.measures:
        return "no voice is to be heard"
    return _filled(ASPECTS["voice_similarity"].bad, evidence, "voice_similarity")


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


# What says more than the words of the table.
_GOOD_WORDS: dict[str, Callable[[ClipEvidence], str]] = {"smoothness": _smooth}
_BAD_WORDS: dict[str, Callable[[ClipEvidence], str]] = {
    "voice_similarity": _another_voice,
    "pronunciation": _misheard,
    "emotion": _wrong_tone,
    "smoothness": _defects,
}
