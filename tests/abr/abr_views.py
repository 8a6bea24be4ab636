"""What controllers are asked about in these tests: a ten-rung ladder, half a minute of target."""

from dataclasses import replace
from typing import TypeVar

from abr import Controller, Progress, Rung, Sample, View

LADDER = tuple(
    Rung(bitrate_bps, width=width, height=height)
    for bitrate_bps, width, height in (
        (235_000, 320, 240),
        (375_000, 384, 288),
        (560_000, 512, 384),
        (750_000, 512, 384),
        (1_050_000, 640, 480),
        (1_750_000, 720, 480),
        (2_350_000, 1280, 720),
        (3_000_000, 1280, 720),
        (4_300_000, 1920, 1080),
        (5_800_000, 1920, 1080),
    )
)

START = View(
    now_us=0,
    rungs=LADDER,
    rung=None,
    segment_s=4.0,
    sizes_bytes=((None,) * 10,),
    buffered_s=0.0,
    target_s=30.0,
    max_buffer_s=60.0,
)

PLAYING = replace(START, rung=4, buffered_s=20.0, playing=True, started=True)


C = TypeVar("C", bound=Controller)


def measured(controller: C, *, bps: float) -> C:
    """The controller, after ten seconds at a rate: enough for any estimator to believe it."""
    controller.observe(Sample(bytes=round(bps * 10 / 8), busy_s=10.0, ttfb_s=0.05))
    return controller


def halfway(*, rung: int = 8, received: int = 500_000, elapsed_s: float = 2.05) -> Progress:
    """A segment of 4 s and 2.15 MB that took two seconds over its first 500 kB: 2 Mb/s."""
    return Progress(
        rung=rung,
        bytes=received,
        size_bytes=LADDER[rung].bitrate_bps * 4 / 8,
        elapsed_s=elapsed_s,
        ttfb_s=0.05,
        duration_s=4.0,
    )
