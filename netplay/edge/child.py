"""A Python module in a process of its own that answers JSON lines, and never outlives us.

Its first line says it is ready; every later line answers one of ours. Its standard input is
both the control line and the life line: when this process dies, however it dies, the kernel
closes the pipe, and the child ends itself at the end of input.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
from anyio import to_thread
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

__all__ = ["Child", "attend", "say"]

Message = dict[str, Any]

LONGEST_LINE_BYTES = 16 * 1024 * 1024


class Child:
    """A running child.

    Attributes:
        name: What it is called in errors.
        pid: Its process id.
    """

    def __init__(self, name: str, process: Process) -> None:
        assert process.stdout is not None
        self.name = name
        self.pid = process.pid
        self._process = process
        self._lines = BufferedByteReceiveStream(process.stdout)
        self._lock = anyio.Lock()

    @classmethod
    async def start(cls, name: str, module: str, *arguments: str) -> "Child":
        """Start a module; it is not ready before `hear` has returned its first line."""
        # Cancelled half way, asyncio would leave a process that nobody waits for.
        with anyio.CancelScope(shield=True):
            process = await anyio.open_process(
                [sys.executable, "-m", module, *arguments],
                stderr=None,
                # Ctrl-C in a terminal is for us; the child ends when we let go of it.
                start_new_session=True,
            )
        return cls(name, process)

    async def hear(self) -> Message:
        """Return the child's next line.

        Raises:
            ConnectionError: It ended instead.
        """
        try:
            line = await self._lines.receive_until(b"\n", LONGEST_LINE_BYTES)
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.ClosedResourceError) as error:
            raise ConnectionError(f"{self.name} ended without an answer") from error
        heard: Message = json.loads(line)
        return heard

    async def ask(self, message: Message) -> Message:
        """Return the child's answer to a message.

        Raises:
            ConnectionError: It has ended.
        """
        assert self._process.stdin is not None
        async with self._lock:
            try:
                await self._process.stdin.send(json.dumps(message).encode() + b"\n")
            except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
                raise ConnectionError(f"{self.name} has ended") from error
            return await self.hear()

    async def kill(self) -> None:
        """End the child at once and wait until it is gone; harmless when repeated.

        Killed and not asked: it has nothing to save, and a server that dies in the middle
        of a sentence is what tests want. Cancellation does not interrupt this.
        """
        with anyio.CancelScope(shield=True):
            if self._process.returncode is None:
                # It may end by itself between the two lines.
                with suppress(ProcessLookupError):
                    self._process.kill()
            await self._process.wait()
            await self._process.aclose()


def say(message: Message) -> None:
    """Send a line to the parent."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def attend(answer: Callable[[Message], Awaitable[Message]]) -> None:
    """In a child: answer every line of the parent, and end the process with its last."""
    while line := await to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
        say(await answer(json.loads(line)))
    # Not sys.exit: open connections, or a loop that is busy, must not keep an orphan alive.
    os._exit(0)
