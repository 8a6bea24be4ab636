"""What a licence service was asked and what came of it, for tests to count and to time.

No key, token or body is ever in it.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["Asked", "Journal"]

LONGEST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request.

    Attributes:
        system: "clearkey", "widevine" or "identity" (an HLS key).
        purpose: "license", "certificate", "renewal" or "key".
        asked_s: Unix time at which it had come, body included.
        answered_s: Unix time at which its answer was ready; None: it never was, because
            the client left first.
        status: Of the HTTP answer; 0 without one.
        outcome: "granted", or why not: a denial's reason, "rate_limited", a fault's kind, or
            "left" of a client that did not wait out the service's latency.
        title: The title's name, where a licence was made for one.
        kids: Key ids whose keys the answer holds.
        left_out: Key ids asked for that it does not hold, and why.
        device: The attested device's serial number in hexadecimal; "" without one.
        fault: The kind of the fault that struck; "": none did.
        persistent: An offline licence.
    """

    system: str
    purpose: str
    asked_s: float
    answered_s: float | None = None
    status: int = 0
    outcome: str = ""
    title: str = ""
    kids: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    device: str = ""
    fault: str = ""
    persistent: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        # A mapping proxy can be neither copied nor written, so asdict must not meet it.
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {"left_out": dict(self.left_out)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Asked":
        """Read a request back."""
        kept = {"kids": tuple(said["kids"]), "left_out": MappingProxyType(dict(said["left_out"]))}
        return cls(**{**said, **kept})


class Journal:
    """The last ten thousand requests, oldest first."""

    def __init__(self) -> None:
        self._asked: deque[Asked] = deque(maxlen=LONGEST)

    def add(self, asked: Asked) -> None:
        """Note a request that has ended."""
        self._asked.append(asked)

    def __iter__(self) -> Iterator[Asked]:
        return iter(tuple(self._asked))

    def __len__(self) -> int:
        return len(self._asked)
