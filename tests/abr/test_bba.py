"""BBA: the map, what keeps a rung on it, the reservoir of BBA-1 and the start of BBA-2."""

from dataclasses import replace

import pytest

from abr import Bba, Keep, Progress, Rung, Sample, View

LADDER = tuple(Rung(kbps * 1000) for kbps in (1000, 2000, 3000, 4000, 5000))

PAPER = View(
    now_us=0,
    rungs=LADDER,
    rung=2,
    segment_s=4.0,
    sizes_bytes=((None,) * 5,),
    buffered_s=153.0,
    target_s=240.0,
    max_buffer_s=240.0,
    playing=True,
    started=True,
    fetched_segments=50,
)
"""The paper's buffer: 90 s of reservoir, a cushion of 126 s, the map's middle at 153 s."""


def at(buffered_s: float, *, rung: int = 2, segment: int = 50) -> View:
    return replace(PAPER, buffered_s=buffered_s, rung=rung, fetched_segments=segment)


def test_the_ends_of_the_map_are_the_lowest_and_the_highest_rung() -> None:
    rungs = [Bba(0).choose(at(s)).rung for s in (0.0, 90.0, 216.0, 240.0)]

    assert rungs == [0, 0, 4, 4]


def test_a_rung_is_kept_until_the_map_has_moved_on_by_one() -> None:
    # The map asks for 3000 kb/s at 153 s and for 1000 more with every 31.5 s.
    kept = [Bba(0).choose(at(s)).rung for s in (121.6, 153.0, 184.4)]
    up = Bba(0).choose(at(184.6)).rung
    down = Bba(0).choose(at(121.4)).rung

    assert kept == [2, 2, 2]
    assert [up, down] == [3, 1]


def test_a_jump_of_the_map_is_followed_all_the_way() -> None:
    assert Bba(0).choose(at(215.0, rung=0)).rung == 3
    assert Bba(0).choose(at(100.0, rung=4)).rung == 1


def test_a_smaller_buffer_has_a_smaller_map() -> None:
    small = replace(at(0.0), target_s=27.6, max_buffer_s=27.6)

    # A tenth of the paper's room: 9 s of reservoir, the top at 21.6 s.
    rungs = [Bba(0).choose(replace(small, buffered_s=s)).rung for s in (8.9, 15.3, 21.7)]

    assert rungs == [0, 2, 4]


def test_equal_sizes_keep_the_rung() -> None:
    flat = replace(at(153.0), sizes_bytes=((1_500_000.0,) * 5,))

    above, below = Bba(1).choose(replace(flat, buffered_s=160.0)), Bba(1).choose(flat)

    assert above.rung in range(5)
    assert below.rung in range(5)


def test_bba_1_goes_by_the_size_of_the_segment() -> None:
    # This segment is half as large as its bitrate says: the map allows a rung more.
    small = tuple(rung.bitrate_bps * 4 / 8 / 2 for rung in LADDER)

    by_rate = Bba(0).choose(at(153.0)).rung
    by_size = Bba(1).choose(replace(at(153.0), sizes_bytes=(small,))).rung

    assert by_rate == 2
    assert by_size == 4


def test_the_reservoir_of_bba_1_is_what_the_segments_ahead_take_beyond_what_they_bring() -> None:
    nominal = tuple(rung.bitrate_bps * 4 / 8 for rung in LADDER)
    heavy = tuple(4 * size for size in nominal)

    reasons = [
        Bba(1).choose(replace(at(50.0), sizes_bytes=rows)).reason
        for rows in ((nominal,) * 5, (heavy,) * 5, (heavy,) * 50)
    ]

    # 5 segments of 4 s that take 16 s each need 60 s; at least 8 s, at most 140 s.
    assert [reason.split(", ")[1] for reason in reasons] == [
        "8.0 s of them reserve",
        "60.0 s of them reserve",
        "140.0 s of them reserve",
    ]


def came(bba: Bba, *, took_s: float) -> None:
    bba.observe(Sample(bytes=500_000, busy_s=took_s, rung=0, duration_s=4.0))


def started() -> Bba:
    bba = Bba()
    bba.choose(replace(at(0.0, segment=0), rung=None, playing=False, started=False))
    return bba


def test_bba_2_starts_boldly_while_segments_come_fast() -> None:
    bba = started()
    came(bba, took_s=0.3)
    quick = bba.choose(at(4.0, rung=0, segment=1))
    came(bba, took_s=1.0)
    slow = bba.choose(at(7.0, rung=1, segment=2))

    # Up with 0.875 of a segment's duration gained; 0.75 of it is too little.
    assert (quick.rung, quick.reason[:6]) == (1, "start:")
    assert slow.rung == 1


def test_with_more_buffer_less_is_asked_of_a_segment() -> None:
    # 0.84 of a segment's duration gained: 0.87 is asked at 4 s of buffer, 0.82 at 30 s.
    rungs = []
    for buffered_s in (4.0, 30.0):
        bba = started()
        came(bba, took_s=0.65)
        rungs.append(bba.choose(at(buffered_s, rung=0, segment=1)).rung)

    assert rungs == [0, 1]


def test_the_start_ends_when_the_buffer_shrinks() -> None:
    bba = started()
    came(bba, took_s=0.1)
    bba.choose(at(50.0, rung=0, segment=1))
    came(bba, took_s=0.1)

    shrunk = bba.choose(at(40.0, rung=1, segment=2))
    came(bba, took_s=0.1)
    later = bba.choose(at(44.0, rung=0, segment=3))

    assert [shrunk.rung, later.rung] == [1, 0]
    assert "start" not in shrunk.reason + later.reason


def test_a_wait_for_room_is_no_shrinking() -> None:
    bba = started()
    came(bba, took_s=0.1)
    bba.choose(at(50.0, rung=0, segment=1))
    came(bba, took_s=0.1)

    waited = replace(at(49.0, rung=1, segment=2), waited_s=5.0)

    assert bba.choose(waited).rung == 2


def test_the_start_ends_when_the_map_asks_for_more() -> None:
    bba = started()
    came(bba, took_s=0.1)

    choice = bba.choose(at(215.0, rung=0, segment=1))

    assert choice.rung == 3
    assert "start" not in choice.reason


def test_asked_twice_about_a_segment_it_goes_up_once() -> None:
    bba = started()
    came(bba, took_s=0.1)

    first = bba.choose(at(4.0, rung=0, segment=1)).rung
    again = bba.choose(at(4.0, rung=0, segment=1)).rung

    assert [first, again] == [1, 0]


def test_what_no_video_segment_brought_is_not_looked_at() -> None:
    bba = started()
    bba.observe(Sample(bytes=10, busy_s=0.01, duration_s=4.0))
    bba.observe(Sample(bytes=10, busy_s=0.01, rung=0, duration_s=4.0, cached=True))

    assert bba.choose(at(4.0, rung=0, segment=1)).rung == 0


def test_it_leaves_no_download() -> None:
    assert Bba().abandon(at(0.0), Progress(4, 1, 1e6, 60.0, 0.1, 4.0)) == Keep()


def test_there_is_no_bba_3() -> None:
    with pytest.raises(ValueError, match="BBA is 0, 1 or 2"):
        Bba(3)  # type: ignore[arg-type]
