"""Sound at another speed and the same pitch, through libav's atempo filter."""

from __future__ import annotations

from fractions import Fraction

import av
from av.error import FFmpegError
from av.filter import Graph

from netplay.errors import DecodeError
from netplay.io.show.frames import AudioBlock, position_us

__all__ = ["Tempo"]


class Tempo:
    """Stretches blocks that follow one another, for one rate between 0.5 and 2.

    What comes out covers the same positions as what went in, a few hundredths of a second
    later: the filter overlaps stretches of about 40 ms.
    """

    SLOWEST = Fraction(1, 2)
    FASTEST = Fraction(2)

    def __init__(self, rate: Fraction) -> None:
        assert self.SLOWEST <= rate <= self.FASTEST, rate
        self.rate = rate
        self._graph: Graph | None = None
        self._shape: tuple[str, str, int] | None = None
        self._from_us = 0
        self._until_us: int | None = None
        self._given_samples = 0

    def stretch(self, block: AudioBlock) -> list[AudioBlock]:
        """Return what became ready with this block.

        Raises:
            DecodeError: The filter refuses that kind of sound.
        """
        frame = block.frame
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        joined = self._until_us is not None and abs(block.position_us - self._until_us) <= 1000
        try:
            if self._graph is None or shape != self._shape or not joined:
                self._begin(block, shape)
            self._until_us = block.until_us
            return self._through(block)
        except (FFmpegError, ValueError) as error:
            raise DecodeError("audio", f"atempo: {error}") from error

    def _begin(self, block: AudioBlock, shape: tuple[str, str, int]) -> None:
        form, layout, rate_hz = shape
        graph = Graph()
        source = graph.add_abuffer(
            sample_rate=rate_hz, format=form, layout=layout, time_base=Fraction(1, rate_hz)
        )
        stretch = graph.add("atempo", str(float(self.rate)))
        graph.link_nodes(source, stretch, graph.add("abuffersink")).configure()
        self._graph, self._shape = graph, shape
        self._from_us, self._given_samples = block.position_us, 0

    def _through(self, block: AudioBlock) -> list[AudioBlock]:
        graph = self._graph
        assert graph is not None
        # The filter counts time from the first frame's; ours is counted beside it.
        block.frame.pts = None
        graph.push(block.frame)
        blocks: list[AudioBlock] = []
        while True:
            try:
                frame = graph.pull()
            except (BlockingIOError, EOFError):
                return blocks
            assert isinstance(frame, av.AudioFrame)
            begin_us = self._position(frame.sample_rate)
            self._given_samples += frame.samples
            end_us = self._position(frame.sample_rate)
            blocks.append(AudioBlock(begin_us, end_us - begin_us, frame, block.fetch_id))

    def _position(self, sample_rate_hz: int) -> int:
        """Return the position of the next sample to come out."""
        covered = self._given_samples * self.rate.numerator
        return self._from_us + position_us(covered, sample_rate_hz * self.rate.denominator)
