"""What is put on the wire, and how faults change it: values in, values out.

A `Sending` is everything there is to say about one answer on its connection: when, what,
how fast, and how it ends. The server performs it and decides nothing.
"""

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal

from netplay.edge.exchange import Answer, Body, FilePart, cut, said, size_of
from netplay.edge.faults.rules import Fault

__all__ = ["Ending", "Sending", "spoiled"]

Ending = Literal["next", "close", "cut", "reset", "hang"]
"""After the last byte: the next request, the end that the head spoke of, an end of which it
did not speak, a reset, or silence until the client goes."""


@dataclass(frozen=True, slots=True)
class Sending:
    """One answer on its way.

    Attributes:
        delay_s: Before the head.
        silent: Not even the head is sent.
        drips: From which byte of the body on how many come a second; None: all at once.
        skew_s: How far the Date header is ahead.
    """

    answer: Answer
    ending: Ending = "next"
    delay_s: float = 0.0
    silent: bool = False
    drips: tuple[int, float] | None = None
    skew_s: float = 0.0

    @property
    def length(self) -> int:
        """What Content-Length says."""
        stated = self.answer.length
        return size_of(self.answer.body) if stated is None else stated


def spoiled(sending: Sending, fault: Fault) -> Sending:
    """Return what a fault makes of an answer.

    Raises:
        OSError: A file that is to be sent otherwise cannot be read.
    """
    answer = sending.answer
    match fault.kind:
        case "delay":
            return replace(sending, delay_s=sending.delay_s + (fault.delay_s or 0))
        case "clock_skew":
            return replace(sending, skew_s=sending.skew_s + (fault.skew_s or 0))
        case "drip":
            return replace(sending, drips=(fault.at_byte or 0, fault.bytes_per_s or 1))
        case "reset" | "hang":
            return _stopped(sending, fault.at_byte, fault.kind)
        case "status" | "redirect":
            return replace(sending, answer=_refusal(fault))
        case "truncate":
            return _truncated(sending, fault)
        case "lengthen":
            return _lengthened(sending, fault)
        case "corrupt":
            changed = _corrupted(answer.body, fault.at_byte or 0, fault.count or 1)
            return replace(sending, answer=replace(answer, body=changed))
        case "wrong_range":
            return replace(sending, answer=_elsewhere(answer, fault))
        case "refuse" | "slow_tls":
            raise AssertionError(f"{fault.kind} strikes before there is a request")


def _stopped(sending: Sending, at_byte: int | None, ending: Ending) -> Sending:
    if at_byte is None:
        return replace(sending, silent=True, ending=ending)
    answer = sending.answer
    if at_byte >= size_of(answer.body):
        return sending  # there is no such byte
    kept = replace(answer, body=cut(answer.body, 0, at_byte), length=sending.length)
    return replace(sending, answer=kept, ending=ending)


def _refusal(fault: Fault) -> Answer:
    status = fault.status or 302
    body = "" if status in (204, 304) else f"{status}, as the script says\n"
    refusal = said(status, body)
    headers = dict(refusal.headers)
    if fault.location is not None:
        headers["Location"] = fault.location
    if fault.retry_after_s is not None:
        headers["Retry-After"] = str(fault.retry_after_s)
    return replace(refusal, headers=headers)


def _truncated(sending: Sending, fault: Fault) -> Sending:
    kept = replace(sending.answer, body=cut(sending.answer.body, 0, fault.at_byte))
    if fault.length == "sent":
        return replace(sending, answer=replace(kept, length=None))
    if size_of(kept.body) == size_of(sending.answer.body):
        return sending  # it was no longer than that
    return replace(sending, answer=replace(kept, length=sending.length), ending="cut")


def _lengthened(sending: Sending, fault: Fault) -> Sending:
    answer = sending.answer
    count = fault.count or 1
    extra = sha256(b"more").digest() * (count // 32 + 1)
    longer = replace(answer, body=(*answer.body, extra[:count]))
    if fault.length == "true":
        # What follows the announced length would be read as the next answer.
        return replace(sending, answer=replace(longer, length=sending.length))
    return replace(sending, answer=replace(longer, length=sending.length + count))


def _corrupted(body: Body, start: int, count: int) -> Body:
    """Return a body of the same length in which some bytes are all others than they were."""
    parts = [piece.read() if isinstance(piece, FilePart) else piece
             for piece in cut(body, start, start + count)]  # fmt: skip
    right = b"".join(parts)
    wrong = bytes(byte ^ (sha256(b"%d" % at).digest()[0] | 1) for at, byte in enumerate(right))
    return (*cut(body, 0, start), wrong, *cut(body, start + count))


def _elsewhere(answer: Answer, fault: Fault) -> Answer:
    """Return another range than was asked for; other answers stay as they are."""
    stated = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
    if answer.status != 206 or stated is None:
        return answer
    if fault.range == "whole":
        headers = {k: v for k, v in answer.headers.items() if k not in _OF_THE_RANGE}
        return replace(answer, status=200, headers=headers, body=answer.whole, length=None)
    first, last, total = map(int, stated.groups())
    # Later where there is room, and else earlier: the same number of bytes, but others.
    room = total - 1 - last
    shift = min(fault.count or 1, room) or -min(fault.count or 1, first)
    body = cut(answer.whole, first + shift, last + 1 + shift)
    if fault.range == "lied":
        return replace(answer, body=body)
    headers = {k: v for k, v in answer.headers.items() if k != "Content-Digest"}
    headers["Content-Range"] = f"bytes {first + shift}-{last + shift}/{total}"
    return replace(answer, headers=headers, body=body)


_OF_THE_RANGE = frozenset({"Content-Range", "Content-Digest"})
