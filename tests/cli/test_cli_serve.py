"""`netplay serve`: any folder, over HTTP, with faults and over a link, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from netplay.cli import main
from netplay.edge.title import Title

pytestmark = pytest.mark.slow

Serving = Callable[..., dict[str, Any]]


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def serving(processes: list[subprocess.Popen[str]], environment: dict[str, str]) -> Serving:
    """Return a function that starts the command and returns what it said."""

    def start(*arguments: str | Path) -> dict[str, Any]:
        process = subprocess.Popen(
            [sys.executable, "-m", "netplay.cli", "serve", *map(str, arguments), "--json"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        told: dict[str, Any] = json.loads(line)
        return told

    return start


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with a title of somebody else's, and things that are nobody's business."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "film" / "v").mkdir(parents=True)
    (root / "film" / "all.m3u8").write_text(
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv/media.m3u8\n"
    )
    (root / "film" / "v" / "media.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n")
    (root / "film" / "v" / "1 2.m4s").write_bytes(bytes(100_000))
    (root / "top.mpd").write_text("<MPD/>")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / ".hidden.mpd").write_text("<MPD/>")
    return root


def test_a_folder_is_served_and_its_manifests_are_named(root: Path, serving: Serving) -> None:
    told = serving(root)

    url = told["url"]
    assert url.startswith("http://127.0.0.1:")
    assert told["manifests"] == [f"{url}top.mpd", f"{url}film/all.m3u8"]
    mpd = httpx.get(told["manifests"][0], headers={"Origin": "http://page"})
    part = httpx.get(f"{url}film/v/1%202.m4s", headers={"Range": "bytes=1-10"})
    assert (mpd.status_code, mpd.text) == (200, "<MPD/>")
    assert mpd.headers["content-type"] == "application/dash+xml"
    assert mpd.headers["access-control-allow-origin"] == "*"
    assert (part.status_code, len(part.content)) == (206, 10)
    for path in ("out", ".hidden.mpd", "..%2fsecret", "film", ""):
        assert httpx.get(url + path).status_code == 404


def test_another_player_plays_what_is_served(folder: Path, serving: Serving) -> None:
    told = serving(folder)
    master = next(url for url in told["manifests"] if url.endswith("/master.m3u8"))

    with av.open(master) as container:
        frames = sum(1 for _ in container.decode(video=0))

    assert frames == Title.load(folder).of("video")[0].samples


def test_faults_strike_and_are_changed_while_it_runs(
    root: Path, tmp_path: Path, serving: Serving
) -> None:
    script = tmp_path / "faults.toml"
    script.write_text('[[fault]]\nkind = "status"\nstatus = 503\npath = "*.mpd"\n')
    told = serving(root, "--faults", script)
    mpd, faults = told["manifests"][0], told["faults_url"]

    first = httpx.get(mpd).status_code
    struck = httpx.get(faults).json()["struck"]
    down = '[[fault]]\nkind = "refuse"\n'
    httpx.put(faults, content=down, headers={"Content-Type": "application/toml"})
    refused = ends_in(lambda: httpx.get(mpd).status_code, httpx.ConnectError)
    healed = httpx.delete(faults).status_code
    up = ends_in(lambda: httpx.get(mpd).status_code == 200, None)

    assert (first, struck, healed) == (503, [1], 200)
    assert refused
    assert up


def ends_in(ask: Callable[[], Any], error: type[Exception] | None) -> bool:
    """Ask until it raises, or until it is so; a listener opens and closes a moment later."""
    until_s = time.monotonic() + 5
    while time.monotonic() < until_s:
        try:
            if ask() is True and error is None:
                return True
        except httpx.TransportError as raised:
            if error is not None and isinstance(raised, error):
                return True
    return False


def test_a_trace_shapes_it(root: Path, tmp_path: Path, serving: Serving) -> None:
    trace = tmp_path / "slow.json"
    rows = [{"duration_ms": 1000, "bandwidth_kbps": 2000, "latency_ms": 100}]
    trace.write_text(json.dumps(rows))
    url = serving(root, "--trace", trace)["url"]
    began_s = time.monotonic()

    response = httpx.get(f"{url}film/v/1%202.m4s")

    took_s = time.monotonic() - began_s
    assert len(response.content) == 100_000
    # 100,000 bytes at 2 Mb/s are 0.4 s, behind a handshake and a request of 0.1 s each.
    assert 0.58 <= took_s <= 3


def test_ctrl_c_ends_it_with_its_exit_code_and_in_silence(
    root: Path, serving: Serving, processes: list[subprocess.Popen[str]]
) -> None:
    told = serving(root)
    (process,) = processes

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (130, "", "")
    with pytest.raises(httpx.ConnectError):
        httpx.get(told["url"])


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ('[[fault]]\nkind = "explode"\n', "faults.toml:2: no fault 'explode'"),
        ("[[fault]\n", "faults.toml:1: "),
        (None, "faults.toml: No such file or directory"),
    ],
)
def test_a_script_that_is_wrong_is_a_bad_argument(
    root: Path,
    tmp_path: Path,
    script: str | None,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "faults.toml"
    if script is not None:
        path.write_text(script)

    code = main(["serve", str(root), "--faults", str(path)])

    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert says in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere"], 2),
        ([".", "--trace", "nowhere.json"], 1),
        ([".", "--tls", "nowhere.pem"], 2),
        ([".", "--host", "192.0.2.1"], 1),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) == code

    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1


def test_a_port_in_use_is_the_worlds_failure(
    root: Path, serving: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    port = httpx.URL(serving(root)["url"]).port

    code = main(["serve", str(root), "--port", str(port)])

    assert code == 1
    assert "in use" in capsys.readouterr().err
