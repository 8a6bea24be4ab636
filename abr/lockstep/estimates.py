"""What the links carry, as a player's controller takes it: `abr.estimate.LinkEstimate`, in step.

Of a sample too small to say anything nothing is taken in until more has come, so sessions
differ in how many samples count: every estimator here is told in which sessions one does.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from abr.estimate import (
    FAST_HALF_LIFE_REQUESTS,
    INITIAL_BPS,
    LONG_ENOUGH_S,
    SHORTEST_S,
    SLOW_HALF_LIFE_REQUESTS,
    TINY_BYTES,
)
from abr.lockstep.contract import Bools, Floats, Ints, Samples
from abr.misses import (
    FIRST_MISS,
    FIRST_MISSES,
    LEAST_BPS,
    MISS_DECAY,
    MOST_MISS,
    PLEASANT_SHARE,
)

__all__ = ["Estimators", "Forecasts", "LinkEstimates", "LowerMeans", "Misses"]


class Estimators(Protocol):
    """Tells rates from samples of the links."""

    def observe(self, rates_bps: Floats, busy_s: Floats, among: Bools) -> None:
        """Take in a rate, in the sessions among which there is one."""

    @property
    def bps(self) -> Floats:
        """The rates to count on; infinite where nothing was observed."""


class Forecasts:
    """`abr.forecast.Forecast` of many sessions, not all of which have every sample."""

    def __init__(self, half_life_segments: float, sharpness: float) -> None:
        self._mean = _Means(half_life_segments)
        self._sharpness = sharpness
        self._newest: Floats | None = None
        self._lead: Floats = np.zeros(0)
        self._bps: Floats = np.zeros(0)

    def observe(self, rates_bps: Floats, busy_s: Floats, among: Bools) -> None:  # noqa: ARG002
        """Take in a rate, in the sessions among which there is one."""
        came = np.log(np.maximum(rates_bps, LEAST_BPS))
        if self._newest is None:
            self._newest, self._lead = np.full(len(came), np.nan), np.zeros(len(came))
        else:
            mean, newest = self._mean.of(np.nan), self._newest
            told = among & ~np.isnan(newest)
            lead = MISS_DECAY * self._lead + _squared(mean - came) - _squared(newest - came)
            self._lead = np.where(told, lead, self._lead)
        self._newest = np.where(among, came, self._newest)
        self._mean.add(came, np.ones(len(came)), among)
        self._bps = self._foretold(self._newest)

    @property
    def bps(self) -> Floats:
        """The rates to count on; infinite where nothing was observed."""
        return self._bps

    def _foretold(self, newest: Floats) -> Floats:
        mean = self._mean.of(np.nan)
        share = 0.5 * (1 + np.tanh(0.5 * self._sharpness * self._lead))
        bps = np.exp(mean + share * (newest - mean))
        return np.where(np.isnan(newest), np.inf, bps)


class Misses:
    """`abr.estimate.Misses` of many sessions, not all of which have every error."""

    def __init__(self) -> None:
        self._squares: Floats | float = 0.0
        self._weight: Floats | float = 0.0

    def add(self, told_bps: Floats, came_bps: Floats, among: Bools) -> None:
        """Take in what was foretold and what came, in the sessions among which there is both."""
        told_bps = np.where(among, told_bps, 1.0)
        miss = np.log(np.maximum(told_bps, LEAST_BPS)) - np.log(np.maximum(came_bps, LEAST_BPS))
        miss = np.minimum(np.where(miss > 0, miss, -PLEASANT_SHARE * miss), MOST_MISS)
        squares = MISS_DECAY * self._squares + miss * miss
        weight = MISS_DECAY * self._weight + 1
        self._squares = np.where(among, squares, self._squares)
        self._weight = np.where(among, weight, self._weight)

    @property
    def spread(self) -> Floats | float:
        """The typical errors."""
        guessed = FIRST_MISSES * FIRST_MISS**2
        spread: Floats | float = np.sqrt((guessed + self._squares) / (FIRST_MISSES + self._weight))
        return spread


def _squared(miss: Floats) -> Floats:
    return np.minimum(miss * miss, MOST_MISS * MOST_MISS)


class LowerMeans:
    """`abr.estimate.DualEwma` of many sessions, not all of which have every sample."""

    def __init__(self, fast_half_life_s: float, slow_half_life_s: float) -> None:
        self._fast = _Means(fast_half_life_s)
        self._slow = _Means(slow_half_life_s)

    def observe(self, rates_bps: Floats, busy_s: Floats, among: Bools) -> None:
        """Take in a rate, in the sessions among which there is one."""
        weights_s: Floats = np.maximum(busy_s, SHORTEST_S)
        self._fast.add(rates_bps, weights_s, among)
        self._slow.add(rates_bps, weights_s, among)

    @property
    def bps(self) -> Floats:
        """The lower means; infinite where nothing was observed."""
        lower: Floats = np.minimum(self._fast.of(np.inf), self._slow.of(np.inf))
        return lower


class _Means:
    """`abr.estimate.DecayingMean` of many sessions, not all of which have every value."""

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self._weights: Floats | None = None
        self._means: Floats = np.zeros(0)

    def add(self, values: Floats, weights: Floats, among: Bools) -> None:
        """Take in a value of so much weight, in the sessions among which there is one."""
        if self._weights is None:
            self._weights, self._means = np.zeros(len(values)), np.zeros(len(values))
        before = self._weights
        total = before + weights
        share = self._share(weights) / self._share(total)
        moved = self._means + share * (values - self._means)
        self._means = np.where(among, np.where(before > 0, moved, values), self._means)
        self._weights = np.where(among, total, before)

    def of(self, otherwise: float) -> Floats:
        """Return the means, and something else where there is none."""
        assert self._weights is not None, "nothing was asked before anything was told"
        return np.where(self._weights > 0, self._means, otherwise)

    def _share(self, weights: Floats) -> Floats:
        shares: Floats = np.expm1(-math.log(2) * weights / self._half_life)
        return -shares


class LinkEstimates:
    """`abr.estimate.LinkEstimate` of many sessions, on networks of an unknown kind.

    Attributes:
        rise: The newest rates as multiples of those before; 1 before there are two.
        ttfb_s: The times to first byte to count on; 0 where nothing was measured.
    """

    def __init__(
        self, estimators: Estimators, *, initial_bps: float | None, trusted_bytes: int
    ) -> None:
        self._estimators = estimators
        self._initial_bps = initial_bps or INITIAL_BPS["unknown"]
        self._trusted_bytes = trusted_bytes
        self._sieve = _Sieves()
        self._fast_ttfb = _Means(FAST_HALF_LIFE_REQUESTS)
        self._slow_ttfb = _Means(SLOW_HALF_LIFE_REQUESTS)
        self._bytes: Ints | None = None
        self._newest_bps: Floats = np.zeros(0)
        self._misses = Misses()
        self._told = False
        self.rise: Floats | float = 1.0
        self.ttfb_s: Floats | float = 0.0

    def observe(self, samples: Samples) -> None:
        """Take in what the links did."""
        sieve = self._sieve
        among = sieve.admit(samples)
        if self._bytes is None:
            self._bytes = np.zeros(len(among), dtype=np.int64)
            self._newest_bps = np.zeros(len(among))
        self._bytes = self._bytes + np.where(among, sieve.bytes, 0)
        rates_bps = 8 * sieve.bytes / np.maximum(sieve.busy_s, SHORTEST_S)
        before_bps = self._newest_bps
        rises = among & (before_bps > 0)
        rise = rates_bps / np.where(rises, before_bps, 1.0)
        self.rise = np.where(rises, rise, self.rise)
        self._newest_bps = np.where(among, rates_bps, before_bps)
        if self._told:
            told_bps = self._estimators.bps
            self._misses.add(told_bps, rates_bps, among & np.isfinite(told_bps))
        self._told = True
        self._estimators.observe(rates_bps, sieve.busy_s, among)
        requests = sieve.requests.astype(np.float64)
        self._fast_ttfb.add(sieve.ttfb_s, requests, among)
        self._slow_ttfb.add(sieve.ttfb_s, requests, among)
        self.ttfb_s = np.maximum(self._fast_ttfb.of(0.0), self._slow_ttfb.of(0.0))

    @property
    def spread(self) -> Floats | float:
        """How far the estimates were off of late, as logarithms."""
        return self._misses.spread

    def bps(self, count: int) -> Floats:
        """Return the rates to count on in so many sessions."""
        if self._bytes is None:
            return np.full(count, self._initial_bps)
        measured_bps = self._estimators.bps
        trusted = (self._bytes >= self._trusted_bytes) & (self._bytes > 0)
        return np.where(trusted, measured_bps, np.minimum(measured_bps, self._initial_bps))


class _Sieves:
    """`abr.estimate.Sieve` of many sessions.

    Attributes:
        bytes, busy_s, ttfb_s, requests: Of the newest sample, merged with the small ones
            before it.
    """

    def __init__(self) -> None:
        self._kept: Bools | None = None
        self.bytes: Ints = np.zeros(0, dtype=np.int64)
        self.busy_s: Floats = np.zeros(0)
        self.ttfb_s: Floats = np.zeros(0)
        self.requests: Ints = np.zeros(0, dtype=np.int64)

    def admit(self, samples: Samples) -> Bools:
        """Merge samples with the small ones before them; return where they are large enough."""
        if self._kept is None or not self._kept.any():
            self.bytes, self.busy_s, self.ttfb_s = samples.bytes, samples.busy_s, samples.ttfb_s
            self.requests = np.ones(len(samples.bytes), dtype=np.int64)
        else:
            kept = self._kept
            requests = np.where(kept, self.requests, 0)
            self.requests = requests + 1
            self.bytes = np.where(kept, self.bytes, 0) + samples.bytes
            self.busy_s = np.where(kept, self.busy_s, 0.0) + samples.busy_s
            self.ttfb_s = (self.ttfb_s * requests + samples.ttfb_s) / self.requests
        admitted: Bools = (self.bytes >= TINY_BYTES) | (self.busy_s >= LONG_ENOUGH_S)
        self._kept = ~admitted
        return admitted
