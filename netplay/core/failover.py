"""Whom to ask next: the hosts in their order, and what each has answered.

A failure becomes a Verdict, and a Verdict is data. A host that failed waits only before
it is asked again itself; the next one in the ranking is asked at once. What a host
says about one resource (it is not there, its bytes are wrong) counts for that resource;
what it says about itself (refused, reset, silent, 5xx) counts for everything it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from operator import attrgetter

from netplay.core.jitter import Jitter
from netplay.core.messages import Failure
from netplay.core.rules import SessionRules
from netplay.timeline import Location

__all__ = ["Ask", "Failover", "GiveUp", "Resource", "Verdict", "Wait"]

Resource = tuple[str, int, bool]
"""Representation, number, whether it is the init segment; number -1 is its index document."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this host now."""

    host: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Every host that may have it is to be left alone until a moment."""

    until_us: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No host has it.

    Attributes:
        attempts: What each answered, in order.
    """

    attempts: tuple[tuple[str, str], ...]


Verdict = Ask | Wait | GiveUp

_ABOUT_THE_RESOURCE: frozenset[Failure] = frozenset(
    ("media", "long", "range", "document", "decode", "redirect", "scheme")
)
_NOT_THERE = (404, 410)
# A host that lacks so many resources in a row has lost the title, not a file.
_MISSING_IN_A_ROW = 3
_ATTEMPTS_KEPT = 24

_FIRST = "first in the ranking"
_NOBODY: frozenset[str] = frozenset()
_priority = attrgetter("priority")


@dataclass(slots=True)
class _Host:
    failures: int = 0
    missing: int = 0
    failed_at_us: int = -1
    free_at_us: int = 0
    urgent_at_us: int = 0
    said: str = ""


@dataclass(slots=True)
class _Record:
    attempts: list[tuple[str, str]] = field(default_factory=list)
    without: set[str] = field(default_factory=set)
    undecodable: set[str] = field(default_factory=set)
    short: set[str] = field(default_factory=set)


class Failover:
    """The ranked hosts of one title, and their health."""

    def __init__(self, rules: SessionRules, jitter: Jitter) -> None:
        self._rules = rules
        self._jitter = jitter
        self._hosts: dict[str, _Host] = {}
        self._records: dict[Resource, _Record] = {}
        self.urgent = False
        """The viewer waits: ask again soon, however often a host has failed."""
        self.comfortable = True
        """Enough is held to try a host that failed before; else only when no other is left."""

    def verdict(self, resource: Resource, locations: Sequence[Location], now_us: int) -> Verdict:
        """Return whom to ask for a resource now."""
        record = self._records.get(resource)
        without = record.without if record else _NOBODY
        ranked = sorted(locations, key=_priority)
        if record is None and ranked and self._is_well(ranked[0].host, now_us):
            return Ask(ranked[0].host, _FIRST)
        may_have = [place.host for place in ranked if place.host not in without]
        if not may_have:
            return GiveUp(tuple(record.attempts) if record else ())
        if record:
            # Whoever failed least at this goes first: two silent hosts, each free again by
            # the time the other was found out, would else keep the third from being asked.
            failed = Counter(host for host, _ in record.attempts)
            may_have.sort(key=failed.__getitem__)
        free = [host for host in may_have if self._free_at_us(host) <= now_us]
        well = [host for host in free if self.comfortable or not self._host(host).failures]
        for host in (*well, *free):
            return Ask(host, self._why(host, ranked[0].host))
        return Wait(min(self._free_at_us(host) for host in may_have))

    def without(self, resource: Resource) -> Set[str]:
        """Return the hosts that do not have a resource, as far as they were asked."""
        record = self._records.get(resource)
        return record.without if record else _NOBODY

    def another(self, host: str, locations: Sequence[Location], now_us: int) -> bool:
        """Whether some other host could be asked now."""
        for place in locations:
            if place.host != host and self._free_at_us(place.host) <= now_us:
                return True
        return False

    def failed(
        self,
        resource: Resource,
        host: str,
        *,
        failure: Failure,
        detail: str,
        status: int | None,
        retry_after_us: int | None,
        asked_us: int,
        now_us: int,
    ) -> None:
        """Take in what a host answered, now, instead of the resource it was asked for then."""
        record = self._records.setdefault(resource, _Record())
        said = detail or (f"HTTP {status}" if status else failure)
        record.attempts = [*record.attempts, (host, said)][-_ATTEMPTS_KEPT:]
        health = self._host(host)
        health.said = said
        if status in _NOT_THERE:
            record.without.add(host)
            health.missing += 1
            if health.missing < _MISSING_IN_A_ROW:
                return
        elif failure in _ABOUT_THE_RESOURCE:
            record.without.add(host)
            if failure == "decode":
                record.undecodable.add(host)
            return
        elif failure == "short":
            # A connection that closed early may have been bad luck; twice is the file.
            if host in record.short:
                record.without.add(host)
            record.short.add(host)
        obliged_us = now_us + (retry_after_us or 0)
        if asked_us <= health.failed_at_us:
            # What was asked before it last failed fails with it: that is one failure.
            health.free_at_us = max(health.free_at_us, obliged_us)
            health.urgent_at_us = max(health.urgent_at_us, obliged_us)
            return
        # Silence costs the viewer's buffer seconds where a refusal costs a round trip.
        health.failures += 2 if failure == "timeout" else 1
        health.failed_at_us = now_us
        pause_us = self._rules.backoff_us << min(health.failures - 1, 16)
        pause_us = min(pause_us, self._rules.backoff_cap_us)
        spread_us = self._jitter.spread(pause_us)
        health.free_at_us = max(now_us + spread_us, obliged_us)
        urgent_us = spread_us * min(pause_us, self._rules.backoff_waiting_us) // pause_us
        health.urgent_at_us = max(now_us + urgent_us, obliged_us)

    def succeeded(self, resource: Resource, host: str) -> None:
        """A host delivered: it is well, and so is the resource."""
        health = self._host(host)
        health.failures = health.missing = health.free_at_us = health.urgent_at_us = 0
        health.failed_at_us = -1
        record = self._records.pop(resource, None)
        if record is not None and record.undecodable:
            # That bytes arrived says nothing of what the decoder will make of them: a host
            # whose copy it refused stays out, or two of them would be asked in turn for ever.
            record.without = set(record.undecodable)
            self._records[resource] = record

    def all_attempts(self) -> tuple[tuple[str, str], ...]:
        """Return what hosts answered for everything that is still missing, each answer once."""
        said = [pair for record in self._records.values() for pair in record.attempts]
        return tuple(dict.fromkeys(said))

    def _free_at_us(self, host: str) -> int:
        health = self._host(host)
        return health.urgent_at_us if self.urgent else health.free_at_us

    def _is_well(self, host: str, now_us: int) -> bool:
        """Whether a host has not failed since it last delivered, and may be asked."""
        return not self._host(host).failures and self._free_at_us(host) <= now_us

    def _host(self, host: str) -> _Host:
        return self._hosts.setdefault(host, _Host())

    def _why(self, host: str, first: str) -> str:
        if host == first:
            return _FIRST
        return f"{first} failed ({self._host(first).said})" if self._host(first).said else "next"
