"""Licences: asked for beside the media, renewed, soft when renewal fails, hard at their end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from core_titles import LADDER, Movie, even_index, make_movie, make_rep, of_periods
from core_world import Service, World
from hypothesis import given, settings
from hypothesis import strategies as st

import abr
from netplay.core.device import Device
from netplay.core.messages import (
    CloseKeys,
    DecodeFailed,
    Fail,
    Feed,
    Fetch,
    Finish,
    KeysFailed,
    KeysReady,
    OpenKeys,
    Play,
    ProtectionFound,
    Removed,
    RenewKeys,
)
from netplay.core.rules import SessionRules
from netplay.segments import Protection
from netplay.timeline import AdaptationSet, Period

WIDEVINE = "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
CLEARKEY = "e2719d58-a985-b3c9-781a-b030af78d30e"
SD, HD, SOUND = "0" * 31 + "1", "0" * 31 + "2", "0" * 31 + "3"
DEVICE = Device(key_systems=(WIDEVINE, CLEARKEY), keys_by_id=(CLEARKEY,))
LICENCE_US = 200_000


def way(kid: str, *, pssh: bytes = b"pssh", system: str = WIDEVINE) -> Protection:
    return Protection(system, scheme="cenc", default_kid=kid, pssh=pssh)


def protected(
    movie: Movie | None = None, *, of: Callable[[str], Sequence[Protection]] | None = None
) -> Movie:
    """Return a title whose low rungs, high rungs and sound each have a key of their own."""
    movie = movie or make_movie()

    def ways(rep_id: str) -> Sequence[Protection]:
        if rep_id.startswith("0/a"):
            return (way(SOUND),)
        return (way(SD if rep_id in ("0/v0", "0/v1") else HD),)

    periods = [
        replace(
            period,
            sets=tuple(
                replace(
                    group,
                    representations=tuple(
                        replace(rep, protections=tuple((of or ways)(rep.id)))
                        for rep in group.representations
                    ),
                )
                for group in period.sets
            ),
        )
        for period in movie.presentation.periods
    ]
    return Movie(replace(movie.presentation, periods=tuple(periods)), movie.hidden)


def granting(
    *kids: str,
    after_us: int = LICENCE_US,
    refused: tuple[tuple[str, str], ...] = (),
    renew_us: int | None = None,
    lasts_us: int | None = None,
) -> Service:
    def answer(action: OpenKeys | RenewKeys, now_us: int) -> tuple[int, KeysReady]:
        ready = KeysReady(
            action.key_session,
            kids or (SD, HD, SOUND),
            refused,
            None if renew_us is None else now_us + renew_us,
            None if lasts_us is None else now_us + lasts_us,
        )
        return after_us, ready

    return answer


def world(movie: Movie, service: Service, **more: object) -> World:
    # A controller whose rungs are known: the default's preset may change.
    settings: dict[str, object] = {"controller": abr.controller("hybrid-article")} | more
    return World(movie, service=service, device=DEVICE, **settings)  # type: ignore[arg-type]


def test_the_licence_leaves_in_the_same_breath_as_the_media_and_before_it() -> None:
    run = world(protected(), granting()).run(until_s=10)

    _, _, actions = run.log[0]
    kinds = [type(action).__name__ for action in actions]
    assert kinds[0] == "OpenKeys"
    assert kinds.count("OpenKeys") == 1, "one licence brings all keys of one init data"
    assert [a.track for a in actions if isinstance(a, Fetch) and not a.init] == ["video", "audio"]
    assert run.stalls() == []


def test_the_first_frame_waits_for_the_later_of_licence_and_segment_never_for_their_sum() -> None:
    clear = world(make_movie(), granting()).run(until_s=10).timed(Play)[0][0]
    quick = world(protected(), granting(after_us=1_000)).run(until_s=10).timed(Play)[0][0]
    slow = world(protected(), granting(after_us=3_000_000)).run(until_s=10).timed(Play)[0][0]

    assert quick == clear
    assert 3.0 <= slow < 3.0 + 0.1


def test_media_is_fed_before_its_key_is_there() -> None:
    run = world(protected(), granting(after_us=3_000_000)).run(until_s=2.9)

    assert {feed.track for feed in run.of(Feed)} == {"video", "audio"}
    assert run.of(Play) == []


def test_where_the_manifest_has_no_init_data_the_init_segment_brings_it() -> None:
    movie = protected(of=lambda rep: (way(SD if rep[2] == "v" else SOUND, pssh=b""),))
    found = [
        (0.06, ProtectionFound(rep, (way(kid, pssh=b"in the init segment"),)))
        for rep, kid in (("0/v0", SD), ("0/a0", SOUND))
    ]
    run = world(movie, granting(), script=found).run(until_s=10)

    (asked_s, opened), *more = run.timed(OpenKeys)
    assert (asked_s, opened.protection.pssh, more) == (0.06, b"in the init segment", [])
    assert set(opened.kids) >= {SD}
    assert run.of(Play)


def test_init_data_of_the_media_is_sent_to_where_the_manifest_says_licences_are() -> None:
    url = "https://licences.example/"
    movie = protected(of=lambda _: (replace(way(HD, pssh=b""), license_url=url),))
    found = [
        (0.06, ProtectionFound(rep, (way(HD, pssh=b"in the init segment"),)))
        for rep in ("0/v1", "0/a0")
    ]
    run = world(movie, granting(), script=found).run(until_s=10)

    assert [opened.protection.license_url for opened in run.of(OpenKeys)] == [url]
    assert run.of(Play)


def test_media_that_needs_a_licence_that_was_denied_already_says_what_the_server_said() -> None:
    def service(action: OpenKeys | RenewKeys, _: int) -> tuple[int, KeysFailed]:
        return 0, KeysFailed(action.key_session, "403: not in your plan", denied=True)

    movie = protected(of=lambda rep: (way(SD if rep[2] == "v" else SOUND, pssh=b""),))
    found = [
        (at_s, ProtectionFound(rep, (way(kid, pssh=b"in the init segment"),)))
        for at_s, rep, kid in ((0.06, "0/v1", SD), (0.061, "0/a0", SOUND))
    ]
    run = world(movie, service, script=found).run(until_s=10)

    gone = {removed.representation: removed.reason for removed in run.of(Removed)}
    assert gone["0/v1"] == gone["0/a0"] == "403: not in your plan"
    assert len(run.of(OpenKeys)) == 1


def test_init_data_in_a_data_uri_is_asked_for_once_whichever_playlists_have_it() -> None:
    uri = "data:text/plain;base64,cHNzaA=="
    movie = protected(of=lambda rep: (replace(way(SOUND if rep[2] == "a" else HD), key_uri=uri),))
    run = world(movie, granting()).run(until_s=10)

    (opened,) = run.of(OpenKeys)
    assert opened.representation == ""


def test_a_system_that_asks_by_key_id_asks_once_for_all_keys() -> None:
    movie = protected(
        of=lambda rep: (way(SOUND if rep[2] == "a" else HD, pssh=b"", system=CLEARKEY),)
    )
    run = world(movie, granting()).run(until_s=10)

    (opened,) = run.of(OpenKeys)
    assert set(opened.kids) == {SOUND, HD}


def test_encryption_that_names_no_system_is_tried_with_one_that_asks_by_key_id() -> None:
    movie = protected(of=lambda _: (way(HD, pssh=b"", system=""),))
    run = world(movie, granting()).run(until_s=10)

    (opened,) = run.of(OpenKeys)
    assert opened.protection.system == CLEARKEY


def test_keys_that_the_output_may_not_use_cost_their_rungs_and_nothing_else() -> None:
    service = granting(SD, SOUND, refused=((HD, "needs HDCP 2.2"),))
    run = world(protected(), service, rate_bps=50e6).run()

    gone = {removed.representation: removed.reason for removed in run.of(Removed)}
    assert gone
    assert set(gone.values()) == {"needs HDCP 2.2"}
    assert {rep for rep, _ in run.segments()[3:]} == {"0/v1"}
    assert run.of(Finish)
    assert run.of(Fail) == []


def test_a_key_that_never_comes_drops_its_rungs_and_fails_only_when_nothing_is_left() -> None:
    some = world(protected(), granting(SD, SOUND), rate_bps=50e6).run()
    none = world(protected(), granting("f" * 32)).run()

    assert some.of(Finish)
    assert none.failed is not None
    assert none.failed.error == "LicenseError"
    assert ("0/v0", "the licence holds no key for it") in none.failed.attempts
    assert none.now_us < 1_000_000, "there is nothing to wait for"


def test_a_denied_licence_fails_at_once_and_says_what_the_server_said() -> None:
    def service(action: OpenKeys | RenewKeys, _: int) -> tuple[int, KeysFailed]:
        return LICENCE_US, KeysFailed(action.key_session, "403: not in your plan", denied=True)

    run = world(protected(), service).run()

    assert run.failed is not None
    assert run.failed.error == "LicenseError"
    assert {said for _, said in run.failed.attempts} == {"403: not in your plan"}
    assert len(run.of(OpenKeys)) == 1


def test_a_service_that_is_down_is_asked_thrice_and_then_playback_fails_closed() -> None:
    def service(action: OpenKeys | RenewKeys, _: int) -> tuple[int, KeysFailed]:
        return 10_000, KeysFailed(action.key_session, "503")

    run = world(protected(), service).run()

    assert len(run.of(OpenKeys)) == 3
    assert run.failed is not None
    assert run.failed.error == "LicenseError"
    assert run.now_us < 3_000_000


def test_a_service_that_asks_to_be_left_alone_is() -> None:
    times: list[int] = []

    def service(action: OpenKeys | RenewKeys, now_us: int) -> tuple[int, KeysReady | KeysFailed]:
        times.append(now_us)
        if len(times) == 1:
            return 0, KeysFailed(action.key_session, "429", retry_after_us=4_000_000)
        return 0, KeysReady(action.key_session, (SD, HD, SOUND))

    run = world(protected(), service).run(until_s=20)

    assert times[1] - times[0] >= 4_000_000
    assert run.of(Play)


def test_the_next_key_system_is_asked_where_the_first_denies() -> None:
    def service(action: OpenKeys | RenewKeys, _: int) -> tuple[int, KeysReady | KeysFailed]:
        if isinstance(action, OpenKeys) and action.protection.system == WIDEVINE:
            return 0, KeysFailed(action.key_session, "revoked", denied=True)
        return 0, KeysReady(action.key_session, (SD, HD, SOUND))

    movie = protected(of=lambda _: (way(HD), way(HD, system=CLEARKEY)))
    run = world(movie, service).run(until_s=10)

    assert [opened.protection.system for opened in run.of(OpenKeys)] == [WIDEVINE, CLEARKEY]
    assert run.of(Play)


def test_a_licence_is_renewed_before_it_expires_without_touching_playback() -> None:
    service = granting(renew_us=25_000_000, lasts_us=30_000_000)
    run = world(protected(), service).run()

    assert [round(at_s) for at_s, _ in run.timed(RenewKeys)] == [25, 50]
    assert run.of(Finish)
    assert run.stalls() == []


def test_when_renewal_fails_playback_goes_on_until_expiry_and_stops_at_that_moment() -> None:
    def service(action: OpenKeys | RenewKeys, _: int) -> tuple[int, KeysReady | KeysFailed]:
        if isinstance(action, RenewKeys):
            return 100_000, KeysFailed(action.key_session, "500")
        return 0, KeysReady(action.key_session, (SD, HD, SOUND), (), 10_000_000, 30_000_000)

    run = world(protected(), service).run()

    asked = [at_s for at_s, _ in run.timed(RenewKeys)]
    pauses = [later - sooner for sooner, later in pairwise(asked)]
    assert len(asked) >= 4
    assert all(later > sooner for sooner, later in pairwise(pauses))
    assert run.stalls() == []
    assert run.failed == Fail("LicenseError", "the licence", (), "it expired")
    assert run.now_us == 30_000_000


def test_a_renewal_that_is_denied_is_not_asked_for_again() -> None:
    def service(action: OpenKeys | RenewKeys, _: int) -> tuple[int, KeysReady | KeysFailed]:
        if isinstance(action, RenewKeys):
            return 0, KeysFailed(action.key_session, "the plan ended", denied=True)
        return 0, KeysReady(action.key_session, (SD, HD, SOUND), (), 10_000_000, 30_000_000)

    run = world(protected(), service).run()

    assert len(run.of(RenewKeys)) == 1
    assert run.now_us == 30_000_000


def two_periods() -> Movie:
    def period(number: int, kid: str) -> Period:
        start_us = number * 60_000_000
        reps = tuple(
            replace(
                make_rep(
                    f"{number}/v{rung}",
                    "video",
                    bps,
                    even_index(f"v{rung}", 30, start_us=start_us),
                    height=height,
                ),
                protections=(way(kid, pssh=kid.encode()),),
            )
            for rung, (bps, height) in enumerate(LADDER)
        )
        sets = (AdaptationSet(f"{number}/v", "video", reps),)
        return Period(str(number), start_us, start_us + 60_000_000, sets)

    return of_periods(period(0, SD), period(1, HD))


def test_the_next_key_is_there_before_its_segment_is_due() -> None:
    run = world(two_periods(), granting(SD, HD)).run()

    first, second = run.timed(OpenKeys)
    assert first[0] == 0
    assert 20 < second[0] < 59, "with the first segment of the Period that needs it"
    assert run.of(Finish)
    assert run.stalls() == []


def test_old_licences_are_closed_when_there_are_too_many() -> None:
    run = world(two_periods(), granting(SD, HD), rules=SessionRules(key_sessions=1)).run()

    assert run.of(CloseKeys) == []  # both are the newest of what they open
    assert run.of(Finish)


def test_keys_that_change_within_a_rung_are_asked_for_and_the_oldest_closed() -> None:
    kids = [f"{number:032x}" for number in range(1, 5)]
    movie = protected(of=lambda rep: (way(SOUND if rep[2] == "a" else kids[0]),))

    def service(action: OpenKeys | RenewKeys, _: int) -> tuple[int, KeysReady]:
        if isinstance(action, OpenKeys) and action.protection.pssh != b"pssh":
            return 0, KeysReady(action.key_session, (action.protection.default_kid,))
        return 0, KeysReady(action.key_session, (SOUND, kids[0]))

    found = [
        (
            1.0 * at_s,
            ProtectionFound("0/v0", (way(kid, pssh=kid.encode()),), fetch_id=1_000 + at_s),
        )
        for at_s, kid in enumerate(kids[1:], start=5)
    ]
    rules = SessionRules(key_sessions=3)
    run = world(movie, service, script=found, rules=rules).run(until_s=20)

    assert [opened.kids for opened in run.of(OpenKeys)][1:] == [(kid,) for kid in kids[1:]]
    assert len(run.of(CloseKeys)) == 1
    assert run.failed is None


def test_a_wrong_key_is_a_licence_error_once_nothing_else_is_left() -> None:
    movie = protected(make_movie(ladder=LADDER[:1], sound=()), of=lambda _: (way(SD),))
    run = world(movie, granting(SD))

    def wrong(world_: World) -> None:
        fetch = next(one for one in world_.of(Fetch) if not one.init)
        world_.tell(DecodeFailed("video", 0, fetch.fetch_id, "the key is wrong", locked=True))

    run._push(1_000_000, wrong)
    run.run()

    assert run.failed is not None
    assert run.failed.error == "LicenseError"
    assert run.failed.attempts == (("0/v0", "the key is wrong"),)


def test_without_a_key_system_nothing_is_asked_for() -> None:
    run = World(protected()).run()

    assert run.of(OpenKeys) == []
    assert run.failed is not None
    assert run.failed.error == "LicenseError"


ANSWERS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 5_000_000), st.sampled_from(("503", "denied"))),
        st.tuples(st.integers(0, 5_000_000), st.sets(st.sampled_from((SD, HD, SOUND)), min_size=1)),
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=30)
@given(
    answers=ANSWERS,
    renew_s=st.none() | st.integers(1, 40),
    lasts_s=st.none() | st.integers(1, 80),
)
def test_whatever_a_service_answers_it_ends_with_the_film_or_a_typed_error(
    answers: list[tuple[int, str | set[str]]], renew_s: int | None, lasts_s: int | None
) -> None:
    left = iter(answers)

    def service(action: OpenKeys | RenewKeys, now_us: int) -> tuple[int, KeysReady | KeysFailed]:
        after_us, what = next(left, (0, {SD, HD, SOUND}))
        if isinstance(what, str):
            return after_us, KeysFailed(action.key_session, what, denied=what == "denied")
        return after_us, KeysReady(
            action.key_session,
            tuple(sorted(what)),
            (),
            None if renew_s is None else now_us + after_us + renew_s * 1_000_000,
            None if lasts_s is None else now_us + after_us + lasts_s * 1_000_000,
        )

    run = world(protected(), service).run()

    assert run.finished != (run.failed is not None)
    if run.failed is not None:
        assert run.failed.error == "LicenseError"
    for opened in run.of(OpenKeys):
        assert opened.key_session > 0
