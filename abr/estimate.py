"""What the link can carry, told from what it did.

Each estimator is fed `Sample`s and answers one number, or None while it knows nothing;
it keeps no clock and looks at nothing else. Time to first byte is left out of a sample's
busy time, so a long round trip is not mistaken for a thin link; `Ttfb` estimates it apart.

Estimators are bare arithmetic. `Sieve` stands before them: it drops what came from a
cache and merges transfers too small to say anything alone, and `LinkEstimate` joins a
sieve, an estimator, a `Ttfb` and what to believe before anything was measured.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from abr.contract import NetworkType, Sample
from abr.misses import Misses

__all__ = [
    "INITIAL_BPS",
    "DecayingMean",
    "DualEwma",
    "Estimator",
    "Ewma",
    "HarmonicMean",
    "LinkEstimate",
    "Sieve",
    "SlidingPercentile",
    "Ttfb",
    "rate_bps",
]

FAST_HALF_LIFE_S: Final = 3.0
"""dash.js (Settings.js, EWMA fast) and Sabre (-hl) agree on 3 s of busy time."""

SLOW_HALF_LIFE_S: Final = 8.0
"""dash.js (Settings.js, EWMA slow) and Sabre (-hl) agree on 8 s of busy time."""

FAST_HALF_LIFE_REQUESTS: Final = 3.0
SLOW_HALF_LIFE_REQUESTS: Final = 8.0
"""Sabre counts the half-lives of latency in segments, with the same two numbers."""

HARMONIC_WINDOW: Final = 5
"""Yin et al., SIGCOMM 2015 (MPC): the harmonic mean of the last five."""

MEDIAN: Final = 0.5
PERCENTILE_MOST_WEIGHT: Final = 2000.0
"""Media3, DefaultBandwidthMeter: percentile 0.5 of the newest samples that weigh 2000."""

TINY_BYTES: Final = 16_000
"""Shaka Player, EwmaBandwidthEstimator: less than 16 kB measures latency and slow start."""

LONG_ENOUGH_S: Final = 1.0
"""A transfer this long says how fast the link is, however few its bytes. A guess: it is
over ten round trips of any usual link. A trace-driven sweep would settle it."""

TRUSTED_BYTES: Final = 128_000
"""Shaka Player, EwmaBandwidthEstimator: with less than 128 kB in all it stays with its default."""

SHORTEST_S: Final = 0.001
"""Busy time is taken as at least this: what was already in the socket's buffer took no
time to read, yet did not come at infinite speed. A guess, the resolution of a usual timer."""

INITIAL_BPS: Final[dict[NetworkType, float]] = {
    "unknown": 1_000_000.0,
    "wired": 2_400_000.0,
    "wifi": 2_400_000.0,
    "cellular": 860_000.0,
}
"""What to believe of a link before anything was measured. Media3, DefaultBandwidthMeter:
1 Mb/s when it knows nothing, 2.4 Mb/s for the middle one of its five groups of countries
on wifi. That wired is no worse, and cellular like the last of the five, is our guess."""


class Estimator(Protocol):
    """Tells a rate from samples of the link."""

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""

    @property
    def bps(self) -> float | None:
        """The rate to count on; None while nothing was observed."""


def rate_bps(sample: Sample) -> float:
    """Return the rate of one sample, finite however short it was."""
    return 8 * sample.bytes / max(sample.busy_s, SHORTEST_S)


class DecayingMean:
    """A mean in which a value's weight halves with every half-life of weight after it.

    A plain moving average starts from a zero that nobody measured; this one divides by
    the share that real values have (the zero-factor correction), with each value rather
    than at the end, so that the mean of equal values is exactly that value. `expm1` keeps
    the shares exact for tiny weights.
    """

    def __init__(self, half_life: float) -> None:
        if not half_life > 0:
            raise ValueError(f"a half-life must be positive, not {half_life}")
        self._half_life = half_life
        self._weight = 0.0
        self.mean: float | None = None

    def add(self, value: float, weight: float) -> None:
        """Take in a value of so much weight."""
        self._weight += weight
        mean = value if self.mean is None else self.mean
        self.mean = mean + self._share(weight) / self._share(self._weight) * (value - mean)

    def _share(self, weight: float) -> float:
        return -math.expm1(-math.log(2) * weight / self._half_life)


class Ewma:
    """The rate, as an exponentially weighted mean over busy time."""

    def __init__(self, half_life_s: float = FAST_HALF_LIFE_S) -> None:
        self._mean = DecayingMean(half_life_s)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._mean.add(rate_bps(sample), max(sample.busy_s, SHORTEST_S))

    @property
    def bps(self) -> float | None:
        """The mean; None while nothing was observed."""
        return self._mean.mean


class DualEwma:
    """The lower of a fast and a slow mean: quick to believe bad news, slow to believe good.

    Source:
        dash.js (ThroughputModel) and Sabre (`-ma ewma`), whose default it is.
    """

    def __init__(
        self,
        fast_half_life_s: float = FAST_HALF_LIFE_S,
        slow_half_life_s: float = SLOW_HALF_LIFE_S,
    ) -> None:
        self._fast = Ewma(fast_half_life_s)
        self._slow = Ewma(slow_half_life_s)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._fast.observe(sample)
        self._slow.observe(sample)

    @property
    def bps(self) -> float | None:
        """The lower mean; None while nothing was observed."""
        fast, slow = self._fast.bps, self._slow.bps
        return None if fast is None or slow is None else min(fast, slow)


class HarmonicMean:
    """The harmonic mean of the last samples: one lucky burst moves it little.

    Source:
        Yin et al., "A Control-Theoretic Approach for Dynamic Adaptive Video Streaming
        over HTTP", SIGCOMM 2015.
    """

    def __init__(self, window: int = HARMONIC_WINDOW) -> None:
        if window < 1:
            raise ValueError(f"a window must hold at least one sample, not {window}")
        self._seconds_a_bit: deque[float] = deque(maxlen=window)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        rate = rate_bps(sample)
        self._seconds_a_bit.append(1 / rate if rate else math.inf)

    @property
    def bps(self) -> float | None:
        """The mean; None while nothing was observed; 0 if a sample in the window moved nothing."""
        seconds = self._seconds_a_bit
        return len(seconds) / math.fsum(seconds) if seconds else None


class SlidingPercentile:
    """A percentile of recent rates, a sample weighing the square root of its bytes.

    Source:
        Media3, SlidingPercentile and DefaultBandwidthMeter.
    """

    def __init__(
        self, percentile: float = MEDIAN, most_weight: float = PERCENTILE_MOST_WEIGHT
    ) -> None:
        if not 0 < percentile <= 1:
            raise ValueError(f"a percentile lies in (0, 1], not {percentile}")
        if not most_weight > 0:
            raise ValueError(f"the most weight must be positive, not {most_weight}")
        self._percentile = percentile
        self._most_weight = most_weight
        self._samples: deque[tuple[float, float]] = deque()

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        # An empty sample still counts as one byte: that nothing came is news too.
        self._samples.append((rate_bps(sample), math.sqrt(max(sample.bytes, 1))))
        excess = math.fsum(weight for _, weight in self._samples) - self._most_weight
        while excess > 0:
            rate, weight = self._samples.popleft()
            if weight > excess:
                self._samples.appendleft((rate, weight - excess))
            excess -= weight

    @property
    def bps(self) -> float | None:
        """The percentile; None while nothing was observed."""
        if not self._samples:
            return None
        ranked = sorted(self._samples)
        wanted = self._percentile * math.fsum(weight for _, weight in ranked)
        passed = 0.0
        for rate, weight in ranked[:-1]:
            passed += weight
            if passed >= wanted:
                return rate
        return ranked[-1][0]


class Ttfb:
    """Time to first byte: the longer of a fast and a slow mean over requests.

    Source:
        Sabre's latency estimate.
    """

    def __init__(
        self,
        fast_half_life_requests: float = FAST_HALF_LIFE_REQUESTS,
        slow_half_life_requests: float = SLOW_HALF_LIFE_REQUESTS,
    ) -> None:
        self._fast = DecayingMean(fast_half_life_requests)
        self._slow = DecayingMean(slow_half_life_requests)

    def observe(self, sample: Sample) -> None:
        """Take in how long the first bytes of a sample's requests took."""
        self._fast.add(sample.ttfb_s, max(sample.requests, 1))
        self._slow.add(sample.ttfb_s, max(sample.requests, 1))

    @property
    def s(self) -> float | None:
        """Seconds to count on; None while nothing was observed."""
        fast, slow = self._fast.mean, self._slow.mean
        return None if fast is None or slow is None else max(fast, slow)


