"""Whatever is done to a file of the lab, it is read or it is refused by its name, never worse."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netplay.errors import DatasetError
from netplay.lab.hosts import read_hosts
from netplay.lab.movies import read_movie
from netplay.lab.traces import read_traces

SET = b'{"name":"x","trace":[[1000,5,6],[1,2,3]]}\n{"name":"y","trace":[[1000,5,6]]}\n'

WHOLE = {
    "a.csv": b"seconds,kbps,latency_ms\n5,3000,20\n5,800,40\n",
    "cooked": b"0.0 1.5\n1.0 2.0\n2.0 0.5\n",
    "mahimahi": b"1\n2\n300\n",
    "sabre.json": b'[{"duration_ms":1000,\n"bandwidth_kbps":2000,"latency_ms":20}]',
    "set.jsonl": SET,
    "set.jsonl.gz": gzip.compress(SET),
    "movie.json": b'{"segment_duration_ms":2000,\n"bitrates_kbps":[300,1000],\n'
    b'"segment_sizes_bits":[[6,2],\n[5,6]],"vmaf":[[1,2],\n[3,4]]}',
    "hosts.json": b'{"a": {"rtt_ms": 5,\n"faults": [{"kind": "down", "from_s": 3}]}}',
}

PIECES = (
    *(b'"', b"\0", b",", b"-", b"1e999", b"NaN", b"\xff", b"\n", b"[", b"null", b"true"),
    *(b"9" * 20, b"9" * 5000, b"[" * 2000),
)


@st.composite
def damage(draw: st.DrawFn, whole: bytes) -> bytes:
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["put", "cut", "end", "change"])):
            case "put":
                data[place:place] = draw(st.sampled_from(PIECES))
            case "cut":
                del data[place : place + 1]
            case "end":
                del data[place:]
            case _:
                data[place : place + 1] = bytes([draw(st.integers(0, 255))])
    return bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_by_its_name(name: str, data: st.DataObject) -> None:
    damaged = data.draw(damage(WHOLE[name]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(damaged)

        error = refusal(path)

        if error is not None:
            assert error.path == str(path)
            assert error.line is None or error.line >= 1


def refusal(path: Path) -> DatasetError | None:
    """Read a file; return why it was refused, if it was."""
    try:
        match path.name:
            case "movie.json":
                read_movie(path)
            case "hosts.json":
                read_hosts(path)
            case _:
                list(read_traces(path))
    except DatasetError as error:
        return error
    return None
