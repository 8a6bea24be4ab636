"""Test pictures: every frame says which frame of which rung it is, to people and to tests.

A frame is drawn straight onto its YUV planes at the size it will be encoded in, because
drawing large and scaling down costs more than encoding. A scrolling texture under fresh
grain gives the encoder enough to spend its whole bitrate on; a counter and a moving disc
are for people; a strip of black and white squares carries the frame number for tests, and
is coarse enough to survive any rung.
"""

from functools import cache

import av
import numpy as np
import numpy.typing as npt

__all__ = ["Picture", "read_marker"]

Plane = npt.NDArray[np.uint8]

BLACK, WHITE = 16, 235
COLUMNS = 16
"""Squares across the strip; 2 rows of 16 hold a number, a rung and a check."""

GRAIN_SHIFTS = 64
"""How far the grain jumps from frame to frame, in pixels: beyond what an encoder searches."""

GLYPHS = {
    "0": "0e11131519110e",
    "1": "040c040404040e",
    "2": "0e11010204081f",
    "3": "1f02040201110e",
    "4": "02060a121f0202",
    "5": "1f101e0101110e",
    "6": "0608101e11110e",
    "7": "1f010204080808",
    "8": "0e11110e11110e",
    "9": "0e11110f01020c",
    ":": "000c0c000c0c00",
    ".": "00000000000c0c",
    "F": "1f10101e101010",
    "K": "11121418141211",
    "P": "1e11111e101010",
    " ": "00000000000000",
}
"""Seven rows of five dots each, two hexadecimal digits a row."""


@cache
def _glyph(character: str, scale: int) -> Plane:
    """Return one character as 0 and 1, six by eight dots with its spacing, enlarged."""
    rows = bytes.fromhex(GLYPHS[character])
    dots = np.zeros((8, 6), np.uint8)
    for y, row in enumerate(rows):
        for x in range(5):
            dots[y, x] = row >> (4 - x) & 1
    return np.repeat(np.repeat(dots, scale, axis=0), scale, axis=1)


def _text(words: str, scale: int) -> Plane:
    """Return a line of text in white on black."""
    line = np.concatenate([_glyph(character, scale) for character in words], axis=1)
    return np.where(line == 1, np.uint8(WHITE), np.uint8(BLACK))


def _check(number: int, rung: int) -> int:
    """Return twelve bits that a damaged or an empty strip does not show by chance."""
    return ((number * 40503 + rung * 2654435761 + 0x5A5) >> 3) & 0xFFF


def _bits(number: int, rung: int) -> Plane:
    words = (number & 0xFFFF, (rung & 0xF) << 12 | _check(number & 0xFFFF, rung & 0xF))
    return np.array(
        [[word >> (COLUMNS - 1 - x) & 1 for x in range(COLUMNS)] for word in words], np.uint8
    )


