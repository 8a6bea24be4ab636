"""From a manifest's URL to a Presentation, or to one error that says everything tried.

The one straight line of playback: nothing can go on beside it, so it is bounded tightly in
time, in tries and in size. What a manifest includes from elsewhere (xlink:href, the URIs of
EXT-X-SESSION-DATA) is left where it is.
"""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from netplay.errors import Attempt, ManifestError, shown_url
from netplay.io.net.document import Document, read_document
from netplay.io.net.local import file_url
from netplay.io.net.network import Network
from netplay.io.net.transport import Request, TransferFailed
from netplay.manifest import parse_manifest
from netplay.timeline import Period, Presentation, Unresolved

__all__ = ["Loaded", "load_manifest", "load_presentation"]

TRIES = 3
"""hls.js asks twice after a timeout, Shaka twice in all; a viewer waits for each of them."""

RETRIED_STATUSES = range(500, 600)
"""A 4xx is an answer: it would be the same again."""

RETRIED_FAILURES = frozenset(("name", "refused", "reset", "timeout", "short"))

SMALL_BYTES = 256 * 1024
"""A document up to here is read on the loop: a worker thread would cost more than it saves."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""Two letters at least, so that a drive letter is a path."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A manifest as it was fetched, and what it says.

    Attributes:
        local: It is a file of this machine, so what it names may be files too.
        asked_us: When it was asked for, on the monotonic clock.
        first_byte_at_us: When its first byte came.
        ready_at_us: When it had been read.
        bytes: Size of the document.
    """

    presentation: Presentation
    local: bool
    asked_us: int
    first_byte_at_us: int
    ready_at_us: int
    bytes: int


async def load_presentation(
    network: Network, url: str, *, utc_us: int | None = None
) -> Presentation:
    """Fetch and read a manifest.

    Args:
        network: Fetches it.
        url: Of the manifest: http, https, file, or a path of this machine.
        utc_us: Unix time, for what in a manifest depends on it.

    Raises:
        ManifestError: It did not come, or is not a manifest that can be read. Its attempts
            say what was tried.
    """
    return (await load_manifest(network, url, utc_us=utc_us)).presentation


async def load_manifest(
    network: Network,
    url: str,
    *,
    utc_us: int | None = None,
    seed: int | None = None,
) -> Loaded:
    """Fetch and read a manifest, and say how that went. As load_presentation.

    Args:
        network: Fetches it.
        url: Of the manifest, or a path.
        utc_us: Unix time, for what in a manifest depends on it.
        seed: Of the jitter between tries; None: another one every time.
    """
    asked_us = _now_us()
    if not _SCHEME.match(url):
        url = file_url(url)
    try:
        local = urlsplit(url).scheme.lower() == "file"
    except ValueError as error:
        raise ManifestError(url, f"not a URL: {error}") from error
    document = await _fetched(network, url, local=local, jitter=random.Random(seed))
    if not document.data.strip():
        raise ManifestError(document.url, "the answer is empty")
    if len(document.data) <= SMALL_BYTES:
        presentation = parse_manifest(document.data, document.url, utc_us=utc_us)
    else:
        presentation = await anyio.to_thread.run_sync(
            lambda: parse_manifest(document.data, document.url, utc_us=utc_us)
        )
    if not any(_may_have_segments(period) for period in presentation.periods):
        raise ManifestError(document.url, "names no segment to play")
    return Loaded(
        presentation=presentation,
        local=local,
        asked_us=asked_us,
        first_byte_at_us=document.first_byte_at_us,
        ready_at_us=_now_us(),
        bytes=len(document.data),
    )


def _may_have_segments(period: Period) -> bool:
    """Return whether anything of a Period can be played, now or later."""
    return any(
        isinstance(rep.index, Unresolved) or len(rep.index.index) or not rep.index.index.ended
        for rep in period.representations
    )


async def _fetched(network: Network, url: str, *, local: bool, jitter: random.Random) -> Document:
    attempts: list[Attempt] = []
    ends_at = anyio.current_time() + network.timeouts.document_s
    while True:
        try:
            with anyio.fail_after(max(ends_at - anyio.current_time(), 0.0)):
                return await read_document(
                    network,
                    Request(url, "manifest"),
                    most_bytes=network.limits.document_bytes,
                    clock=_now_us,
                    utc_clock=_utc_us,
                    local=local,
                )
        except TransferFailed as error:
            failed = error
        except TimeoutError:
            failed = TransferFailed("timeout", "no time is left")
        attempts.append((_host(url), failed.detail))
        wait_s = network.timeouts.backoff_s * 2 ** (len(attempts) - 1) * jitter.uniform(0.5, 1.5)
        if failed.retry_after_us is not None:
            wait_s = max(wait_s, failed.retry_after_us / 1e6)
        worth_it = failed.failure in RETRIED_FAILURES or failed.status in RETRIED_STATUSES
        if not worth_it or len(attempts) >= TRIES or anyio.current_time() + wait_s >= ends_at:
            detail = (
                failed.detail.removeprefix(f"{shown_url(url)}: ")
                if local
                else _summary(failed, attempts)
            )
            raise ManifestError(url, detail, () if local else tuple(attempts)) from failed
        await anyio.sleep(wait_s)


def _summary(failed: TransferFailed, attempts: list[Attempt]) -> str:
    tries = "" if len(attempts) == 1 else f" {len(attempts)} times"
    if failed.failure == "status":
        return f"the server answered {failed.status}{tries}"
    return f"could not be fetched{tries}: {failed.failure}"


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] or "this machine"


def _now_us() -> int:
    return time.monotonic_ns() // 1000


def _utc_us() -> int:
    return time.time_ns() // 1000
