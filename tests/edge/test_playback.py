"""A device is told of what it may play, from where, and of nothing else."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.edge.encryption.signals import Signals, SystemSignal
from netplay.edge.exchange import Answer, Request
from netplay.edge.pathways import Pathway, Pathways
from netplay.edge.playback import HDCP, Device, Playback
from netplay.edge.title import Title
from netplay.manifest import parse_manifest
from netplay.timeline import Presentation

KID = "00" * 16
SYSTEMS = (SystemSignal(system="clearkey", license_url="{license}clearkey"),)


@pytest.fixture
def pathways() -> Pathways:
    return Pathways(
        [
            Pathway(name="oca-1", url="http://one/", distance_ms=10, distances_ms={"eu": 90}),
            Pathway(name="oca-2", url="http://two/", distance_ms=20),
            Pathway(name="oca-3", url="http://three/", distance_ms=1, clone_of="oca-1"),
        ]
    )


@pytest.fixture
def playback(folder: Path, pathways: Pathways) -> Playback:
    return Playback(folder.parent, pathways, steering_url="http://steer/steering")


def ask(playback: Playback, path: str, query: str = "", method: str = "GET") -> Answer:
    return asyncio.run(playback(Request(method, f"/playback/{path}", dict(parse_qsl(query)))))


def text(answer: Answer) -> str:
    (data,) = answer.body
    assert isinstance(data, bytes)
    assert answer.status == 200, data
    return data.decode()


def read(answer: Answer) -> Presentation:
    return parse_manifest(text(answer), "http://playback/m")


def heights(presentation: Presentation) -> list[int | None]:
    (video,) = presentation.periods[0].of_kind("video")
    return [representation.height for representation in video.representations]


def languages(presentation: Presentation, kind: Any) -> list[str]:
    return [found.language for found in presentation.periods[0].of_kind(kind)]


def protected(folder: Path, root: Path) -> str:
    """Write a title whose pictures, but not whose sound, are said to be protected."""
    title = Title.load(folder)
    kids = {track.id: (KID,) for track in title.of("video")}
    home = root / "film"
    home.mkdir()
    replace(title, protection=Signals(scheme="cenc", kids=kids, systems=SYSTEMS)).save(home)
    return home.name


def test_a_device_is_told_where_everything_is(playback: Playback, folder: Path) -> None:
    told = json.loads(text(ask(playback, folder.name, "max_height=72&audio=sv&region=eu")))

    video = Title.load(folder).of("video")[:2]
    assert told["video"] == [[track.width, track.height, track.codecs] for track in video]
    assert (told["audio"], told["text"]) == (["sv"], ["en", "sv"])
    assert [host["name"] for host in told["hosts"]] == ["oca-3", "oca-2", "oca-1"]
    assert told["hosts"][1]["url"] == f"http://two/{folder.name}/"
    assert (told["license_url"], told["steering_url"]) == ("", "http://steer/steering")
    assert {"manifest.mpd", "master.m3u8", "ts.m3u8"} <= told["manifests"].keys()
    parts = urlsplit(told["manifests"]["manifest.mpd"])
    following = ask(playback, parts.path.removeprefix("/playback/"), parts.query)
    assert heights(read(following)) == [36, 72]


@pytest.mark.parametrize("manifest", ["manifest.mpd", "master.m3u8", "base.mpd", "range.m3u8"])
def test_the_manifest_holds_what_the_device_may_play(
    playback: Playback, folder: Path, manifest: str
) -> None:
    query = "families=h264&max_height=100&audio=sv,en&text=en&region=eu"

    presentation = read(ask(playback, f"{folder.name}/{manifest}", query))

    assert heights(presentation) == [36, 72]
    assert languages(presentation, "audio") == ["sv", "en"]
    assert languages(presentation, "text") == ["en"]
    (video,) = presentation.periods[0].of_kind("video")
    assert [at.host for at in video.representations[0].locations] == ["oca-2", "oca-1"]
    assert presentation.steering is not None
    assert presentation.steering.url == "http://steer/steering?region=eu"
    assert presentation.steering.default_host == "oca-2"


def test_a_device_that_says_nothing_gets_all_of_a_clear_title(
    playback: Playback, folder: Path, title: Title
) -> None:
    answer = ask(playback, f"{folder.name}/master.m3u8")

    playlist = m3u8.loads(text(answer))
    assert {p.stream_info.resolution for p in playlist.playlists} == {
        (track.width, track.height) for track in title.of("video")
    }
    assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_language_that_is_not_there_is_passed_over_but_never_to_silence(
    playback: Playback, folder: Path
) -> None:
    presentation = read(ask(playback, f"{folder.name}/manifest.mpd", "audio=fr&text=fr"))

    assert languages(presentation, "audio") == ["en"]
    assert languages(presentation, "text") == []


@pytest.mark.parametrize(
    ("hdcp", "expected"), [("none", [36]), ("1.4", [36, 72]), ("2.2", [36, 72, 108])]
)
def test_tall_pictures_of_a_protected_title_need_a_protected_display(
    folder: Path, tmp_path: Path, pathways: Pathways, hdcp: str, expected: list[int]
) -> None:
    name = protected(folder, tmp_path)
    playback = Playback(
        tmp_path,
        pathways,
        license_url="http://license/",
        hdcp_above=((40, "1.4"), (80, "2.2")),
    )

    written = ask(playback, f"{name}/manifest.mpd", f"hdcp={hdcp}")
    told = json.loads(text(ask(playback, name, f"hdcp={hdcp}")))

    assert heights(read(written)) == expected
    assert "http://license/clearkey" in text(written)
    assert "{license}" not in text(written)
    assert told["license_url"] == "http://license/"


@given(
    st.sampled_from(HDCP),
    st.none() | st.integers(1, 200),
    st.none() | st.lists(st.sampled_from(["en", "sv", "fr"])),
)
def test_no_device_gets_more_than_it_said(
    folder: Path, title: Title, hdcp: str, max_height: int | None, audio: list[str] | None
) -> None:
    kids = {track.id: (KID,) for track in title.of("video")}
    whole = replace(title, protection=Signals(scheme="cenc", kids=kids))
    playback = Playback(
        folder.parent,
        Pathways([Pathway(name="a", url="http://a/")]),
        hdcp_above=((40, "1.4"), (80, "2.2")),
    )
    wanted = None if audio is None else tuple(audio)
    device = Device(hdcp=hdcp, max_height=max_height, audio=wanted)
    rank = HDCP.index
    limit = 40 if rank(hdcp) < rank("1.4") else 80 if rank(hdcp) < rank("2.2") else 1000
    expected = [h for h in (36, 72, 108) if h <= min(limit, max_height or 1000)]

    try:
        offered = playback.offered(whole, device)
    except ValueError:
        assert not expected
        return

    assert [track.height for track in offered.of("video")] == expected
    assert offered.of("audio")


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("none", "", 404),
        ("", "", 404),
        ("..", "", 404),
        ("../secret/manifest.mpd", "", 404),
        ("{title}/other.mpd", "", 404),
        ("{title}/video-36p-60k/media.m3u8", "", 404),
        ("{title}", "families=mpeg2", 400),
        ("{title}", "hdcp=9", 400),
        ("{title}", "max_height=tall", 400),
        ("{title}", "max_height=0", 400),
        ("{title}", "max_height=20", 403),
        ("{title}", "families=av1", 403),
    ],
)
def test_what_cannot_be_offered_is_refused(
    playback: Playback, folder: Path, path: str, query: str, status: int
) -> None:
    assert ask(playback, path.format(title=folder.name), query).status == status


def test_a_withdrawn_oca_is_in_no_manifest(
    playback: Playback, folder: Path, pathways: Pathways
) -> None:
    pathways.missed("oca-1")
    pathways.missed("oca-1")

    written = text(ask(playback, f"{folder.name}/manifest.mpd"))

    assert "oca-2" in written
    assert "oca-1" not in written


def test_a_post_is_refused(playback: Playback, folder: Path) -> None:
    assert ask(playback, folder.name, method="POST").status == 405
