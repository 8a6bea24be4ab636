"""Would the simulator have decided as a player did? Asked decision by decision.

Two sessions that differ once are in different states from there on, so comparing them
whole says little about either. Here the simulator is put into the player's state at each
decision, which the player's own record gives exactly, and goes on to the next one alone:
a difference is then the doing of one step, and the step after it begins with the player
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

from netplay.core.messages import (
    Action,
    DeviceChanged,
    Event,
    Fetch,
    NetworkChanged,
    Paused,
    RateSet,
    Resumed,
    Sought,
    TracksChosen,
)
from netplay.core.session import Session
from netplay.sim.content import Content
from netplay.sim.drive import Simulation
from netplay.sim.link import Link
from netplay.sim.output import Decoding
from netplay.telemetry import Message, Qoe, Summary, Tap, tell
from netplay.telemetry.wire import ACTIONS

__all__ = ["Decision", "Step", "alone", "decisions", "steps"]

_BY_HAND = (
    Sought, Paused, Resumed, RateSet, TracksChosen, NetworkChanged, DeviceChanged,
)  # fmt: skip
"""What no simulator foresees: the viewer's doing, and the device's."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A media segment of the picture was asked for.

    Attributes:
        at_us: When.
        number: Which segment.
        representation: Of which rung.
    """

    at_us: int
    number: int
    representation: str
    host: str
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """A decision of the player, and the simulator's from the player's state one before.

    Attributes:
        from_us: When the one before was made.
        simulated: None: it asked for nothing more.
    """

    from_us: int
    player: Decision
    simulated: Decision | None

    @property
    def agrees(self) -> bool:
        """The same segment of the same rung."""
        ours, theirs = self.player, self.simulated
        if theirs is None:
            return False
        return (ours.number, ours.representation) == (theirs.number, theirs.representation)

    @property
    def early_us(self) -> int | None:
        """How much sooner the simulator decided; None if it did not."""
        return None if self.simulated is None else self.player.at_us - self.simulated.at_us


def decisions(messages: Iterable[tuple[int, Message]]) -> list[Decision]:
    """Return what was asked for of the picture, in order, a segment left for another included."""
    return [
        Decision(now_us, one.number, one.representation, one.host, one.reason)
        for now_us, one in messages
        if isinstance(one, Fetch) and one.track == "video" and not one.init
    ]


def steps(
    messages: Iterable[tuple[int, Message]],
    make_session: Callable[[], Session],
    content: Content,
    link: Link,
    *,
    decoding: Decoding | None = None,
    chunk_us: int | None = None,
) -> Iterator[Step]:
    """Yield every decision of a player but the first, beside the simulator's.

    Args:
        messages: What a tap of the player saw, from Opened on, with its moments.
        make_session: Makes a Session like the player's, with a controller of its own.
        content: The title as the player read it, with the sizes it has at the servers.
        link: Its trace is on the clock of `messages`.
        decoding: How the player's device decodes.
        chunk_us: As `simulate_session` has it.

    Raises:
        ValueError: Such a Session does not answer what the player's did: it was another one.
    """
    exchanges = list(_exchanges(messages))
    device = decoding or Decoding()
    places = [place for place, one in enumerate(exchanges) if decisions(one.stamped())]
    for before, after in pairwise(places):
        watch = _Watch()
        simulation = Simulation(
            make_session(), content, link, decoding=device, chunk_us=chunk_us, taps=(watch,)
        )
        _follow(simulation, exchanges[: before + 1])
        script = _by_hand(exchanges[before + 1 :])
        simulation.go_on(script=script, enough=watch.has_decided)
        made = decisions(exchanges[after].stamped())[-1]
        yield Step(exchanges[before].now_us, made, watch.decided)


def alone(
    messages: Iterable[tuple[int, Message]],
    make_session: Callable[[], Session],
    content: Content,
    link: Link,
    *,
    decoding: Decoding | None = None,
    chunk_us: int | None = None,
    taps: Sequence[Tap] = (),
) -> Summary:
    """Return how the simulator plays what a player played, by itself from Opened on.

    It has opened the title when the player had, and the viewer does the same at the same
    moments. How long the manifest took is the player's doing, so no part of it.

    Args:
        taps: See every event and action; the others are as `steps` has them.

    Raises:
        ValueError: Such a Session does not open as the player's did.
    """
    opened, *later = _exchanges(messages)
    qoe = Qoe()
    simulation = Simulation(
        make_session(),
        content,
        link,
        decoding=decoding or Decoding(),
        chunk_us=chunk_us,
        taps=(qoe, *taps),
    )
    _follow(simulation, [opened])
    tell((qoe, *taps), opened.now_us, opened.event, opened.actions)
    simulation.go_on(script=_by_hand(later))
    return qoe.summary()


@dataclass(slots=True)
class _Exchange:
    now_us: int
    event: Event
    actions: list[Action] = field(default_factory=list)

    def stamped(self) -> Iterator[tuple[int, Message]]:
        """Yield its actions with their moment."""
        for action in self.actions:
            yield self.now_us, action


def _exchanges(messages: Iterable[tuple[int, Message]]) -> Iterator[_Exchange]:
    exchange: _Exchange | None = None
    for now_us, message in messages:
        if not isinstance(message, ACTIONS):
            if exchange is not None:
                yield exchange
            exchange = _Exchange(now_us, cast("Event", message))
        elif exchange is None:
            raise ValueError("a record begins with an event")
        else:
            exchange.actions.append(cast("Action", message))
    if exchange is not None:
        yield exchange


def _follow(simulation: Simulation, exchanges: Sequence[_Exchange]) -> None:
    for one in exchanges:
        actions = simulation.follow(one.event, one.now_us)
        if actions != one.actions:
            raise ValueError(
                f"at {one.now_us} us, after {type(one.event).__name__}: the player did "
                f"{one.actions}, and such a Session does {actions}"
            )


def _by_hand(exchanges: Iterable[_Exchange]) -> list[tuple[int, Event]]:
    return [(one.now_us, one.event) for one in exchanges if isinstance(one.event, _BY_HAND)]


class _Watch:
    """A tap that waits for a decision."""

    def __init__(self) -> None:
        self.decided: Decision | None = None

    def __call__(self, now_us: int, message: Message) -> None:
        """Look at a message."""
        made = decisions([(now_us, message)])
        if made and self.decided is None:
            self.decided = made[0]

    def has_decided(self) -> bool:
        """There was one."""
        return self.decided is not None
