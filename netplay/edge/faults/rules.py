"""One way to misbehave, when, and towards which requests.

A fault strikes every request that it matches. Whether one of a share of them is struck is
decided by a digest of the seed, the fault's place in its script, the host, the path and how
often the host was asked for it: so the order in which other requests come changes nothing.
"""

import math
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any, Literal, get_args

__all__ = ["OF_THE_HOST", "Fault", "FaultError", "FaultKind"]

FaultKind = Literal[
    "refuse", "slow_tls", "reset", "hang", "drip", "delay", "status", "redirect",
    "truncate", "lengthen", "corrupt", "wrong_range", "clock_skew",
]  # fmt: skip
"""refuse: nobody listens, and every connection is cut.
slow_tls: the TLS handshake is answered `delay_s` late.
reset: at `at_byte`, or in place of the head, the connection is reset.
hang: at `at_byte`, or in place of the head, nothing more comes; the connection stays.
drip: from `at_byte` on, or from the first byte, `bytes_per_s` come.
delay: the head comes `delay_s` late.
status: `status` in place of the answer, with Retry-After where `retry_after_s` says so.
redirect: `status` (302) to `location`.
truncate: the body ends at `at_byte`.
lengthen: `count` bytes more than the body follow it.
corrupt: `count` bytes from `at_byte` on are others; lengths and digests stay.
wrong_range: a range other than the one asked for; see `range`.
clock_skew: the Date header is `skew_s` ahead.

Bytes are counted from the start of the answer's body."""

RangeFault = Literal["shifted", "whole", "lied"]
"""shifted: `count` bytes later, and says so. whole: everything, as 200. lied: `count` bytes
later, under the Content-Range that was asked for."""
Length = Literal["true", "sent"]
"""What Content-Length says: of the true body, or of what is sent."""

OF_THE_HOST = frozenset({"refuse", "slow_tls"})
"""Strike before a request is made, so they know no path."""

TAKES: dict[str, frozenset[str]] = {
    "refuse": frozenset(),
    "slow_tls": frozenset({"delay_s"}),
    "reset": frozenset({"at_byte"}),
    "hang": frozenset({"at_byte"}),
    "drip": frozenset({"at_byte", "bytes_per_s"}),
    "delay": frozenset({"delay_s"}),
    "status": frozenset({"status", "retry_after_s"}),
    "redirect": frozenset({"status", "location"}),
    "truncate": frozenset({"at_byte", "length"}),
    "lengthen": frozenset({"count", "length"}),
    "corrupt": frozenset({"at_byte", "count"}),
    "wrong_range": frozenset({"range", "count"}),
    "clock_skew": frozenset({"skew_s"}),
}
NEEDS: dict[str, frozenset[str]] = {
    "slow_tls": frozenset({"delay_s"}),
    "drip": frozenset({"bytes_per_s"}),
    "delay": frozenset({"delay_s"}),
    "status": frozenset({"status"}),
    "redirect": frozenset({"location"}),
    "truncate": frozenset({"at_byte"}),
    "clock_skew": frozenset({"skew_s"}),
}
EVERYWHERE = frozenset({"kind", "host", "from_s", "until_s"})
OF_REQUESTS = frozenset({"path", "rate", "after", "times"})
NUMBERS: dict[str, tuple[float, float]] = {
    "rate": (0, 1),
    "from_s": (0, math.inf),
    "until_s": (0, math.inf),
    "after": (0, 2**53),
    "times": (1, 2**53),
    "at_byte": (0, 2**53),
    "count": (1, 2**20),
    "bytes_per_s": (1, math.inf),
    "delay_s": (0, 86_400),
    "status": (200, 599),
    "retry_after_s": (0, 2**31),
    "skew_s": (-(2**31), 2**31),
}
WHOLE = frozenset({"after", "times", "at_byte", "count", "status", "retry_after_s"})


