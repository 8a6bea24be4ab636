"""Who sends viewers to edge servers: the playback and steering services, in their own process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from netplay.edge.child import Child
from netplay.edge.faults.script import FaultScript
from netplay.edge.pathways import Pathway
from netplay.edge.steering import Report

__all__ = ["Director"]

LOOPBACK = "127.0.0.1"


class Director:
    """The running services: `async with Director(folder) as director`.

    Works under asyncio and trio; leaving the block ends the process.

    Args:
        folder: Holds one folder a title.
        ttl_s: How soon players ask the steering service again.

    Attributes:
        name: What faults call it.
        port: Where it listens on loopback, once it runs.
        running: False before it runs, and once it was stopped.
    """

    name = "director"

    def __init__(self, folder: Path, *, ttl_s: int = 300) -> None:
        self.port = 0
        self.running = False
        self._folder = folder
        self._ttl_s = ttl_s
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Its root, with the slash at the end; `steering` and `playback/TITLE` lie there."""
        return f"http://{LOOPBACK}:{self.port}/"

    async def direct(
        self, pathways: Iterable[Pathway], *, license_url: str = "", steering_url: str = ""
    ) -> None:
        """Send viewers to these from now on; each is probed, and taken for well until then.

        Args:
            pathways: The edge servers.
            license_url: What the playback service tells; "" without one.
            steering_url: Where viewers find this steering service; "": named in no manifest.
        """
        await self._running.ask(
            {
                "pathways": [asdict(pathway) for pathway in pathways],
                "ttl_s": self._ttl_s,
                "license_url": license_url,
                "steering_url": steering_url,
            }
        )

    async def inject(self, script: FaultScript) -> None:
        """Perform these faults from now on, and no others."""
        await self._running.ask({"faults": script.to_json()})

    async def priority(self) -> tuple[str, ...]:
        """Return whom it sends viewers of no region in particular to, best first."""
        return tuple((await self._running.ask({}))["priority"])

    async def reports(self) -> tuple[Report, ...]:
        """Return what players have said of their pathways, oldest first."""
        return tuple(Report(**each) for each in (await self._running.ask({}))["reports"])

    async def stop(self) -> None:
        """Kill it, in the middle of whatever it is sending."""
        self.running = False
        await self._running.kill()

    @property
    def _running(self) -> Child:
        assert self._child is not None, "a director runs inside its block"
        return self._child

    async def __aenter__(self) -> Director:
        arguments = (str(self._folder), "--name", self.name)
        self._child = await Child.start(self.name, "netplay.edge.direct", *arguments)
        try:
            self.port = (await self._child.hear())["port"]
        except BaseException:
            await self._child.kill()
            raise
        self.running = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.running = False
        await self._running.kill()
