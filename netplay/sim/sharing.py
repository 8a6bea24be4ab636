"""Several transfers on one link, as fluids, exactly.

Streams of one pool get equal shares, so how much service any one of them has had is the
same growing number, and a stream's own part of it the difference to when it joined.
Nobody has to be updated when time passes, and nothing is rounded: a microbit is counted
in parts that up to sixteen streams divide without remainder, and of more streams the
remainder waits for the next share.

Pools with a ceiling (a host that is slower than the link, a sender whose window is small)
are filled first, as in max-min fairness; the pool without one takes what is left.

A stream with a window is a pool of its own until the window is too large to matter: it has
at most a window a round trip, and its window grows by every byte that came, which doubles
it in each round trip that nothing else limits (slow start, RFC 5681 §3.1). Between two
doublings its ceiling is constant, so that too is exact.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from netplay.sim.trace import Trace

__all__ = ["PARTS", "Sharing", "Window"]

PARTS = 720_720
"""Parts of a microbit: the least common multiple of 1 to 16."""

_BYTE = 8_000_000 * PARTS

_STEPS_AHEAD = 10_000
"""How many changes of rate are looked at for the next arrival before it is put off."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a sender may have on its way at a time.

    Attributes:
        rtt_us: Positive; a window comes in each.
        most_bytes: It grows up to here; None: without end.
    """

    size_bytes: int
    rtt_us: int
    most_bytes: int | None = None

    def rate_bps(self) -> int:
        """Return what it lets through."""
        return self.size_bytes * 8_000_000 // self.rtt_us

    def is_at_its_most(self) -> bool:
        """Whether it grows no more."""
        return self.most_bytes is not None and self.size_bytes >= self.most_bytes

    def doubled(self) -> Window:
        """Return it as it is after one of it came."""
        size_bytes = self.size_bytes * 2
        if self.most_bytes is not None:
            size_bytes = min(size_bytes, self.most_bytes)
        return Window(size_bytes, self.rtt_us, self.most_bytes)


@dataclass(slots=True, eq=False)
class _Pool:
    """Streams that share alike.

    Attributes:
        ceiling: Of the host; host: whose, as others of its pools are under it too.
        window: Of its one stream; grows_at: the service at which it doubles.
    """

    ceiling: Trace | None
    host: Hashable = None
    window: Window | None = None
    grows_at: int | None = None
    streams: int = 0
    service: int = 0
    rest: int = 0
    last_us: int = 0

    def serve(self, parts: int) -> None:
        more, self.rest = divmod(parts + self.rest, self.streams)
        self.service += more

    def holds(self) -> int | None:
        """Return the most that its window lets through, in parts a microsecond."""
        if self.window is None:
            return None
        return self.window.size_bytes * _BYTE // self.window.rtt_us


@dataclass(slots=True, eq=False)
class _Stream:
    pool: _Pool
    joined_at: int
    joined_us: int
    target: int


class Sharing:
    """Divides what a link carries among the streams on it."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._peak_bps = max(rate_bps for _, rate_bps in trace.pieces)
        self._now_us = 0
        # What the link could have carried by some moment: mostly by the last one asked about.
        self._carried: tuple[int, int] = (0, 0)
        self._open = _Pool(None)
        self._capped: dict[Hashable, _Pool] = {}
        self._streams: dict[Hashable, _Stream] = {}
        self._next_us: int | None = None
        self._is_fresh = False

    def join(
        self,
        stream: Hashable,
        pool: Hashable,
        ceiling: Trace | None,
        *,
        until_bytes: int,
        since_us: float = 0.0,
        window: Window | None = None,
    ) -> None:
        """A stream begins now, in a pool under a ceiling; None: only the link limits it.

        Args:
            since_us: It began so much earlier, less than a microsecond, with nobody beside it.
            window: Of its sender; None: always large enough.
        """
        if window is not None and window.rate_bps() < self._peak_bps:
            home = self._capped[stream, pool] = _Pool(ceiling, pool, window)
            home.grows_at = None if window.is_at_its_most() else window.size_bytes * _BYTE
        else:
            home = self._shared(pool, ceiling)
        home.streams += 1
        joined_at = home.service - int(since_us * self._trace.at(self._now_us) * PARTS)
        target = joined_at + until_bytes * _BYTE
        self._streams[stream] = _Stream(home, joined_at, self._now_us, target)
        self._is_fresh = False

    def leave(self, stream: Hashable) -> None:
        """A stream ends now."""
        self._go_from(stream, self._streams.pop(stream).pool)
        self._is_fresh = False

    def look_for(self, stream: Hashable, until_bytes: int) -> None:
        """Let the next arrival of a stream be when it has had so many bytes."""
        one = self._streams[stream]
        one.target = one.joined_at + until_bytes * _BYTE
        self._is_fresh = False

    def spare_us(self, stream: Hashable) -> float:
        """Return how long before now a stream that just arrived did, less than a microsecond."""
        one, rate = self._streams[stream], self._trace.at(self._now_us - 1)
        return (one.pool.service - one.target) / (rate * PARTS) if rate else 0.0

    def received(self, stream: Hashable) -> tuple[int, int]:
        """Return how many bytes a stream has had, and when the last of them came."""
        one = self._streams[stream]
        size_bytes = (one.pool.service - one.joined_at) // _BYTE
        return size_bytes, max(one.joined_us, one.pool.last_us) if size_bytes else one.joined_us

    def arrived(self) -> list[Hashable]:
        """Return the streams that have what they look for, in the order they joined."""
        return [name for name, one in self._streams.items() if one.pool.service >= one.target]

    def advance(self, to_us: int) -> None:
        """Let time pass up to a moment."""
        if to_us <= self._now_us:
            return
        if not self._has_ceilings():
            if self._streams:
                self._advance_freely(to_us)
        else:
            while self._now_us < to_us:
                rates = self._rates(self._now_us)
                end_us = min(to_us, self._piece_end_us(self._now_us) or to_us)
                end_us = min(end_us, self._growth_us(rates) or end_us)
                for pool, rate in rates:
                    pool.serve(rate * (end_us - self._now_us))
                    if rate:
                        pool.last_us = end_us
                self._now_us = end_us
                self._grow()
        self._now_us = to_us

    def next_us(self) -> int | None:
        """Return when the next stream has what it looks for; None: never as things are.

        Where rates change very often it may be a moment before that; ask again then.
        """
        if not self._is_fresh:
            self._next_us = self._find_next_us()
            self._is_fresh = True
        elif self._next_us is not None and self._next_us <= self._now_us and not self.arrived():
            self._next_us = self._find_next_us()
        return self._next_us

    def _shared(self, pool: Hashable, ceiling: Trace | None) -> _Pool:
        """Return the pool of the streams that no window holds back."""
        if ceiling is None:
            return self._open
        return self._capped.setdefault(pool, _Pool(ceiling, pool))

    def _go_from(self, stream: Hashable, home: _Pool) -> None:
        home.streams -= 1
        if not home.streams:
            home.rest = 0  # part of a microbit that nobody is there to take
            if home.window is not None:
                del self._capped[stream, home.host]

    def _growth_us(self, rates: Iterable[tuple[_Pool, int]]) -> int | None:
        """Return when the next window doubles, as things are."""
        return min(
            (
                self._now_us - (-(pool.grows_at - pool.service) // rate)
                for pool, rate in rates
                if rate and pool.grows_at is not None
            ),
            default=None,
        )

    def _grow(self) -> None:
        """Double the windows of which one came; let go of those too large to matter."""
        for name, one in self._streams.items():
            home = one.pool
            if home.window is None or home.grows_at is None or home.service < home.grows_at:
                continue
            self._is_fresh = False
            home.window = home.window.doubled()
            if home.window.rate_bps() < self._peak_bps:
                more = home.window.size_bytes * _BYTE
                home.grows_at = None if home.window.is_at_its_most() else home.grows_at + more
                continue
            left, one.pool = home, self._shared(home.host, home.ceiling)
            one.pool.streams += 1
            one.pool.last_us = max(one.pool.last_us, left.last_us)
            one.joined_at += one.pool.service - left.service
            one.target += one.pool.service - left.service
            self._go_from(name, left)

    def _has_ceilings(self) -> bool:
        return bool(self._capped) and any(pool.streams for pool in self._capped.values())

    def _total_to(self, moment_us: int) -> int:
        at_us, total = self._carried
        if at_us != moment_us:
            total = self._trace.total(moment_us)
            self._carried = (moment_us, total)
        return total

    def _advance_freely(self, to_us: int) -> None:
        pool = self._open
        before, after = self._total_to(self._now_us), self._total_to(to_us)
        if after == before:
            return
        pool.serve((after - before) * PARTS)
        came_us = to_us if self._trace.at(to_us - 1) else self._trace.when(after)
        assert came_us is not None
        pool.last_us = came_us

    def _find_next_us(self) -> int | None:
        if not self._streams:
            return None
        if not self._has_ceilings():
            needed = self._needed(self._open)
            microbits = -(-needed // PARTS)
            when_us = self._trace.when(self._total_to(self._now_us) + microbits)
            return None if when_us is None else max(when_us, self._now_us)
        return self._step_to_next_us()

    def _step_to_next_us(self) -> int | None:
        """Walk from one change of rate to the next until some stream arrives."""
        at_us = self._now_us
        ceilings = [pool.ceiling for pool in self._busy_pools()]
        if self._trace.is_dead_from(at_us) or all(
            one is not None and one.is_dead_from(at_us) for one in ceilings
        ):
            return None
        needed = {pool: self._needed(pool) for pool in self._busy_pools()}
        if min(needed.values()) <= 0:
            return at_us
        for _ in range(_STEPS_AHEAD):
            rates = self._rates(at_us)
            end_us = self._piece_end_us(at_us)
            arrivals = [at_us - (-needed[pool] // rate) for pool, rate in rates if rate]
            first_us = min(arrivals, default=None)
            if first_us is not None and (end_us is None or first_us <= end_us):
                return first_us
            if end_us is None:
                return None
            for pool, rate in rates:
                needed[pool] -= rate * (end_us - at_us)
            at_us = end_us
        return at_us

    def _needed(self, pool: _Pool) -> int:
        """Return how many parts a pool must get before its next stream arrives, or it grows."""
        target = min(one.target for one in self._streams.values() if one.pool is pool)
        if pool.grows_at is not None:
            target = min(target, pool.grows_at)
        return (target - pool.service) * pool.streams - pool.rest

    def _busy_pools(self) -> list[_Pool]:
        return [pool for pool in (*self._capped.values(), self._open) if pool.streams]

    def _rates(self, at_us: int) -> list[tuple[_Pool, int]]:
        """Return what each pool gets from a moment on, in parts a microsecond.

        The pool that gets least for each of its streams is filled first, so that what it
        leaves is there for the others: of its host, then of the link.
        """
        waiting = self._busy_pools()
        left = self._trace.at(at_us) * PARTS
        streams = sum(pool.streams for pool in waiting)
        hosts: dict[Hashable, tuple[int, int]] = {}
        for pool in waiting:
            if pool.ceiling is not None:
                most, others = hosts.get(pool.host, (pool.ceiling.at(at_us) * PARTS, 0))
                hosts[pool.host] = (most, others + pool.streams)
        rates: list[tuple[_Pool, int]] = []
        while waiting:
            shares = [_share(pool, left, streams, hosts) for pool in waiting]
            place = min(range(len(waiting)), key=lambda one: shares[one] // waiting[one].streams)
            pool, rate = waiting.pop(place), shares[place]
            rates.append((pool, rate))
            left -= rate
            streams -= pool.streams
            if pool.ceiling is not None:
                most, others = hosts[pool.host]
                hosts[pool.host] = (most - rate, others - pool.streams)
        return rates

    def _piece_end_us(self, at_us: int) -> int | None:
        changes = [self._trace.next_change_us(at_us)]
        changes += [
            pool.ceiling.next_change_us(at_us)
            for pool in self._capped.values()
            if pool.streams and pool.ceiling is not None
        ]
        return min((change for change in changes if change is not None), default=None)


def _share(pool: _Pool, left: int, streams: int, hosts: Mapping[Hashable, tuple[int, int]]) -> int:
    """Return the most a pool may have of what is left, in parts a microsecond."""
    share = left * pool.streams // streams
    if pool.ceiling is not None:
        most, others = hosts[pool.host]
        share = min(share, most * pool.streams // others)
    holds = pool.holds()
    return share if holds is None else min(share, holds)
