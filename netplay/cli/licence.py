"""When the licence came, beside the first segment: a tap that watches both."""

from __future__ import annotations

from collections.abc import Callable

from netplay.cli.words import seconds
from netplay.core.messages import (
    Fetch,
    Fetched,
    KeysReady,
    Opened,
    OpenKeys,
    Rendered,
    RenewKeys,
)
from netplay.telemetry.wire import Message

__all__ = ["LicenceTimes"]


class LicenceTimes:
    """Times the first licence and the first segment of the picture, from the app's asking.

    Attributes:
        asked_us: When the licence was asked for; None: not yet. So with those that follow.
        ready_us: When it was there.
        segment_asked_us: When the first segment was asked for.
        segment_us: When the first segment was there, whole.
        shown_us: When the first frame was shown.
        licences: How many were granted.
        renewals: How often one was extended.
        when_known: Called once, when the first frame is shown.
    """

    def __init__(self, system: str) -> None:
        self.asked_us: int | None = None
        self.ready_us: int | None = None
        self.segment_asked_us: int | None = None
        self.segment_us: int | None = None
        self.shown_us: int | None = None
        self.licences = 0
        self.renewals = 0
        self.when_known: Callable[[], None] = lambda: None
        self._system = system
        self._opened_us = 0
        self._first: int | None = None
        self._renewing: set[int] = set()

    def __call__(self, now_us: int, message: Message) -> None:
        """Take in one event or action."""
        at_us = now_us - self._opened_us
        match message:
            case Opened():
                self._opened_us = message.asked_us
            case OpenKeys() if self.asked_us is None:
                self.asked_us = at_us
            case RenewKeys():
                self._renewing.add(message.key_session)
            case KeysReady():
                self._granted(message.key_session, at_us)
            case Fetch(track="video", init=False) if self._first is None:
                self._first, self.segment_asked_us = message.fetch_id, at_us
            case Fetched() if message.fetch_id == self._first and self.segment_us is None:
                self.segment_us = message.received_us - self._opened_us
            case Rendered(track="video") if self.shown_us is None:
                self.shown_us = message.at_us - self._opened_us
                self.when_known()
            case _:
                pass

    def _granted(self, key_session: int, at_us: int) -> None:
        if key_session in self._renewing:
            self._renewing.discard(key_session)
            self.renewals += 1
            return
        self.licences += 1
        if self.ready_us is None:
            self.ready_us = at_us

    def __str__(self) -> str:
        if self.asked_us is None or self.ready_us is None:
            return f"{self._system}: none was granted"
        said = f"{self._system}: asked for at {seconds(self.asked_us)}, there at "
        said += seconds(self.ready_us)
        if self.segment_asked_us is not None and self.segment_us is not None:
            said += (
                f"; the first segment asked for at {seconds(self.segment_asked_us)}, there at "
                f"{seconds(self.segment_us)}"
            )
        if self.shown_us is not None:
            said += f"; the first frame at {seconds(self.shown_us)}"
        return said + (f"; renewed {self.renewals} times" if self.renewals else "")

    def to_json(self) -> dict[str, object]:
        """Return it as a dict that `json.dumps` takes."""
        return {
            "system": self._system,
            "asked_us": self.asked_us,
            "ready_us": self.ready_us,
            "first_segment_asked_us": self.segment_asked_us,
            "first_segment_us": self.segment_us,
            "first_frame_us": self.shown_us,
            "licences": self.licences,
            "renewals": self.renewals,
        }