def _row_height(height: int) -> int:
    return max(4, height // 27)


def read_marker(luma: Plane) -> tuple[int, int] | None:
    """Return the frame number (modulo 65,536) and the rung that a picture carries, or None.

    Args:
        luma: The Y plane of a decoded frame, shape (height, width).
    """
    height, width = luma.shape
    tall = _row_height(height)
    square = width // COLUMNS
    words = []
    for row in range(2):
        top = height - (2 - row) * tall
        strip = luma[top : top + tall, : square * COLUMNS]
        means = strip.reshape(tall, COLUMNS, square)[1:-1, :, 1:-1].mean(axis=(0, 2))
        words.append(int("".join("1" if mean > 128 else "0" for mean in means), 2))
    number, rung = words[0], words[1] >> 12
    return (number, rung) if words[1] & 0xFFF == _check(number, rung) else None


class Picture:
    """Draws the frames of one rung; the same number always gives the same picture."""

    def __init__(self, width: int, height: int, *, kbps: int, rung: int, fps: float) -> None:
        self.width = width
        self.height = height
        self._rung = rung
        self._fps = fps
        self._label = f"{height}P {kbps}K"
        seed = np.random.default_rng(rung + 1)
        self._scroll = max(2, width // 2)
        self._canvas = self._texture(seed)
        grain_shape = (height + GRAIN_SHIFTS, width + GRAIN_SHIFTS)
        self._grain = seed.integers(0, 15, grain_shape, np.uint8)
        across = np.linspace(0, 2 * np.pi, width // 2, endpoint=False)
        self._blue = (128 + 40 * np.sin(across)).astype(np.uint8)
        self._red = (128 + 40 * np.cos(across)).astype(np.uint8)
        radius = max(4, height // 12)
        y, x = np.ogrid[-radius:radius, -radius:radius]
        self._disc = x * x + y * y < radius * radius
        self._radius = radius

    def _texture(self, seed: np.random.Generator) -> Plane:
        """Return soft blobs that repeat every `_scroll` pixels, so scrolling never ends."""
        cell = 8
        rows, columns = self.height // cell + 1, max(1, self._scroll // cell)
        coarse = seed.integers(50, 170, (rows, columns)).astype(np.float32)
        tile = np.repeat(np.repeat(coarse, cell, axis=0), cell, axis=1)[: self.height]
        tile = np.pad(tile, ((0, 0), (0, self._scroll - tile.shape[1])), mode="wrap")
        for axis in (0, 1):
            tile = np.mean([np.roll(tile, shift, axis) for shift in range(-3, 4)], axis=0)
        return np.tile(tile.astype(np.uint8), (1, 3 + self.width // self._scroll))

    def draw(self, number: int) -> av.VideoFrame:
        """Return frame `number` as yuv420p, without a timestamp."""
        frame = av.VideoFrame(self.width, self.height, "yuv420p")
        luma, blue, red = (
            np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[
                :, : plane.width
            ]
            for plane in frame.planes
        )
        x = number * max(1, self.width // 160) % self._scroll
        dy, dx = number * 37 % GRAIN_SHIFTS, number * 53 % GRAIN_SHIFTS
        np.add(
            self._canvas[:, x : x + self.width],
            self._grain[dy : dy + self.height, dx : dx + self.width],
            out=luma,
        )
        blue[:] = np.roll(self._blue, number)
        red[:] = np.roll(self._red, -number)
        self._draw_motion(luma, number)
        self._draw_counter(luma, number)
        self._draw_marker(luma, number)
        return frame

    def _draw_motion(self, luma: Plane, number: int) -> None:
        """Draw a disc on its round, and a flash in the first frames of every second."""
        r = self._radius
        turn = 2 * np.pi * number / (4 * self._fps)
        x = int(self.width / 2 + (self.width / 2 - r - 1) * np.sin(turn))
        y = int(self.height / 2 + (self.height / 2 - r - 1) * np.cos(2 * turn) * 0.8)
        np.copyto(luma[y - r : y + r, x - r : x + r], WHITE, where=self._disc)
        if number / self._fps % 1 < 0.1:
            luma[: self.height // 8, -self.height // 8 :] = WHITE

    def _draw_counter(self, luma: Plane, number: int) -> None:
        seconds = number / self._fps
        large, small = max(1, self.height // 60), max(1, self.height // 140)
        clock = f"{int(seconds // 60):02}:{seconds % 60:06.3f}"
        top = left = large * 2
        for words, scale in ((clock, large), (f"F{number:05} {self._label}", small)):
            line = _text(words, scale)[: self.height - top, : self.width - left]
            luma[top : top + line.shape[0], left : left + line.shape[1]] = line
            top += line.shape[0]

    def _draw_marker(self, luma: Plane, number: int) -> None:
        tall, square = _row_height(self.height), self.width // COLUMNS
        strip = np.repeat(np.repeat(_bits(number, self._rung), tall, axis=0), square, axis=1)
        below = luma[self.height - 2 * tall :, : square * COLUMNS]
        below[:] = np.where(strip == 1, np.uint8(WHITE), np.uint8(BLACK))
