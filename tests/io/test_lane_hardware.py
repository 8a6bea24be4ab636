"""When hardware fails, software goes on, and nothing is lost or shown twice."""

from __future__ import annotations

import anyio
import pytest
from render_clips import Clip, digest, plainly_decoded, video_clip

from netplay.core.messages import Decoded, DecodeFailed, Event, Feed
from netplay.errors import DecodeError
from netplay.io.show.decode import MediaDecoder
from netplay.io.show.frames import Entry, VideoFrame
from netplay.io.show.lane import Lane
from netplay.io.show.ready import Ready, Room
from netplay.io.source import Config, Packet

pytestmark = pytest.mark.anyio


class Toy(MediaDecoder):
    """Decodes in software, says it is hardware, and breaks at one packet."""

    def __init__(self, config: Config, breaks_at: int) -> None:
        super().__init__(config)
        self.hardware = "toy"
        self._left = breaks_at

    def decode(self, packet: Packet, fetch_id: int) -> list[Entry]:
        self._left -= 1
        if self._left < 0:
            raise DecodeError("video h264", "toy: it broke")
        return super().decode(packet, fetch_id)


async def played(clip: Clip, breaks_at: int | None) -> tuple[list[VideoFrame], list[Event]]:
    """Decode a clip on hardware that breaks; None: already when it is opened."""

    def opened(config: Config, hardware: str) -> MediaDecoder:
        if not hardware:
            return MediaDecoder(config)
        if breaks_at is None:
            raise DecodeError("video h264", "toy: not here")
        return Toy(config, breaks_at)

    events: list[Event] = []
    frames: list[VideoFrame] = []
    came = anyio.Event()
    room = Room()
    ready: Ready[VideoFrame] = Ready("video", room, lambda: came.set())
    lane = Lane(
        "video",
        ready=ready,
        source=lambda _: clip.source(),
        emit=events.append,
        opener=opened,
        hardware=lambda _: "toy",
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lane.run)
        lane.feed(Feed("video", 0, 1, 0, 0, last=True))
        with anyio.fail_after(10):
            while not (ready.finished and not len(ready)):
                await came.wait()
                came = anyio.Event()
                while len(ready):
                    frames.append(ready.pop())
        tasks.cancel_scope.cancel()
    await lane.aclose()
    return frames, events


@pytest.mark.parametrize("breaks_at", [0, 1, 2, 13, 25, 26, 40, 49])
async def test_software_goes_on_where_hardware_breaks(breaks_at: int) -> None:
    clip = video_clip()

    frames, events = await played(clip, breaks_at)

    assert [(it.position_us, digest(it.frame)) for it in frames] == plainly_decoded(clip)
    assert not [event for event in events if isinstance(event, DecodeFailed)]


async def test_who_decodes_is_told() -> None:
    frames, events = await played(video_clip(), 30)

    told = [event.hardware for event in events if isinstance(event, Decoded)]
    assert told == ["toy", ""]
    assert {frame.hardware for frame in frames} == {"toy", ""} or frames[-1].hardware == ""


async def test_hardware_that_does_not_open_is_passed_over_in_silence() -> None:
    clip = video_clip()

    frames, events = await played(clip, None)

    assert len(frames) == 50
    assert all(event.hardware == "" for event in events if isinstance(event, Decoded))
