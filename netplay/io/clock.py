"""The clock that playback runs by, and the one way to wait on it.

Everything in `netplay.io` that waits for a moment waits here, for whichever comes first:
that moment, or a change that somebody announces. So nothing polls, and whoever replaces
the clock replaces all of time: `SkippingClock` leaves out the waiting between frames (for
harnesses and benchmarks), `SteppedClock` moves only by hand (for tests).
"""

from __future__ import annotations

import time
from typing import Protocol

import anyio

__all__ = ["Clock", "MonotonicClock", "SkippingClock", "SteppedClock"]


class Clock(Protocol):
    """Tells the time in monotonic microseconds, and wakes whoever waits for it."""

    def now_us(self) -> int:
        """Return the moment that it is; never less than before."""
        ...

    async def wait(self, changed: anyio.Event, until_us: int | None) -> None:
        """Return when `changed` is set or `until_us` has come, whichever is first.

        It may return a little early; the caller looks at the time again.

        Args:
            changed: Set by whoever changes what is waited for.
            until_us: None: wait for the change alone.
        """
        ...


class MonotonicClock:
    """The real one."""

    def now_us(self) -> int:
        """Return the operating system's monotonic time."""
        return time.monotonic_ns() // 1000

    async def wait(self, changed: anyio.Event, until_us: int | None) -> None:
        """Return when `changed` is set or `until_us` has come, whichever is first."""
        if until_us is None:
            await changed.wait()
            return
        # A difference rather than a deadline: the event loop's clock may start elsewhere.
        with anyio.move_on_after(max(0, until_us - self.now_us()) / 1e6):
            await changed.wait()


class _Sleepers:
    """Who waits for which moment of a clock that can jump."""

    def __init__(self) -> None:
        self._moments: dict[anyio.CancelScope, int] = {}

    async def wait(
        self, changed: anyio.Event, until_us: int, deadline: float | None = None
    ) -> None:
        with anyio.CancelScope() as scope:
            if deadline is not None:
                scope.deadline = deadline
            self._moments[scope] = until_us
            try:
                await changed.wait()
            finally:
                del self._moments[scope]

    def jump(self, now_us: int, by_us: int) -> None:
        """Wake those whose moment has come, and shorten the waiting of the others."""
        for scope, until_us in self._moments.items():
            if until_us <= now_us:
                scope.cancel()
            else:
                scope.deadline -= by_us / 1e6

    def next_us(self) -> int | None:
        """Return the first moment that somebody waits for."""
        return min(self._moments.values(), default=None)


class SkippingClock:
    """Runs like the real one, and jumps ahead whenever only time is waited for.

    The presenter jumps to each frame's moment as soon as that frame is decoded, so a title
    plays as fast as it decodes while every position, duration and order stays as it would
    be. Time never runs slower than the real one: timeouts and retries still end.
    """

    def __init__(self) -> None:
        self._skipped_us = 0
        self._sleepers = _Sleepers()

    def now_us(self) -> int:
        """Return real time plus all that was skipped."""
        return time.monotonic_ns() // 1000 + self._skipped_us

    async def wait(self, changed: anyio.Event, until_us: int | None) -> None:
        """Return when `changed` is set or `until_us` has come, also by a jump."""
        if until_us is None:
            await changed.wait()
            return
        ahead_s = max(0, until_us - self.now_us()) / 1e6
        await self._sleepers.wait(changed, until_us, anyio.current_time() + ahead_s)

    def skip_to(self, moment_us: int) -> None:
        """Make it that moment; does nothing if it is later already."""
        by_us = moment_us - self.now_us()
        if by_us > 0:
            self._skipped_us += by_us
            self._sleepers.jump(moment_us, by_us)


class SteppedClock:
    """Stands still until it is moved: for tests that never sleep."""

    def __init__(self, now_us: int = 0) -> None:
        self._now_us = now_us
        self._sleepers = _Sleepers()

    def now_us(self) -> int:
        """Return the moment it was moved to."""
        return self._now_us

    async def wait(self, changed: anyio.Event, until_us: int | None) -> None:
        """Return when `changed` is set or the clock was moved to `until_us`."""
        if until_us is None:
            await changed.wait()
        elif until_us > self._now_us:
            await self._sleepers.wait(changed, until_us)
        else:
            # Give way even when the moment has passed, as a real clock would.
            await anyio.lowlevel.checkpoint()

    def step_to(self, moment_us: int) -> None:
        """Make it that moment and wake whoever waited for it.

        Raises:
            ValueError: The moment has passed.
        """
        if moment_us < self._now_us:
            raise ValueError(f"the clock is at {self._now_us} and never goes back")
        by_us = moment_us - self._now_us
        self._now_us = moment_us
        self._sleepers.jump(moment_us, by_us)

    def next_us(self) -> int | None:
        """Return the first moment that somebody waits for; None if nobody does."""
        return self._sleepers.next_us()
