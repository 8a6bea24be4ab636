"""A script of faults is read whole or refused with the line that is wrong."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.edge.faults import Fault, FaultError, FaultScript, ScriptError
from netplay.edge.faults.rules import NEEDS, NUMBERS, OF_REQUESTS, OF_THE_HOST, TAKES, WHOLE

TEXTS = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=8)


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """Any fault that can be."""
    kind: Any = draw(st.sampled_from(sorted(TAKES)))
    allowed = TAKES[kind] | {"host"} | (frozenset() if kind in OF_THE_HOST else OF_REQUESTS)
    chosen = draw(st.sets(st.sampled_from(sorted(allowed)))) | NEEDS.get(kind, frozenset())
    stated: dict[str, Any] = {key: draw(_value(kind, key)) for key in sorted(chosen)}
    if draw(st.booleans()):
        stated["from_s"] = draw(st.floats(0, 100))
        stated["until_s"] = stated["from_s"] + draw(st.floats(1, 100))
    return Fault(kind=kind, **stated)


def _value(kind: str, key: str) -> st.SearchStrategy[object]:
    if key == "range":
        return st.sampled_from(["shifted", "whole", "lied"])
    if key == "length":
        return st.sampled_from(["true", "sent"])
    if key == "status" and kind == "redirect":
        return st.sampled_from([301, 302, 303, 307, 308])
    if key not in NUMBERS:
        return TEXTS
    low, high = (max(-(2**53), NUMBERS[key][0]), min(2**53, NUMBERS[key][1]))
    if key in WHOLE:
        return st.integers(int(low), int(high))
    return st.floats(low, high)


def toml(script: FaultScript) -> str:
    """Return a script as TOML; JSON's strings, numbers and lists are TOML's too."""
    lines = [f"seed = {script.seed}"]
    for fault in script.faults:
        lines.append("[[fault]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in fault.to_json().items()]
    return "\n".join(lines) + "\n"


@given(st.lists(faults(), max_size=4), st.integers(-(2**60), 2**60))
def test_a_script_is_read_as_it_was_written(stated: list[Fault], seed: int) -> None:
    script = FaultScript(tuple(stated), seed)

    assert FaultScript.parse(toml(script)) == script
    assert FaultScript.from_json(json.loads(json.dumps(script.to_json()))) == script


@given(st.text(max_size=200))
def test_any_text_is_a_script_or_names_a_line_of_it(text: str) -> None:
    wrong = None
    try:
        FaultScript.parse(text)
    except ScriptError as error:
        wrong = error

    assert wrong is None or 1 <= wrong.line <= text.count("\n") + 1
    assert wrong is None or str(wrong).startswith(f"faults.toml:{wrong.line}: ")


@given(st.lists(faults(), min_size=1, max_size=4), st.data())
def test_a_key_that_no_fault_has_is_found_in_its_line(
    stated: list[Fault], data: st.DataObject
) -> None:
    lines = toml(FaultScript(tuple(stated))).split("\n")
    heads = [number for number, line in enumerate(lines) if line == "[[fault]]"]
    place = data.draw(st.sampled_from(heads)) + 1
    lines.insert(place, "surprise = 1")

    with pytest.raises(ScriptError, match="no surprise") as caught:
        FaultScript.parse("\n".join(lines))

    assert caught.value.line == place + 1


WRONG = [
    ("seed = 1\nseed = 2\n", 2, "overwrite"),
    ('[[fault]]\nkind = "reset"\nhost = \n', 3, "Invalid value"),
    ("seed = 1.5\n", 1, "seed is a whole number"),
    ("# nothing\n\nwhat = 1\n", 3, "no what"),
    ('[[fault]]\nkind = "hang"\n\n[[fault]]\n# here\nkind = "rest"\n', 6, "no fault 'rest'"),
    ('[[fault]]\nkind = "hang"\n\n[[fault]]\nhost = "oca-1"\n', 4, "needs a kind"),
    ('[[fault]]\nkind = "refuse"\npath = "*.mpd"\n', 3, "refuse has no path"),
    ('[[fault]]\nkind = "slow_tls"\n', 2, "slow_tls needs delay_s"),
    ('[[fault]]\nkind = "reset"\nrate = 1.5\n', 3, "rate is a number from 0 to 1, not 1.5"),
    ('[[fault]]\nkind = "reset"\nrate = nan\n', 3, "rate is a number"),
    ('[[fault]]\nkind = "reset"\nrate = true\n', 3, "rate is a number"),
    ('[[fault]]\nkind = "reset"\nafter = false\n', 3, "after is a whole number"),
    ('[[fault]]\nkind = "reset"\nat_byte = 1.0\n', 3, "at_byte is a whole number"),
    ('[[fault]]\nkind = "reset"\nat_byte = -1\n', 3, "at_byte"),
    ('[[fault]]\nkind = "status"\nstatus = 600\n', 3, "status"),
    ('[[fault]]\nkind = "reset"\nfrom_s = 5\nuntil_s = 5\n', 4, "until_s comes after from_s"),
    ('[[fault]]\nkind = "redirect"\nlocation = """\n/a\nb"""\n', 3, "one line of text"),
    ('[[fault]]\nkind = "redirect"\nlocation = "/a"\nstatus = 200\n', 4, "no redirect"),
    ('[[fault]]\nkind = "wrong_range"\nrange = "other"\n', 3, "one of shifted, whole, lied"),
    ('fault = [\n  {kind = "hang"},\n  {kind = "rest"},\n]\n', 1, "no fault 'rest'"),
    ("fault = 3\n", 1, "each fault is a"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "says"), WRONG)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ScriptError, match=says) as caught:
        FaultScript.parse(text, name="my.toml")

    assert caught.value.line == line
    assert str(caught.value).startswith(f"my.toml:{line}: ")


def test_a_file_is_named_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "night.toml"
    path.write_bytes(b"seed = 1\n# \xff\n")

    with pytest.raises(ScriptError, match=r"^night\.toml:2: not UTF-8"):
        FaultScript.load(path)
    with pytest.raises(FileNotFoundError):
        FaultScript.load(tmp_path / "none.toml")


@pytest.mark.parametrize("said", [[], 3, {"fault": [3]}, {"fault": [{"kind": []}]}])
def test_json_that_is_no_script_is_refused(said: object) -> None:
    with pytest.raises(ScriptError):
        FaultScript.from_json(said)


def test_a_fault_says_only_what_is_not_as_usual() -> None:
    assert Fault(kind="hang").to_json() == {"kind": "hang"}
    assert Fault(kind="hang", until_s=math.inf, rate=1.0).to_json() == {"kind": "hang"}
    with pytest.raises(FaultError):
        Fault(kind="hang", until_s=math.nan)
