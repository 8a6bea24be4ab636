"""What a Fetcher brings, and what it says of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import pytest
from loopback import Exchange, serving
from reels import (
    SEGMENT,
    Answer,
    Answers,
    bench,
    demuxed,
    fetch,
    listed,
    listing,
    reel,
    served,
    split,
    title,
)

from netplay.core.messages import Cancel, Connect, Evict, Fetched, FetchFailed, Progressed
from netplay.io.net.http import Timeouts
from netplay.io.net.network import Limits, Network
from netplay.io.net.transport import Request
from netplay.io.source import SourceLost
from netplay.segments import ByteRange, Entry, Init

pytestmark = pytest.mark.anyio

MOVIE = reel("libx264")
INIT, MEDIA = split(MOVIE)
BOTH: Answers = {"/title/init.mp4": INIT, "/title/seg.m4s": MEDIA}


class Gated(httpx.AsyncByteStream):
    """A body whose second half waits for a gate."""

    def __init__(self, data: bytes, gate: anyio.Event) -> None:
        self._data = data
        self._gate = gate
        self.taken = anyio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        half = len(self._data) * 2 // 3
        yield self._data[:half]
        self.taken.set()
        await self._gate.wait()
        yield self._data[half:]


class Pieces(httpx.AsyncByteStream):
    """A body in pieces of a size."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self._size = size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._data), self._size):
            yield self._data[at : at + self._size]


async def failure(
    answer: Answer, *, entry: Entry = SEGMENT, limits: Limits | None = None
) -> FetchFailed:
    """Return how fetching the first segment fails, its init segment being sound."""
    transport = served({"/title/init.mp4": INIT, "/title/seg.m4s": answer})
    async with bench(Network(transport=transport, limits=limits), title(listing(entry))) as desk:
        desk.perform(fetch(1, init=True))
        await desk.end(1)
        desk.perform(fetch(2))
        ended = await desk.end(2)
        with pytest.raises(SourceLost):
            await desk.drain(2)
    assert isinstance(ended, FetchFailed)
    return ended


# What arrives.


async def test_a_segment_and_its_init_give_the_packets_that_libav_finds() -> None:
    async with bench(Network(transport=served(BOTH)), title()) as desk:
        desk.perform(fetch(1, init=True))
        desk.perform(fetch(2))
        ended = await desk.end(2)
        packets = await desk.drain(2)

    assert isinstance(ended, Fetched)
    assert (ended.bytes, ended.media_from_us, ended.media_until_us) == (len(MEDIA), 0, 2_000_000)
    assert listed(packets["video"]) == demuxed(MOVIE)["video"]


async def test_media_may_come_before_its_init_segment() -> None:
    gate = anyio.Event()
    late = httpx.Response(200, stream=Gated(INIT, gate))
    network = Network(transport=served({**BOTH, "/title/init.mp4": late}))

    async with bench(network, title()) as desk:
        desk.perform(fetch(2))
        desk.perform(fetch(1, init=True))
        await desk.until(lambda it: isinstance(it, Progressed) and it.bytes == len(MEDIA))
        gate.set()
        ended = await desk.end(2)
        packets = await desk.drain(2)

    assert isinstance(ended, Fetched)
    assert ended.media_until_us == 2_000_000
    assert listed(packets["video"]) == demuxed(MOVIE)["video"]


async def test_an_init_segment_tells_nothing_of_media_whose_answer_has_not_begun() -> None:
    gate = anyio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("seg.m4s"):
            await gate.wait()
        return httpx.Response(200, content=INIT if request.url.path.endswith("mp4") else MEDIA)

    async with bench(Network(transport=httpx.MockTransport(answer)), title()) as desk:
        desk.perform(fetch(1, init=True))
        desk.perform(fetch(2))
        await desk.end(1)
        told = [it for it in desk.events if isinstance(it, Progressed) and it.fetch_id == 2]
        gate.set()
        ended = await desk.end(2)

    assert told == []
    assert isinstance(ended, Fetched)


