"""One edge server as a program: `python -m netplay.edge.serve FOLDER`.

It prints {"port": …} when it listens, on a free port where none is given, and ends when its
standard input does. Lines on standard input announce hosts or ask what was requested.
"""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from netplay.edge.listen import listen
from netplay.edge.origin import Origin

__all__ = ["main"]


async def _serve(root: Path, host: str, port: int) -> None:
    origin = Origin(root)

    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        if "hosts" in message:
            hosts = [(name, url) for name, url in message["hosts"]]
            origin.announce(hosts, titles=message["titles"], license_url=message["license_url"])
        return {"requests": dict(origin.requests)}

    await listen(origin.app, answer, host=host, port=port)


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
