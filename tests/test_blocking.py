"""The blocking façade: the same player, from a thread without an event loop."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import short_title

from netplay import NullSink, SkippingClock
from netplay.blocking import Player
from netplay.core.messages import Play
from netplay.edge.testbed import Testbed
from netplay.errors import ManifestError
from netplay.io.show.frames import VideoFrame
from netplay.io.show.sink import CallbackSink

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """Serve a short title."""
    with short_title(tmp_path_factory.mktemp("titles")) as running:
        yield running


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_title_plays_from_a_thread_without_a_loop(bed: Testbed, backend: str) -> None:
    sink = NullSink()

    with Player(sink, clock=SkippingClock(), backend=backend) as player:  # type: ignore[arg-type]
        player.open(bed.mpd_url)
        languages = {group.language for group in player.tracks() if group.kind == "audio"}
        player.play()
        finished = player.wait_finished()
        state = player.status().state

    assert finished
    assert state == "ended"
    assert languages == {"en", "sv"}
    assert player.summary().finished
    assert sink.frames == 48
    assert sink.closed


def test_it_pauses_seeks_and_goes_on(bed: Testbed) -> None:
    with Player(clock=SkippingClock()) as player:
        player.open(bed.hls_url)
        sought = player.seek(1.5)
        position_us = player.status().position_us
        player.choose(audio_languages=["sv"])
        player.set_rate(2)
        player.resume()
        finished = player.wait_finished()

        assert sought
        assert position_us == 1_500_000
        assert player.status().duration_us == 2_000_000
    assert finished


def test_waiting_can_be_given_up(bed: Testbed) -> None:
    with Player() as player:
        player.open(bed.mpd_url)

        assert player.wait_finished(0.05) is False
        assert player.status().state in ("starting", "paused")


def test_sinks_are_called_on_the_thread_of_the_loop(bed: Testbed) -> None:
    threads: set[str] = set()

    def note(frame: VideoFrame) -> None:
        assert frame.position_us >= 0
        threads.add(threading.current_thread().name)

    with Player(CallbackSink(note), clock=SkippingClock()) as player:
        player.open(bed.mpd_url)
        player.play()
        player.wait_finished()

    assert len(threads) == 1
    assert threading.current_thread().name not in threads


def test_an_error_of_the_loop_is_raised_where_it_was_waited_for(tmp_path: Path) -> None:
    with Player() as player, pytest.raises(ManifestError, match=r"nowhere\.mpd"):
        player.open(str(tmp_path / "nowhere.mpd"))


def test_a_wrong_controller_is_told_before_a_thread_is_started() -> None:
    threads = threading.active_count()

    with pytest.raises(ValueError, match="clever"):
        Player(controller="clever")

    assert threading.active_count() <= threads  # one of an earlier test may just be ending


def test_methods_need_the_context() -> None:
    player = Player()

    with pytest.raises(ValueError, match="context manager"):
        player.open("x.mpd")
    player.close()


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to a thread")
def test_ctrl_c_ends_the_waiting_and_closes_the_player(bed: Testbed) -> None:
    sink = NullSink()
    main_thread = threading.main_thread().ident
    assert main_thread is not None

    def interrupt(now_us: int, message: object) -> None:
        del now_us
        if isinstance(message, Play):
            signal.pthread_kill(main_thread, signal.SIGINT)

    def watch() -> None:
        with Player(sink, taps=[interrupt]) as player:
            player.open(bed.mpd_url)
            player.resume()
            player.wait_finished()

    with pytest.raises(KeyboardInterrupt):
        watch()

    assert sink.closed
    assert sink.frames < 48
    assert not any(thread.name == "netplay" for thread in threading.enumerate())
