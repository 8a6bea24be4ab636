"""What was asked of which host, and what came of it."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from netplay.core.messages import (
    Cancel,
    Fetch,
    Fetched,
    FetchFailed,
    Progressed,
    Resolve,
    Resolved,
    ResolveFailed,
)
from netplay.telemetry.wire import Message

__all__ = ["Traffic"]


class Traffic:
    """Counts requests, bytes and failures by host.

    Attributes:
        requests: By host.
        failures: By host, then by kind.
        cancelled: Requests that the Session itself stopped.
    """

    TAKES: ClassVar = frozenset(
        (Progressed, Fetched, Fetch, Resolve, Resolved, FetchFailed, ResolveFailed, Cancel)
    )
    """The messages that it takes in; others say nothing of the network."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.failures: dict[str, Counter[str]] = {}
        self.cancelled = 0
        self._ended: Counter[str] = Counter()
        # Fetches and Resolves under way, by their ids: the host, and the bytes so far.
        self._fetches: dict[int, tuple[str, int]] = {}
        self._resolves: dict[int, tuple[str, int]] = {}

    def take(self, message: Message) -> None:
        """Take in one event or action."""
        match message:
            case Progressed(fetch_id=fetch_id, bytes=size_bytes):
                if fetch_id in self._fetches:
                    self._fetches[fetch_id] = (self._fetches[fetch_id][0], size_bytes)
            case Fetched(fetch_id=fetch_id, bytes=size_bytes):
                self._end(self._fetches, fetch_id, size_bytes)
            case Fetch(fetch_id=fetch_id, host=host):
                self._begin(self._fetches, fetch_id, host)
            case Resolve(resolve_id=resolve_id, host=host):
                self._begin(self._resolves, resolve_id, host)
            case Resolved(resolve_id=resolve_id, bytes=size_bytes):
                self._end(self._resolves, resolve_id, size_bytes)
            case FetchFailed(fetch_id=fetch_id, bytes=size_bytes, failure=kind):
                self._fail(self._end(self._fetches, fetch_id, size_bytes), kind)
            case ResolveFailed(resolve_id=resolve_id, failure=kind):
                self._fail(self._end(self._resolves, resolve_id, 0), kind)
            case Cancel(fetch_id=int(cancelled_id)):
                self.cancelled += 1
                self._end(self._fetches, cancelled_id, 0)
            case Cancel(resolve_id=int(cancelled_id)):
                self.cancelled += 1
                self._end(self._resolves, cancelled_id, 0)

    def bytes_by_host(self) -> dict[str, int]:
        """Return the payload received so far, also of requests under way."""
        total = self._ended.copy()
        for host, size_bytes in (*self._fetches.values(), *self._resolves.values()):
            total[host] += size_bytes
        return dict(total)

    def _begin(self, requests: dict[int, tuple[str, int]], request_id: int, host: str) -> None:
        self.requests[host] += 1
        requests[request_id] = (host, 0)

    def _end(
        self, requests: dict[int, tuple[str, int]], request_id: int, size_bytes: int
    ) -> str | None:
        """Count a request's bytes; return its host, or None if it is not under way."""
        host, known_bytes = requests.pop(request_id, (None, 0))
        if host is not None:
            self._ended[host] += max(size_bytes, known_bytes)
        return host

    def _fail(self, host: str | None, kind: str) -> None:
        if host is not None:
            self.failures.setdefault(host, Counter())[kind] += 1
