"""Sends reports to a URL, on a thread that playback never waits for.

Redirects are not followed and credentials are not sent; https is verified. A server that
answers 410 wants no more reports; one that cannot take them now (429, 5xx, no answer) is
asked again a few times, later each time, and then what it did not take is lost and counted.

Source: CTA-5004-B, event mode.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable
from contextlib import closing
from functools import cache
from urllib.parse import SplitResult, urlsplit

__all__ = ["Post", "Refused", "Sender", "post_over_http"]

Post = Callable[[str, bytes, str], int]
"""Sends a body of a media type to a URL and returns the HTTP status; OSError: no answer."""

TIMEOUT_S = 10.0
BACKOFF_S = 1.0
TRIES = 3


class Refused(Exception):
    """A batch of reports was not taken.

    Attributes:
        status: The HTTP status; None if there was no answer.
    """

    def __init__(self, status: int | None) -> None:
        self.status = status
        super().__init__("no answer" if status is None else f"status {status}")


def post_over_http(url: str, body: bytes, media_type: str) -> int:
    """Send one POST and return its status; the answer's body is not read. See Post."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with closing(_connection(parts)) as connection:
            connection.request("POST", target, body, {"Content-Type": media_type})
            return connection.getresponse().status
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"no HTTP answer: {type(error).__name__}") from error


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
    return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_S, context=_trust())


@cache
def _trust() -> ssl.SSLContext:
    """Return the usual authorities, read once: they take some 15 ms of this thread."""
    return ssl.create_default_context()


class Sender:
    """Sends batches of lines to one URL; the sink of an Outbox.

    Attributes:
        gone: The server wants no more (410); nothing is sent any more.
    """

    def __init__(
        self, url: str, media_type: str, *, post: Post, backoff_s: float = BACKOFF_S
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("reports go to an http or https URL")
        self.gone = False
        self._url = url
        self._media_type = media_type
        self._post = post
        self._backoff_s = backoff_s
        self._closing = threading.Event()

    def __call__(self, body: bytes) -> None:
        """Send a body; raises Refused if it is not taken."""
        status: int | None = 410
        for attempt in range(TRIES):
            if self.gone:
                break
            if attempt and self._closing.wait(self._backoff_s * 2 ** (attempt - 1)):
                break  # the app ends: no more patience
            try:
                status = self._post(self._url, body, self._media_type)
            except OSError:
                status = None
            if status is not None and 200 <= status < 300:
                return
            self.gone = status == 410
            if status is not None and status != 429 and status < 500:
                break
        raise Refused(status)

    def hurry(self) -> None:
        """Wait for nothing any more."""
        self._closing.set()
