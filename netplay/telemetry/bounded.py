"""Sinks that may be slow or broken, kept off the loop that plays.

An Outbox hands items to a thread of its own. Putting one in never waits: what the sink has
no time for is dropped and counted, and what the sink raises is counted and kept, never
passed on to whoever plays.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

from netplay.telemetry.tap import Tap
from netplay.telemetry.wire import Message

__all__ = ["Bounded", "Outbox"]

T = TypeVar("T")


class Outbox(Generic[T]):
    """A bounded queue whose items a thread hands to a sink, in order and in batches.

    Args:
        sink: Called on the thread with at least one item; may take its time, may raise.
        capacity: Items that may wait; one more is dropped.
        batch: Most items in one call.
        linger_s: How long the first item of a batch may wait for others.
        name: Of the thread.

    Attributes:
        dropped: Items that found no room, or came after the end.
        failed: Items in calls that raised.
        error: What the last such call raised; None if none did.
    """

    def __init__(
        self,
        sink: Callable[[list[T]], None],
        *,
        capacity: int,
        batch: int = 1,
        linger_s: float = 0.0,
        name: str = "netplay-outbox",
    ) -> None:
        if capacity < 1 or batch < 1 or linger_s < 0:
            raise ValueError("an outbox has room for an item, and does not linger in the past")
        self.dropped = 0
        self.failed = 0
        self.error: Exception | None = None
        self.closing = threading.Event()
        self._sink = sink
        self._capacity = capacity
        self._batch = batch
        self._linger_s = linger_s
        self._queue: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        # A daemon: a sink that never returns does not keep the app from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> bool:
        """Leave an item for the sink; False if it was dropped. Never waits; for one thread."""
        if self.closing.is_set() or self._queue.qsize() >= self._capacity:
            self.dropped += 1
            return False
        self._queue.put(item)
        return True

    @property
    def waiting(self) -> int:
        """Items that the sink has not been given yet."""
        return self._queue.qsize()

    def close(self, timeout_s: float = 2.0) -> bool:
        """Give the sink what waits, for at most so long; whether it took all of it.

        What is left then is counted as dropped. A sink that does not return is left behind.
        """
        if not self.closing.is_set():
            self.closing.set()
            self._queue.put(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            while self._taken_back():
                self.dropped += 1
            self._queue.put(None)
            return False
        return True

    def _taken_back(self) -> bool:
        try:
            return self._queue.get_nowait() is not None
        except queue.Empty:
            return False

    def _run(self) -> None:
        last = False
        while not last:
            items, last = self._gathered()
            if not items:
                continue
            try:
                self._sink(items)
            except Exception as error:  # noqa: BLE001 - a sink's failure is a figure here
                self.failed += len(items)
                self.error = error

    def _gathered(self) -> tuple[list[T], bool]:
        """Return the next batch, and whether nothing follows it."""
        first = self._queue.get()
        if first is None:
            return [], True
        items = [first]
        until_s = time.monotonic() + self._linger_s
        while len(items) < self._batch:
            left_s = 0.0 if self.closing.is_set() else until_s - time.monotonic()
            try:
                item = self._queue.get(timeout=left_s) if left_s > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return items, True
            items.append(item)
        return items, False


class Bounded:
    """A tap that runs another tap on a thread of its own, so that it can neither wait nor raise.

    The other tap sees messages in order; where `dropped` grew, some are missing, so a tap
    that must see every message (a log that is to be replayed) has a queue of its own.

    Args:
        tap: Slow, or not to be trusted; called on one thread only.
        capacity: Messages that may wait. A session makes some tens a second, so this is
            minutes of a tap that does not return.

    Attributes:
        taken: Messages that the tap was given or will be.
    """

    def __init__(self, tap: Tap, *, capacity: int = 10_000) -> None:
        self.taken = 0
        self._tap = tap
        self._outbox = Outbox(self._show, capacity=capacity, name="netplay-tap")

    def __call__(self, now_us: int, message: Message) -> None:
        """Leave a message for the tap."""
        self.taken += self._outbox.put((now_us, message))

    @property
    def dropped(self) -> int:
        """Messages that the tap was too slow for."""
        return self._outbox.dropped

    @property
    def failed(self) -> int:
        """Messages that the tap raised at."""
        return self._outbox.failed

    @property
    def error(self) -> Exception | None:
        """What it raised last; None if nothing."""
        return self._outbox.error

    def close(self, timeout_s: float = 2.0) -> bool:
        """Let the tap see what waits, for at most so long; whether it saw all of it."""
        return self._outbox.close(timeout_s)

    def __enter__(self) -> Bounded:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _show(self, items: list[tuple[int, Message]]) -> None:
        for now_us, message in items:
            self._tap(now_us, message)
