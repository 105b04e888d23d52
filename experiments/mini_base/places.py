"""Where the base's training keeps its corpora and runs (outside the repository)."""

from __future__ import annotations

import os
from pathlib import Path

CACHE = Path(os.environ.get("XTTSLAB_MINI_BASE", Path.home() / ".cache/xttslab/mini_base"))
DATA = CACHE / "data"
WORDS = CACHE / "words/package/index.dic"
TEACHER = Path(os.environ.get("XTTSLAB_TEACHER_CORPUS", CACHE / "teacher"))
QUICK = CACHE / "quick"  # Kokoro without its generator: weights, and what it learned from
