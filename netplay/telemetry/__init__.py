"""Taps on the stream of events and actions: logs, replays and quality of experience.

A tap is called with (now_us, message) for each event a Session was told and each action
it answered. Nothing here changes what a Session does, and the core does not know that
anybody listens.
"""

from netplay.telemetry.log import Header, Log, LogError, LogLines, LogWriter, Record, read_log
from netplay.telemetry.qoe import Qoe, played, summarise
from netplay.telemetry.redaction import Redaction
from netplay.telemetry.replay import Difference, Replay, replay
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
