"""What was asked for, what has come of it, and how that is told: the client side of fetching."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import assert_never

from netplay.core.messages import (
    Cancel,
    Connect,
    Event,
    Evict,
    Fetch,
    Fetched,
    FetchFailed,
    Progressed,
    Resolve,
    Resolved,
    ResolveFailed,
)
from netplay.segments import Init, Segment
from netplay.sim.content import Content, Pieces
from netplay.sim.network import Answer, Network
from netplay.sim.output import Media

__all__ = ["Downloads"]


@dataclass(slots=True, eq=False)
class _Download:
    """One Fetch.

    Attributes:
        size_bytes: Of what was asked for; whole_bytes: of the resource it is the end of.
        pieces: (bytes of the resource, media they complete in microseconds), rising; none:
            it becomes decodable as a whole.
        init: The init segment that it is, or needs; None if there is none.
        told_bytes: Those that the Session has heard of.
        last_us: When its last byte came; None: it has not.
    """

    fetch: Fetch
    segment: Segment
    whole_bytes: int
    size_bytes: int
    pieces: Pieces
    init: tuple[str, Init] | None
    media: Media
    told_bytes: int = 0
    first_byte_us: int | None = None
    last_us: int | None = None


class Downloads:
    """Performs Fetch, Resolve, Cancel and Evict against a network, and tells what comes.

    Args:
        chunk_us: Media becomes decodable in pieces of this length, each told of when it is
            complete (CMAF chunks), where the content does not tell; None: whole segments.
    """

    def __init__(self, content: Content, network: Network, *, chunk_us: int | None) -> None:
        if chunk_us is not None and chunk_us <= 0:
            raise ValueError(f"a chunk lasts some time, not {chunk_us} us")
        self._content = content
        self._network = network
        self._chunk_us = chunk_us
        self._downloads: dict[int, _Download] = {}
        # None stands for a segment that does not exist.
        self._under_way: dict[int, _Download | None] = {}
        self._now_us = 0
        self._resolves: dict[int, Resolve] = {}
        self._inits: set[tuple[str, Init]] = set()

    def media(self, fetch_id: int) -> Media | None:
        """Return what a fetch has brought that can be decoded; None if it was lost."""
        download = self._downloads.get(fetch_id)
        return None if download is None else download.media

    def perform(self, action: Fetch | Resolve | Cancel | Evict | Connect) -> None:
        """Do what the Session ordered."""
        match action:
            case Fetch():
                self._fetch(action)
            case Resolve():
                self._resolve(action)
            case Cancel():
                self._cancel(action)
            case Evict(fetch_ids=fetch_ids):
                for fetch_id in fetch_ids:
                    self._downloads.pop(fetch_id, None)
            case Connect(host=host):
                self._network.connect(host)
            case _:
                assert_never(action)

    def _fetch(self, action: Fetch) -> None:
        """Ask for a segment or an init segment."""
        segment = self._content.segment(action)
        name = "init" if action.init else str(action.number)
        resource = f"{action.representation}/{name}"
        key = ("fetch", action.fetch_id)
        if segment is None:
            self._under_way[action.fetch_id] = None
            self._network.request(key, action.host, resource, size_bytes=0, missing=True)
            return
        download = self._download(action, segment)
        self._downloads[action.fetch_id] = self._under_way[action.fetch_id] = download
        self._network.request(
            key, action.host, resource, size_bytes=download.size_bytes, marks=_marks(download)
        )

    def _download(self, action: Fetch, segment: Segment) -> _Download:
        whole_bytes = self._content.fetch_bytes(action, segment)
        offset_us = segment.offset_us
        if offset_us is None:
            offset_us = -self._content.media_shift_us
        from_us = segment.start_us - offset_us
        init = segment.entry.init
        return _Download(
            fetch=action,
            segment=segment,
            whole_bytes=whole_bytes,
            size_bytes=max(0, whole_bytes - action.first_byte),
            pieces=() if action.init else self._pieces(action.representation, segment, whole_bytes),
            init=None if init is None else (action.representation, init),
            media=Media(
                from_us,
                from_us,
                is_complete=False,
                frame_us=self._content.frame_us(action.representation),
            ),
        )

    def _pieces(self, representation: str, segment: Segment, size_bytes: int) -> Pieces:
        """Return in which pieces a segment becomes decodable: as its content says, else evenly."""
        told = self._content.pieces_of(representation, segment)
        if told is not None or self._chunk_us is None:
            return told or ()
        count = -(-segment.duration_us // self._chunk_us)
        return tuple(
            (-(-size_bytes * number // count), min(number * self._chunk_us, segment.duration_us))
            for number in range(1, count + 1)
        )

    def _resolve(self, action: Resolve) -> None:
        """Ask for an index."""
        self._resolves[action.resolve_id] = action
        self._network.request(
            ("index", action.resolve_id),
            action.host,
            f"{action.representation}/index",
            size_bytes=self._content.index_bytes(action),
        )

    def _cancel(self, action: Cancel) -> None:
        """Stop a request and forget it."""
        if action.resolve_id is not None:
            if self._resolves.pop(action.resolve_id, None) is not None:
                self._network.cancel(("index", action.resolve_id))
            return
        if action.fetch_id is not None:
            self._downloads.pop(action.fetch_id, None)
            if action.fetch_id in self._under_way:
                del self._under_way[action.fetch_id]
                self._network.cancel(("fetch", action.fetch_id))

    def hear(self, answer: Answer, now_us: int) -> Iterator[Event]:
        """Yield what an answer of the network means to the Session.

        The Session may act on one event before the next is made.
        """
        self._now_us = now_us
        assert isinstance(answer.request, tuple)
        kind, number = answer.request
        if kind == "index":
            if number in self._resolves:
                yield from self._hear_index(number, answer)
        elif number in self._under_way:
            yield from self._hear_fetch(number, answer)

    def settle(self, event: Event, now_us: int) -> list[Event]:
        """Let a request have ended now, because it did elsewhere; return what that leads to.

        Args:
            event: Fetched, FetchFailed, Resolved or ResolveFailed; others end nothing.
        """
        self._now_us = now_us
        match event:
            case Fetched(fetch_id=number):
                download = self._under_way.get(number)
                if download is not None:
                    self._network.cancel(("fetch", number), keep=True)
                    return list(self._complete(download))
            case Resolved(resolve_id=number):
                if self._resolves.pop(number, None) is not None:
                    self._network.cancel(("index", number), keep=True)
            case FetchFailed(fetch_id=number):
                self._cancel(Cancel(fetch_id=number))
            case ResolveFailed(resolve_id=number):
                self._cancel(Cancel(resolve_id=number))
            case _:
                pass
        return []

    def report(self, *, anew: bool = False, besides: Collection[Hashable] = ()) -> list[Event]:
        """Return how far each fetch is that has come further since it was last told of.

        Args:
            anew: As if nothing had been told.
            besides: Requests that have ended, as answers name them: those are still to be heard.
        """
        events: list[Event] = []
        for number, download in self._under_way.items():
            if download is None or download.last_us is not None or ("fetch", number) in besides:
                continue
            came, first_us, last_us = self._network.received(("fetch", number))
            if came > (0 if anew else download.told_bytes):
                events.append(self._progressed(download, came, first_us, last_us))
        return events

    def _hear_index(self, number: int, answer: Answer) -> Iterator[Event]:
        if answer.kind == "broken":
            del self._resolves[number]
            yield ResolveFailed(
                number, answer.failure, answer.detail, answer.status, answer.retry_after_us
            )
        elif answer.kind == "complete":
            action = self._resolves.pop(number)
            index = self._content.index(action.representation)
            yield Resolved(number, index, answer.bytes, answer.first_byte_us)

    def _hear_fetch(self, number: int, answer: Answer) -> Iterator[Event]:
        download = self._under_way[number]
        if answer.kind == "broken":
            del self._under_way[number]
            self._downloads.pop(number, None)
            yield FetchFailed(
                number,
                answer.failure,
                answer.detail,
                answer.bytes,
                answer.status,
                answer.retry_after_us,
            )
            return
        assert download is not None, "what does not exist has no bytes"
        download.first_byte_us = answer.first_byte_us
        if answer.kind == "complete":
            yield from self._complete(download)
        else:
            yield self._progressed(download, answer.bytes, answer.first_byte_us, self._now_us)

    def _complete(self, download: _Download) -> Iterator[Event]:
        """Tell that a fetch is complete, or what it still lacks; and of whom it completes."""
        download.last_us = self._now_us
        if not download.fetch.init:
            yield self._whole(download)
            return
        assert download.init is not None
        self._inits.add(download.init)
        yield self._whole(download)
        for waiting in tuple(self._under_way.values()):
            # What the Session did meanwhile may have ended it.
            if waiting is None or waiting.init != download.init or waiting.fetch.init:
                continue
            number = waiting.fetch.fetch_id
            if waiting.last_us is not None and number in self._under_way:
                yield self._whole(waiting)
            elif number in self._under_way and waiting.told_bytes:
                came, first_us, last_us = self._network.received(("fetch", number))
                yield self._progressed(waiting, came, first_us, last_us)

    def _whole(self, download: _Download) -> Event:
        """Return Fetched, or Progressed as long as its init segment is not there to read it."""
        last_us = download.last_us
        assert last_us is not None
        size_bytes, first_us = download.size_bytes, download.first_byte_us
        if not self._is_readable(download):
            return self._progressed(download, size_bytes, first_us, last_us)
        number = download.fetch.fetch_id
        del self._under_way[number]
        if download.fetch.init:
            return Fetched(number, size_bytes, last_us, first_us)
        from_us, frame_us = download.media.from_us, download.media.frame_us
        until_us = from_us + download.segment.duration_us
        download.media = Media(from_us, until_us, is_complete=True, frame_us=frame_us)
        return Fetched(number, size_bytes, last_us, first_us, from_us, until_us)

    def _progressed(
        self, download: _Download, came: int, first_us: int | None, last_us: int
    ) -> Progressed:
        download.told_bytes = came
        media = download.media
        if len(download.pieces) > 1 and self._is_readable(download):
            until_bytes = download.fetch.first_byte + came
            whole = bisect_right(download.pieces, until_bytes, key=itemgetter(0))
            held_us = download.pieces[whole - 1][1] if whole else 0
            media = download.media = replace(media, until_us=media.from_us + held_us)
        known = media.until_us > media.from_us
        return Progressed(
            fetch_id=download.fetch.fetch_id,
            bytes=came,
            received_us=last_us,
            total_bytes=download.size_bytes,
            first_byte_at_us=first_us,
            media_from_us=media.from_us if known else None,
            media_until_us=media.until_us if known else None,
        )

    def _is_readable(self, download: _Download) -> bool:
        return download.fetch.init or download.init is None or download.init in self._inits


def _marks(download: _Download) -> Iterator[int]:
    """Yield how many bytes of a fetch complete each piece but the last."""
    for size_bytes, _ in download.pieces[:-1]:
        yield size_bytes - download.fetch.first_byte
