"""Segments become frames in order, whatever the Feeds and Flushes."""

from __future__ import annotations

import pytest
from render_clips import plainly_decoded, rig, video_clip

pytestmark = pytest.mark.anyio


async def test_frames_are_those_of_a_plain_decode_in_order_with_reordering() -> None:
    clip = video_clip()
    async with rig() as player:
        player.feed(1, clip, last=True)
        player.play()

        await player.run_to_end()

        assert player.sink.pictures == plainly_decoded(clip)
        assert len(player.sink.frames) == 50
