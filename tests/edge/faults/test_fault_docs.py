"""What the documentation says of faults is so."""

import re
from pathlib import Path
from typing import get_args

from netplay.edge.faults import FaultKind, FaultScript
from netplay.edge.faults.rules import EVERYWHERE, OF_REQUESTS, TAKES

DOCS = (Path(__file__).parents[3] / "docs" / "faults.md").read_text(encoding="utf-8")


def test_the_script_of_the_documentation_can_be_performed() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```", DOCS, re.DOTALL | re.MULTILINE)

    script = FaultScript.parse(text)

    assert [fault.kind for fault in script.faults] == ["reset", "status"]


def test_the_tables_name_every_kind_and_every_key() -> None:
    rows = re.findall(r"^\| (`.*?) \|.*\| (.*?) ?\|$", DOCS, re.MULTILINE)
    keys = {name for name, _ in rows for name in re.findall(r"`(\w+)`", name)}
    own = {name.strip("`"): set(re.findall(r"`(\w+)`", own)) for name, own in rows}

    assert set(get_args(FaultKind)) <= keys
    assert (EVERYWHERE | OF_REQUESTS) - {"kind"} <= keys
    assert {kind: own[kind] for kind in TAKES} == {kind: set(TAKES[kind]) for kind in TAKES}
