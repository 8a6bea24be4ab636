"""What fetching costs in CPU: requests, bytes, boxes and packets, against bare httpx.

Fetches the demo title's highest rung over loopback again and again, as the player does
(one segment at a time, each read into packets as it arrives), and counts this process's
CPU time only; the server runs in a process of its own. The peer in the same run is httpx
reading the same bodies and throwing them away. The limit is 3.5 CPU s/GB.

    .venv/bin/python benchmarks/fetch.py [--gigabytes 1] [--json FILE]
"""

from __future__ import annotations

import time

import anyio
import httpx
from figures import arguments, median, write_json

from netplay.core.messages import Event, Evict, Fetch, Fetched, FetchFailed
from netplay.edge.cache import cached_title
from netplay.edge.testbed import Testbed
from netplay.edge.title import DEMO
from netplay.io.fetch.fetcher import Fetcher
from netplay.io.fetch.load import load_presentation
from netplay.io.net.network import Network
from netplay.timeline import Known, Presentation, Representation

LIMIT_S_PER_GB = 3.5
ROUNDS = 5


def highest(presentation: Presentation) -> Representation:
    """Return the highest rung of the picture."""
    return next(presentation.periods[0].of_kind("video")).representations[-1]


async def by_netplay(url: str, wanted_bytes: int) -> tuple[int, float]:
    """Fetch so many bytes through the Fetcher; return how many it was and the CPU seconds."""
    fetched: dict[int, int] = {}
    changed = anyio.Event()

    def emit(event: Event) -> None:
        match event:
            case FetchFailed():
                raise RuntimeError(event.detail)
            case Fetched():
                fetched[event.fetch_id] = event.bytes
                changed.set()

    async with Network() as network, anyio.create_task_group() as tasks:
        presentation = await load_presentation(network, url)
        rep = highest(presentation)
        assert isinstance(rep.index, Known)
        fetcher = Fetcher(
            network,
            presentation,
            emit=emit,
            clock=lambda: time.monotonic_ns() // 1000,
            task_group=tasks,
        )
        host = rep.locations[0].host
        began_s, fetch_id, total = time.process_time(), 0, 0
        while total < wanted_bytes:
            for segment in rep.index.index:
                fetch_id += 1
                init = fetch_id == 1
                fetcher.perform(Fetch(fetch_id, "video", rep.id, segment.number, host, init=init))
                while fetch_id not in fetched:
                    changed = anyio.Event()
                    await changed.wait()
                total += fetched[fetch_id]
                if not init:
                    fetcher.perform(Evict((fetch_id,)))
        spent_s = time.process_time() - began_s
        await fetcher.aclose()
    return total, spent_s


async def by_httpx(url: str, wanted_bytes: int) -> tuple[int, float]:
    """Fetch so many bytes with httpx alone; return how many it was and the CPU seconds."""
    async with Network() as network:
        presentation = await load_presentation(network, url)
    rep = highest(presentation)
    assert isinstance(rep.index, Known)
    base = httpx.URL(rep.locations[0].url)
    async with httpx.AsyncClient(limits=httpx.Limits(keepalive_expiry=120)) as client:
        began_s, total = time.process_time(), 0
        while total < wanted_bytes:
            for segment in rep.index.index:
                async with client.stream("GET", base.join(segment.entry.uri)) as response:
                    async for data in response.aiter_raw():
                        total += len(data)
        return total, time.process_time() - began_s


async def measure(wanted_bytes: int) -> dict[str, object]:
    folder = await anyio.to_thread.run_sync(cached_title, DEMO)
    ours: list[float] = []
    theirs: list[float] = []
    async with Testbed(folder, oca_count=1) as bed:
        await by_netplay(bed.mpd_url, 1)  # imports and first calls are not measured
        for _ in range(ROUNDS):
            for into, fetch in ((ours, by_netplay), (theirs, by_httpx)):
                total, spent_s = await fetch(bed.mpd_url, wanted_bytes // ROUNDS)
                into.append(spent_s * 1e9 / total)
    return {
        "netplay_s_per_gb": median(ours),
        "httpx_s_per_gb": median(theirs),
        "ratio": median([a / b for a, b in zip(ours, theirs, strict=True)]),
        "limit_s_per_gb": LIMIT_S_PER_GB,
        "rounds": ROUNDS,
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    wanted = parser.parse_args()
    figures = anyio.run(measure, int(wanted.gigabytes * 1e9))
    ours = figures["netplay_s_per_gb"]
    assert isinstance(ours, float)
    print(
        f"netplay {ours:.2f} CPU s/GB with every packet read, "
        f"bare httpx {figures['httpx_s_per_gb']:.2f}; ratio {figures['ratio']:.2f}; "
        f"limit {LIMIT_S_PER_GB}: {'met' if ours <= LIMIT_S_PER_GB else 'missed'}"
    )
    write_json(wanted.json, figures)


if __name__ == "__main__":
    main()
