"""Media segments become samples while their bytes arrive.

A reader is fed whatever the network delivers and gives back each sample as soon as its
last byte is there, so the first frame is decoded long before the segment is complete. A
sample is a view into what was fed; bytes are copied only where a sample was cut in two.

Nothing is held but the part of a box or sample that has begun, and a box that claims to be
larger than its kind can be is refused when its header arrives.

Source: ISO/IEC 14496-12:2022, clause 8.8; ISO/IEC 23000-19 (CMAF) for what may stand
between fragments.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from netplay.errors import MediaError
from netplay.media.boxes import Box, Buffer, Header, boxes, header
from netplay.media.coverage import Coverage, Span
from netplay.media.emsg import EventMessage, read_emsg
from netplay.media.init import InitSegment
from netplay.media.moof import MAX_SAMPLES, Run, Sample, read_moof
from netplay.media.prft import ProducerTime, read_prft

__all__ = ["FragmentReader", "Sample", "Span"]

LONGEST_BYTES = {"moof": 1 << 24, "emsg": 1 << 20, "prft": 1 << 10}
"""Of boxes that are held until they are complete. Guesses with room: a `moof` of 262,144
samples with four columns each takes 4 MiB."""

SKIPPED = frozenset(
    ("styp", "ftyp", "moov", "sidx", "ssix", "free", "skip", "wide", "mfra", "meta", "pdin", "udta")
)
LONGEST_UNKNOWN_BYTES = 1 << 20
"""A box of a kind nobody heard of is passed over, but not for the rest of the file: text
taken for a box header claims hundreds of megabytes."""

MAX_RUNS = 1 << 14
"""Waiting for their bytes at once. A guess with room: most fragments have one a track."""

MAX_PSSH = 64
"""In the fragments of one segment. A guess with room: one a key system and key."""

MAX_EVENTS = 4096
"""In one segment. A guess with room: ID3 at every frame of ten seconds is 600."""


class FragmentReader:
    """Turns the bytes of media segments into samples, in whatever pieces they come.

    One reader reads one segment, or several of the same init segment one after another.

    Attributes:
        events: Event messages met so far, in order; whoever takes them may clear the list.
        producer_times: What the encoder's clock said (`prft`), in order.
        pssh: Init data of keys that fragments bring along (`pssh` in a `moof`), each once.
    """

    def __init__(
        self,
        init: InitSegment,
        *,
        what: str = "segment",
        first_byte: int = 0,
        decode_ticks: Mapping[int, int] | None = None,
    ) -> None:
        """Read segments of an init segment.

        Args:
            init: What the segments leave out.
            what: Names the segment in errors, e.g. "video/3/00017".
            first_byte: Where in its file the first byte fed will be; matters only to
                files that count sample positions from their start.
            decode_ticks: Where each track goes on in a segment that does not say when it
                starts; as `next_decode_ticks` of the reader of the segment before.
        """
        self.events: list[EventMessage] = []
        self.producer_times: list[ProducerTime] = []
        self.pssh: list[bytes] = []
        self._init = init
        self._what = what
        self._decode_ticks = dict(decode_ticks or {})
        self._coverage = {track.track_id: Coverage() for track in init.tracks}
        self._chunks: list[Buffer] = []
        self._held_bytes = 0
        self._needed_bytes = 1
        self._position = first_byte
        self._runs: list[Run] = []
        self._waiting = 0
        self._box: _Open | None = None
        self._fragments = 0
        self._boxes = 0

    @property
    def next_decode_ticks(self) -> Mapping[int, int]:
        """By track id: the decode time after the last sample of the fragments seen."""
        return self._decode_ticks

    def span(self, track_id: int) -> Span | None:
        """Return the media time that a track's samples cover without a gap, None before any."""
        coverage = self._coverage.get(track_id)
        return None if coverage is None else coverage.span()

    def feed(self, data: Buffer) -> list[Sample]:
        """Take the next bytes and return the samples that they complete, in file order.

        Args:
            data: Any amount; must not change afterwards, samples are views of it.

        Raises:
            MediaError: The bytes are no media segment, a broken one, or one of another
                init segment. The reader is of no use afterwards.
        """
        self._chunks.append(data)
        self._held_bytes += len(data)
        if self._held_bytes < self._needed_bytes:
            return []
        whole = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        view = memoryview(whole)
        samples: list[Sample] = []
        start = self._position
        while self._position < start + len(view) or self._runs:
            if not self._step(view, start, samples):
                break
        rest = view[self._position - start :]
        self._chunks = [rest] if rest else []
        self._held_bytes = len(rest)
        return samples

    def finish(self) -> None:
        """Say that no more bytes will come.

        Raises:
            MediaError: The segment ended in the middle of a box or before its samples, or
                held no fragment at all.
        """
        endless = self._box is not None and self._box.end is None
        end = self._position + self._held_bytes
        if self._waiting:
            raise MediaError(
                self._what, f"ended at byte {end}, samples still incomplete: {self._waiting}"
            )
        if self._held_bytes or (self._box is not None and not endless):
            raise MediaError(self._what, f"ended at byte {end}, inside a box")
        if not self._fragments:
            raise MediaError(self._what, "holds no movie fragment")
        for coverage in self._coverage.values():
            coverage.close()

    def _step(self, view: memoryview, start: int, samples: list[Sample]) -> bool:
        """Read one box header, one box or what there is of one; False: more bytes are needed."""
        if self._box is not None:
            return self._pass_body(view, start, samples)
        at = self._position - start
        head = header(view, at, len(view), what=self._what)
        if head is None:
            self._needed_bytes = len(view) - at + 1
            return False
        self._check(head)
        if head.kind in LONGEST_BYTES:
            if len(view) - at < head.size_bytes:
                self._needed_bytes = head.size_bytes
                return False
            box = Box(head.kind, at, at + head.length_bytes, at + head.size_bytes)
            self._read(view, box, samples)
            self._position += head.size_bytes
        else:
            end = self._position + head.size_bytes if head.size_bytes else None
            self._position += head.length_bytes
            if end != self._position:
                self._box = _Open(head.kind, end)
        self._boxes += 1
        self._needed_bytes = 1
        return True

    def _check(self, head: Header) -> None:
        """Refuse a box that cannot be what it says it is."""
        place = f"box {head.kind!r} of {head.size_bytes} bytes at byte {self._position}"
        longest = LONGEST_BYTES.get(head.kind)
        if longest is not None:
            if not 0 < head.size_bytes <= longest:
                raise MediaError(self._what, f"{place}; {longest} are the most")
        elif head.kind != "mdat" and head.kind not in SKIPPED:
            if not self._boxes:
                raise MediaError(self._what, f"not a media segment: starts with a {place}")
            if not 0 < head.size_bytes <= LONGEST_UNKNOWN_BYTES:
                raise MediaError(self._what, f"unknown {place}")

    def _read(self, view: memoryview, box: Box, samples: list[Sample]) -> None:
        """Read a box that is there completely."""
        match box.kind:
            case "moof":
                self._read_moof(view, box, samples)
            case "emsg":
                if len(self.events) >= MAX_EVENTS:
                    raise MediaError(self._what, f"more than {MAX_EVENTS} event messages")
                self.events.append(read_emsg(view, box, what=self._what))
            case _:
                if len(self.producer_times) >= MAX_EVENTS:
                    raise MediaError(self._what, f"more than {MAX_EVENTS} producer times")
                self.producer_times.append(read_prft(view, box, what=self._what))

    def _read_moof(self, view: memoryview, box: Box, samples: list[Sample]) -> None:
        self._fragments += 1
        for inner in boxes(view, box.body, box.end, what=self._what):
            if inner.kind == "pssh":
                self._learn(bytes(view[inner.start : inner.end]))
        runs = read_moof(
            view,
            box,
            position=self._position,
            init=self._init,
            decode_ticks=self._decode_ticks,
            what=self._what,
        )
        end = self._position + box.size_bytes
        for run in runs:
            if run.ends[-1] == run.start:
                # Samples without bytes wait for none, wherever they claim to be.
                self._give(run, len(run.ends), view, 0, samples)
                continue
            if run.start < end:
                raise MediaError(
                    self._what, f"samples at byte {run.start}, before their moof ends at {end}"
                )
            self._queue(run)

    def _learn(self, pssh: bytes) -> None:
        """Keep init data, if it is new."""
        if pssh in self.pssh:
            return
        if len(self.pssh) >= MAX_PSSH:
            raise MediaError(self._what, f"more than {MAX_PSSH} pssh boxes")
        self.pssh.append(pssh)

    def _queue(self, run: Run) -> None:
        """Keep a run, in the order of the file, until its bytes arrive."""
        self._waiting += len(run.ends)
        if self._waiting > MAX_SAMPLES or len(self._runs) >= MAX_RUNS:
            raise MediaError(self._what, f"{self._waiting} samples wait for their bytes")
        at = bisect_right(self._runs, run.start, key=_start_of)
        before = self._runs[at - 1].ends[-1] if at else run.start
        after = self._runs[at].start if at < len(self._runs) else run.ends[-1]
        # Also what keeps a small segment from asking for the same bytes a million times.
        if not (before <= run.start and run.ends[-1] <= after):
            raise MediaError(self._what, f"two runs of samples share bytes near {run.start}")
        self._runs.insert(at, run)

    def _pass_body(self, view: memoryview, start: int, samples: list[Sample]) -> bool:
        """Go through the body of a box that is not held, handing out samples in `mdat`."""
        box = self._box
        assert box is not None
        here = start + len(view)
        until = here if box.end is None else min(here, box.end)
        while self._runs and (box.end is None or self._runs[0].start < box.end):
            run = self._runs[0]
            if box.kind != "mdat" or (run.start < self._position and not run.given):
                raise MediaError(self._what, f"samples at byte {run.start}, not in an mdat box")
            complete = bisect_right(run.ends, until)
            if complete > run.given:
                self._waiting -= complete - run.given
                self._give(run, complete, view, start, samples)
                self._position = max(self._position, run.ends[complete - 1])
            if run.given == len(run.ends):
                del self._runs[0]
                continue
            wanted = run.ends[run.given]
            if box.end is not None and wanted > box.end:
                raise MediaError(self._what, f"a sample reaches out of its mdat to byte {wanted}")
            first = run.ends[run.given - 1] if run.given else run.start
            self._position = min(first, until)
            self._needed_bytes = wanted - self._position if first < until else 1
            return False
        self._position = until
        self._needed_bytes = 1
        if until != box.end:
            return False
        self._box = None
        return True

    def _give(
        self, run: Run, complete: int, view: memoryview, start: int, samples: list[Sample]
    ) -> None:
        """Hand out the samples of a run up to a count."""
        track_id = run.track_id
        fresh = [
            Sample(track_id, dts, pts, duration, key, view[at - start : end - start], encryption)
            for at, end, dts, pts, duration, key, encryption in islice(
                run.rows, complete - run.given
            )
        ]
        run.given = complete
        self._coverage[track_id].add(fresh)
        samples += fresh


@dataclass(frozen=True, slots=True)
class _Open:
    """A box whose body is being passed through; end None: it reaches to the end."""

    kind: str
    end: int | None


def _start_of(run: Run) -> int:
    return run.start
