"""A two-second title and the servers of it, for tests that own no event loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from netplay.edge.cache import cached_title
from netplay.edge.testbed import Testbed
from netplay.edge.title import Rung, TitleSpec

SHORT = TitleSpec(
    duration_s=2,
    segment_s=1,
    rungs=(Rung(36, 64, 60), Rung(72, 128, 120)),
    audio_kbps=48,
    forms=("segments", "file", "ts"),
)


@contextmanager
def short_title(cache: Path) -> Iterator[Testbed]:
    """Serve SHORT from two real servers; the loop that watches them has its own thread."""
    folder = cached_title(SHORT, cache)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Testbed(folder, oca_count=2)) as running,
    ):
        yield running
