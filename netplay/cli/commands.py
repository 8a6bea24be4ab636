"""The commands and their options; what they do is in the modules of their names.

Imports little by itself: `netplay --help` and a mistyped option should not wait for
decoders to load.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netplay.cli.app import Abort, Json, UsageError, app
from netplay.cli.workbench import serve, simulate

if TYPE_CHECKING:
    from netplay.cli.playing import PlayRequest
    from netplay.telemetry.log import LogWriter

__all__ = ["Abort", "UsageError", "perform"]


def perform(arguments: Sequence[str]) -> int:
    """Perform a command and return its exit code.

    Raises:
        UsageError: The arguments cannot work.
        NetplayError, OSError: The world failed.
    """
    if not arguments:
        arguments = ["--help"]
    code: object = app(args=list(arguments), prog_name="netplay", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"netplay {version('netplay')}\n")
        raise typer.Exit


@app.callback()
def _netplay(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which this is."),
    ] = False,
) -> None:
    del version


Url = Annotated[str, typer.Argument(metavar="URL", help="http, https or file, or a path.")]
Abr = Annotated[str, typer.Option("--abr", metavar="NAME", help="The controller of the rungs.")]
Hwaccel = Annotated[
    str,
    typer.Option("--hwaccel", metavar="auto|none|NAME", help="How to decode, as FFmpeg names it."),
]
LogPath = Annotated[
    Path | None,
    typer.Option("--log", metavar="FILE.jsonl", help="Write every event and action here."),
]


@app.command("play")
def _play(
    url: Url,
    *,
    abr: Abr = "hybrid",
    duration: Annotated[
        float | None, typer.Option("--duration", metavar="S", help="Stop after so many seconds.")
    ] = None,
    start: Annotated[
        float | None, typer.Option("--start", metavar="S", min=0, help="Begin there.")
    ] = None,
    audio_lang: Annotated[
        list[str] | None,
        typer.Option("--audio-lang", metavar="LANG", help="Repeat it, most wanted first."),
    ] = None,
    text_lang: Annotated[
        list[str] | None,
        typer.Option("--text-lang", metavar="LANG", help="Subtitles; likewise."),
    ] = None,
    max_height: Annotated[
        int | None, typer.Option("--max-height", metavar="PIXELS", min=1, help="Of the picture.")
    ] = None,
    hwaccel: Hwaccel = "auto",
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="KID:KEY", help="ClearKey, hexadecimal. Repeat it."),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="KID:KEY, a line each.")
    ] = None,
    license_url: Annotated[
        str, typer.Option("--license-url", metavar="URL", help="Else as the manifest says.")
    ] = "",
    license_header: Annotated[
        list[str] | None,
        typer.Option("--license-header", metavar="'NAME: VALUE'|@FILE", help="For that URL."),
    ] = None,
    widevine_device: Annotated[
        Path | None,
        typer.Option("--widevine-device", metavar="FILE.wvd", help="A device of your own."),
    ] = None,
    service_certificate: Annotated[
        Path | None,
        typer.Option("--service-certificate", metavar="FILE", help="Else it is asked for."),
    ] = None,
    widevine_root: Annotated[
        Path | None,
        typer.Option("--widevine-root", metavar="FILE", help="To trust in place of Google's."),
    ] = None,
    log: LogPath = None,
    as_json: Json = False,
) -> None:
    """Play a title in real time and sum it up.

    Everything is fetched and decoded as for a screen, and shown nowhere. What stands on a
    command line can be read by other users of this machine: keys and tokens are safer in
    files, by --key-file and --license-header @FILE.
    """
    from netplay.cli.play import play
    from netplay.cli.playing import PlayRequest
    from netplay.cli.unlocking import Unlocking
    from netplay.core.device import Preferences

    if duration is not None and not 0 < duration < inf:
        raise UsageError(f"--duration must be positive and finite, not {duration:g}")
    if start is not None and not start < inf:
        raise UsageError(f"--start must be finite, not {start:g}")
    _check(target=url, controller=abr, hwaccel=hwaccel)
    unlocking = Unlocking(
        keys=key or (),
        key_file=key_file,
        license_url=license_url,
        license_headers=license_header or (),
        widevine_device=widevine_device,
        service_certificate=service_certificate,
        root_certificate=widevine_root,
    )
    try:
        key_systems = unlocking.systems()
    except ValueError as error:
        raise UsageError(str(error)) from None
    wanted = PlayRequest(
        url=url,
        key_systems=key_systems,
        controller=abr,
        hwaccel=hwaccel,
        start_s=start,
        duration_s=duration,
        preferences=Preferences(
            audio_languages=tuple(audio_lang or ()),
            text_languages=tuple(text_lang or ()),
            max_height=max_height,
        ),
    )
    play(wanted, log=_log(log, wanted), as_json=as_json)


@app.command("inspect")
def _inspect(
    url: Annotated[str, typer.Argument(metavar="URL|FILE", help="A manifest.")],
    *,
    segments: Annotated[bool, typer.Option("--segments", help="List every segment.")] = False,
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="Where a FILE came from.")
    ] = None,
    utc_us: Annotated[
        int | None,
        typer.Option(
            "--utc-us", metavar="N", help="Read it as of that Unix time, in microseconds."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a manifest offers.

    Periods, sets, representations, segments, hosts. A FILE is read without the network.
    """
    from netplay.cli.inspect import inspect
    from netplay.cli.targets import checked, local_path

    try:
        path = local_path(checked(url))
    except ValueError as error:
        raise UsageError(str(error)) from error
    if base_url is not None and path is None:
        raise UsageError("--base-url is for a FILE; a URL is its own base")
    inspect(path or url, base_url=base_url, utc_us=utc_us, segments=segments, as_json=as_json)


