"""The table of the aspects that are scored: names, measures, evidence, remedies and words.

A new aspect is one entry here, with the weight and the scale of its measure in
`conf/evaluation/default.yaml`. `{number}` in words stands for the raw measure, `{category}` for
the clip's category.
"""

from __future__ import annotations

from dataclasses import dataclass

OVERALL = "overall"


@dataclass(frozen=True)
class Aspect:
    """One aspect of spoken clips.

    `measures`: the first that could be taken is scored, further ones are second opinions. `basis`
    says what it is measured with, `validated` what that was ever checked on: real speech, planted
    faults, or nothing. `remedy` is what to do about a low score; none where nothing follows from
    it. `number` shows the raw measure. `good`, `bad`: words for a clip whose score and raw measure
    are so; `like_real`, `unlike_real`: where only the comparison with the speaker's recordings is.
    An aspect of a whole set has none.
    `failure`: what is so where the aspect's gate fails. `rated`: listeners are asked for it.
    `logged`: details that go to MLflow with the score.
    """

    title: str
    measures: tuple[str, ...]
    basis: str
    validated: str
    remedy: str
    number: str = ""
    good: str = ""
    like_real: str = ""
    unlike_real: str = ""
    bad: str = ""
    failure: str = ""
    rated: bool = True
    logged: tuple[str, ...] = ()


ASPECTS: dict[str, Aspect] = {
    "voice_similarity": Aspect(
        title="Voice similarity",
        measures=("speaker_similarity", "resemblyzer_similarity"),
        basis="cosine of CAM++ speaker embeddings to the speaker's held-out real clips; "
        "Resemblyzer as second opinion",
        validated="real speech: other people lie below every clip of the speaker "
        "(experiments/ranking); never checked against listeners, and the channel counts too",
        remedy="Use longer, cleaner reference clips of this speaker "
        "(python -m xttslab.evaluate search=references).",
        number="{:.2f}",
        good="the voice is right ({number})",
        like_real="as like the voice as the recordings are ({number})",
        unlike_real="less like the voice than the recordings are ({number})",
        bad="another voice ({number})",
        failure="the voice is not the speaker's",
    ),
    "pronunciation": Aspect(
        title="Pronunciation",
        measures=("cer",),
        basis="character error rate of a speech recogniser (faster-whisper) against the text",
        validated="planted faults: wrong texts and words; never checked against listeners: what a "
        "recogniser mishears, a person may not",
        remedy="Correct the transcripts that the audit doubts; spell out figures.",
        number="{:.0%} misheard",
        good="clear words ({number})",
        like_real="words no less clear than in the recordings ({number})",
        unlike_real="words less clear than in the recordings ({number})",
        bad="{number}",
        failure="the words are not those of the texts",
    ),
    "naturalness": Aspect(
        title="Naturalness",
        measures=("distillmos",),
        basis="opinion predicted by DistillMOS",
        validated="planted faults and real speech before two synthetic voices; the predictor "
        "learned from listeners, but of telephone and noise-reduced speech, mostly English",
        remedy="Lower sampling's temperature, and train on recordings of one sound quality.",
        number="{:.1f} of 5",
        good="natural sound ({number})",
        like_real="sounds as the recordings do ({number})",
        unlike_real="less natural than the recordings ({number})",
        bad="artificial sound ({number})",
    ),
    "emotion": Aspect(
        title="Emotion/tone",
        measures=("emotion_distance",),
        basis="distributions of pitch, its range, energy and speaking rate, against the category's "
        "real clips",
        validated="planted faults on synthetic voices only; never checked against listeners",
        remedy="Record more clips of the weak categories; choose their references by measurement.",
        good="the tone of {category}",
        like_real="the tone of {category}",
        unlike_real="does not sound like {category}",
        bad="does not sound like {category}",
    ),
    "smoothness": Aspect(
        title="Smoothness",
        measures=("defects_per_s",),
        basis="clicks, dropouts, leaps of spectrum and pitch, stutter, stuck codes, babble after "
        "the last word",
        validated="planted faults; never checked against listeners",
        remedy="Trim silence and clicks; raise sampling's repetition_penalty for stuck codes.",
        number="{:.1f} defects a second",
        good="smooth",
        like_real="no rougher than the recordings ({number})",
        unlike_real="rougher than the recordings ({number})",
        bad="many small defects",
        logged=("pitch_shifts", "first_syllable_db", "held"),
    ),
    "consistency": Aspect(
        title="Consistency",
        measures=("spread",),
        basis="spread of the other scores over sentences, utterances and categories; an evenly bad "
        "voice is consistent too",
        validated="planted faults; never checked against listeners",
        remedy="Even out the categories (batch.balance=sqrt); lower sampling's temperature.",
    ),
    "pace": Aspect(
        title="Pace and melody",
        measures=("pace_distance",),
        basis="means of syllables a second, pauses, range and motion of pitch, length of the last "
        "syllable, against real clips of the same lengths; needs neither text nor category",
        validated="real speech: the same recordings stretched by 1.1, 1.2 and 1.3 "
        "(experiments/ranking); never checked against listeners",
        remedy="Set speed= when it speaks; train on recordings of the pace that is wanted.",
        rated=False,
        logged=("rate", "pauses", "pitch_range", "pitch_motion", "ending"),
    ),
    "told_apart": Aspect(
        title="Not told apart",
        measures=("told_apart_auc",),
        basis="area under the ROC curve of cross-validated classifiers, on CAM++ embeddings and on "
        "pace and melody, between these clips and real ones of the same lengths; .5 is guessing",
        validated="real speech: halves of one speaker's recordings against each other, and "
        "synthetic speech (experiments/ranking); another channel of the same man is told apart too",
        remedy="",  # a codec's noise is told apart too, and nobody can act on that
        rated=False,
        logged=("auc_voice", "auc_prosody"),
    ),
}
RATED = tuple(name for name, aspect in ASPECTS.items() if aspect.rated)
TITLES = {**{name: aspect.title for name, aspect in ASPECTS.items()}, OVERALL: "Overall"}
