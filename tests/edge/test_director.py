"""The playback and steering services beside real servers: they notice who is well."""

import json
from pathlib import Path

import anyio
import httpx
import pytest

from netplay.edge.faults import Fault, FaultScript
from netplay.edge.link import LinkSpec
from netplay.edge.steering import Report
from netplay.edge.testbed import Testbed
from netplay.manifest import parse_manifest

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LINK = LinkSpec.constant(50_000, rtt_s=0.01)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("link", [None, LINK])
async def test_a_server_that_dies_is_withdrawn_while_the_others_play(
    folder: Path, link: LinkSpec | None
) -> None:
    bed = Testbed(folder, oca_count=2, steering_ttl_s=5, link=link, link_in_process=True)
    async with bed, httpx.AsyncClient() as client:
        assert bed.director is not None
        mpd = (await client.get(bed.mpd_url)).text
        steering = parse_manifest(mpd, bed.mpd_url).steering
        assert steering is not None
        asked = {"_DASH_pathway": "oca-1", "_DASH_throughput": "5000000"}
        before = (await client.get(steering.url, params=asked)).json()
        await bed.stop("oca-1")
        with anyio.fail_after(20):
            while await bed.director.priority() != ("oca-2",):
                await anyio.lowlevel.checkpoint()
        after = (await client.get(steering.url)).json()
        told = (await client.get(f"{bed.director_url}playback/{folder.name}")).json()
        reports = await bed.director.reports()

    assert steering.default_host == "oca-1"
    assert (before["TTL"], before["PATHWAY-PRIORITY"]) == (5, ["oca-1", "oca-2"])
    assert after["PATHWAY-PRIORITY"] == ["oca-2"]
    assert told["hosts"] == [{"name": "oca-2", "url": bed.hosts[1][1]}]
    assert told["steering_url"] == steering.url
    assert reports == (Report("oca-1", 5_000_000),)


async def test_the_director_may_fail_too(folder: Path) -> None:
    wrong = Fault(kind="corrupt", host="director", path="/steering", count=5, times=1)
    script = FaultScript((wrong,))
    bed = Testbed(folder, oca_count=1, steering_ttl_s=5, faults=script)
    async with bed, httpx.AsyncClient() as client:
        url = f"{bed.director_url}steering"
        bad = await client.get(url)
        good = await client.get(url)
        await bed.stop("director")
        with pytest.raises(httpx.TransportError):
            await client.get(url)
        media = await client.get(bed.mpd_url)

    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        json.loads(bad.content)
    assert good.json()["VERSION"] == 1
    assert media.status_code == 200
