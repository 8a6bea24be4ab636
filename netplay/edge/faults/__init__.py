"""Faults on demand, in the spirit of failure injection testing: what a server does wrong.

Read in this order: `rules` (one fault, and which requests it strikes), `script` (many of
them, as a file), `injector` (who is struck now), `sending` (what that does to the wire),
`control` (all of it over HTTP while the server runs).
"""

from netplay.edge.faults.injector import Injector
from netplay.edge.faults.rules import Fault, FaultError, FaultKind
from netplay.edge.faults.script import FaultScript, ScriptError

__all__ = ["Fault", "FaultError", "FaultKind", "FaultScript", "Injector", "ScriptError"]
