"""Widevine's whole exchange through the whole player: over HTTP, in privacy mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import numpy as np
import pytest

import abr
from drm import Widevine
from drm.policy import Hdcp, Output, SecurityLevel
from netplay import LicenseError, Network, Player, SkippingClock
from netplay.core.messages import (
    Fetch,
    Fetched,
    KeysFailed,
    KeysReady,
    OpenKeys,
    ProtectionFound,
    Removed,
    RenewKeys,
)
from netplay.edge.license.authority import Authority, SyntheticDevice
from netplay.edge.license.faults import Fault, FaultKind
from netplay.edge.license.policy import (
    RateLimit,
    Terms,
)
from netplay.io.net.http import Timeouts

from .cinema import (
    LAPTOP,
    ROTATING,
    SECOND,
    SLOW,
    TABLET,
    Cinema,
    House,
    of_keys,
    policy,
    running_house,
)
from .protected import KEYS, PLAN
from .screen import Screen, Watch, decoded_frames, decoded_sound, gaps, joined

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RUNG = "video-72p-120k"
QUICK = Timeouts(document_s=0.4)
"""To give up on a service that says nothing."""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def laptop(authority: Authority) -> SyntheticDevice:
    return authority.device(LAPTOP)


@pytest.fixture(scope="module")
def house(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[House]:
    with running_house(folder, tmp_path_factory.mktemp("house"), authority) as house:
        yield house


@pytest.fixture
def cinema(house: House, folder: Path, authority: Authority, laptop: SyntheticDevice) -> Cinema:
    return Cinema(house, folder, authority, laptop)


async def watched(
    url: str,
    system: Widevine,
    *,
    screen: Screen | None = None,
    watch: Watch | None = None,
    **more: object,
) -> Screen:
    """Play a title to its end at the middle rung."""
    screen = screen or Screen()
    settings: dict[str, object] = {"controller": abr.Fixed(1), "clock": SkippingClock()} | more
    with anyio.fail_after(30):
        async with Player(
            screen,
            key_systems=[system],
            taps=[watch] if watch is not None else [],
            **settings,  # type: ignore[arg-type]  # what each test passes
        ) as player:
            await player.open(url)
            await player.play()
            await player.wait_finished()
    return screen


def assert_is_the_clear_title(screen: Screen, folder: Path) -> None:
    assert screen.frames == decoded_frames(folder, RUNG)
    np.testing.assert_array_equal(joined(screen.blocks), decoded_sound(folder, "audio-en"))


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_title_plays_to_the_frames_of_the_clear_one_and_nobody_saw_who_asked(
    cinema: Cinema,
) -> None:
    watch = Watch()
    screen = await watched(cinema.url(), cinema.widevine(), watch=watch)
    heard = cinema.heard()

    assert_is_the_clear_title(screen, cinema.folder)
    assert [(one.purpose, one.outcome) for one in heard] == [
        ("certificate", "granted"),
        ("license", "granted"),
    ]
    assert heard[1].device == cinema.device.serial
    assert set(heard[1].kids) == KEYS.keys(), "one licence for every key of the title"


async def test_hls_plays_too(cinema: Cinema) -> None:
    screen = await watched(cinema.url("tiny/master.m3u8"), cinema.widevine(with_token=True))
    assert_is_the_clear_title(screen, cinema.folder)


async def test_with_init_data_in_the_manifest_the_licence_leaves_before_any_media_does(
    cinema: Cinema,
) -> None:
    watch = Watch()
    await watched(cinema.url(), cinema.widevine(), watch=watch)

    kinds = [type(m) for m in watch.messages if isinstance(m, OpenKeys | Fetch | KeysReady)]
    assert kinds.index(OpenKeys) < kinds.index(Fetch) < kinds.index(KeysReady)


async def test_with_init_data_in_the_init_segment_the_licence_leaves_while_the_first_segment_comes(
    cinema: Cinema,
) -> None:
    watch = Watch()
    system = cinema.widevine()
    with cinema.link(SLOW):
        async with Player(Screen(), key_systems=[system], taps=[watch]) as player:
            with anyio.fail_after(20):
                await player.open(cinema.url("untold/manifest.mpd"))
                await player.play()
    heard = cinema.heard()

    first = next(m for m in watch.of(Fetch) if m.track == "video" and not m.init)
    asked = watch.messages.index(watch.of(OpenKeys)[0])
    before = watch.messages[:asked]
    assert first in before, "the segment was asked for already"
    assert watch.of(ProtectionFound)[0] in before, "the init segment said how"
    assert first.fetch_id not in {m.fetch_id for m in before if isinstance(m, Fetched)}
    assert [one.purpose for one in heard] == ["certificate", "license"]


# Who may not.


async def test_a_revoked_device_is_told_so(cinema: Cinema) -> None:
    revoked = replace(policy(), revoked_serials=frozenset({cinema.device.serial}))
    screen = Screen()
    cinema.goes_by(revoked)
    with pytest.raises(LicenseError, match="revoked") as failure:
        await watched(cinema.url(), cinema.widevine(), screen=screen)
    assert cinema.outcomes("license") == ["device_revoked"], "a refusal is not asked again"

    assert "403" in str(failure.value)
    assert screen.frames == []


async def test_a_viewer_without_the_entitlement_is_told_so(cinema: Cinema) -> None:
    others = replace(
        policy(), entitlements=(replace(policy().entitlements[0], titles=frozenset({"other"})),)
    )
    cinema.goes_by(others)
    with pytest.raises(LicenseError, match="not entitled to tiny"):
        await watched(cinema.url(), cinema.widevine())
    assert cinema.outcomes("license") == ["not_entitled"]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"hdcp": Hdcp.V2_2}, "needs HDCP V2_2, the output has V1"),
        ({"level": SecurityLevel.HW_SECURE_ALL}, "the licence holds no key for it"),
    ],
)
async def test_rungs_that_the_output_or_the_device_may_not_show_are_left_out_and_the_rest_plays(
    cinema: Cinema, rule: dict[str, object], why: str
) -> None:
    watch = Watch()
    cinema.goes_by(policy(None, **rule))
    system = cinema.widevine(output=Output(hdcp=Hdcp.V1))
    screen = await watched(cinema.url(), system, watch=watch)

    assert screen.frames == decoded_frames(cinema.folder, "video-36p-60k")
    assert {removed.reason for removed in watch.of(Removed)} == {why}


async def test_the_weaker_of_two_devices_gets_fewer_rungs(
    cinema: Cinema, authority: Authority
) -> None:
    rule = policy(level=SecurityLevel.SW_SECURE_DECODE)
    cinema.goes_by(rule)
    output = Output(security_level=SecurityLevel.SW_SECURE_DECODE)
    better = await watched(cinema.url(), cinema.widevine(output=output))
    weaker = await watched(cinema.url(), cinema.widevine(authority.device(TABLET)))

    assert better.frames == decoded_frames(cinema.folder, RUNG)
    assert weaker.frames == decoded_frames(cinema.folder, "video-36p-60k")


# While it plays.


async def test_a_licence_is_renewed_while_it_plays(cinema: Cinema) -> None:
    watch, screen = Watch(), Screen()
    terms = Terms(license_duration_s=2, can_renew=True, renewal_delay_s=1)
    cinema.goes_by(policy(terms))
    system = cinema.widevine(with_token=True)
    with anyio.fail_after(30):
        async with Player(screen, key_systems=[system], taps=[watch]) as player:
            await player.open(cinema.url())
            await player.set_rate(2)
            await player.play()
            await player.wait_finished()
    renewed = cinema.outcomes("renewal")

    ends_us = [ready.expires_at_us for ready in watch.of(KeysReady)]
    assert set(renewed) == {"granted"}
    unanswered = len(watch.of(RenewKeys)) - (len(ends_us) - 1)
    assert len(ends_us) > 1
    assert unanswered in (0, 1)  # the last one may be on its way when the title ends
    assert None not in ends_us
    assert ends_us == sorted(ends_us)  # type: ignore[type-var]  # None is not in it
    assert screen.positions_us[-1] > 5_900_000


async def test_a_licence_that_cannot_be_renewed_any_more_plays_on_to_its_end(
    cinema: Cinema,
) -> None:
    watch, screen = Watch(), Screen()
    terms = Terms(license_duration_s=2, can_renew=True, renewal_delay_s=1)
    cinema.goes_by(policy(terms))
    cinema.fail(Fault(kind="status", purpose="renewal", times=None))
    with pytest.raises(LicenseError, match="expired"):
        await watched(cinema.url(), cinema.widevine(), screen=screen, watch=watch, clock=None)

    assert watch.of(KeysFailed), "it was reported when the renewal failed"
    assert 1_000_000 < screen.positions_us[-1] < 2_200_000


async def test_keys_that_rotate_within_the_media_play_on_without_a_seam(cinema: Cinema) -> None:
    cinema.goes_by(of_keys(*ROTATING.tiers))

    screen = await watched(cinema.url("rotating/manifest.mpd"), cinema.widevine())

    assert_is_the_clear_title(screen, cinema.folder)
    assert cinema.outcomes("license") == ["granted"]


async def test_the_keys_of_the_next_period_are_there_before_it_is_due(cinema: Cinema) -> None:
    watch = Watch()
    cinema.goes_by(of_keys(*PLAN.tiers, *SECOND.tiers))

    screen = await watched(
        cinema.url("tiny/joined.mpd"), cinema.widevine(with_token=True), watch=watch
    )

    shown = [(frame.number, frame.digest) for frame in screen.frames]
    once = [(frame.number, frame.digest) for frame in decoded_frames(cinema.folder, RUNG)]
    assert shown == once * 2
    assert all(abs(apart_us) < 1000 for _, apart_us in gaps(screen.blocks))
    assert cinema.outcomes("license") == ["granted", "granted"]
    kinds = [m for m in watch.messages if isinstance(m, OpenKeys | Fetch | KeysReady)]
    asked = kinds.index(watch.of(OpenKeys)[1])
    assert not [m for m in kinds[:asked] if isinstance(m, Fetch) and m.representation[0] == "1"]


# What goes wrong.


@pytest.mark.parametrize("kind", ["malformed", "forged"])
async def test_a_licence_that_is_none_is_an_error_before_a_frame(
    cinema: Cinema, kind: FaultKind
) -> None:
    screen = Screen()
    cinema.fail(Fault(kind=kind, purpose="license", times=None))
    with pytest.raises(LicenseError, match="no licence for this request"):
        await watched(cinema.url(), cinema.widevine(), screen=screen)
    assert screen.frames == []


async def test_a_licence_for_somebody_elses_request_is_not_taken(cinema: Cinema) -> None:
    screen = Screen()
    await watched(cinema.url(), cinema.widevine())
    cinema.fail(Fault(kind="replay", purpose="license", times=None))
    with pytest.raises(LicenseError, match="no licence for this request"):
        await watched(cinema.url(), cinema.widevine(), screen=screen)
    assert (cinema.outcomes("license"))[1] == "replay"
    assert screen.frames == []


async def test_a_wrong_key_is_an_error_before_a_frame_is_shown(cinema: Cinema) -> None:
    screen = Screen()
    cinema.fail(Fault(kind="wrong_key", times=None))
    with pytest.raises(LicenseError, match="does not fit"):
        await watched(cinema.url(), cinema.widevine(), screen=screen)
    assert screen.frames == []


async def test_a_service_that_is_asked_too_often_is_left_alone_for_as_long_as_it_says(
    cinema: Cinema,
) -> None:
    cinema.goes_by(replace(policy(), rate=RateLimit(burst=1, per_s=1.0)))
    screen = Screen()
    system = cinema.widevine()
    async with Player(screen, key_systems=[system]) as player:
        with anyio.fail_after(20):
            await player.open(cinema.url())
            await player.play()
    heard = cinema.heard()

    assert [one.outcome for one in heard] == ["granted", "rate_limited", "granted"]
    refused_s, granted_s = heard[1].answered_s, heard[2].asked_s
    assert refused_s is not None
    assert granted_s - refused_s >= 1.0, "as Retry-After said"
    assert screen.frames


async def test_a_service_that_hangs_once_is_asked_again(cinema: Cinema) -> None:
    cinema.fail(Fault(kind="hang", purpose="license"))
    async with Network(timeouts=QUICK) as network:
        screen = await watched(cinema.url(), cinema.widevine(), network=network)

    assert_is_the_clear_title(screen, cinema.folder)
    assert cinema.outcomes("license") == ["hang", "granted"]


async def test_a_service_that_hangs_is_given_up_and_nothing_is_shown(cinema: Cinema) -> None:
    watch, screen = Watch(), Screen()
    system = cinema.widevine()
    cinema.fail(Fault(kind="hang", purpose="license", times=None))
    async with Network(timeouts=QUICK) as network:
        with pytest.raises(LicenseError, match=r"no licence within 0\.4 s"):
            await watched(cinema.url(), system, screen=screen, watch=watch, network=network)

    assert len(watch.of(KeysFailed)) == 3
    assert screen.frames == []
