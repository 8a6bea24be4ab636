"""The steering service: tells players in mid-play which pathway to prefer, HLS and DASH alike.

    GET /steering?region=eu&_HLS_pathway=oca-1&_HLS_throughput=5140000
    GET /steering?region=eu&_DASH_pathway="oca-1,oca-2"&_DASH_throughput=5140000,200000

Both ask for the same document. Health is probed; a player's word about a pathway is kept.

Source: draft-pantos-hls-rfc8216bis, clause 7 (steering manifests, pathway cloning); ETSI
TS 103 998, clauses 6 and 7 (DCSM, request parameters).
"""

import asyncio
import json
from collections import deque
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from netplay.edge.exchange import Answer, Request, said
from netplay.edge.httpd import HEALTH_PATH
from netplay.edge.pathways import Pathway, Pathways

__all__ = ["STEERING_PATH", "Report", "Steering"]

STEERING_PATH: Final = "/steering"
PROBE_TIMEOUT_S = 1.0
MOST_REPORTS = 10_000
MOST_HEALTH_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Report:
    """What a player said with its question.

    Attributes:
        pathway: Which it uses.
        throughput_bps: What it measured there; None: it did not say.
    """

    pathway: str
    throughput_bps: int | None


class Steering:
    """Answers players that ask which pathway to prefer.

    Args:
        pathways: Who there is, and how they are.
        ttl_s: How soon players ask again.

    Attributes:
        reports: The last ten thousand, oldest first.
    """

    def __init__(self, pathways: Pathways, *, ttl_s: int = 300) -> None:
        if ttl_s < 1:
            raise ValueError(f"players ask again after a second at least, not {ttl_s}")
        self.pathways = pathways
        self.reports: deque[Report] = deque(maxlen=MOST_REPORTS)
        self._ttl_s = ttl_s

    async def __call__(self, request: Request) -> Answer:
        """Return the answer to a request."""
        if request.path != STEERING_PATH:
            return said(404, f"only {STEERING_PATH} is here\n")
        if request.method not in ("GET", "HEAD"):
            return said(405, "GET or HEAD\n")
        self.reports.extend(_reports(request))
        # The player's own words are not to be repeated to it; all others are the session's.
        kept = {name: value for name, value in request.query.items() if name[0:1] != "_"}
        text = json.dumps(self.document(request.query.get("region", ""), kept))
        answer = said(200, text, "application/json")
        return Answer(200, {**answer.headers, "Cache-Control": "no-store"}, answer.body)

    def document(self, region: str = "", kept: dict[str, str] | None = None) -> dict[str, Any]:
        """Return the steering manifest for viewers of a region.

        Args:
            region: As `Pathway.distances_ms` names it.
            kept: Query parameters that the next question has too.
        """
        ranked = self.pathways.ranked(region)
        reload_uri = STEERING_PATH + (f"?{urlencode(kept)}" if kept else "")
        document: dict[str, Any] = {
            "VERSION": 1,
            "TTL": self._ttl_s,
            "RELOAD-URI": reload_uri,
            "PATHWAY-PRIORITY": [pathway.name for pathway in ranked],
        }
        clones = [_clone(pathway) for pathway in self.pathways.known if pathway.clone_of]
        if clones:
            document["PATHWAY-CLONES"] = clones
        return document

    async def probe(self) -> None:
        """Ask every OCA once how it is, all at the same time."""
        async with asyncio.TaskGroup() as tasks:
            for pathway in self.pathways.known:
                tasks.create_task(self._probe(pathway))

    async def watch(self, every_s: float = 1.0) -> None:
        """Probe again and again, until cancelled."""
        while True:
            await self.probe()
            await asyncio.sleep(every_s)

    async def _probe(self, pathway: Pathway) -> None:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                load = await _load(pathway.probe_url or pathway.url)
        except (OSError, ValueError):
            self.pathways.missed(pathway.name)
        else:
            self.pathways.heard(pathway.name, load)


def _clone(pathway: Pathway) -> dict[str, Any]:
    replaced: dict[str, Any] = {"HOST": urlsplit(pathway.url).netloc}
    if pathway.params:
        replaced["PARAMS"] = dict(pathway.params)
    return {"BASE-ID": pathway.clone_of, "ID": pathway.name, "URI-REPLACEMENT": replaced}


def _reports(request: Request) -> list[Report]:
    """Return what the parameters of HLS, or those of DASH, which are lists, say."""
    hls = request.query.get("_HLS_pathway")
    if hls is not None:
        return [Report(hls, _whole(request.query.get("_HLS_throughput", "")))]
    names = request.query.get("_DASH_pathway", "").strip('"').split(",")
    rates = request.query.get("_DASH_throughput", "").strip('"').split(",")
    rates += [""] * (len(names) - len(rates))
    return [Report(name, _whole(rate)) for name, rate in zip(names, rates, strict=False) if name]


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


async def _load(url: str) -> float:
    """Return what an OCA says of its load.

    Raises:
        OSError, ValueError: It gives no such answer.
    """
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or 80, limit=MOST_HEALTH_BYTES
    )
    try:
        lines = [f"GET {HEALTH_PATH} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        told = b""
        while len(told) < MOST_HEALTH_BYTES and (part := await reader.read(MOST_HEALTH_BYTES)):
            told += part
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ValueError(f"{url} is no HTTP server") from error
    finally:
        writer.close()
    if head.split(" ", 2)[1:2] != ["200"]:
        raise ValueError(f"{url} answered {head.partition(chr(13))[0]}")
    health = json.loads(told)
    load = health.get("load") if isinstance(health, dict) else None
    if isinstance(load, bool) or not isinstance(load, int | float) or not load >= 0:
        raise ValueError(f"{url} tells no load")
    return float(load)
