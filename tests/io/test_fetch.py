"""What a Fetcher brings, and what it says of it."""

from __future__ import annotations

import pytest
from reels import bench, demuxed, fetch, listed, reel, served, split, title

from netplay.core.messages import Fetched
from netplay.io.network import Network

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_segment_and_its_init_give_the_packets_that_libav_finds() -> None:
    movie = reel("libx264")
    init, media = split(movie)
    network = Network(transport=served({"/title/init.mp4": init, "/title/seg.m4s": media}))

    async with bench(network, title()) as desk:
        desk.perform(fetch(1, init=True))
        desk.perform(fetch(2))
        ended = await desk.end(2)
        packets = await desk.drain(2)

    assert isinstance(ended, Fetched)
    assert (ended.bytes, ended.media_from_us, ended.media_until_us) == (len(media), 0, 2_000_000)
    assert listed(packets["video"]) == demuxed(movie)["video"]
