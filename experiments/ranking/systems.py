"""Scorecards of whole systems beside one real speaker: the table of real speech.

    python -m experiments.ranking.systems [out=FOLDER]

The speaker is that of `../shared/data/broadcast_hu`, quiz show. His odd clips are the references,
his even ones are scored as the held-out real clips; beside them the same man in an interview, tuned
and untuned XTTS-v2 speaking as him, other people, a synthetic voice, and planted failures. What was
measured is kept in `out` (a file a system) and not measured again. Then speech that was stretched:
is a set's pace farther from the speaker's the more it was? And how often is each aspect's order
real > tuned > untuned > Tacotron certain?
"""

from __future__ import annotations

import itertools
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from experiments.ranking.material import REPOSITORY, SHARED
from xttslab.evaluation.aspects import ASPECTS, TITLES
from xttslab.evaluation.folder_scores import read_clips
from xttslab.evaluation.mannerisms import MANNERISMS, find_mannerisms, mannerism_columns
from xttslab.evaluation.measuring import Measured, measure
from xttslab.evaluation.pace import measure_pace, pace_columns, pace_features, score_pace
from xttslab.evaluation.prosody import describe
from xttslab.evaluation.real_speech import RealSpeech, real_prosody
from xttslab.evaluation.scales import ClipSet, Interval
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.scoring import Scorer
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.spoken_clips import RATE, SpokenClip, at_16k

BROADCAST = SHARED / "broadcast_hu"
STRETCHED = (1.0, 1.1, 1.2, 1.3)
_SAME_VOICE = {
    "quiz": "quiz",
    "interview": "interview",
    "tuned": "xtts_tuned",
    "untuned": "xtts_zero_shot",
}
_ROUNDS, _SET = 40, 8  # random sets of clips that are stretched
_PLANTED = 6  # held-out clips that noise, silence and texts of others are planted in


def main(arguments: Sequence[str]) -> None:
    """Measure what is not measured yet, print the tables."""
    options = dict(argument.split("=", 1) for argument in arguments)
    out = Path(options.get("out", "outputs/ranking"))
    out.mkdir(parents=True, exist_ok=True)
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        scoring = instantiate(compose("evaluation/default").evaluation.scoring)
    real = read_clips(BROADCAST / "quiz")
    whole = _measured(out / "quiz.pickle", real, scoring)
    rows = np.arange(len(real))
    references = whole.chosen(rows[::2])
    prosody = real_prosody(references.clips, references.prosody)
    scorer = Scorer.beside(RealSpeech(references, {}, prosody), scoring)
    cards = {"real, held out": scorer.score_measured(whole.chosen(rows[1::2]))}
    for name, clips in systems(real).items():
        cards[name] = scorer.score_measured(_measured(out / f"{name}.pickle", clips, scoring))
    print(table(cards))
    order = ["real, held out", "tuned XTTS-v2", "untuned XTTS-v2", "Tacotron"]
    print("\n".join(orders({name: cards[name] for name in order if name in cards})))
    print(stretched_line(real, scorer))
    spoken = {name: read_clips(BROADCAST / folder) for name, folder in _SAME_VOICE.items()}
    print(mannerism_table(spoken))


def systems(real: Sequence[SpokenClip]) -> dict[str, list[SpokenClip]]:
    """Every system by name; those whose folder is missing are left out."""
    folders = {
        "interview": BROADCAST / "interview",
        "tuned XTTS-v2": BROADCAST / "xtts_tuned",
        "untuned XTTS-v2": BROADCAST / "xtts_zero_shot",
        "small base": REPOSITORY / "outputs" / "ranking" / "small_base",
        "LJ Speech": SHARED / "ljspeech32",
        "DCTTS": SHARED / "hungarian_dctts",
        "Tacotron": SHARED / "hungarian_tacotron",
        "other people": SHARED / "hungarian_real",
    }
    found = {name: read_clips(folder) for name, folder in folders.items() if folder.is_dir()}
    random = np.random.default_rng(7)
    held_out = real[1 : 2 * _PLANTED : 2]
    texts = [clip.text for clip in held_out]
    found["shuffled texts"] = [
        replace(clip, text=text) for clip, text in zip(held_out, texts[1:] + texts[:1], strict=True)
    ]
    found["noise"] = [_with(clip, random.normal(0, 0.1, len(at_16k(clip)))) for clip in held_out]
    found["silence"] = [_with(clip, np.zeros(len(at_16k(clip)))) for clip in held_out]
    return found


def _with(clip: SpokenClip, audio: np.ndarray) -> SpokenClip:
    return replace(clip, audio=audio.astype(np.float32), rate=RATE)


def _measured(file: Path, clips: Sequence[SpokenClip], scoring: Scoring) -> Measured:
    if file.is_file():
        return pickle.loads(file.read_bytes())
    found = measure(clips, scoring)
    file.write_bytes(pickle.dumps(found))
    print(f"{file.stem}: {sum(found.seconds.values()):.0f} s", file=sys.stderr, flush=True)
    return found


