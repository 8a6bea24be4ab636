"""Widevine licences renewed: by whom, how often, and what the answer holds."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from pywidevine.license_protocol_pb2 import License

from netplay.edge.license.authority import Authority, SyntheticDevice
from netplay.edge.license.policy import Terms

from .clients import (
    RENEWAL_URL,
    Counter,
    WidevineClient,
    kids_of,
    license_of,
    refused,
    tampered,
    widevine_pssh,
)

TERMS = Terms(
    license_duration_s=60,
    can_renew=True,
    renewal_delay_s=40,
    renewal_retry_s=5,
    renewal_recovery_s=20,
    renew_with_usage=True,
)


def use(counter: Counter, terms: Terms) -> None:
    film, *others = counter.policy.titles
    counter.policy = replace(counter.policy, titles=(replace(film, terms=terms), *others))


@pytest.fixture
def renewable(counter: Counter) -> Counter:
    use(counter, TERMS)
    return counter


@pytest.fixture
def held(renewable: Counter, client: WidevineClient) -> License:
    """Return a licence that the client holds the keys of."""
    body = renewable.reply(client.challenge(widevine_pssh(kids_of(renewable.policy)))).body
    client.keys(body)
    return license_of(body)


def test_a_licence_says_when_and_where_it_is_renewed(held: License) -> None:
    assert held.policy.can_renew
    assert held.policy.renewal_delay_seconds == 40
    assert held.policy.renewal_retry_interval_seconds == 5
    assert held.policy.renewal_recovery_duration_seconds == 20
    assert held.policy.renewal_server_url == RENEWAL_URL
    assert held.policy.renew_with_usage
    assert not held.policy.always_include_client_id


def test_a_renewal_brings_new_times_and_no_keys(
    renewable: Counter, client: WidevineClient, laptop: SyntheticDevice, held: License
) -> None:
    renewal = client.renewal(held, now_s=time.time() + 40)

    assert renewable.desk.purpose(renewal.body) == "renewal"
    reply = renewable.reply(renewal.body, later_s=40)

    renewed = renewal.read(reply.body)
    assert renewed.id.session_id == held.id.session_id
    assert renewed.id.request_id == held.id.request_id
    assert (held.id.version, renewed.id.version) == (0, 1)
    assert 39 <= renewed.license_start_time - held.license_start_time <= 42
    assert renewed.policy.license_duration_seconds == 60
    assert not renewed.key
    assert (reply.title, reply.kids, reply.device) == ("film", (), laptop.serial)


def test_a_renewal_whose_answer_was_lost_is_asked_for_in_new_words(
    renewable: Counter, client: WidevineClient, held: License
) -> None:
    lost = client.renewal(held, now_s=time.time())
    again = client.renewal(held, now_s=time.time() + 1)
    renewable.reply(lost.body)

    with refused("replayed"):
        renewable.reply(lost.body)
    assert again.read(renewable.reply(again.body).body).id.version == 1


def test_a_licence_is_renewed_from_its_last_version_and_not_from_older_ones(
    renewable: Counter, client: WidevineClient, held: License
) -> None:
    late = client.renewal(held, now_s=time.time() + 3)
    version = held
    for number in (1, 2):
        renewal = client.renewal(version, now_s=time.time() + number)
        version = renewal.read(renewable.reply(renewal.body).body)
        assert version.id.version == number

    with refused("replayed"):
        renewable.reply(late.body)


def test_nobody_but_its_holder_renews_a_licence(
    renewable: Counter, client: WidevineClient, authority: Authority, held: License
) -> None:
    renewal = client.renewal(held, now_s=time.time())

    with refused("bad_signature"):
        renewable.reply(tampered(renewal.body, request_time=int(time.time()) + 5))
    with refused("bad_signature"):
        Counter(authority, renewable.policy).reply(renewal.body)


def test_a_renewal_may_have_to_say_again_which_device_asks(
    renewable: Counter,
    client: WidevineClient,
    authority: Authority,
    television: SyntheticDevice,
    held: License,
) -> None:
    use(renewable, replace(TERMS, renewal_names_client=True))
    other = WidevineClient(television, authority.identity.root).device.client_id

    with refused("device_unknown"):
        renewable.reply(client.renewal(held, now_s=time.time()).body)
    with refused("device_unknown"):
        renewable.reply(client.renewal(held, now_s=time.time(), client_id=other).body)
    named = client.renewal(held, now_s=time.time(), client_id=client.device.client_id)
    renewed = named.read(renewable.reply(named.body).body)
    assert renewed.policy.always_include_client_id


def test_what_has_ended_since_is_not_renewed(
    renewable: Counter, client: WidevineClient, laptop: SyntheticDevice, held: License
) -> None:
    renewal = client.renewal(held, now_s=time.time()).body
    policy = renewable.policy

    renewable.policy = replace(policy, revoked_serials=frozenset({laptop.serial}))
    with refused("device_revoked"):
        renewable.reply(renewal)
    renewable.policy = replace(policy, entitlements=())
    with refused("token_unknown", 401):
        renewable.reply(renewal)
    use(renewable, replace(TERMS, can_renew=False))
    renewable.policy = replace(renewable.policy, entitlements=policy.entitlements)
    with refused("not_renewable"):
        renewable.reply(renewal)