class Sieve:
    """Lets through samples that say something of the link.

    What came from a cache is dropped. What is too small is kept until, with what follows
    it, it is large enough: the segments of a low rung are small for as long as it plays.
    """

    def __init__(self, tiny_bytes: int = TINY_BYTES, long_enough_s: float = LONG_ENOUGH_S) -> None:
        self._tiny_bytes = tiny_bytes
        self._long_enough_s = long_enough_s
        self._kept: Sample | None = None

    def admit(self, sample: Sample) -> Sample | None:
        """Return the sample, merged with the small ones before it; None if that is still small."""
        if sample.cached:
            return None
        merged = sample if self._kept is None else _merged(self._kept, sample)
        if merged.bytes < self._tiny_bytes and merged.busy_s < self._long_enough_s:
            self._kept = merged
            return None
        self._kept = None
        return merged


def _merged(a: Sample, b: Sample) -> Sample:
    requests = a.requests + b.requests
    ttfb_s = (a.ttfb_s * a.requests + b.ttfb_s * b.requests) / max(requests, 1)
    return Sample(
        bytes=a.bytes + b.bytes,
        busy_s=a.busy_s + b.busy_s,
        ttfb_s=ttfb_s,
        requests=requests,
        rung=a.rung if a.rung == b.rung else None,
        duration_s=a.duration_s + b.duration_s,
    )


