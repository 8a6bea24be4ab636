"""The laws of the Session, over any title, any network and any viewer."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from core_titles import LADDER, SOUND_BPS, Movie, make_movie, movies
from core_world import GONE, MISSING, REFUSED, SILENT, Deed, Fault, Faults, World, faulty
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import abr
from netplay.core.device import Device, Preferences
from netplay.core.messages import (
    Decoded,
    DecodeFailed,
    DecodeLagged,
    DeviceChanged,
    Event,
    Fail,
    Fetch,
    Fetched,
    FetchFailed,
    Finish,
    NetworkChanged,
    NetworkMemory,
    Opened,
    Paused,
    Progressed,
    RateSet,
    Rendered,
    Resolve,
    Resolved,
    ResolveFailed,
    Resumed,
    Sought,
    Tick,
    TracksChosen,
)
from netplay.core.rules import SessionRules
from netplay.core.session import Session

worlds = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

controllers = st.sampled_from(("hybrid", "throughput", "fixed"))
rates_bps = st.sampled_from((150_000.0, 600_000.0, 1_500_000.0, 5_000_000.0, 50_000_000.0))
rtts_us = st.sampled_from((0, 20_000, 300_000))
positions_us = st.integers(-1_000_000, 80_000_000)
rates = st.sampled_from((Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(2)))
wishes = st.builds(
    Preferences,
    audio_languages=st.sampled_from(((), ("en",), ("de",))),
    text_languages=st.sampled_from(((), ("en",))),
    max_height=st.sampled_from((None, 180, 540)),
    video=st.sampled_from((True, True, True, False)),
)
viewer: st.SearchStrategy[Deed] = st.one_of(
    st.builds(Sought, positions_us, st.booleans()),
    st.just(Paused()),
    st.just(Resumed()),
    st.builds(RateSet, rates),
    st.builds(TracksChosen, wishes),
    st.just(DeviceChanged(Device(max_height=360))),
    st.just(NetworkChanged(NetworkMemory(2_000_000, 30_000), Device(network="cellular"))),
    st.just(Tick()),
)
faults = st.sampled_from(
    (
        None,
        REFUSED,
        MISSING,
        GONE,
        SILENT,
        Fault("status", status=503, retry_after_us=3_000_000),
        Fault("reset", after_bytes=20_000),
        Fault(None, after_bytes=20_000),
        Fault("short", after_bytes=1_000),
        Fault("media"),
    )
)


@st.composite
def broken(draw: st.DrawFn) -> Faults:
    """Draw hosts that fail by host, by kind of request and by time, the same way every time."""
    answers = draw(st.lists(faults, min_size=1, max_size=7))
    from_us = draw(st.sampled_from((0, 2_000_000, 8_000_000)))
    until_us = draw(st.sampled_from((5_000_000, 15_000_000, 10**12)))

    def fault(request: Fetch | Resolve, now_us: int) -> Fault | None:
        if not from_us <= now_us < until_us:
            return None
        name = f"{request.host}{request.representation}"
        number = request.number if isinstance(request, Fetch) else -1
        return answers[(sum(name.encode()) + number) % len(answers)]

    return fault


def known_ids(world: World) -> list[int]:
    """Return every id the Session has used, and some it has not."""
    return [*range(world.watch.newest_id + 3), 10**9, -1]


@st.composite
def noise(draw: st.DrawFn) -> Deed:
    """Draw an event that says something of a request or a generation that is not current."""
    pick = draw(st.integers(0, 10**6))
    kind = draw(st.integers(0, 8))

    def deed(world: World) -> Event | None:
        ids = [i for i in known_ids(world) if i not in world.watch.live]
        name = ids[pick % len(ids)]
        now_us = world.now_us
        track = ("video", "audio", "text")[pick % 3]
        old = world.watch.generations.get(track, 0) - 1
        made: tuple[Event, ...] = (
            Fetched(name, 1_000, now_us, now_us, 0, 2_000_000),
            Progressed(name, 500, now_us, 1_000, now_us, 0, 1_000_000),
            FetchFailed(name, "status", "late", status=404),
            Resolved(name, world.movie.index(*some_resource(world.movie))),
            ResolveFailed(name, "status", "late", status=404),
            Decoded(track, old, 0, 40_000),  # type: ignore[arg-type]  # one of the three
            DecodeFailed(track, old, name, "late"),  # type: ignore[arg-type]
            DecodeLagged(track, old, 90, 10, 1_000_000),  # type: ignore[arg-type]
            Rendered(track, old, 70_000_000, now_us, 0),  # type: ignore[arg-type]
        )
        return made[kind]

    return deed


def some_resource(movie: Movie) -> tuple[str, str]:
    rep = next(movie.presentation.periods[0].representations)
    return rep.id, rep.locations[0].host


def scripts(*deeds: st.SearchStrategy[Deed]) -> st.SearchStrategy[list[tuple[float, Deed]]]:
    at_s = st.floats(0, 40, allow_nan=False).map(lambda s: round(s, 3))
    return st.lists(st.tuples(at_s, st.one_of(*deeds)), max_size=8)


@st.composite
def any_world(draw: st.DrawFn, *deeds: st.SearchStrategy[Deed], checked: bool = True) -> World:
    return World(
        draw(movies()),
        rate_bps=draw(rates_bps),
        rtt_us=draw(rtts_us),
        fault=draw(broken()),
        script=draw(scripts(viewer, *deeds)),
        controller=abr.controller(draw(controllers)),
        rules=SessionRules(
            max_buffer_bytes=draw(st.sampled_from((400_000, 128 << 20))),
            target_us=draw(st.sampled_from((4_000_000, 30_000_000))),
        ),
        wants=draw(wishes),
        start_us=draw(st.sampled_from((None, 0, 3_000_000, 10**9))),
        paused=draw(st.booleans()),
        renders=draw(st.booleans()),
        drift_us=draw(st.sampled_from((0, 0, 15_000, -40_000))),
        checked=checked,
    )


@pytest.mark.slow
@worlds
@given(any_world(noise()))
def test_whatever_happens_every_promise_is_kept(world: World) -> None:
    world.run(until_s=150)

    assert len(world.of(Fail)) <= 1


@pytest.mark.slow
@worlds
@given(any_world(noise(), checked=False), st.integers(0, 2**64 - 1))
def test_the_same_log_gives_the_same_actions(world: World, seed: int) -> None:
    world.session.seed = seed
    world.run(until_s=100)
    name = type(world.session.controller).__name__.lower()
    again = Session(abr.controller(name), rules=world.session.rules, seed=seed)

    replayed = [tuple(again.handle(event, now_us)) for now_us, event, _ in world.log]

    assert replayed == [actions for _, _, actions in world.log]


@pytest.mark.slow
@worlds
@given(any_world(noise()))
def test_early_ticks_change_nothing(world: World) -> None:
    """The world has asked an early Tick after every event; a replay without them agrees."""
    world.run(until_s=100)
    name = type(world.session.controller).__name__.lower()
    again = Session(abr.controller(name), rules=world.session.rules)

    replayed = [tuple(again.handle(event, now_us)) for now_us, event, _ in world.log]

    assert replayed == [actions for _, _, actions in world.log]


@pytest.mark.slow
@worlds
@given(any_world(), st.lists(st.tuples(st.integers(0, 400), noise()), min_size=1, max_size=20))
def test_what_is_late_or_unknown_is_ignored(
    world: World, strays: list[tuple[int, Callable[[World], Event | None]]]
) -> None:
    world.run(until_s=100)
    name = type(world.session.controller).__name__.lower()
    again = World(
        world.movie, controller=abr.controller(name), rules=world.session.rules, checked=False
    )
    replayed = []

    for place, (now_us, event, _) in enumerate(world.log):
        replayed.append(tuple(again.session.handle(event, now_us)))
        again.now_us = now_us
        again.watch.saw(event, replayed[-1])
        due_us = again.session.next_wakeup_us
        for at, stray in strays:
            if due_us is not None and due_us <= now_us:
                continue  # a Tick that is due may come in any guise
            if at == place % 401 and (late := stray(again)) is not None:
                assert again.session.handle(late, now_us) == []

    assert replayed == [actions for _, _, actions in world.log]


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_time_never_goes_back_and_the_attempt_does_no_harm(now_us: int, back_us: int) -> None:
    session, untouched = Session(abr.controller("hybrid")), Session(abr.controller("hybrid"))
    opened = Opened(make_movie().presentation, Device(), Preferences(), asked_us=0)
    session.handle(opened, now_us)
    untouched.handle(opened, now_us)

    with pytest.raises(ValueError, match="time went back"):
        session.handle(Sought(20_000_000), now_us - back_us)

    assert session.status() == untouched.status()
    assert session.handle(Resumed(), now_us) == untouched.handle(Resumed(), now_us)
    assert session.next_wakeup_us == untouched.next_wakeup_us


def test_a_session_begins_with_opened_and_hears_it_once() -> None:
    session = Session(abr.controller("hybrid"))
    opened = Opened(make_movie().presentation, Device(), Preferences(), asked_us=0)

    with pytest.raises(ValueError, match="begins with Opened"):
        session.handle(Tick(), 0)
    session.handle(opened, 0)

    with pytest.raises(ValueError, match="begins with Opened"):
        session.handle(opened, 1)


@pytest.mark.slow
@worlds
@given(movie=movies(whole=True), controller=controllers, rtt_us=rtts_us, drift=st.booleans())
def test_a_link_faster_than_the_ladder_plays_to_the_end_without_a_stall(
    movie: Movie, controller: str, rtt_us: int, drift: bool
) -> None:
    rate_bps = 4 * (LADDER[-1][0] + SOUND_BPS)
    world = World(
        movie, rate_bps=rate_bps, rtt_us=rtt_us, controller=abr.controller(controller)
    ).run()

    assert world.finished
    assert world.stalls() == []
    assert {track: us for track, us in world.missed_us.items() if us > 0} == {}


@pytest.mark.slow
@worlds
@given(
    movie=movies(),
    fault=st.sampled_from(
        (REFUSED, MISSING, SILENT, Fault("reset", after_bytes=10), Fault("media"))
    ),
    dead_s=st.sampled_from((0, 1, 5)),
)
def test_when_every_host_dies_it_ends_in_one_fail_or_the_end(
    movie: Movie, fault: Fault, dead_s: int
) -> None:
    world = World(movie, fault=faulty(fault, from_s=dead_s)).run()

    assert len(world.of(Fail)) + len(world.of(Finish)) == 1


@pytest.mark.slow
@worlds
@given(any_world())
def test_no_lane_holds_more_than_it_may(world: World) -> None:
    rules, longest_us = world.session.rules, 5_000_000
    # A seek back makes what is kept behind the playhead lie ahead of it.
    limit_us = rules.max_buffer_us + longest_us + rules.back_us

    world.run(until_s=100)

    assert all(lane.ahead_us <= limit_us for lane in world.session.status().lanes)
