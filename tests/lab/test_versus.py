"""The simulator put into a player's state at each decision, and what it does from there."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Literal

import pytest

from abr import controller
from netplay import Player, SkippingClock
from netplay.core.messages import (
    Event,
    Opened,
    Paused,
    Progressed,
    Rendered,
    Resumed,
    Sought,
)
from netplay.core.rules import SessionRules
from netplay.core.session import Session
from netplay.edge.cache import cached_title
from netplay.edge.testbed import Testbed
from netplay.edge.title import TINY
from netplay.lab.agreement import Step, alone, decisions, steps
from netplay.sim import (
    Content,
    Decoding,
    Fault,
    Host,
    Link,
    Trace,
    make_title,
    simulate_session,
    varied_bytes,
)
from netplay.telemetry import Header, LogWriter, Message, read_log, summarise

SECOND = 1_000_000
RULES = SessionRules(target_us=10 * SECOND, max_buffer_us=12 * SECOND)
CHUNK_US = 250_000

Messages = list[tuple[int, Message]]


def session(name: str = "hybrid") -> Session:
    return Session(controller(name), rules=RULES, seed=1)


def title(form: Literal["dash", "hls", "sidx"] = "dash") -> Content:
    return make_title(
        duration_us=30 * SECOND, form=form, hosts=("a", "b"), sizes=varied_bytes(1, 0.4)
    )


def wandering(seed: int, **said: object) -> Link:
    """Return a link whose rate changes every second, and is 0 now and then."""
    chance = Random(seed)
    rates = [0 if chance.random() < 0.1 else chance.randrange(300, 4000) for _ in range(40)]
    trace = Trace((SECOND, kbps * 1000) for kbps in rates)
    return Link(trace=trace, rtt_us=30_000, **said)  # type: ignore[arg-type]


def recorded(
    content: Content, link: Link, *, script: list[tuple[int, Event]] | None = None
) -> Messages:
    """Return the record of a simulated playback, which then stands for a player's."""
    record: Messages = []
    simulate_session(
        content,
        controller("hybrid"),
        link,
        rules=RULES,
        seed=1,
        script=script or [],
        chunk_us=CHUNK_US,
        taps=[lambda now_us, message: record.append((now_us, message))],
    )
    return record


