"""Runs a Session in virtual time: tells it what happens, performs what it decides.

The sibling of `netplay.io`: the same Session, the same actions, and time that jumps to
whatever happens next. Nothing here is random and nothing waits, so a simulation is a
function of its arguments, and an hour of playback takes a fraction of a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from abr.contract import Controller, Played
from netplay.core.device import Device, Preferences
from netplay.core.messages import (
    Action,
    Cancel,
    CloseKeys,
    Connect,
    Decoded,
    Event,
    Evict,
    Fail,
    Feed,
    Fetch,
    Fetched,
    FetchFailed,
    Finish,
    Flush,
    Hold,
    NetworkMemory,
    Opened,
    OpenKeys,
    Play,
    Removed,
    Rendered,
    RenewKeys,
    Resolve,
    Resolved,
    ResolveFailed,
    Sought,
    Tick,
)
from netplay.core.rules import SessionRules
from netplay.core.session import Session
from netplay.sim.content import Content
from netplay.sim.downloads import Downloads
from netplay.sim.link import Link
from netplay.sim.network import Answer, Network
from netplay.sim.output import Decoding, Output
from netplay.telemetry import Qoe, Summary, Tap, tell

__all__ = ["Ending", "Simulated", "Simulation", "StepLimitReached", "simulate_session"]

Ending = Literal["finished", "failed", "waiting", "until"]

_MANIFEST = ("manifest", 0)


class StepLimitReached(RuntimeError):
    """A simulation did not end within its steps: something goes round in circles.

    Attributes:
        steps: How many it took.
        now_us: Where it had got to.
    """

    def __init__(self, steps: int, now_us: int) -> None:
        self.steps = steps
        self.now_us = now_us
        super().__init__(f"{steps} steps, and only at {now_us} us")


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of a simulated session.

    Attributes:
        ending: "finished": played to the end; "failed": the Session gave up, or the
            manifest did not come (there is then no session); "until": the time was up;
            "waiting": nothing more would ever happen by itself (paused, or a dead link with
            nobody counting).
        now_us: When it ended.
        steps: How many moments something happened at.
        played: What was shown, segment by segment, for models of QoE.
    """

    ending: Ending
    now_us: int
    steps: int
    summary: Summary
    played: tuple[Played, ...]


def simulate_session(
    content: Content,
    controller: Controller,
    link: Link,
    *,
    rules: SessionRules | None = None,
    seed: int = 0,
    device: Device | None = None,
    preferences: Preferences | None = None,
    memory: NetworkMemory | None = None,
    start_us: int | None = None,
    paused: bool = False,
    script: Iterable[tuple[int, Event]] = (),
    chunk_us: int | None = None,
    decoding: Decoding | None = None,
    taps: Sequence[Tap] = (),
    until_us: int | None = None,
    max_steps: int = 1_000_000,
) -> Simulated:
    """Play a title over a link in virtual time and return how it went.

    Args:
        controller: Picks the rungs; fresh, as it learns.
        rules: The Session's; None: its own.
        seed: Of the jitter of retries.
        memory: What earlier sessions measured on this network.
        start_us: Where to begin; None: where the title says.
        script: (moment, event) of what the viewer and the device do: Sought, Paused,
            Resumed, RateSet, TracksChosen, NetworkChanged, DeviceChanged; in order.
        chunk_us: Length of the pieces that become decodable while a segment arrives; None:
            whole segments.
        taps: See every event and action, with its moment.
        until_us: End it then at the latest.
        max_steps: How many moments something may happen at.

    Raises:
        StepLimitReached: It took more steps than that.
        ValueError: The controller broke its contract, or the device has key systems.
    """
    device, qoe = device or Device(), Qoe()
    if device.key_systems:
        raise ValueError("a simulated device has no key systems")
    simulation = Simulation(
        Session(controller, rules=rules, seed=seed),
        content,
        link,
        decoding=decoding or Decoding(),
        chunk_us=chunk_us,
        taps=(qoe, *taps),
    )
    opened = Opened(
        content.presentation,
        device,
        preferences or Preferences(),
        asked_us=0,
        start_us=start_us,
        paused=paused,
        network=memory or NetworkMemory(),
    )
    ending = simulation.run(opened, script=script, until_us=until_us, max_steps=max_steps)
    summary = qoe.summary()
    return Simulated(ending, simulation.now_us, simulation.steps, summary, tuple(qoe.close()))


