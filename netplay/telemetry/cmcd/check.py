"""Whether a CMCD text is one: read by the grammar, held to the specification's rules.

It shares nothing with the writer but the reader's idea of a structured field: the rules
stand here again, as the specification states them, so that each checks the other. An edge
server or a test harness can use it on what any player sends.

Source: CTA-5004 (version 1) and CTA-5004-B (version 2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from netplay.telemetry.structured import FieldError, InnerList, Item, Member, Token, parse_pairs

__all__ = ["check_event", "check_headers", "check_query", "check_request"]

_OBJECT_TYPES = frozenset(("m", "a", "v", "av", "i", "c", "tt", "k", "o"))
_TOKENS = {
    "ot": _OBJECT_TYPES,
    "sf": frozenset("dhseo"),
    "st": frozenset(("v", "l", "ll")),
    "sta": frozenset("spkrawefqd"),
    "e": frozenset(
        "abs abe ae as b bc c ce e h m pc pe pr ps rr sk t um".split()  # noqa: SIM905
    ),
}
_HEADER_OF = {
    "CMCD-Object": "ab br d lab lb ot tab tb tpb",
    "CMCD-Request": "bl cs dfa dl ltc mtp nor nrr pb sn sta su tbl",
    "CMCD-Session": "cid msd sf sid st v",
    "CMCD-Status": "bg bs bsa bsd bsda cdn ec nr pt rtp",
}
# Besides: pr, which moved from Session to Status with version 2.
_V1 = frozenset("bl br bs cid d dl mtp nor nrr ot pr rtp sf sid st su tb v".split())  # noqa: SIM905
_EVENT_ONLY = frozenset("cen cmsdd cmsds e h rc smrt ts ttfb ttfbb ttlb url".split())  # noqa: SIM905
_RESPONSE_ONLY = frozenset("cmsdd cmsds rc smrt ttfb ttfbb ttlb url".split())  # noqa: SIM905
_LISTS = frozenset(
    "ab bl br bsa bsd bsda lab lb mtp pb tab tb tbl tpb".split()  # noqa: SIM905
)
_INTEGERS = frozenset("d dfa dl ltc msd pt rc rtp sn ts ttfb ttfbb ttlb v".split())  # noqa: SIM905
_HUNDREDS = frozenset(("bl", "dl", "mtp", "rtp", "tbl"))
_FLAGS = frozenset(("bg", "bs", "nr", "su"))
_STRINGS = {"cid": 128, "sid": 64, "cdn": 128, "cen": 64, "h": 128}
_UNBOUNDED = frozenset(("nrr", "cs", "cmsdd", "cmsds", "smrt", "url"))
_NEEDS = {"ps": "sta", "e": "ec", "c": "cid", "rr": "url", "bc": "br", "pr": "pr", "ce": "cen"}
_CUSTOM = re.compile(r"[a-z][a-z0-9.]*-[a-z0-9.-]*[a-z0-9.]")
_RANGE = re.compile(r"[0-9]+-[0-9]*|-[0-9]+")


def check_request(text: str) -> list[str]:
    """Return what is wrong with the keys of one request, a sentence each; [] if nothing is."""
    return _checked(text, event=False)


def check_event(text: str) -> list[str]:
    """Return what is wrong with one line of an event report (version 2); [] if nothing is."""
    return _checked(text, event=True)


def check_query(url: str) -> list[str]:
    """Return what is wrong with the CMCD argument of a URL; [] if nothing is."""
    query = urlsplit(url).query
    found = [value for name, value in parse_qsl(query, keep_blank_values=True) if name == "CMCD"]
    if len(found) != 1:
        return [f"there are {len(found)} CMCD arguments, not one"]
    raw = next(part for part in query.split("&") if part.startswith("CMCD="))
    if not re.fullmatch(r"CMCD=(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})*", raw):
        return ["the argument is not percent-encoded"]
    return check_request(unquote(raw.removeprefix("CMCD=")))


def check_headers(fields: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the CMCD headers of a request; [] if nothing is."""
    wrong: list[str] = []
    texts: list[str] = []
    for name, text in fields.items():
        if name not in _HEADER_OF:
            wrong.append(f"there is no header {name}")
            continue
        texts.append(text)
        try:
            keys = [key for key, _ in parse_pairs(text)]
        except FieldError as error:
            return [f"{name}: {error}"]
        belong = _HEADER_OF[name].split()
        if name == ("CMCD-Status" if "v=2" in fields.get("CMCD-Session", "") else "CMCD-Session"):
            belong.append("pr")
        wrong += [f"{key} is not of {name}" for key in keys if key not in belong and "-" not in key]
        if keys != sorted(keys):
            wrong.append(f"the keys of {name} are not in order")
    members = [part for text in texts for part in [text] if part]
    return wrong + _checked(",".join(members), event=False, ordered=False)


def _checked(text: str, *, event: bool, ordered: bool = True) -> list[str]:
    if not text:
        return ["it is empty"]
    try:
        pairs = parse_pairs(text)
    except FieldError as error:
        return [str(error)]
    keys = [key for key, _ in pairs]
    wrong = [f"{key} is there twice" for key in sorted(set(keys)) if keys.count(key) > 1]
    if ordered and keys != sorted(keys):
        wrong.append("the keys are not in alphabetical order")
    values = dict(pairs)
    version = values.get("v", Item(1))
    number = version.value if isinstance(version, Item) else 0
    if number not in (1, 2):
        return [*wrong, "v is neither 1 nor 2"]
    if "v" in values and number == 1:
        wrong.append("v is left out of version 1")
    for key, member in values.items():
        wrong += [f"{key} {detail}" for detail in _of_key(key, member, second=number == 2)]
    wrong += _together(values, event=event)
    return wrong


