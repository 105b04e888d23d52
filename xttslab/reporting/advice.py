"""The rules that turn a run's findings and scores into advice."""

from __future__ import annotations

from dataclasses import dataclass

from xttslab.evaluation.aspects import ASPECTS
from xttslab.reporting.findings import Findings
from xttslab.reporting.loss_tables import beside
from xttslab.reporting.run_data import RunData
from xttslab.reporting.scores import Scores
from xttslab.reporting.worth import ALIKE, BETTER, WORSE, Worth


@dataclass(frozen=True)
class Advice:
    """What to do, the measurement that says so, and how pressing it is from 0 to 1."""

    rule: str
    what: str
    because: str
    urgency: float


@dataclass(frozen=True)
class AdviceRules:
    """Thresholds; `conf/rules/` says where each comes from."""

    minutes: float
    clips: int
    category_clips: int
    category_enough: int
    clipped_share: float
    rejected_share: float
    noise_db: float
    noisy_share: float
    reference_loss: float
    stop_ce: float
    low_score: float


@dataclass(frozen=True)
class Case:
    """All that the rules look at."""

    run: RunData
    findings: Findings
    scores: Scores
    worth: Worth
    rules: AdviceRules


def broken_values(case: Case) -> Advice | None:
    """Losses that are no numbers."""
    lines = {line.name: line for line in (case.findings.train, case.findings.held_out)}
    broken = {name: line.broken for name, line in lines.items() if line.broken}
    if not broken:
        return None
    listed = "; ".join(
        f"{name} at {len(epochs)} epochs, first at {epochs[0]}" for name, epochs in broken.items()
    )
    return Advice(
        "broken_values",
        "Find the clips that break the loss (the log names them), halve optim.lr, train anew.",
        f"no number: {listed}",
        1.0,
    )


def unstable(case: Case) -> Advice | None:
    """A gentler learning rate when the training loss rose for good."""
    if case.findings.instability is None:
        return None
    rate = case.run.number("optim.lr")
    lower = f"optim.lr={rate / 2:.2g}" if rate else "half the optim.lr"
    return Advice(
        "unstable",
        f"Calm the training: scheduler=cosine, trainer.gradient_clip_val=1.0, then {lower}.",
        case.findings.instability_said,
        0.95,
    )


def evaluate_often(case: Case) -> Advice | None:
    """Held-out losses at every epoch, or no checkpoint can be chosen."""
    held_out = case.findings.held_out
    measured = len(held_out.points)
    if case.findings.choice.epoch is not None or held_out.broken:
        return None
    if measured > 1 and measured >= (case.run.epochs or 0):  # every epoch was, but they are few
        return Advice(
            "evaluate_often",
            "Train more epochs (trainer.max_epochs): so few name no best checkpoint.",
            f"{held_out.name} has {measured} values",
            0.9,
        )
    return Advice(
        "evaluate_often",
        "Evaluate every epoch (trainer.check_val_every_n_epoch=1) on a held-out part.",
        f"{held_out.name} has {measured} value{'' if measured == 1 else 's'}",
        0.9,
    )


def overfitted(case: Case) -> Advice | None:
    """Fewer epochs when the held-out loss rose while the training loss fell."""
    rise = case.findings.overfitting
    if rise is None:
        return None
    epoch = case.findings.choice.epoch  # after a later fall it is not where the rise began
    epoch = rise.low_epoch if epoch is None else epoch
    what = (
        f"Use the checkpoint of epoch {epoch}; train {epoch} epochs, or stop early with "
        "checkpoint.patience=5."
        if epoch
        else "Use the model as it was before this training; train with a lower optim.lr, "
        "adapter=lora or more recordings."
    )
    return Advice(
        "overfitted",
        what,
        case.findings.overfitting_said,
        0.85,
    )


def memorised(case: Case) -> Advice | None:
    """Regularise when training and held-out loss lie apart."""
    gap = case.findings.gap
    if gap is None or not case.findings.memorised:
        return None
    return Advice(
        "memorised",
        "Give it less to memorise with: adapter=lora, more recordings, or fewer epochs.",
        f"gap/mel_ce is {gap:.2f} nats: {case.findings.gap_verdict}",
        0.8 if case.findings.gap_verdict.startswith("severe") else 0.55,
    )


def low_text_gain(case: Case) -> Advice | None:
    """Right texts and a gentler rate, when the text no longer matters to the model."""
    gain = case.findings.text_gain
    if gain is None or not gain.faults:
        return None
    return Advice(
        "low_text_gain",
        "Check that each clip has its own text (listen to some), then train from a base whose "
        "eval/text_gain is well above 0, with a lower optim.lr.",
        "; ".join(gain.faults),
        0.92 if gain.low else 0.75,
    )


def more_epochs(case: Case) -> Advice | None:
    """More epochs, only while the held-out loss still falls."""
    trend = case.findings.trend
    if trend is None or not trend.falling or case.findings.overfitting:
        return None
    return Advice(
        "more_epochs",
        f"Train on to about epoch {trend.worth_until} (trainer.max_epochs={trend.worth_until}).",
        case.findings.fall_said,
        0.7,
    )


def clipping(case: Case) -> Advice | None:
    """A lower rate when most steps were clipped."""
    share = case.run.value("grad_clipped")
    limit = case.run.number("trainer.gradient_clip_val")
    if not limit or share is None or share <= case.rules.clipped_share:
        return None
    return Advice(
        "clipping",
        "Lower optim.lr or warm up longer (scheduler.warmup_steps): clipping sets the step size.",
        f"{share:.0%} of the last epoch's steps were clipped at {limit:g}",
        0.5,
    )


def weakest_aspect(case: Case) -> Advice | None:
    """What to do about the lowest score."""
    known = case.scores.by_aspect.items()
    scores = {name: one.value for name, one in known if name in ASPECTS and ASPECTS[name].remedy}
    if not scores:
        return None
    lowest = min(scores, key=lambda name: scores[name])
    if scores[lowest] >= case.rules.low_score:
        return None
    return Advice(
        "weakest_aspect",
        ASPECTS[lowest].remedy,
        f"{ASPECTS[lowest].title} has the lowest score, "
        f"{beside(scores[lowest], case.rules.low_score, 1)} of 10",
        0.4 + 0.4 * (1 - scores[lowest] / 10),
    )


def no_better(case: Case) -> Advice | None:
    """What may help a run that is no better than its base."""
    worth = case.worth
    if worth.state not in (ALIKE, WORSE):
        return None
    asked = {answer.aspect: answer.state for answer in worth.answers}
    if case.findings.choice.epoch == 0 or WORSE in (asked["pronunciation"], asked["naturalness"]):
        what = "Train more gently (half the optim.lr, or adapter=lora) on checked texts"
    else:
        what = "Train longer, or on more recordings"
    if asked["voice_similarity"] != BETTER and case.run.tags.get("stage") != "decoder":
        what += f"; the voice itself is the decoder's: stage=decoder init_from={case.run.name}"
    because = "; ".join(
        f"{answer.question.lower()}: {answer.said}" for answer in worth.answers if answer.difference
    )
    return Advice("no_better", f"{what}.", because or "; ".join(worth.notes), 0.93)
