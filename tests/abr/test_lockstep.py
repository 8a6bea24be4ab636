"""Twins are made like their controllers. That they decide alike is tested with the simulator."""

from __future__ import annotations

import pytest

from abr import controller
from abr import names as controllers
from abr.contract import Rung
from abr.lockstep import Ladder, names, twin


def test_twins_have_the_names_of_controllers() -> None:
    assert set(names()) <= set(controllers())
    assert {"bba", "bola", "bola-e", "throughput"} <= set(names())


def test_a_twin_takes_what_its_controller_takes() -> None:
    assert twin("throughput", max_height=720, safety_margin=0.5) is not None

    for wrong in ({"gamma": 1}, {"gamma_p": -1.0}):
        with pytest.raises(ValueError) as theirs:
            controller("bola", **wrong)
        with pytest.raises(ValueError) as ours:
            twin("bola", **wrong)
        assert str(ours.value) == str(theirs.value)


def test_a_controller_without_a_twin_names_those_that_have_one() -> None:
    with pytest.raises(ValueError, match=r"'festive' has no twin; bba, .*, throughput have one"):
        twin("festive")
    with pytest.raises(ValueError, match="no controller is called 'bolla'"):
        twin("bolla")


@pytest.mark.parametrize("bitrates_bps", [(), (2, 1)])
def test_a_ladder_rises(bitrates_bps: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="bitrates rise"):
        Ladder(tuple(map(Rung, bitrates_bps)))
