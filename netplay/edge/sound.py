"""Test sound: one steady tone a language, and a beep on every second.

The steady tone makes a gap at a join audible and measurable; the beep starts with the
flash in the picture, so the distance between them is the A/V offset. Languages differ in
both pitches.
"""

import av
import numpy as np
import numpy.typing as npt

__all__ = ["SAMPLE_RATE", "Tone"]

SAMPLE_RATE = 48_000
BEEP_S = 0.1


class Tone:
    """Makes the sound of one language; the same moment always sounds the same."""

    def __init__(self, language: int) -> None:
        self._steady_hz = 220 * (1 + language / 2)
        self._beep_hz = 880 * (1 + language / 2)

    def samples(self, first: int, count: int) -> npt.NDArray[np.float32]:
        """Return mono samples `first` to `first + count`, within ±0.5."""
        at_s = np.arange(first, first + count) / SAMPLE_RATE
        steady = 0.1 * np.sin(2 * np.pi * self._steady_hz * at_s)
        beep = 0.4 * np.sin(2 * np.pi * self._beep_hz * at_s) * (at_s % 1 < BEEP_S)
        return (steady + beep).astype(np.float32)

    def frame(self, first: int, count: int) -> av.AudioFrame:
        """Return the same samples as a stereo frame with its timestamp."""
        stereo = np.tile(self.samples(first, count), (2, 1))
        frame = av.AudioFrame.from_ndarray(stereo, format="fltp", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = first
        return frame
