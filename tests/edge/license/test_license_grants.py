"""What a request is given, by titles, tokens, devices and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from drm.policy import Hdcp, SecurityLevel
from netplay.edge.encryption.plan import ContentKey, Tier
from netplay.edge.license.grants import Denied, Wish, granted
from netplay.edge.license.policy import (
    DAY_S,
    DeviceModel,
    Entitlement,
    LicensedKey,
    ProtectedTitle,
    RateLimit,
    Rotation,
    ServicePolicy,
    Terms,
    keys_for,
    licensed_keys,
)

NOW_S = 1_000_000.0

SD, HD, UHD = licensed_keys("SD", "HD", "UHD")
UHD = replace(UHD, level=SecurityLevel.HW_SECURE_ALL)
FILM = ProtectedTitle(name="film", keys=(SD, HD, UHD))
OTHER = ProtectedTitle(name="other", keys=licensed_keys("SD"))


def service(
    title: ProtectedTitle = FILM, *, until_s: float | None = None, token: str = "me"
) -> ServicePolicy:
    mine = Entitlement(token=token, titles=frozenset({title.name}), until_s=until_s)
    return ServicePolicy(titles=(title, OTHER), entitlements=(mine,))


def wish(*keys: LicensedKey, title: str = "", persistent: bool = False) -> Wish:
    return Wish(
        kids=tuple(key.kid for key in keys),
        title=title,
        token="me",
        level=SecurityLevel.SW_SECURE_DECODE,
        persistent=persistent,
    )


def reason(policy: ServicePolicy, asked: Wish) -> tuple[str, int]:
    with pytest.raises(Denied) as denied:
        granted(policy, asked, now_s=NOW_S)
    return denied.value.reason, denied.value.status


def test_the_keys_asked_for_are_given_and_no_others() -> None:
    grant = granted(service(), wish(HD), now_s=NOW_S)

    assert grant.keys == (HD,)
    assert grant.left_out == {}
    assert grant.title == "film"
    assert grant.duration_s == 0


def test_a_title_that_keeps_its_keys_together_gives_all_that_the_device_may_have() -> None:
    grant = granted(service(replace(FILM, together=True)), wish(HD), now_s=NOW_S)

    assert {key.kid for key in grant.keys} == {SD.kid, HD.kid}
    assert grant.left_out == {UHD.kid: "needs HW_SECURE_ALL, the device has SW_SECURE_DECODE"}


def test_a_title_named_without_key_ids_gives_all_of_them() -> None:
    grant = granted(service(), wish(title="film"), now_s=NOW_S)

    assert grant.keys == (SD, HD)


def test_keys_above_the_devices_level_are_left_out_and_the_rest_is_given() -> None:
    grant = granted(service(), wish(SD, UHD), now_s=NOW_S)

    assert grant.keys == (SD,)
    assert grant.left_out == {UHD.kid: "needs HW_SECURE_ALL, the device has SW_SECURE_DECODE"}


def test_a_device_that_may_have_no_key_at_all_is_denied() -> None:
    assert reason(service(), wish(UHD)) == ("no_usable_key", 403)


def test_hdcp_is_left_to_the_client_where_the_licence_can_state_it() -> None:
    guarded = replace(HD, hdcp=Hdcp.V2_2)
    policy = service(replace(FILM, keys=(SD, guarded)))

    stated = granted(policy, wish(SD, guarded), now_s=NOW_S)
    unstated = granted(policy, replace(wish(SD, guarded), states_hdcp=False), now_s=NOW_S)

    assert stated.keys == (SD, guarded)
    assert unstated.keys == (SD,)
    assert unstated.left_out == {
        guarded.kid: "needs HDCP V2_2, which this key system cannot demand"
    }


def test_a_key_id_that_nobody_knows_is_left_out_of_the_rest() -> None:
    (stranger,) = licensed_keys("SD")

    grant = granted(service(), wish(SD, stranger), now_s=NOW_S)

    assert grant.keys == (SD,)
    assert grant.left_out == {stranger.kid: "unknown"}


def test_key_ids_and_titles_that_nobody_knows_are_not_found() -> None:
    assert reason(service(), wish(*licensed_keys("SD"))) == ("title_unknown", 404)
    assert reason(service(), wish(title="nothing")) == ("title_unknown", 404)


def test_one_licence_is_for_one_title() -> None:
    assert reason(service(), wish(SD, OTHER.keys[0])) == ("several_titles", 403)


def test_a_token_opens_the_titles_it_was_given_for_and_no_others() -> None:
    assert reason(service(), wish(OTHER.keys[0])) == ("not_entitled", 403)


@pytest.mark.parametrize("token", ["", "somebody"])
def test_a_token_that_was_never_given_opens_nothing(token: str) -> None:
    assert reason(service(), replace(wish(SD), token=token)) == ("token_unknown", 401)


def test_a_title_for_everybody_needs_no_token() -> None:
    grant = granted(service(token=""), replace(wish(SD), token=""), now_s=NOW_S)

    assert grant.keys == (SD,)


def test_an_entitlement_that_has_ended_is_told_from_none() -> None:
    assert reason(service(until_s=NOW_S), wish(SD)) == ("entitlement_expired", 403)


@pytest.mark.parametrize(
    ("license_s", "left_s", "lasts_s"), [(0, 90, 90), (60, 90, 60), (60, 30, 30), (0, 0.5, 1)]
)
def test_a_licence_never_outlives_its_entitlement(
    license_s: int, left_s: float, lasts_s: int
) -> None:
    title = replace(FILM, terms=Terms(license_duration_s=license_s))

    grant = granted(service(title, until_s=NOW_S + left_s), wish(SD), now_s=NOW_S)

    assert grant.duration_s == lasts_s


def test_of_several_entitlements_the_longest_counts() -> None:
    ended, ends, endless = (
        Entitlement(token="me", titles=frozenset({"film"}), until_s=until_s)
        for until_s in (NOW_S - 1, NOW_S + 50, None)
    )
    policy = replace(service(), entitlements=(ended, ends))

    assert granted(policy, wish(SD), now_s=NOW_S).duration_s == 50
    policy = replace(policy, entitlements=(ends, endless, ended))
    assert granted(policy, wish(SD), now_s=NOW_S).duration_s == 0


@pytest.mark.parametrize("days", [7, 30])
def test_an_offline_licence_lasts_days_whatever_a_streaming_one_does(days: int) -> None:
    title = replace(FILM, terms=Terms(license_duration_s=60, offline_days=days))

    stored = granted(service(title), wish(SD, persistent=True), now_s=NOW_S)
    streamed = granted(service(title), wish(SD), now_s=NOW_S)

    assert (stored.persistent, stored.duration_s) == (True, days * DAY_S)
    assert (streamed.persistent, streamed.duration_s) == (False, 60)


def test_a_title_that_may_not_be_stored_gives_no_offline_licence() -> None:
    assert reason(service(), wish(SD, persistent=True)) == ("offline_not_allowed", 403)


def test_rotating_keys_are_given_for_the_periods_around_now() -> None:
    keys = licensed_keys("SD", periods=6)
    rotation = Rotation(period_s=10, began_s=NOW_S - 25, ahead=1, behind=1)
    title = ProtectedTitle(name="live", keys=keys, rotation=rotation)

    grant = granted(service(title), wish(*keys), now_s=NOW_S)

    assert [key.period for key in grant.keys] == [1, 2, 3]
    assert grant.left_out[keys[0].kid] == "crypto period 0 is over"
    assert grant.left_out[keys[4].kid] == "crypto period 4 is not due yet"


def test_rotating_keys_of_one_period_are_asked_for_by_its_number() -> None:
    keys = licensed_keys("SD", "HD", periods=3)
    title = ProtectedTitle(name="live", keys=keys)

    grant = granted(service(title), replace(wish(title="live"), period=1), now_s=NOW_S)

    assert grant.keys == keys[2:4]


def test_spoiled_keys_have_the_right_ids_and_are_all_wrong() -> None:
    grant = granted(service(), wish(SD, HD), now_s=NOW_S)

    spoiled = grant.spoiled()

    assert [key.kid for key in spoiled.keys] == [SD.kid, HD.kid]
    assert {key.key for key in spoiled.keys}.isdisjoint({SD.key, HD.key})


@pytest.mark.parametrize("days", [1, 6, 31, -7])
def test_offline_licences_of_other_lengths_are_not_to_be_had(days: int) -> None:
    with pytest.raises(ValueError, match="7 to 30 days"):
        Terms(offline_days=days)


def test_two_keys_with_one_id_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two keys an id"):
        ServicePolicy(titles=(FILM, ProtectedTitle(name="twin", keys=(SD,))))


@pytest.mark.parametrize("kid", ["AB" * 16, "ab" * 15, "zz" * 16])
def test_a_key_id_is_written_in_one_way(kid: str) -> None:
    with pytest.raises(ValueError, match="32 lower-case"):
        LicensedKey(kid=kid, key=bytes(16))


def test_no_repr_of_a_policy_shows_a_key_or_a_token() -> None:
    policy = service(token="very-secret-token")

    shown = repr(policy) + repr(
        granted(policy, replace(wish(SD), token="very-secret-token"), now_s=NOW_S)
    )

    assert SD.kid in shown
    assert repr(SD.key)[2:-1] not in shown
    assert SD.key.hex() not in shown
    assert "very-secret-token" not in shown


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: LicensedKey(kid="ab" * 16, key=bytes(15)),
        lambda: LicensedKey(kid="ab" * 16, key=bytes(16), period=-1),
        lambda: Terms(playback_duration_s=-1),
        lambda: Rotation(period_s=0, began_s=0),
        lambda: Rotation(period_s=1, began_s=0, ahead=-1),
        lambda: RateLimit(burst=0, per_s=1),
        lambda: RateLimit(burst=1, per_s=0),
        lambda: ServicePolicy(latency_s=-1),
    ],
)
def test_a_policy_that_cannot_be_is_a_mistake(mistake: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        mistake()


@pytest.mark.parametrize(
    ("level", "widevine"),
    [
        (SecurityLevel.SW_SECURE_CRYPTO, 3),
        (SecurityLevel.SW_SECURE_DECODE, 3),
        (SecurityLevel.HW_SECURE_CRYPTO, 2),
        (SecurityLevel.HW_SECURE_DECODE, 1),
        (SecurityLevel.HW_SECURE_ALL, 1),
    ],
)
def test_widevine_counts_its_levels_downwards(level: SecurityLevel, widevine: int) -> None:
    assert DeviceModel(system_id=1, name="x", level=level).widevine_level == widevine


def test_a_tiers_keys_are_licensed_as_they_encrypt() -> None:
    one = ContentKey(bytes(range(16)), b"k" * 16)
    two = ContentKey(bytes(16), b"l" * 16)

    (alone,) = keys_for(Tier((one,)), label="UHD", level=SecurityLevel.HW_SECURE_ALL)
    turns = keys_for(Tier((one, two)), hdcp=Hdcp.V1)

    assert (alone.kid, alone.key, alone.period) == (one.kid.hex(), one.key, None)
    assert (alone.label, alone.level) == ("UHD", SecurityLevel.HW_SECURE_ALL)
    assert [(key.kid, key.period, key.hdcp) for key in turns] == [
        (one.kid.hex(), 0, Hdcp.V1),
        (two.kid.hex(), 1, Hdcp.V1),
    ]
