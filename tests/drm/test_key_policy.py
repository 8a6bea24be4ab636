"""What a licence allows, read from Widevine's messages and as values."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from licensing import KID, OTHER_KID, Container, container
from pywidevine.license_protocol_pb2 import License, SignedMessage

from drm.policy import Hdcp, KeyRule, Output, Policy, SecurityLevel
from drm.protobuf import Malformed, length_delimited
from drm.widevine_license import error_reason, read_license, read_signed


def test_every_field_of_a_policy_is_read() -> None:
    message = License(
        policy=License.Policy(
            can_play=True,
            can_persist=True,
            can_renew=True,
            rental_duration_seconds=1,
            playback_duration_seconds=2,
            license_duration_seconds=3,
            renewal_recovery_duration_seconds=4,
            renewal_server_url="https://renew.example/",
            renewal_delay_seconds=5,
            renewal_retry_interval_seconds=6,
            renew_with_usage=True,
            always_include_client_id=True,
            soft_enforce_playback_duration=True,
            soft_enforce_rental_duration=False,
        ),
        license_start_time=1_700_000_000,
        key=[Container(type="SIGNING"), container(KID, level=3, label="UHD", hdcp=4)],
    )

    said = read_license(message.SerializeToString())

    assert said.names_client
    assert said.policy == Policy(
        can_play=True,
        offline=True,
        can_renew=True,
        rental_duration_s=1,
        playback_duration_s=2,
        license_duration_s=3,
        renewal_recovery_s=4,
        renewal_url="https://renew.example/",
        renewal_after_s=5,
        renewal_retry_s=6,
        renew_with_usage=True,
        soft_playback=True,
        soft_rental=False,
        started_utc_s=1_700_000_000,
        rules=((KID, KeyRule(Hdcp.V2_2, SecurityLevel.HW_SECURE_CRYPTO, label="UHD")),),
    )


def test_what_a_licence_does_not_say_is_as_the_message_has_it() -> None:
    said = read_license(License(policy=License.Policy(renewal_delay_seconds=5)).SerializeToString())

    assert said.policy == Policy(can_play=False)


def test_output_rules_for_some_sizes_hold_for_all_of_them() -> None:
    one = container(KID, hdcp=1)
    constraint = one.video_resolution_constraints.add(max_resolution_pixels=1920 * 1080)
    constraint.required_protection.hdcp = 5  # type: ignore[assignment]
    one.required_protection.disable_analog_output = True
    two = container(OTHER_KID)
    two.required_protection.disable_digital_output = True

    said = read_license(License(key=[one, two]).SerializeToString())

    first, second = said.policy.rule(KID), said.policy.rule(OTHER_KID)
    assert first == KeyRule(Hdcp.V2_3, no_analog=True, max_pixels=1920 * 1080)
    assert second == KeyRule(Hdcp.NO_DIGITAL_OUTPUT)
    assert said.policy.rule("ff" * 16) is None
    assert said.policy.hdcp == Hdcp.NO_DIGITAL_OUTPUT


@pytest.mark.parametrize(
    ("rule", "output", "word"),
    [
        (KeyRule(), Output(), ""),
        (KeyRule(Hdcp.V2_2), Output(Hdcp.V2_1), "HDCP V2_2"),
        (KeyRule(Hdcp.V2_2), Output(Hdcp.V2_2), ""),
        (KeyRule(Hdcp.V2_3), Output(Hdcp.NO_DIGITAL_OUTPUT), ""),
        (KeyRule(Hdcp(77)), Output(Hdcp.V2_3), "NO_DIGITAL_OUTPUT"),
        (KeyRule(security_level=SecurityLevel(2)), Output(), "SW_SECURE_DECODE"),
        (KeyRule(security_level=SecurityLevel(99)), Output(), "HW_SECURE_ALL"),
        (KeyRule(no_analog=True), Output(analog=True), "analogue"),
        (KeyRule(no_analog=True), Output(), ""),
    ],
)
def test_a_rule_says_why_it_forbids_a_key(rule: KeyRule, output: Output, word: str) -> None:
    refusal = rule.refusal(output)

    assert bool(refusal) == bool(word)
    assert word in refusal


@pytest.mark.parametrize(
    ("policy", "played_from_s", "ends_s"),
    [
        (Policy(), None, None),
        (Policy(can_play=False), 3, 0),
        (Policy(license_duration_s=100), 3, 100),
        (Policy(rental_duration_s=50, playback_duration_s=20), None, 50),
        (Policy(rental_duration_s=50, playback_duration_s=20), 40, 60),
        (Policy(rental_duration_s=50, playback_duration_s=20, soft_rental=False), 40, 50),
        (Policy(license_duration_s=45, playback_duration_s=20), 40, 45),
        (Policy(playback_duration_s=20, soft_playback=True), 40, None),
    ],
)
def test_a_policy_says_when_playback_must_have_ended(
    policy: Policy, played_from_s: int | None, ends_s: int | None
) -> None:
    assert policy.ends_after_s(played_from_s) == ends_s


def test_a_policy_without_keys_demands_nothing() -> None:
    assert (Policy().hdcp, Policy().security_level) == (Hdcp.NONE, None)


def test_a_negative_duration_is_no_licence() -> None:
    message = License(policy=License.Policy(license_duration_seconds=-5))

    with pytest.raises(Malformed, match="negative"):
        read_license(message.SerializeToString())


@pytest.mark.parametrize(("code", "reason"), [(1, "device"), (2, "revoked"), (3, ""), (9, "")])
def test_an_error_of_the_service_is_told_apart(code: int, reason: str) -> None:
    message = SignedMessage(type="ERROR_RESPONSE", msg=bytes((8, code)))

    told = error_reason(message.SerializeToString())

    assert told is not None
    assert told[0] == reason
    assert error_reason(SignedMessage(type="LICENSE").SerializeToString()) is None
    assert error_reason(b"\xff") is None


@given(st.binary(max_size=2048))
def test_arbitrary_bytes_as_a_licence_give_a_value_or_an_error(data: bytes) -> None:
    for candidate in (data, License(policy=License.Policy(), key=[]).SerializeToString() + data):
        try:
            said = read_license(candidate)
            read_signed(candidate)
        except Malformed:
            continue
        assert said.policy.ends_after_s(0) is None or said.policy.ends_after_s(0) >= 0  # type: ignore[operator]


@pytest.mark.slow
def test_a_licence_made_to_be_work_is_done_with_soon() -> None:
    sized = length_delimited(3, b"\x20\x02" + b"\x52\x00" * 4000)
    bombs = (
        License(key=[container(KID)] * 2300).SerializeToString(),
        sized * 30,
        length_delimited(3, b"\x20\x02" + b"\x52\x00" * 64) * 1900,
        bytes(1 << 19),
    )
    began_s = time.process_time()

    for bomb in bombs:
        with suppress(Malformed):
            read_license(bomb)

    # It took 0.7 s; the bound is for a machine with other work, and for coverage.
    assert time.process_time() - began_s < 6
