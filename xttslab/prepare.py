"""Prepare recordings, or clips with texts, as a data set to train on.

python -m xttslab.prepare dataset=milliomos source=PATH
python -m xttslab.prepare dataset=demo_milliomos
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.commands import CONF, launch, plain_name, prepared_conf
from xttslab.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from xttslab.data.preparing.preparation import PreparationPlan
    from xttslab.data.preparing.speaker_search import SpeakerSearch
    from xttslab.data.speaker_encoders import EncoderName

# What making clips imports: 300 MB in every worker, unless the workers share it. onnxruntime is
# left to each of them, as it starts a thread.
SHARED = ("xttslab.data.preparing.recordings", "parselmouth", "pyloudnorm")
SHARED_FOR_VOICES = ("torch", "torchaudio.compliance.kaldi")


def main(config: DictConfig) -> None:
    """Prepare one data set as configured and say what came of it."""
    from hydra.utils import instantiate

    from xttslab.data.columns import require_language
    from xttslab.data.parallel import preload
    from xttslab.data.predictors import PredictorMissing
    from xttslab.data.preparing.folder import Folder
    from xttslab.data.preparing.preparation import prepare, show
    from xttslab.data.preparing.sources import locate
    from xttslab.evaluation.recognition import RecogniserFault
    from xttslab.reporting.audit import HTML, write_audit

    config.language = require_language(str(config.language))
    folder = Folder.named(Path(config.data_dir), config.name)
    with one_line_faults():
        plan, rules = _plan(config), instantiate(config.audit)
    voices = plan.recipe.encoder or plan.speaker_search
    preload(*SHARED, *(SHARED_FOR_VOICES if voices else ()))
    try:
        if plan.recogniser:
            plan.recogniser.check()
        changed = prepare(locate(config.source or None, folder.path), folder, plan)
    except KeyboardInterrupt as stop:
        raise UserError("interrupted; the same command goes on from here") from stop
    except PredictorMissing as fault:
        recogniser = isinstance(fault, RecogniserFault)
        option, remedy = (
            ("transcripts.", "") if recogniser else ("", "; or add check_speakers=false")
        )
        if plan.speaker_search:
            remedy = ""
        raise UserError(f"{option}{fault}{remedy}") from fault
    if changed or not (folder.path / HTML).is_file():
        test = write_audit(folder.path, rules).category_test
        if test is not None:
            print(f"categories: {test.summary}" + (f"; {test.remedy}" if test.remedy else ""))
    else:
        print(f"{folder.path}: nothing has changed, nothing to do")
    if not (CONF / "dataset" / f"{folder.name}.yaml").exists():
        folder.write_config(prepared_conf(config.data_dir), config.language)
    show(folder, config.language)


def _plan(config: DictConfig) -> PreparationPlan:
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from xttslab.data.preparing.categories import FolderCategories
    from xttslab.data.preparing.preparation import PreparationPlan

    named = OmegaConf.to_container(config.categories, resolve=True)
    # The rules for categories are written for Hungarian.
    proposes = config.propose_categories and config.language == "hu"
    checks = instantiate(config.checks, _convert_="all")  # names no encoder that there is not
    return PreparationPlan(
        recipe=instantiate(config.recipe, encoder=_encoder(config)),
        checks=checks,
        speaker_search=_speaker_search(config),
        folders=FolderCategories(
            folders=named["folders"],
            no_category=named["no_category"],
            most_folders=named["most_folders"],
        ),
        proposer=instantiate(config.categories.proposer) if proposes else None,
        recogniser=instantiate(config.transcripts) if config.transcripts.model else None,
        check_texts=config.check_texts,
        language=config.language,
        speaker=config.speaker,
        keep_speaker=str(config.keep_speaker),
        eval_share=config.eval_share,
        workers=config.workers,
    )


@contextmanager
def one_line_faults() -> Iterator[None]:
    """Turn a value that a parameter cannot have into a UserError that names its option."""
    from hydra.errors import InstantiationException
    from pydantic import ValidationError

    try:
        yield
    except (InstantiationException, ValidationError) as fault:
        cause = fault if isinstance(fault, ValidationError) else fault.__cause__
        if not isinstance(cause, ValidationError):
            raise
        first = cause.errors()[0]
        group = re.findall(r"full_key: (\S+)", str(fault))  # Hydra's words; none of the plan itself
        name = ".".join(map(str, (*group, *first["loc"])))
        # What several values make wrong together, or one that is missing, has no value to show.
        single = first["loc"] and first["type"] != "missing"
        shown = f"{name}={first['input']}" if single else name
        what = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{shown}: {what[:1].lower()}{what[1:]}; see conf/prepare.yaml") from fault


def _encoder(config: DictConfig) -> EncoderName | None:
    """The encoder that clips' speakers are checked by: the first that is installed, None where the
    check is off."""
    from xttslab.data.speaker_encoders import INSTALL_CAMPPLUS, installed

    if not config.check_speakers:
        return None
    for encoder in config.checks.min_voice_cosine:
        if installed(encoder):
            return encoder
    what = "speakers are not checked: no speaker encoder is installed"
    print(f"{what}; {INSTALL_CAMPPLUS}", file=sys.stderr)
    return None


def _speaker_search(config: DictConfig) -> SpeakerSearch | None:
    """The search for the speaker of voice=, or of keep_speaker= by the voice of what is named, by
    the first encoder that is installed."""
    from hydra.utils import instantiate

    from xttslab.data.preparing.voice_samples import find_samples
    from xttslab.data.speaker_encoders import INSTALL_CAMPPLUS, installed

    voice = config.voice
    names = [voice] if isinstance(voice, str) else list(voice or ())
    by_name = not names and bool(config.keep_speaker) and config.keep_by_voice
    if not names and not by_name:
        return None
    samples = find_samples([str(name) for name in names]) if names else ()
    for encoder, limits in config.speaker_search.items():
        if installed(encoder):
            return replace(instantiate(limits), samples=samples, by_name=by_name)
    if by_name:
        what = "keep_speaker goes by the transcript's times alone: no speaker encoder is installed"
        print(f"{what}; {INSTALL_CAMPPLUS}", file=sys.stderr)
        return None
    raise UserError(f"voice=: no speaker encoder is installed; {INSTALL_CAMPPLUS}")


if __name__ == "__main__":
    sys.argv[1:] = plain_name(sys.argv[1:])
    launch(main, "prepare")
