"""`netplay serve`: a folder of HLS or DASH for any player, over a link and with faults.

The faults are on a port of their own, so that a script that takes the server down can
still be ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from netplay.cli.words import columns
from netplay.edge.faults import FaultScript, Injector
from netplay.edge.faults.control import FAULTS_PATH, controls
from netplay.edge.httpd import WebServer
from netplay.edge.link import LinkSpec
from netplay.edge.origin import MANIFESTS, Origin
from netplay.edge.relay import LOOPBACK, RelayProcess

__all__ = ["Service", "link_of", "serve", "tls_of"]

NAME = "oca-1"
"""What faults call the server: the same script works in a testbed."""

MOST_FILES = 100_000
MOST_MANIFESTS = 20
HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Service:
    """What is to be served, and how.

    Attributes:
        folder: Nothing outside it is served.
        host: Where to listen.
        port: 0 takes a free one.
        control_port: Of the faults, on loopback; likewise.
        link: What stands between; None: nothing.
        tls: Serves https with it.
    """

    folder: Path
    host: str = LOOPBACK
    port: int = 0
    control_port: int = 0
    faults: FaultScript = field(default_factory=FaultScript)
    link: LinkSpec | None = None
    tls: ssl.SSLContext | None = None


def link_of(path: Path) -> LinkSpec:
    """Return the link that the first trace of a file describes, at its mean round trip.

    Raises:
        DatasetError: It is no trace.
        OSError: It cannot be read.
    """
    # Brings the simulator with it, which serving without a trace does not need.
    from netplay.lab.traces import read_traces

    pieces = next(iter(read_traces(path))).pieces
    total_us = sum(us for us, _, _ in pieces)
    rtt_us = sum(us * rtt_us for us, _, rtt_us in pieces) / total_us
    return LinkSpec(trace=tuple((us / 1e6, bps / 1e3) for us, bps, _ in pieces), rtt_s=rtt_us / 1e6)


def tls_of(path: Path) -> ssl.SSLContext:
    """Return what https needs from a PEM file of a certificate and its key.

    Raises:
        OSError: It cannot be read, or holds other things.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def serve(service: Service, *, as_json: bool = False) -> None:
    """Serve until Ctrl-C, having said where.

    Raises:
        OSError: A port cannot be had.
        KeyboardInterrupt: That is how it ends.
    """
    asyncio.run(_serve(service, as_json=as_json))


async def _serve(service: Service, *, as_json: bool) -> None:
    injector = Injector(clock=time.monotonic)
    async with AsyncExitStack() as stack:
        at = (service.host, service.port)
        inner = at if service.link is None else (LOOPBACK, 0)
        server = WebServer(
            Origin(service.folder),
            name=NAME,
            host=inner[0],
            port=inner[1],
            injector=injector,
            tls=service.tls,
        )
        await stack.enter_async_context(server)
        url = server.url
        if service.link is not None:
            upstreams = {NAME: (LOOPBACK, server.port)}
            relay = RelayProcess(service.link, upstreams, listen={NAME: at})
            await stack.enter_async_context(relay)
            url = _root(service, relay.ports[NAME])
        panel = WebServer(controls(injector), name="control", port=service.control_port)
        await stack.enter_async_context(panel)
        injector.start(service.faults)
        _say(service, url, f"{panel.url}{FAULTS_PATH[1:]}", as_json=as_json)
        await asyncio.Event().wait()


def _root(service: Service, port: int) -> str:
    host = f"[{service.host}]" if ":" in service.host else service.host
    return f"{'http' if service.tls is None else 'https'}://{host}:{port}/"


def _say(service: Service, url: str, faults_url: str, *, as_json: bool) -> None:
    found = [url + quote(path) for path in _manifests(service.folder)]
    if as_json:
        told = {"url": url, "manifests": found, "faults_url": faults_url}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        rows = [("serving", url), *(("", manifest) for manifest in found), ("faults", faults_url)]
        sys.stdout.write("\n".join([*columns(rows), "Ctrl-C ends it"]) + "\n")
    sys.stdout.flush()


def _manifests(folder: Path) -> list[str]:
    """Return the paths of what a player may be pointed at, nearest first."""
    found = []
    for count, path in enumerate(_files(folder)):
        if count >= MOST_FILES:
            break
        if path.suffix in MANIFESTS and _starts_playback(path):
            found.append(path.relative_to(folder).as_posix())
    return sorted(found, key=lambda path: (path.count("/"), path))[:MOST_MANIFESTS]


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        yield from (Path(parent) / name for name in sorted(names) if name[0] != ".")


def _starts_playback(path: Path) -> bool:
    """Return whether it is an MPD or a multivariant playlist; others are named by those."""
    if path.suffix == ".mpd":
        return True
    try:
        with path.open("rb") as file:
            return b"#EXT-X-STREAM-INF" in file.read(HEAD_BYTES)
    except OSError:
        return False  # a link to nothing, or nothing that we may read
