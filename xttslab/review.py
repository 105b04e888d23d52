"""Hear the clips of a prepared data set on a page of this machine, correct them, leave some out.

python -m xttslab.review dataset=milliomos
python -m xttslab.review dataset=milliomos port=8030
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.commands import CONF, launch, plain_name, prepared_conf

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from xttslab.data.preparing.folder import Folder


def main(config: DictConfig) -> None:
    """Serve the page until Ctrl-C, say what was decided, and bring the audit up to date."""
    from hydra.utils import instantiate

    from xttslab.data.preparing.folder import Folder

    folder = Folder.named(Path(config.data_dir), config.name)
    _require_set(folder, config.data_dir)
    from xttslab.data.preparing.reviewing import ReviewedSet
    from xttslab.serving.review_pages import counts, review_server

    reviewed = ReviewedSet(folder, instantiate(config.doubts))
    before = counts(reviewed.clips())
    server = review_server(reviewed, config.host, config.port, list(config.reasons))
    print(
        f"clips      {before['used']} used, {before['doubtful']} doubtful, "
        f"{before['open']} to hear; {before['out']} left out"
    )
    try:
        server.run("review")
    finally:
        _renew_audit(folder, config)
    after = counts(reviewed.clips())
    print(
        f"now        {after['used']} used, {after['open']} to hear, {after['out']} left out; "
        f"all of it is in {folder.path / 'metadata.csv'}"
    )


def _renew_audit(folder: Folder, config: DictConfig) -> None:
    """Write the audit again where it is older than a row of metadata.csv."""
    from hydra.utils import instantiate

    from xttslab.reporting.audit import HTML, write_audit

    page, rows = folder.path / HTML, folder.path / "metadata.csv"
    if page.is_file() and page.stat().st_mtime_ns >= rows.stat().st_mtime_ns:
        return
    print("audit      is written again …", flush=True)
    print(f"audit      {write_audit(folder.path, instantiate(config.audit)).page}")


def _require_set(folder: Folder, data_dir: str) -> None:
    """Raise UserError with what to do where the set has no clips of its own."""
    from omegaconf import OmegaConf

    from xttslab.data.manifest import has_metadata
    from xttslab.errors import UserError

    if (folder.path / "metadata.csv").is_file():
        return
    confs = [place / "dataset" / f"{folder.name}.yaml" for place in (prepared_conf(data_dir), CONF)]
    known = next((OmegaConf.load(path) for path in confs if path.is_file()), {})
    if sources := [name for name in known.get("sources", ()) if name != folder.name]:
        commands = " and ".join(f"dataset={name}" for name in sources)
        raise UserError(f"dataset={folder.name} is made of other sets; review {commands}")
    make = f"python -m xttslab.prepare dataset={folder.name} source=PATH"
    if folder.path.is_dir() and has_metadata(folder.path):
        raise UserError(f"{folder.path} has clips that are not prepared yet; run `{make}`")
    root = Path(data_dir)
    there = sorted(path.parent.name for path in root.glob("*/metadata.csv"))
    hint = f"there are {', '.join(there)}" if there else f"make it with `{make}`"
    raise UserError(f"data set {folder.name!r}: {root} has no such prepared set; {hint}")


if __name__ == "__main__":
    sys.argv[1:] = plain_name(sys.argv[1:])
    launch(main, "review")
