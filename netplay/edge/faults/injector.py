"""Performs a script: says of each request which faults strike it, and keeps count.

Time and the order of requests are all that it knows of the world, so the same script, the
same moments and the same requests give the same faults.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from netplay.edge.faults.rules import OF_THE_HOST, Fault
from netplay.edge.faults.script import FaultScript

__all__ = ["Injector"]


class Injector:
    """The faults of one server, or of several that share their script and counts.

    Args:
        clock: Returns seconds that never go back; the script starts when it is made.

    Attributes:
        script: What is performed.
        watchers: Called whenever that has become another; one for each server.
    """

    def __init__(self, script: FaultScript | None = None, *, clock: Callable[[], float]) -> None:
        self.watchers: list[Callable[[], None]] = []
        self._clock = clock
        self.start(script or FaultScript())

    def start(self, script: FaultScript) -> None:
        """Perform a script from its beginning: time, counts and all."""
        self.script = script
        self._began_s = self._clock()
        self._asked: Counter[tuple[str, str]] = Counter()
        self._matched: Counter[int] = Counter()
        self._struck: Counter[int] = Counter()
        self._tell()

    def add(self, faults: Iterable[Fault]) -> None:
        """Perform these too; time and counts go on."""
        self.script = FaultScript((*self.script.faults, *faults), self.script.seed)
        self._tell()

    def _tell(self) -> None:
        for watcher in self.watchers:
            watcher()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the script was started."""
        return self._clock() - self._began_s

    def strike(self, host: str, path: str) -> tuple[Fault, ...]:
        """Count a request, and return the faults that strike it, in the script's order."""
        self._asked[host, path] += 1
        nth, elapsed_s = self._asked[host, path], self.elapsed_s
        struck = []
        for number, fault in enumerate(self.script.faults):
            if fault.kind in OF_THE_HOST or not fault.is_open(elapsed_s):
                continue
            if not fault.is_about(host, path):
                continue
            if not fault.draws(self.script.seed, number, host, path, nth):
                continue
            self._matched[number] += 1
            if self._matched[number] <= fault.after:
                continue
            if fault.times is not None and self._struck[number] >= fault.times:
                continue
            self._struck[number] += 1
            struck.append(fault)
        return tuple(struck)

    def refuses(self, host: str) -> bool:
        """Return whether nobody should listen there now."""
        return any(fault.kind == "refuse" for fault in self._open(host))

    def tls_delay_s(self, host: str) -> float:
        """Return how late a TLS handshake that starts now is answered."""
        return sum(fault.delay_s or 0 for fault in self._open(host) if fault.kind == "slow_tls")

    def _open(self, host: str) -> list[Fault]:
        elapsed_s = self.elapsed_s
        faults = self.script.faults
        return [fault for fault in faults if fault.is_about(host) and fault.is_open(elapsed_s)]

    def next_edge_s(self, host: str) -> float | None:
        """Return in how many seconds `refuses` may change; None: not by itself."""
        elapsed_s = self.elapsed_s
        refusals = [f for f in self.script.faults if f.kind == "refuse" and f.is_about(host)]
        edges_s = [edge_s for fault in refusals for edge_s in (fault.from_s, fault.until_s)]
        ahead_s = [e - elapsed_s for e in edges_s if elapsed_s < e < float("inf")]
        return min(ahead_s, default=None)

    def to_json(self) -> dict[str, Any]:
        """Return the script, how long it has run, and how often each fault struck."""
        struck = [self._struck[number] for number in range(len(self.script.faults))]
        return self.script.to_json() | {"elapsed_s": self.elapsed_s, "struck": struck}
