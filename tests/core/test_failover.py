"""A failure becomes a verdict: this host again later, the next one now, or nobody."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.core.failover import Ask, Failover, GiveUp, Resource, Wait
from netplay.core.jitter import Jitter
from netplay.core.messages import Failure
from netplay.core.rules import SessionRules
from netplay.timeline import Location

RULES = SessionRules()
STEADY = SessionRules(jitter=0.0)
HOSTS = tuple(Location(host, f"http://{host}/") for host in "abc")
SEGMENT: Resource = ("0/v0", 7, False)

OF_THE_HOST: tuple[Failure, ...] = ("name", "refused", "tls", "reset", "timeout", "status")
OF_THE_RESOURCE: tuple[Failure, ...] = (
    "media",
    "long",
    "range",
    "document",
    "decode",
    "redirect",
    "scheme",
)


def hosts_of(rules: SessionRules = STEADY, seed: int = 0) -> Failover:
    return Failover(rules, Jitter(seed, rules.jitter))


def fail(
    failover: Failover,
    host: str,
    failure: Failure = "refused",
    *,
    resource: Resource = SEGMENT,
    status: int | None = None,
    retry_after_us: int | None = None,
    asked_us: int | None = None,
    now_us: int = 0,
) -> None:
    failover.failed(
        resource,
        host,
        failure=failure,
        detail="",
        status=status,
        retry_after_us=retry_after_us,
        asked_us=now_us if asked_us is None else asked_us,
        now_us=now_us,
    )


def asked(failover: Failover, resource: Resource = SEGMENT, now_us: int = 0) -> str:
    verdict = failover.verdict(resource, HOSTS, now_us)
    assert isinstance(verdict, Ask)
    return verdict.host


def test_the_first_host_in_the_ranking_is_asked_first() -> None:
    ranked = [Location("slow", "http://slow/", priority=2), Location("near", "http://near/")]

    verdict = hosts_of().verdict(SEGMENT, ranked, 0)

    assert verdict == Ask("near", "first in the ranking")


@pytest.mark.parametrize("failure", OF_THE_HOST)
def test_what_a_host_says_of_itself_counts_for_everything_it_has(failure: Failure) -> None:
    failover = hosts_of()

    fail(failover, "a", failure, status=503 if failure == "status" else None)

    assert asked(failover) == "b"
    assert asked(failover, ("0/v1", 3, False)) == "b"


@pytest.mark.parametrize("failure", OF_THE_RESOURCE)
def test_what_a_host_says_of_one_resource_counts_for_that_alone(failure: Failure) -> None:
    failover = hosts_of()

    fail(failover, "a", failure)

    assert asked(failover, now_us=10**9) == "b"
    assert asked(failover, ("0/v0", 8, False)) == "a"


@pytest.mark.parametrize("status", [404, 410])
def test_a_missing_resource_is_asked_of_every_host_once_and_then_given_up(status: int) -> None:
    failover = hosts_of()

    for host in "abc":
        assert asked(failover) == host
        fail(failover, host, "status", status=status)

    verdict = failover.verdict(SEGMENT, HOSTS, 10**9)
    assert verdict == GiveUp(tuple((host, f"HTTP {status}") for host in "abc"))


def test_a_host_that_lacks_three_in_a_row_is_left_alone_as_if_it_had_failed() -> None:
    failover = hosts_of()

    for number in range(2):
        fail(failover, "a", "status", status=404, resource=("0/v0", number, False))
    before = asked(failover, ("0/v0", 50, False))
    fail(failover, "a", "status", status=404, resource=("0/v0", 2, False))

    assert (before, asked(failover, ("0/v0", 50, False))) == ("a", "b")


def test_a_host_that_delivers_between_misses_keeps_its_place() -> None:
    failover = hosts_of()

    for number in range(6):
        fail(failover, "a", "status", status=404, resource=("0/v0", number, False))
        failover.succeeded(("0/v0", 100 + number, False), "a")

    assert asked(failover, ("0/v0", 50, False)) == "a"


def test_a_body_cut_short_once_is_bad_luck_and_twice_is_the_file() -> None:
    failover = hosts_of()

    for host in "abc":
        fail(failover, host, "short")
    again = asked(failover, now_us=RULES.backoff_us)
    fail(failover, "a", "short", now_us=RULES.backoff_us)

    assert again == "a"
    assert asked(failover, now_us=10**9) == "b"


def test_whoever_has_not_failed_at_a_segment_is_asked_before_those_who_have() -> None:
    failover = hosts_of()

    order = []
    for round_us in range(4):
        now_us = round_us * 10**9  # everybody is free again by then
        order.append(asked(failover, now_us=now_us))
        fail(failover, order[-1], "timeout", now_us=now_us)

    assert order == ["a", "b", "c", "a"]


def test_a_host_whose_copy_was_not_decodable_stays_out_when_another_delivers() -> None:
    failover = hosts_of()

    for host in "ab":
        failover.succeeded(SEGMENT, host)
        fail(failover, host, "decode")
    third = asked(failover)
    failover.succeeded(SEGMENT, "c")
    fail(failover, "c", "decode")

    verdict = failover.verdict(SEGMENT, HOSTS, 0)
    assert third == "c"
    assert isinstance(verdict, GiveUp)
    assert [host for host, _ in verdict.attempts] == ["a", "b", "c"]


def test_when_all_must_rest_it_waits_for_the_one_that_is_free_first() -> None:
    failover = hosts_of()

    fail(failover, "a", now_us=0)
    fail(failover, "b", now_us=100)
    fail(failover, "c", now_us=200)

    assert failover.verdict(SEGMENT, HOSTS, 300) == Wait(RULES.backoff_us)
    assert asked(failover, now_us=RULES.backoff_us) == "a"


def test_each_failure_in_a_row_doubles_the_rest_up_to_a_cap() -> None:
    failover = hosts_of()
    alone, now_us, rests_us = HOSTS[:1], 0, []

    for _ in range(12):
        fail(failover, "a", now_us=now_us)
        verdict = failover.verdict(SEGMENT, alone, now_us)
        assert isinstance(verdict, Wait)
        rests_us.append(verdict.until_us - now_us)
        now_us = verdict.until_us

    assert rests_us[:3] == [RULES.backoff_us, 2 * RULES.backoff_us, 4 * RULES.backoff_us]
    assert all(a <= b for a, b in pairwise(rests_us))
    assert rests_us[-1] == RULES.backoff_cap_us


def test_a_success_makes_a_host_as_good_as_new() -> None:
    failover = hosts_of()
    for _ in range(5):
        fail(failover, "a")

    failover.succeeded(("0/v0", 1, False), "a")
    fail(failover, "a", now_us=0)

    assert failover.verdict(SEGMENT, HOSTS[:1], 0) == Wait(RULES.backoff_us)


def test_a_server_that_asks_for_patience_gets_it() -> None:
    failover = hosts_of()

    fail(failover, "a", "status", status=503, retry_after_us=7_000_000)

    assert failover.verdict(SEGMENT, HOSTS[:1], 0) == Wait(7_000_000)


@given(st.integers(0, 2**64 - 1), st.integers(0, 8))
def test_every_rest_is_spread_by_a_seeded_share(seed: int, failures: int) -> None:
    one, same = hosts_of(RULES, seed), hosts_of(RULES, seed)

    for failover in (one, same):
        for moment_us in range(failures + 1):
            fail(failover, "a", now_us=moment_us)

    verdict = one.verdict(SEGMENT, HOSTS[:1], failures)
    plain_us = min(RULES.backoff_us << failures, RULES.backoff_cap_us)
    assert isinstance(verdict, Wait)
    rest_us = verdict.until_us - failures
    assert abs(rest_us - plain_us) <= plain_us * RULES.jitter + 1
    assert verdict == same.verdict(SEGMENT, HOSTS[:1], 0)


def test_other_seeds_spread_otherwise() -> None:
    rests_us = set()
    for seed in range(20):
        failover = hosts_of(RULES, seed)
        fail(failover, "a")
        verdict = failover.verdict(SEGMENT, HOSTS[:1], 0)
        assert isinstance(verdict, Wait)
        rests_us.add(verdict.until_us)

    assert len(rests_us) > 15


def test_whether_another_host_could_do_it() -> None:
    failover = hosts_of()
    fail(failover, "b")
    fail(failover, "c")

    assert failover.another("b", HOSTS, 0)
    assert not failover.another("a", HOSTS, 0)
    assert failover.another("a", HOSTS, RULES.backoff_us)


def test_a_reason_names_who_failed_and_how() -> None:
    failover = hosts_of()
    fail(failover, "a", "tls")

    assert failover.verdict(SEGMENT, HOSTS, 0) == Ask("b", "a failed (tls)")


def test_what_hosts_said_is_remembered_until_the_resource_comes() -> None:
    failover = hosts_of()
    fail(failover, "a")
    fail(failover, "a")
    fail(failover, "b", "reset")

    assert failover.all_attempts() == (("a", "refused"), ("b", "reset"))
    failover.succeeded(SEGMENT, "c")
    assert failover.all_attempts() == ()


def test_only_so_many_answers_are_kept() -> None:
    failover = hosts_of()
    for _ in range(1_000):
        fail(failover, "a")
    fail(failover, "a", "media")

    verdict = failover.verdict(SEGMENT, HOSTS[:1], 0)

    assert isinstance(verdict, GiveUp)
    assert len(verdict.attempts) < 100


def test_with_nowhere_to_ask_there_is_nothing_to_hope_for() -> None:
    assert hosts_of().verdict(SEGMENT, (), 0) == GiveUp(())


def test_what_was_asked_before_a_host_failed_fails_with_it_once() -> None:
    failover = hosts_of()

    fail(failover, "a", resource=("0/v0", 7, True), asked_us=0, now_us=100)
    fail(failover, "a", asked_us=50, now_us=200)

    assert failover.verdict(SEGMENT, HOSTS[:1], 200) == Wait(100 + RULES.backoff_us)


def test_a_waiting_viewer_has_a_failed_host_asked_again_soon() -> None:
    failover = hosts_of()
    for moment_us in range(6):
        fail(failover, "a", now_us=moment_us)

    patient = failover.verdict(SEGMENT, HOSTS[:1], 5)
    failover.urgent = True
    urgent = failover.verdict(SEGMENT, HOSTS[:1], 5)

    assert patient == Wait(5 + RULES.backoff_us * 32)
    assert urgent == Wait(5 + RULES.backoff_waiting_us)


def test_a_host_that_failed_is_tried_again_only_with_enough_held_or_no_other_left() -> None:
    failover = hosts_of()
    fail(failover, "a", resource=("0/v0", 6, False))
    later_us = RULES.backoff_us

    failover.comfortable = True
    at_ease = asked(failover, now_us=later_us)
    failover.comfortable = False
    in_need = asked(failover, now_us=later_us)
    alone = failover.verdict(SEGMENT, HOSTS[:1], later_us)

    assert (at_ease, in_need) == ("a", "b")
    assert isinstance(alone, Ask)
