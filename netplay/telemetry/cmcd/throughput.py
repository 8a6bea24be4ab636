"""The rate of the link, as far as the messages tell it: bytes over the time they came in.

The controller's own estimate is not among the messages; this is the plain mean of the last
transfers, with overlapping ones counted once.
"""

from __future__ import annotations

from collections import deque

from netplay.core.messages import Fetched, Progressed
from netplay.telemetry.wire import Message

__all__ = ["Throughput"]

TRANSFERS = 6
"""That the mean is taken over. With audio beside video, about the last three segments."""

LEAST_US = 1000
"""A transfer that took less came out of a cache or a kernel buffer: it measures nothing."""


class Throughput:
    """The mean rate over the last transfers; before the first, what the network remembers."""

    def __init__(self, remembered_bps: int | None = None) -> None:
        self._remembered_bps = remembered_bps
        self._last: deque[tuple[int, int, int]] = deque(maxlen=TRANSFERS)
        self._first_bytes: dict[int, int] = {}

    def take(self, now_us: int, message: Message) -> None:
        """Take in one event or action."""
        del now_us
        if isinstance(message, Fetched):
            begun_us = self._first_bytes.pop(message.fetch_id, message.first_byte_at_us)
            if begun_us is None or message.cached:
                return
            if message.received_us - begun_us >= LEAST_US:
                self._last.append((begun_us, message.received_us, message.bytes))
        elif isinstance(message, Progressed) and message.first_byte_at_us is not None:
            self._first_bytes[message.fetch_id] = message.first_byte_at_us
            while len(self._first_bytes) > 64:  # of fetches that were left
                self._first_bytes.pop(next(iter(self._first_bytes)))

    @property
    def bps(self) -> int | None:
        """In bits a second; None if nothing is known."""
        busy_us, edge_us = 0, 0
        for begun_us, until_us, _ in sorted(self._last):
            busy_us += max(0, until_us - max(begun_us, edge_us))
            edge_us = max(edge_us, until_us)
        if not busy_us:
            return self._remembered_bps
        return sum(size_bytes for _, _, size_bytes in self._last) * 8_000_000 // busy_us
