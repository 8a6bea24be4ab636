"""Brings calls to a sink, in order, on the loop or on a worker thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from types import TracebackType

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from netplay.errors import SinkError
from netplay.io.show.sink import Sink

__all__ = ["Courier"]

Call = Callable[[], None]

_QUEUED_CALLS = 8
"""For a threaded sink: enough to ride out one slow call, few enough frames to hold."""


class Courier:
    """Calls a sink; what it raises becomes a SinkError out of `deliver` or the context.

    It is an async context; for a threaded sink a worker makes the calls, and leaving the
    context waits for those that are queued.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._calls: deque[Call] = deque()
        self._working = False
        self._queue: MemoryObjectSendStream[Call] | None = None
        self._stack = AsyncExitStack()

    def call(self, call: Call) -> None:
        """Make a call at the next `deliver`, after those noted before."""
        self._calls.append(call)

    @property
    def is_idle(self) -> bool:
        """Every call noted was made."""
        queued = 0 if self._queue is None else self._queue.statistics().current_buffer_used
        return not (self._calls or queued or self._working)

    async def deliver(self) -> None:
        """Make the calls noted; for a threaded sink, wait until they are queued."""
        try:
            await self._hand_over()
        except anyio.BrokenResourceError:
            # The worker is gone, and what the sink raised is on its way to whoever waits here.
            await anyio.sleep_forever()

    async def _hand_over(self) -> None:
        while self._calls:
            if self._queue is None:
                self._make(self._calls[0])
            else:
                await self._queue.send(self._calls[0])
            # Only now: a call whose waiting was cancelled is still to be made on leaving.
            self._calls.popleft()

    def _make(self, call: Call) -> None:
        try:
            call()
        except Exception as error:
            name = type(self._sink).__name__
            raise SinkError(name, f"{type(error).__name__}: {error}") from error

    async def __aenter__(self) -> Courier:
        if self._sink.threaded:
            await self._stack.__aenter__()
            send, receive = anyio.create_memory_object_stream[Call](_QUEUED_CALLS)
            tasks = await self._stack.enter_async_context(anyio.create_task_group())
            self._queue = send
            tasks.start_soon(self._work, receive)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if self._queue is not None:
            # What was shown by then is brought to the sink even when all else is cancelled.
            with anyio.CancelScope(shield=True), suppress(anyio.BrokenResourceError):
                await self._hand_over()
            self._queue.close()
            self._queue = None
        return await self._stack.__aexit__(kind, error, trace)

    async def _work(self, queue: MemoryObjectReceiveStream[Call]) -> None:
        limiter = anyio.CapacityLimiter(1)
        with anyio.CancelScope(shield=True), queue:
            async for call in queue:
                self._working = True
                await anyio.to_thread.run_sync(self._make, call, limiter=limiter)
                self._working = False
