"""One tiny title, and one test bed that serves it whole, for all tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from netplay.edge.cache import cached_title
from netplay.edge.testbed import Testbed
from netplay.edge.title import TINY, Title


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, but for the tests that ask for both."""
    return "asyncio"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a packaged TINY title; nobody writes into it."""
    return cached_title(TINY, tmp_path_factory.mktemp("titles"))


@pytest.fixture(scope="session")
def title(folder: Path) -> Title:
    """Return what that folder says it holds."""
    return Title.load(folder)


@pytest.fixture(scope="session")
def bed(folder: Path) -> Iterator[Testbed]:
    """Serve the title from real servers that nobody stops, on a loop of its own."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Testbed(folder)) as running,
    ):
        yield running
