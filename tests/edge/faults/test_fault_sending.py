"""What faults make of an answer, before any of it is on a wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.edge.exchange import Answer, Body, FilePart, cut, size_of
from netplay.edge.faults import Fault
from netplay.edge.faults.sending import Sending, spoiled

DATA = bytes(range(256)) * 4


def read(body: Body) -> bytes:
    return b"".join(piece.read() if isinstance(piece, FilePart) else piece for piece in body)


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Body:
    """Return DATA, in pieces of both kinds."""
    path = tmp_path_factory.mktemp("body") / "part"
    path.write_bytes(b"xx" + DATA[100:700] + b"yy")
    return (DATA[:100], FilePart(path, 2, 602), DATA[700:])


def ranged(body: Body, first: int, last: int) -> Sending:
    headers = {"Content-Range": f"bytes {first}-{last}/{len(DATA)}", "Content-Digest": "d"}
    return Sending(Answer(206, headers, cut(body, first, last + 1), whole=body))


@given(st.integers(0, 1100), st.none() | st.integers(0, 1100))
def test_a_cut_is_a_slice(body: Body, start: int, stop: int | None) -> None:
    part = cut(body, start, stop)

    assert read(part) == DATA[start:stop]
    assert size_of(part) == len(DATA[start:stop])


@given(st.integers(0, 1100), st.integers(1, 300))
def test_corruption_changes_exactly_those_bytes(body: Body, at_byte: int, count: int) -> None:
    fault = Fault(kind="corrupt", at_byte=at_byte, count=count)

    changed = read(spoiled(Sending(Answer(200, {}, body)), fault).answer.body)

    places = [at for at, (a, b) in enumerate(zip(DATA, changed, strict=True)) if a != b]
    assert places == list(range(at_byte, min(at_byte + count, len(DATA))))


@given(st.integers(0, 1100), st.sampled_from(["true", "sent", None]))
def test_truncation_keeps_the_first_bytes(body: Body, at_byte: int, length: str | None) -> None:
    fault = Fault(kind="truncate", at_byte=at_byte, length=length)  # type: ignore[arg-type]

    sending = spoiled(Sending(Answer(200, {}, body)), fault)

    kept = DATA[:at_byte]
    assert read(sending.answer.body) == kept
    assert sending.length == (len(kept) if length == "sent" else len(DATA))
    closes = length != "sent" and len(kept) < len(DATA)
    assert sending.ending == ("cut" if closes else "next")


@given(st.integers(1, 200), st.sampled_from(["true", "sent", None]))
def test_lengthening_adds_to_the_end(body: Body, count: int, length: str | None) -> None:
    fault = Fault(kind="lengthen", count=count, length=length)  # type: ignore[arg-type]

    sending = spoiled(Sending(Answer(200, {}, body)), fault)

    sent = read(sending.answer.body)
    assert sent[: len(DATA)] == DATA
    assert len(sent) == len(DATA) + count
    assert sending.length == len(DATA) + (0 if length == "true" else count)


@given(st.data(), st.sampled_from(["shifted", "lied", None]), st.integers(1, 50))
def test_a_wrong_range_has_the_right_size(
    body: Body, data: st.DataObject, how: str | None, count: int
) -> None:
    first = data.draw(st.integers(0, len(DATA) - 1))
    last = data.draw(st.integers(first, len(DATA) - 1))
    fault = Fault(kind="wrong_range", range=how, count=count)  # type: ignore[arg-type]

    answer = spoiled(ranged(body, first, last), fault).answer

    shift = min(count, len(DATA) - 1 - last) or -min(count, first)
    assert read(answer.body) == DATA[first + shift : last + 1 + shift]
    said = (first, last) if how == "lied" else (first + shift, last + shift)
    assert answer.headers["Content-Range"] == f"bytes {said[0]}-{said[1]}/{len(DATA)}"
    assert ("Content-Digest" in answer.headers) == (how == "lied")


def test_a_range_may_be_ignored(body: Body) -> None:
    fault = Fault(kind="wrong_range", range="whole")

    answer = spoiled(ranged(body, 10, 19), fault).answer
    other = spoiled(Sending(Answer(200, {}, body)), fault).answer

    assert (answer.status, read(answer.body), answer.headers) == (200, DATA, {})
    assert read(other.body) == DATA


@pytest.mark.parametrize("kind", ["reset", "hang"])
def test_it_stops_at_a_byte_that_is_there_and_else_not_at_all(body: Body, kind: str) -> None:
    whole = Sending(Answer(200, {}, body))

    early = spoiled(whole, Fault(kind=kind))  # type: ignore[arg-type]
    there = spoiled(whole, Fault(kind=kind, at_byte=5))  # type: ignore[arg-type]
    beyond = spoiled(whole, Fault(kind=kind, at_byte=len(DATA)))  # type: ignore[arg-type]

    assert (early.silent, early.ending) == (True, kind)
    assert (read(there.answer.body), there.ending, there.length) == (DATA[:5], kind, len(DATA))
    assert beyond == whole


def test_faults_add_up(body: Body) -> None:
    sending = Sending(Answer(200, {}, body))
    for fault in (
        Fault(kind="delay", delay_s=1),
        Fault(kind="delay", delay_s=2),
        Fault(kind="clock_skew", skew_s=-60),
        Fault(kind="corrupt", at_byte=0),
        Fault(kind="drip", bytes_per_s=5, at_byte=2),
        Fault(kind="reset", at_byte=9),
    ):
        sending = spoiled(sending, fault)

    assert (sending.delay_s, sending.skew_s, sending.drips) == (3, -60, (2, 5))
    assert read(sending.answer.body)[1:] == DATA[1:9]
    assert sending.ending == "reset"


@given(st.binary(max_size=40), st.integers(1, 20))
def test_corrupted_bytes_are_the_same_every_time(data: bytes, count: int) -> None:
    fault = Fault(kind="corrupt", count=count)
    sending = Sending(Answer(200, {}, (data,)))

    assert spoiled(sending, fault) == spoiled(sending, fault)