class FaultError(ValueError):
    """A fault that cannot be.

    Attributes:
        key: Which of its keys is wrong.
    """

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to misbehave. None: not said; the kind's own default.

    Attributes:
        kind: See `FaultKind`.
        host: Which servers, by name; `*` and `?` stand for anything and any one character.
        path: Which paths, likewise, with the slash in front and without the query.
        rate: The share of those requests, 0 to 1.
        from_s: When it begins, in seconds since the script was started.
        until_s: When it has ended; infinity is never.
        after: How many requests that match are spared first.
        times: How many are struck; None: all.

    Raises:
        FaultError: A value is impossible, or the kind has no use for it.
    """

    kind: FaultKind
    host: str = "*"
    path: str = "*"
    rate: float = 1.0
    from_s: float = 0.0
    until_s: float = math.inf
    after: int = 0
    times: int | None = None
    at_byte: int | None = None
    count: int | None = None
    bytes_per_s: float | None = None
    delay_s: float | None = None
    status: int | None = None
    retry_after_s: int | None = None
    location: str | None = None
    range: RangeFault | None = None
    length: Length | None = None
    skew_s: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            kinds = ", ".join(get_args(FaultKind))
            raise FaultError("kind", f"no fault {self.kind!r}; there are {kinds}")
        stated = self.to_json()
        takes = TAKES[self.kind] | EVERYWHERE
        takes |= frozenset() if self.kind in OF_THE_HOST else OF_REQUESTS
        for key in stated:
            if key not in takes:
                raise FaultError(key, f"{self.kind} has no {key}")
            self._check(key, stated[key])
        for key in sorted(NEEDS.get(self.kind, frozenset()) - stated.keys()):
            raise FaultError("kind", f"{self.kind} needs {key}")
        if self.until_s <= self.from_s:
            raise FaultError("until_s", "until_s comes after from_s")

    def _check(self, key: str, value: object) -> None:
        if key in NUMBERS:
            low, high = NUMBERS[key]
            kinds = int if key in WHOLE else (int, float)
            # A bool is an int, and NaN is in no interval.
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                number = "a whole number" if key in WHOLE else "a number"
                raise FaultError(key, f"{key} is {number} from {low:g} to {high:g}, not {value!r}")
        elif not isinstance(value, str) or "\n" in value or "\r" in value:
            raise FaultError(key, f"{key} is one line of text, not {value!r}")
        choices: dict[str, tuple[str, ...]] = {
            "range": get_args(RangeFault),
            "length": get_args(Length),
        }
        if key in choices and value not in choices[key]:
            raise FaultError(key, f"{key} is one of {', '.join(choices[key])}, not {value!r}")
        if key == "status" and self.kind == "redirect" and value not in (301, 302, 303, 307, 308):
            raise FaultError(key, f"{value} is no redirect")
        if key == "location" and not (isinstance(value, str) and value.isascii()):
            raise FaultError(key, "location is a URL, which is ASCII")

    def is_open(self, elapsed_s: float) -> bool:
        """Return whether its time window holds a moment since the start."""
        return self.from_s <= elapsed_s < self.until_s

    def is_about(self, host: str, path: str | None = None) -> bool:
        """Return whether it strikes a host, and requests for a path there."""
        about = path is None or fnmatchcase(path, self.path)
        return about and fnmatchcase(host, self.host)

    def draws(self, seed: int, number: int, host: str, path: str, nth: int) -> bool:
        """Return whether a request is of the share that is struck.

        Args:
            seed: Of the script.
            number: The fault's place in it, from 0.
            host: Who was asked.
            path: For what.
            nth: How often that host was asked for that path, this time included.
        """
        said = f"{seed}\n{number}\n{host}\n{path}\n{nth}".encode("utf-8", "surrogatepass")
        drawn = int.from_bytes(sha256(said).digest()[:7], "big")
        return drawn < self.rate * 2**56

    def to_json(self) -> dict[str, Any]:
        """Return what `Fault(**…)` takes, without what is as it is unless said."""
        usual = {field.name: field.default for field in fields(self)}
        return {
            name: value
            for name, value in asdict(self).items()
            if name == "kind" or type(value) is not type(usual[name]) or value != usual[name]
        }
