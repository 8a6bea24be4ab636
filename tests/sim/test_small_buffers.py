"""A player whose buffer holds less than it would like before it goes on after a stall."""

from __future__ import annotations

import pytest
from simulated import SECOND, play

from netplay.core.rules import SessionRules
from netplay.sim import Link, Trace, make_title


@pytest.mark.parametrize("segment_ms", [300, 900, 1_700])
def test_a_full_buffer_is_enough_to_go_on_with_however_small_it_is(segment_ms: int) -> None:
    rules = SessionRules(target_us=SECOND, max_buffer_us=1_200_000, rebuffer_us=2 * SECOND)
    off = Trace([(3 * SECOND, 3_000_000), (6 * SECOND, 0), (1, 3_000_000)], repeats=False)
    title = make_title(duration_us=20 * SECOND, segment_us=segment_ms * 1000, audio=())

    result = play(title, Link(trace=off), rules=rules)

    assert result.ending == "finished"
    assert result.summary.stalls > 0
    assert result.summary.shown_us == 20 * SECOND
