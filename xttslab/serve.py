"""Serve a voice to the programs that speak OpenAI's, xtts-api-server's or Wyoming's protocol.

python -m xttslab.serve run=best:combined
python -m xttslab.serve model=xtts_mini dataset=demo_milliomos port=8020 wyoming_port=10200
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xttslab.commands import CONF, launch
from xttslab.overrides import refuse_unread

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from xttslab.speaking.speaker import Speaker


def main(config: DictConfig) -> None:
    """Load the voice and serve it until Ctrl-C."""
    from functools import partial

    from omegaconf import OmegaConf

    _require(config)
    # from here on, libraries that need seconds
    from xttslab.evaluation.take_judge import configured_judge
    from xttslab.serving.local_pages import LocalServer, access_for, bind
    from xttslab.serving.voice_server import ServedNames, voice_app, voice_service
    from xttslab.serving.voice_service import Limits
    from xttslab.serving.wyoming_server import WyomingServer

    access = access_for(config.host, origins=config.origins)
    listener, wyoming = bind(config.host, config.port), None
    if (port := config.wyoming_port) is not None:
        wyoming_listener = bind(config.wyoming_host, port, "wyoming_port")
    name, speaker = _voice(config)
    speaker.to(config.device, config.precision)
    if config.watermark:
        from xttslab.speaking.watermark import Watermark

        speaker.watermark = Watermark()
    given = OmegaConf.to_container(config, resolve=True)
    names = ServedNames(name, given["aliases"], given["models"])
    limits = Limits(**given["limits"])
    judge = partial(configured_judge, CONF, speaker.language)
    service = voice_service(speaker, names, limits, config.together, config.longest, judge)
    if port is not None:
        wyoming = WyomingServer(service, wyoming_listener)
    app = voice_app(service, names, access, wyoming)
    print(f"{'voice':<11}{name}: {', '.join(service.voices)}")
    if wyoming is not None:
        print(f"{'wyoming':<11}{wyoming.address}")
    LocalServer(app, access, listener).run("serve")


def _voice(config: DictConfig) -> tuple[str, Speaker]:
    """The voice that is asked for, and what clients call it."""
    from pathlib import Path

    from hydra.utils import instantiate

    from xttslab.errors import UserError
    from xttslab.speaking.loading import load, load_base
    from xttslab.speaking.texts import is_exported
    from xttslab.tracking.runs import find_run

    settings = instantiate(config.settings)
    if not config.run:
        name = config.model.name
        speaker = load_base(config.model, config.weights, config.language, config.dataset)
        speaker.settings = settings
    else:
        speaker = load(config.run, config.tracking.uri, settings)
        exported = is_exported(config.run)
        name = (
            Path(config.run).resolve().name
            if exported
            else find_run(config.run, config.tracking.uri).name
        )
    if not speaker.categories:
        raise UserError(
            f"run={config.run}: the data that it was trained on is not on this disk, so there is "
            "no clip to speak after; export it where the data is, and serve the exported folder"
        )
    return name, speaker


def _require(config: DictConfig) -> None:
    """What the disk and the command line tell before anything is loaded."""
    import importlib.util

    from xttslab.data.manifest import require_folders
    from xttslab.errors import UserError
    from xttslab.model.weights import require_base
    from xttslab.speaking.texts import OF_BASE, refuse_beside_run, require_voice, require_watermark

    for package, project in (("wyoming", "wyoming"), ("prometheus_client", "prometheus-client")):
        if importlib.util.find_spec(package) is None:
            raise UserError(f"{project} is not installed; run: pip install 'xttslab[serve]'")
    if config.settings.pace is not None:
        raise UserError("settings.pace is measured on whole speech, a server streams; give .speed")
    if config.watermark:
        require_watermark()
    if config.wyoming_port is None:
        refuse_unread(("wyoming_host",), "a server without wyoming_port=")
    for name in ("together", "longest", *(f"limits.{key}" for key in config.limits)):
        _positive(config, name)
    if config.run:
        refuse_beside_run(config.run, OF_BASE)
        require_voice(config.run, config.tracking.uri)
        return
    if not (dataset := config.get("dataset")):
        raise UserError("whose voice? give run=RUN, or a base's dataset=NAME")
    require_folders(dataset.name, dataset.sources)
    require_base(config.model, config.weights)


def _positive(config: DictConfig, name: str) -> None:
    from omegaconf import OmegaConf

    from xttslab.errors import UserError

    value = OmegaConf.select(config, name)
    if name == "limits.speed":
        if len(value) != 2 or not 0 < value[0] <= value[1]:
            raise UserError(f"{name}={list(value)}: give the slowest and the fastest, [0.25,4]")
    elif not value > 0:
        raise UserError(f"{name}={value}: must be more than 0")


if __name__ == "__main__":
    launch(main, "serve")
