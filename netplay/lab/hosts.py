"""Who serves, from a file: each host with its own trace, distance and faults.

    {"oca-1": {"rtt_ms": 12, "faults": [{"kind": "down", "from_s": 20, "until_s": 45}]},
     "oca-2": {"rtt_ms": 30, "think_ms": 5, "trace": "oca-2.csv"}}

The first is preferred. A trace is a file beside this one, in any format of
`netplay.lab.traces`; the names of a fault are those of `netplay.sim.Fault`, its moments in
seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast, get_args

from netplay.errors import DatasetError
from netplay.lab.files import entry_line, number, parsed, text
from netplay.lab.traces import read_traces
from netplay.sim.link import Fault, FaultKind, Host
from netplay.sim.trace import Trace

__all__ = ["read_hosts"]

_MOST: Final = 1e12
_KINDS: Final = get_args(FaultKind)


def read_hosts(path: Path) -> dict[str, Host]:
    """Return the hosts of a file, by name, in its order.

    Raises:
        DatasetError: The file is none of hosts; it names the line where that host begins.
    """
    said = text(path)
    found = parsed(said, path)
    if not isinstance(found, dict) or not found:
        raise DatasetError(str(path), 1, 'no {"host": {"rtt_ms": ..., "faults": [...]}, ...}')
    hosts: dict[str, Host] = {}
    for name, one in found.items():
        try:
            hosts[name] = _host(one, path)
        except ValueError as error:
            raise DatasetError(str(path), entry_line(said, name), f"{name}: {error}") from error
    return hosts


def _host(said: object, path: Path) -> Host:
    entries = _entries(said, {"trace", "rtt_ms", "think_ms", "faults"})
    trace: Trace | None = None
    if "trace" in entries:
        trace = next(read_traces(path.parent / str(entries["trace"]))).bandwidth()
    faults = entries.get("faults", [])
    if not isinstance(faults, list):
        raise ValueError("faults is no list")  # noqa: TRY004  # of a file, not of our code
    return Host(
        trace=trace,
        rtt_us=_scaled(entries, "rtt_ms", 1_000),
        think_us=_scaled(entries, "think_ms", 1_000) or 0,
        faults=tuple(map(_fault, faults)),
    )


def _fault(said: object) -> Fault:
    given = _entries(said, {"kind", "match", *_FIELDS})
    if given.get("kind") not in _KINDS:
        raise ValueError(f"a fault's kind is one of {', '.join(_KINDS)}")
    make = cast("Callable[..., Fault]", Fault)
    numbers = {
        name: _scaled(given, key, factor)
        for key, (name, factor) in _FIELDS.items()
        if given.get(key) is not None
    }
    return make(kind=given["kind"], match=str(given.get("match", "*")), **numbers)


_FIELDS: Final = {
    "from_s": ("from_us", 1_000_000),
    "until_s": ("until_us", 1_000_000),
    "retry_after_s": ("retry_after_us", 1_000_000),
    "times": ("times", 1),
    "after_bytes": ("after_bytes", 1),
    "status": ("status", 1),
    "rate_kbps": ("rate_bps", 1_000),
}


def _entries(said: object, names: set[str]) -> Mapping[str, object]:
    if not isinstance(said, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # of a file, not of our code
    unknown = said.keys() - names
    if unknown:
        wanted = ", ".join(sorted(names))
        raise ValueError(f"{', '.join(sorted(unknown))} is unknown; there are {wanted}")
    return said


def _scaled(said: Mapping[str, object], key: str, factor: int) -> int | None:
    if said.get(key) is None:
        return None
    value = number(said[key], key)
    if value > _MOST:
        raise ValueError(f"{key} is {value:g}")
    return round(value * factor)
