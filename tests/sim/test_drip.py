"""A host that drips is heard for ever, and must not be waited for that long."""

from __future__ import annotations

import abr
from netplay.core.messages import Fail, FetchFailed
from netplay.sim import Fault, Host, Link, Trace, make_title, simulate_session

RATE = Trace([(1_000_000, 5_000_000)])
DRIP = Fault(kind="slow", from_us=2_000_000, rate_bps=800)


def test_a_host_that_drips_while_the_viewer_waits_is_left_for_the_next() -> None:
    title = make_title(duration_us=40_000_000, segment_us=2_000_000, hosts=("a", "b"))
    link = Link(trace=RATE, rtt_us=20_000, hosts={"a": Host(faults=(DRIP,))})

    played = simulate_session(title, abr.controller("fixed", rung=0), link)

    assert played.ending == "finished"


def test_when_every_host_drips_playback_fails_in_bounded_time_and_says_how_little_came() -> None:
    title = make_title(duration_us=40_000_000, segment_us=2_000_000, hosts=("a",))
    link = Link(trace=RATE, rtt_us=20_000, hosts={"a": Host(faults=(DRIP,))})
    told: list[object] = []

    played = simulate_session(
        title,
        abr.controller("fixed", rung=0),
        link,
        taps=[lambda _, message: told.append(message)],
        until_us=1_000_000_000,
    )

    assert played.ending == "failed"
    (fail,) = [message for message in told if isinstance(message, Fail)]
    assert "bytes in" in str(fail.attempts)
    assert not any(isinstance(message, FetchFailed) for message in told)
