"""The document behind an Unresolved index, fetched and read, in as many steps as it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio.to_thread

from netplay.core.messages import Resolve
from netplay.errors import ManifestError, MediaError, shown_url
from netplay.io.net.document import Document, read_document
from netplay.io.net.network import Network
from netplay.io.net.transport import Request, TransferFailed
from netplay.manifest import request_url, resolve
from netplay.manifest.resolve import MoreNeeded
from netplay.segments import ByteRange, SegmentIndex
from netplay.timeline import Location, Presentation, Representation, Unresolved

__all__ = ["ResolvedIndex", "fetch_index"]

SMALL_BYTES = 256 * 1024
"""A document up to here is read on the loop: a worker thread would cost more than it saves."""

MOST_STEPS = 64
"""Requests for one index. A guess: a sidx is one or two levels deep, and a level of many
pieces costs a request each; whoever cuts a title into more has it read by DASH templates."""


@dataclass(frozen=True, slots=True)
class ResolvedIndex:
    """The segments of a Representation at one host.

    Attributes:
        location: What their references resolve against: a playlist may have been redirected.
        bytes: Of the documents read.
        first_byte_at_us: When the first byte of the first one came.
    """

    index: SegmentIndex
    location: Location
    bytes: int
    first_byte_at_us: int


async def fetch_index(
    network: Network,
    presentation: Presentation,
    representation: Representation,
    location: Location,
    *,
    about: Resolve,
    clock: Callable[[], int],
    utc_clock: Callable[[], int],
    local: bool,
) -> ResolvedIndex:
    """Fetch and read the index of a Representation.

    Raises:
        TransferFailed: It did not come, or cannot be read ("document").
    """
    unresolved = representation.index
    assert isinstance(unresolved, Unresolved), f"{representation.id} is resolved"
    is_playlist = unresolved.form == "playlist"
    limits = network.limits
    uri, part = unresolved.uri, unresolved.byte_range
    previous: MoreNeeded | None = None
    origin_utc_us = None if presentation.live is None else presentation.live.origin_utc_us
    total, first_byte_at_us = 0, None
    for _ in range(MOST_STEPS):
        document = await read_document(
            network,
            Request(request_url(location, uri), "index", part, about=about),
            most_bytes=limits.document_bytes if is_playlist else limits.index_bytes,
            clock=clock,
            utc_clock=utc_clock,
            local=local,
        )
        total += len(document.data)
        first_byte_at_us = first_byte_at_us or document.first_byte_at_us
        found = await _read(representation, document, part, previous, origin_utc_us)
        if isinstance(found, SegmentIndex):
            if not len(found) and found.ended:
                raise TransferFailed("document", f"{shown_url(document.url)}: names no segment")
            where = replace(location, url=document.url) if is_playlist else location
            return ResolvedIndex(found, where, total, first_byte_at_us)
        previous, uri, part = found, found.uri, found.byte_range
    raise TransferFailed("document", f"{representation.id}: an index in over {MOST_STEPS} pieces")


async def _read(
    representation: Representation,
    document: Document,
    part: ByteRange | None,
    previous: MoreNeeded | None,
    origin_utc_us: int | None,
) -> SegmentIndex | MoreNeeded:
    """Read one document; a server may have sent more of it than was asked for."""
    data = document.data
    if part is not None:
        data = data[part.first - document.first :]
        data = data if part.length is None else data[: part.length]

    def read() -> SegmentIndex | MoreNeeded:
        return resolve(
            representation, data, document.url, origin_utc_us=origin_utc_us, previous=previous
        )

    try:
        if len(data) <= SMALL_BYTES:
            return read()
        return await anyio.to_thread.run_sync(read)
    except (ManifestError, MediaError) as error:
        raise TransferFailed("document", str(error)) from error
