"""What a training needs of its tracker, and the tracker that tracks nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from xttslab.tracking.records import FINISHED


class Tracker(Protocol):
    """What a training needs of its tracker."""

    @property
    def run_id(self) -> str | None: ...
    def log_params(self, params: Mapping[str, object]) -> None: ...
    def set_tags(self, tags: Mapping[str, object]) -> None: ...
    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None: ...
    def go_back(self, epoch: int) -> None: ...
    def log_dataset(
        self,
        name: str,
        fingerprint: str,
        source: str,
        context: str = "training",
        profile: Mapping[str, Any] | None = None,
    ) -> None: ...
    def log_artifact(self, path: Path, folder: str = "") -> None: ...
    def log_text(self, text: str, file: str) -> None: ...
    def finish(self, status: str = FINISHED, patience_s: float = ...) -> bool: ...


class NullTracker:
    """Tracks nothing: for ranks other than 0 and for dry runs."""

    run_id: str | None = None

    def log_params(self, params: Mapping[str, object]) -> None:
        pass

    def set_tags(self, tags: Mapping[str, object]) -> None:
        pass

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        pass

    def go_back(self, epoch: int) -> None:
        pass

    def log_dataset(
        self,
        name: str,
        fingerprint: str,
        source: str,
        context: str = "training",
        profile: Mapping[str, Any] | None = None,
    ) -> None:
        pass

    def log_artifact(self, path: Path, folder: str = "") -> None:
        pass

    def log_text(self, text: str, file: str) -> None:
        pass

    def finish(self, status: str = FINISHED, patience_s: float = 0.0) -> bool:
        return True