class LinkEstimate:
    """What a controller believes of the link: a rate from the first moment, and a TTFB.

    Args:
        estimator: Makes the estimator; called again when the device changes networks.
        initial_bps: The rate remembered from earlier sessions on this network; None goes
            by the kind of network.
        trusted_bytes: Until this much was measured, measurements can lower the initial
            belief but not raise it: a first burst may have waited in a buffer on the way.
    """

    def __init__(
        self,
        estimator: Callable[[], Estimator] = DualEwma,
        *,
        initial_bps: float | None = None,
        trusted_bytes: int = TRUSTED_BYTES,
    ) -> None:
        if initial_bps is not None and not 0 < initial_bps < math.inf:
            raise ValueError(f"a remembered rate must be positive, not {initial_bps}")
        self._make = estimator
        self._trusted_bytes = trusted_bytes
        self._network: NetworkType = "unknown"
        self._forget(initial_bps)

    def _forget(self, initial_bps: float | None) -> None:
        self._initial_bps = initial_bps
        self._sieve = Sieve()
        self._estimator = self._make()
        self._ttfb = Ttfb()
        self._bytes = 0
        self._newest_bps: float | None = None
        self._rise = 1.0
        self._misses = Misses()

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        admitted = self._sieve.admit(sample)
        if admitted is None:
            return
        self._bytes += admitted.bytes
        before_bps, self._newest_bps = self._newest_bps, rate_bps(admitted)
        if before_bps is not None:
            self._rise = self._newest_bps / before_bps if before_bps else math.inf
        if (told_bps := self._estimator.bps) is not None:
            self._misses.add(told_bps, self._newest_bps)
        self._estimator.observe(admitted)
        self._ttfb.observe(admitted)

    def on(self, network: NetworkType) -> None:
        """Take in what kind of link it is; a change from one known kind to another forgets all."""
        if network in ("unknown", self._network):
            return
        if self._network != "unknown":
            self._forget(None)
        self._network = network

    @property
    def measured_bps(self) -> float | None:
        """The rate that was measured; None while nothing was."""
        return self._estimator.bps

    @property
    def bps(self) -> float:
        """The rate to count on."""
        initial_bps = self._initial_bps or INITIAL_BPS[self._network]
        measured_bps = self._estimator.bps
        if measured_bps is None:
            return initial_bps
        return (
            measured_bps if self._bytes >= self._trusted_bytes else min(measured_bps, initial_bps)
        )

    @property
    def rise(self) -> float:
        """The newest rate as a multiple of the one before; 1 before there are two."""
        return self._rise

    @property
    def spread(self) -> float:
        """How far the estimate was off of late, as a logarithm: a standard deviation."""
        return self._misses.spread

    @property
    def ttfb_s(self) -> float | None:
        """The time to first byte to count on; None while nothing was measured."""
        return self._ttfb.s
