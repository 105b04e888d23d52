"""Finds or downloads a base model's files, and checks them against their recorded checksums."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xttslab.data.audio import content_hash
from xttslab.errors import UserError
from xttslab.files import write_atomically

LICENCE = "Coqui Public Model License 1.0 (non-commercial), https://coqui.ai/cpml"
LICENCES = {"xtts_v2": LICENCE, "xtts_mini": "Apache-2.0"}  # by `name` of conf/model/
RECORD = "xttslab_files.json"  # checksums and the accepted licence, beside the files


def base_files(
    folder: Path, names: Sequence[str], repository: str, revision: str, accept_licence: bool
) -> Path:
    """The folder that holds all of `names`, downloading what is missing after consent.

    Raises UserError when the licence is not accepted, when the files can be had neither from disk
    nor from the network, and when a file is no longer what was recorded.
    """
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        _require_licence(accept_licence, folder)
        _download(folder, missing, repository, revision)
    _record(folder, names, downloaded=bool(missing))
    return folder


def require_base(model: Mapping[str, Any], weights: str) -> None:
    """Find or download the files of a base that is to be loaded later, before anything else.

    `model` is a resolved `conf/model/`. Raises UserError as `base_files` does.
    """
    folder = str(model["folder"])
    if weights == "random" or folder.startswith("assets/"):
        return
    names = sorted(set(model["files"].values()))
    fetch = (model["repository"], model["revision"], model["accept_licence"])
    base_files(Path(folder), names, *fetch)


def _require_licence(accepted: bool, folder: Path) -> None:
    if accepted or os.environ.get("COQUI_TOS_AGREED") == "1":
        return
    if sys.stdin is not None and sys.stdin.isatty():
        print(f"XTTS-v2 is licensed under the {LICENCE}.")
        if input("Do you accept it? [y/N] ").strip().lower() in ("y", "yes", "i", "igen"):
            return
    raise UserError(
        f"XTTS-v2's weights are not in {folder} and their licence is not accepted: {LICENCE}; "
        "add model.accept_licence=true to download them, or use model=xtts_mini"
    )


def _download(folder: Path, missing: Sequence[str], repository: str, revision: str) -> None:
    from huggingface_hub import hf_hub_download

    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", "5")
    for name in missing:
        try:
            hf_hub_download(repository, name, revision=revision, local_dir=folder)
        except Exception as fault:
            # huggingface_hub, its HTTP client and the system raise a dozen unrelated classes here
            raise UserError(
                f"cannot download {repository} ({type(fault).__name__}); put {', '.join(missing)} "
                f"into {folder}/, or use model=xtts_mini, which needs no download"
            ) from fault


def _record(folder: Path, names: Sequence[str], downloaded: bool) -> None:
    """Remember what the files were when they came; a file that changed later is refused."""
    path = folder / RECORD
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    sizes = {name: (folder / name).stat().st_size for name in names}
    if not downloaded and known.get("sizes") == sizes:
        return
    sums = {name: content_hash(folder / name) for name in names}
    changed = [
        name for name in names if known.get("sha256", {}).get(name, sums[name]) != sums[name]
    ]
    if changed:
        raise UserError(
            f"{folder / changed[0]}: its checksum is not the one recorded in {RECORD}; fetch the "
            "file again, or delete the record if you changed it on purpose"
        )
    record = {"licence": LICENCE, "sizes": sizes, "sha256": sums}
    write_atomically(path, json.dumps(record, indent=2))
