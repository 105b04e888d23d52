"""A run in, what its sound stage measures in place of cross-entropies out: names and meanings."""

from __future__ import annotations

from xttslab.reporting.record import RunData

PARTS = {"train": "training cuts", "eval": "held-out clips"}
_MEASURES = {
    "decoder": {
        "mel": "distance of log mels, in nats",
        "convergence": "error of magnitudes, relative",
        "bins": "distance of single bins, in nats",
        "pitch": "distance from the recording's pitch, in nats (.058 is a semitone)",
        "judge": "how well the judge tells it from recordings: .5 is by chance",
        "pull": "what the judge pulls it by",
        "speaker": "surprise at whose clip it is, in nats",
    },
    "dvae": {
        "mel_l1": "error of the normalised log mel",
        "commitment": "distance of the encoder from its codes",
        "text_ctc": "surprise at the text, in nats a letter",
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
        "decoder": ("stage.crops", " cuts"),
        "dvae": ("stage.batch_codes", " codes"),
    }.get(run.tags.get("stage", ""), ("batch.clips", ""))
    value = run.params.get(size[0])
    return value and f"{value}{size[1]}"
