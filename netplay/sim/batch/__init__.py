"""Thousands of sessions at once, in step, with numpy: equal to one after the other, and faster.

    from abr.lockstep import twin
    from netplay.sim.batch import Links, Traces, play_in_step
    from netplay.sim.profiles import profile

    links = Links(Traces.of(traces), rtts_us)
    batch = play_in_step(content, twin("bola-e"), links, profile("sabre").keeping_downloads())
    batch.rungs  # (sessions, segments)

One track of picture, one host, no faults, and no download is ever left; anything else is
refused with the reason. `netplay.lab.batch` does the same with movies and traces from files.
"""

from netplay.sim.batch.lockstep import Batch, play_in_step
from netplay.sim.batch.refusal import LockstepRefused
from netplay.sim.batch.requests import Links
from netplay.sim.batch.traces import Traces

__all__ = ["Batch", "Links", "LockstepRefused", "Traces", "play_in_step"]
