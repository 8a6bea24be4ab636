"""What fails is gone around without the viewer noticing, or said once, in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

import abr
from netplay import DeliveryError, NetplayError, Network, Player, SessionRules, SkippingClock
from netplay.core.messages import Removed
from netplay.edge.testbed import Testbed
from netplay.io.net.http import Timeouts

from .hosts import Asked, Hosts, Reply, changed, hosts, missing
from .screen import Screen, Watch

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ALL = list(range(144))
RUNG = "video-72p-120k"

QUICK = SessionRules(
    backoff_us=20_000,
    backoff_cap_us=50_000,
    impatience_us=150_000,
    patience_us=300_000,
    give_up_us=400_000,
    give_up_start_us=400_000,
)
"""Nobody waits for long."""

LITTLE = replace(QUICK, target_us=1_000_000, max_buffer_us=2_000_000, start_us=500_000)
"""And little is held, so that the rest of the title is still to be fetched."""

both_loops = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
both_formats = pytest.mark.parametrize("path", ["manifest.mpd", "master.m3u8"])


def impatient() -> Network:
    return Network(
        timeouts=Timeouts(
            connect_s=0.3, first_byte_s=0.3, gap_s=0.3, document_s=1.0, backoff_s=0.01
        )
    )


class Playback:
    """One title played to its end, after all of it was fetched.

    Attributes:
        error: What ended it; None: it was played to the end.
    """

    def __init__(self) -> None:
        self.screen = Screen()
        self.watch = Watch()
        self.error: NetplayError | None = None

    async def play(self, url: str, *, rung: int = 1) -> Playback:
        with anyio.fail_after(10):
            async with (
                impatient() as network,
                Player(
                    self.screen,
                    controller=abr.Fixed(rung),
                    network=network,
                    clock=SkippingClock(),
                    rules=QUICK,
                    taps=[self.watch],
                ) as player,
            ):
                try:
                    await player.open(url)
                    await player.play()
                    await player.wait_finished()
                except NetplayError as error:
                    self.error = error
                self.summary = player.summary()
        return self


async def played(served: Hosts, path: str = "manifest.mpd") -> Playback:
    return await Playback().play(served.url(path))


@both_loops
@both_formats
async def test_a_server_that_dies_in_the_middle_costs_no_frame_and_no_stall(
    folder: Path, path: str
) -> None:
    screen = Screen()
    async with Testbed(folder) as bed:
        with anyio.fail_after(10):
            async with Player(screen, controller=abr.Fixed(1), rules=LITTLE) as player:
                await player.open(bed.url(path), start_s=3.0)
                await player.set_rate(2)
                await player.play()
                await screen.reached(80)
                await bed.stop("oca-1")
                await player.wait_finished()
                summary = player.summary()

    assert summary.stalls == 0
    # A machine that is busy may drop frames of a clock that is real, and says so.
    assert screen.numbers == sorted(set(screen.numbers))
    assert len(screen.numbers) + summary.frames_dropped == 72
    assert screen.numbers[-1] == 143
    assert set(summary.bytes_by_host) == {"oca-1", "oca-2"}
    assert set(summary.failures) == {"oca-1"}


@both_loops
async def test_when_every_server_dies_one_error_says_what_each_of_them_answered(
    folder: Path,
) -> None:
    screen = Screen()
    async with hosts(folder) as served:
        with anyio.fail_after(10):
            async with Player(screen, controller=abr.Fixed(0), rules=LITTLE) as player:
                await player.open(served.url("manifest.mpd"))
                await player.set_rate(2)
                await player.play()
                for name in served.urls:
                    served.stop(name)
                with pytest.raises(DeliveryError) as failure:
                    await player.wait_finished()
                state = player.status().state

    assert state == "failed"
    assert {host for host, _ in failure.value.attempts} == {"oca-1", "oca-2", "oca-3"}
    assert all(said for _, said in failure.value.attempts)
    assert screen.numbers == sorted(set(screen.numbers))


@pytest.mark.parametrize(
    ("path", "number"),
    [(f"{RUNG}/init.mp4", None), (f"{RUNG}/00001.m4s", None), (f"{RUNG}/00004.m4s", 4)],
    ids=["its init segment", "its first segment", "a later segment"],
)
async def test_what_nobody_has_is_taken_at_another_rung_and_not_asked_for_again(
    folder: Path, path: str, number: int | None
) -> None:
    def without_it(asked: Asked, reply: Reply) -> Reply:
        return missing() if asked.path == path else reply

    async with hosts(folder, without_it) as served:
        one = await played(served)
        asked = served.fetched()

    rungs = [frame.rung for frame in one.screen.frames]
    assert one.error is None
    assert one.screen.numbers == ALL
    assert [event.number for event in one.watch.of(Removed)] == [number]
    assert asked.count(path) == 3
    if number is None:
        assert set(rungs) == {2}
    else:
        assert set(rungs[:72] + rungs[96:]) == {1}
        assert set(rungs[72:96]) <= {0, 2}


async def test_when_no_rung_has_its_first_segment_nothing_is_played(folder: Path) -> None:
    def without_pictures(asked: Asked, reply: Reply) -> Reply:
        video = asked.path.startswith("video") and asked.path.endswith("00001.m4s")
        return missing() if video else reply

    async with hosts(folder, without_pictures) as served:
        one = await played(served)

    assert isinstance(one.error, DeliveryError)
    assert "404" in str(one.error)
    assert one.screen.numbers == []


async def test_when_no_rung_has_a_later_segment_playback_ends_where_it_is_missing(
    folder: Path,
) -> None:
    def without_the_fourth(asked: Asked, reply: Reply) -> Reply:
        video = asked.path.startswith("video") and asked.path.endswith("00004.m4s")
        return missing() if video else reply

    async with hosts(folder, without_the_fourth) as served:
        one = await played(served)

    assert isinstance(one.error, DeliveryError)
    # The last two wait in the decoder for what would have followed.
    assert one.screen.numbers == ALL[: len(one.screen.numbers)]
    assert len(one.screen.numbers) >= 70


def _other_init(folder: Path) -> bytes:
    return (folder / "audio-en" / "init.mp4").read_bytes()


def _other_segment(folder: Path) -> bytes:
    return (folder / "audio-en" / "00003.m4s").read_bytes()


Break = Callable[[Reply, Path], Reply]

BROKEN_SEGMENTS: dict[str, Break] = {
    "noise": lambda reply, _: changed(reply, b"\x9d\x01\x77" * (len(reply.body) // 3)),
    "a web page": lambda reply, _: changed(reply, b"<!doctype html><p>Please log in"),
    "nothing": lambda reply, _: changed(reply, b""),
    "the first half": lambda reply, _: changed(reply, reply.body[: len(reply.body) // 2]),
    "the first half of more": lambda reply, _: replace(
        reply, body=reply.body[: len(reply.body) // 2], announced=len(reply.body), then="reset"
    ),
    "more than announced": lambda reply, _: replace(
        reply, body=reply.body + b"more", announced=len(reply.body) - 40
    ),
    "zeros for pictures": lambda reply, _: changed(
        reply, reply.body[:-4000] + bytes(min(4000, len(reply.body)))
    ),
    "another track": lambda reply, folder: changed(reply, _other_segment(folder)),
    "an error of the server": lambda reply, _: replace(changed(reply, b"oops"), status=500),
    "silence": lambda reply, _: replace(reply, pauses_at=100),
    "no answer": lambda reply, _: replace(changed(reply, b""), announced=10, then="silence"),
}
BROKEN_INITS: dict[str, Break] = {
    "noise": BROKEN_SEGMENTS["noise"],
    "nothing": BROKEN_SEGMENTS["nothing"],
    "the first half": BROKEN_SEGMENTS["the first half"],
    "another track": lambda reply, folder: changed(reply, _other_init(folder)),
}


@both_formats
@pytest.mark.parametrize("broken", BROKEN_SEGMENTS)
async def test_a_segment_that_one_server_breaks_comes_from_the_next(
    folder: Path, path: str, broken: str
) -> None:
    def break_it(asked: Asked, reply: Reply) -> Reply:
        hit = asked.host == "oca-1" and asked.path == f"{RUNG}/00003.m4s"
        return BROKEN_SEGMENTS[broken](reply, folder) if hit else reply

    async with hosts(folder, break_it) as served:
        one = await played(served, path)

    assert one.error is None
    assert one.screen.numbers == ALL
    assert {frame.rung for frame in one.screen.frames} == {1}


@pytest.mark.parametrize("broken", BROKEN_INITS)
async def test_an_init_segment_that_one_server_breaks_comes_from_the_next(
    folder: Path, broken: str
) -> None:
    def break_it(asked: Asked, reply: Reply) -> Reply:
        hit = asked.host == "oca-1" and asked.path == f"{RUNG}/init.mp4"
        return BROKEN_INITS[broken](reply, folder) if hit else reply

    async with hosts(folder, break_it) as served:
        one = await played(served)

    assert one.error is None
    assert one.screen.numbers == ALL


@pytest.mark.parametrize("broken", [kind for kind in BROKEN_SEGMENTS if "zeros" not in kind])
async def test_a_segment_that_every_server_breaks_in_every_rung_is_one_error(
    folder: Path, broken: str
) -> None:
    def break_them(asked: Asked, reply: Reply) -> Reply:
        hit = asked.path.startswith("video") and asked.path.endswith("00003.m4s")
        return BROKEN_SEGMENTS[broken](reply, folder) if hit else reply

    async with hosts(folder, break_them) as served:
        one = await played(served)

    assert isinstance(one.error, NetplayError)
    assert all(name in str(one.error) for name in ("oca-1", "oca-2", "oca-3"))
    assert len(served.asked) < 150  # it does not hammer them either
    assert one.screen.numbers == ALL[: len(one.screen.numbers)]


@pytest.mark.parametrize("broken", BROKEN_INITS)
async def test_init_segments_that_every_server_breaks_are_one_error(
    folder: Path, broken: str
) -> None:
    def break_them(asked: Asked, reply: Reply) -> Reply:
        hit = asked.path.startswith("video") and asked.path.endswith("init.mp4")
        return BROKEN_INITS[broken](reply, folder) if hit else reply

    async with hosts(folder, break_them) as served:
        one = await played(served)

    assert isinstance(one.error, NetplayError)
    assert one.screen.numbers == []


async def test_a_playlist_without_segments_is_passed_over_for_another_rung(folder: Path) -> None:
    def empty(asked: Asked, reply: Reply) -> Reply:
        hit = asked.path == f"{RUNG}/media.m3u8"
        return changed(reply, EMPTY_PLAYLIST) if hit else reply

    async with hosts(folder, empty) as served:
        one = await played(served, "master.m3u8")

    assert one.error is None
    assert one.screen.numbers == ALL
    assert {frame.rung for frame in one.screen.frames} == {2}


async def test_playlists_without_segments_are_one_error(folder: Path) -> None:
    def empty(asked: Asked, reply: Reply) -> Reply:
        return changed(reply, EMPTY_PLAYLIST) if asked.path.endswith("media.m3u8") else reply

    async with hosts(folder, empty) as served:
        one = await played(served, "master.m3u8")

    assert isinstance(one.error, NetplayError)
    assert "segment" in str(one.error)


EMPTY_PLAYLIST = b"#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n#EXT-X-ENDLIST\n"
