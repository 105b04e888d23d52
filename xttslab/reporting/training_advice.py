"""Rules on how to train: each looks at a case and gives one advice, or None."""

from __future__ import annotations

from xttslab.reporting.advice import Advice, Case


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
    rise = case.findings.instability
    if rise is None:
        return None
    rate = case.run.number("optim.lr")
    lower = f"optim.lr={rate / 2:.2g}" if rate else "half the optim.lr"
    return Advice(
        "unstable",
        f"Calm the training: scheduler=cosine, trainer.gradient_clip_val=1.0, then {lower}.",
        f"{case.findings.train.name} rose from {rise.low:.3f} at epoch {rise.low_epoch} to "
        f"{rise.high:.3f} at epoch {rise.high_epoch}, {rise.loss}",
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
        f"{case.findings.held_out.name} rose from {rise.low:.3f} to {rise.high:.3f} at epoch "
        f"{rise.high_epoch} while the training loss fell",
        0.85,
    )


def memorised(case: Case) -> Advice | None:
    """Regularise when training and held-out loss lie apart."""
    gap = case.findings.gap
    if gap is None or not case.findings.gap_verdict.startswith(("moderate", "severe")):
        return None
    return Advice(
        "memorised",
        "Give it less to memorise with: adapter=lora, more recordings, or fewer epochs.",
        f"gap/mel_ce is {gap:.2f} nats: {case.findings.gap_verdict}",
        0.8 if case.findings.gap_verdict.startswith("severe") else 0.55,
    )


def reading(case: Case) -> Advice | None:
    """Right texts and a gentler rate, when the text no longer matters to the model."""
    read = case.findings.reading
    if read is None or not read.faults:
        return None
    return Advice(
        "reading",
        "Check that each clip has its own text (listen to some), then train from a base that "
        "reads with a lower optim.lr.",
        "; ".join(read.faults),
        0.92 if read.deaf else 0.75,
    )


def more_epochs(case: Case) -> Advice | None:
    """More epochs, only while the held-out loss still falls."""
    trend = case.findings.trend
    if trend is None or not trend.falling or case.findings.overfitting:
        return None
    return Advice(
        "more_epochs",
        f"Train on to about epoch {trend.worth_until} (trainer.max_epochs={trend.worth_until}).",
        f"{case.findings.held_out.name} still falls by {-trend.slope:.4f} nats an epoch",
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
