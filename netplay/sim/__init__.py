"""The same Session in virtual time, over a made-up link: thousands of times faster.

    from abr import controller
    from netplay.sim import Link, Trace, make_title, simulate_session

    link = Link(trace=Trace.constant(5_000_000), rtt_us=20_000)
    result = simulate_session(make_title(), controller("hybrid"), link)
    result.summary.stalls

Equal arguments give equal results, to the microsecond and on every machine.
"""

from netplay.sim.content import Content, Sizes, nominal_bytes, varied_bytes
from netplay.sim.drive import Ending, Simulated, Simulation, StepLimitReached, simulate_session
from netplay.sim.link import Fault, FaultKind, Host, Link, SlowStart
from netplay.sim.output import Decoding
from netplay.sim.title import DEMO_LADDER, make_title
from netplay.sim.trace import Trace

__all__ = [
    "DEMO_LADDER",
    "Content",
    "Decoding",
    "Ending",
    "Fault",
    "FaultKind",
    "Host",
    "Link",
    "Simulated",
    "Simulation",
    "Sizes",
    "SlowStart",
    "StepLimitReached",
    "Trace",
    "make_title",
    "nominal_bytes",
    "simulate_session",
    "varied_bytes",
]
