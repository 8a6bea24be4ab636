"""What a child that serves an ASGI application does: listen, say where, answer its parent.

It prints {"port": …} when it listens, on a free port where none is given, and ends when its
standard input does.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from netplay.edge.child import attend, say

__all__ = ["listen"]

KEEP_ALIVE_S = 300
"""Longer than a full buffer takes to drain: a player's idle connection is still wanted."""


class _Server(uvicorn.Server):
    """Says where it listens as soon as it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets
        say({"port": sockets[0].getsockname()[1]})


async def listen(
    app: ASGIApp,
    answer: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> None:
    """Serve an application until standard input ends.

    Args:
        app: What to serve.
        answer: Returns the answer to a message of the parent.
        host: Where to listen.
        port: 0 takes a free one.
    """
    listener = socket.create_server((host, port), backlog=512)
    # asyncio sets it only on sockets that say they are TCP, and accepted ones here do not:
    # without it every answer on a kept connection waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_Server(config).serve(sockets=[listener]))
        tasks.create_task(attend(answer))
