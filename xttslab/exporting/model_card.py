"""Gathers what an export holds, and writes its model card (Markdown)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from xttslab.data.audio import read_audio
from xttslab.data.datasheet import FILE
from xttslab.exporting.export_folder import Export, blend, loads_in_coqui
from xttslab.model.base import Base, build_base, epoch_of
from xttslab.model.voice import Speaking
from xttslab.model.weights import LICENCE
from xttslab.speaking.loading import (
    best_references,
    load_run,
    origin_of,
    run_config,
    run_lexicon,
)
from xttslab.tracking.records import EVALUATED
from xttslab.tracking.runs import RunRecord

_CARD = """\
# {name}

A fine-tuned text-to-speech model, made with xttslab.

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
_LOSSES = (
    "eval/total", "eval/mel_ce", "eval/text_ce", "eval/stop_ce", "eval/text_gain",
    "eval_ref/mel_ce", "eval/mel_l1",
)  # fmt: skip


def gather(run: str, uri: str, share: float, out: Path, settings: Speaking) -> Export:
    """Load a run, blend it with its base, and hear one voice a category.

    Raises UserError as `load_run` and `blend` do.
    """
    base, record = load_run(run, uri)
    folder = record.run_dir
    config = run_config(folder)
    if share != 1.0:
        _blend(base, config, share)
    voice = base.voice()
    dataset = config["dataset"]
    clips, temperatures = best_references(base, dataset["sources"], dataset["language"], folder)
    voices = {
        category: voice.reference(
            [read_audio(path) for path in paths], settings.reference_seconds, settings.chunk_seconds
        )
        for category, paths in clips.items()
    }
    card = model_card(
        name=folder.name,
        base=base.name,
        out=str(out),
        language=dataset["language"],
        voices=list(voices),
        blend=share,
        data_sheets=_sheets(dataset["sources"]),
        epoch=epoch_of(record.checkpoint),
        scores=_measured(record, share),
        coqui=loads_in_coqui(voice),
    )
    language, model = dataset["language"], config["model"]
    lexicon = run_lexicon(folder, dataset["sources"])
    origin = origin_of(base.name, folder.name, dataset["sources"])
    described = (base, voice, model, voices, language, card, settings)
    return Export(*described, temperatures, lexicon, origin)


def _blend(base: Base, config: dict[str, Any], share: float) -> None:
    untouched = build_base(**config["model"], weights=config["weights"], seed=config["seed"])
    between = blend(untouched.gpt.state_dict(), base.gpt.state_dict(), share)
    with torch.no_grad():
        base.gpt.load_state_dict(between)


def _measured(record: RunRecord, share: float) -> dict[str, float]:
    """Losses and scores of the very weights of a run's checkpoint; none where they are blended with
    the base's, or where it is not known which epoch they are of."""
    epoch = epoch_of(record.checkpoint)
    if share != 1.0 or epoch is None:
        return {}
    losses = {name: record.history(name).get(epoch) for name in _LOSSES}
    spoke = record.history(EVALUATED)  # step of an evaluation → epoch of the weights that spoke
    aspects = [name for name in record.metrics if re.fullmatch("score/[^/]+", name)]
    scores = {}
    for name in aspects:
        own = {s: score for s, score in record.history(name).items() if spoke.get(s, s) == epoch}
        scores[name] = own[max(own)] if own else None
    return {name: value for name, value in (losses | scores).items() if value is not None}


def _sheets(sources: dict[str, Any]) -> dict[str, str]:
    paths = {name: Path(folder) / FILE for name, folder in sources.items()}
    return {name: path.read_text("utf-8") for name, path in paths.items() if path.is_file()}


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
