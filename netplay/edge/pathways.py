"""Which OCA a viewer had best be sent to: by proximity, load and health.

An OCA that does not answer twice in a row is withdrawn, and comes back after it has
answered twice: one lost probe moves nobody, and one that flaps is not trusted at once. Where
all are withdrawn all are named, because the probes may be what is broken.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Pathway", "Pathways"]

BUSY_MS = 10.0
"""What an idle OCA takes for a request, a guess: the wait in its queue grows from it as in
M/M/1, so that a near OCA at 90 % load is worth as much as an idle one 90 ms further off."""
FULL = 0.99
TURNS = 2
"""Probes in a row, missed before it is withdrawn, or answered before it is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pathway:
    """One OCA that a player may be sent to.

    Attributes:
        name: serviceLocation, PATHWAY-ID.
        url: Of the folder of titles there, as viewers see it, ending in a slash.
        probe_url: Where its health is asked about; "" is its `url`.
        distance_ms: Its round trip from viewers of no region in particular.
        distances_ms: From viewers of a region.
        clone_of: A pathway that manifests name, which players are told to make this one of;
            "": manifests name it themselves.
        params: Query parameters of every URL of a clone.
    """

    name: str
    url: str
    distance_ms: float = 20.0
    distances_ms: Mapping[str, float] = field(default_factory=dict)
    clone_of: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    probe_url: str = ""

    def __post_init__(self) -> None:
        # What both specifications allow in a name: HLS is the stricter.
        if not self.name or not all(c.isascii() and (c.isalnum() or c in ".-_") for c in self.name):
            raise ValueError(f"a pathway is named in letters, digits, '.', '-', '_': {self.name!r}")
        if not self.url.endswith("/"):
            raise ValueError(f"a pathway's URL ends in a slash, not {self.url}")


@dataclass(slots=True)
class _Condition:
    load: float = 0.0
    withdrawn: bool = False
    against: int = 0
    """Probes in a row that speak against the present verdict."""


class Pathways:
    """The OCAs, and how each of them is.

    Args:
        known: In order of preference among equals.

    Raises:
        ValueError: Two have one name, or a clone is of none that is there.
    """

    def __init__(self, known: Iterable[Pathway]) -> None:
        self.known = tuple(known)
        self._conditions = {pathway.name: _Condition() for pathway in self.known}
        if not self.known or len(self._conditions) < len(self.known):
            raise ValueError("pathways are at least one, each of its own name")
        named = {pathway.name for pathway in self.known if not pathway.clone_of}
        for pathway in self.known:
            if pathway.clone_of and pathway.clone_of not in named:
                raise ValueError(f"{pathway.name} is a clone of {pathway.clone_of}, which is none")

    def heard(self, name: str, load: float) -> None:
        """Take note that an OCA answered a probe; a load of 1 is all that it can bear."""
        condition = self._conditions[name]
        condition.load = min(max(load, 0.0), FULL)
        self._turn(condition, against=condition.withdrawn)

    def missed(self, name: str) -> None:
        """Take note that an OCA did not answer, or not well."""
        condition = self._conditions[name]
        self._turn(condition, against=not condition.withdrawn)

    def _turn(self, condition: _Condition, *, against: bool) -> None:
        condition.against = condition.against + 1 if against else 0
        if condition.against >= TURNS:
            condition.withdrawn = not condition.withdrawn
            condition.against = 0

    def is_withdrawn(self, name: str) -> bool:
        """Return whether nobody is sent to an OCA now."""
        return self._conditions[name].withdrawn

    def ranked(self, region: str = "") -> tuple[Pathway, ...]:
        """Return the OCAs that are not withdrawn, best first for viewers of a region."""
        well = [p for p in self.known if not self._conditions[p.name].withdrawn]
        return tuple(sorted(well or self.known, key=lambda pathway: self._cost(pathway, region)))

    def _cost(self, pathway: Pathway, region: str) -> float:
        load = self._conditions[pathway.name].load
        distance_ms = pathway.distances_ms.get(region, pathway.distance_ms)
        return distance_ms + BUSY_MS * load / (1 - load)