async def test_what_others_brought_is_told_before_a_fetch_is_said_to_be_complete() -> None:
    gate = anyio.Event()
    half = Gated(MEDIA, gate)
    held = httpx.Response(200, stream=half)

    async with bench(Network(transport=served({**BOTH, "/title/seg.m4s": held})), title()) as desk:
        desk.perform(fetch(2))
        with anyio.fail_after(5):
            await half.taken.wait()
        desk.perform(fetch(1, init=True))
        init = await desk.end(1)
        before = desk.events[: desk.events.index(init)]
        gate.set()
        await desk.end(2)

    told = [it.bytes for it in before if isinstance(it, Progressed) and it.fetch_id == 2]
    assert told == [0, len(MEDIA) * 2 // 3]


@pytest.mark.parametrize("size", [3, 100, 1460, 65_536])
async def test_pieces_of_any_size_give_the_same_packets(size: int) -> None:
    body = httpx.Response(200, stream=Pieces(MEDIA, size))

    async with bench(Network(transport=served({**BOTH, "/title/seg.m4s": body})), title()) as desk:
        desk.perform(fetch(1, init=True))
        desk.perform(fetch(2))
        await desk.end(2)
        packets = await desk.drain(2)

    assert listed(packets["video"]) == demuxed(MOVIE)["video"]


async def test_packets_can_be_taken_while_the_rest_is_on_its_way() -> None:
    gate = anyio.Event()
    slow = httpx.Response(
        200, stream=Gated(MEDIA, gate), headers={"Content-Length": str(len(MEDIA))}
    )
    network = Network(transport=served({**BOTH, "/title/seg.m4s": slow}))

    async with bench(network, title()) as desk:
        desk.perform(fetch(1, init=True))
        await desk.end(1)
        desk.perform(fetch(2))
        early = await desk.until(
            lambda it: isinstance(it, Progressed) and it.media_from_us is not None
        )
        source = desk.fetcher.source(2)
        first = (await source.packets("video", 0))[0]
        finished = source.finished
        gate.set()
        await desk.end(2)

    assert isinstance(early, Progressed)
    assert early.media_from_us == 0
    assert early.media_until_us is not None
    assert 0 < early.media_until_us < 2_000_000
    assert first.keyframe
    assert not finished


async def test_the_head_of_the_response_is_told_before_any_byte() -> None:
    async with bench(Network(transport=served(BOTH)), title()) as desk:
        desk.perform(fetch(1, init=True))
        await desk.end(1)

    first = desk.progress(1)[0]
    assert (first.bytes, first.total_bytes, first.media_from_us) == (0, len(INIT), None)
    assert first.first_byte_at_us == first.received_us


async def test_a_report_tells_what_came_since_the_last_and_only_that() -> None:
    gate = anyio.Event()
    slow = httpx.Response(200, stream=Gated(MEDIA, gate))
    network = Network(transport=served({**BOTH, "/title/seg.m4s": slow}))

    async with bench(network, title()) as desk:
        desk.perform(fetch(2))
        await desk.until(lambda it: isinstance(it, Progressed))
        await anyio.wait_all_tasks_blocked()
        before = len(desk.events)
        desk.fetcher.report()
        desk.fetcher.report()
        after = desk.events[before:]

    assert [type(it) for it in after] == [Progressed]
    assert after[0].bytes == len(MEDIA) * 2 // 3  # type: ignore[union-attr]


async def test_every_fetch_ends_once_and_says_nothing_more() -> None:
    async with bench(Network(transport=served(BOTH)), title()) as desk:
        desk.perform(fetch(1, init=True))
        desk.perform(fetch(2))
        desk.perform(fetch(3, number=0))
        for fetch_id in (1, 2, 3):
            await desk.end(fetch_id)
        desk.fetcher.report()

    ends = [it.fetch_id for it in desk.events if isinstance(it, Fetched | FetchFailed)]
    assert sorted(ends) == [1, 2, 3]
    for fetch_id in (1, 2, 3):
        mine = [it for it in desk.events if getattr(it, "fetch_id", None) == fetch_id]
        assert isinstance(mine[-1], Fetched)


async def test_a_segment_is_a_range_of_a_file() -> None:
    file = b"before" + INIT + MEDIA + b"after"
    init = Init("all.mp4", ByteRange(6, len(INIT)))
    entry = Entry("all.mp4", ByteRange(6 + len(INIT), len(MEDIA)), init)

    async with bench(
        Network(transport=served({"/title/all.mp4": file})), title(listing(entry))
    ) as desk:
        desk.perform(fetch(1, init=True))
        desk.perform(fetch(2))
        ended = await desk.end(2)

    assert isinstance(ended, Fetched)
    assert ended.bytes == len(MEDIA)


async def test_a_range_from_the_start_is_cut_out_of_an_answer_that_ignores_it() -> None:
    init = Init("all.mp4", ByteRange(0, len(INIT)))
    entry = replace(SEGMENT, init=init)
    answers: Answers = {**BOTH, "/title/all.mp4": lambda _: httpx.Response(200, content=MOVIE)}

    async with bench(Network(transport=served(answers)), title(listing(entry))) as desk:
        desk.perform(fetch(1, init=True))
        ended = await desk.end(1)

    assert isinstance(ended, Fetched)
    assert ended.bytes == len(INIT)


async def test_a_fetch_that_broke_off_is_resumed_where_it_stopped() -> None:
    half = len(MEDIA) // 2
    answers = iter(
        [httpx.Response(200, content=MEDIA[:half], headers={"Content-Length": str(len(MEDIA))})]
    )

    def answer(request: httpx.Request) -> httpx.Response:
        if "range" not in request.headers:
            return next(answers)
        assert request.headers["range"] == f"bytes={half}-"
        said = {"Content-Range": f"bytes {half}-{len(MEDIA) - 1}/{len(MEDIA)}"}
        return httpx.Response(206, content=MEDIA[half:], headers=said)

    network = Network(transport=served({**BOTH, "/title/seg.m4s": answer}))
    async with bench(network, title()) as desk:
        desk.perform(fetch(1, init=True))
        await desk.end(1)
        desk.perform(fetch(2))
        broken = await desk.end(2)
        desk.perform(fetch(3, first_byte=half, resumes=2))
        ended = await desk.end(3)
        packets = await desk.drain(3)

    assert isinstance(broken, FetchFailed)
    assert (broken.failure, broken.bytes) == ("short", half)
    assert isinstance(ended, Fetched)
    assert ended.bytes == len(MEDIA) - half
    assert listed(packets["video"]) == demuxed(MOVIE)["video"]


async def test_what_was_forgotten_cannot_be_resumed() -> None:
    async with bench(Network(transport=served(BOTH)), title()) as desk:
        desk.perform(fetch(3, first_byte=100, resumes=2))
        ended = await desk.end(3)

    assert isinstance(ended, FetchFailed)
    assert ended.failure == "range"


async def test_files_are_fetched_for_a_manifest_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "init.mp4").write_bytes(INIT)
    (tmp_path / "seg.m4s").write_bytes(MEDIA)
    local = title(url=(tmp_path / "m.mpd").as_uri())

    async with bench(Network(), local) as desk:
        desk.perform(fetch(1, init=True))
        desk.perform(fetch(2))
        ended = await desk.end(2)

    assert isinstance(ended, Fetched)
    assert ended.cached


