"""Licences: which are asked for, what came of them, until when they hold.

No key is known here, only key ids. A licence is asked for in the same breath as the first
segment that it opens; the decoder waits for it, nothing else does. What turns out not to
be opened is struck out, and the rungs that are left play on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from netplay.core.jitter import Jitter
from netplay.core.license import License, Need, Question, by_key, is_kid, question, told_where
from netplay.core.messages import (
    Action,
    CloseKeys,
    KeysFailed,
    KeysReady,
    OpenKeys,
    ProtectionFound,
    RenewKeys,
)
from netplay.core.rules import SessionRules
from netplay.core.title import Title
from netplay.segments import Protection
from netplay.timeline import Representation

__all__ = ["Licenses", "Locked"]

_NO_SYSTEM = "encrypted, and no key system that opens it is at hand"
_NOT_HELD = "the licence holds no key for it"


class Locked(NamedTuple):
    """What cannot be opened.

    Attributes:
        from_fetch: The first segment of it that cannot; None: none of it can.
    """

    representation: str
    why: str
    from_fetch: int | None = None


class Licenses:
    """Asks for licences before they are needed, renews them, and notices when they end."""

    def __init__(self, title: Title, rules: SessionRules, jitter: Jitter) -> None:
        self._title = title
        self._rules = rules
        self._jitter = jitter
        self._requests: dict[Question, License] = {}
        self._sessions: dict[int, License] = {}
        self._needs: dict[str, dict[str, Need]] = {}
        self._next_id = 1

    # What is needed.

    def session_keys(self, protections: tuple[Protection, ...], now_us: int) -> None:
        """Ask for the keys that the manifest names for the whole presentation."""
        for ways in by_key(protections).values():
            way = next(self._openable(ways), None)
            if way is not None:
                self._license(way, "", now_us)

    def need(self, rep: Representation, keys: tuple[Protection, ...], now_us: int) -> list[Locked]:
        """Ask for what opens a segment, unless that is on its way or held.

        Args:
            keys: How the segment is encrypted, where its playlist says; () is as the whole
                Representation is.
        """
        stated = keys or rep.protections
        if not stated:
            return []
        if not self._title.device.may_open(stated):
            return [Locked(rep.id, _NO_SYSTEM)]
        needs = self._needs.setdefault(rep.id, {})
        for key, ways in by_key(stated).items():
            if key in needs:
                continue
            needs[key] = Need(ways)
            # Where the manifest has no init data, the init segment will.
            if not self._get(rep.id, key, ways, now_us) and any(self._openable(ways)):
                return [Locked(rep.id, self._why_not(key, ways))]
        return []

    def found(self, event: ProtectionFound, now_us: int) -> list[Locked]:
        """Take in how media turned out to be encrypted."""
        locked: list[Locked] = []
        needs = self._needs.setdefault(event.representation, {})
        for key, ways in by_key(event.protections).items():
            known = needs.get(key)
            if known:
                # Without a system it tells nothing that the manifest did not tell better;
                # and media does not say where licences are, which the manifest did.
                ways = tuple(told_where(way, known.ways) for way in ways if way.system)
            needs[key] = Need((*known.ways, *ways) if known else ways, event.fetch_id)
            if known:
                needs[key].from_fetch = known.from_fetch
            if not self._opens(event.representation, key) and not self._get(
                event.representation, key, ways, now_us
            ):
                why = self._why_not(key, ways) if any(self._openable(ways)) else _NO_SYSTEM
                locked.append(Locked(event.representation, why, event.fetch_id))
        return locked

    # What came of it.

    def ready(self, event: KeysReady, now_us: int) -> list[Locked]:
        """Take in a licence that was granted, or extended."""
        license_ = self._sessions.get(event.key_session)
        if license_ is None:
            return []
        license_.state, license_.tries = "held", 0
        license_.granted = frozenset(event.kids)
        license_.refused = dict(event.refused)
        license_.at_us, license_.expires_at_us = event.renew_at_us, event.expires_at_us
        return [one for user in tuple(license_.users) for one in self._lacking(user, now_us)]

    def failed(self, event: KeysFailed, now_us: int) -> list[Locked]:
        """Take in that a licence, or more time for it, was not to be had."""
        license_ = self._sessions.get(event.key_session)
        if license_ is None:
            return []
        license_.tries += 1
        license_.said = event.detail
        pause_us = self._rules.key_backoff_us << min(license_.tries - 1, 16)
        pause_us = self._jitter.spread(min(pause_us, self._rules.key_backoff_cap_us))
        again_us = now_us + max(pause_us, event.retry_after_us or 0)
        if license_.held:
            # It plays on with the keys it has, for as long as these last.
            license_.state = "held"
            license_.at_us = None if event.denied else again_us
            return []
        if not event.denied and license_.tries < self._rules.key_tries:
            license_.state, license_.at_us = "due", again_us
            return []
        license_.state, license_.at_us = "lost", None
        locked: list[Locked] = []
        for user in tuple(license_.users):
            for key, need in self._needs[user].items():
                if not self._opens(user, key) and not self._get(user, key, need.ways, now_us):
                    locked.append(Locked(user, license_.said, need.from_fetch))
        return locked

    @property
    def pending(self) -> bool:
        """Whether any licence was asked for and has not come."""
        return any(license_.pending for license_ in self._sessions.values())

    # What is due.

    def plan(self, now_us: int) -> list[Action]:
        """Return what is to be asked, renewed and closed now."""
        if not self._sessions:
            return []
        actions: list[Action] = []
        for license_ in tuple(self._sessions.values()):
            if license_.at_us is None or license_.at_us > now_us:
                continue
            license_.at_us = None
            number = license_.key_session
            if license_.state == "due":
                license_.state = "asked"
                kids = tuple(license_.wanted)
                why = f"again: {license_.said}" if license_.tries else "its media is asked for"
                actions.append(
                    OpenKeys(number, license_.relative_to, license_.protection, kids, why)
                )
            elif license_.state == "held":
                license_.state = "renewing"
                actions.append(RenewKeys(number, "before it expires"))
        return actions + self._close_oldest()

    def expired(self, playing: Iterable[str], now_us: int) -> str:
        """Return what to say if a licence that something playing needs has ended; else "".

        Args:
            playing: The Representations whose segments are played or fetched now.
        """
        ended = [
            license_
            for license_ in self._sessions.values()
            if license_.held
            and license_.expires_at_us is not None
            and license_.expires_at_us <= now_us
        ]
        if not ended:
            return ""
        for license_ in ended:
            license_.granted, license_.state, license_.said = frozenset(), "lost", "it expired"
        for rep in playing:
            if any(rep in license_.users for license_ in ended) and self._lacking(rep, now_us):
                return "it expired"
        return ""

    def wakeup_us(self) -> int | None:
        """Return when something is due that no event will announce; None: never."""
        if not self._sessions:
            return None
        moments = [
            moment
            for license_ in self._sessions.values()
            for moment in (license_.at_us, license_.expires_at_us if license_.held else None)
            if moment is not None
        ]
        return min(moments, default=None)

    # How.

    def _get(self, rep: str, key: str, ways: Iterable[Protection], now_us: int) -> bool:
        """Have a licence on its way for a key; False if there is no way to ask for one."""
        for way in self._openable(ways):
            license_ = self._license(way, rep, now_us)
            if license_.held and not license_.opens(key) and self._asks_anew(way, license_):
                license_ = self._license(way, rep, now_us, kid=way.default_kid)
            if not license_.pending and not license_.opens(key):
                continue
            license_.users[rep] = None
            return True
        return False

    def _asks_anew(self, way: Protection, license_: License) -> bool:
        """Whether a system that asks by key id has not asked for this one yet."""
        by_id = way.system in self._title.device.keys_by_id
        return by_id and bool(way.default_kid) and way.default_kid not in license_.wanted

    def _license(self, way: Protection, rep: str, now_us: int, *, kid: str = "") -> License:
        """Return the licence for a way, a new one if need be; kid: one for that key alone."""
        asked = question(way, rep)._replace(kid=kid)
        license_ = self._requests.get(asked)
        if license_ is None:
            license_ = License(self._next_id, way, asked.relative_to, state="due", at_us=now_us)
            self._next_id += 1
            self._requests[asked] = self._sessions[license_.key_session] = license_
            if not (way.pssh or way.key_uri or kid):
                # Asked for by key id: one licence for all that the title needs.
                license_.wanted.update(dict.fromkeys(self._alike(way)))
        if way.default_kid and license_.pending:
            license_.wanted[way.default_kid] = None
        return license_

    def _openable(self, ways: Iterable[Protection]) -> Iterator[Protection]:
        """Yield the ways that a key system at hand can go, the preferred system first."""
        device = self._title.device
        stated = tuple(ways)
        for system in device.key_systems:
            for way in stated:
                named = way.system == system or (not way.system and system in device.keys_by_id)
                by_id = system in device.keys_by_id and way.default_kid
                if named and (way.pssh or way.key_uri or by_id):
                    yield replace(way, system=system)

    def _alike(self, way: Protection) -> Iterator[str]:
        for period in self._title.presentation.periods:
            for rep in period.representations:
                for other in rep.protections:
                    same = (other.system, other.license_url) == (way.system, way.license_url)
                    if same and other.default_kid and not other.pssh:
                        yield other.default_kid

    def _of(self, rep: str) -> list[License]:
        return [one for one in self._sessions.values() if rep in one.users]

    def _opens(self, rep: str, key: str) -> bool:
        """Whether a key is held, or on its way."""
        of_rep = self._of(rep)
        for license_ in of_rep:
            if license_.pending:
                license_.wanted[key] = None
        return any(license_.pending or license_.opens(key) for license_ in of_rep)

    def _lacking(self, rep: str, now_us: int) -> list[Locked]:
        """Return what of a Representation no licence opens, now that they are all there."""
        of_rep = self._of(rep)
        if any(license_.pending for license_ in of_rep):
            return []
        locked = []
        for key, need in self._needs.get(rep, {}).items():
            if not is_kid(key) or any(license_.opens(key) for license_ in of_rep):
                continue
            if self._get(rep, key, need.ways, now_us):
                continue  # such as init data in the media that the manifest did not have
            locked.append(Locked(rep, self._why_not(key, need.ways), need.from_fetch))
        return locked

    def _why_not(self, key: str, ways: Iterable[Protection]) -> str:
        """Return why no licence that was asked for holds a key."""
        told = [
            license_.refused.get(key) or license_.said
            for way in self._openable(ways)
            if (license_ := self._requests.get(question(way, ""))) is not None
        ]
        return next((why for why in told if why), _NOT_HELD)

    def _close_oldest(self) -> list[Action]:
        """Close licences that nothing needs any more, where there are too many."""
        surplus = len(self._sessions) - self._rules.key_sessions
        if surplus <= 0:
            return []
        newest = {user: license_ for license_ in self._sessions.values() for user in license_.users}
        actions: list[Action] = []
        for license_ in tuple(self._sessions.values()):
            if surplus <= len(actions):
                break
            if license_.pending or any(newest[user] is license_ for user in license_.users):
                continue
            self._forget(license_)
            actions.append(CloseKeys(license_.key_session, "newer keys took its place"))
        return actions

    def _forget(self, license_: License) -> None:
        del self._sessions[license_.key_session]
        self._requests = {ask: one for ask, one in self._requests.items() if one is not license_}
        for user in license_.users:
            needs = self._needs[user]
            for key in license_.granted & needs.keys():
                del needs[key]  # whoever goes back to it asks anew
