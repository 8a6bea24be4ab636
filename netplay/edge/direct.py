"""The playback and steering services as a program: `python -m netplay.edge.direct FOLDER`.

It prints {"port": …} when it listens, and ends when its standard input does. Which OCAs
there are comes as a line on standard input, because they start beside it.
"""

import argparse
import asyncio
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from netplay.edge.child import attend, say
from netplay.edge.exchange import Answer, Request, said
from netplay.edge.faults.injector import Injector
from netplay.edge.faults.script import FaultScript
from netplay.edge.httpd import WebServer
from netplay.edge.pathways import Pathway, Pathways
from netplay.edge.playback import PLAYBACK_PATH, Playback
from netplay.edge.steering import Steering

__all__ = ["main"]

PROBE_EVERY_S = 0.5


class _Services:
    """Both services, once it is known whom they speak of."""

    def __init__(self, root: Path) -> None:
        self.steering: Steering | None = None
        self._root = root
        self._playback: Playback | None = None
        self._watching: asyncio.Task[None] | None = None

    async def direct(self, message: dict[str, Any]) -> None:
        """Speak of these pathways from now on."""
        pathways = Pathways(Pathway(**each) for each in message["pathways"])
        self.steering = Steering(pathways, ttl_s=message["ttl_s"])
        self._playback = Playback(
            self._root,
            pathways,
            license_url=message["license_url"],
            steering_url=message["steering_url"],
        )
        if self._watching is not None:
            self._watching.cancel()
        self._watching = asyncio.create_task(self.steering.watch(PROBE_EVERY_S))

    async def __call__(self, request: Request) -> Answer:
        if self._playback is None or self.steering is None:
            return said(503, "nobody has said where the edge servers are\n")
        if request.path.startswith(PLAYBACK_PATH):
            return await self._playback(request)
        return await self.steering(request)


async def _serve(root: Path, name: str) -> None:
    services = _Services(root)
    injector = Injector(clock=time.monotonic)

    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        if "pathways" in message:
            await services.direct(message)
        if "faults" in message:
            injector.start(FaultScript.from_json(message["faults"]))
        steering = services.steering
        if steering is None:
            return {}
        return {
            "reports": [asdict(report) for report in steering.reports],
            "priority": [pathway.name for pathway in steering.pathways.ranked()],
            "faults": injector.to_json(),
        }

    async with WebServer(services, name=name, injector=injector) as server:
        say({"port": server.port})
        await attend(answer)


def main() -> None:
    """Run the services until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m netplay.edge.direct", description=__doc__)
    parser.add_argument("folder", type=Path, help="holds one folder a title")
    parser.add_argument("--name", default="director", help="what faults call it")
    stated = parser.parse_args()
    asyncio.run(_serve(stated.folder, stated.name))


if __name__ == "__main__":
    main()
