"""Players are sent to the nearest OCA that is well and not busy, in words both formats know."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.edge.exchange import Request
from netplay.edge.faults import Fault, FaultScript, Injector
from netplay.edge.httpd import WebServer
from netplay.edge.manifests import documents
from netplay.edge.origin import Origin
from netplay.edge.pathways import Pathway, Pathways
from netplay.edge.steered import SteeringAt
from netplay.edge.steering import STEERING_PATH, Report, Steering
from netplay.edge.title import Title
from netplay.manifest import parse_manifest

NEAR = Pathway(name="near", url="http://near/", distance_ms=5, distances_ms={"far-away": 200})
MIDDLE = Pathway(name="middle", url="http://middle/", distance_ms=30)
FAR = Pathway(name="far", url="http://far/", distance_ms=80, distances_ms={"far-away": 4})


def names(pathways: Pathways, region: str = "") -> list[str]:
    return [pathway.name for pathway in pathways.ranked(region)]


def test_the_nearest_is_first_and_every_region_has_its_own() -> None:
    pathways = Pathways([FAR, NEAR, MIDDLE])

    assert names(pathways) == ["near", "middle", "far"]
    assert names(pathways, "far-away") == ["far", "middle", "near"]


def test_a_busy_one_gives_way_to_an_idle_one_a_little_further_off() -> None:
    pathways = Pathways([NEAR, MIDDLE, FAR])

    pathways.heard("near", 0.5)
    half = names(pathways)
    pathways.heard("near", 0.8)
    busy = names(pathways)
    pathways.heard("near", 50)
    full = names(pathways)

    assert half == ["near", "middle", "far"]
    assert busy == ["middle", "near", "far"]
    assert full == ["middle", "far", "near"]


def test_it_is_withdrawn_after_two_misses_and_back_after_two_answers() -> None:
    pathways = Pathways([NEAR, FAR])
    said = []
    for well in (False, True, False, False, True, False, True, True):
        if well:
            pathways.heard("near", 0)
        else:
            pathways.missed("near")
        said.append(pathways.is_withdrawn("near"))

    assert said == [False, False, False, True, True, True, True, False]


def test_where_all_are_withdrawn_all_are_named() -> None:
    pathways = Pathways([FAR, NEAR])
    for name in ("near", "far") * 2:
        pathways.missed(name)

    assert names(pathways) == ["near", "far"]


@given(
    st.lists(st.tuples(st.sampled_from(["near", "middle", "far"]), st.floats(-1, 9) | st.none()))
)
def test_a_ranking_names_each_once_and_never_nobody(
    probes: list[tuple[str, float | None]],
) -> None:
    pathways = Pathways([NEAR, MIDDLE, FAR])
    for name, load in probes:
        if load is None:
            pathways.missed(name)
        else:
            pathways.heard(name, load)

    ranked = names(pathways)

    assert ranked
    assert len(set(ranked)) == len(ranked)
    well = [p.name for p in pathways.known if not pathways.is_withdrawn(p.name)]
    assert set(ranked) == set(well or ["near", "middle", "far"])


@pytest.mark.parametrize(
    "known",
    [
        [],
        [NEAR, NEAR],
        [Pathway(name="clone", url="http://x/", clone_of="none")],
    ],
)
def test_pathways_that_make_no_sense_are_refused(known: list[Pathway]) -> None:
    with pytest.raises(ValueError, match=r"pathways|clone"):
        Pathways(known)


def test_a_pathway_that_no_manifest_could_name_is_refused() -> None:
    with pytest.raises(ValueError, match="letters"):
        Pathway(name="a b", url="http://x/")
    with pytest.raises(ValueError, match="slash"):
        Pathway(name="a", url="http://x")


def asked(steering: Steering, query: dict[str, str]) -> dict[str, Any]:
    answer = asyncio.run(steering(Request("GET", STEERING_PATH, query)))
    (data,) = answer.body
    assert isinstance(data, bytes)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    document: dict[str, Any] = json.loads(data)
    return document


def test_the_document_is_what_the_specifications_say() -> None:
    clone = Pathway(
        name="rescue",
        url="http://rescue:81/",
        distance_ms=10,
        clone_of="near",
        params={"token": "t"},
    )
    steering = Steering(Pathways([NEAR, FAR, clone]), ttl_s=10)

    document = asked(steering, {"region": "x&y", "_HLS_pathway": "near"})

    assert document == {
        "VERSION": 1,
        "TTL": 10,
        "RELOAD-URI": "/steering?region=x%26y",
        "PATHWAY-PRIORITY": ["near", "rescue", "far"],
        "PATHWAY-CLONES": [
            {
                "BASE-ID": "near",
                "ID": "rescue",
                "URI-REPLACEMENT": {"HOST": "rescue:81", "PARAMS": {"token": "t"}},
            }
        ],
    }


def test_players_of_both_kinds_are_heard() -> None:
    steering = Steering(Pathways([NEAR]))

    asked(steering, {"_HLS_pathway": "near", "_HLS_throughput": "5140000"})
    asked(steering, {"_HLS_pathway": "near"})
    asked(steering, {"_DASH_pathway": '"near,far"', "_DASH_throughput": "100,200"})
    asked(steering, {"_DASH_pathway": "near,far", "_DASH_throughput": "fast"})
    asked(steering, {})

    assert list(steering.reports) == [
        Report("near", 5140000),
        Report("near", None),
        Report("near", 100),
        Report("far", 200),
        Report("near", None),
        Report("far", None),
    ]


def test_other_paths_and_methods_are_refused() -> None:
    steering = Steering(Pathways([NEAR]))

    assert asyncio.run(steering(Request("GET", "/other"))).status == 404
    assert asyncio.run(steering(Request("POST", STEERING_PATH))).status == 405
    with pytest.raises(ValueError, match="not 0"):
        Steering(Pathways([NEAR]), ttl_s=0)


HEALTH = "/.netplay/health"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="refuse"),
        Fault(kind="reset"),
        Fault(kind="status", status=500, path=HEALTH),
        Fault(kind="hang", path=HEALTH),
        Fault(kind="truncate", at_byte=5, path=HEALTH),
        Fault(kind="corrupt", at_byte=0, path=HEALTH),
    ],
    ids=lambda fault: str(fault.kind),
)
def test_an_oca_that_does_not_answer_well_is_withdrawn_and_comes_back(
    tmp_path: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netplay.edge.steering.PROBE_TIMEOUT_S", 0.1)
    said = []

    async def run() -> None:
        injectors = {name: Injector(clock=lambda: 0.0) for name in ("oca-1", "oca-2")}
        origin = Origin(tmp_path)
        async with (
            WebServer(origin, name="oca-1", injector=injectors["oca-1"]) as one,
            WebServer(origin, name="oca-2", injector=injectors["oca-2"]) as two,
        ):
            pathways = Pathways(
                Pathway(name=server.name, url=server.url, distance_ms=far)
                for far, server in enumerate((one, two))
            )
            steering = Steering(pathways)
            for script in (FaultScript(), FaultScript((fault,)), FaultScript()):
                injectors["oca-1"].start(script)
                await steering.probe()
                await steering.probe()
                await steering.probe()
                said.append(steering.document()["PATHWAY-PRIORITY"])

    asyncio.run(run())

    assert said == [["oca-1", "oca-2"], ["oca-2"], ["oca-1", "oca-2"]]


@pytest.mark.parametrize("before_start", [True, False])
def test_manifests_name_the_service_and_our_readers_find_it(
    title: Title, before_start: bool
) -> None:
    at = SteeringAt("http://steer/steering?a=1&b=2", "oca-2", before_start)
    hosts = [("oca-1", "http://one/"), ("oca-2", "http://two/")]

    written = documents(title, hosts, steering=at)
    plain = documents(title, hosts)

    for path in ("manifest.mpd", "periods.mpd", "base.mpd"):
        steering = parse_manifest(written[path], "http://one/m.mpd").steering
        assert steering is not None
        assert (steering.url, steering.default_host) == (at.url, "oca-2")
        assert steering.query_before_start == before_start
        assert "ContentSteering" not in plain[path]
    for path in ("master.m3u8", "ts.m3u8", "range.m3u8", "swapped.m3u8"):
        found = parse_manifest(written[path], "http://one/m.m3u8").steering
        assert found is not None
        assert (found.url, found.default_host) == (at.url, "oca-2")
        assert "CONTENT-STEERING" not in plain[path]
