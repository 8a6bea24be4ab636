"""A licence service in a process of its own, beside the edge servers of a title."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from netplay.edge.child import Child
from netplay.edge.license.faults import Fault
from netplay.edge.license.journal import Asked
from netplay.edge.license.policy import ServicePolicy
from netplay.edge.license.wording import policy_to_json

if TYPE_CHECKING:
    from netplay.edge.license.authority import ServiceIdentity

__all__ = ["LicenseServer"]

LOOPBACK = "127.0.0.1"


class LicenseServer:
    """A running licence service: `async with LicenseServer(policy) as licenses`.

    Works under asyncio and trio; leaving the block ends the process.

    Args:
        policy: What it goes by.
        identity: Its Widevine identity, from an `Authority`; None: no Widevine there.

    Attributes:
        name: "license".
        port: Where it listens on loopback, once it runs.
        running: False before it runs, and once it was stopped.
    """

    name = "license"

    def __init__(self, policy: ServicePolicy, *, identity: ServiceIdentity | None = None) -> None:
        self.port = 0
        self.running = False
        self._policy = policy
        self._identity = identity
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Its root, with the slash at the end; see `service` for the paths."""
        return f"http://{LOOPBACK}:{self.port}/"

    @property
    def pid(self) -> int:
        """Its process id, while it runs."""
        return self._running.pid

    async def apply(self, policy: ServicePolicy) -> None:
        """Go by another policy from the next request on."""
        await self._running.ask({"policy": policy_to_json(policy)})
        self._policy = policy

    async def fail(self, *faults: Fault) -> None:
        """Let these strike too, after those that wait already."""
        await self._running.ask({"faults": [fault.to_json() for fault in faults]})

    async def heal(self) -> None:
        """Let no fault strike any more."""
        await self._running.ask({"heal": True})

    async def asked(self) -> tuple[Asked, ...]:
        """Return every request that has ended, oldest first."""
        heard = await self._running.ask({"asked": True})
        return tuple(Asked.from_json(each) for each in heard["asked"])

    async def stop(self) -> None:
        """Kill it, in the middle of whatever it is sending."""
        self.running = False
        await self._running.kill()

    @property
    def _running(self) -> Child:
        assert self._child is not None, "a licence server runs inside its block"
        return self._child

    async def __aenter__(self) -> LicenseServer:
        self._child = await Child.start(self.name, "netplay.edge.license.serve")
        try:
            self.port = (await self._child.hear())["port"]
            message: dict[str, object] = {"policy": policy_to_json(self._policy)}
            if self._identity is not None:
                message["identity"] = self._identity.to_json()
            await self._child.ask(message)
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