async def test_a_request_can_be_decorated_with_what_it_is_about() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=INIT)

    def decorate(request: Request) -> Request:
        action = request.about
        said = "i" if getattr(action, "init", False) else "v"
        return replace(request, headers=(*request.headers, ("CMCD-Object", f"ot={said}")))

    network = Network(transport=httpx.MockTransport(answer), decorate=decorate)
    async with bench(network, title()) as desk:
        desk.perform(fetch(1, init=True))
        await desk.end(1)

    assert seen[0].headers["cmcd-object"] == "ot=i"
    assert seen[0].headers["accept-encoding"] == "identity"


# What does not arrive.


async def test_a_status_is_told_with_its_number() -> None:
    ended = await failure(httpx.Response(404))

    assert (ended.failure, ended.status) == ("status", 404)
    assert "404 Not Found" in ended.detail


async def test_a_server_that_asks_to_be_left_alone_is_heard() -> None:
    ended = await failure(httpx.Response(503, headers={"Retry-After": "7"}))

    assert (ended.status, ended.retry_after_us) == (503, 7_000_000)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>no</html>",
        b"\0" * 5000,
        bytes(range(256)) * 64,
        MEDIA[: len(MEDIA) - 40],
        INIT,
        b"",
        MEDIA + b"\0\0\0\x20mdat",
    ],
)
async def test_bytes_that_are_not_the_segment_are_bad_media(body: bytes) -> None:
    ended = await failure(httpx.Response(200, content=body))

    assert ended.failure == "media"
    assert ended.detail.startswith("https://edge.test/title/seg.m4s: ")


