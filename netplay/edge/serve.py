"""One edge server as a program: `python -m netplay.edge.serve FOLDER|URL`.

It serves a folder of titles, or what an origin at a URL serves, from a cache. It prints
{"port": …} when it listens, and ends when its standard input does. Lines on standard input
announce hosts, start faults, or ask what was requested.
"""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

from netplay.edge.child import attend, say
from netplay.edge.faults.injector import Injector
from netplay.edge.faults.script import FaultScript
from netplay.edge.httpd import WebServer
from netplay.edge.oca import Oca
from netplay.edge.origin import Origin

__all__ = ["main"]


async def _serve(source: Origin | Oca, name: str) -> None:
    injector = Injector(clock=time.monotonic)

    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        if "hosts" in message:
            assert isinstance(source, Origin), "manifests are written where the titles are"
            source.announce(
                [(name, url) for name, url in message["hosts"]],
                titles=message["titles"],
                license_url=message["license_url"],
                steering_url=message["steering_url"],
            )
        if "faults" in message:
            injector.start(FaultScript.from_json(message["faults"]))
        fetches = dict(source.fetches) if isinstance(source, Oca) else {}
        faults = injector.to_json()
        return {"requests": dict(source.requests), "fetches": fetches, "faults": faults}

    async with WebServer(source, name=name, injector=injector) as server:
        say({"port": server.port})
        await attend(answer)


def main() -> None:
    """Run a server until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m netplay.edge.serve", description=__doc__)
    parser.add_argument("source", help="a folder that holds one folder a title, or an origin")
    parser.add_argument("--name", default="edge", help="what faults call it")
    parser.add_argument("--cache-bytes", type=int, default=256 * 1024 * 1024)
    parser.add_argument("--fresh-s", type=int, default=0, help="how long caches need not ask")
    said = parser.parse_args()
    source: Origin | Oca
    if said.source.startswith("http://"):
        source = Oca(said.source, name=said.name, limit_bytes=said.cache_bytes)
    else:
        source = Origin(Path(said.source), fresh_s=said.fresh_s)
    asyncio.run(_serve(source, said.name))


if __name__ == "__main__":
    main()
