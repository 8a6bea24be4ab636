"""Taps on the stream of events and actions: logs, replays and quality of experience.

A tap is called with (now_us, message) for each event a Session was told and each action
it answered. Nothing here changes what a Session does, and the core does not know that
anybody listens.
"""

from typing import TYPE_CHECKING

from netplay.lazy import lazily

if TYPE_CHECKING:
    from netplay.telemetry.log import Header, Log, LogError, LogLines, LogWriter, Record, read_log
    from netplay.telemetry.qoe import Qoe, played, summarise
    from netplay.telemetry.redaction import Redaction
    from netplay.telemetry.replaying import Difference, Replay, replay
    from netplay.telemetry.startup import Startup
    from netplay.telemetry.summary import Summary
    from netplay.telemetry.tap import Engine, Tap, tell
    from netplay.telemetry.unwire import decode
    from netplay.telemetry.wire import VERBATIM, Message, WireError, encode

__all__ = [
    "VERBATIM",
    "Difference",
    "Engine",
    "Header",
    "Log",
    "LogError",
    "LogLines",
    "LogWriter",
    "Message",
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
    "played",
    "read_log",
    "replay",
    "summarise",
    "tell",
]

__getattr__ = lazily(
    __name__,
    {
        "Difference": "netplay.telemetry.replaying",
        "Engine": "netplay.telemetry.tap",
        "Header": "netplay.telemetry.log",
        "Log": "netplay.telemetry.log",
        "LogError": "netplay.telemetry.log",
        "LogLines": "netplay.telemetry.log",
        "LogWriter": "netplay.telemetry.log",
        "Message": "netplay.telemetry.wire",
        "Qoe": "netplay.telemetry.qoe",
        "Record": "netplay.telemetry.log",
        "Redaction": "netplay.telemetry.redaction",
        "Replay": "netplay.telemetry.replaying",
        "Startup": "netplay.telemetry.startup",
        "Summary": "netplay.telemetry.summary",
        "Tap": "netplay.telemetry.tap",
        "VERBATIM": "netplay.telemetry.wire",
        "WireError": "netplay.telemetry.wire",
        "decode": "netplay.telemetry.unwire",
        "encode": "netplay.telemetry.wire",
        "played": "netplay.telemetry.qoe",
        "read_log": "netplay.telemetry.log",
        "replay": "netplay.telemetry.replaying",
        "summarise": "netplay.telemetry.qoe",
        "tell": "netplay.telemetry.tap",
    },
)
