"""One licence, and what it is wanted for: the values that `Licenses` keeps.

No key is known here, only key ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from netplay.segments import Protection

__all__ = ["License", "Need", "Question", "by_key", "is_kid", "question", "told_where"]


class Question(NamedTuple):
    """What a licence is asked for with; two equal ones would bring the same licence."""

    system: str
    pssh: bytes
    license_url: str
    key_uri: str
    relative_to: str
    kid: str = ""


@dataclass(slots=True)
class License:
    """One licence.

    Attributes:
        users: Representations that it opens.
        at_us: When it is to be asked for, or renewed, the next time; None: not again.
    """

    key_session: int
    protection: Protection
    relative_to: str
    state: Literal["due", "asked", "held", "renewing", "lost"]
    at_us: int | None
    users: dict[str, None] = field(default_factory=dict)
    wanted: dict[str, None] = field(default_factory=dict)
    granted: frozenset[str] = frozenset()
    refused: dict[str, str] = field(default_factory=dict)
    tries: int = 0
    said: str = ""
    expires_at_us: int | None = None

    @property
    def pending(self) -> bool:
        """It was asked for, or will be, and has not come."""
        return self.state in ("due", "asked")

    @property
    def held(self) -> bool:
        """Its keys may be used."""
        return self.state in ("held", "renewing")

    def opens(self, key: str) -> bool:
        """Whether it holds a key; one that is known by its URI alone is all that it was for."""
        return self.held and (key in self.granted or not is_kid(key))


@dataclass(slots=True)
class Need:
    """One key that a Representation needs, and the ways to get it.

    Attributes:
        from_fetch: The first segment that needs it; None: all of them.
    """

    ways: tuple[Protection, ...]
    from_fetch: int | None = None


def by_key(protections: Iterable[Protection]) -> dict[str, tuple[Protection, ...]]:
    """Return the ways to get each key: by its id, or by its URI where no id is told."""
    found: dict[str, tuple[Protection, ...]] = {}
    stated = tuple(protections)
    kid = next((way.default_kid for way in stated if way.default_kid), "")
    for way in stated:
        key = way.default_kid or kid or way.key_uri
        found[key] = (*found.get(key, ()), way)
    return found


def told_where(way: Protection, stated: Iterable[Protection]) -> Protection:
    """Return a way with the licence URL that was stated for its key system."""
    urls = [one.license_url for one in stated if one.system == way.system]
    return replace(way, license_url=next(filter(None, (way.license_url, *urls)), ""))


def question(way: Protection, rep: str) -> Question:
    """Return what a licence is asked for with; a key's relative URI is a playlist's own."""
    absolute = ":" in way.key_uri.partition("/")[0]  # a scheme, "data:" too (RFC 3986 §4.2)
    relative_to = rep if way.key_uri and not absolute else ""
    return Question(way.system, way.pssh, way.license_url, way.key_uri, relative_to)


def is_kid(key: str) -> bool:
    """Return whether a key goes by an id, and not by a URI."""
    return len(key) == 32 and "/" not in key and ":" not in key
