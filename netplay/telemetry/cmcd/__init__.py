"""Common Media Client Data (CTA-5004): what a player tells servers about itself.

`Cmcd` is a tap and a request decorator: it listens to one player, and adds keys to what its
Network asks for, in headers or in the query. `CmcdReporter` sends the same figures as events
to a URL of the app's, without ever keeping playback waiting. `check_*` say whether a text
that anybody sent is CMCD.
"""

from netplay.telemetry.cmcd.check import check_event, check_headers, check_query, check_request
from netplay.telemetry.cmcd.report import CmcdReporter
from netplay.telemetry.cmcd.request import Cmcd

__all__ = [
    "Cmcd",
    "CmcdReporter",
    "check_event",
    "check_headers",
    "check_query",
    "check_request",
]
