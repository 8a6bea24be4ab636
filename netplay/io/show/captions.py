"""Subtitle documents and samples become cues with their place in the title."""

from __future__ import annotations

from netplay.errors import DecodeError
from netplay.io.show.frames import Cue, Entry, position_us
from netplay.io.source import Config, Packet
from netplay.media.cues import Cue as MediaCue
from netplay.media.ttml import read_ttml
from netplay.media.webvtt import read_webvtt, read_wvtt_sample

__all__ = ["TextDecoder"]


class TextDecoder:
    """Reads cues: a Decoder as the lanes know it, though nothing is held back here.

    A `webvtt` or `ttml` packet is a whole document, timed from its own zero (or by its
    X-TIMESTAMP-MAP); a `wvtt` or `stpp` packet is a sample, timed by the packet.
    """

    hardware = ""

    def __init__(self, config: Config) -> None:
        """Take the Config.

        Raises:
            DecodeError: Nobody here reads that kind of text.
        """
        if config.codec not in ("webvtt", "wvtt", "ttml", "stpp"):
            raise DecodeError(f"text {config.codec}", "no reader for this kind of subtitles")
        self._config = config
        self.offset_us = 0
        self.gave = False

    def decode(self, packet: Packet, fetch_id: int) -> list[Entry]:
        """Return the cues of a document or sample, in order of position."""
        cues = [
            Cue(
                cue.start_us + self.offset_us,
                cue.end_us - cue.start_us,
                cue.text,
                settings=cue.settings,
                fetch_id=fetch_id,
            )
            for cue in self._read(packet)
        ]
        # A document without cues is as good as any.
        self.gave = True
        return sorted(cues, key=lambda cue: cue.position_us)

    def _read(self, packet: Packet) -> tuple[MediaCue, ...]:
        start_us = position_us(packet.pts, self._config.timescale)
        end_us = position_us(packet.pts + packet.duration, self._config.timescale)
        match self._config.codec:
            case "webvtt":
                document = read_webvtt(packet.data)
                moved_us = document.timestamp_map.offset_us if document.timestamp_map else 0
                return tuple(
                    MediaCue(
                        cue.start_us + moved_us,
                        cue.end_us + moved_us,
                        cue.text,
                        cue.markup,
                        settings=cue.settings,
                    )
                    for cue in document.cues
                )
            case "wvtt":
                return read_wvtt_sample(packet.data, start_us=start_us, end_us=end_us)
            case "stpp":
                return read_ttml(packet.data, start_us=start_us, end_us=end_us)
            case _:
                return read_ttml(packet.data)

    def drain(self) -> list[Entry]:
        """Return nothing: nothing is held back."""
        return []

    def reset(self) -> None:
        """Forget that anything came."""
        self.gave = False

    def close(self) -> None:
        """Nothing is to be freed."""
