"""Media that becomes decodable as its bytes come, when it is known which bytes are which."""

from __future__ import annotations

from dataclasses import replace

from simulated import FAST, SECOND, Recorder, play

from abr import Fixed, controller
from abr.contract import Sample
from netplay.core.messages import Decoded, Fetch, Fetched, Progressed
from netplay.segments import Segment
from netplay.sim import Content, Decoding, Link, Trace, make_title, simulate_session
from netplay.sim.content import Pieces
from netplay.timeline import Representation

SLOW = Link(trace=Trace.constant(400_000), rtt_us=20_000, header_bytes=0)


def heavy_start(rep: Representation, segment: Segment) -> Pieces:
    """Half of the bytes are the first frame's, the rest is even."""
    size_bytes = rep.bandwidth_bps * segment.duration_us // 8_000_000
    frame_us = 40_000
    rest = [
        (size_bytes // 2 + size_bytes * number // 20, number * segment.duration_us // 10)
        for number in range(1, 10)
    ]
    return ((size_bytes // 2, frame_us), *rest, (size_bytes, segment.duration_us))


def titled() -> Content:
    return replace(make_title(duration_us=8 * SECOND), pieces=heavy_start)


def test_media_is_told_of_with_the_bytes_that_complete_it() -> None:
    record = Recorder()
    play(titled(), FAST, taps=[record])

    first = next(
        one.fetch_id
        for _, one in record.stream
        if isinstance(one, Fetch) and one.track == "video" and not one.init
    )
    told = [
        (one.bytes, one.media_until_us)
        for _, one in record.stream
        if isinstance(one, Progressed) and one.fetch_id == first and one.media_until_us
    ]
    last = next(
        one for _, one in record.stream if isinstance(one, Fetched) and one.fetch_id == first
    )
    assert told[0] == (last.bytes // 2, 40_000)
    assert [until_us for _, until_us in told] == sorted(until_us for _, until_us in told)
    assert last.media_until_us == 2 * SECOND


def test_what_the_content_tells_counts_more_than_even_chunks() -> None:
    told, even = Recorder(), Recorder()
    play(titled(), SLOW, chunk_us=40_000, taps=[told])
    play(make_title(duration_us=8 * SECOND), SLOW, chunk_us=40_000, taps=[even])

    def first_frame_us(record: Recorder) -> int:
        return next(
            now_us
            for now_us, one in record.stream
            if isinstance(one, Decoded) and one.track == "video"
        )

    assert first_frame_us(told) > first_frame_us(even) + SECOND // 2


def test_a_decoder_that_holds_frames_back_gives_its_first_one_later() -> None:
    def first_frame_us(held_us: int, link: Link) -> int:
        record = Recorder()
        simulate_session(
            make_title(duration_us=8 * SECOND),
            controller("fixed"),
            link,
            decoding=Decoding(held_us=held_us),
            chunk_us=40_000,
            taps=[record],
        )
        return next(
            now_us
            for now_us, one in record.stream
            if isinstance(one, Decoded) and one.track == "video"
        )

    # Three more frames must come; a segment that is complete waits for none.
    assert first_frame_us(120_000, SLOW) > first_frame_us(0, SLOW)
    assert first_frame_us(10 * SECOND, FAST) > first_frame_us(0, FAST)


def test_a_sample_of_a_shared_link_is_of_all_that_it_carried() -> None:
    seen: list[Sample] = []

    class Watching(Fixed):
        def observe(self, sample: Sample) -> None:
            seen.append(sample)

    simulate_session(make_title(duration_us=20 * SECOND), Watching(0), SLOW)

    # The first two end in the same microsecond, and share what was between them unevenly.
    rates_bps = [one.bytes * 8 / one.busy_s for one in seen if one.busy_s > 0.1]
    assert len(rates_bps) > 15
    assert all(abs(rate_bps / 400_000 - 1) < 0.02 for rate_bps in rates_bps)
