"""Edge servers (OCAs), each in a process of its own, so that one can die alone.

Works under asyncio and trio. However the block is left, by an error or a cancellation too,
no server outlives it. Their manifests, faults and counts go over their standard input.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from netplay.edge.child import Child
from netplay.edge.faults.script import FaultScript
from netplay.edge.title import Host

__all__ = ["EdgeServer", "EdgeServers"]

LOOPBACK = "127.0.0.1"
ORIGIN = "origin"
FRESH_S = 3600
"""How long a cache need not ask an origin about media, which never changes."""


class EdgeServer:
    """One running server.

    Attributes:
        name: Its service location, e.g. "oca-1".
        port: Where it listens on loopback.
        running: False once it was stopped.
    """

    def __init__(self, child: Child, port: int) -> None:
        self.name = child.name
        self.port = port
        self.running = True
        self._child = child

    @property
    def url(self) -> str:
        """Where its folder of titles is, with the slash at the end."""
        return f"http://{LOOPBACK}:{self.port}/"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    async def announce(
        self,
        hosts: Sequence[Host],
        *,
        titles: Sequence[str] = (),
        license_url: str = "",
        steering_url: str = "",
    ) -> None:
        """Write manifests for these hosts from now on, those of the titles at once."""
        await self._child.ask(
            {
                "hosts": list(hosts),
                "titles": list(titles),
                "license_url": license_url,
                "steering_url": steering_url,
            }
        )

    async def requests(self) -> dict[str, int]:
        """Return how often each path was asked for."""
        counts: dict[str, int] = (await self._child.ask({}))["requests"]
        return counts

    async def fetches(self) -> dict[str, int]:
        """Return how often it asked its origin for each path; none where it has no origin."""
        counts: dict[str, int] = (await self._child.ask({}))["fetches"]
        return counts

    async def inject(self, script: FaultScript) -> None:
        """Perform these faults from now on, and no others; an empty script heals it."""
        await self._child.ask({"faults": script.to_json()})

    async def struck(self) -> tuple[int, ...]:
        """Return how often each fault of its script struck."""
        return tuple((await self._child.ask({}))["faults"]["struck"])

    async def stop(self) -> None:
        """Kill it, in the middle of whatever it is sending."""
        self.running = False
        await self._child.kill()


class EdgeServers:
    """As many servers of one folder as asked for: `async with EdgeServers(folder) as servers`.

    Args:
        folder: Holds one folder a title.
        count: How many; they are named oca-1, oca-2 and so on.
        cache_bytes: How much each holds of what an origin behind them serves; None: each
            serves the folder itself.

    Attributes:
        origin: What stands behind the caches, or None.
    """

    def __init__(self, folder: Path, *, count: int = 3, cache_bytes: int | None = None) -> None:
        if count < 1:
            raise ValueError(f"at least one server, not {count}")
        self.origin: EdgeServer | None = None
        self._folder = folder
        self._cache_bytes = cache_bytes
        self._names = [f"oca-{number}" for number in range(1, count + 1)]
        self._children: list[Child] = []
        self._servers: dict[str, EdgeServer] = {}

    async def __aenter__(self) -> "EdgeServers":
        try:
            source = [str(self._folder)]
            if self._cache_bytes is not None:
                origin = await self._start(ORIGIN, source[0], "--fresh-s", str(FRESH_S))
                self.origin = EdgeServer(origin, (await origin.hear())["port"])
                source = [self.origin.url, "--cache-bytes", str(self._cache_bytes)]
            started = [await self._start(name, *source) for name in self._names]
            for child in started:
                ready = await child.hear()
                self._servers[child.name] = EdgeServer(child, ready["port"])
        except BaseException:
            await self._kill_all()
            raise
        return self

    async def announce(
        self,
        hosts: Sequence[Host],
        *,
        titles: Sequence[str] = (),
        license_url: str = "",
        steering_url: str = "",
    ) -> None:
        """Let every running server, or their origin, write manifests for these hosts.

        Args:
            hosts: (name, URL of the folder of titles there, ending in a slash).
            titles: Folders whose manifests are written before this returns, so that the
                first request does not wait for it.
            license_url: The licence service's root, ending in a slash; "" without one.
            steering_url: Of the steering manifest; "" without one.
        """
        for server in self if self.origin is None else [self.origin]:
            if server.running:
                await server.announce(
                    hosts, titles=titles, license_url=license_url, steering_url=steering_url
                )

    async def inject(self, script: FaultScript) -> None:
        """Perform these faults on all of them from now on; each fault says of which host."""
        for server in self:
            if server.running:
                await server.inject(script)

    async def _start(self, name: str, *arguments: str) -> Child:
        child = await Child.start(name, "netplay.edge.serve", *arguments, "--name", name)
        self._children.append(child)
        return child

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._kill_all()

    async def _kill_all(self) -> None:
        for child in self._children:
            await child.kill()

    def __iter__(self) -> Iterator[EdgeServer]:
        return iter(self._servers.values())

    def __len__(self) -> int:
        return len(self._servers)

    def __getitem__(self, name: str) -> EdgeServer:
        return self._servers[name]
