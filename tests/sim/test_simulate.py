"""The real Session over simulated links: it plays, stalls, seeks, fails over and replays."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Literal

import pytest
from simulated import FAST, SECOND, Recorder, play

from abr import controller
from netplay.core.device import Preferences
from netplay.core.messages import (
    Event,
    Fetch,
    Fetched,
    FetchFailed,
    Hold,
    Paused,
    Progressed,
    RateSet,
    Rendered,
    Resumed,
    Sought,
    Tick,
    TracksChosen,
)
from netplay.core.rules import SessionRules
from netplay.core.session import Session
from netplay.sim import (
    Content,
    Fault,
    Host,
    Link,
    StepLimitReached,
    Trace,
    make_title,
    varied_bytes,
)
from netplay.sim.downloads import Downloads
from netplay.sim.network import Network
from netplay.telemetry import Header, LogLines, Message, read_log, replay, summarise


@pytest.mark.parametrize("form", ["dash", "hls", "sidx"])
@pytest.mark.parametrize("chunk_us", [None, 500_000])
def test_a_title_plays_to_its_end_without_a_stall(
    form: Literal["dash", "hls", "sidx"], chunk_us: int | None
) -> None:
    content = make_title(
        duration_us=30 * SECOND, form=form, text=("en",), media_shift_us=10 * SECOND
    )

    result = play(content, chunk_us=chunk_us)

    assert result.ending == "finished"
    assert result.summary.stalls == 0
    assert result.summary.shown_us == 30 * SECOND
    assert result.summary.frames_shown == 30 * 25


def test_several_periods_play_through() -> None:
    content = make_title(duration_us=31 * SECOND, periods=3)

    result = play(content)

    assert (result.ending, result.summary.stalls) == ("finished", 0)
    assert result.summary.shown_us == 31 * SECOND


def test_sound_alone_plays_too() -> None:
    result = play(make_title(duration_us=20 * SECOND, ladder=()))

    assert (result.ending, result.summary.shown_us) == ("finished", 20 * SECOND)
    assert result.summary.frames_shown == 0


def test_equal_arguments_give_equal_sessions() -> None:
    content = make_title(sizes=varied_bytes(3, 0.4), hosts=("a", "b"))
    link = Link(
        trace=Trace([(3 * SECOND, 4_000_000), (2 * SECOND, 500_000)]),
        hosts={"a": Host(faults=(Fault(kind="reset", from_us=9 * SECOND, after_bytes=5_000),))},
    )
    first, second = Recorder(), Recorder()

    one = play(content, link, taps=(first,))
    other = play(content, link, taps=(second,))

    assert one == other
    assert first.stream == second.stream


def test_a_host_that_dies_half_way_costs_no_stall() -> None:
    content = make_title(hosts=("a", "b"))
    dying = Host(faults=(Fault(kind="down", from_us=20 * SECOND),))
    rules = SessionRules(target_us=10 * SECOND, max_buffer_us=14 * SECOND)
    link = Link(trace=Trace.constant(6_000_000), hosts={"a": dying})

    result = play(content, link, rules=rules)

    assert (result.ending, result.summary.stalls) == ("finished", 0)
    assert result.summary.bytes_by_host["a"] > 0
    assert result.summary.bytes_by_host["b"] > 0
    assert set(result.summary.failures) == {"a"}


def test_a_link_that_is_off_for_a_while_stalls_once_and_playback_goes_on() -> None:
    trace = Trace([(10 * SECOND, 3_000_000), (25 * SECOND, 0), (1, 3_000_000)], repeats=False)

    result = play(link=Link(trace=trace))

    assert (result.ending, result.summary.stalls) == ("finished", 1)
    assert result.summary.shown_us == 60 * SECOND
    assert 0 < result.summary.stalled_us < 25 * SECOND
    assert result.now_us > 60 * SECOND + result.summary.stalled_us


def test_a_link_that_never_carried_a_bit_ends_in_a_failure_and_not_in_a_loop() -> None:
    result = play(make_title(form="hls"), Link(trace=Trace.constant(0)))

    assert result.ending == "failed"
    assert result.summary.errors[0].startswith("DeliveryError")
    assert result.summary.bytes == 0


def test_a_manifest_that_never_comes_is_waited_for_without_a_loop() -> None:
    content = make_title(manifest_bytes=10_000)

    silent = play(content, Link(trace=Trace.constant(0)))
    refused = play(content, Link(trace=FAST.trace, hosts={"oca-1": Host(faults=(_REFUSES,))}))

    assert (silent.ending, silent.steps) == ("waiting", 1)
    assert refused.ending == "failed"


_REFUSES = Fault(kind="refuse")


def test_start_up_is_split_into_phases_that_add_up() -> None:
    content = make_title(manifest_bytes=12_500, form="hls")

    startup = play(content, chunk_us=100_000).summary.startup

    assert startup is not None
    assert startup.manifest_us == 3 * 20_000 + 10_000  # TCP, TLS, the request; 100 kb at 10 Mb/s
    assert startup.index_us > 20_000
    assert startup.first_bytes_us == 20_000
    assert startup.decode_us == 20_000
    assert startup.wait_us is not None  # sound comes a little after the picture
    assert 0 <= startup.wait_us - startup.first_frame_us < 5_000


def test_media_that_is_decodable_as_it_comes_starts_sooner() -> None:
    slow = Link(trace=Trace.constant(2_000_000))

    whole = play(link=slow).summary.startup
    chunked = play(link=slow, chunk_us=100_000).summary.startup

    assert whole is not None
    assert chunked is not None
    assert chunked.first_frame_us < whole.first_frame_us


@pytest.mark.parametrize("chunk_us", [None, 100_000])
def test_media_is_of_no_use_before_its_init_segment_is_there(chunk_us: int | None) -> None:
    slow = Fault(kind="slow", match="0/v*/init", rate_bps=9_000)  # 900 bytes take 0.8 s
    recorder = Recorder()

    result = play(
        link=Link(trace=Trace.constant(2_000_000), hosts={"oca-1": Host(faults=(slow,))}),
        chunk_us=chunk_us,
        taps=(recorder,),
    )

    asked = {one.fetch_id: one for one in recorder.all(Fetch) if isinstance(one, Fetch)}
    told = [one for one in recorder.all(Fetched, Progressed) if _tells_of_video(one, asked)]
    assert isinstance(told[0], Fetched)
    assert asked[told[0].fetch_id].init
    assert (result.ending, result.summary.stalls) == ("finished", 0)


def _tells_of_video(message: Message, asked: dict[int, Fetch]) -> bool:
    """Whether it says that an init segment, or decodable media, of the video is there."""
    assert isinstance(message, Fetched | Progressed)
    fetch = asked[message.fetch_id]
    if fetch.track != "video" or (fetch.init and isinstance(message, Progressed)):
        return False
    return fetch.init or message.media_until_us is not None


def test_a_segment_that_no_server_has_is_a_404() -> None:
    link = Link(trace=FAST.trace, rtt_us=1_000)
    network = Network(link)
    downloads = Downloads(make_title(), network, chunk_us=None)

    downloads.perform(Fetch(1, "video", "0/v0", 99, "oca-1"))
    next_us = network.next_us()
    assert next_us is not None
    (answer,) = network.advance(next_us)

    assert list(downloads.hear(answer, next_us)) == [
        FetchFailed(1, "status", "HTTP 404", bytes=0, status=404)
    ]
    assert downloads.report() == []


def test_a_seek_is_followed_and_is_no_stall() -> None:
    recorder = Recorder()

    result = play(script=[(5 * SECOND, Sought(40 * SECOND))], taps=(recorder,))

    assert (result.ending, result.summary.seeks, result.summary.stalls) == ("finished", 1, 0)
    assert 0 < result.summary.seek_wait_us < 2 * SECOND
    assert result.summary.played_us < 30 * SECOND
    positions = [one.position_us for one in recorder.all(Rendered) if isinstance(one, Rendered)]
    assert 40 * SECOND in positions


def test_a_pause_lasts_until_it_is_ended() -> None:
    script: list[tuple[int, Event]] = [(10 * SECOND, Paused()), (100 * SECOND, Resumed())]

    result = play(script=script)

    assert result.ending == "finished"
    assert result.summary.played_us == 60 * SECOND
    assert result.now_us > 150 * SECOND


def test_what_is_never_resumed_waits_for_ever() -> None:
    result = play(paused=True, until_us=None)

    assert result.ending == "waiting"
    assert result.summary.played_us == 0
    assert result.summary.frames_shown == 1


def test_a_double_rate_takes_half_the_time() -> None:
    result = play(script=[(0, RateSet(Fraction(2)))])

    assert result.ending == "finished"
    assert result.summary.shown_us == 60 * SECOND
    assert result.summary.played_us == 30 * SECOND


def test_another_language_is_heard_after_it_was_chosen() -> None:
    recorder = Recorder()
    german = TracksChosen(Preferences(audio_languages=("de",)))

    result = play(make_title(audio=("en", "de")), script=[(20 * SECOND, german)], taps=(recorder,))

    fetched = [one.representation for one in recorder.all(Fetch) if isinstance(one, Fetch)]
    assert (result.ending, result.summary.stalls) == ("finished", 0)
    assert "0/a-de" in fetched


def test_a_seek_after_the_end_plays_on() -> None:
    result = play(script=[(70 * SECOND, Sought(50 * SECOND))])

    assert result.ending == "finished"
    assert result.summary.shown_us == 70 * SECOND


def test_time_can_be_limited() -> None:
    result = play(until_us=10 * SECOND)

    assert (result.ending, result.now_us) == ("until", 10 * SECOND)


def test_steps_are_limited() -> None:
    with pytest.raises(StepLimitReached) as caught:
        play(max_steps=10)

    assert caught.value.steps == 10


def test_a_chunk_of_no_length_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk"):
        play(chunk_us=0)


def test_everything_fetched_has_the_size_it_has_and_came_no_faster_than_the_link() -> None:
    content = make_title(sizes=varied_bytes(5, 0.5))
    trace = Trace([(SECOND, 3_000_000), (SECOND, 1_000_000), (SECOND, 0)])
    recorder = Recorder()

    result = play(content, Link(trace=trace), taps=(recorder,), chunk_us=250_000)

    asked = {one.fetch_id: one for one in recorder.all(Fetch) if isinstance(one, Fetch)}
    for one in recorder.all(Fetched):
        assert isinstance(one, Fetched)
        action = asked[one.fetch_id]
        segment = content.segment(action)
        assert segment is not None
        assert one.bytes == content.fetch_bytes(action, segment)
    assert result.summary.bytes * 8_000_000 <= trace.total(result.now_us)


def test_before_a_tick_the_session_hears_how_far_its_fetches_are() -> None:
    recorder = Recorder()
    # A link so slow that media runs out while a segment is on its way.
    play(link=Link(trace=Trace.constant(300_000)), taps=(recorder,))

    stalls_us = [
        now_us
        for now_us, message in recorder.stream
        if isinstance(message, Hold) and message.why == "stall"
    ]
    assert stalls_us
    for stall_us in stalls_us:
        told = [type(message) for now_us, message in recorder.stream if now_us == stall_us]
        assert told.index(Progressed) < told.index(Tick)


def test_a_simulated_session_is_summed_up_like_its_log() -> None:
    recorder = Recorder()

    result = play(link=Link(trace=Trace.constant(1_000_000)), taps=(recorder,))

    assert summarise(recorder.stream) == result.summary
    assert sum(one.duration_s for one in result.played) == pytest.approx(60)


FAULTY = Link(
    trace=Trace([(4 * SECOND, 3_000_000), (SECOND, 0), (3 * SECOND, 800_000)]),
    hosts={
        "a": Host(
            faults=(
                Fault(kind="status", match="0/v1/*", from_us=5 * SECOND, times=2, status=404),
                Fault(kind="hang", from_us=12 * SECOND, until_us=15 * SECOND, after_bytes=900),
                Fault(kind="down", from_us=25 * SECOND, until_us=40 * SECOND),
            )
        ),
        "b": Host(trace=Trace.constant(1_000_000), think_us=40_000),
    },
)


@pytest.mark.parametrize("form", ["dash", "hls"])
def test_the_log_of_a_troubled_session_replays_to_the_same_actions(
    form: Literal["dash", "hls"],
) -> None:
    content = make_title(hosts=("a", "b"), form=form, sizes=varied_bytes(2, 0.4))
    lines = LogLines()
    text = [lines.first(Header(seed=1, controller="hybrid"))]
    script: list[tuple[int, Event]] = [(8 * SECOND, Sought(20 * SECOND))]

    result = play(
        content,
        FAULTY,
        script=script,
        chunk_us=500_000,
        taps=(lambda now_us, message: text.append(lines.next(now_us, message)),),
    )
    log = read_log([*text, lines.last()])
    again = replay(log, lambda header: Session(controller(header.controller), seed=header.seed))

    assert result.ending == "finished"
    assert result.summary.failures
    assert again.difference is None
    assert again.events > 100


def test_a_log_without_the_tokens_of_its_urls_replays_all_the_same() -> None:
    content = make_title(duration_us=20 * SECOND, hosts=("a", "b"))
    (period,) = content.presentation.periods
    sets = tuple(
        replace(
            group,
            representations=tuple(
                replace(rep, id=f"{rep.id}.m3u8?token=secret-{number}")
                for number, rep in enumerate(group.representations)
            ),
        )
        for group in period.sets
    )
    presentation = replace(content.presentation, periods=(replace(period, sets=sets),))
    gone = Host(faults=(Fault(kind="status", status=404),))
    lines = LogLines()
    text = [lines.first(Header(seed=1))]

    result = play(
        Content(presentation),
        Link(trace=FAST.trace, hosts={"a": gone, "b": gone}),
        taps=(lambda now_us, message: text.append(lines.next(now_us, message)),),
    )
    again = replay(read_log([*text, lines.last()]), lambda _: Session(controller("hybrid"), seed=1))

    assert result.ending == "failed"
    assert "secret" not in "".join(text)
    assert again.difference is None


def test_another_controller_does_not_replay_to_the_same_actions() -> None:
    lines = LogLines()
    text = [lines.first(Header(seed=1))]
    play(taps=(lambda now_us, message: text.append(lines.next(now_us, message)),))

    again = replay(read_log([*text, lines.last()]), lambda _: Session(controller("fixed", rung=0)))

    assert again.difference is not None
    assert isinstance(again.difference.expected, Fetch)
    assert isinstance(again.difference.got, Fetch)
