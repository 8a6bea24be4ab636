"""Sessions simulated with the settings that the tests share, and a tap that keeps everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from abr import controller
from netplay.core.messages import Event
from netplay.core.rules import SessionRules
from netplay.sim import Content, Link, Simulated, Trace, make_title, simulate_session
from netplay.telemetry import Message, Tap

__all__ = ["FAST", "MINUTE", "SECOND", "Recorder", "play"]

SECOND = 1_000_000
FAST = Link(trace=Trace.constant(10_000_000), rtt_us=20_000, header_bytes=0)
MINUTE = make_title()


class Recorder:
    """A tap that keeps everything."""

    def __init__(self) -> None:
        self.stream: list[tuple[int, Message]] = []

    def __call__(self, now_us: int, message: Message) -> None:
        self.stream.append((now_us, message))

    def all(self, *kinds: type) -> list[Message]:
        return [message for _, message in self.stream if isinstance(message, kinds)]


def play(
    content: Content = MINUTE,
    link: Link = FAST,
    *,
    script: Iterable[tuple[int, Event]] = (),
    chunk_us: int | None = None,
    taps: Sequence[Tap] = (),
    rules: SessionRules | None = None,
    paused: bool = False,
    until_us: int | None = 3_600 * SECOND,
    max_steps: int = 20_000,
) -> Simulated:
    return simulate_session(
        content,
        controller("hybrid"),
        link,
        script=script,
        chunk_us=chunk_us,
        taps=taps,
        rules=rules,
        seed=1,
        paused=paused,
        until_us=until_us,
        max_steps=max_steps,
    )
