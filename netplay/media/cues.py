"""One caption on screen for a while: what every subtitle format is read into."""

from dataclasses import dataclass

__all__ = ["Cue"]


@dataclass(frozen=True, slots=True)
class Cue:
    """A piece of text and when to show it.

    Attributes:
        start_us: First moment, on the timeline of whatever carried it.
        end_us: First moment at which it is gone; never before start_us.
        text: As a viewer reads it: no markup, no entities, no ruby annotations.
        markup: As the file has it; the same as text where the format's markup is dropped.
        cue_id: The file's name for it; may be empty.
        settings: WebVTT cue settings as written, e.g. "line:10% align:start"; may be empty.
    """

    start_us: int
    end_us: int
    text: str
    markup: str
    cue_id: str = ""
    settings: str = ""
