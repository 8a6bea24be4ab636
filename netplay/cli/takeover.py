"""Who takes over when an edge server dies: a tap that watches the requests."""

from __future__ import annotations

from collections.abc import Callable

from netplay.core.messages import Fetch, Fetched, FetchFailed, Progressed
from netplay.telemetry.wire import Message

__all__ = ["Takeover"]


class Takeover:
    """Follows which host serves, and how one takes over from another that was stopped.

    Attributes:
        stopped: The host that was stopped; None: none yet.
        by: The host that gave the first bytes asked for after that; None: none yet.
        failed_us: From the stop to the first request that it failed; None: it failed none.
        gap_us: From that failure to the first bytes from elsewhere; 0 where none failed.
        when_known: Called once, when another host has taken over.
    """

    def __init__(self) -> None:
        self.stopped: str | None = None
        self.by: str | None = None
        self.failed_us: int | None = None
        self.gap_us: int | None = None
        self.when_known: Callable[[], None] = lambda: None
        self._position_us = 0
        self._asked: dict[int, str] = {}
        self._since_us = 0
        self._now_us = 0
        self._host = ""

    def stop(self, position_us: int) -> str:
        """Return the host that was asked last, which is about to be stopped at a position."""
        assert self._host, "nothing was fetched yet"
        self.stopped = self._host
        self._position_us, self._since_us = position_us, self._now_us
        return self.stopped

    def __call__(self, now_us: int, message: Message) -> None:
        """Take in one event or action."""
        self._now_us = now_us
        match message:
            case Fetch():
                self._host = self._asked[message.fetch_id] = message.host
            case FetchFailed():
                host = self._asked.pop(message.fetch_id, "")
                if host and host == self.stopped and self.failed_us is None:
                    self.failed_us = now_us - self._since_us
            case Progressed() | Fetched():
                host = self._asked.get(message.fetch_id, "")
                elsewhere = self.stopped is not None and host not in ("", self.stopped)
                if elsewhere and message.bytes and self.by is None:
                    self.by = host
                    failed_us = self.failed_us
                    self.gap_us = 0 if failed_us is None else now_us - self._since_us - failed_us
                    self.when_known()
                if isinstance(message, Fetched):
                    self._asked.pop(message.fetch_id, None)

    def __str__(self) -> str:
        if self.stopped is None:
            return "no server was stopped"
        said = f"{self.stopped} was stopped at {self._position_us / 1e6:.1f} s"
        if self.by is None or self.gap_us is None:
            return f"{said}; nothing was fetched after that"
        if self.failed_us is None:
            return f"{said}; {self.by} took over with the next request"
        return (
            f"{said}; {self.by} took over {self.gap_us / 1e6:.2f} s after the first failed request"
        )

    def to_json(self) -> dict[str, object]:
        """Return it as a dict that `json.dumps` takes."""
        return {
            "stopped": self.stopped,
            "stopped_at_us": self._position_us,
            "failed_after_us": self.failed_us,
            "taken_over_by": self.by,
            "gap_us": self.gap_us,
        }
