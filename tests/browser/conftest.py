"""The empty store of the tracking tests, and one browser for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import missing, opened
from tests.tracking.conftest import empty_database, uri

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

__all__ = ["browser", "empty_database", "uri"]


@pytest.fixture(scope="session")
def window() -> Iterator[Chrome]:
    if missing():
        pytest.skip(f"no browser: {missing()} is not installed (Debian: chromium-driver)")
    with opened() as driver:
        yield driver


@pytest.fixture
def browser(window: Chrome) -> Iterator[Chrome]:
    """The browser, its window as large as at the start and without a page."""
    yield window
    window.get("about:blank")
    window.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
