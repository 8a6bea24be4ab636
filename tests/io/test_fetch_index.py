"""The document behind an index is fetched in as many steps as it takes."""

from __future__ import annotations

import struct

import httpx
import pytest
from reels import Answers, bench, fetch, reel, served, split, title

from netplay.core.messages import Cancel, Fetched, Resolve, Resolved, ResolveFailed
from netplay.io.net.network import Network
from netplay.segments import ByteRange
from netplay.timeline import Unresolved

pytestmark = pytest.mark.anyio

INIT, MEDIA = split(reel("libx264"))
PLAYLIST = b"""#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:2
#EXT-X-MAP:URI="i.mp4"
#EXTINF:2,
s.m4s
#EXT-X-ENDLIST
"""
AS_PLAYLIST = Unresolved("playlist", "v.m3u8", per_host=True)
RESOLVE = Resolve(1, "0/v", "edge.test")


def sidx(*sizes: int) -> bytes:
    """Return an index of pieces of two seconds."""
    pieces = b"".join(struct.pack(">III", size, 2, 0x9000_0000) for size in sizes)
    body = struct.pack(">IIIIIHH", 0, 1, 1, 0, 0, 0, len(sizes)) + pieces
    return struct.pack(">I4s", len(body) + 8, b"sidx") + body


async def test_a_playlist_is_fetched_and_its_segments_with_it() -> None:
    answers: Answers = {
        "/title/v.m3u8": PLAYLIST,
        "/title/i.mp4": INIT,
        "/title/s.m4s": MEDIA,
    }

    async with bench(Network(transport=served(answers)), title(AS_PLAYLIST)) as desk:
        desk.perform(RESOLVE)
        resolved = await desk.resolved(1)
        assert isinstance(resolved, Resolved)
        number = resolved.index[0].number
        desk.perform(fetch(2, init=True, number=number))
        desk.perform(fetch(3, number=number))
        ended = await desk.end(3)

    assert (len(resolved.index), resolved.bytes) == (1, len(PLAYLIST))
    assert resolved.first_byte_at_us is not None
    assert isinstance(ended, Fetched)


async def test_segments_are_relative_to_where_the_playlist_was_redirected() -> None:
    answers: Answers = {
        "/title/v.m3u8": httpx.Response(302, headers={"Location": "/moved/v.m3u8"}),
        "/moved/v.m3u8": PLAYLIST,
        "/moved/i.mp4": INIT,
    }

    async with bench(Network(transport=served(answers)), title(AS_PLAYLIST)) as desk:
        desk.perform(RESOLVE)
        resolved = await desk.resolved(1)
        assert isinstance(resolved, Resolved)
        desk.perform(fetch(2, init=True, number=resolved.index[0].number))
        ended = await desk.end(2)

    assert isinstance(ended, Fetched)


@pytest.mark.parametrize("guess", [8, 20, 4096])
@pytest.mark.parametrize("ranged", [True, False])
async def test_a_sidx_is_asked_for_again_when_more_of_it_is_needed(
    guess: int, *, ranged: bool
) -> None:
    index = sidx(len(MEDIA))
    file = INIT + index + MEDIA
    unresolved = Unresolved("sidx", "all.mp4", ByteRange(len(INIT), guess), timescale=1)
    answers: Answers = {"/title/all.mp4": file}
    if not ranged:
        answers["/title/all.mp4"] = lambda _: httpx.Response(200, content=file)

    async with bench(Network(transport=served(answers)), title(unresolved)) as desk:
        desk.perform(RESOLVE)
        resolved = await desk.resolved(1)

    assert isinstance(resolved, Resolved)
    place = resolved.index[0].entry.byte_range
    assert place == ByteRange(len(INIT) + len(index), len(MEDIA))


async def test_what_one_host_says_of_a_sidx_holds_for_all() -> None:
    file = INIT + sidx(len(MEDIA)) + MEDIA
    unresolved = Unresolved("sidx", "all.mp4", ByteRange(len(INIT), 4096), timescale=1)
    two = title(unresolved, hosts=("edge.test", "https://spare.test/title/"))

    async with bench(Network(transport=served({"/title/all.mp4": file})), two) as desk:
        desk.perform(RESOLVE)
        await desk.resolved(1)
        spare = "https://spare.test/title/"
        desk.perform(fetch(2, init=True, host=spare))
        desk.perform(fetch(3, host=spare))
        ended = await desk.end(3)

    assert isinstance(ended, Fetched)
    assert ended.bytes == len(MEDIA)


async def test_a_status_is_told_with_its_number() -> None:
    busy = httpx.Response(503, headers={"Retry-After": "2"})

    async with bench(
        Network(transport=served({"/title/v.m3u8": busy})), title(AS_PLAYLIST)
    ) as desk:
        desk.perform(RESOLVE)
        failed = await desk.resolved(1)

    assert isinstance(failed, ResolveFailed)
    assert (failed.failure, failed.status, failed.retry_after_us) == ("status", 503, 2_000_000)


@pytest.mark.parametrize("body", [b"", b"<html>", b"#EXTM3U\n#EXT-X-ENDLIST", bytes(400_000)])
async def test_a_document_that_cannot_be_read_is_a_typed_failure(body: bytes) -> None:
    async with bench(
        Network(transport=served({"/title/v.m3u8": body})), title(AS_PLAYLIST)
    ) as desk:
        desk.perform(RESOLVE)
        failed = await desk.resolved(1)

    assert isinstance(failed, ResolveFailed)
    assert failed.failure == "document"


async def test_an_index_that_leads_nowhere_is_a_typed_failure() -> None:
    unresolved = Unresolved("sidx", "all.mp4", ByteRange(0, 64), timescale=1)
    answers: Answers = {"/title/all.mp4": INIT[:200]}

    async with bench(Network(transport=served(answers)), title(unresolved)) as desk:
        desk.perform(RESOLVE)
        failed = await desk.resolved(1)

    assert isinstance(failed, ResolveFailed)
    assert failed.failure in ("document", "range", "short", "status")


async def test_a_cancelled_resolve_says_nothing() -> None:
    async with bench(
        Network(transport=served({"/title/v.m3u8": PLAYLIST})), title(AS_PLAYLIST)
    ) as desk:
        desk.perform(RESOLVE)
        desk.perform(Cancel(resolve_id=1))
        desk.perform(Resolve(2, "0/v", "edge.test"))
        await desk.resolved(2)

    assert [it.resolve_id for it in desk.events if isinstance(it, Resolved)] == [2]
