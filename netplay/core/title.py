"""What exists to be fetched: the presentation, what was chosen of it, and what turned out.

Indexes that the manifest left open are added as they are resolved; Representations and
segments that nobody has are struck out with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from abr.contract import Device as Spare
from abr.contract import Rung
from netplay.core.device import Device, Preferences
from netplay.core.messages import ErrorName, Track
from netplay.core.offer import Offer
from netplay.core.selection import Ladder, Selection, select
from netplay.segments import Segment, SegmentIndex
from netplay.timeline import Known, Presentation, Representation, Unresolved

__all__ = ["Title"]


@dataclass(slots=True)
class Title:
    """The presentation as far as it is known, and the part of it that is played."""

    presentation: Presentation
    device: Device
    wants: Preferences
    _selections: tuple[Selection, ...] = ()
    _representations: dict[str, Representation] = field(default_factory=dict)
    _indexes: dict[tuple[str, str], SegmentIndex] = field(default_factory=dict)
    _lost: dict[tuple[str, int | None], tuple[tuple[str, str], ...]] = field(default_factory=dict)
    _undecodable: set[str] = field(default_factory=set)
    _locked: set[str] = field(default_factory=set)
    _banned_until_us: dict[str, int] = field(default_factory=dict)
    spare: Spare = field(init=False)
    _gapped: bool = False
    # By track, Period and which places of the ladder; None for all of them.
    _offers: dict[tuple[Track, int, tuple[int, ...] | None], Offer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Choose for every Period, and find Representations by id."""
        for period in self.presentation.periods:
            self._representations.update((rep.id, rep) for rep in period.representations)
        known = (rep.index for rep in self._representations.values())
        self._gapped = any(isinstance(one, Known) and one.index.has_gaps for one in known)
        self.choose(self.device, self.wants)

    def choose(self, device: Device, wants: Preferences) -> None:
        """Choose again, for a device or wishes that changed."""
        self.device, self.wants = device, wants
        self.spare = Spare(
            memory_bytes=device.memory_bytes,
            cpu_headroom=device.cpu_headroom,
            battery=device.battery,
            network=device.network,
        )
        self._selections = select(self.presentation, device, wants)
        self._offers.clear()

    # What is played.

    def selection(self, period: int) -> Selection:
        """Return what was chosen for a Period."""
        return self._selections[period]

    def tracks(self) -> tuple[Track, ...]:
        """Return the tracks that any Period plays."""
        order: tuple[Track, ...] = ("video", "audio", "text")
        return tuple(t for t in order if any(s.ladder(t) for s in self._selections))

    def ladder(self, track: Track, position_us: int) -> tuple[int, Ladder | None]:
        """Return the number of the Period at a position, and a track's ladder there."""
        period = self.presentation.period_at(position_us)
        return period, self._selections[period].ladder(track)

    def representation(self, representation: str) -> Representation:
        """Return a Representation by id."""
        return self._representations[representation]

    def language(self, set_id: str) -> str:
        """Return the language of an AdaptationSet by id; "" if it says none."""
        sets = (group for period in self.presentation.periods for group in period.sets)
        return next((group.language for group in sets if group.id == set_id), "")

    def offer(self, track: Track, at_us: int, now_us: int) -> tuple[int, Offer | None]:
        """Return the number of the Period at a position, and what a track may play there.

        A rung that is banned for a while comes back when nothing else is left. A rung whose
        index is not known yet may be asked for. None if the Period has nothing for the track;
        without any rung if nothing is left of it.
        """
        period, ladder = self.ladder(track, at_us)
        if ladder is None:
            return period, None
        places: tuple[int, ...] | None = None
        if self._lost or self._banned_until_us or self._gapped:
            places = self._usable(ladder, at_us, now_us)
        offer = self._offers.get((track, period, places))
        if offer is None:
            chosen = range(len(ladder.representations)) if places is None else places
            reps = [ladder.representations[place] for place in chosen]
            rungs, indexes = [self._rung(rep) for rep in reps], [self.index(rep) for rep in reps]
            offer = self._offers[track, period, places] = Offer(chosen, reps, rungs, indexes)
        return period, offer

    def _usable(self, ladder: Ladder, at_us: int, now_us: int) -> tuple[int, ...]:
        standing = [
            place
            for place, rep in enumerate(ladder.representations)
            if (rep.id, None) not in self._lost and self._has(rep, at_us)
        ]
        free = [
            place
            for place in standing
            if self._banned_until_us.get(ladder.representations[place].id, 0) <= now_us
        ]
        return tuple(free or standing)

    def _has(self, rep: Representation, at_us: int) -> bool:
        index = self.index(rep)
        segment = index.at(at_us) if index is not None else None
        if segment is None:
            return True
        return not segment.entry.gap and (rep.id, segment.number) not in self._lost

    def _rung(self, rep: Representation) -> Rung:
        return Rung(
            bitrate_bps=rep.average_bps or rep.bandwidth_bps,
            width=rep.width,
            height=rep.height,
            quality=rep.quality,
            resolve_requests=0 if self.index(rep) is not None else 1,
        )

    def gap_ends_us(self, track: Track, at_us: int) -> int | None:
        """Return where a gap ends that every rung left has at a position; None if there is none."""
        ends = []
        _, ladder = self.ladder(track, at_us)
        for rep in ladder.representations if ladder else ():
            index = self.index(rep)
            segment = index.at(at_us) if index is not None else None
            if (rep.id, None) in self._lost:
                continue
            if segment is None or not segment.entry.gap:
                return None
            ends.append(segment.end_us)
        return min(ends, default=None)

    # What turned out.

    def resolved(self, representation: str, host: str, index: SegmentIndex) -> None:
        """Learn the index of a Representation, as one host has it."""
        rep = self._representations[representation]
        self._indexes[rep.id, self._index_host(rep, host)] = index
        self._gapped = self._gapped or index.has_gaps
        self._offers.clear()

    def index(self, rep: Representation, host: str | None = None) -> SegmentIndex | None:
        """Return a Representation's index: as a host has it, or as any does; None if unknown."""
        if isinstance(rep.index, Known):
            return rep.index.index
        if host is not None:
            return self._indexes.get((rep.id, self._index_host(rep, host)))
        return next((ix for (name, _), ix in self._indexes.items() if name == rep.id), None)

    def number_at(self, rep: Representation, host: str, number: int) -> int:
        """Return the number by which a host knows the segment that the first one calls `number`."""
        index, own = self.index(rep), self.index(rep, host)
        if own is None or own is index:
            return number
        segment = index.numbered(number) if index is not None else None
        assert segment is not None, "numbers are those of the first index that came"
        # Copies of one playlist differ in their numbers, and by less than half a segment in time.
        there = own.at((segment.start_us + segment.end_us) // 2)
        return there.number if there is not None else number

    @staticmethod
    def _index_host(rep: Representation, host: str) -> str:
        return host if isinstance(rep.index, Unresolved) and rep.index.per_host else ""

    def remove(
        self,
        representation: str,
        number: int | None,
        attempts: tuple[tuple[str, str], ...],
    ) -> bool:
        """Strike out a Representation, or one segment of it; False if it was already.

        Args:
            number: Which segment; None: all of it, for the session.
            attempts: Who was asked for it and what came of it.
        """
        gone: tuple[str, int | None] = (representation, number)
        if gone in self._lost:
            return False
        self._lost[gone] = attempts
        return True

    def undecodable(self, representation: str) -> None:
        """Note that something of a Representation arrived and gave no frames."""
        self._undecodable.add(representation)

    def locked(self, representation: str) -> None:
        """Note that a Representation is encrypted and cannot be opened."""
        self._locked.add(representation)

    def ban(self, representation: str, until_us: int) -> None:
        """Leave a Representation out for a while."""
        self._banned_until_us[representation] = until_us

    # When things are.

    def period_start_us(self, period: int) -> int:
        """Return where a Period begins."""
        return self.presentation.periods[period].start_us

    def period_end_us(self, period: int) -> int | None:
        """Return where a Period ends: where it says so, or where the next one begins."""
        stated = self.presentation.periods[period].end_us
        if stated is None and period + 1 < len(self.presentation.periods):
            return self.presentation.periods[period + 1].start_us
        return stated

    def later_period(self, period: int, track: Track) -> int | None:
        """Return the next Period after one that has anything for a track."""
        for later in range(period + 1, len(self.presentation.periods)):
            if self._selections[later].ladder(track) is not None:
                return later
        return None

    def is_last(self, segment: Segment, index: SegmentIndex, period: int, track: Track) -> bool:
        """Whether nothing follows a segment in its lane, ever."""
        following = segment.number + 1 - index.first_number
        return (
            index.ended
            and following >= len(index)
            and self.later_period(period, track) is None
            and self.presentation.live is None
        )

    def ends_at(self, track: Track, at_us: int) -> bool:
        """Whether only one segment is left at a position, and others came before it."""
        period, ladder = self.ladder(track, at_us)
        for rep in ladder.representations if ladder else ():
            index = self.index(rep)
            segment = index.at(at_us) if index is not None else None
            if index is not None and segment is not None:
                later = self.is_last(segment, index, period, track)
                return later and segment.number > index.first_number
        return False

    def why_not(self, track: Track, period: int) -> tuple[tuple[str, str], ...]:
        """Return what hosts said of everything a track could have played in a Period."""
        ladder = self._selections[period].ladder(track)
        ids = {rep.id for rep in ladder.representations} if ladder else set()
        said = [pair for (name, _), pairs in self._lost.items() if name in ids for pair in pairs]
        return tuple(dict.fromkeys(said)) or self._selections[period].refusals

    def blame(self, track: Track, period: int) -> ErrorName:
        """Return which error it is when nothing a track could play in a Period is left."""
        ladder = self._selections[period].ladder(track)
        ids = {rep.id for rep in ladder.representations} if ladder else set()
        if ids and ids <= self._locked:
            return "LicenseError"
        if ids and ids <= self._undecodable:
            return "DecodeError"
        return "DeliveryError"

    def duration_us(self) -> int | None:
        """Return the length of the whole, as stated or as the indexes tell; None if unknown."""
        if self.presentation.duration_us is not None:
            return self.presentation.duration_us
        ends = [index.end_us for index in self._indexes.values() if index.ended]
        return max(ends, default=None)

    def within(self, position_us: int) -> int:
        """Return the nearest position that can be played."""
        duration_us = self.duration_us()
        if duration_us is not None:
            position_us = min(position_us, duration_us - 1)
        return max(0, position_us)
