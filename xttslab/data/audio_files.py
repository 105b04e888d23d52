"""Audio files in, their content hash and length out: read once, remembered in a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from xttslab.data.audio import content_hash, read_seconds, require_file
from xttslab.files import replacing


class AudioFile(NamedTuple):
    """What is remembered of a file: its size and time of change say whether it still holds."""

    size: int
    changed_ns: int
    content: str
    seconds: float


class AudioFiles:
    """Looks files up by path, and reads those that are new or changed.

    `memory` is the JSON file that remembers; one that is missing or damaged is made anew.
    """

    def __init__(self, memory: Path) -> None:
        self.memory = memory
        self._known, self._fresh = _remembered(memory), False

    def __getitem__(self, path: Path) -> AudioFile:
        """Raises AudioFault for a file that is missing or cannot be decoded."""
        require_file(path)
        name, state = os.path.realpath(path), path.stat()
        known = self._known.get(name)
        if known and known[:2] == [state.st_size, state.st_mtime_ns]:
            return AudioFile(*known)
        seconds = read_seconds(path)
        found = AudioFile(state.st_size, state.st_mtime_ns, content_hash(path), seconds)
        self._known[name], self._fresh = list(found), True
        return found

    def remember(self) -> None:
        """Write what is new, atomically."""
        if not self._fresh:
            return
        with replacing(self.memory, shared=True) as partial:
            partial.write_text(json.dumps(self._known), encoding="utf-8")
        self._fresh = False


def _remembered(memory: Path) -> dict[str, list]:
    try:
        return json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
