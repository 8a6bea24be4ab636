"""Protected titles through the whole player: the frames of the clear ones, or a typed error."""

from __future__ import annotations

import gc
import json
import pickle
import shutil
from base64 import b64encode, urlsafe_b64encode
from dataclasses import replace
from pathlib import Path

import anyio
import numpy as np
import pytest

import abr
from drm import ClearKey, IdentityKey
from drm.policy import Hdcp, Output
from netplay import (
    CallbackSink,
    Device,
    ImageSink,
    LicenseError,
    NetplayError,
    Network,
    NullSink,
    Player,
    SessionRules,
    SkippingClock,
)
from netplay.core.messages import (
    Fetch,
    KeysReady,
    OpenKeys,
    ProtectionFound,
    Removed,
    RenewKeys,
)
from netplay.edge.encryption.cipher import Scheme
from netplay.edge.encryption.plan import EncryptionPlan, Tier
from netplay.edge.license.faults import Fault
from netplay.edge.license.policy import Terms
from netplay.io.keys.systems import KeySystems
from netplay.telemetry import Header, LogWriter

from .protected import HD, HEADERS, KEYS, PLAN, SOUND, TOKEN, served, service_policy
from .screen import Screen, Watch, decoded_frames, decoded_sound, joined

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RUNG = "video-72p-120k"
SCHEMES: tuple[Scheme, ...] = ("cenc", "cens", "cbc1", "cbcs")

both_loops = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])


async def watched(
    url: str,
    *systems: object,
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
            key_systems=systems,  # type: ignore[arg-type]  # what each test passes
            taps=[watch] if watch is not None else [],
            **settings,  # type: ignore[arg-type]
        ) as player:
            await player.open(url)
            await player.play()
            await player.wait_finished()
    return screen


def assert_is_the_clear_title(screen: Screen, folder: Path) -> None:
    assert screen.frames == decoded_frames(folder, RUNG)
    np.testing.assert_array_equal(joined(screen.blocks), decoded_sound(folder, "audio-en"))


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_every_scheme_plays_to_the_frames_and_samples_of_the_clear_title(
    folder: Path, tmp_path: Path, scheme: Scheme
) -> None:
    plan = replace(PLAN, scheme=scheme, clear_lead=1)
    async with served(folder, tmp_path, plan) as title:
        assert_is_the_clear_title(await watched(title.url, ClearKey()), folder)


@both_loops
@pytest.mark.parametrize("path", ["master.m3u8", "range.m3u8"])
async def test_hls_with_sample_encryption_plays_too(
    folder: Path, tmp_path: Path, path: str
) -> None:
    async with served(folder, tmp_path) as title:
        assert_is_the_clear_title(await watched(title.bed.url(path), ClearKey()), folder)


@pytest.mark.parametrize("path", ["master.m3u8", "ts.m3u8"])
async def test_hls_segments_that_are_encrypted_whole_play_too(
    folder: Path, tmp_path: Path, path: str
) -> None:
    async with served(folder, tmp_path, whole_segments=True) as title:
        assert_is_the_clear_title(await watched(title.bed.url(path), IdentityKey()), folder)


