"""Where a request may go: schemes, redirects, and what a header may make us believe.

All of it is decided on text, before a connection is opened, by functions that know
nothing of the network.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from netplay.errors import shown_url
from netplay.io.net.transport import TransferFailed

__all__ = ["REDIRECTS", "ContentRange", "check_scheme", "next_hop", "retry_after_us", "same_origin"]

REDIRECTS = (301, 302, 303, 307, 308)

LONGEST_RETRY_AFTER_US = 86_400_000_000
"""A day. A guess: whoever asks for more means never."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(?:(\d{1,18})|\*)", re.ASCII)


def check_scheme(url: str, *, local: bool) -> str:
    """Return a URL's scheme if it may be asked for here.

    Args:
        url: Absolute.
        local: The manifest is a file of this machine: only then are other files readable,
            or else any web page could have a player read them.

    Raises:
        TransferFailed: It may not ("scheme").
    """
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:  # an unclosed bracket, a port that is none
        raise TransferFailed("scheme", f"{shown_url(url)}: not a URL") from None
    if scheme == "file":
        if not local:
            raise TransferFailed(
                "scheme", f"{shown_url(url)}: files are for manifests that are files themselves"
            )
    elif scheme not in ("http", "https", "data"):
        raise TransferFailed(
            "scheme", f"{shown_url(url)}: scheme {scheme!r} is none of http, https, file, data"
        )
    elif scheme != "data" and not host:
        raise TransferFailed("scheme", f"{shown_url(url)}: names no host")
    return scheme


def next_hop(url: str, location: str) -> str:
    """Return where a redirect leads.

    Raises:
        TransferFailed: Somewhere it may not lead ("redirect").
    """
    if not location:
        raise TransferFailed("redirect", f"{shown_url(url)}: redirected to nowhere")
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        scheme, host, _ = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        raise TransferFailed("redirect", f"{shown_url(url)}: redirected to no URL") from None
    if scheme not in ("http", "https") or not host:
        raise TransferFailed("redirect", f"{shown_url(url)}: redirected to {shown_url(target)}")
    if scheme == "http" and url.lower().startswith("https:"):
        raise TransferFailed(
            "redirect", f"{shown_url(url)}: redirected from https to {shown_url(target)}"
        )
    return target


def same_origin(one: str, other: str) -> bool:
    """Return whether two URLs lead to the same server by the same scheme."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port


class ContentRange:
    """What part of a resource a 206 says it holds.

    Attributes:
        first: Its first byte.
        last: Its last byte.
        whole_bytes: The size of the resource; None if not said.
    """

    def __init__(self, text: str) -> None:
        match = _CONTENT_RANGE.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a single byte range: {text[:60]!r}")
        first, last, whole = match.groups()
        self.first = int(first)
        self.last = int(last)
        self.whole_bytes = None if whole is None else int(whole)
        if self.last < self.first:
            raise ValueError(f"a range that ends before it begins: {text[:60]!r}")


def retry_after_us(text: str | None, *, utc_us: int) -> int | None:
    """Return how long a Retry-After header asks to wait (RFC 9110 §10.2.3); None if it does not.

    Args:
        text: The header's value: seconds or a date.
        utc_us: Unix time now.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:12]) * 1_000_000, LONGEST_RETRY_AFTER_US)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    since = date - datetime(1970, 1, 1, tzinfo=UTC)
    wait_us = since.days * 86_400_000_000 + since.seconds * 1_000_000 - utc_us
    return min(max(wait_us, 0), LONGEST_RETRY_AFTER_US)
