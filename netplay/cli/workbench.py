"""The options of `serve` and `simulate`: commands for those who test players and compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netplay.cli.app import Json, UsageError

__all__ = ["serve", "simulate"]


def serve(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Of HLS or DASH, any.")],
    *,
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="FILE", help="What goes wrong: faults.toml.")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option("--trace", metavar="FILE", help="The link: a bandwidth trace.")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0: a free one.")
    ] = 0,
    control_port: Annotated[
        int, typer.Option("--control-port", metavar="N", min=0, max=65535, help="Of the faults.")
    ] = 0,
    tls: Annotated[
        Path | None,
        typer.Option("--tls", metavar="PEM", help="Serve https: a certificate and its key."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say where as a JSON object.")] = False,
) -> None:
    """Serve a folder for any player, over a link and with faults.

    Faults can be read and changed while it runs, at the URL it prints. Ctrl-C ends it.
    """
    from netplay.cli.serve import Service, link_of, serve, tls_of
    from netplay.edge.faults import FaultScript, ScriptError

    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder")
    try:
        service = Service(
            folder,
            host=host,
            port=port,
            control_port=control_port,
            faults=FaultScript() if faults is None else FaultScript.load(faults),
            link=None if trace is None else link_of(trace),
            tls=None if tls is None else tls_of(tls),
        )
    except ScriptError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{error.filename or tls}: {error.strerror or error}") from error
    serve(service, as_json=as_json)


def simulate(
    *,
    movie: Annotated[
        list[str],
        typer.Option("--movie", metavar="FILE|URL", help="Sabre's JSON, an MPD or a playlist."),
    ],
    trace: Annotated[
        list[Path],
        typer.Option("--trace", metavar="FILE", help="A trace, or a set (*.jsonl.gz)."),
    ],
    abr: Annotated[
        list[str] | None,
        typer.Option("--abr", metavar="NAME", help="Others are compared with the first."),
    ] = None,
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="netplay, sabre, pensieve, ...")
    ] = "netplay",
    qoe: Annotated[
        list[str] | None,
        typer.Option("--qoe", metavar="NAME", help="lin, log, hd, v or sabre."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Processes.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Rows: .parquet, .jsonl or .csv."),
    ] = None,
    log: Annotated[
        Path | None, typer.Option("--log", metavar="DIR", help="A log of every session there.")
    ] = None,
    buffer: Annotated[
        float | None, typer.Option("--buffer", metavar="S", help="Maximum buffer.")
    ] = None,
    no_abandon: Annotated[
        bool, typer.Option("--no-abandon", help="Leave no download half way.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Of the controllers that have it."),
    ] = None,
    slow_start: Annotated[
        bool, typer.Option("--slow-start", help="Connections begin with ten TCP segments.")
    ] = False,
    loss: Annotated[
        float, typer.Option("--loss", metavar="SHARE", help="Of packets: 0.01 is one in 100.")
    ] = 0.0,
    header_bytes: Annotated[
        int | None, typer.Option("--header-bytes", metavar="N", help="Of every answer.")
    ] = None,
    hosts: Annotated[
        Path | None,
        typer.Option("--hosts", metavar="FILE", help="Who serves: traces, distances, faults."),
    ] = None,
    audio: Annotated[
        float,
        typer.Option("--audio", metavar="KBPS", min=0, help="Sound beside movies without."),
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 0,
    as_json: Json = False,
) -> None:
    """Play movies over bandwidth traces in virtual time, and compare controllers.

    --movie, --trace, --abr and --qoe may be repeated; all combinations are played, and --set
    says one setting at a time. An interrupted sweep goes on where it was when it is started
    again with the same --out.
    """
    from netplay.cli.simulate import Asked, conditions, setting, sweep

    try:
        asked = Asked(
            movies=movie,
            traces=trace,
            abr=abr or ["hybrid"],
            profile=profile,
            qoe=qoe or [],
            jobs=jobs,
            out=out,
            log=log,
            buffer_s=buffer,
            abandon=not no_abandon,
            settings=dict(map(setting, settings or [])),
            conditions=conditions(
                slow_start=slow_start,
                loss=loss,
                header_bytes=header_bytes,
                hosts=hosts,
                audio_kbps=audio,
            ),
            seed=seed,
        )
        sweep(asked, as_json=as_json)
    except ValueError as error:
        raise UsageError(str(error)) from error
