"""The ladder of Big Buck Bunny as Sabre ships it, whose levels are published, and views of it."""

from dataclasses import replace

from abr import Progress, Rung, Sample, View

BBB_KBPS = (230, 331, 477, 688, 991, 1427, 2056, 2962, 5027, 6000)
BBB = tuple(Rung(kbps * 1000) for kbps in BBB_KBPS)

BBB_VIEW = View(
    now_us=0,
    rungs=BBB,
    rung=0,
    segment_s=3.0,
    sizes_bytes=((None,) * 10,),
    buffered_s=3.0,
    target_s=25.0,
    max_buffer_s=25.0,
    playing=True,
    started=True,
    remaining_segments=100,
    fetched_segments=100,
)
"""In the middle of the title, with Sabre's buffer of 25 s."""


def bbb_at(buffered_s: float, *, rung: int = 0) -> View:
    return replace(BBB_VIEW, buffered_s=buffered_s, rung=rung)


def link_sample(*, bps: float, busy_s: float = 10.0, ttfb_s: float = 0.0) -> Sample:
    return Sample(
        bytes=round(bps * busy_s / 8), busy_s=busy_s, ttfb_s=ttfb_s, rung=0, duration_s=3.0
    )


def bbb_progress(*, rung: int, share: float, elapsed_s: float, ttfb_s: float = 0.1) -> Progress:
    """Of a segment of nominal size, how far a share of it is."""
    size_bytes = BBB[rung].bitrate_bps * 3 / 8
    return Progress(rung, int(size_bytes * share), size_bytes, elapsed_s, ttfb_s, 3.0)
