"""Common Media Server Data: what servers say of themselves in response headers.

CMSD-Static comes from the origin and holds for every copy of the object; CMSD-Dynamic is a
list to which each server on the way appends what it knows of the next hop, so the last
member is about the hop that ends here. Everything is data: nothing acts on it.

Source: CTA-5006.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netplay.telemetry.structured import (
    Bare,
    FieldError,
    Item,
    Member,
    Token,
    parse_dictionary,
    parse_list,
)

__all__ = ["Cmsd", "CmsdDynamic", "CmsdError", "CmsdHosts", "CmsdStatic", "read_cmsd"]

MOST_CHARS = 4096
"""Of either header. A path of ten servers, each with all keys, takes under 1,000."""

MOST_KBPS = 10**9

MOST_HOSTS = 64
"""Of the least recent nothing is kept."""


class CmsdError(ValueError):
    """A header is no CMSD, or larger than is read.

    Attributes:
        header: "CMSD-Static" or "CMSD-Dynamic".
        detail: What is wrong, and where.
    """

    def __init__(self, header: str, detail: str) -> None:
        self.header = header
        self.detail = detail
        super().__init__(f"{header}: {detail}")


@dataclass(frozen=True, slots=True)
class CmsdStatic:
    """What the origin says of an object; None, "" or False where it does not.

    Attributes:
        available_utc_us: When its first byte was there (at).
        bitrate_bps: Encoded (br).
        duration_us: Of playback (d).
        held_us: How long the origin held the response back (ht).
        server: Who wrote it (n).
        next_object: Where the next object is, as written (nor).
        next_range: Its range (nrr).
        object_type: As in CMCD (ot).
        format: "d", "h", "s" or "o" (sf).
        stream: "v" or "l" (st).
        startup: It belongs to the start of playback (su).
        version: Of the specification (v).
        others: Keys of somebody's own.
    """

    available_utc_us: int | None = None
    bitrate_bps: int | None = None
    duration_us: int | None = None
    held_us: int | None = None
    server: str = ""
    next_object: str = ""
    next_range: str = ""
    object_type: str = ""
    format: str = ""
    stream: str = ""
    startup: bool = False
    version: int = 1
    others: Mapping[str, Bare] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CmsdDynamic:
    """What one server says of itself and of the hop behind it.

    Attributes:
        server: Who it is.
        throughput_bps: To the next hop, as it estimates it (etp).
        max_bitrate_bps: Highest rung that players should play (mb).
        response_delay_us: From the request to the body's first byte being there (rd); an
            estimate of the link leaves it out.
        rtt_us: Round trip to the next hop (rtt).
        duress: It wants players to go elsewhere (du).
        others: Keys of somebody's own.
    """

    server: str
    throughput_bps: int | None = None
    max_bitrate_bps: int | None = None
    response_delay_us: int | None = None
    rtt_us: int | None = None
    duress: bool = False
    others: Mapping[str, Bare] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cmsd:
    """Both headers of one response.

    Attributes:
        static: None if there is no such header.
        path: From the origin to the server that answered.
    """

    static: CmsdStatic | None = None
    path: tuple[CmsdDynamic, ...] = ()

    @property
    def nearest(self) -> CmsdDynamic | None:
        """The server that answered: its figures are about the way to here."""
        return self.path[-1] if self.path else None

    @property
    def max_bitrate_bps(self) -> int | None:
        """The lowest of the bitrates that servers on the way suggest; None: none does."""
        limits = [one.max_bitrate_bps for one in self.path if one.max_bitrate_bps is not None]
        return min(limits, default=None)

    @property
    def duress(self) -> bool:
        """Whether the server that answered is under duress."""
        return self.nearest is not None and self.nearest.duress


class CmsdHosts:
    """Keeps what each host said last, for whoever asks; what cannot be read is counted.

    Attributes:
        refused: Responses whose headers were no CMSD.
    """

    def __init__(self) -> None:
        self.refused = 0
        self._said: dict[str, Cmsd] = {}

    def note(self, host: str, headers: Mapping[str, str]) -> Cmsd | None:
        """Take in the headers of a response; return what they say, None if nothing. Never raises.

        Args:
            host: Who answered.
            headers: As `read_cmsd` takes them.
        """
        if "cmsd-static" not in headers and "cmsd-dynamic" not in headers:
            return None
        try:
            said = read_cmsd(headers)
        except CmsdError:
            self.refused += 1
            return None
        self._said.pop(host, None)
        while len(self._said) >= MOST_HOSTS:
            self._said.pop(next(iter(self._said)))
        self._said[host] = said
        return said

    def of(self, host: str) -> Cmsd:
        """Return what a host said last; nothing if it said nothing."""
        return self._said.get(host, Cmsd())


def read_cmsd(headers: Mapping[str, str]) -> Cmsd:
    """Return what the headers of a response say; keys of a wrong type are left out.

    Args:
        headers: By lower-case name; where one came twice, both with a comma between.

    Raises:
        CmsdError: A header is not a structured field, or too large.
    """
    static, dynamic = headers.get("cmsd-static"), headers.get("cmsd-dynamic")
    try:
        told = None if static is None else _static(parse_dictionary(static, most_chars=MOST_CHARS))
    except FieldError as error:
        raise CmsdError("CMSD-Static", str(error)) from error
    try:
        path = () if dynamic is None else _path(parse_list(dynamic, most_chars=MOST_CHARS))
    except FieldError as error:
        raise CmsdError("CMSD-Dynamic", str(error)) from error
    return Cmsd(told, path)


def _static(members: Mapping[str, Member]) -> CmsdStatic:
    values = {key: one.value for key, one in members.items() if isinstance(one, Item)}
    return CmsdStatic(
        available_utc_us=_scaled(values.get("at")),
        bitrate_bps=_scaled(values.get("br")),
        duration_us=_scaled(values.get("d")),
        held_us=_scaled(values.get("ht")),
        server=_text(values.get("n")),
        next_object=_text(values.get("nor")),
        next_range=_text(values.get("nrr")),
        object_type=_word(values.get("ot")),
        format=_word(values.get("sf")),
        stream=_word(values.get("st")),
        startup=values.get("su") is True,
        version=_whole(values.get("v")) or 1,
        others=_others(values),
    )


def _path(members: list[Member]) -> tuple[CmsdDynamic, ...]:
    return tuple(_hop(one) for one in members if isinstance(one, Item))


def _hop(item: Item) -> CmsdDynamic:
    values = item.params
    return CmsdDynamic(
        server=item.value if isinstance(item.value, str) else "",
        throughput_bps=_scaled(values.get("etp"), most=MOST_KBPS),
        max_bitrate_bps=_scaled(values.get("mb"), most=MOST_KBPS),
        response_delay_us=_scaled(values.get("rd")),
        rtt_us=_scaled(values.get("rtt")),
        duress=values.get("du") is True,
        others=_others(values),
    )


def _scaled(value: Bare | None, *, most: int = 10**15) -> int | None:
    """Return kbit/s as bit/s, or milliseconds as microseconds; None if it is no such figure."""
    whole = _whole(value)
    return whole * 1000 if whole is not None and whole <= most else None


def _whole(value: Bare | None) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _text(value: Bare | None) -> str:
    return value if isinstance(value, str) and not isinstance(value, Token) else ""


def _word(value: Bare | None) -> str:
    return str(value) if isinstance(value, Token) else ""


def _others(values: Mapping[str, Bare]) -> dict[str, Bare]:
    return {key: value for key, value in values.items() if "-" in key}
