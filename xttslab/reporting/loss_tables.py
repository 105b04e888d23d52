"""Tables of a run's losses, with perplexity and the nats gained over baselines.

A cross-entropy of H nats is the surprise at the next token; exp(H) tokens, equally likely, would
surprise as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xttslab.reporting.run_data import RunData

AUDIO_TOKENS, TEXT_TOKENS = 1026, 6681  # of XTTS-v2: 1024 codes, start, stop; its vocabulary
UNIGRAM = "codes/unigram_entropy"  # of the training clips' codes: knowing frequencies alone


def beside(value: float, limit: float, digits: int) -> str:
    """The value rounded to `digits`, or to as many more as keep it on its side of a limit that it
    is shown beside: 6.96 below 7 is not 7.0."""
    for more in range(digits, 17):
        text = f"{value:.{more}f}"
        if (float(text) < limit, float(text) > limit) == (value < limit, value > limit):
            return text
    return repr(value)


@dataclass(frozen=True)
class Meaning:
    """One loss in nats per token, its perplexity of how many, and what it gains on baselines.

    `unigram` is the entropy of the training clips' codes, `zero_shot` the loss before training on
    the same clips; None where they were not measured.
    """

    metric: str
    loss: float
    vocabulary: int
    unigram: float | None
    zero_shot: float | None

    @property
    def perplexity(self) -> float:
        """exp(loss): as many equally likely tokens would surprise as much."""
        return math.exp(min(self.loss, 700.0))  # beyond, a float overflows

    @property
    def uniform(self) -> float:
        """Loss of guessing every token alike."""
        return math.log(self.vocabulary)

    @property
    def gained(self) -> float:
        """Nats a token better than guessing; negative where it is worse."""
        return self.uniform - self.loss

    @property
    def sentence(self) -> str:
        """The loss in words, beside guessing."""
        what = "audio codes" if self.metric.endswith("mel_ce") else "text tokens"
        share = self.gained / self.uniform
        if self.gained < 0:
            return (
                f"More unsure than among all {self.vocabulary} {what}: "
                f"{-self.gained:.3f} nats ({-share:.0%}) worse than guessing."
            )
        return (
            f"As unsure as between {self.perplexity:,.1f} of {self.vocabulary} {what}: "
            f"{self.gained:.3f} nats ({share:.0%}) better than guessing."
        )


def meanings(run: RunData, epoch: int | None) -> list[Meaning]:
    """What the held-out losses (else the training losses) mean at an epoch; None: the last."""
    found = []
    for name, default in (("text_ce", TEXT_TOKENS), ("mel_ce", AUDIO_TOKENS)):
        for part in ("eval", "train"):
            loss = run.value(f"{part}/{name}", epoch)
            if loss is not None:
                found.append(_meaning(run, f"{part}/{name}", loss, default))
                break
    return found


def _meaning(run: RunData, metric: str, loss: float, default: int) -> Meaning:
    is_mel = metric.endswith("mel_ce")
    param = "num_audio_tokens" if is_mel else "number_text_tokens"
    size = run.number(f"model.architecture.{param}")
    unigram = run.value(UNIGRAM) if metric == "eval/mel_ce" else None
    zero_shot = run.value(metric, 0) if metric.startswith("eval/") else None
    return Meaning(metric, loss, int(size or default), unigram, zero_shot)


TEXT_GAIN, OTHER_TEXT = "eval/text_gain", "eval/mel_ce_other_text"

SOUND_PARTS = {"train": "training segments", "eval": "held-out clips"}
_MEASURES = {
    "decoder": {
        "mel": "distance of log mels, in nats",
        "convergence": "error of magnitudes, relative",
        "bins": "distance of single bins, in nats",
        "pitch": "distance from the recording's pitch, in nats (.058 is a semitone)",
        "discriminator": "loss of the discriminator: .5 is by chance",
        "adversarial": "how well the discriminator tells it from recordings; 0 is not at all",
        "feature_matching": "distance of the discriminator's features from the recording's",
    },
    "dvae": {
        "mel_l1": "error of the normalised log mel",
        "commitment": "distance of the encoder from its codes",
        "codes_used": "codes in use; more is better",
        "perplexity": "equally frequent codes as varied; more is better",
    },
}


def measures(run: RunData) -> dict[str, str]:
    """Name → meaning of what a decoder's or a DVAE's run measures; empty for a GPT's."""
    return _MEASURES.get(run.tags.get("stage", ""), {})


