"""A title, its servers and the link to them, in one call: what demo, benchmarks and tests use.

The manifests name the servers oca-1, oca-2, … where the link listens for them, so whatever
plays them goes through the link with every byte, the manifest's own included.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from netplay.edge.director import Director
from netplay.edge.faults.script import FaultScript
from netplay.edge.license.server import LicenseServer
from netplay.edge.link import LinkSpec
from netplay.edge.pathways import Pathway
from netplay.edge.relay import LOOPBACK, Relay, RelayProcess
from netplay.edge.servers import EdgeServers
from netplay.edge.steering import STEERING_PATH
from netplay.edge.title import Host

__all__ = ["Testbed"]


class Testbed:
    """A running title: `async with Testbed(cached_title(TINY), link=link) as bed`.

    Works under asyncio and trio; leaving the block ends every process.

    Args:
        title_folder: A packaged title, as `cached_title` returns it.
        oca_count: How many edge servers.
        link: The viewer's access; None is loopback as it is.
        link_in_process: Run the relay in this interpreter and not in a process of its own;
            starts faster, measures worse.
        licenses: A licence service that has not been started: it runs as long as the
            testbed, and the viewer's link carries its answers too. Its root takes the place
            of "{license}" in a protected title's manifests.
        faults: What the servers do wrong, from the moment the block is entered.
        cache_bytes: See `EdgeServers`.
        steering_ttl_s: Run a playback and a steering service too, whose players ask again
            after so long, and let the manifests name the latter. The servers are the nearer
            the earlier they come. None: neither runs.

    Attributes:
        servers: By name, e.g. `bed.servers["oca-1"]`.
        hosts: (name, URL of the title there) in order, as the manifests name them.
        relay: The link, or None.
        licenses: The licence service, or None.
        license_url: Where the viewer finds it, with the slash at the end; "" without one.
        director: The playback and steering services, or None.
        director_url: Where the viewer finds them, with the slash at the end; "" without.
    """

    __test__ = False
    """Not a test case, whatever pytest thinks of the name."""

    def __init__(
        self,
        title_folder: Path,
        *,
        oca_count: int = 3,
        link: LinkSpec | None = None,
        link_in_process: bool = False,
        licenses: LicenseServer | None = None,
        faults: FaultScript | None = None,
        cache_bytes: int | None = None,
        steering_ttl_s: int | None = None,
    ) -> None:
        self.servers = EdgeServers(title_folder.parent, count=oca_count, cache_bytes=cache_bytes)
        self.hosts: tuple[Host, ...] = ()
        self.relay: Relay | RelayProcess | None = None
        self.licenses = licenses
        self.license_url = ""
        self.director: Director | None = None
        self.director_url = ""
        if steering_ttl_s is not None:
            self.director = Director(title_folder.parent, ttl_s=steering_ttl_s)
        self._name = title_folder.name
        self._link = link
        self._link_in_process = link_in_process
        self._faults = faults

    async def __aenter__(self) -> "Testbed":
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.servers)
            roots = [(server.name, server.url) for server in self.servers]
            upstreams = {server.name: (LOOPBACK, server.port) for server in self.servers}
            if self.licenses is not None:
                await stack.enter_async_context(self.licenses)
                self.license_url = self.licenses.url
                upstreams[self.licenses.name] = (LOOPBACK, self.licenses.port)
            if self.director is not None:
                await stack.enter_async_context(self.director)
                self.director_url = self.director.url
                upstreams[self.director.name] = (LOOPBACK, self.director.port)
            if self._link is not None:
                relay: Relay | RelayProcess = RelayProcess(self._link, upstreams)
                if self._link_in_process:
                    relay = Relay(self._link, upstreams)
                self.relay = await stack.enter_async_context(relay)
                roots = [(server.name, relay.url(server.name)) for server in self.servers]
                if self.licenses is not None:
                    self.license_url = relay.url(self.licenses.name)
                if self.director is not None:
                    self.director_url = relay.url(self.director.name)
            await self._announce(roots)
            self.hosts = tuple((name, f"{root}{self._name}/") for name, root in roots)
            if self._faults is not None:
                await self.servers.inject(self._faults)
                if self.director is not None:
                    await self.director.inject(self._faults)
            self._stack = stack.pop_all()
        return self

    async def _announce(self, roots: Sequence[Host]) -> None:
        """Tell servers and services who is where, as viewers see it."""
        steering_url = ""
        if self.director is not None:
            steering_url = self.director_url + STEERING_PATH[1:]
            pathways = [
                Pathway(
                    name=name, url=url, probe_url=self.servers[name].url, distance_ms=10 * place
                )
                for place, (name, url) in enumerate(roots)
            ]
            await self.director.direct(
                pathways, license_url=self.license_url, steering_url=steering_url
            )
        await self.servers.announce(
            roots,
            titles=[self._name],
            license_url=self.license_url,
            steering_url=steering_url,
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def url(self, path: str) -> str:
        """Return where the viewer finds a file of the title, on the first server."""
        return self.hosts[0][1] + path

    @property
    def mpd_url(self) -> str:
        """The DASH manifest; `url("timeline.mpd")` and the like are the same title."""
        return self.url("manifest.mpd")

    @property
    def hls_url(self) -> str:
        """The HLS multivariant playlist; `url("ts.m3u8")` and the like are the same title."""
        return self.url("master.m3u8")

    async def stop(self, name: str) -> None:
        """Kill one server and lose whatever it is sending; its connections are reset.

        The licence service has a name of its own, "license"; that of the playback and
        steering services is "director".
        """
        if self.licenses is not None and name == self.licenses.name:
            await self.licenses.stop()
        elif self.director is not None and name == self.director.name:
            await self.director.stop()
        else:
            await self.servers[name].stop()
        if self.relay is not None:
            await self.relay.cut(name)

    async def shape(self, link: LinkSpec) -> None:
        """Become another link from now on.

        Raises:
            ValueError: The testbed was made without one.
        """
        if self.relay is None:
            raise ValueError("a testbed without a link cannot get another")
        await self.relay.shape(link)

    async def requests(self) -> dict[str, dict[str, int]]:
        """Return how often each path was asked for, at every server that still runs."""
        return {s.name: await s.requests() for s in self.servers if s.running}
