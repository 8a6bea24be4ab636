"""One playlist being read: its lines, what was repaired in it, its variables.

RFC 8216bis says when a client must refuse a playlist. Elsewhere this reader repairs what
players in the field repair, and says so in a warning: a title that plays everywhere else
should play here, and its author should be able to find out what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from netplay.errors import ManifestError

__all__ = [
    "NS_PER_S",
    "Attributes",
    "Reading",
    "integer",
    "is_multivariant",
    "nanoseconds",
    "playlist_lines",
    "split_attributes",
    "unix_us",
]

NS_PER_S = 1_000_000_000
"""Ticks a second of an HLS index: nine decimals of EXTINF are exact, more are cut off."""

MOST_WARNINGS = 50
"""A broken live playlist says the same thing on every line; this many are enough to see it."""

MOST_SUBSTITUTED = 64 << 20
"""Characters that variables may bring in, so that nested ones cannot fill the memory."""

Attributes = dict[str, str]
"""An attribute list: names to values, without their quotes."""

_VARIANT_TAGS = ("#EXT-X-STREAM-INF", "#EXT-X-I-FRAME-STREAM-INF", "#EXT-X-IMAGE-STREAM-INF")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REFERENCE = re.compile(r"\{\$([A-Za-z0-9_-]{1,256})\}")
_DECIMAL = re.compile(r"\s*([+-]?)(\d{0,12})(?:\.(\d*))?")
_INTEGER = re.compile(r"\s*(\d{1,20})")


def playlist_lines(text: str, url: str) -> tuple[list[str], tuple[str, ...]]:
    """Return the lines of a playlist, and what is wrong with how it begins.

    Lines end at LF, CR LF or CR. The first must be #EXTM3U; comments before it, and even its
    absence where another tag of HLS stands first, are passed over with a warning.

    Raises:
        ManifestError: It is no playlist.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n")]
    for number, line in enumerate(lines, 1):
        if line.startswith("#EXTM3U"):
            wrong = any(lines[: number - 1])
            return lines, (f"line {number}: #EXTM3U: it is not the first line",) if wrong else ()
        if line.startswith(("#EXT-X-", "#EXTINF:")):
            return lines, (f"line {number}: #EXTM3U: missing",)
        if line and not line.startswith("#"):
            detail = f"line {number}: not an HLS playlist: the first line must be #EXTM3U"
            raise ManifestError(url, detail)
    raise ManifestError(url, "not an HLS playlist: it has no #EXTM3U" if text else "it is empty")


def is_multivariant(lines: list[str]) -> bool:
    """Return whether a playlist lists variants rather than segments."""
    return any(line.startswith(_VARIANT_TAGS) for line in lines if line.startswith("#EXT-X-"))


def split_attributes(text: str) -> Attributes:
    """Return an attribute list (RFC 8216 §4.2) as a mapping; the last of equal names wins.

    Reads in one pass whatever the text holds: a quote that is never closed ends with the
    line, and what has no equals sign is passed over.
    """
    found: Attributes = {}
    at, end = 0, len(text)
    while at < end:
        equals = text.find("=", at)
        if equals < 0:
            break
        name = text[at:equals].rpartition(",")[2].strip()
        start = equals + 1
        while start < end and text[start] == " ":
            start += 1
        if text.startswith('"', start):
            close = text.find('"', start + 1)
            close = end if close < 0 else close
            found[name] = text[start + 1 : close]
            comma = text.find(",", close)
        else:
            comma = text.find(",", start)
            found[name] = text[start : end if comma < 0 else comma].strip()
        at = end if comma < 0 else comma + 1
    return found


def nanoseconds(text: str) -> int | None:
    """Return the decimal number of seconds that a text begins with, in nanoseconds.

    Exact to nine decimals; None where no number begins the text.
    """
    match = _DECIMAL.match(text)
    assert match is not None, "every part of the pattern is optional"
    sign, whole, fraction = match[1], match[2], (match[3] or "")[:9]
    if not whole and not fraction:
        return None
    total = int(whole or 0) * NS_PER_S + int(fraction.ljust(9, "0"))
    return -total if sign == "-" else total