async def test_a_segment_of_another_init_segment_is_bad_media() -> None:
    _, other = split(reel("aac", "libx264"))

    ended = await failure(other)

    assert ended.failure == "media"


async def test_an_init_segment_that_is_none_is_bad_media() -> None:
    async with bench(Network(transport=served({"/title/init.mp4": MEDIA})), title()) as desk:
        desk.perform(fetch(1, init=True))
        ended = await desk.end(1)

    assert isinstance(ended, FetchFailed)
    assert ended.failure == "media"


async def test_media_that_waited_and_is_bad_fails_when_its_init_segment_comes() -> None:
    gate = anyio.Event()
    late = httpx.Response(200, stream=Gated(INIT, gate))
    answers: Answers = {"/title/init.mp4": late, "/title/seg.m4s": b"<html>" * 100}

    async with bench(Network(transport=served(answers)), title()) as desk:
        desk.perform(fetch(2))
        desk.perform(fetch(1, init=True))
        await desk.until(lambda it: isinstance(it, Progressed) and it.bytes == 600)
        gate.set()
        ended, init = await desk.end(2), await desk.end(1)

    assert isinstance(ended, FetchFailed)
    assert ended.failure == "media"
    assert isinstance(init, Fetched)


async def test_fewer_bytes_than_announced_are_short() -> None:
    body = httpx.Response(200, content=MEDIA[:100], headers={"Content-Length": "500"})

    ended = await failure(body)

    assert (ended.failure, ended.bytes) == ("short", 100)


async def test_more_bytes_than_announced_are_long() -> None:
    body = httpx.Response(200, stream=Pieces(MEDIA, 1000), headers={"Content-Length": "500"})

    ended = await failure(body)

    assert ended.failure == "long"


@pytest.mark.parametrize("announced", [True, False])
async def test_more_bytes_than_can_be_held_are_long(*, announced: bool) -> None:
    headers = {"Content-Length": str(len(MEDIA))} if announced else {}
    body = httpx.Response(200, stream=Pieces(MEDIA, 500), headers=headers)

    ended = await failure(body, limits=Limits(segment_bytes=2000))

    assert ended.failure == "long"
    assert ended.bytes <= 2000


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        ("bytes 100-199/9999", None),
        ("bytes 0-99/9999", "range"),
        ("bytes 100-299/9999", "range"),
        ("bytes 100-149/150", "short"),
        ("bytes 199-100/9999", "range"),
        ("lines 1-2/3", "range"),
        ("", "range"),
    ],
)
async def test_another_range_than_the_one_asked_for_is_refused(
    said: str, failed: str | None
) -> None:
    entry = replace(SEGMENT, byte_range=ByteRange(100, 100))
    part = httpx.Response(206, content=bytes(100), headers={"Content-Range": said})

    ended = await failure(part, entry=entry)

    assert ended.failure == (failed or "media")  # zeros are no media either


async def test_all_of_a_file_is_no_answer_to_a_range_in_its_middle() -> None:
    entry = replace(SEGMENT, byte_range=ByteRange(100, 100))

    ended = await failure(lambda _: httpx.Response(200, content=bytes(1000)), entry=entry)

    assert ended.failure == "range"


async def test_a_part_is_no_answer_to_all_of_a_file() -> None:
    part = httpx.Response(206, content=MEDIA, headers={"Content-Range": "bytes 0-9/10"})

    ended = await failure(part)

    assert ended.failure == "range"


async def test_media_in_a_content_coding_is_refused() -> None:
    coded = httpx.Response(200, stream=Pieces(MEDIA, 999), headers={"Content-Encoding": "gzip"})

    ended = await failure(coded)

    assert ended.failure == "media"
    assert "gzip" in ended.detail


