"""The rules that turn what is known of a run's recordings into advice."""

from __future__ import annotations

from xttslab.reporting.advice import Advice, Case
from xttslab.reporting.loss_tables import beside


def data_amount(case: Case) -> Advice | None:
    """More recordings, below the least minutes."""
    minutes, clips = case.run.profile.get("minutes"), case.run.profile.get("clips")
    if minutes is None or minutes >= case.rules.minutes:
        return None
    return Advice(
        "data_amount",
        f"Record more: {case.rules.minutes:g} to {2 * case.rules.minutes:g} minutes, "
        f"{case.rules.clips} clips or more.",
        f"{beside(minutes, case.rules.minutes, 1)} minutes in "
        + (f"{clips:g} clips" if clips else "an unknown number of clips"),
        0.6 + 0.3 * (1 - minutes / case.rules.minutes),
    )


def category_counts(case: Case) -> Advice | None:
    """More clips of thin categories; categories that nobody named do not count."""
    counts = case.run.categories
    thin = {name: n for name, n in counts.items() if n < case.rules.category_clips}
    if not thin or len(counts) < 2:
        return None
    listed = ", ".join(f"{name} {n}" for name, n in sorted(thin.items(), key=lambda kv: kv[1]))
    return Advice(
        "category_counts",
        f"Record {case.rules.category_clips} to {case.rules.category_enough} clips of each "
        "category, or even out with batch.balance=sqrt.",
        f"too few clips: {listed}",
        0.4 + 0.3 * (1 - min(thin.values()) / case.rules.category_clips),
    )


def noisy(case: Case) -> Advice | None:
    """Clean recordings, where the audit measured too many noisy ones."""
    levels = case.run.noise_db
    low = sum(level < case.rules.noise_db for level in levels)
    if not levels or low / len(levels) <= case.rules.noisy_share:
        return None
    return Advice(
        "noisy",
        "Record again or clean the noisy clips (the data set's audit lists them).",
        f"{low} of {len(levels)} clips have a signal-to-noise ratio below "
        f"{case.rules.noise_db:g} dB",
        0.5,
    )


def rejected(case: Case) -> Advice | None:
    """Mend clips that were left out."""
    left_out, kept = case.run.rejected, len(case.run.clips)
    if not left_out or left_out / (left_out + kept) <= case.rules.rejected_share:
        return None
    return Advice(
        "rejected",
        "Mend the rejected clips (data/<set>/rejected.csv says why) and prepare again.",
        f"{left_out} of {left_out + kept} clips were not used",
        0.5,
    )


def reference_cost(case: Case) -> Advice | None:
    """Better reference clips, when prompting by another clip costs much."""
    epoch = case.findings.choice.epoch
    by_other = case.run.value("eval_ref/mel_ce", epoch)
    by_self = case.run.value("eval/mel_ce", epoch)
    if by_other is None or by_self is None or by_other - by_self <= case.rules.reference_loss:
        return None
    return Advice(
        "reference_cost",
        "Choose reference clips by measurement: python -m xttslab.evaluate search=references.",
        f"prompted by another clip the loss is {by_other - by_self:.2f} nats higher",
        0.45,
    )


def endings(case: Case) -> Advice | None:
    """Short utterances, when the voice does not know when to end."""
    stop = case.run.value("eval/stop_ce", case.findings.choice.epoch)
    if stop is None or stop <= case.rules.stop_ce:
        return None
    return Advice(
        "endings",
        "Add short utterances (1 to 3 words) with clean endings.",
        f"eval/stop_ce is {beside(stop, case.rules.stop_ce, 2)} nats: it may babble after the last "
        "word",
        0.5,
    )
