"""One request, one response: the narrow seam between netplay and whatever moves bytes.

A Transport does one exchange: no redirects, no retries beyond a stale connection, no
opinion about statuses. What goes wrong is a TransferFailed that says what kind of failure
it is in the Session's own words, so nothing above knows any client library's exceptions.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from netplay.core.messages import Failure, Fetch, Resolve
from netplay.segments import ByteRange

__all__ = ["Decorate", "Purpose", "Request", "Response", "TransferFailed", "Transport"]

Purpose = Literal["manifest", "index", "init", "segment", "license"]


@dataclass(frozen=True, slots=True)
class Request:
    """One GET, or what a licence service is told.

    Attributes:
        url: Absolute: http, https, file or data.
        purpose: What the answer is for.
        byte_range: The part of the resource to send; None is all of it.
        headers: Besides those that every request carries.
        about: The action that asked for it, for whoever decorates requests.
        method: "GET" or "POST".
        body: What is sent; never shown.
    """

    url: str
    purpose: Purpose
    byte_range: ByteRange | None = None
    headers: tuple[tuple[str, str], ...] = ()
    about: Fetch | Resolve | None = None
    method: str = "GET"
    body: bytes = field(default=b"", repr=False)


Decorate = Callable[[Request], Request]
"""Adds headers or query arguments to a request before it is sent (CMCD)."""


class TransferFailed(Exception):
    """An exchange did not bring what it was for. Not a NetplayError: the Session judges it.

    Attributes:
        detail: One short sentence without secrets.
        status: The HTTP status, for failure "status".
        retry_after_us: How long the server asks to be left alone.
    """

    def __init__(
        self,
        failure: Failure,
        detail: str,
        *,
        status: int | None = None,
        retry_after_us: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail
        self.status = status
        self.retry_after_us = retry_after_us


class Body(Protocol):
    """The bytes of a response, pulled."""

    async def read(self) -> bytes:
        """Return the next bytes, as many as are there; b"" at the end.

        Raises:
            TransferFailed: The rest does not come.
        """


@dataclass(frozen=True, slots=True)
class Response:
    """The head of an answer, and its body to be read.

    Attributes:
        url: Which URL answered.
        headers: By lower-case name; where one came twice, both with a comma between.
        local: It came from this machine (file, data), so it says nothing about the network.
    """

    url: str
    status: int
    reason: str
    body: Body
    headers: dict[str, str] = field(default_factory=dict)
    local: bool = False

    @property
    def length_bytes(self) -> int | None:
        """The announced length of the body; None if not announced, or not as a number."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    async def read(self) -> bytes:
        """Return the next bytes of the body; b"" at the end. See Body."""
        return await self.body.read()


class Transport(Protocol):
    """Exchanges one request for one response."""

    def stream(self, request: Request) -> AbstractAsyncContextManager[Response]:
        """Send a request; inside the context the head is there and the body can be read.

        Leaving the context early gives up the rest of the body and frees what it held.

        Raises:
            TransferFailed: No response came; or, inside, the body broke off.
        """

    async def connect(self, url: str) -> None:
        """Open a connection to a URL's server ahead of need; failing is no matter."""

    async def aclose(self) -> None:
        """Close every connection."""