@app.command("demo")
def _demo(
    *,
    fast: Annotated[bool, typer.Option("--fast", help="A short clip of low quality.")] = False,
    hls: Annotated[bool, typer.Option("--hls", help="By the HLS playlists; else DASH.")] = False,
    drm: Annotated[
        str | None,
        typer.Option("--drm", metavar="clearkey|widevine", help="Protect the title."),
    ] = None,
    abr: Abr = "hybrid",
    hwaccel: Hwaccel = "auto",
    log: LogPath = None,
    as_json: Json = False,
) -> None:
    """Play from three edge servers and stop one.

    Makes a title (once), serves it over a link whose bandwidth varies, and plays it; the
    server in use is stopped half way. With --drm it is encrypted, and a licence service
    gives its keys to a player that is entitled to them.
    """
    from netplay.cli.demo import DEMO_SHOW, FAST_SHOW, demo

    if drm not in (None, "clearkey", "widevine"):
        raise UsageError(f"--drm is clearkey or widevine, not {drm}")
    _check(target=None, controller=abr, hwaccel=hwaccel)
    show = FAST_SHOW if fast else DEMO_SHOW
    wanted = show.wanted(controller=abr, hwaccel=hwaccel)
    demo(show, wanted, hls=hls, drm=drm, log=_log(log, wanted), as_json=as_json)


app.command("serve")(serve)
app.command("simulate")(simulate)


def _check(*, target: str | None, controller: str, hwaccel: str) -> None:
    """Refuse what can be seen to be wrong before anything is asked of the world."""
    import abr
    from netplay.cli.targets import checked
    from netplay.io.show.render import RenderSettings

    try:
        if target is not None:
            checked(target)
        abr.controller(controller)
        RenderSettings(hwaccel=hwaccel)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _log(path: Path | None, wanted: PlayRequest) -> LogWriter | None:
    if path is None:
        return None
    try:
        return wanted.log_to(path)
    except OSError as error:
        raise UsageError(f"--log {path}: {error.strerror}") from error