class Simulation:
    """One Session and the world around it.

    Attributes:
        session: For those who look at its status between steps.
        now_us: The present moment.
        steps: Moments at which something happened so far.
    """

    def __init__(
        self,
        session: Session,
        content: Content,
        link: Link,
        *,
        decoding: Decoding,
        chunk_us: int | None = None,
        taps: Sequence[Tap] = (),
    ) -> None:
        self.session = session
        self.now_us = 0
        self.steps = 0
        self._content = content
        self._taps = tuple(taps)
        self._network = Network(link)
        self._downloads = Downloads(content, self._network, chunk_us=chunk_us)
        self._output = Output(decoding, self._downloads.media)
        self._opened: Opened | None = None
        self._script: deque[tuple[int, Event]] = deque()
        self._ending: Ending | None = None
        # While it follows: what this world would have told, and what was told elsewhere.
        self._kept_back: dict[Hashable, Event] = {}
        self._heard: set[Hashable] = set()

    def run(
        self,
        opened: Opened,
        *,
        script: Iterable[tuple[int, Event]] = (),
        until_us: int | None = None,
        max_steps: int = 1_000_000,
    ) -> Ending:
        """Play from opening to the end, or until nothing more will happen.

        Raises:
            StepLimitReached: It took more than max_steps.
        """
        self._open(opened)
        return self.go_on(script=script, until_us=until_us, max_steps=max_steps)

    def follow(self, event: Event, now_us: int) -> list[Action]:
        """Tell the Session what happened elsewhere, and let it have happened here too.

        A session that was recorded can so be followed to any moment; `go_on` then goes on
        from there. Requests begin and end here as they did there, and between the two the
        link has done with them what it does here. What this world would have told by itself
        is kept back, and taps are told nothing.

        Args:
            event: The next of the record, Opened and every Tick included.

        Returns:
            What the Session answered, which was performed.
        """
        self._pass_by(now_us)
        for told in self._downloads.settle(event, now_us):
            self._kept_back[_key(told)] = told
        self._heard.add(_key(event))
        actions = self.session.handle(event, now_us)
        for action in actions:
            self._perform(action)
        return actions

    def go_on(
        self,
        *,
        script: Iterable[tuple[int, Event]] = (),
        until_us: int | None = None,
        max_steps: int = 1_000_000,
        enough: Callable[[], bool] = lambda: False,
    ) -> Ending:
        """Play on from where it is, until the end or until nothing more will happen.

        Args:
            enough: Asked after each step; the ending is then "until".

        Raises:
            StepLimitReached: It took more than max_steps.
        """
        self._script.extend(script)
        self._tell_kept_back()
        while self._ending is None or (self._ending == "finished" and self._script):
            if enough():
                return "until"
            next_us = self._next_us()
            if next_us is None:
                return self._ending or "waiting"
            if until_us is not None and next_us > until_us:
                self.now_us = max(self.now_us, until_us)
                return "until"
            if self.steps >= max_steps:
                raise StepLimitReached(self.steps, self.now_us)
            self.steps += 1
            self.now_us = max(self.now_us, next_us)
            self._step()
        return self._ending

    def _pass_by(self, to_us: int) -> None:
        """Let time pass up to a moment, and keep back what would be told."""
        while True:
            moments = (self._network.next_us(), self._output.next_us(self.now_us))
            next_us = min((moment for moment in moments if moment is not None), default=None)
            if next_us is None or next_us > to_us:
                break
            self.now_us = max(self.now_us, next_us)
            answers = self._network.advance(self.now_us)
            told = [one for answer in answers for one in self._downloads.hear(answer, self.now_us)]
            told += self._output.advance(self.now_us)
            self._kept_back.update((_key(event), event) for event in told)
        self.now_us = to_us
        self._network.advance(to_us)

    def _tell_kept_back(self) -> None:
        """Tell what happened here and was not heard from elsewhere."""
        if not self._heard:
            return
        untold = [event for key, event in self._kept_back.items() if key not in self._heard]
        self._kept_back.clear()
        self._heard.clear()
        for event in (*untold, *self._downloads.report(anew=True)):
            self._handle(event)

    def _open(self, opened: Opened) -> None:
        """Fetch the manifest, if it has a size; else tell at once that it is read."""
        self._opened = opened
        hosts = self._content.presentation.hosts
        if self._content.manifest_bytes and hosts:
            size_bytes = self._content.manifest_bytes
            self._network.request(_MANIFEST, hosts[0], "manifest", size_bytes=size_bytes)
        else:
            self._tell_opened()

    def _tell_opened(self) -> None:
        opened, self._opened = self._opened, None
        assert opened is not None
        self._handle(opened)

    def _next_us(self) -> int | None:
        next_us = self._network.next_us()
        due_us = self._output.next_us(self.now_us)
        if due_us is not None and (next_us is None or due_us < next_us):
            next_us = due_us
        if self._opened is not None:
            return next_us
        due_us = self.session.next_wakeup_us
        if due_us is not None and (next_us is None or due_us < next_us):
            next_us = due_us
        if self._script and (next_us is None or self._script[0][0] < next_us):
            next_us = self._script[0][0]
        return next_us

    def _step(self) -> None:
        """Let happen what happens at this moment: on the network, the screen, by hand, by time."""
        now_us = self.now_us
        if answers := self._network.advance(now_us):
            self._hear_network(answers, now_us)
        for event in self._output.advance(now_us):
            self._handle(event)
        if self._opened is not None:
            return
        while self._script and self._script[0][0] <= now_us:
            _, event = self._script.popleft()
            if isinstance(event, Sought):
                self._ending = None
            self._handle(event)
        wakeup_us = self.session.next_wakeup_us
        if wakeup_us is not None and wakeup_us <= now_us:
            for event in self._downloads.report():
                self._handle(event)
            # What that told may have been all that it woke up for.
            wakeup_us = self.session.next_wakeup_us
            if wakeup_us is not None and wakeup_us <= now_us:
                self._handle(Tick())

    def _hear_network(self, answers: list[Answer], now_us: int) -> None:
        ended = {answer.request for answer in answers if answer.kind in ("complete", "broken")}
        if ended:
            for event in self._downloads.report(besides=ended):
                self._handle(event)
        for answer in answers:
            if answer.request == _MANIFEST:
                self._hear_manifest(answer.kind)
                continue
            for event in self._downloads.hear(answer, now_us):
                self._handle(event)

    def _hear_manifest(self, kind: str) -> None:
        if kind == "complete":
            self._tell_opened()
        elif kind == "broken":
            self._ending = "failed"

    def _handle(self, event: Event) -> None:
        if self._ending is not None:
            return
        actions = self.session.handle(event, self.now_us)
        tell(self._taps, self.now_us, event, actions)
        for action in actions:
            self._perform(action)

    def _perform(self, action: Action) -> None:
        match action:
            case Fetch() | Resolve() | Cancel() | Evict() | Connect():
                self._downloads.perform(action)
            case Feed() | Flush() | Play() | Hold():
                self._output.perform(action)
            case Finish():
                self._ending = "finished"
            case Fail():
                self._ending = "failed"
            case OpenKeys() | RenewKeys() | CloseKeys():
                raise AssertionError("no key system is simulated")
            case _:  # said for the taps alone
                assert isinstance(action, Removed), action


def _key(event: Event) -> Hashable:
    """Return what an event is about, so that two worlds' news of the same thing are one."""
    match event:
        case Fetched(fetch_id=number) | FetchFailed(fetch_id=number):
            return "fetch", number
        case Resolved(resolve_id=number) | ResolveFailed(resolve_id=number):
            return "index", number
        case Decoded():
            return "decoded", event.track, event.generation, event.finished
        case Rendered():
            return "rendered", event.track, event.generation
        case _:
            return type(event).__name__
