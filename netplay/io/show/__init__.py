"""From packets to frames at their moment: decoders, the presenter, sinks."""
