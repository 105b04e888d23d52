"""What is known of a model in, its model card (Markdown) out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xttslab.model.files import LICENCE

_CARD = """\
# {name}

{what}

| | |
|---|---|
| base | {base} |
| licence of the base | {licence} |
| language | {language} |
| voices | {voices} |
| blend of base and fine-tune | {blend:g} |

## Data

{data}

## Scores

{scores}

## Use

{use}
"""
_COQUI = """\
```python
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

config = XttsConfig()
config.load_json("{out}/config.json")
model = Xtts.init_from_config(config)
model.load_checkpoint(config, checkpoint_dir="{out}")
model.synthesize("Jó napot!", speaker="{voice}", language="{language}")
```

or `python -m xttslab.say run={out} category={voice} text="Jó napot!" out=hello.wav`"""
_OURS = """\
Only xttslab loads this model (its decoder is not Coqui's):

`python -m xttslab.say run={out} category={voice} text="Jó napot!" out=hello.wav`"""


def model_card(
    name: str,
    base: str,
    out: str,
    language: str,
    voices: Sequence[str],
    blend: float,
    data_sheets: Mapping[str, str],
    epoch: int | None,
    scores: Mapping[str, float],
    coqui: bool,
) -> str:
    """The card. `data_sheets` are the sets' `dataset.yaml` as text, with licence and consent;
    `scores` what was measured of these very weights, those of `epoch` (None: not known)."""
    sheets = [
        f"### {title}\n\n```yaml\n{sheet.strip()}\n```" for title, sheet in data_sheets.items()
    ]
    rows = [f"| {metric} | {value:.4g} |" for metric, value in sorted(scores.items())]
    measured = [f"Of these weights, those of epoch {epoch}.", "", "| metric | value |", "|---|---|"]
    table = "\n".join([*measured, *rows]) if rows else _unmeasured(epoch, blend)
    place = {"out": out, "voice": voices[0] if voices else "NAME", "language": language}
    return _CARD.format(
        name=name,
        what="A fine-tuned text-to-speech model, made with xttslab.",
        base=base,
        licence=LICENCE if coqui else "Apache-2.0, see its model card in xttslab",
        language=language,
        voices=", ".join(voices) or "none: give a reference recording",
        blend=blend,
        data="\n\n".join(sheets) or "No data sheet: licence and consent are unknown.",
        scores=table,
        use=(_COQUI if coqui else _OURS).format(**place),
    )


def _unmeasured(epoch: int | None, blend: float) -> str:
    """Why a card has no numbers."""
    if blend != 1.0:
        return f"Not measured: nobody evaluated this blend of base and fine-tune ({blend:g})."
    whose = "These weights are" if epoch is None else f"The weights of epoch {epoch} are"
    return f"{whose} not measured; evaluate the run and export it again."
