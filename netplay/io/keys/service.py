"""Licence requests over HTTP: confidential at every hop, and nothing of the CDN's beside them.

Licence services have connections, cookies and headers of their own. What a key system asks
for is sent as it says, and its headers stay with the server that it named.
"""

from __future__ import annotations

from dataclasses import replace

import anyio

from drm.contract import LicenseAnswer, LicenseRequest, is_confidential
from netplay.errors import shown_url
from netplay.io.net.http import HttpTransport
from netplay.io.net.network import Network
from netplay.io.net.safety import REDIRECTS, next_hop, same_origin
from netplay.io.net.transport import Request, Response, TransferFailed

__all__ = ["LicenseService"]

MOST_BYTES = 1 << 20
"""Of a licence. Real ones take some kilobytes; a guess with room."""

MOST_REDIRECTS = 5

_KEEP_METHOD = (307, 308)
"""Redirects that repeat a POST with its body (RFC 9110 §15.4)."""


class LicenseService:
    """Asks licence services on behalf of key systems."""

    def __init__(self, network: Network) -> None:
        self._timeouts = network.timeouts
        self._transport: HttpTransport = network.apart()

    async def ask(self, request: LicenseRequest) -> LicenseAnswer:
        """Send a request, follow redirects that stay confidential, return the answer.

        Raises:
            TransferFailed: No answer came, or it is too long, or a redirect leads to where
                keys must not travel.
        """
        sent = Request(
            url=request.url,
            purpose="license",
            headers=request.headers,
            method=request.method,
            body=request.body,
        )
        limit_s = self._timeouts.document_s
        try:
            with anyio.fail_after(limit_s):
                for _ in range(MOST_REDIRECTS + 1):
                    async with self._transport.stream(sent) as response:
                        if response.status not in REDIRECTS:
                            return await _answer(response)
                        sent = _redirected(sent, response)
        except TimeoutError:
            raise TransferFailed(
                "timeout", f"{shown_url(request.url)}: no licence within {limit_s:g} s"
            ) from None
        raise TransferFailed("redirect", f"{shown_url(request.url)}: redirected too often")

    async def connect(self, url: str) -> None:
        """Open a connection ahead of need; failing is no matter."""
        if is_confidential(url):
            await self._transport.connect(url)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


def _redirected(sent: Request, response: Response) -> Request:
    target = next_hop(sent.url, response.headers.get("location", ""))
    if not is_confidential(target):
        raise TransferFailed(
            "redirect", f"{shown_url(sent.url)}: redirected off https, where no key may travel"
        )
    if sent.method != "GET" and response.status not in _KEEP_METHOD:
        raise TransferFailed(
            "redirect", f"{shown_url(sent.url)}: a redirect that would drop what was asked"
        )
    headers = sent.headers if same_origin(sent.url, target) else ()
    return replace(sent, url=target, headers=headers)


async def _answer(response: Response) -> LicenseAnswer:
    body = bytearray()
    while data := await response.read():
        body += data
        if len(body) > MOST_BYTES:
            raise TransferFailed(
                "long", f"{shown_url(response.url)}: a licence of more than {MOST_BYTES} bytes"
            )
    return LicenseAnswer(response.status, bytes(body), tuple(response.headers.items()))
