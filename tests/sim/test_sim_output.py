"""What a simulated device decodes and shows, and when it says so."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from netplay.core.messages import Decoded, Event, Feed, Flush, Hold, Play, Rendered
from netplay.sim.output import Decoding, Media, Output

SECOND = 1_000_000
FRAME = 40_000
DECODING = Decoding(first_frame_us=10_000, ahead_us=200_000)
RATE = Fraction(1)


class Device:
    """An Output with its media, told orders and asked for events at moments."""

    def __init__(self, decoding: Decoding = DECODING) -> None:
        self.media: dict[int, Media] = {}
        self.output = Output(decoding, self.media.get)
        self.now_us = 0

    def holds(self, fetch_id: int, from_us: int, until_us: int, *, complete: bool = True) -> None:
        self.media[fetch_id] = Media(from_us, until_us, complete, FRAME)

    def run(self, until_us: int) -> list[tuple[int, Event]]:
        told: list[tuple[int, Event]] = []
        while (next_us := self.output.next_us(self.now_us)) is not None and next_us <= until_us:
            self.now_us = next_us
            told += [(next_us, event) for event in self.output.advance(next_us)]
        self.now_us = until_us
        return told

    def plays_two_segments(self) -> list[tuple[int, Event]]:
        self.holds(1, 0, SECOND)
        self.holds(2, SECOND, 2 * SECOND)
        self.output.perform(Hold(0, "start"))
        self.output.perform(feed(1))
        self.output.perform(feed(2, last=True))
        told = self.run(10_000)
        self.output.perform(Play(0, 10_000, RATE))
        return told


def feed(fetch_id: int, *, from_us: int = 0, generation: int = 0, last: bool = False) -> Feed:
    return Feed("video", generation, fetch_id, offset_us=0, from_us=from_us, last=last)


def test_the_first_frame_takes_a_moment_and_is_shown_though_the_playhead_rests() -> None:
    told = Device().plays_two_segments()

    assert told == [
        (10_000, Decoded("video", 0, 0, 200_000)),
        (10_000, Rendered("video", 0, 0, 10_000, 0)),
    ]


def test_a_device_that_does_not_tell_of_ends_tells_of_the_first_frame_and_of_the_last_feed() -> (
    None
):
    device = Device(replace(DECODING, tells_ends=False))

    told = device.plays_two_segments() + device.run(3 * SECOND)

    assert told == [
        (10_000, Decoded("video", 0, 0, 200_000)),
        (10_000, Rendered("video", 0, 0, 10_000, 0)),
        (1_810_000, Decoded("video", 0, 0, 2 * SECOND, finished=True)),
        (2_010_000, Rendered("video", 0, 2 * SECOND, 2_010_000, 1_960_000, frames=49)),
    ]


def test_the_end_of_each_feed_is_decoded_a_little_ahead_and_shown_when_it_is_reached() -> None:
    device = Device()
    device.plays_two_segments()

    told = device.run(10 * SECOND)

    assert told == [
        (810_000, Decoded("video", 0, 0, SECOND)),
        (1_010_000, Rendered("video", 0, SECOND, 1_010_000, 24 * FRAME, frames=24)),
        (1_810_000, Decoded("video", 0, 0, 2 * SECOND, finished=True)),
        (2_010_000, Rendered("video", 0, 2 * SECOND, 2_010_000, 49 * FRAME, frames=25)),
    ]


def test_every_frame_is_counted_once() -> None:
    device = Device()
    told = device.plays_two_segments() + device.run(10 * SECOND)

    frames = sum(event.frames for _, event in told if isinstance(event, Rendered))

    assert frames == 2 * SECOND // FRAME


def test_a_frame_that_covers_the_start_is_the_first_one() -> None:
    device = Device()
    device.holds(1, 0, SECOND)
    device.output.perform(Hold(130_000, "seek"))
    device.output.perform(feed(1, from_us=130_000))

    told = device.run(SECOND)

    assert told[0] == (10_000, Decoded("video", 0, 120_000, 330_000))


def test_nothing_is_ready_before_it_has_come() -> None:
    device = Device()
    device.holds(1, 0, 0, complete=False)
    device.output.perform(feed(1))

    nothing = device.run(SECOND)
    device.holds(1, 0, 80_000, complete=False)
    something = device.run(2 * SECOND)

    assert nothing == []
    assert something[0] == (SECOND + 10_000, Decoded("video", 0, 0, 80_000))


def test_a_lost_fetch_is_waited_for_and_flushed() -> None:
    device = Device()
    device.output.perform(feed(1))
    nothing = device.run(SECOND)

    device.output.perform(Flush("video", 1, None))
    device.holds(2, 0, SECOND)
    device.output.perform(feed(2, generation=1))

    assert nothing == []
    assert device.run(2 * SECOND)[0] == (SECOND + 10_000, Decoded("video", 1, 0, 200_000))


def test_a_flush_drops_what_begins_later_and_keeps_what_does_not() -> None:
    device = Device()
    device.plays_two_segments()
    device.run(500_000)

    device.output.perform(Flush("video", 1, 600_000))
    device.holds(3, 600_000, 2 * SECOND)
    device.output.perform(feed(3, generation=1, last=True))
    told = device.run(10 * SECOND)

    assert [(at_us, event) for at_us, event in told if isinstance(event, Decoded)] == [
        (510_000, Decoded("video", 1, 200_000, 600_000)),
        (510_000, Decoded("video", 1, 200_000, 600_000)),
        (1_810_000, Decoded("video", 1, 200_000, 2 * SECOND, finished=True)),
    ]


def test_sound_is_shown_only_while_the_playhead_moves() -> None:
    device = Device()
    device.holds(1, 0, SECOND)
    device.output.perform(Hold(0, "start"))
    device.output.perform(Feed("audio", 0, 1, offset_us=0, from_us=0))

    held = device.run(SECOND)
    device.output.perform(Play(0, SECOND, RATE))
    moving = device.run(SECOND)

    assert [type(event) for _, event in held] == [Decoded]
    assert [type(event) for _, event in moving] == [Rendered]


def test_subtitles_are_decoded_and_not_reported_as_frames() -> None:
    device = Device()
    device.holds(1, 0, SECOND)
    device.output.perform(Feed("text", 0, 1, offset_us=0, from_us=0, last=True))
    device.output.perform(Play(0, 0, RATE))

    told = device.run(2 * SECOND)

    assert [type(event) for _, event in told] == [Decoded, Decoded]


def test_a_faster_playhead_is_there_sooner() -> None:
    device = Device()
    device.plays_two_segments()
    device.output.perform(Play(0, 10_000, Fraction(2)))

    told = device.run(10 * SECOND)

    assert told[-1][0] == 10_000 + SECOND


def test_a_feed_is_cut_where_it_says() -> None:
    device = Device()
    device.holds(1, 0, SECOND)
    device.output.perform(Feed("video", 0, 1, offset_us=5 * SECOND, from_us=0, until_us=5_500_000))
    device.output.perform(Play(5 * SECOND, 0, RATE))

    told = device.run(SECOND)

    assert told[-2][1] == Decoded("video", 0, 5 * SECOND, 5_500_000)


def test_a_feed_with_nothing_to_show_is_passed_over() -> None:
    device = Device()
    device.holds(1, 0, SECOND)
    device.holds(2, SECOND, 2 * SECOND)
    device.output.perform(Hold(SECOND, "seek"))
    device.output.perform(feed(1, from_us=SECOND))
    device.output.perform(feed(2, from_us=SECOND))

    told = device.run(SECOND)

    assert Decoded("video", 0, SECOND, 1_200_000) in [event for _, event in told]
