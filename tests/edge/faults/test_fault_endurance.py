"""A faulty server under faulty clients leaves no task, no descriptor and no error behind."""

import asyncio
import contextlib
import gc
import random
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from netplay.edge.faults import Fault, FaultScript, Injector
from netplay.edge.httpd import WebServer
from netplay.edge.origin import Origin

pytestmark = pytest.mark.slow

FAULTS = (
    Fault(kind="reset", rate=0.1),
    Fault(kind="reset", rate=0.2, at_byte=1000),
    Fault(kind="truncate", rate=0.1, at_byte=500),
    Fault(kind="corrupt", rate=0.1, at_byte=3, count=5),
    Fault(kind="status", rate=0.1, status=503),
    Fault(kind="lengthen", rate=0.1, count=4, length="true"),
    Fault(kind="hang", rate=0.1, at_byte=100),
    Fault(kind="drip", rate=0.1, bytes_per_s=1_000_000),
)


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "small.m4s").write_bytes(bytes(2_000))
    (tmp_path / "large.m4s").write_bytes(bytes(2_000_000))
    problems: list[dict[str, Any]] = []

    async def ask(url: str, seed: int) -> int:
        chance, answered = random.Random(seed), 0
        async with httpx.AsyncClient(base_url=url, timeout=0.1) as client:
            for _ in range(40):
                try:
                    response = await client.get(chance.choice(["small.m4s", "large.m4s"]))
                except httpx.TransportError:
                    continue
                answered += response.status_code in (200, 503)
        return answered

    async def leave(server: WebServer, seed: int) -> None:
        """Ask, and go away with a reset in the middle of the answer."""
        chance = random.Random(seed)
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /large.m4s HTTP/1.1\r\n\r\n")
            # A fault may come first: the end, a reset, or silence.
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                async with asyncio.timeout(0.1):
                    await reader.readexactly(chance.randrange(1, 4000))
            writer.transport.abort()

    async def run() -> int:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: problems.append(what))
        before = descriptors(), len(asyncio.all_tasks())
        injector = Injector(FaultScript(FAULTS, seed=3), clock=time.monotonic)
        async with (
            WebServer(Origin(tmp_path), injector=injector) as server,
            asyncio.timeout(60),
            asyncio.TaskGroup() as tasks,
        ):
            asking = [tasks.create_task(ask(server.url, seed)) for seed in range(4)]
            for seed in range(3):
                tasks.create_task(leave(server, seed))
        gc.collect()
        assert (descriptors(), len(asyncio.all_tasks())) == before
        return sum(task.result() for task in asking)

    answered = asyncio.run(run())

    assert answered > 40
    assert problems == []


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
