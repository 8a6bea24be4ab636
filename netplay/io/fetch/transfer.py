"""One Fetch under way: what it asked for, what has come, and what was said of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio

from netplay.core.messages import Fetch, Fetched, Progressed
from netplay.errors import MediaError
from netplay.io.fetch.intake import Intake
from netplay.io.source import Source, Stream
from netplay.segments import Init as InitPlace

__all__ = ["InitKey", "Transfer"]

InitKey = tuple[str, InitPlace]
"""Which init segment: of which Representation, and where it is."""


@dataclass(slots=True, eq=False)
class Transfer:
    """One Fetch and what it has brought.

    Attributes:
        init_key: The init segment it is, or needs; None if there is none.
        received_bytes: Counted from the first byte asked for.
        received_us: When the last bytes came.
        local: It came from this machine.
        needs: The stream that it must hold; None if nothing says.
        raw: The bytes as they came, for a fetch that resumes this one; dropped on success.
        held: Those of them that no intake has taken, for want of the init segment.
        told_bytes: How many the Session has heard of; -1 before the first time.
        broken: Why the bytes are no good, where that was found outside the fetch's own task.
        over: It ended: nothing more is said of it.
        opened: Set once it has an intake.
    """

    action: Fetch
    source: Source
    needs: Stream | None = None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    init_key: InitKey | None = None
    intake: Intake | None = None
    received_bytes: int = 0
    received_us: int = 0
    total_bytes: int | None = None
    first_byte_at_us: int | None = None
    local: bool = False
    raw: list[bytes] = field(default_factory=list)
    held: list[bytes] = field(default_factory=list)
    told_bytes: int = -1
    told_us: int = 0
    told_media: bool = False
    broken: MediaError | None = None
    over: bool = False
    opened: anyio.Event = field(default_factory=anyio.Event)

    def open(self, intake: Intake) -> None:
        """Take an intake and give it what was held for it.

        Raises:
            MediaError: That is not what it should be.
        """
        self.intake = intake
        self.opened.set()
        for data in self.held:
            self.intake.feed(data)
        self.held.clear()

    def take(self, data: bytes) -> None:
        """Give bytes to the intake, or hold them until there is one."""
        if self.intake is None:
            self.held.append(data)
        else:
            self.intake.feed(data)

    def progressed(self) -> Progressed:
        """Return how far it has come."""
        intake = self.intake
        if intake is not None:
            intake.measure()
        return Progressed(
            fetch_id=self.action.fetch_id,
            bytes=self.received_bytes,
            received_us=self.received_us,
            total_bytes=self.total_bytes,
            first_byte_at_us=self.first_byte_at_us,
            media_from_us=None if intake is None else intake.from_us,
            media_until_us=None if intake is None else intake.until_us,
        )

    def fetched(self) -> Fetched:
        """Return what it brought in the end."""
        intake = self.intake
        return Fetched(
            fetch_id=self.action.fetch_id,
            bytes=self.received_bytes,
            received_us=self.received_us,
            first_byte_at_us=self.first_byte_at_us,
            media_from_us=None if intake is None else intake.from_us,
            media_until_us=None if intake is None else intake.until_us,
            cached=self.local,
        )
