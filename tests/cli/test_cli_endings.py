"""How a command ends: its exit code, one line that says why, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from netplay.cli import main

from .conftest import without


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("missing", "404"),
        ("page", "not a manifest"),
        ("empty", "empty"),
        ("cut.mpd", "cut.mpd"),
        ("loop", "redirect"),
        ("no-segments.m3u8", "no-segments.m3u8"),
    ],
)
@pytest.mark.parametrize("command", ["play", "inspect"])
def test_what_is_no_manifest_ends_in_one_line_that_names_it(
    wrong: str, path: str, says: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([command, wrong + path])

    said = capsys.readouterr()
    assert code == 1
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("netplay: ")
    assert path in said.err
    assert says in said.err


def test_a_failure_is_an_object_on_standard_output_where_json_was_asked_for(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["play", f"{wrong}missing", "--json"])

    said = capsys.readouterr()
    error = json.loads(said.out)["error"]
    assert code == 1
    assert error["type"] == "ManifestError"
    assert error["code"] == 4001
    assert error["message"] in said.err
    assert len(error["attempts"]) == 1


@pytest.mark.slow
def test_a_refused_connection_is_tried_again_and_then_told(
    wrong: str, capsys: pytest.CaptureFixture[str], unused_port: int
) -> None:
    code = main(["play", f"http://127.0.0.1:{unused_port}/x.mpd"])

    said = capsys.readouterr().err
    assert code == 1
    assert "3 times" in said
    assert "refused" in said


@pytest.mark.parametrize("command", ["play", "inspect"])
def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([command, str(tmp_path / "nowhere.mpd")])

    said = capsys.readouterr().err
    assert code == 1
    assert "nowhere.mpd" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["play", "gopher://host/x.mpd"], "gopher"),
        (["inspect", "gopher://host/x.mpd"], "gopher"),
        (["play", "http:///x.mpd"], "no host"),
        (["play", "x.mpd", "--abr", "clever"], "hybrid, "),
        (["demo", "--abr", "clever"], "hybrid, "),
        (["play", "x.mpd", "--hwaccel", "abacus"], "abacus"),
        (["play", "x.mpd", "--duration", "0"], "--duration"),
        (["play", "x.mpd", "--duration", "nan"], "--duration"),
        (["play", "x.mpd", "--start", "soon"], "--start"),
        (["play", "x.mpd", "--log", "/nowhere/at/all.jsonl"], "/nowhere/at/all.jsonl"),
        (["play", "x.mpd", "--key", "kid:key"], "--key 1"),
        (["play", "x.mpd", "--key-file", "/nowhere/keys"], "/nowhere/keys"),
        (["play", "x.mpd", "--license-header", "A: b"], "--license-url"),
        (["play", "x.mpd", "--license-url", "https://x/", "--license-header", "A"], "header 1"),
        (["play", "x.mpd", "--license-url", "http://x.example/?token=t"], "http://x.example/?…"),
        (["play", "x.mpd", "--service-certificate", "c"], "--widevine-device"),
        (["demo", "--drm", "rot13"], "clearkey or widevine"),
        (["play"], "URL"),
        (["play", ""], "path"),
        (["play", "x.mpd", "--loud"], "--loud"),
        (["inspect", "http://host/x.mpd", "--base-url", "http://host/"], "--base-url"),
        (["sing"], "sing"),
    ],
)
def test_arguments_that_cannot_work_end_in_one_line_and_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments)

    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert says in said.err


def test_it_says_which_version_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--version"])

    assert code == 0
    assert capsys.readouterr().out == "netplay 0.1.0\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["play", "--help"]])
def test_help_is_on_standard_output(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments)

    said = capsys.readouterr()
    assert code == 0
    assert "Usage: netplay" in said.out
    assert said.err == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "blocked", "extras"),
    [
        (("play", "x.mpd"), {"typer", "rich"}, "cli"),
        (("--help",), {"typer"}, "cli"),
        (("demo",), {"typer", "rich", "starlette"}, "cli,edge"),
        (("demo",), {"m3u8"}, "edge"),
        (("demo", "--drm", "clearkey"), {"cryptography"}, "drm"),
        (("demo", "--drm=widevine"), {"pywidevine"}, "widevine"),
        (("demo", "--drm", "widevine"), {"typer", "m3u8", "pywidevine"}, "cli,edge,widevine"),
        (("play", "x.mpd", "--key", "kid:key"), {"cryptography"}, "drm"),
        (("play", "x.mpd", "--key", "k", "--widevine-device", "d"), {"cryptography"}, "widevine"),
    ],
)
def test_a_missing_extra_ends_in_2_and_the_line_to_run(
    arguments: tuple[str, ...], blocked: set[str], extras: str
) -> None:
    done = without(blocked, *arguments)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.endswith(f"pip install '.[{extras}]'\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_the_demo_with_clearkey_does_without_pywidevine() -> None:
    code = "import sys; sys.modules['pywidevine'] = None; import netplay.cli.protection as p\n"
    code += "from netplay.edge.title import TINY; p.plan_of(TINY)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
def test_the_core_install_can_still_say_its_version() -> None:
    done = without({"typer", "rich", "starlette", "uvicorn", "m3u8", "mpegdash"}, "--version")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_help_does_not_wait_for_decoders_to_load() -> None:
    code = "import sys; from netplay.cli import main; main(['--help']); print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"av", "httpx", "numpy", "starlette", "netplay.player"}
