"""Servers in processes of their own: they serve, they die when told, and never linger."""

import os
import signal
import sys
from pathlib import Path

import anyio
import httpx
import pytest

from netplay.edge.child import Child
from netplay.edge.license.policy import Entitlement, ProtectedTitle, ServicePolicy, licensed_keys
from netplay.edge.license.server import LicenseServer
from netplay.edge.link import LinkSpec
from netplay.edge.servers import EdgeServers
from netplay.edge.testbed import Testbed
from netplay.edge.title import Title

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LINK = LinkSpec.constant(50_000, rtt_s=0.01)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_title_is_played_through_the_link_from_every_server(
    folder: Path, title: Title
) -> None:
    async with Testbed(folder, link=LINK) as bed, httpx.AsyncClient() as client:
        mpd = (await client.get(bed.mpd_url)).text
        master = (await client.get(bed.hls_url)).text
        init = [await client.get(f"{url}video-36p-60k/init.mp4") for _, url in bed.hosts]
        counted = await bed.requests()
        direct = [server.url for server in bed.servers]

    assert [name for name, _ in bed.hosts] == ["oca-1", "oca-2", "oca-3"]
    assert [response.status_code for response in init] == [200] * 3
    assert len({response.headers["etag"] for response in init}) == 1
    for name, url in bed.hosts:
        assert f'<BaseURL serviceLocation="{name}">{url}</BaseURL>' in mpd
        assert f"{url}video-36p-60k/media.m3u8" in master
    assert not any(url in mpd + master for url in direct)
    path = f"/{folder.name}/video-36p-60k/init.mp4"
    assert [counts[path] for counts in counted.values()] == [1, 1, 1]


async def test_a_stopped_server_refuses_and_the_others_go_on(folder: Path) -> None:
    async with (
        Testbed(folder, oca_count=2, link=LINK, link_in_process=True) as bed,
        httpx.AsyncClient() as client,
    ):
        await client.get(bed.mpd_url)
        await bed.stop("oca-1")

        with pytest.raises(httpx.TransportError):
            await client.get(bed.mpd_url)
        second = await client.get(bed.hosts[1][1] + "manifest.mpd")
        running = list(await bed.requests())

    assert second.status_code == 200
    assert running == ["oca-2"]


@pytest.mark.parametrize("link_in_process", [True, False])
async def test_a_server_that_dies_in_mid_sentence_cuts_the_answer_short(
    folder: Path, link_in_process: bool
) -> None:
    async def read_while_it_dies(bed: Testbed, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", bed.url("video-108p-240k/all.mp4")) as response:
            assert response.status_code == 200
            async for _ in response.aiter_raw():
                if bed.servers["oca-1"].running:
                    await bed.stop("oca-1")

    slow = LinkSpec.constant(400, rtt_s=0)
    async with (
        Testbed(folder, oca_count=1, link=slow, link_in_process=link_in_process) as bed,
        httpx.AsyncClient() as client,
    ):
        with anyio.fail_after(2), pytest.raises(httpx.TransportError):
            await read_while_it_dies(bed, client)


async def test_a_testbed_without_a_link_serves_directly(folder: Path) -> None:
    async with Testbed(folder, oca_count=1) as bed, httpx.AsyncClient() as client:
        response = await client.get(bed.url("timeline.mpd"))
        with pytest.raises(ValueError, match="without a link"):
            await bed.shape(LINK)

    assert response.status_code == 200
    assert bed.hosts[0][1] == f"{bed.servers['oca-1'].url}{folder.name}/"


@pytest.mark.parametrize("link", [None, LINK])
async def test_licences_come_over_the_link_too(folder: Path, link: LinkSpec | None) -> None:
    (key,) = licensed_keys("SD")
    licenses = LicenseServer(
        ServicePolicy(
            titles=(ProtectedTitle(name="film", keys=(key,)),),
            entitlements=(Entitlement(titles=frozenset({"film"})),),
        )
    )
    bed = Testbed(folder, oca_count=1, link=link, link_in_process=True, licenses=licenses)
    async with bed, httpx.AsyncClient() as client:
        direct = licenses.url
        response = await client.get(f"{bed.license_url}key/{key.kid}")
        await bed.stop("license")
        with pytest.raises(httpx.TransportError):
            await client.get(f"{bed.license_url}key/{key.kid}")
        media = await client.get(bed.mpd_url)

    assert response.content == key.key
    assert (bed.license_url == direct) == (link is None)
    assert media.status_code == 200


async def test_no_process_outlives_a_cancelled_block(folder: Path) -> None:
    pids: list[int] = []
    with anyio.CancelScope() as scope:
        async with Testbed(folder, oca_count=2, link=LINK) as bed:
            pids += [server.pid for server in bed.servers]
            scope.cancel()
            await anyio.sleep_forever()

    assert len(pids) == 2
    assert all(is_gone(pid) for pid in pids)


async def test_no_process_outlives_a_start_that_was_cancelled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Child] = []
    start = Child.start

    async def noted(name: str, module: str, *arguments: str) -> Child:
        started.append(await start(name, module, *arguments))
        return started[-1]

    monkeypatch.setattr(Child, "start", noted)
    with anyio.move_on_after(0.05):
        async with EdgeServers(folder.parent, count=2):
            await anyio.sleep_forever()

    assert started
    assert all(is_gone(child.pid) for child in started)


async def test_servers_end_when_their_parent_is_killed(folder: Path) -> None:
    parent_code = (
        "import anyio, sys\n"
        "from pathlib import Path\n"
        "from netplay.edge.servers import EdgeServers\n"
        "async def main():\n"
        "    async with EdgeServers(Path(sys.argv[1]), count=1) as servers:\n"
        "        print(servers['oca-1'].port, flush=True)\n"
        "        await anyio.sleep_forever()\n"
        "anyio.run(main)\n"
    )
    command = [sys.executable, "-c", parent_code, str(folder.parent)]
    async with await anyio.open_process(command, stderr=None) as parent:
        assert parent.stdout is not None
        port = int(await parent.stdout.receive())
        async with await anyio.connect_tcp("127.0.0.1", port) as witness:
            parent.send_signal(signal.SIGKILL)
            with (
                anyio.fail_after(10),
                pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)),
            ):
                await witness.receive()


async def test_a_child_that_cannot_start_is_an_error_that_names_it() -> None:
    child = await Child.start("oca-9", "netplay.edge.nothing_of_that_name")
    try:
        with pytest.raises(ConnectionError, match="oca-9"):
            await child.hear()
    finally:
        await child.kill()