def _of_key(key: str, member: Member, *, second: bool) -> Iterator[str]:
    if "-" in key:
        if not _CUSTOM.fullmatch(key):
            yield "is no name for a key of one's own"
        return
    if not second and key not in _V1:
        yield "is not known to version 1"
        return
    if second and key == "nrr":
        yield "is not known to version 2"
        return
    yield from _rule(key, second=second)(key, member)


def _rule(key: str, *, second: bool) -> Callable[[str, Member], Iterator[str]]:
    if key in _LISTS:
        return _numbers if second else _integer
    if key in _INTEGERS:
        return _integer
    if key in _FLAGS:
        return _flag
    if key in _TOKENS:
        return _token
    if key in _STRINGS or key in _UNBOUNDED:
        return _string
    if key == "nor":
        return _next_objects if second else _next_object
    return {"pr": _decimal, "ec": _codes}.get(key, _unknown)


def _unknown(key: str, member: Member) -> Iterator[str]:
    del key, member
    yield "is not known"


def _integer(key: str, member: Member) -> Iterator[str]:
    if not isinstance(member, Item) or type(member.value) is not int:
        yield "is no integer"
    else:
        yield from _figure(key, member.value)


def _figure(key: str, value: int) -> Iterator[str]:
    if value < 0:
        yield "is negative"
    if key in _HUNDREDS and value % 100:
        yield "is not rounded to hundreds"


def _numbers(key: str, member: Member) -> Iterator[str]:
    if not isinstance(member, InnerList) or not member.items:
        yield "is no list"
        return
    marks: list[str] = []
    for item in member.items:
        if type(item.value) is not int:
            yield "holds what is no integer"
            continue
        yield from _figure(key, item.value)
        if not item.params.keys() <= _OBJECT_TYPES or set(item.params.values()) - {True}:
            yield "is marked with what is no object type"
        marks += item.params
    if len(marks) != len(set(marks)) and key != "bsd":
        yield "says two things of one object type"


def _flag(key: str, member: Member) -> Iterator[str]:
    del key
    if not isinstance(member, Item) or member.value is not True:
        yield "is no flag, or a false one, which is left out"


def _token(key: str, member: Member) -> Iterator[str]:
    if not isinstance(member, Item) or not isinstance(member.value, Token):
        yield "is no token"
    elif member.value not in _TOKENS[key]:
        yield f"cannot be {member.value}"


def _string(key: str, member: Member) -> Iterator[str]:
    value = member.value if isinstance(member, Item) else None
    if not isinstance(value, str) or isinstance(value, Token):
        yield "is no string"
    elif not value:
        yield "is empty, so it is left out"
    elif len(value) > _STRINGS.get(key, len(value)):
        yield f"is longer than {_STRINGS[key]} characters"
    elif key == "nrr" and not _RANGE.fullmatch(value):
        yield "is no range"


def _decimal(key: str, member: Member) -> Iterator[str]:
    del key
    value = member.value if isinstance(member, Item) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield "is no number"
    elif value < 0:
        yield "is negative"


def _codes(key: str, member: Member) -> Iterator[str]:
    del key
    if not isinstance(member, InnerList) or not member.items:
        yield "is no list"
        return
    for item in member.items:
        if not isinstance(item.value, str) or isinstance(item.value, Token):
            yield "holds what is no string"


def _next_object(key: str, member: Member) -> Iterator[str]:
    yield from _string(key, member)
    if isinstance(member, Item) and isinstance(member.value, str):
        if not re.fullmatch(r"(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+", member.value):
            yield "is not percent-encoded"
        yield from _relative(unquote(member.value))


def _next_objects(key: str, member: Member) -> Iterator[str]:
    yield from _codes(key, member)
    for item in member.items if isinstance(member, InnerList) else ():
        if isinstance(item.value, str):
            yield from _relative(item.value)
        part = item.params.get("r", "0-")
        if item.params.keys() - {"r"} or not isinstance(part, str) or not _RANGE.fullmatch(part):
            yield "has a parameter that is no range"


def _relative(path: str) -> Iterator[str]:
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or path.startswith("/"):
        yield "is not relative to the request"


def _together(values: Mapping[str, Member], *, event: bool) -> Iterator[str]:
    kind = _text(values.get("e"))
    if not event:
        yield from (f"{key} is for events only" for key in sorted(_EVENT_ONLY & values.keys()))
    else:
        yield from (f"an event lacks {key}" for key in ("e", "ts", "v") if key not in values)
        if kind in _NEEDS and _NEEDS[kind] not in values:
            yield f"the event {kind} lacks {_NEEDS[kind]}"
        if kind != "rr":
            yield from (f"{key} is for rr only" for key in sorted(_RESPONSE_ONLY & values.keys()))
    object_type = _text(values.get("ot"))
    if "d" in values and object_type not in ("", "a", "v", "av", "tt", "c", "o"):
        yield f"d says nothing of an object of type {object_type}"
    rate = values.get("pr")
    if isinstance(rate, Item) and rate.value == 1 and kind != "pr":
        yield "pr is left out at real time"
    if "v" not in values and len(_text(values.get("cid"))) > 64:
        yield "cid is longer than 64 characters"


def _text(member: Member | None) -> str:
    return str(member.value) if isinstance(member, Item) and isinstance(member.value, str) else ""
