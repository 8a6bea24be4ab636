"""An edge server with a cache: what it holds, how much, and what it says of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from netplay.edge.exchange import Answer, Request, said
from netplay.edge.faults import Fault, FaultScript
from netplay.edge.httpd import WebServer
from netplay.edge.oca import Oca
from netplay.edge.origin import Origin
from netplay.edge.testbed import Testbed

pytestmark = pytest.mark.anyio


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in "abc":
        (tmp_path / f"{name}.m4s").write_bytes(name.encode() * 1000)
    (tmp_path / "m.mpd").write_text("<MPD/>")
    return tmp_path


@pytest.fixture
async def origin(root: Path) -> AsyncIterator[WebServer]:
    async with WebServer(Origin(root, fresh_s=60), name="origin") as server:
        yield server


async def ask(oca: Oca, path: str, **headers: str) -> Answer:
    lower = {name.lower().replace("_", "-"): value for name, value in headers.items()}
    return await oca(Request("GET", path, headers=lower))


def body(answer: Answer) -> bytes:
    return b"".join(piece for piece in answer.body if isinstance(piece, bytes))


async def test_what_was_fetched_once_is_held(origin: WebServer) -> None:
    oca = Oca(origin.url, name="oca-1")

    first, second = await ask(oca, "/a.m4s"), await ask(oca, "/a.m4s")
    part = await ask(oca, "/a.m4s", Range="bytes=10-19")

    assert body(first) == body(second) == b"a" * 1000
    assert (part.status, body(part)) == (206, b"a" * 10)
    assert first.headers["Cache-Status"] == "oca-1; fwd=uri-miss; stored"
    assert second.headers["Cache-Status"] == "oca-1; hit"
    assert oca.fetches == {"/a.m4s": 1}
    assert oca.requests == {"/a.m4s": 3}


async def test_tags_and_types_are_the_origins(origin: WebServer) -> None:
    oca = Oca(origin.url)
    async with httpx.AsyncClient(base_url=origin.url) as client:
        direct = await client.get("/a.m4s")

    held = await ask(oca, "/a.m4s")

    for name in ("ETag", "Content-Type", "Last-Modified", "Repr-Digest", "Content-Digest"):
        assert held.headers[name] == direct.headers[name]


async def test_it_holds_no_more_than_it_may_and_forgets_the_oldest(origin: WebServer) -> None:
    oca = Oca(origin.url, limit_bytes=2500)

    for path in ("/a.m4s", "/b.m4s", "/a.m4s", "/c.m4s", "/a.m4s", "/b.m4s"):
        await ask(oca, path)
        assert oca.held_bytes <= 2500

    assert oca.fetches == {"/a.m4s": 1, "/b.m4s": 2, "/c.m4s": 1}


async def test_what_is_larger_than_the_cache_is_served_and_not_held(origin: WebServer) -> None:
    oca = Oca(origin.url, limit_bytes=999)

    answer = await ask(oca, "/a.m4s")

    assert body(answer) == b"a" * 1000
    assert answer.headers["Cache-Status"] == "oca; fwd=uri-miss"
    assert oca.held_bytes == 0


async def test_many_who_ask_at_once_make_one_fetch(origin: WebServer) -> None:
    oca = Oca(origin.url)

    answers = await asyncio.gather(*(ask(oca, "/a.m4s") for _ in range(20)))

    assert {body(answer) for answer in answers} == {b"a" * 1000}
    assert oca.fetches == {"/a.m4s": 1}


async def test_one_who_leaves_ends_nobody_elses_fetch(origin: WebServer) -> None:
    oca = Oca(origin.url)
    leaves = asyncio.create_task(ask(oca, "/a.m4s"))
    stays = asyncio.create_task(ask(oca, "/a.m4s"))
    await asyncio.sleep(0)
    leaves.cancel()

    assert body(await stays) == b"a" * 1000
    assert oca.fetches == {"/a.m4s": 1}


async def test_what_may_be_old_is_asked_about_and_changes_are_seen(
    root: Path, origin: WebServer
) -> None:
    clock = Clock()
    oca = Oca(origin.url, clock=clock)
    await ask(oca, "/a.m4s")

    clock.now_s = 59.9
    fresh = await ask(oca, "/a.m4s")
    clock.now_s = 60
    same = await ask(oca, "/a.m4s")
    (root / "a.m4s").write_bytes(b"A" * 500)
    clock.now_s = 200
    changed = await ask(oca, "/a.m4s")

    assert fresh.headers["Cache-Status"] == "oca; hit"
    assert same.headers["Cache-Status"] == "oca; fwd=stale; fwd-status=304"
    assert changed.headers["Cache-Status"] == "oca; fwd=stale; stored"
    assert body(changed) == b"A" * 500
    assert oca.held_bytes == 500


async def test_manifests_are_asked_about_every_time(origin: WebServer) -> None:
    oca = Oca(origin.url)

    await ask(oca, "/m.mpd")
    again = await ask(oca, "/m.mpd")

    assert again.headers["Cache-Status"] == "oca; fwd=stale; fwd-status=304"
    assert oca.fetches == {"/m.mpd": 2}


async def test_a_dead_origin_leaves_what_is_held_in_use(root: Path) -> None:
    async with WebServer(Origin(root)) as server:
        oca = Oca(server.url)
        await ask(oca, "/a.m4s")

    held, lacking = await ask(oca, "/a.m4s"), await ask(oca, "/b.m4s")

    assert body(held) == b"a" * 1000
    assert held.headers["Cache-Status"] == "oca; hit; detail=stale-if-error"
    assert lacking.status == 504


async def test_what_the_origin_lacks_is_not_there_and_its_errors_are_a_bad_gateway(
    root: Path,
) -> None:
    async def broken(request: Request) -> Answer:
        return said(500, "broken\n")

    async with WebServer(Origin(root)) as server, WebServer(broken) as wrong:
        missing = await ask(Oca(server.url), "/none.m4s")
        failing = await ask(Oca(wrong.url), "/a.m4s")

    assert (missing.status, failing.status) == (404, 502)


@pytest.mark.parametrize("tag", [{}, {"ETag": 'W/"same"'}])
async def test_without_a_strong_tag_of_the_origin_it_makes_one(tag: dict[str, str]) -> None:
    bodies = iter([b"first", b"second"])

    async def changing(request: Request) -> Answer:
        return Answer(200, tag, (next(bodies),))

    async with WebServer(changing) as server:
        oca = Oca(server.url)
        first, second = await ask(oca, "/a"), await ask(oca, "/a")

    assert (body(first), body(second)) == (b"first", b"second")
    assert first.headers["ETag"] != second.headers["ETag"]
    assert first.headers["Content-Digest"] != second.headers["Content-Digest"]
    assert "Last-Modified" not in first.headers


@pytest.mark.parametrize("url", ["https://x/", "http://x", "/folder/"])
def test_an_origin_is_an_http_url(url: str) -> None:
    with pytest.raises(ValueError, match="http URL"):
        Oca(url)


@pytest.mark.slow
async def test_a_testbed_may_have_caches_and_faults(folder: Path) -> None:
    script = FaultScript((Fault(kind="status", status=503, host="oca-2", path="*.m4s"),))
    bed = Testbed(folder, oca_count=2, cache_bytes=10**7, faults=script)
    path = "video-36p-60k/00001.m4s"
    async with bed, httpx.AsyncClient() as client:
        mpd = (await client.get(bed.mpd_url)).text
        statuses = [
            (await client.get(base + path)).status_code for _ in range(2) for _, base in bed.hosts
        ]
        fetches = {s.name: (await s.fetches())[f"/{folder.name}/{path}"] for s in bed.servers}
        struck = [await server.struck() for server in bed.servers]
        await bed.servers["oca-2"].inject(FaultScript())
        healed = await client.get(bed.hosts[1][1] + path)

    assert bed.hosts[1][1] in mpd
    assert statuses == [200, 503, 200, 503]
    assert fetches == {"oca-1": 1, "oca-2": 1}
    assert struck == [(0,), (2,)]
    assert healed.content == (folder / path).read_bytes()
