"""The lexical forms of the MPD schema, read exactly: durations, moments, ranges, rates.

Every function raises ValueError for text that is not of its form. Moments and durations
are integer microseconds; digits beyond the sixth decimal are dropped, never rounded
through a float.
"""

from __future__ import annotations

import re
from calendar import monthrange, timegm
from fractions import Fraction

from netplay.segments import ByteRange

__all__ = [
    "read_byte_range",
    "read_date_time_us",
    "read_duration_us",
    "read_fraction",
    "read_integer",
    "read_seconds_us",
]

_DURATION = re.compile(
    r"(-)?P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,12})H)?(?:(\d{1,12})M)?(?:(\d{0,15})(?:\.(\d{0,30}))?S)?)?",
    re.ASCII,
)
_DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,30}))?)?\s?"
    r"(?:Z|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)
_INTEGER = re.compile(r"[+-]?\d{1,19}(?:\.0*)?", re.ASCII)
_RANGE = re.compile(r"(\d{1,18})-(\d{1,18})?", re.ASCII)
_FRACTION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:[/:](\d{1,9}))?", re.ASCII)
_SECONDS = re.compile(r"[+-]?\d{1,15}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,2})?", re.ASCII)

_YEAR_DAYS, _MONTH_DAYS = 365, 30
"""xsd:duration leaves their length open; these are what players take."""


def read_integer(text: str) -> int:
    """Return a whole number; "2.0" is taken too, because packagers write it."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"not a whole number: {text[:40]!r}")
    return int(text.partition(".")[0])


def read_duration_us(text: str) -> int:
    """Return an xsd:duration, such as PT1H2M3.5S, in microseconds."""
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith(("P", "T", "TS")):
        raise ValueError(f"not a duration: {text[:40]!r}")
    sign, years, months, days, hours, minutes, seconds, fraction = match.groups()
    whole_days = int(years or 0) * _YEAR_DAYS + int(months or 0) * _MONTH_DAYS + int(days or 0)
    whole_s = whole_days * 86_400 + int(hours or 0) * 3600 + int(minutes or 0) * 60
    total_us = (whole_s + int(seconds or 0)) * 1_000_000 + _micro(fraction)
    return -total_us if sign else total_us


def read_date_time_us(text: str) -> int:
    """Return an xsd:dateTime as Unix time in microseconds; UTC if it names no zone."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"not a date and time: {text[:40]!r}")
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    second, fraction, sign, zone_hours, zone_minutes = match.groups()[5:]
    real = 1 <= month <= 12 and year > 0 and 1 <= day <= monthrange(year, month)[1]
    if not real or hour > 24 or minute > 59 or int(second or 0) > 60:
        raise ValueError(f"no such moment: {text[:40]!r}")
    unix_s = timegm((year, month, day, hour, minute, int(second or 0)))
    offset_s = (int(zone_hours or 0) * 60 + int(zone_minutes or 0)) * 60
    return (unix_s + (offset_s if sign == "-" else -offset_s)) * 1_000_000 + _micro(fraction)


def read_seconds_us(text: str) -> int:
    """Return seconds written as a decimal number (xsd:double), in microseconds."""
    if not _SECONDS.fullmatch(text):
        raise ValueError(f"not a number of seconds: {text[:40]!r}")
    return int(Fraction(text) * 1_000_000)


def read_byte_range(text: str) -> ByteRange:
    """Return a range written first-last, both included; "500-" is to the end."""
    match = _RANGE.fullmatch(text.replace(" ", ""))
    if match is None or (match[2] is not None and int(match[2]) < int(match[1])):
        raise ValueError(f"not a byte range: {text[:40]!r}")
    first = int(match[1])
    return ByteRange(first, None if match[2] is None else int(match[2]) - first + 1)


def read_fraction(text: str) -> Fraction:
    """Return a positive rate such as 30000/1001, 25 or 29.97."""
    match = _FRACTION.fullmatch(text)
    if match is None or int(match[2] or 1) == 0 or Fraction(match[1]) == 0:
        raise ValueError(f"not a positive rate: {text[:40]!r}")
    return Fraction(match[1]) / int(match[2] or 1)


def _micro(digits: str | None) -> int:
    return int((digits or "")[:6].ljust(6, "0"))
