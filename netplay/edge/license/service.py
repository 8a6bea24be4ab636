"""The licence service as an ASGI application: HTTP around the desks of its key systems.

| path | what |
|---|---|
| POST /clearkey | W3C ClearKey licences; /clearkey/renewal for one asked for again |
| POST /widevine | Widevine licences and the service certificate; /widevine/renewal likewise |
| GET /key/KID | one HLS key, sixteen bytes |

Whoever asks says who they are with `Authorization: Bearer TOKEN`, or with `?token=TOKEN`
where a playlist's URI is all there is. A denial is JSON: {"error": for programs, "message":
for people}. Every request ends in the journal, in the order in which they ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from netplay.edge.license.clearkey import ClearKeyDesk, IdentityDesk
from netplay.edge.license.desk import Desk, Inquiry, Reply
from netplay.edge.license.faults import Fault, Faults, RateLimiter
from netplay.edge.license.grants import Denied
from netplay.edge.license.journal import Asked, Journal
from netplay.edge.license.policy import ServicePolicy
from netplay.errors import ExtraMissing

if TYPE_CHECKING:
    from netplay.edge.license.authority import ServiceIdentity

__all__ = ["LicenseService"]

LARGEST_BODY_BYTES = 64 * 1024
"""A challenge has some two kilobytes."""

Forge = Callable[[bytes], bytes]


class _Gone(Exception):
    """The client left before its answer was ready."""


class LicenseService:
    """Gives licences, or fails to, as it is told.

    Args:
        policy: What it goes by.
        identity: Its Widevine identity, from an `Authority`; None: no Widevine here.
        clock: Unix time in seconds; rate limits go by it too.

    Attributes:
        app: What to run.
        policy: What it goes by from the next request on; may be set.
        faults: What goes wrong.
        journal: What was asked.

    Raises:
        ExtraMissing: There is an identity, and the "widevine" extra is not installed.
    """

    def __init__(
        self,
        policy: ServicePolicy,
        *,
        identity: ServiceIdentity | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.policy = policy
        self.faults = Faults()
        self.journal = Journal()
        self._clock = clock
        self._limiter = RateLimiter(clock)
        self._issued: dict[str, Reply] = {}
        self._forge: dict[str, Forge] = {}
        self._desks: dict[str, Desk] = {
            desk.system: desk for desk in (ClearKeyDesk(), IdentityDesk())
        }
        if identity is not None:
            self.serve_widevine(identity)
        self.app = Starlette(
            routes=[
                Route("/key/{kid}", self._key, methods=["GET"]),
                Route("/{system}", self._license, methods=["POST"]),
                Route("/{system}/renewal", self._license, methods=["POST"]),
            ]
        )

    def serve_widevine(self, identity: ServiceIdentity) -> None:
        """Serve Widevine too from now on.

        Raises:
            ExtraMissing: The "widevine" extra is not installed.
        """
        try:
            from netplay.edge.license import widevine
        except ImportError as error:
            raise ExtraMissing("a Widevine licence service", "widevine") from error
        self._desks["widevine"] = widevine.WidevineDesk(identity)
        self._forge["widevine"] = widevine.forged

    async def _key(self, request: Request) -> Response:
        kid: str = request.path_params["kid"]
        return await self._answer(request, self._desks["identity"], kid.encode())

    async def _license(self, request: Request) -> Response:
        desk = self._desks.get(request.path_params["system"])
        if desk is None or desk.system == "identity":
            return _refusal(404, "key_system_unknown", "no such key system here")
        try:
            body = await _read(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return _refusal(413, "malformed", f"more than {LARGEST_BODY_BYTES} bytes")
        return await self._answer(request, desk, body)

    async def _answer(self, request: Request, desk: Desk, body: bytes) -> Response:
        """Return the answer to one request, with whatever goes wrong, and note it."""
        purpose = desk.purpose(body)
        if request.url.path.endswith("/renewal") and purpose == "license":
            purpose = "renewal"
        asked = Asked(system=desk.system, purpose=purpose, asked_s=self._clock())
        if self.policy.rate is not None:
            wait_s = self._limiter.wait_s(_token(request) or _host(request), self.policy.rate)
            if wait_s:
                refusal = _refusal(429, "rate_limited", "asked too often", retry_s=wait_s)
                return self._noted(asked, refusal, outcome="rate_limited")
        fault = self.faults.strike(purpose, can_replay=desk.system in self._issued)
        asked = replace(asked, fault=fault.kind if fault else "")
        try:
            await _waited(request, self.policy.latency_s)
            failed = await _failed(request, fault) if fault else None
        except _Gone:
            self.journal.add(replace(asked, outcome=fault.kind if fault else "left"))
            return Response(status_code=503)
        if failed is not None:
            return self._noted(asked, failed, outcome=asked.fault)
        return self._decided(request, desk, body, asked, fault)

    def _decided(
        self, request: Request, desk: Desk, body: bytes, asked: Asked, fault: Fault | None
    ) -> Response:
        """Return what the desk gives, or that it gives nothing."""
        inquiry = Inquiry(
            body=body,
            token=_token(request),
            policy=self.policy,
            now_s=self._clock(),
            renewal_url=str(request.url.replace(path=f"/{desk.system}/renewal", query="")),
            fault=fault.kind if fault else None,
        )
        try:
            reply = desk.reply(inquiry)
        except Denied as denied:
            refusal = _refusal(denied.status, denied.reason, str(denied))
            return self._noted(asked, refusal, outcome=denied.reason)
        return self._sent(asked, reply)

    def _sent(self, asked: Asked, reply: Reply) -> Response:
        """Return an answer as it goes out: whole, or spoiled by a fault."""
        body = reply.body
        if asked.fault == "replay":
            body = self._issued[asked.system].body
        elif asked.fault == "malformed":
            body = body[: len(body) // 2]
        elif asked.fault == "forged" and asked.system in self._forge:
            body = self._forge[asked.system](body)
        right = asked.fault in ("", "slow")
        if right and reply.kids:
            self._issued[asked.system] = reply
        asked = replace(
            asked,
            title=reply.title,
            kids=reply.kids,
            left_out=reply.left_out,
            device=reply.device,
            persistent=reply.persistent,
        )
        response = Response(
            body, media_type=reply.media_type, headers={"Cache-Control": "no-store"}
        )
        return self._noted(asked, response, outcome="granted" if right else asked.fault)

    def _noted(self, asked: Asked, response: Response, *, outcome: str) -> Response:
        self.journal.add(
            replace(asked, answered_s=self._clock(), status=response.status_code, outcome=outcome)
        )
        return response


async def _failed(request: Request, fault: Fault) -> Response | None:
    """Return the answer that a fault gives in place of the right one, or None for that one.

    Raises:
        _Gone: The client did not wait for it.
    """
    match fault.kind:
        case "slow":
            await _waited(request, fault.delay_s)
        case "hang":
            await _left(request)
        case "status":
            refusal = _refusal(fault.status, "unavailable", "told to fail")
            if fault.retry_after_s is not None:
                refusal.headers["Retry-After"] = str(fault.retry_after_s)
            return refusal
        case "redirect":
            return RedirectResponse(fault.location, status_code=307)
        case _:
            pass
    return None


async def _waited(request: Request, seconds: float) -> None:
    """Let time pass.

    Raises:
        _Gone: The client left before it had.
    """
    if seconds:
        with anyio.move_on_after(seconds):
            await _left(request)


async def _left(request: Request) -> None:
    """Wait for the client to leave.

    Raises:
        _Gone: It has.
    """
    while (await request.receive())["type"] != "http.disconnect":
        pass
    raise _Gone


async def _read(request: Request) -> bytes | None:
    """Return a request's body, or None for one that is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY_BYTES:
            return None
    return bytes(body)


def _refusal(status: int, error: str, message: str, *, retry_s: float = 0) -> Response:
    """Return an answer that says no."""
    headers = {"Cache-Control": "no-store"}
    if retry_s:
        headers["Retry-After"] = str(ceil(retry_s))
    return JSONResponse({"error": error, "message": message}, status_code=status, headers=headers)


def _token(request: Request) -> str:
    """Return who asks; "" unsaid."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.query_params.get("token", "")


def _host(request: Request) -> str:
    return request.client.host if request.client else ""
