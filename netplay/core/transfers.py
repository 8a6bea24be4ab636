"""What was asked for and has not ended: requests, their silence and the link they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from abr.contract import Sample
from netplay.core.failover import Resource
from netplay.core.link import LinkMeter
from netplay.core.messages import Fetched, Progressed, Track

__all__ = ["Transfer", "Transfers"]


@dataclass(slots=True)
class Transfer:
    """One request under way.

    Attributes:
        resource: What was asked for.
        track: For which lane.
        rung: Its place in the ladder it was chosen from.
        duration_us: Media it will bring; 0 for an init segment or an index.
        size_bytes: Announced size, else expected; 0 if unknown.
        heard_us: When it last gave a sign of life.
        ask_again_us: When the controller wants to be asked about it again; None: no more.
    """

    transfer_id: int
    resource: Resource
    track: Track
    host: str
    asked_us: int
    rung: int = -1
    duration_us: int = 0
    size_bytes: int = 0
    bytes: int = 0
    first_byte_us: int | None = None
    heard_us: int = 0
    ask_again_us: int | None = 0

    @property
    def is_index(self) -> bool:
        """It is the document of an Unresolved index."""
        return self.resource[1] == -1

    @property
    def is_segment(self) -> bool:
        """It is a media segment."""
        return not self.resource[2] and self.resource[1] != -1


class Transfers:
    """Every request under way, by id; and what the link did for all of them."""

    def __init__(self) -> None:
        self._next_id = 0
        self._live: dict[int, Transfer] = {}
        self._meter = LinkMeter()
        self._busy_since_us = 0
        self._busy_bytes = 0
        self._samples: list[Sample] = []
        self.heard_us = 0
        """When anything last arrived that had not come before."""
        # How far anybody came with what is not here yet: the same first bytes over and over
        # are no sign of life.
        self._furthest: dict[Resource, int] = {}

    def __iter__(self) -> Iterator[Transfer]:
        return iter(tuple(self._live.values()))

    def get(self, transfer_id: int) -> Transfer | None:
        """Return a transfer; None if it has ended or never was."""
        return self._live.get(transfer_id)

    def of(self, resource: Resource) -> Transfer | None:
        """Return the transfer of a resource, if one is under way."""
        return next((t for t in self._live.values() if t.resource == resource), None)

    def segment_of(self, track: Track) -> Transfer | None:
        """Return the media segment under way for a lane."""
        for transfer in self._live.values():
            if transfer.track == track and transfer.is_segment:
                return transfer
        return None

    def begin(
        self,
        resource: Resource,
        track: Track,
        host: str,
        now_us: int,
        *,
        rung: int = -1,
        duration_us: int = 0,
        size_bytes: int = 0,
    ) -> Transfer:
        """Note that a request is sent, under a new id."""
        if not self._live:
            self._busy_since_us, self._busy_bytes = now_us, 0
        self._next_id += 1
        transfer = Transfer(
            self._next_id,
            resource,
            track,
            host,
            now_us,
            rung=rung,
            duration_us=duration_us,
            size_bytes=size_bytes,
            heard_us=now_us,
        )
        self._live[transfer.transfer_id] = transfer
        self._meter.begun(transfer.transfer_id, now_us)
        return transfer

    def progressed(self, transfer: Transfer, event: Progressed | Fetched) -> None:
        """Take in how far it has come."""
        if event.bytes > transfer.bytes or transfer.first_byte_us is None:
            transfer.heard_us = max(transfer.heard_us, event.received_us)
        if event.bytes > self._furthest.get(transfer.resource, 0):
            self._furthest[transfer.resource] = event.bytes
            self.heard_us = max(self.heard_us, event.received_us)
        if event.first_byte_at_us is not None:
            transfer.first_byte_us = event.first_byte_at_us
        elif event.bytes and transfer.first_byte_us is None:
            transfer.first_byte_us = event.received_us
        if event.bytes > transfer.bytes:
            self._busy_bytes += event.bytes - transfer.bytes
            transfer.bytes = event.bytes
        if isinstance(event, Progressed) and event.total_bytes is not None:
            transfer.size_bytes = event.total_bytes
        self._meter.received(
            transfer.transfer_id,
            total=event.bytes,
            first_byte_us=transfer.first_byte_us,
            last_byte_us=event.received_us,
        )

    def end(self, transfer: Transfer, *, cached: bool = False) -> None:
        """Note that it is over, one way or another; `cached` says nothing of the link."""
        del self._live[transfer.transfer_id]
        alone = transfer.track == "video" and transfer.is_segment
        sample = self._meter.ended(
            transfer.transfer_id,
            rung=transfer.rung if alone else None,
            duration_us=transfer.duration_us if alone else 0,
            cached=cached,
        )
        if sample is not None:
            self._samples.append(sample)

    def drain(self) -> list[Sample]:
        """Return what the link did since this was last asked."""
        samples, self._samples = self._samples, []
        return samples

    def complete(self, resource: Resource) -> None:
        """Note that a resource is here."""
        self._furthest.pop(resource, None)

    def rate_bps(self, now_us: int) -> float | None:
        """Return what the link gave since it was last idle, waiting included.

        Deliberately low at first: the round trip counts, so a burst of one packet does not
        look like a fast link. None while nothing is under way or has come.
        """
        elapsed_us = now_us - self._busy_since_us
        if not self._live or not self._busy_bytes or elapsed_us <= 0:
            return None
        return self._busy_bytes * 8e6 / elapsed_us
