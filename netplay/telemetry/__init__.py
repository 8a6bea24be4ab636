"""Taps on the stream of events and actions: logs, replays and quality of experience.

A tap is called with (now_us, message) for each event a Session was told and each action
it answered. Nothing here changes what a Session does, and the core does not know that
anybody listens.
"""

from typing import TYPE_CHECKING

from netplay.lazy import lazily

if TYPE_CHECKING:
    from netplay.telemetry.bounded import Bounded
    from netplay.telemetry.cmcd.report import CmcdReporter
    from netplay.telemetry.cmcd.request import Cmcd
    from netplay.telemetry.cmsd import (
        Cmsd,
        CmsdDynamic,
        CmsdError,
        CmsdHosts,
        CmsdStatic,
        read_cmsd,
    )
    from netplay.telemetry.log import Header, Log, LogError, LogLines, LogWriter, Record, read_log
    from netplay.telemetry.otel import OtelTap
    from netplay.telemetry.prometheus import exposition
    from netplay.telemetry.qoe import Qoe, played, summarise
    from netplay.telemetry.redaction import Redaction
    from netplay.telemetry.replaying import Difference, Replay, replay
    from netplay.telemetry.schema import event_log_schema
    from netplay.telemetry.startup import Startup
    from netplay.telemetry.summary import Summary
    from netplay.telemetry.tap import Engine, Tap, tell
    from netplay.telemetry.unwire import decode
    from netplay.telemetry.wire import VERBATIM, Message, WireError, encode

__all__ = [
    "VERBATIM",
    "Bounded",
    "Cmcd",
    "CmcdReporter",
    "Cmsd",
    "CmsdDynamic",
    "CmsdError",
    "CmsdHosts",
    "CmsdStatic",
    "Difference",
    "Engine",
    "Header",
    "Log",
    "LogError",
    "LogLines",
    "LogWriter",
    "Message",
    "OtelTap",
    "Qoe",
    "Record",
    "Redaction",
    "Replay",
    "Startup",
    "Summary",
    "Tap",
    "WireError",
    "decode",
    "encode",
    "event_log_schema",
    "exposition",
    "played",
    "read_cmsd",
    "read_log",
    "replay",
    "summarise",
    "tell",
]

__getattr__ = lazily(
    __name__,
    {
        "Bounded": "netplay.telemetry.bounded",
        "Cmcd": "netplay.telemetry.cmcd.request",
        "CmcdReporter": "netplay.telemetry.cmcd.report",
        "Cmsd": "netplay.telemetry.cmsd",
        "CmsdDynamic": "netplay.telemetry.cmsd",
        "CmsdError": "netplay.telemetry.cmsd",
        "CmsdHosts": "netplay.telemetry.cmsd",
        "CmsdStatic": "netplay.telemetry.cmsd",
        "decode": "netplay.telemetry.unwire",
        "Difference": "netplay.telemetry.replaying",
        "encode": "netplay.telemetry.wire",
        "Engine": "netplay.telemetry.tap",
        "event_log_schema": "netplay.telemetry.schema",
        "exposition": "netplay.telemetry.prometheus",
        "Header": "netplay.telemetry.log",
        "Log": "netplay.telemetry.log",
        "LogError": "netplay.telemetry.log",
        "LogLines": "netplay.telemetry.log",
        "LogWriter": "netplay.telemetry.log",
        "Message": "netplay.telemetry.wire",
        "OtelTap": "netplay.telemetry.otel",
        "played": "netplay.telemetry.qoe",
        "Qoe": "netplay.telemetry.qoe",
        "read_cmsd": "netplay.telemetry.cmsd",
        "read_log": "netplay.telemetry.log",
        "Record": "netplay.telemetry.log",
        "Redaction": "netplay.telemetry.redaction",
        "Replay": "netplay.telemetry.replaying",
        "replay": "netplay.telemetry.replaying",
        "Startup": "netplay.telemetry.startup",
        "summarise": "netplay.telemetry.qoe",
        "Summary": "netplay.telemetry.summary",
        "Tap": "netplay.telemetry.tap",
        "tell": "netplay.telemetry.tap",
        "VERBATIM": "netplay.telemetry.wire",
        "WireError": "netplay.telemetry.wire",
    },
)
