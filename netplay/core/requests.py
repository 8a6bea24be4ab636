"""Requests made and ended: indexes, init segments and media segments, from some host.

A request that fails is not repeated here. It leaves its mark in Failover and its hole
in the plan, and whoever plans next asks again: the next host, a later moment or another
rung.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from netplay.core.buffer import Span
from netplay.core.failover import Ask, Failover, GiveUp, Resource, Wait
from netplay.core.lane import Lane
from netplay.core.licenses import Locked
from netplay.core.messages import (
    Action,
    Cancel,
    Evict,
    Failure,
    Fetch,
    Flush,
    Removed,
    Resolve,
    Track,
)
from netplay.core.title import Title
from netplay.core.transfers import Transfer, Transfers
from netplay.segments import Init, Segment
from netplay.timeline import Location, Representation

__all__ = ["Blocked", "Requests"]

_INDEX = -1


@dataclass(frozen=True, slots=True)
class Blocked:
    """What was wanted cannot be asked for now.

    Attributes:
        until_us: Not before this moment; None: something under way must end first.
        lost: No host has it: it was struck out, choose something else.
        actions: What is to be done nevertheless.
    """

    until_us: int | None = None
    lost: bool = False
    actions: tuple[Action, ...] = ()


class Requests:
    """Asks hosts for what lanes need, and takes back what did not come."""

    def __init__(
        self,
        title: Title,
        lanes: Mapping[Track, Lane],
        transfers: Transfers,
        failover: Failover,
    ) -> None:
        self._title = title
        self._lanes = lanes
        self.transfers = transfers
        self.failover = failover
        # Init segments by what they are; the resource they were first asked for under, and
        # for which lane. One that is held is not asked for again.
        self._inits: dict[tuple[str, Init], tuple[Resource, Track]] = {}
        self._inits_held: set[Resource] = set()

    # Asking.

    def index(self, rep: Representation, track: Track, now_us: int, reason: str) -> Blocked:
        """Ask for a Representation's index, unless it is on its way; never immediate."""
        resource: Resource = (rep.id, _INDEX, False)
        if self.transfers.of(resource) is not None:
            return Blocked()
        match self.failover.verdict(resource, rep.locations, now_us):
            case Ask(host=host, reason=why):
                return self._index_at(rep, track, host, now_us, reason=f"{reason}; {why}")
            case Wait(until_us=until_us):
                return Blocked(until_us=until_us)
            case GiveUp(attempts=attempts):
                return self._lose(rep, None, "its index", attempts)
            case _ as never:
                assert_never(never)

    def segment(
        self,
        lane: Lane,
        rep: Representation,
        segment: Segment,
        span: Span,
        *,
        now_us: int,
        urgent: bool,
        reason: str,
    ) -> Blocked | list[Action]:
        """Ask for a segment, and for its init segment beside it where that is not held.

        Args:
            span: Where the segment will lie in the lane's buffer.

        Returns:
            What to do; or why the segment could not be asked for.
        """
        resource: Resource = (rep.id, segment.number, False)
        verdict = self.failover.verdict(resource, self._having_index(rep), now_us)
        match verdict:
            case Wait(until_us=until_us):
                return Blocked(until_us=until_us)
            case GiveUp(attempts=attempts):
                return self._lose_segment(rep, segment, attempts)
            case Ask(host=host, reason=why):
                pass
            case _ as never:
                assert_never(never)
        if self._title.index(rep, host) is None:
            # Each host has a playlist of its own, which names its own segments.
            return self._index_at(rep, lane.track, host, now_us)
        actions = self._init(rep, segment, lane.track, now_us, urgent=urgent)
        if isinstance(actions, Blocked):
            return actions
        transfer = self.transfers.begin(
            resource,
            lane.track,
            host,
            now_us,
            rung=span.rung,
            duration_us=segment.duration_us,
            size_bytes=segment.size_bytes or 0,
        )
        span.fetch_id, span.host = transfer.transfer_id, host
        lane.buffer.add(span)
        lane.representation = rep.id
        actions.append(
            Fetch(
                fetch_id=transfer.transfer_id,
                track=lane.track,
                representation=rep.id,
                number=self._title.number_at(rep, host, segment.number),
                host=host,
                urgent=urgent,
                reason=f"{reason}; {host}: {why}",
            )
        )
        return actions

    def inits(self, now_us: int) -> tuple[list[Action], int | None]:
        """Ask again for init segments that failed; and say when to ask for those that wait."""
        if len(self._inits_held) == len(self._inits):
            return [], None  # what is held is never taken out of _inits
        actions: list[Action] = []
        wait_until_us: int | None = None
        for (rep_id, init), (resource, track) in tuple(self._inits.items()):
            if resource in self._inits_held or self.transfers.of(resource) is not None:
                continue
            if not self._needs_init(track, rep_id):
                del self._inits[rep_id, init]  # the next segment that needs it asks anew
                continue
            rep = self._title.representation(rep_id)
            match self.failover.verdict(resource, self._having_index(rep), now_us):
                case Ask(host=host) if self._title.index(rep, host) is None:
                    actions += self._index_at(rep, track, host, now_us).actions
                case Ask() as verdict:
                    actions.append(self._fetch_init(resource, track, verdict, now_us, urgent=True))
                case Wait(until_us=until_us):
                    wait_until_us = min(until_us, wait_until_us or until_us)
                case GiveUp(attempts=attempts):
                    del self._inits[rep_id, init]
                    actions += self._lose(rep, None, "its init segment", attempts).actions
                    actions += self.drop_representation(rep_id)
                case _ as never:
                    assert_never(never)
        return actions, wait_until_us

    def _needs_init(self, track: Track, representation: str) -> bool:
        """Whether a lane, if it is still open, has a segment of a Representation."""
        lane = self._lanes.get(track)
        return lane is not None and any(s.representation == representation for s in lane.buffer)

    def _init(
        self, rep: Representation, segment: Segment, track: Track, now_us: int, *, urgent: bool
    ) -> Blocked | list[Action]:
        init = segment.entry.init
        if init is None:
            return []
        resource, _ = self._inits.get((rep.id, init), ((rep.id, segment.number, True), track))
        if resource in self._inits_held or self.transfers.of(resource) is not None:
            return []
        match self.failover.verdict(resource, self._having_index(rep), now_us):
            case Wait(until_us=until_us):
                return Blocked(until_us=until_us)
            case GiveUp(attempts=attempts):
                return self._lose(rep, None, "its init segment", attempts)
            case Ask(host=host) as verdict:
                if self._title.index(rep, host) is None:
                    return self._index_at(rep, track, host, now_us)
                self._inits[rep.id, init] = (resource, track)
                return [self._fetch_init(resource, track, verdict, now_us, urgent=urgent)]
            case _ as never:
                assert_never(never)

    def _fetch_init(
        self, resource: Resource, track: Track, verdict: Ask, now_us: int, *, urgent: bool
    ) -> Fetch:
        transfer = self.transfers.begin(resource, track, verdict.host, now_us)
        rep = self._title.representation(resource[0])
        return Fetch(
            fetch_id=transfer.transfer_id,
            track=track,
            representation=rep.id,
            number=self._title.number_at(rep, verdict.host, resource[1]),
            host=verdict.host,
            init=True,
            urgent=urgent,
            reason=f"init segment; {verdict.host}: {verdict.reason}",
        )

    def _index_at(
        self,
        rep: Representation,
        track: Track,
        host: str,
        now_us: int,
        *,
        reason: str = "it has its own copy of the playlist",
    ) -> Blocked:
        resource: Resource = (rep.id, _INDEX, False)
        if self.transfers.of(resource) is not None:
            return Blocked()
        transfer = self.transfers.begin(resource, track, host, now_us)
        return Blocked(actions=(Resolve(transfer.transfer_id, rep.id, host, reason),))

    def _having_index(self, rep: Representation) -> tuple[Location, ...]:
        """Return the locations whose index document is not known to be missing or broken."""
        without = self.failover.without((rep.id, _INDEX, False))
        if not without:
            return rep.locations
        return tuple(place for place in rep.locations if place.host not in without)

    # Ending.

    def delivered(self, transfer: Transfer) -> None:
        """A request brought what it was sent for."""
        self.failover.succeeded(transfer.resource, transfer.host)
        self.transfers.complete(transfer.resource)
        if transfer.resource[2]:
            self._inits_held.add(transfer.resource)

    def failed(
        self,
        transfer: Transfer,
        now_us: int,
        *,
        failure: Failure,
        detail: str,
        status: int | None = None,
        retry_after_us: int | None = None,
    ) -> list[Action]:
        """A request ended without what it was sent for: mark the host, open the hole again."""
        self.failover.failed(
            transfer.resource,
            transfer.host,
            failure=failure,
            detail=detail,
            status=status,
            retry_after_us=retry_after_us,
            asked_us=transfer.asked_us,
            now_us=now_us,
        )
        lane = self._lanes[transfer.track]
        lane.choose_at_us = 0
        return self.take_back(lane, transfer.transfer_id) if transfer.is_segment else []

    def cancel(self, transfer: Transfer, reason: str, *, measured: bool = True) -> list[Action]:
        """Stop a request that is under way; what it brought tells of the link if `measured`."""
        self.transfers.end(transfer, cached=not measured)
        if transfer.is_index:
            return [Cancel(resolve_id=transfer.transfer_id, reason=reason)]
        cancel = Cancel(fetch_id=transfer.transfer_id, reason=reason)
        if not transfer.is_segment:
            return [cancel]
        return [cancel, *self.take_back(self._lanes[transfer.track], transfer.transfer_id)]

    def take_back(self, lane: Lane, fetch_id: int) -> list[Action]:
        """Remove a segment from a lane's plan, and from its decoder if it was given one."""
        span = lane.buffer.of_fetch(fetch_id)
        if span is None:
            return []
        lane.buffer.remove(fetch_id)
        lane.ended_us = None
        if fetch_id not in lane.fed_ids:
            return []
        # The lane is emptied from here on: what was fed behind it is to be fed again.
        behind = {held.fetch_id for held in lane.buffer if held.start_us >= span.start_us}
        lane.fed_ids -= {fetch_id, *(one for one in behind if one is not None)}
        lane.generation += 1
        lane.fed_us = min(lane.fed_us, span.start_us)
        if lane.decoded_from_us is not None and lane.decoded_from_us >= span.start_us:
            lane.decoded_from_us = None
        keeps = lane.fed_before(span.start_us)
        reason = "its segment was taken back"
        return [Flush(lane.track, lane.generation, span.start_us, keeps, reason)]

    def drop_representation(self, representation: str) -> list[Action]:
        """Stop every request for a Representation that was struck out."""
        return [
            action
            for transfer in self.transfers
            if transfer.resource[0] == representation
            for action in self.cancel(transfer, "its Representation was removed")
        ]

    def locked(self, locked: Locked) -> list[Action]:
        """Strike out a Representation that cannot be opened, and take back what is of no use."""
        rep = self._title.representation(locked.representation)
        self._title.locked(rep.id)
        actions: list[Action] = []
        if self._title.remove(rep.id, None, ((rep.name, locked.why),)):
            actions.append(Removed(rep.id, None, locked.why))
        for lane in self._lanes.values():
            useless = [span for span in lane.buffer if span.representation == rep.id]
            ids = [span.fetch_id for span in useless]
            if locked.from_fetch in ids:
                useless = useless[ids.index(locked.from_fetch) :]
            for span in useless:
                fetch_id = span.fetch_id
                if fetch_id is not None and self.transfers.get(fetch_id) is None:
                    actions += self.take_back(lane, fetch_id)
                    actions.append(Evict((fetch_id,), locked.why))
        return [*actions, *self.drop_representation(rep.id)]

    def _lose_segment(
        self, rep: Representation, segment: Segment, attempts: tuple[tuple[str, str], ...]
    ) -> Blocked:
        index = self._title.index(rep)
        first = index is not None and segment.number == index.first_number
        number = None if first else segment.number
        what = "its first segment" if first else f"segment {segment.number}"
        return self._lose(rep, number, what, attempts)

    def _lose(
        self,
        rep: Representation,
        number: int | None,
        what: str,
        attempts: tuple[tuple[str, str], ...],
    ) -> Blocked:
        told = "; ".join(f"{host}: {said}" for host, said in attempts)
        reason = f"no host has {what} ({told})"
        fresh = self._title.remove(rep.id, number, attempts)
        return Blocked(lost=True, actions=(Removed(rep.id, number, reason),) if fresh else ())
