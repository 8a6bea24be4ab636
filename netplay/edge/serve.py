"""One edge server as a program: `python -m netplay.edge.serve FOLDER`.

It prints {"port": …} when it listens, on a free port where none is given, and ends when its
standard input does. Lines on standard input announce hosts or ask what was requested.
"""

import argparse
import asyncio
import socket
from pathlib import Path
from typing import Any

import uvicorn

from netplay.edge.child import attend, say
from netplay.edge.origin import Origin

__all__ = ["main"]

KEEP_ALIVE_S = 300
"""Longer than a full buffer takes to drain: a player's idle connection is still wanted."""


class _Server(uvicorn.Server):
    """Says where it listens as soon as it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets
        say({"port": sockets[0].getsockname()[1]})


async def _serve(root: Path, host: str, port: int) -> None:
    origin = Origin(root)

    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        if "hosts" in message:
            hosts = [(name, url) for name, url in message["hosts"]]
            origin.announce(hosts, titles=message["titles"])
        return {"requests": dict(origin.requests)}

    listener = socket.create_server((host, port), backlog=512)
    # asyncio sets it only on sockets that say they are TCP, and accepted ones here do not:
    # without it every answer on a kept connection waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        origin.app,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_Server(config).serve(sockets=[listener]))
        tasks.create_task(attend(answer))


def main() -> None:
    """Run a server until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m netplay.edge.serve", description=__doc__)
    parser.add_argument("folder", type=Path, help="holds one folder a title")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    said = parser.parse_args()
    asyncio.run(_serve(said.folder, said.host, said.port))


if __name__ == "__main__":
    main()