def integer(text: str) -> int | None:
    """Return the whole number that a text begins with; None where none does."""
    match = _INTEGER.match(text)
    return int(match[1]) if match else None


def unix_us(text: str) -> int | None:
    """Return an ISO 8601 date as Unix time; None if it is not one. UTC unless it says so."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None


class Reading:
    """One playlist being read: where it is from, what was repaired, its variables.

    Args:
        url: Where the playlist came from: QUERYPARAM takes values from its query.
        imports: What EXT-X-DEFINE:IMPORT may ask for; None: the playlist is read without
            the multivariant playlist it belongs to, so an imported value stays unknown.
        warnings: What is wrong with how it begins.
    """

    __slots__ = ("_imports", "_substituted", "_unknown", "url", "variables", "warnings")

    def __init__(
        self, url: str, imports: Mapping[str, str] | None = None, warnings: tuple[str, ...] = ()
    ) -> None:
        self.url = url
        self.warnings = list(warnings)
        self.variables: dict[str, str] = {}
        self._imports = imports
        self._unknown: set[str] = set()
        self._substituted = 0

    def refusal(self, number: int, tag: str, what: str) -> ManifestError:
        """Return the error that says why the playlist is refused, to be raised."""
        return ManifestError(self.url, f"line {number}: {tag}: {what}")

    def warn(self, number: int, tag: str, what: str) -> None:
        """Note what was left out or repaired."""
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(f"line {number}: {tag}: {what}")

    def attributes(self, number: int, tag: str, text: str) -> Attributes:
        """Return an attribute list with its variables filled in."""
        found = split_attributes(text)
        if "{$" in text:
            found = {name: self.filled(number, tag, value) for name, value in found.items()}
        return found

    def required(self, number: int, tag: str, attributes: Attributes, name: str) -> str:
        """Return an attribute that must be there and hold something."""
        value = attributes.get(name, "")
        if not value:
            raise self.refusal(number, tag, f"{name} is missing")
        return value

    def filled(self, number: int, tag: str, text: str) -> str:
        """Return a text with its variable references replaced (RFC 8216bis §4.3)."""
        if "{$" not in text:
            return text

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name not in self.variables:
                if name in self._unknown:
                    return match[0]
                raise self.refusal(number, tag, f"variable {name} is not defined")
            self._substituted += len(self.variables[name])
            if self._substituted > MOST_SUBSTITUTED:
                raise self.refusal(number, tag, "variables bring in more than 64 MiB of text")
            return self.variables[name]

        return _REFERENCE.sub(value, text)

    def define(self, number: int, text: str) -> None:
        """Read an EXT-X-DEFINE: NAME and VALUE, IMPORT, or QUERYPARAM."""
        tag = "#EXT-X-DEFINE"
        given = self.attributes(number, tag, text)
        name = given.get("NAME") or given.get("IMPORT") or given.get("QUERYPARAM")
        if not name:
            raise self.refusal(number, tag, "none of NAME, IMPORT and QUERYPARAM is there")
        if name in self.variables:
            self.warn(number, tag, f"variable {name} is defined twice; the later one holds")
        if "NAME" in given:
            if "VALUE" not in given:
                raise self.refusal(number, tag, f"variable {name} has no VALUE")
            self.variables[name] = given["VALUE"]
        elif "IMPORT" in given:
            self._import(number, name)
        else:
            values = dict(parse_qsl(self.url.partition("#")[0].partition("?")[2]))
            if name in values:
                self.variables[name] = values[name]
            else:
                # A playlist read from a file has lost its query; all else in it still holds.
                self._unknown.add(name)
                self.warn(number, tag, f"the URL has no query parameter {name}")

    def _import(self, number: int, name: str) -> None:
        if self._imports is None:
            self._unknown.add(name)
            self.warn(number, "#EXT-X-DEFINE", f"variable {name} is imported, its value unknown")
        elif name not in self._imports:
            detail = f"the multivariant playlist defines no variable {name}"
            raise self.refusal(number, "#EXT-X-DEFINE", detail)
        else:
            self.variables[name] = self._imports[name]