async def test_samples_encrypted_in_a_transport_stream_are_an_error_and_no_garbage(
    folder: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(folder, tmp_path / "title")
    tag = '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="data:;base64,AAECAwQFBgcICQoLDA0ODw=="\n#EXTINF'
    for playlist in (home / "ts").glob("*/media.m3u8"):
        playlist.write_text(playlist.read_text().replace("#EXTINF", tag, 1))
    screen = Screen()

    with pytest.raises(NetplayError, match="SAMPLE-AES in mpegts"):
        await watched((home / "ts.m3u8").as_uri(), IdentityKey(), screen=screen)

    assert not screen.frames


async def test_keys_that_rotate_within_the_media_play_on_without_a_seam(
    folder: Path, tmp_path: Path
) -> None:
    other = replace(HD, kid=bytes(16), key=bytes(range(16)))
    tiers = (Tier((SOUND,), kind="audio"), Tier((HD, other), kind="video"))
    plan = EncryptionPlan(scheme="cenc", tiers=tiers, rotate_every=1)
    keys = {**KEYS, other.kid.hex(): other.key}
    async with served(folder, tmp_path, plan) as title:
        assert_is_the_clear_title(await watched(title.url, ClearKey(keys)), folder)


async def test_the_licence_leaves_before_the_first_bytes_of_media_are_asked_for(
    folder: Path, tmp_path: Path
) -> None:
    watch = Watch()
    async with served(folder, tmp_path) as title:
        await watched(title.url, ClearKey(), watch=watch)

        kinds = [type(m) for m in watch.messages if isinstance(m, OpenKeys | Fetch | KeysReady)]
        assert kinds.index(OpenKeys) < kinds.index(Fetch) < kinds.index(KeysReady)
        assert await title.asked() == ["granted"], "one licence for every key of the title"
        assert watch.of(ProtectionFound), "the init segments say it too"


async def test_a_prepared_title_asks_for_nothing_but_media_when_it_is_opened(
    folder: Path, tmp_path: Path
) -> None:
    watch = Watch()
    async with (
        served(folder, tmp_path) as title,
        Player(Screen(), key_systems=[ClearKey()], clock=SkippingClock(), taps=[watch]) as player,
    ):
        await player.prepare(title.url)
        assert await title.asked() == ["granted"]
        await title.licenses.stop()
        with anyio.fail_after(20):
            await player.open(title.url)
            await player.play()
            await player.wait_finished()

        assert len(watch.of(KeysReady)) == 1


async def test_a_protected_title_without_a_key_system_fails_and_says_so(
    folder: Path, tmp_path: Path
) -> None:
    async with served(folder, tmp_path) as title:
        with pytest.raises(LicenseError, match="key system"):
            await watched(title.url)


async def test_a_denied_licence_fails_closed_with_what_the_server_said(
    folder: Path, tmp_path: Path
) -> None:
    async with served(folder, tmp_path) as title:
        stranger = ClearKey(license_url=f"{title.licenses.url}clearkey?token=stranger")
        with pytest.raises(LicenseError, match="401"):
            await watched(title.url, stranger)


async def test_a_licence_service_that_fails_once_is_asked_again(
    folder: Path, tmp_path: Path
) -> None:
    async with served(folder, tmp_path) as title:
        await title.licenses.fail(Fault(kind="status", status=503))
        assert_is_the_clear_title(await watched(title.url, ClearKey()), folder)
        assert await title.asked() == ["status", "granted"]


async def test_a_licence_service_that_is_down_is_a_licence_error(
    folder: Path, tmp_path: Path
) -> None:
    async with served(folder, tmp_path) as title:
        await title.licenses.fail(Fault(kind="status", status=500, times=None))
        with pytest.raises(LicenseError, match="500"):
            await watched(title.url, ClearKey())
        assert len(await title.asked()) == 3


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_wrong_key_is_an_error_before_a_frame_is_shown(
    folder: Path, tmp_path: Path, scheme: Scheme
) -> None:
    screen = Screen()
    wrong = {kid: bytes(reversed(key)) for kid, key in KEYS.items()}
    async with served(folder, tmp_path, replace(PLAN, scheme=scheme)) as title:
        with pytest.raises(LicenseError, match="does not fit"):
            await watched(title.url, ClearKey(wrong), screen=screen)
    assert screen.frames == []


async def test_rungs_whose_key_the_output_may_not_use_are_left_out_and_the_rest_plays(
    folder: Path, tmp_path: Path
) -> None:
    watch = Watch()
    policy = service_policy(hdcp=Hdcp.V2_2)
    async with served(folder, tmp_path, policy=policy) as title:
        screen = await watched(title.url, ClearKey(output=Output(hdcp=Hdcp.V1)), watch=watch)

    assert screen.frames == decoded_frames(folder, "video-36p-60k")
    assert {removed.reason for removed in watch.of(Removed)} == {
        "needs HDCP V2_2, the output has V1"
    }


async def test_a_licence_is_renewed_while_it_plays(folder: Path, tmp_path: Path) -> None:
    watch = Watch()
    terms = Terms(license_duration_s=4, can_renew=True, renewal_delay_s=1)
    async with served(folder, tmp_path, policy=service_policy(terms)) as title:
        system = ClearKey(license_url=f"{title.licenses.url}clearkey", headers=HEADERS)
        screen = await watched(title.url, system, watch=watch, clock=None)

    assert_is_the_clear_title(screen, folder)
    assert watch.of(RenewKeys)


async def test_an_expired_licence_stops_playback_at_its_moment(
    folder: Path, tmp_path: Path
) -> None:
    screen = Screen()
    terms = Terms(license_duration_s=2)
    async with served(folder, tmp_path, policy=service_policy(terms)) as title:
        with pytest.raises(LicenseError, match="expired"):
            await watched(title.url, ClearKey(), screen=screen, clock=None)
    assert 1_000_000 < screen.positions_us[-1] < 2_100_000


async def test_a_redirect_off_https_is_not_followed(folder: Path, tmp_path: Path) -> None:
    async with served(folder, tmp_path) as title:
        elsewhere = Fault(kind="redirect", location="http://192.0.2.1/", times=None)
        await title.licenses.fail(elsewhere)
        with pytest.raises(LicenseError, match="redirected off https"):
            await watched(title.url, ClearKey())


@pytest.mark.parametrize("allowed", [False, True])
async def test_sinks_that_hand_pictures_out_take_protected_ones_only_by_name(
    folder: Path, tmp_path: Path, allowed: bool
) -> None:
    shown: list[int] = []
    images = tmp_path / "images"
    async with served(folder, tmp_path) as title:
        for sink in (
            CallbackSink(lambda frame: shown.append(frame.position_us), protected=allowed),
            ImageSink(images, image="ppm", protected=allowed),
        ):

            async def play(sink: CallbackSink | ImageSink = sink) -> None:
                async with Player(sink, key_systems=[ClearKey()], clock=SkippingClock()) as player:
                    with anyio.fail_after(20):
                        await player.open(title.url)
                        await player.play()
                        await player.wait_finished()

            if allowed:
                await play()
            else:
                with pytest.raises(LicenseError, match="protected"):
                    await play()
    assert bool(shown) == bool(list(images.glob("*"))) == allowed


async def test_no_key_is_in_anything_that_a_run_writes_or_shows(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    watch, log_path = Watch(), tmp_path / "session.jsonl"
    said = Header.of("fixed", {}, rules=SessionRules(), seed=0)
    system = ClearKey()
    shown: list[str] = []
    async with served(folder, tmp_path) as title:
        with LogWriter(log_path, said) as log:
            async with Player(
                Screen(), key_systems=[system], clock=SkippingClock(), taps=[watch, log]
            ) as player:
                await player.open(title.url)
                await player.play()
                shown += [repr(one) for one in gc.get_objects() if _is_ours(one)]
                await player.wait_finished()
                shown += [repr(player.status()), repr(player.summary()), repr(system)]
        await title.licenses.fail(Fault(kind="malformed", times=None))
        with pytest.raises(LicenseError) as failure:
            await watched(title.url, ClearKey(), watch=watch)
    shown += [repr(failure.value), str(failure.getrepr(showlocals=True))]
    shown += [repr(message) for message in watch.messages]
    logged = log_path.read_text()
    assert TOKEN not in logged
    shown.append(logged)
    shown.append(json.dumps([str(pickle.dumps(message)) for message in watch.messages]))
    shown += list(capfd.readouterr())

    everything = "\n".join(shown)
    assert KEYS.keys() & {kid for kid in KEYS if kid in everything}, "key ids are no secret"
    for key in KEYS.values():
        for spelling in _spellings(key):
            assert spelling not in everything


def _is_ours(one: object) -> bool:
    module = getattr(type(one), "__module__", "")
    return (
        isinstance(module, str)
        and module.startswith(("netplay.io", "netplay.core", "drm"))
        and "edge" not in module
    )


def _spellings(key: bytes) -> list[str]:
    coded = [key.hex(), key.hex().upper(), b64encode(key).decode().rstrip("=")]
    return [*coded, urlsafe_b64encode(key).decode().rstrip("="), repr(key)[2:-1], str(list(key))]


@pytest.mark.parametrize("sink", [NullSink, Screen])
def test_sinks_that_only_count_or_keep_may_be_given_anything(sink: type) -> None:
    assert sink().protected


def test_a_device_of_the_apps_own_keeps_the_key_systems_it_names() -> None:
    systems = KeySystems(Network(), [ClearKey()])

    assert systems.of_device(Device(key_systems=("x",))).key_systems == ("x",)
    assert "clearkey" in systems.of_device(Device()).keys_by_id
