"""Structured fields are read as RFC 8941 says, and nothing else is."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.telemetry.structured import (
    FieldError,
    InnerList,
    Item,
    Token,
    parse_dictionary,
    parse_list,
    parse_pairs,
)

grammar = st.text(alphabet='ab*01.-;=,() "\\?:/\t\x7fé', max_size=60)


def test_the_examples_of_the_rfc_are_read() -> None:
    # RFC 8941 §3.2, §3.1.1 and §3.1.2.
    assert parse_dictionary('en="Applepie", da=:w4ZibGV0w6ZydGU=:') == {
        "en": Item("Applepie"),
        "da": Item("Æbletærte".encode()),
    }
    assert parse_dictionary("a=?0, b, c; foo=bar") == {
        "a": Item(value=False),
        "b": Item(value=True),
        "c": Item(True, {"foo": Token("bar")}),
    }
    assert parse_dictionary("rating=1.5, feelings=(joy sadness)") == {
        "rating": Item(1.5),
        "feelings": InnerList((Item(Token("joy")), Item(Token("sadness")))),
    }
    assert parse_list('("foo"; a=1;b=2);lvl=5, ("bar" "baz");lvl=1') == [
        InnerList((Item("foo", {"a": 1, "b": 2}),), {"lvl": 5}),
        InnerList((Item("bar"), Item("baz")), {"lvl": 1}),
    ]


def test_what_is_repeated_is_seen_in_pairs_and_counts_last_in_a_dictionary() -> None:
    assert parse_pairs("a=1,a=2") == [("a", Item(1)), ("a", Item(2))]
    assert parse_dictionary("a=1,a=2") == {"a": Item(2)}


def test_nothing_is_an_empty_field() -> None:
    assert parse_dictionary("  ") == {}
    assert parse_list("") == []


@pytest.mark.parametrize(
    "text",
    [
        "a=1,", "a=1 b=2", "A=1", "a=", "a=1.", "a=1.2345", "a=1234567890123456",
        'a="é"', 'a="x', 'a="\\n"', "a=?2", "a=:#:", "a=:a:", "a=(1 2", "a=(1,2)", "a=-", "a=()x",
        "a;=1", 'a="b"c', "a=1234567890123.0",
    ],
)  # fmt: skip
def test_what_is_no_structured_field_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        parse_dictionary(text)


@given(text=grammar | st.text(max_size=200))
def test_any_text_is_a_field_or_an_error_of_its_own(text: str) -> None:
    with contextlib.suppress(FieldError):
        assert dict(parse_pairs(text)) == parse_dictionary(text)
    with contextlib.suppress(FieldError):
        assert all(isinstance(one, Item | InnerList) for one in parse_list(text))


@pytest.mark.parametrize("piece", ['"\\\\', "(", ";a", "a,", " ", "a=(", '"', ":", "?1,", "-", "9"])
def test_time_grows_with_length_and_length_is_bounded(piece: str) -> None:
    text = "a=" + piece * 4_000

    begun_s = time.process_time()
    with pytest.raises(FieldError):
        parse_dictionary(text[:8192])

    assert time.process_time() - begun_s < 0.25
    with pytest.raises(FieldError, match="longer than 8192"):
        parse_dictionary("a" * 8193)


def test_more_values_than_anybody_means_are_refused() -> None:
    with pytest.raises(FieldError, match="more than 256"):
        parse_list(",".join(["1"] * 300))
