"""LoL+: a self-organising map of what each rung has led to, for live playback close to the edge.

Each rung is a neuron with four features: throughput, latency, rebuffering and switching.
The neuron nearest to the wished-for state (all the link, none of the rest) wins; it and its
neighbours are then moved towards what was seen. How much each feature counts is chosen anew
for every segment, by what the weights would do to the quality of experience.

The map starts at random points, so it takes a seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Final

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, View
from abr.segment_link import SegmentLink

__all__ = ["LolPlus"]

WEIGHTS: Final = (0.2, 0.4, 0.6, 0.8, 1.0)
LEAST_BUFFER_S: Final = 0.3
LATENCY_SPAN_S: Final = 100.0
SIGMA: Final = 0.1
RATE: Final = 0.01
SAFE_SHARE: Final = 0.9
MARGIN_BPS: Final = 10_000.0
AVOID: Final = 100.0
CLOSE_S: Final = 1.1
"""dash.js, rules/abr/lolp: the weights tried, the buffer below which it only goes down, what
latency is divided by, the width and the rate of the map, the share of the throughput that
is safe, what a rung needs of it beyond its bitrate, the weight of throughput for a rung that
should not be taken, and the latency up to which latency costs little."""

Point = tuple[float, float, float, float]
_EVEN: Final[Point] = (1.0, 1.0, 1.0, 1.0)


def _distance(a: Point, b: Point, weights: Point = _EVEN) -> float:
    return math.sqrt(sum(w * (x - y) ** 2 for x, y, w in zip(a, b, weights, strict=True)))


class LolPlus:
    """Picks the rung whose neuron is nearest to the state one would wish for.

    Differs from dash.js in three places: bitrates are kbit/s wherever they meet weights that
    are; with no rung that the link carries a low buffer goes to the lowest rung instead of
    staying; and the constraint on latency, which its selector cannot fail, is left out.

    Args:
        seed: Of the random points that the first weights come from.
        least_buffer_s: Buffer below which it only goes down.

    Source:
        Bentaleb et al., "Data-driven bandwidth prediction models and automated model
        selection for low latency", IEEE Transactions on Multimedia 2020, and "Catching the
        moment with LoL+ in Twitch-like low-latency live streaming platforms", the same 2022.
    """

    def __init__(self, *, seed: int = 0, least_buffer_s: float = LEAST_BUFFER_S) -> None:
        if not least_buffer_s >= 0:
            raise ValueError(f"least_buffer_s must not be negative, not {least_buffer_s}")
        self._random = Random(seed)
        self._least_buffer_s = least_buffer_s
        self._link = SegmentLink()
        self._bitrates_bps: tuple[int, ...] = ()
        self._norm = 1.0
        self._neurons: list[Point] = []
        self._weights = _EVEN

    def choose(self, view: View) -> Choice:
        """Return the rung of the winning neuron."""
        self._link.on(view.device.network)
        video_bps = self._link.video_bps(view)
        if video_bps is None:
            return Choice(0, reason="nothing measured yet")
        safe_bps = max(SAFE_SHARE * video_bps, 1.0)
        self._map(view)
        current = min(view.rung or 0, len(view.rungs) - 1)
        fetch_s = self._bitrates_bps[current] * view.segment_s / safe_bps
        if view.buffered_s - fetch_s < self._least_buffer_s:
            below = (r for r in range(current) if self._bitrates_bps[r] < safe_bps)
            reason = f"{view.buffered_s:.1f} s of buffer, {fetch_s:.1f} s to fetch rung {current}"
            return Choice(max(below, default=0), reason=reason, estimate_bps=self._link.bps)
        self._weights = self._weigh(view, safe_bps)
        wished = self._wished(safe_bps)
        scores = tuple(
            -_distance(neuron, wished, self._weights_for(view, rung, safe_bps))
            for rung, neuron in enumerate(self._neurons)
        )
        rung = scores.index(max(scores))
        self._learn(view, current, rung, wished, max(0.0, fetch_s - view.buffered_s))
        reason = "weights " + " ".join(f"{weight:.1f}" for weight in self._weights)
        return Choice(rung, reason=reason, scores=scores, estimate_bps=self._link.bps)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._link.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:  # noqa: ARG002
        """Return that the download goes on, always: it is a second long."""
        return Keep()

    def _map(self, view: View) -> None:
        """Lay out the map for a ladder, unless it is for this one."""
        bitrates_bps = tuple(max(rung.bitrate_bps, 1) for rung in view.rungs)
        if bitrates_bps == self._bitrates_bps:
            return
        self._bitrates_bps = bitrates_bps
        self._norm = math.sqrt(sum(bps * bps for bps in bitrates_bps))
        self._neurons = [(bps / self._norm, 0.0, 0.0, 0.0) for bps in bitrates_bps]
        self._weights = self._first_weights()

    def _first_weights(self) -> Point:
        """Return the most remote of centres spread as k-means++ spreads them, but greedily."""
        count = len(self._neurons)
        top = max(neuron[0] for neuron in self._neurons)
        draw = self._random.random
        points = [(draw() * top, draw(), draw(), draw()) for _ in range(count * count)]
        centres = [points[0]]
        nearest = [math.inf] * len(points)
        while len(centres) < count:
            nearest = [
                min(far, _distance(point, centres[-1]))
                for far, point in zip(nearest, points, strict=True)
            ]
            centres.append(points[nearest.index(max(nearest))])
        apart = [sum(_distance(a, b) for b in centres) for a in centres]
        odd = centres[apart.index(max(apart))]
        return max(centres, key=lambda centre: _distance(odd, centre))

    def _wished(self, safe_bps: float) -> Point:
        """Return the state to be near to: all of the link, and nothing of the rest."""
        share = safe_bps / self._norm
        if share > 1:
            share = max(neuron[0] for neuron in self._neurons)
        return (share, 0.0, 0.0, 0.0)

    def _next_buffer_s(self, view: View, rung: int, safe_bps: float) -> tuple[float, float]:
        """Return how long a rung takes to fetch, and the buffer there would be then."""
        fetch_s = self._bitrates_bps[rung] * view.segment_s / safe_bps
        if fetch_s > view.segment_s:
            return fetch_s, view.buffered_s - view.segment_s
        return fetch_s, view.buffered_s + view.segment_s - fetch_s

    def _weights_for(self, view: View, rung: int, safe_bps: float) -> Point:
        """Return the weights for a rung, made to repel where it should not be taken."""
        _, buffer_s = self._next_buffer_s(view, rung, safe_bps)
        dear = self._bitrates_bps[rung] > safe_bps - MARGIN_BPS
        if rung > 0 and (dear or buffer_s < self._least_buffer_s):
            return (AVOID, *self._weights[1:])
        return self._weights

    def _weigh(self, view: View, safe_bps: float) -> Point:
        """Return the weights under which some neuron does best; those before if none may be."""
        best, weights = -math.inf, self._weights
        for rung, neuron in enumerate(self._neurons):
            fetch_s, buffer_s = self._next_buffer_s(view, rung, safe_bps)
            if buffer_s < self._least_buffer_s:
                continue
            stall_s = max(0.00001, fetch_s - buffer_s)
            # Those of throughput and of switching do not enter; the first tried stand.
            for latency_weight in WEIGHTS:
                for buffer_weight in WEIGHTS:
                    quality = self._quality(
                        view, rung, stall_s / buffer_weight, neuron[1] / latency_weight
                    )
                    if quality > best:
                        best = quality
                        weights = (WEIGHTS[0], latency_weight, buffer_weight, WEIGHTS[0])
        return weights

    def _quality(self, view: View, rung: int, stall_s: float, latency_s: float) -> float:
        """Return the quality of experience of one segment, in kbit."""
        low_kbps, high_kbps = self._bitrates_bps[0] / 1000, self._bitrates_bps[-1] / 1000
        latency_cost = low_kbps * 0.05 if latency_s <= CLOSE_S else high_kbps * 0.1
        return (
            view.segment_s * self._bitrates_bps[rung] / 1000
            - high_kbps * stall_s
            - latency_cost * latency_s
            - low_kbps * abs(1 - view.rate)
        )

    def _learn(self, view: View, current: int, winner: int, wished: Point, stall_s: float) -> None:
        """Move the map: the rung before towards what was seen, the winner towards the wish."""
        step = abs(self._bitrates_bps[current] - self._bitrates_bps[winner]) / self._norm
        latency = (view.live_latency_s or 0.0) / LATENCY_SPAN_S
        self._pull(self._neurons[current], (wished[0], latency, stall_s, step))
        self._pull(self._neurons[winner], (wished[0], 0.0, 0.0, step))

    def _pull(self, centre: Point, towards: Point) -> None:
        self._neurons = [
            _moved(neuron, towards, RATE * math.exp(-(_distance(neuron, centre) ** 2) / _SPREAD))
            for neuron in self._neurons
        ]


_SPREAD: Final = 2 * SIGMA**2


def _moved(point: Point, towards: Sequence[float], share: float) -> Point:
    a, b, c, d = (x + (y - x) * share for x, y in zip(point, towards, strict=True))
    return (a, b, c, d)