def compared(record: Messages, content: Content, link: Link, name: str = "hybrid") -> list[Step]:
    return list(steps(record, lambda: session(name), content, link, chunk_us=CHUNK_US))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["dash", "hls", "sidx"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_simulator_agrees_with_itself_to_the_microsecond(
    form: Literal["dash", "hls", "sidx"], seed: int
) -> None:
    content, link = title(form), wandering(seed)
    record = recorded(content, link)

    found = compared(record, content, link)

    assert len(found) >= 14
    assert [step.player for step in found] == decisions(record)[1:]
    assert all(step.agrees and step.early_us == 0 for step in found)


@pytest.mark.slow
def test_what_the_viewer_does_meanwhile_is_done_in_the_simulator_too() -> None:
    content, link = title(), wandering(4)
    by_hand: list[tuple[int, Event]] = [
        (3 * SECOND, Paused()),
        (5 * SECOND, Resumed()),
        (6 * SECOND, Sought(20 * SECOND)),
        (9 * SECOND, Sought(2 * SECOND)),
    ]
    record = recorded(content, link, script=by_hand)

    found = compared(record, content, link)

    assert all(step.agrees and step.early_us == 0 for step in found)


@pytest.mark.slow
def test_requests_that_failed_for_the_player_have_failed_for_the_simulator() -> None:
    broken = Host(faults=(Fault(kind="reset", after_bytes=9_000, times=3),))
    content, link = title(), wandering(5, hosts={"a": broken})
    record = recorded(content, link)

    found = compared(record, content, link)

    assert {step.player.host for step in found} == {"a", "b"}
    assert all(step.agrees and step.early_us == 0 for step in found)


def test_a_step_begins_with_the_player_again_whatever_the_simulator_did_before() -> None:
    content, link = title(), Link(trace=Trace.constant(3_000_000))
    slower = Link(trace=Trace.constant(700_000))
    record = recorded(content, link)

    found = compared(record, content, slower)

    assert [step.player for step in found] == decisions(record)[1:]
    assert [step.from_us for step in found] == [one.at_us for one in decisions(record)[:-1]]
    assert not all(step.agrees for step in found)
    assert any(step.agrees for step in found)
    late = [step.early_us for step in found if step.agrees and step.early_us is not None]
    assert max(late) < 0


def test_a_simulator_that_would_ask_for_nothing_more_does_not_agree() -> None:
    content, link = title(), Link(trace=Trace.constant(3_000_000))
    last = [one for one in decisions(recorded(content, link)) if one.number == 15]
    # The last segment is left for a lower rung where the link gives in, and only there.
    breaking = Trace([(last[0].at_us + 100_000, 3_000_000), (SECOND, 50_000)], repeats=False)
    record = recorded(content, Link(trace=breaking))

    *_, found = compared(record, content, link)

    assert found.player.number == 15
    assert found.simulated is None
    assert not found.agrees
    assert found.early_us is None


@pytest.mark.slow
def test_alone_it_plays_as_a_player_did_that_was_no_other() -> None:
    content, link = title(), wandering(7)
    record = recorded(content, link, script=[(3 * SECOND, Sought(20 * SECOND))])
    again: Messages = []

    summary = alone(
        record,
        session,
        content,
        link,
        chunk_us=CHUNK_US,
        taps=[lambda now_us, message: again.append((now_us, message))],
    )

    assert again == record
    assert summary == summarise(record)


@pytest.mark.slow
def test_a_device_that_decodes_late_is_waited_for_where_the_player_was_ahead_of_it() -> None:
    content, link = title(), wandering(6)
    record = recorded(content, link)

    found = list(
        steps(
            record,
            session,
            content,
            link,
            decoding=Decoding(first_frame_us=2 * SECOND),
            chunk_us=CHUNK_US,
        )
    )

    # Where the player had its first frames already, nobody waits for them again.
    assert all(step.agrees for step in found[3:])


def test_a_record_of_another_session_is_refused() -> None:
    content, link = title(), Link(trace=Trace.constant(3_000_000))
    record = recorded(content, link)

    with pytest.raises(ValueError, match="such a Session does"):
        compared(record, content, link, "bola")


def test_a_record_begins_with_an_event() -> None:
    content, link = title(), Link(trace=Trace.constant(3_000_000))
    record = recorded(content, link)

    with pytest.raises(ValueError, match="begins with an event"):
        compared(record[1:], content, link)


@pytest.mark.anyio
@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_log_of_a_real_player_can_be_followed_from_its_file(tmp_path: Path) -> None:
    folder, file = cached_title(TINY, tmp_path), tmp_path / "session.jsonl"
    header = Header.of("hybrid", {}, rules=RULES, seed=1)
    with LogWriter(file, header) as log:
        async with (
            Testbed(folder, oca_count=1) as bed,
            Player(rules=RULES, seed=1, clock=SkippingClock(), taps=[log]) as player,
        ):
            await player.open(bed.mpd_url)
            await player.play()
            await player.wait_finished()
    record = [(one.now_us, one.message) for one in read_log(file).records]
    opened = next(one for _, one in record if isinstance(one, Opened))

    # Where nothing of the link is known but that it is fast, the steps themselves are exact.
    link = Link(trace=Trace.constant(1_000_000_000), rtt_us=1_000)
    found = list(steps(record, session, Content(opened.presentation), link))

    assert [step.player for step in found] == decisions(record)[1:]
    assert [step.player.number for step in found] == [2, 3, 4, 5, 6]
    assert any(isinstance(one, Rendered | Progressed) for _, one in record)
