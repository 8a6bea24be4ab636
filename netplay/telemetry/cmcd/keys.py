"""The keys of Common Media Client Data, and how their values are written.

One table says of each key what kind of value it has and which header it travels in; the
writer follows it, and leaves out what the specification wants left out (False, empty, and
keys of another version). Keys are written in alphabetical order.

Source: CTA-5004 (version 1) and CTA-5004-B (version 2); values as RFC 8941 writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from netplay.telemetry.structured import Token

__all__ = [
    "HEADERS",
    "KEYS",
    "About",
    "Group",
    "Key",
    "Next",
    "Value",
    "Version",
    "headers",
    "to_json",
    "written",
]

Version = Literal[1, 2]
Group = Literal["Object", "Request", "Session", "Status"]
Kind = Literal["integer", "decimal", "boolean", "token", "string", "by type", "next", "strings"]

HEADERS: tuple[Group, ...] = ("Object", "Request", "Session", "Status")
"""What follows "CMCD-" in the four header names."""


@dataclass(frozen=True, slots=True)
class Next:
    """An object that will probably be asked for next.

    Attributes:
        path: Relative to the present request.
        byte_range: As in a Range header without its unit, "0-99"; "" is all of it.
        same: It is the present object, another range of it; version 1 says only which.
    """

    path: str
    byte_range: str = ""
    same: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """A figure, and the object type that it is about ("v", "a", …); "" is the whole session."""

    figure: int
    type: str = ""


Value = bool | int | float | str | Token | Next | tuple[str, ...] | tuple[About, ...]
"""Of a key "by type" a tuple of About; version 1 has room for the first of them only."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of one key.

    Attributes:
        kind: Of its value. "by type" is an integer in version 1, and in version 2 a list of
            integers, each marked with the object type it is about.
        group: The header it travels in; None: it is for events only.
        hundreds: Rounded to the nearest 100.
        versions: In which it exists.
        moved: The header it travels in from version 2 on, where that is another.
    """

    kind: Kind
    group: Group | None
    hundreds: bool = False
    versions: tuple[Version, ...] = (1, 2)
    moved: Group | None = None

    def header(self, version: Version) -> Group | None:
        """Return the header it travels in; None if it is for events only."""
        return self.moved if version == 2 and self.moved is not None else self.group


_V2: tuple[Version, ...] = (2,)

KEYS: Mapping[str, Key] = {
    "bg": Key("boolean", "Status", versions=_V2),
    "bl": Key("by type", "Request", hundreds=True),
    "br": Key("by type", "Object"),
    "bs": Key("boolean", "Status"),
    "bsa": Key("by type", "Status", versions=_V2),
    "bsd": Key("by type", "Status", versions=_V2),
    "bsda": Key("by type", "Status", versions=_V2),
    "cdn": Key("string", "Status", versions=_V2),
    "cid": Key("string", "Session"),
    "d": Key("integer", "Object"),
    "dfa": Key("integer", "Request", versions=_V2),
    "dl": Key("integer", "Request", hundreds=True),
    "e": Key("token", None, versions=_V2),
    "ec": Key("strings", "Status", versions=_V2),
    "lb": Key("by type", "Object", versions=_V2),
    "msd": Key("integer", "Session", versions=_V2),
    "mtp": Key("by type", "Request", hundreds=True),
    "nor": Key("next", "Request"),
    "nrr": Key("string", "Request", versions=(1,)),
    "ot": Key("token", "Object"),
    "pb": Key("by type", "Request", versions=_V2),
    "pr": Key("decimal", "Session", moved="Status"),
    "pt": Key("integer", "Status", versions=_V2),
    "rc": Key("integer", None, versions=_V2),
    "rtp": Key("integer", "Status", hundreds=True),
    "sf": Key("token", "Session"),
    "sid": Key("string", "Session"),
    "sn": Key("integer", "Request", versions=_V2),
    "st": Key("token", "Session"),
    "sta": Key("token", "Request", versions=_V2),
    "su": Key("boolean", "Request"),
    "tb": Key("by type", "Object"),
    "tbl": Key("by type", "Request", hundreds=True, versions=_V2),
    "ts": Key("integer", None, versions=_V2),
    "ttfb": Key("integer", None, versions=_V2),
    "ttlb": Key("integer", None, versions=_V2),
    "url": Key("string", None, versions=_V2),
    "v": Key("integer", "Session", versions=_V2),
}
"""Every key that netplay sends. Those of the specification that it does not: ab, lab, tab
(each rung's own bitrate is known), ltc (no live playback yet), tpb (it tells devices
apart), nr, cs, h, cen, ttfbb, cmsdd, cmsds and smrt (what a response was is not seen here)."""


def written(values: Mapping[str, Value], version: Version) -> str:
    """Return values as one CMCD text: a dictionary as RFC 8941 writes it, without blanks."""
    return ",".join(_members(values, version))


def headers(values: Mapping[str, Value], version: Version) -> tuple[tuple[str, str], ...]:
    """Return the (name, value) of the CMCD headers that have something to say."""
    found: list[tuple[str, str]] = []
    for group in HEADERS:
        part = {key: one for key, one in values.items() if KEYS[key].header(version) == group}
        if text := written(part, version):
            found.append((f"CMCD-{group}", text))
    return tuple(found)


def to_json(values: Mapping[str, Value], version: Version) -> str:
    """Return values as one JSON object (CTA-5004, transmission as JSON)."""
    plain: dict[str, object] = {}
    for key, value in _kept(values, version):
        match value:
            case Next(path=path):
                plain[key] = quote(path, safe="")
            case (About(figure=figure), *_) if version == 1:
                plain[key] = figure
            case tuple():
                plain[key] = [one.figure if isinstance(one, About) else one for one in value]
            case _:
                plain[key] = value
    return json.dumps(plain, separators=(",", ":"))


def _kept(values: Mapping[str, Value], version: Version) -> Iterable[tuple[str, Value]]:
    for key in sorted(values):
        row, value = KEYS[key], values[key]
        if version not in row.versions or value is False or value in ("", ()):
            continue
        if isinstance(value, Next) and version == 1 and value.same:
            continue
        yield key, _rounded(value) if row.hundreds else value


def _rounded(value: Value) -> Value:
    """Return the nearest multiple of 100; halves go up."""
    if isinstance(value, tuple):
        return tuple(About(_hundreds(one.figure), one.type) for one in _figures(value))
    assert isinstance(value, int)
    return _hundreds(value)


def _hundreds(figure: int) -> int:
    return (figure + 50) // 100 * 100


def _figures(value: tuple[str, ...] | tuple[About, ...]) -> Iterable[About]:
    return (one for one in value if isinstance(one, About))


def _members(values: Mapping[str, Value], version: Version) -> Iterable[str]:
    for key, value in _kept(values, version):
        yield key if value is True else f"{key}={_bare(value, version)}"


def _bare(value: Value, version: Version) -> str:
    match value:
        case Token():
            return value
        case str():
            return _quoted(value)
        case float():
            whole, _, part = f"{value:.3f}".partition(".")
            return f"{whole}.{part.rstrip('0') or '0'}"
        case Next(path=path, byte_range=byte_range):
            if version == 1:
                return _quoted(quote(path, safe=""))
            part = f";r={_quoted(byte_range)}" if byte_range else ""
            return f"({_quoted(path)}{part})"
        case (About(figure=figure), *_) if version == 1:
            return str(figure)
        case tuple():
            return f"({' '.join(_in_list(one) for one in value)})"
        case _:
            return str(value)


def _in_list(one: str | About) -> str:
    if isinstance(one, str):
        return _quoted(one)
    return f"{one.figure};{one.type}" if one.type else str(one.figure)


def _quoted(text: str) -> str:
    """Return a string in quotes; what no structured string can hold is percent-encoded."""
    kept = "".join(one if " " <= one <= "~" else quote(one, errors="replace") for one in text)
    escaped = kept.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