def table(cards: Mapping[str, Scorecard]) -> str:
    """Markdown: a row a system, a column an aspect, scores with their intervals; the AUC too."""
    heads = ["system", "clips", *TITLES.values(), "AUC (voice, prosody)"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, card in cards.items():
        cells = [_shown(card.aspects[aspect].score) for aspect in ASPECTS]
        told = card.aspects["told_apart"]
        parts = ", ".join(f"{told.details[k]:.2f}" for k in told.details)
        auc = "–" if told.value is None else f"{told.value:.2f}" + (f" ({parts})" if parts else "")
        row = [name, str(len(card.clips)), *cells, _shown(card.overall), auc]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def mannerism_table(systems: Mapping[str, Sequence[SpokenClip]]) -> str:
    """Markdown: means of each mannerism, and how often a clip has more of it than a clip of the
    first system (.5: as often as not)."""
    tables = {
        name: mannerism_columns([find_mannerisms(at_16k(clip)) for clip in clips])
        for name, clips in systems.items()
    }
    first = next(iter(tables.values()))
    lines = ["| measure | " + " | ".join(tables) + " |", "|" + "---|" * (len(tables) + 1)]
    for name in MANNERISMS:
        cells = [
            f"{np.nanmean(table[name]):.2f} ({_more(table[name], first[name]):.2f})"
            for table in tables.values()
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _more(ours: np.ndarray, theirs: np.ndarray) -> float:
    ours, theirs = ours[~np.isnan(ours)], theirs[~np.isnan(theirs)]
    apart = ours[:, None] - theirs[None, :]
    return float(((apart > 0) + 0.5 * (apart == 0)).mean())


def _shown(score: Interval | None) -> str:
    return "–" if score is None else f"{score.value:.1f} ({score.low:.1f}–{score.high:.1f})"


def orders(cards: Mapping[str, Scorecard]) -> list[str]:
    """One line a neighbouring pair: is the first above the second in overall, and how surely?"""
    names = list(cards)
    lines = []
    for first, second in itertools.pairwise(names):
        one, other = cards[first].overall, cards[second].overall
        found = apart(one, other)
        kind = "no" if found.value <= 0 else "yes"
        kind += ", intervals apart" if one.low > other.high else ", intervals overlap"
        lines.append(
            f"{first} > {second} in overall: {kind}; {found.value:+.2f} "
            f"({found.low:+.2f} to {found.high:+.2f})"
        )
    return lines


def apart(one: Interval, other: Interval) -> Interval:
    """How much the first value lies above the second, of sets that share no sentence.

    The interval is made of the two sets' own (Zou and Donner, "Construction of confidence limits
    about effect measures: a general approach", 2008). Two intervals of 95 % that just touch are a
    difference that is certain to more than 99 %, so that "do they overlap?" is not the question.
    """
    gap = one.value - other.value
    low = gap - np.hypot(one.value - one.low, other.high - other.value)
    high = gap + np.hypot(one.high - one.value, other.value - other.low)
    return Interval(gap, float(low), float(high))


def stretched_line(real: Sequence[SpokenClip], scorer: Scorer) -> str:
    """How many pairs of the same speech at two stretches are ordered right: single clips by the
    syllables a second that are heard in them, and by those of their text; random sets by their
    distance to the speaker."""
    held_out = real[1::2]
    by_text = {
        factor: np.array([describe(stretch(c, factor), c.text).rate_syllables_s for c in held_out])
        for factor in STRETCHED
    }
    tables = {
        factor: pace_features(pace_columns([measure_pace(stretch(c, factor)) for c in held_out]))
        for factor in STRETCHED
    }
    steps = list(itertools.pairwise(STRETCHED))
    single = [slow < quick for a, b in steps for quick, slow in _pairs(tables[a], tables[b])]
    texts = np.concatenate([by_text[b] < by_text[a] for a, b in steps])
    own = scorer.real.alike([clip.seconds for clip in held_out])["prosody"]
    rule, random = scorer.scoring.scales["pace_distance"], np.random.default_rng(7)
    sets = []
    for _ in range(_ROUNDS):
        rows = random.choice(len(held_out), _SET, replace=False)
        found = {f: score_pace(t[rows], own, _clips(_SET), rule)[0] for f, t in tables.items()}
        sets += [found[b].value > found[a].value for a, b in steps]
    return (
        f"stretched by {', '.join(map(str, STRETCHED))}: single clips ordered by the "
        f"syllables a second of their text {texts.mean():.1%} of {len(texts)}, by those heard in "
        f"them {np.mean(single):.1%}; sets of {_SET} by their distance to the speaker "
        f"{np.mean(sets):.1%} of {len(sets)}"
    )


def _pairs(quick: np.ndarray, slow: np.ndarray) -> list[tuple[float, float]]:
    """Logarithms of syllables a second of the same clips at two stretches."""
    return list(zip(quick[:, 0], slow[:, 0], strict=True))


def _clips(count: int) -> ClipSet:
    names = tuple(str(number) for number in range(count))
    return ClipSet(("",) * count, names, np.zeros(count, dtype=bool), np.ones((1, count)))


def stretch(clip: SpokenClip, factor: float) -> np.ndarray:
    """The clip `factor` times as long at its own pitch (Praat's overlap-add), (n,) at 16 kHz."""
    import parselmouth
    from parselmouth.praat import call

    audio = at_16k(clip)
    if factor == 1.0:
        return audio
    sound = parselmouth.Sound(audio.astype(np.float64), RATE)
    longer = call(sound, "Lengthen (overlap-add)", 60, 400, factor)
    return longer.values[0].astype(np.float32)


if __name__ == "__main__":
    main(sys.argv[1:])
