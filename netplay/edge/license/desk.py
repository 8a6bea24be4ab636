"""What every key system's part of a licence service does: an inquiry in, a reply out.

A desk speaks one protocol. It takes the request apart, asks `grants` what may be given,
and writes the answer; HTTP, faults and rate limits are the service's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from netplay.edge.license.faults import FaultKind, Purpose
from netplay.edge.license.grants import Grant, Wish, granted
from netplay.edge.license.policy import ServicePolicy

__all__ = ["Desk", "Inquiry", "Reply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """One request, as HTTP brought it.

    Attributes:
        body: As received; for an HLS key, its key id.
        token: Who asks; "" unsaid.
        policy: What the service goes by at this moment.
        now_s: Unix time.
        renewal_url: Where this client finds the service for renewals.
        fault: What will be done wrong in answering it; None: nothing.
    """

    body: bytes = field(repr=False)
    token: str = field(repr=False)
    policy: ServicePolicy
    now_s: float
    renewal_url: str = ""
    fault: FaultKind | None = None

    def granted(self, wish: Wish) -> Grant:
        """Return what a wish is given.

        Raises:
            Denied: Nothing.
        """
        grant = granted(self.policy, wish, now_s=self.now_s)
        return grant.spoiled() if self.fault == "wrong_key" else grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to one request, and what the journal says of it."""

    body: bytes = field(repr=False)
    media_type: str
    title: str = ""
    kids: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    device: str = ""
    persistent: bool = False


class Desk(Protocol):
    """One key system's part of the service."""

    @property
    def system(self) -> str:
        """What the journal calls it."""
        ...

    def purpose(self, body: bytes) -> Purpose:
        """Return what a request wants, from a glance at it; never raises."""
        ...

    def reply(self, inquiry: Inquiry) -> Reply:
        """Return the answer to a request.

        Raises:
            Denied: It gets none.
        """
        ...
