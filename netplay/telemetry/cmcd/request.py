"""CMCD on every request: a tap that listens, and a decorator that adds the keys.

    cmcd = Cmcd(content_id="tt0111161")
    async with Network(decorate=cmcd.decorate) as network:
        async with Player(network=network, taps=[cmcd]) as player: ...

One Cmcd is one player on a Network of its own; its session id is random and new for every
title, and nothing else identifies the viewer or the device.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from netplay.core.messages import Fetch, Opened, Resolve
from netplay.core.rules import SessionRules
from netplay.naming import ByteRange
from netplay.telemetry.cmcd.facts import Facts
from netplay.telemetry.cmcd.keys import KEYS, Value, Version, headers, written
from netplay.telemetry.cmcd.values import Destination, request_values
from netplay.telemetry.wire import Message

__all__ = ["Asked", "Cmcd", "without_cmcd"]

MOST_DESTINATIONS = 64
URLS_KEPT = 256


class Asked(Protocol):
    """A request as a Network shows it to what decorates it; a frozen dataclass."""

    @property
    def url(self) -> str:
        """Where to."""

    @property
    def purpose(self) -> str:
        """What the answer is for: "manifest", "index", "init", "segment" or "license"."""

    @property
    def byte_range(self) -> ByteRange | None:
        """The part asked for."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """(name, value) pairs."""

    @property
    def about(self) -> Fetch | Resolve | None:
        """The action that led to it."""


R = TypeVar("R", bound=Asked)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was decorated: where it went, without its query, and when."""

    url: str
    at_us: int


class Cmcd:
    """Tells servers, with each request, what the player is doing.

    Args:
        content_id: The app's own name for the title, at most 64 characters (128 in version
            2); "" is not sent. An attribute: change it before the next title is opened.
        mode: In four headers, or in one query argument. Headers keep URLs, and with them
            caches, as they are; a query needs no leave from a server of another origin.
        version: 1 is understood everywhere; 2 tells more of the state of playback.
        only: Keys to send; None is all that apply. `v` is sent whenever it must be.
        rules: The player's, for its target buffer.

    Attributes:
        sid: The session id, a random UUID; renewed when another title is opened.
        background: The player cannot be seen, as only the app knows (version 2).

    Raises:
        ValueError: A key is not known, or the content id is too long.

    Source:
        CTA-5004, CTA-5004-B.
    """

    def __init__(
        self,
        *,
        content_id: str = "",
        mode: Literal["header", "query"] = "header",
        version: Version = 1,
        only: Collection[str] | None = None,
        rules: SessionRules | None = None,
        new_sid: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        unknown = sorted(set(only or ()) - KEYS.keys())
        if unknown:
            raise ValueError(f"netplay sends no CMCD key {unknown[0]!r}")
        if len(content_id) > (64 if version == 1 else 128):
            raise ValueError(f"a content id of {len(content_id)} characters is too long")
        self.content_id = content_id
        self.background = False
        self.version: Version = version
        self.facts = Facts()
        self.now_us = 0
        self.sent: dict[int, Sent] = {}
        self._mode = mode
        self._only = None if only is None else frozenset(only) | {"v"}
        self._target_us = (rules or SessionRules()).target_us
        self._new_sid = new_sid
        self.sid = new_sid()
        self._destinations: dict[str, Destination] = {}

    def __call__(self, now_us: int, message: Message) -> None:
        """Take in one event or action: this is the tap."""
        self.now_us = now_us
        if isinstance(message, Opened):
            if self.facts.opened is not None:
                self._renew()
            self.facts = Facts(message, target_us=self._target_us)
        else:
            self.facts.take(now_us, message)

    def decorate(self, request: R) -> R:
        """Return a request with the keys that apply to it added.

        What is not for the web, or has no URL, is returned as it is: never raises.
        """
        try:
            scheme = urlsplit(request.url).scheme
        except ValueError:
            return request  # whoever sends it will say so
        if scheme not in ("http", "https"):
            return request
        presentation = self.facts.opened.presentation if self.facts.opened is not None else None
        if request.purpose == "manifest" and presentation is not None and presentation.live is None:
            self._renew()  # nothing on demand asks twice: this is another title
        bare = without_cmcd(request.url)  # a redirect may repeat what it was asked with
        if isinstance(request.about, Fetch):
            self._note(request.about.fetch_id, bare)
        values = self._values(request)
        if self._mode == "header":
            more = headers(values, self.version)
            kept = tuple(one for one in request.headers if not one[0].lower().startswith("cmcd-"))
            return _replaced(request, url=bare, headers=(*kept, *more))
        text = written(values, self.version)
        return _replaced(request, url=_with_query(bare, text), headers=request.headers)

    def destination(self, name: str) -> Destination:
        """Return what one receiver of reports was told already."""
        if name not in self._destinations and len(self._destinations) >= MOST_DESTINATIONS:
            self._destinations.pop(next(iter(self._destinations)))
        return self._destinations.setdefault(name, Destination())

    def selected(self, values: dict[str, Value]) -> dict[str, Value]:
        """Return the values that may be sent."""
        if self._only is None:
            return values
        return {key: value for key, value in values.items() if key in self._only}

    def _values(self, request: Asked) -> dict[str, Value]:
        about = request.about
        host = about.host if about is not None else urlsplit(request.url).hostname or ""
        values = request_values(
            self.facts,
            self.destination(f"request {host}"),
            purpose=request.purpose,
            about=about,
            target_us=self._target_us,
            version=self.version,
            now_us=self.now_us,
        )
        values |= {"sid": self.sid, "cid": self.content_id, "bg": self.background}
        return self.selected(values)

    def _renew(self) -> None:
        """Begin another session: nothing links it to the one before."""
        self.sid = self._new_sid()
        self.facts = Facts(target_us=self._target_us)
        self._destinations.clear()
        self.sent.clear()

    def _note(self, fetch_id: int, url: str) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        # Tokens travel in queries and user names; reports go to somebody else.
        self.sent[fetch_id] = Sent(f"{parts.scheme}://{host}{parts.path}", self.now_us)
        while len(self.sent) > URLS_KEPT:
            self.sent.pop(next(iter(self.sent)))


def without_cmcd(url: str) -> str:
    """Return a URL without its CMCD argument, the rest of its query exactly as it was."""
    parts = urlsplit(url)
    if "CMCD=" not in parts.query:
        return url
    kept = [one for one in parts.query.split("&") if not one.startswith("CMCD=")]
    return urlunsplit(parts._replace(query="&".join(kept)))


def _with_query(url: str, text: str) -> str:
    if not text:
        return url
    parts = urlsplit(url)
    argument = f"CMCD={quote(text, safe='')}"
    query = f"{parts.query}&{argument}" if parts.query else argument
    return urlunsplit(parts._replace(query=query))


def _replaced(request: R, *, url: str, headers: tuple[tuple[str, str], ...]) -> R:
    # Protocols cannot say "a dataclass with these fields", which is what replace needs.
    return replace(request, url=url, headers=headers)  # type: ignore[type-var]