async def test_a_remote_manifest_reads_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(MEDIA)

    ended = await failure(MEDIA, entry=replace(SEGMENT, uri=secret.as_uri()))

    assert ended.failure == "scheme"


async def test_a_segment_that_drips_for_ever_ends() -> None:
    async def serve(it: Exchange) -> None:
        await it.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
        while True:
            await it.send(b"\0\0")
            await anyio.sleep(0.002)

    async with serving(serve) as server:
        network = Network(timeouts=Timeouts(segment_s=0.03))
        async with bench(network, title(url=f"{server.url}/title/m.mpd")) as desk:
            desk.perform(fetch(2))
            ended = await desk.end(2)

    assert isinstance(ended, FetchFailed)
    assert ended.failure == "timeout"


# What is not wanted any more.


async def test_a_cancelled_fetch_says_nothing_and_loses_its_source() -> None:
    gate = anyio.Event()
    slow = httpx.Response(200, stream=Gated(MEDIA, gate))
    network = Network(transport=served({**BOTH, "/title/seg.m4s": slow}))

    async with bench(network, title()) as desk:
        desk.perform(fetch(1, init=True))
        await desk.end(1)
        desk.perform(fetch(2))
        await desk.until(lambda it: isinstance(it, Progressed) and it.media_from_us is not None)
        source = desk.fetcher.source(2)
        desk.perform(Cancel(fetch_id=2))
        before = len(desk.events)
        gate.set()
        await anyio.wait_all_tasks_blocked()
        taken = await source.packets("video", 0)
        with pytest.raises(SourceLost):
            await source.packets("video", len(taken))

    assert desk.events[before:] == []


async def test_a_fetch_cancelled_in_the_same_breath_is_never_sent() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=MEDIA)

    async with bench(Network(transport=httpx.MockTransport(answer)), title()) as desk:
        desk.perform(fetch(2))
        desk.perform(Cancel(fetch_id=2))
        await anyio.wait_all_tasks_blocked()

    assert (asked, desk.events) == ([], [])


async def test_what_is_evicted_is_forgotten() -> None:
    async with bench(Network(transport=served(BOTH)), title()) as desk:
        desk.perform(fetch(1, init=True))
        desk.perform(fetch(2))
        await desk.end(2)
        desk.perform(Evict((2, 99)))
        with pytest.raises(SourceLost):
            await desk.drain(2)


async def test_an_evicted_init_segment_has_to_be_fetched_again() -> None:
    async with bench(Network(transport=served(BOTH)), title()) as desk:
        desk.perform(fetch(1, init=True))
        await desk.end(1)
        desk.perform(Evict((1,)))
        desk.perform(fetch(2))
        await desk.until(lambda it: isinstance(it, Progressed) and it.bytes == len(MEDIA))
        waiting = [it for it in desk.events if isinstance(it, Fetched) and it.fetch_id == 2]
        desk.perform(fetch(3, init=True))
        ended = await desk.end(2)

    assert waiting == []
    assert isinstance(ended, Fetched)


async def test_closing_stops_everything_without_a_word() -> None:
    gate = anyio.Event()
    slow = httpx.Response(200, stream=Gated(MEDIA, gate))

    async with bench(Network(transport=served({"/title/seg.m4s": slow})), title()) as desk:
        desk.perform(fetch(2))
        await desk.until(lambda it: isinstance(it, Progressed))
        source = desk.fetcher.source(2)
        await desk.fetcher.aclose()
        before = len(desk.events)
        with pytest.raises(SourceLost):
            await source.configs()

    assert desk.events[before:] == []


async def test_a_connection_is_opened_when_the_session_asks_for_it() -> None:
    async def serve(it: Exchange) -> None:
        await it.respond(INIT)

    async with (
        serving(serve) as server,
        bench(Network(), title(url=f"{server.url}/title/m.mpd")) as desk,
    ):
        desk.perform(Connect("edge.test", "0/v"))
        await server.connected()
        desk.perform(fetch(1, init=True))
        ended = await desk.end(1)

    assert isinstance(ended, Fetched)
    assert server.connections == 1