def batch_of(run: RunData) -> str | None:
    """What a run's batch holds, by its stage."""
    size = {
        "decoder": ("stage.segments", " segments"),
        "dvae": ("stage.batch_codes", " codes"),
    }.get(run.tags.get("stage", ""), ("batch.clips", ""))
    value = run.params.get(size[0])
    return value and f"{value}{size[1]}"


_LOSSES = ("text_ce", "mel_ce", "total")
_PARTS = {
    "train": "training mode, with dropout",
    "eval": "held-out clips",
    "train_eval": "training clips, eval mode",
    "gap": "eval minus train_eval",
}
_DIFFERENCES = ("gap/", TEXT_GAIN)


@dataclass(frozen=True)
class LossRow:
    """One metric at its start, at the chosen epoch and at its end."""

    metric: str
    note: str
    start: float | None
    best: float | None
    end: float | None
    start_epoch: int | None
    end_epoch: int | None
    counts: int  # how often it was measured

    @property
    def change(self) -> float | None:
        """End minus start; None where it was measured once."""
        if self.start is None or self.end is None or self.counts < 2:
            return None
        return self.end - self.start

    @property
    def change_share(self) -> float | None:
        """The change as a part of the start; None for differences of losses, which start at any
        small value."""
        if self.change is None or not self.start or self.metric.startswith(_DIFFERENCES):
            return None
        return self.change / self.start


def metric_rows(run: RunData, best_epoch: int | None) -> list[LossRow]:
    """Losses of every part, text also as Coqui weights it, then sources and categories; or what a
    sound stage measures."""
    if sound := measures(run):
        found = [
            row(run, f"{part}/{name}", f"{note}: {meaning}", best_epoch)
            for name, meaning in sound.items()
            for part, note in SOUND_PARTS.items()
        ]
        return [line for line in found if line.counts]
    rows = []
    for part, note in _PARTS.items():
        for loss in _LOSSES:
            rows.append(row(run, f"{part}/{loss}", note, best_epoch))
            if loss == "text_ce" and part != "gap":
                rows.append(row(run, f"{part}/text_ce_weighted", "as Coqui logs it", best_epoch))
    rows += [row(run, name, note, best_epoch) for name, note in _named(run).items()]
    measured = [r for r in rows if r.counts or r.metric.startswith(("train/", "eval/"))]
    return measured


def row(run: RunData, metric: str, note: str, best_epoch: int | None) -> LossRow:
    """One metric's row; empty where the run does not have it."""
    line = run.curve(metric)
    first, last = line.first, line.last
    return LossRow(
        metric,
        note,
        first[1] if first else None,
        line.points.get(best_epoch) if best_epoch is not None else None,
        last[1] if last else None,
        first[0] if first else None,
        last[0] if last else None,
        len(line.points),
    )


def _named(run: RunData) -> dict[str, str]:
    named = {
        "eval_ref/mel_ce": "prompted by another clip of the category",
        "eval/stop_ce": "does the voice know when to end",
        OTHER_TEXT: "held-out clips with the text of another",
        TEXT_GAIN: "what the right text helps; higher is better",
    }
    for name in run.histories:
        parts = name.split("/")
        if len(parts) == 3 and name.startswith("eval/mel_ce/"):
            named[name] = f"held-out clips of {parts[2]}, without stop tokens"
        elif len(parts) == 3 and name.startswith("eval/") and parts[2] == "mel_ce":
            named[name] = f"held-out clips of {parts[1]}"
    return named
