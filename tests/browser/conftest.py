"""The empty store of the tracking tests, and a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.chromium import missing, opened
from tests.tracking.conftest import empty_database, uri

__all__ = ["browser", "empty_database", "uri"]


@pytest.fixture
def browser() -> Iterator[object]:
    if missing():
        pytest.skip(f"no browser: {missing()} is not installed (Debian: chromium-driver)")
    with opened() as driver:
        yield driver
