"""The faults of a running server, over HTTP: read them, replace them, add to them, end them.

    GET    /.netplay/faults     the script, how long it has run, how often each fault struck
    PUT    /.netplay/faults     another script, from its beginning
    POST   /.netplay/faults     more faults, beside those that are there
    DELETE /.netplay/faults     none any more

Scripts are TOML (application/toml) or the same as JSON (application/json). Such types, and
no permission for other origins, keep web pages from sending any. No fault strikes here.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Final

from netplay.edge.exchange import Answer, Request, said
from netplay.edge.faults.injector import Injector
from netplay.edge.faults.script import FaultScript, ScriptError

__all__ = ["FAULTS_PATH", "control", "controls"]

FAULTS_PATH: Final = "/.netplay/faults"


def controls(injector: Injector) -> Callable[[Request], Awaitable[Answer]]:
    """Return a handler for a server of its own, which stays when the faulty one is down."""

    async def handle(request: Request) -> Answer:
        if request.path != FAULTS_PATH:
            return said(404, f"only {FAULTS_PATH} is here\n")
        return control(injector, request)

    return handle


def control(injector: Injector, request: Request) -> Answer:
    """Return the answer to a request for `FAULTS_PATH`, having done what it says."""
    try:
        match request.method:
            case "GET" | "HEAD":
                pass
            case "DELETE":
                injector.start(FaultScript())
            case "PUT":
                injector.start(_script(request))
            case "POST":
                injector.add(_script(request).faults)
            case _:
                return _told(405, {"error": "GET, PUT, POST or DELETE"})
    except ScriptError as error:
        return _told(400, {"error": str(error), "line": error.line})
    except TypeError as error:
        return _told(415, {"error": str(error)})
    return _told(200, injector.to_json())


def _script(request: Request) -> FaultScript:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/toml"):
        raise TypeError("a script is application/toml or application/json")
    try:
        text = request.body.decode()
        if kind == "application/toml":
            return FaultScript.parse(text)
        return FaultScript.from_json(json.loads(text))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ScriptError("faults", 0, f"not {kind}: {error}") from error


def _told(status: int, told: object) -> Answer:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Answer(status, headers, (json.dumps(told).encode() + b"\n",))
