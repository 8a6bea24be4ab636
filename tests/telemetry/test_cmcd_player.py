"""A real player sends CMCD with everything it asks for, and its reports say what was seen."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import anyio
import httpx
import pytest
from jsonschema import Draft202012Validator

from netplay import Network, Player, SkippingClock
from netplay.edge.cache import cached_title
from netplay.edge.manifests import documents
from netplay.edge.title import Rung, Title, TitleSpec
from netplay.telemetry import (
    Bounded,
    Cmcd,
    CmcdReporter,
    Header,
    LogWriter,
    Message,
    Tap,
    event_log_schema,
    exposition,
)
from netplay.telemetry.cmcd import check_event, check_headers, check_query
from netplay.telemetry.cmcd.keys import Version
from netplay.telemetry.structured import Item, parse_dictionary

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SHORT = TitleSpec(
    duration_s=2,
    segment_s=1,
    rungs=(Rung(36, 64, 60), Rung(72, 128, 120)),
    audio_kbps=48,
    forms=("segments", "file"),
)
BASE = "http://oca-1.test/title/"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cached_title(SHORT, tmp_path_factory.mktemp("titles"))


class Edge:
    """A server of a title's folder that keeps every request it was sent."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[httpx.Request] = []
        self._folder = folder
        self._documents = documents(Title.load(folder), [("oca-1", BASE)])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path.removeprefix("/title/")
        if path in self._documents:
            return httpx.Response(200, text=self._documents[path])
        held = (self._folder / path).read_bytes()
        span = request.headers.get("range")
        if span is None:
            return httpx.Response(200, content=held)
        first, _, last = span.removeprefix("bytes=").partition("-")
        part = held[int(first) : int(last) + 1 if last else None]
        told = f"bytes {first}-{int(first) + len(part) - 1}/{len(held)}"
        return httpx.Response(206, content=part, headers={"Content-Range": told})

    def cmcd(self) -> Iterator[dict[str, object]]:
        """Yield the keys of each request, checked."""
        for request in self.asked:
            fields = {
                f"CMCD-{name[5:].capitalize()}": text
                for name, text in request.headers.items()
                if name.startswith("cmcd-")
            }
            text = ",".join(fields.values())
            if fields:
                assert check_headers(fields) == []
            else:
                assert check_query(str(request.url)) == []
                text = request.url.params["CMCD"]
            yield {
                key: one.value if isinstance(one, Item) else one
                for key, one in parse_dictionary(text).items()
            }


async def watch(
    edge: Edge, cmcd: Cmcd, *taps: Tap, path: str = "manifest.mpd"
) -> tuple[str, float]:
    """Play the title to its end; return its figures, and how many frames were shown."""
    with anyio.fail_after(20):
        async with (
            Network(transport=httpx.MockTransport(edge), decorate=cmcd.decorate) as network,
            Player(network=network, clock=SkippingClock(), taps=[cmcd, *taps]) as player,
        ):
            await player.open(BASE + path)
            await player.play()
            await player.wait_finished()
            return exposition(player.summary(), player.status()), player.summary().frames_shown


@pytest.mark.parametrize("path", ["manifest.mpd", "base.mpd", "master.m3u8"])
@pytest.mark.parametrize("mode", ["header", "query"])
@pytest.mark.parametrize("version", [1, 2])
async def test_every_request_of_a_player_is_cmcd(
    folder: Path, path: str, mode: Literal["header", "query"], version: Version
) -> None:
    edge, cmcd = Edge(folder), Cmcd(content_id="heat", mode=mode, version=version)

    await watch(edge, cmcd, path=path)

    keys = list(edge.cmcd())
    assert {one["sid"] for one in keys} == {cmcd.sid}
    assert {one["ot"] for one in keys} >= {"m", "i", "v", "a"}
    media = [one for one in keys if one["ot"] in ("v", "a")]
    assert media
    assert all({"br", "bl", "d", "tb", "cid"} <= one.keys() for one in media)
    assert media[0]["su"] is True
    assert media[0]["d"] == pytest.approx(1000, abs=60)


async def test_reports_figures_and_log_agree_with_what_was_seen(
    folder: Path, tmp_path: Path
) -> None:
    bodies: list[bytes] = []
    cmcd, file = Cmcd(version=2), tmp_path / "session.jsonl"

    def post(url: str, body: bytes, media_type: str) -> int:
        bodies.append(body)
        return 204

    with (
        CmcdReporter(cmcd, "https://c.test/in", responses=True, post=post) as reporter,
        LogWriter(file, Header()) as log,
    ):
        figures, frames = await watch(Edge(folder), cmcd, reporter, log)

    lines = b"\n".join(bodies).decode().splitlines()
    assert not any(check_event(line) for line in lines)
    states = [parse_dictionary(line)["sta"] for line in lines if "e=ps" in line]
    assert [one.value for one in states if isinstance(one, Item)] == ["d", "s", "p", "e"]
    assert f"netplay_frames_shown_total {frames}\n" in figures
    assert 'netplay_state{state="ended"} 1\n' in figures
    validator = Draft202012Validator(event_log_schema())
    for line in file.read_text().splitlines():
        validator.validate(json.loads(line))


async def test_a_player_with_broken_and_hanging_taps_shows_every_frame(folder: Path) -> None:
    release = threading.Event()

    def hangs(now_us: int, message: Message) -> None:
        release.wait()

    def breaks(now_us: int, message: Message) -> None:
        raise RuntimeError(message)

    _, alone = await watch(Edge(folder), Cmcd())
    slow, broken = Bounded(hangs, capacity=5), Bounded(breaks)

    _, beside = await watch(Edge(folder), Cmcd(), slow, broken)
    ended = slow.close(timeout_s=0.01), broken.close()
    release.set()

    assert beside == alone > 40
    assert ended == (False, True)
    assert slow.dropped > 20
    assert broken.failed == broken.taken > 25
    assert isinstance(broken.error, RuntimeError)
