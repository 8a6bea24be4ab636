"""What is asked for, and what stops being asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_controllers import Scripted
from core_titles import (
    even_index,
    listed_index,
    make_movie,
    make_playlists,
    make_rep,
    of_periods,
)
from core_world import MISSING, REFUSED, Fault, World

from netplay.core.buffer import Buffer, Span
from netplay.core.device import Device, Preferences
from netplay.core.failover import Failover
from netplay.core.jitter import Jitter
from netplay.core.lane import Lane
from netplay.core.messages import (
    Fetch,
    Fetched,
    FetchFailed,
    Removed,
    Resolve,
    Resolved,
    ResolveFailed,
    Track,
    TracksChosen,
)
from netplay.core.requests import Blocked, Requests
from netplay.core.rules import SessionRules
from netplay.core.title import Title
from netplay.core.transfers import Transfers
from netplay.segments import Entry, Init, Listing, Protection, Run, SegmentIndex
from netplay.timeline import AdaptationSet, Period, Presentation, Representation


def init_refused(request: Fetch | Resolve, now_us: int) -> Fault | None:
    video = request.representation.startswith("0/v")
    return REFUSED if isinstance(request, Fetch) and request.init and video else None


def test_the_init_segment_of_a_lane_that_was_closed_is_not_asked_for_again() -> None:
    world = World(
        make_movie(10),
        fault=init_refused,
        script=[(1.0, TracksChosen(Preferences(video=False)))],
    )

    world.run()

    assert world.finished
    assert all(fetch.track == "audio" for at_s, fetch in world.timed(Fetch) if at_s > 1.0)


def test_an_init_segment_that_came_late_is_waited_for_and_not_the_segment_fetched_again() -> None:
    world = World(
        make_movie(10),
        fault=lambda request, now_us: init_refused(request, now_us) if now_us < 500_000 else None,
    ).run()

    numbers = [number for _, number in world.segments()]
    assert numbers[0] == 1
    assert len(numbers) == len(set(numbers))
    assert world.finished


def test_two_inits_in_one_representation_are_both_fetched() -> None:
    entries = tuple(Entry(f"{n}.m4s", init=Init("first" if n < 3 else "second")) for n in range(6))
    index = SegmentIndex(1_000_000, (Run(0, 2_000_000, 6),), Listing(entries), first_number=1)
    rep = make_rep("0/v0", "video", 300_000, index)
    movie = of_periods(Period("0", 0, 12_000_000, (AdaptationSet("v", "video", (rep,)),)))

    world = World(movie).run()

    assert [fetch.number for fetch in world.of(Fetch) if fetch.init] == [1, 4]
    assert world.finished


# Encrypted in the playlist alone.


def locked_rep(name: str, bps: int) -> Representation:
    entries = tuple(
        Entry(f"{n}.m4s", init=Init("i"), keys=(Protection("fairplay"),)) for n in range(6)
    )
    index = SegmentIndex(1_000_000, (Run(0, 2_000_000, 6),), Listing(entries), first_number=1)
    return make_rep(name, "video", bps, index)


def test_a_rung_that_turns_out_to_be_encrypted_is_removed() -> None:
    clear = make_rep("0/v0", "video", 300_000, even_index("v", 6))
    sets = (AdaptationSet("v", "video", (clear, locked_rep("0/v1", 600_000))),)

    world = World(of_periods(Period("0", 0, 12_000_000, sets)), controller=Scripted([1])).run()

    assert [(r.representation, r.number) for r in world.of(Removed)] == [("0/v1", None)]
    assert world.finished


def test_a_title_that_turns_out_to_be_encrypted_is_a_license_error() -> None:
    sets = (AdaptationSet("v", "video", (locked_rep("0/v0", 300_000),)),)

    world = World(of_periods(Period("0", 0, 12_000_000, sets))).run()

    assert world.failed is not None
    assert world.failed.error == "LicenseError"


def test_a_playlist_that_still_grows_is_refused_for_what_it_is() -> None:
    movie = make_playlists(6)
    hidden = {key: replace(index, ended=False) for key, index in movie.hidden.items()}

    world = World(replace(movie, hidden=hidden)).run()

    assert world.failed is not None
    assert world.failed.error == "ManifestError"
    assert "live" in world.failed.reason


# One question at a time, without a world.


class Desk:
    """Requests over one Representation of video, each host with a playlist of its own."""

    def __init__(self, *, per_host: bool = False) -> None:
        movie = make_playlists(6, per_host=per_host, ladder=[(300_000, 360)])
        self.title = Title(movie.presentation, Device(), Preferences())
        self.rep = movie.representation("0/v0")
        self.index = movie.index("0/v0", "a")
        self.title.resolved(self.rep.id, "a", self.index)
        self.lane = Lane("video", Buffer(30_000))
        self.lanes: dict[Track, Lane] = {"video": self.lane}
        self.failover = Failover(SessionRules(), Jitter(0, 0.0))
        self.requests = Requests(self.title, self.lanes, Transfers(), self.failover)

    def fails(self, number: int, host: str, *, init: bool, status: int | None = None) -> None:
        """Let a host fail at a resource: by a status, or by what it sent."""
        self.failover.failed(
            (self.rep.id, number, init),
            host,
            failure="status" if status else "media",
            detail="",
            status=status,
            retry_after_us=None,
            asked_us=0,
            now_us=0,
        )

    def ask(self, number: int = 1) -> Blocked | list[object]:
        segment = self.index.numbered(number)
        assert segment is not None
        span = Span(segment.start_us, segment.end_us, segment.start_us, representation=self.rep.id)
        asked = self.requests.segment(
            self.lane, self.rep, segment, span, now_us=0, urgent=False, reason="x"
        )
        return asked if isinstance(asked, Blocked) else list(asked)


def test_a_segment_waits_for_its_init_when_only_a_resting_host_has_that() -> None:
    desk = Desk()
    desk.fails(1, "a", init=True)
    desk.fails(9, "b", init=False, status=503)

    asked = desk.ask()

    assert isinstance(asked, Blocked)
    assert asked.until_us is not None


def test_a_representation_is_lost_with_its_init_before_a_segment_is_asked_for() -> None:
    desk = Desk()
    desk.fails(1, "a", init=True, status=404)
    desk.fails(1, "b", init=True, status=404)

    asked = desk.ask()

    assert isinstance(asked, Blocked)
    assert asked.lost
    assert [type(action) for action in asked.actions] == [Removed]


def test_an_init_is_asked_of_a_host_only_once_its_playlist_is_read() -> None:
    desk = Desk(per_host=True)
    desk.fails(1, "a", init=True)

    asked = desk.ask()
    again = desk.ask()

    assert isinstance(asked, Blocked)
    (resolve,) = asked.actions
    assert isinstance(resolve, Resolve)
    assert resolve.host == "b"
    assert again == Blocked()


def test_a_segment_number_is_that_of_the_host_that_is_asked() -> None:
    desk = Desk(per_host=True)
    desk.title.resolved("0/v0", "b", listed_index("v", 6, first_number=100))
    desk.fails(3, "a", init=False)

    asked = desk.ask(3)

    assert isinstance(asked, list)
    fetches = [(f.number, f.host, f.init) for f in asked if isinstance(f, Fetch)]
    assert fetches == [(3, "a", True), (102, "b", False)]


def test_a_host_with_a_shorter_playlist_is_asked_by_the_number_that_is_known() -> None:
    desk = Desk(per_host=True)
    desk.title.resolved("0/v0", "b", listed_index("v", 2, first_number=100))

    assert desk.title.number_at(desk.rep, "b", 6) == 6


# What is known of the title.


def title_of(*periods: Period) -> Title:
    return Title(Presentation("http://a/", "dash", periods), Device(), Preferences())


def test_a_period_without_an_end_ends_where_the_next_begins() -> None:
    title = title_of(Period("0", 0, None, ()), Period("1", 8_000_000, None, ()))

    assert [title.period_end_us(0), title.period_end_us(1)] == [8_000_000, None]


def test_a_loss_is_news_once() -> None:
    title = title_of(*make_movie().presentation.periods)

    news = [title.remove("0/v0", number, ()) for number in (3, 3, None, None)]

    assert news == [True, False, True, False]


@pytest.mark.parametrize("fault", [MISSING, Fault("media")])
def test_no_init_segment_of_a_representation_is_worth_having_without_its_media(
    fault: Fault,
) -> None:
    def no_media(request: Fetch | Resolve, now_us: int) -> Fault | None:
        top = request.representation == "0/v2"
        return fault if top and isinstance(request, Fetch) and not request.init else None

    world = World(make_movie(8), controller=Scripted([2]), fault=no_media).run()

    assert world.finished
    assert len([f for f in world.of(Fetch) if f.representation == "0/v2" and f.init]) <= 1


def test_news_of_what_was_never_asked_for_is_no_news() -> None:
    index = even_index("x", 3)
    strays = (
        Fetched(99, 10, 1_000_000),
        FetchFailed(99, "reset", ""),
        Resolved(99, index),
        ResolveFailed(99, "reset", ""),
    )

    world = World(make_movie(5), script=[(1.0, stray) for stray in strays]).run()

    heard = [actions for _, event, actions in world.log if event in strays]
    assert heard == [(), (), (), ()]
    assert world.finished


def test_an_index_waits_while_every_host_rests() -> None:
    world = World(
        make_playlists(5),
        fault=lambda request, now_us: (
            REFUSED if isinstance(request, Resolve) and now_us < 500_000 else None
        ),
    ).run()

    assert [fetch for at_s, fetch in world.timed(Fetch) if at_s < 0.5] == []
    assert world.finished


def test_an_init_that_only_another_host_has_is_fetched_by_that_hosts_playlist() -> None:
    def fault(request: Fetch | Resolve, now_us: int) -> Fault | None:
        first = isinstance(request, Fetch) and request.init and request.host == "a"
        return Fault("media") if first else None

    world = World(make_playlists(5), fault=fault).run()

    (init,) = {f.host for f in world.of(Fetch) if f.init and f.host != "a"}
    assert init == "b"
    assert {f.host for f in world.of(Fetch) if not f.init} == {"a"}
    assert world.finished
