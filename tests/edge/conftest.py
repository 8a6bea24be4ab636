"""One tiny title, packaged in every form, for all tests of this room."""

from pathlib import Path

import pytest

from netplay.edge.cache import cached_title
from netplay.edge.title import TINY, Title


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a packaged TINY title; nobody writes into it."""
    return cached_title(TINY, tmp_path_factory.mktemp("titles"))


@pytest.fixture(scope="session")
def title(folder: Path) -> Title:
    """Return what that folder says it holds."""
    return Title.load(folder)
