"""`netplay inspect`: what a manifest offers, down to the last segment.

A URL is read as a player would read it, the playlists and segment indexes behind it
included. A FILE is read without any network: what it names is read where it lies beside
the file, and else said to be unresolved.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import anyio

from netplay.cli.catalogue import Catalogue, Resolution
from netplay.cli.screen import Screen
from netplay.core.messages import Resolve
from netplay.errors import ManifestError, MediaError, shown_url
from netplay.io.fetch.load import load_manifest
from netplay.io.fetch.resolve import fetch_index
from netplay.io.net.local import file_url
from netplay.io.net.network import Limits, Network
from netplay.io.net.transport import TransferFailed
from netplay.manifest import parse_manifest, request_url, resolve
from netplay.manifest.resolve import MoreNeeded
from netplay.segments import ByteRange, SegmentIndex
from netplay.timeline import Known, Location, Presentation, Representation, Unresolved

__all__ = ["inspect"]

AT_ONCE = 8
"""Indexes fetched at the same time: a browser opens six connections to a server."""

MOST_STEPS = 10_000


def inspect(
    target: str | Path, *, base_url: str | None, utc_us: int | None, segments: bool, as_json: bool
) -> None:
    """Read a manifest and write to standard output what it offers.

    Args:
        target: A URL, or the path of a file.
        base_url: Where a file came from; None: where it lies.
        utc_us: Unix time to read it as of; None: now for a URL, as published for a file.
        segments: List every segment.
        as_json: As one JSON object.

    Raises:
        ManifestError: It cannot be read.
    """
    if isinstance(target, Path):
        catalogue = _read_file(target, base_url, utc_us)
    else:
        now_us = time.time_ns() // 1000 if utc_us is None else utc_us
        with Screen() as screen:
            catalogue = anyio.run(partial(_read_url, target, now_us, screen))
    if as_json:
        sys.stdout.write(json.dumps(catalogue.to_json(segments=segments)) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in catalogue.lines(segments=segments))


# A URL: over the network.


async def _read_url(url: str, utc_us: int, screen: Screen) -> Catalogue:
    async with Network() as network:
        screen.say(f"reading {shown_url(url)}")
        presentation = (await load_manifest(network, url, utc_us=utc_us)).presentation
        wanted = _unresolved(presentation)
        found: dict[str, Resolution] = {}
        room = anyio.CapacityLimiter(AT_ONCE)

        async def resolve_one(representation: Representation) -> None:
            async with room:
                found[representation.id] = await _fetched(network, presentation, representation)
            screen.say(f"reading indexes: {len(found)} of {len(wanted)}")

        async with anyio.create_task_group() as tasks:
            for representation in wanted:
                tasks.start_soon(resolve_one, representation)
    return Catalogue(presentation, found)


async def _fetched(
    network: Network, presentation: Presentation, representation: Representation
) -> Resolution:
    """Return an index from the first host that has it, or why none has."""
    why: list[str] = []
    for location in representation.locations:
        try:
            got = await fetch_index(
                network,
                presentation,
                representation,
                location,
                about=Resolve(0, representation.id, location.host),
                clock=lambda: time.monotonic_ns() // 1000,
                utc_clock=lambda: time.time_ns() // 1000,
                local=False,
            )
        except TransferFailed as error:
            why.append(f"{location.host}: {error.detail}")
        else:
            return Resolution(got.index, got.location)
    return Resolution(why="; ".join(why) or "no host has it")


# A file: by what lies beside it.


def _read_file(path: Path, base_url: str | None, utc_us: int | None) -> Catalogue:
    home = file_url(str(path))
    url = home if base_url is None else base_url
    limits = Limits()
    data = _bytes(path, home, limits.document_bytes)
    if not data.strip():
        raise ManifestError(home, "the file is empty")
    presentation = parse_manifest(data, url, utc_us=utc_us)
    beside = _Beside(path.parent, url)
    found = {
        representation.id: _resolved(presentation, representation, beside)
        for representation in _unresolved(presentation)
    }
    return Catalogue(presentation, found)


class _Beside:
    """Finds the file that a URL means, where it is in the folder of the manifest or below."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._base = url.partition("?")[0].rpartition("/")[0] + "/"

    def __call__(self, url: str) -> Path | None:
        rest = url.partition("?")[0].partition("#")[0]
        if not rest.startswith(self._base):
            return None
        path = self._folder / unquote(rest[len(self._base) :])
        inside = self._folder.resolve() in path.resolve().parents
        return path if inside and path.is_file() else None


def _resolved(
    presentation: Presentation, representation: Representation, beside: _Beside
) -> Resolution:
    for location in representation.locations:
        try:
            found = _resolved_at(presentation, representation, location, beside)
        except (ManifestError, MediaError, OSError) as error:
            return Resolution(why=str(error))
        if found is not None:
            return found
    return Resolution(why="not resolved: a file is inspected without the network")


def _resolved_at(
    presentation: Presentation, representation: Representation, location: Location, beside: _Beside
) -> Resolution | None:
    """Return an index from local files; None if a piece of it is not there."""
    unresolved = representation.index
    assert isinstance(unresolved, Unresolved)
    origin_utc_us = None if presentation.live is None else presentation.live.origin_utc_us
    uri, part = unresolved.uri, unresolved.byte_range
    previous: MoreNeeded | None = None
    for _ in range(MOST_STEPS):
        url = request_url(location, uri)
        path = beside(url)
        if path is None:
            return None
        data = _bytes(path, url, Limits().document_bytes, part)
        found = resolve(representation, data, url, origin_utc_us=origin_utc_us, previous=previous)
        if isinstance(found, SegmentIndex):
            where = location
            if unresolved.form == "playlist":
                where = Location(location.host, url, location.priority, location.weight)
            return Resolution(found, where)
        previous, uri, part = found, found.uri, found.byte_range
    return Resolution(why=f"an index in over {MOST_STEPS} pieces")


def _bytes(path: Path, url: str, most_bytes: int, part: ByteRange | None = None) -> bytes:
    """Return what a file holds, or a range of it, and never more than is allowed."""
    first, length = (0, None) if part is None else (part.first, part.length)
    wanted = most_bytes + 1 if length is None else min(length, most_bytes + 1)
    if path.exists() and not path.is_file():
        raise ManifestError(url, "not a regular file")
    try:
        with path.open("rb") as file:
            file.seek(first)
            data = file.read(wanted)
    except OSError as error:
        raise ManifestError(url, f"cannot be read: {error.strerror}") from error
    if len(data) > most_bytes:
        raise ManifestError(url, f"more than {most_bytes} bytes")
    return data


def _unresolved(presentation: Presentation) -> list[Representation]:
    return [
        representation
        for period in presentation.periods
        for representation in period.representations
        if not isinstance(representation.index, Known)
    ]
