"""Voices in, pairs of a better and a worse recording with their measures out, aspect by aspect.

Every function draws its pairs from `random`; `better` and `worse` are oriented so that a measure
that works gives better > worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.ranking.material import Voice
from experiments.ranking.planting import SMOOTHNESS, babble, white_noise
from xttslab.data.speaker_encoders import campplus
from xttslab.evaluation.emotion import RealProsody, centre
from xttslab.evaluation.naturalness import predict_distillmos
from xttslab.evaluation.pronunciation import compare
from xttslab.evaluation.prosody import describe
from xttslab.evaluation.recognition import Recognised, Recogniser
from xttslab.evaluation.scales import Anchor, Scale
from xttslab.evaluation.smoothness import DefectWeights, defects_per_second, find_defects
from xttslab.evaluation.speaker_similarity import mean_similarity
from xttslab.evaluation.spoken_clips import RATE, SpokenClip


@dataclass(frozen=True)
class Pair:
    """One comparison whose right answer is better > worse."""

    aspect: str
    kind: str
    better: float
    worse: float


def speaker_pairs(
    voices: Mapping[str, Voice], count: int, random: np.random.Generator
) -> list[Pair]:
    """A clip of the speaker against a clip of somebody else, both beside 8 clips of the speaker."""
    embeddings = {name: campplus([c.audio for c in voice.clips]) for name, voice in voices.items()}
    speakers = [name for name, voice in voices.items() if len(voice.clips) > 9]
    pairs = []
    for number in range(count):
        own = speakers[number % len(speakers)]
        others = [n for n, v in voices.items() if v.person != voices[own].person]
        order = random.permutation(len(embeddings[own]))
        foreign = embeddings[str(random.choice(others))]
        tested = np.stack([embeddings[own][order[8]], foreign[random.integers(len(foreign))]])
        same, other = mean_similarity(tested, embeddings[own][order[:8]])
        pairs.append(Pair("voice similarity", f"{own} before others", float(same), float(other)))
    return pairs


def pronunciation_pairs(
    heard: Mapping[str, Sequence[Recognised]],
    voices: Mapping[str, Voice],
    each: int,
    random: np.random.Generator,
) -> list[Pair]:
    """What was heard against its own text, and against the text of another clip."""
    pairs = []
    for name, words in heard.items():
        voice = voices[name]
        for row, clip in enumerate(voice.clips):
            right = compare(words[row], clip.text, voice.language).cer
            for other in random.choice(len(words), each, replace=False):
                wrong = compare(words[row], voice.clips[other].text, voice.language).cer
                if voice.clips[other].text != clip.text:
                    kind = f"{name}: its text before another"
                    pairs.append(Pair("pronunciation", kind, -right, -wrong))
    return pairs


def naturalness_pairs(
    voices: Mapping[str, Voice], each: int, random: np.random.Generator
) -> list[Pair]:
    """Real speech before DCTTS before Tacotron, and clean speech before the same with noise."""
    groups = {
        "real": [clip.audio for v in voices.values() if v.real for clip in v.clips],
        "DCTTS": [clip.audio for clip in voices["dctts"].clips],
        "Tacotron": [clip.audio for clip in voices["tacotron"].clips],
    }
    noisy = [white_noise(audio, 15.0, random) for audio in groups["real"]]
    pairs = []
    scores = {group: predict_distillmos(audios) for group, audios in groups.items()}
    for first, second in (("real", "DCTTS"), ("DCTTS", "Tacotron"), ("real", "Tacotron")):
        drawn = zip(
            random.choice(scores[first], each), random.choice(scores[second], each), strict=True
        )
        pairs += [
            Pair("naturalness", f"{first} before {second}", float(a), float(b)) for a, b in drawn
        ]
    with_noise = zip(scores["real"], predict_distillmos(noisy), strict=True)
    pairs += [
        Pair("naturalness", "clean before 15 dB noise", float(a), float(b)) for a, b in with_noise
    ]
    return pairs


def emotion_pairs(
    clips: Sequence[SpokenClip], size: int, count: int, random: np.random.Generator
) -> list[Pair]:
    """Sets of `size` clips of a category scored as that category, and as another one.

    The clips tested are no part of the real clips that they are scored against.
    """
    described = [(clip.category, describe(clip.audio, clip.text)) for clip in clips]
    names = sorted({name for name, _ in described})
    pairs: list[Pair] = []
    while len(pairs) < count:
        own, other = random.choice(names, 2, replace=False)
        rows = [i for i, (name, _) in enumerate(described) if name == own]
        if len(rows) < size + 4:
            continue
        tested = set(random.choice(rows, size, replace=False).tolist())
        real = RealProsody.of([pair for i, pair in enumerate(described) if i not in tested])
        features = centre([prosody for _, prosody in described])[sorted(tested)]
        scores = [_emotion_share(real, features, name) for name in (own, other)]
        if not np.isnan(scores).any():
            pairs.append(Pair("emotion", f"sets of {size}: {own} before {own} as {other}", *scores))
    return pairs


def smoothness_pairs(
    voices: Mapping[str, Voice],
    weights: DefectWeights,
    each: int,
    random: np.random.Generator,
) -> list[Pair]:
    """Each recording before the same one with a planted fault."""
    pairs = []
    for name, voice in voices.items():
        for number in range(each):
            audio = voice.clips[number % len(voice.clips)].audio
            clean = _defect_rate(audio, weights)
            for kind, plant in SMOOTHNESS.items():
                broken = _defect_rate(plant(audio, random), weights)
                pairs.append(Pair("smoothness", f"{kind}, {name}", -clean, -broken))
    return pairs


def babble_pairs(
    voices: Mapping[str, Voice],
    recogniser: Recogniser,
    weights: DefectWeights,
    random: np.random.Generator,
) -> list[Pair]:
    """Each recording before the same one that goes on after its text."""
    pairs = []
    for name, voice in voices.items():
        audios = [clip.audio for clip in voice.clips]
        longer = [babble(a, audios[i - 1], random) for i, a in enumerate(audios)]
        rates = []
        for group in (audios, longer):
            heard = recogniser.transcribe(group)
            ends = [
                compare(words, clip.text, voice.language).speech_end
                for words, clip in zip(heard, voice.clips, strict=True)
            ]
            rates.append([_defect_rate(a, weights, e) for a, e in zip(group, ends, strict=True)])
        drawn = zip(*rates, strict=True)
        pairs += [Pair("smoothness", f"babble, {name}", -clean, -worse) for clean, worse in drawn]
    return pairs


def _defect_rate(audio: np.ndarray, weights: DefectWeights, end: float | None = None) -> float:
    return defects_per_second(find_defects(audio, end), len(audio) / RATE, weights)


def _emotion_share(real: RealProsody, features: np.ndarray, category: str) -> float:
    anchors = real.anchors(category, len(features))
    if anchors.untellable:
        return float("nan")
    scale = Scale(Anchor(anchors.floor, ""), Anchor(anchors.ceiling, ""))
    span = scale.ceiling.value - scale.floor.value
    return (real.distance(features, category) - scale.floor.value) / span
