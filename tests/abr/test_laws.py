"""The contract suite: every controller of ours passes it, and every way to break it is seen."""

import math
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abr import Choice, Controller, Fixed, Keep, Progress, Switch, View, controller, names
from abr.contract import Abandonment
from abr.laws import check_controller, check_session

OURS = names()


@pytest.mark.parametrize("name", OURS)
@pytest.mark.slow
def test_our_controllers_keep_the_laws(name: str) -> None:
    check_controller(lambda: controller(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_our_controllers_keep_the_laws_in_any_world(name: str, seed: int) -> None:
    check_session(lambda: controller(name), seed)


class Answering(Fixed):
    """Gives one answer to everything."""

    def __init__(self, choice: Choice, verdict: Abandonment | None = None) -> None:
        super().__init__()
        self._choice = choice
        self._verdict = verdict or Keep()

    def choose(self, view: View) -> Choice:
        return self._choice

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        return self._verdict


class Polling(Fixed):
    """Wants to be asked again after a time that means never stopping."""

    def __init__(self, step_us: int) -> None:
        super().__init__()
        self._step_us = step_us

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        return Keep(view.now_us + self._step_us)


class Dithering(Fixed):
    """Waits for so short a time that it never fetches."""

    def choose(self, view: View) -> Choice:
        return Choice(0, wait_s=1e-9 if view.buffered_s else 0.0)


class Sinking(Fixed):
    """Leaves every download, for a rung that is not there."""

    def __init__(self, by: int) -> None:
        super().__init__(19)
        self._by = by

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        return Switch(progress.rung - self._by)


class Counting(Fixed):
    """Answers by how many of its kind were made before it."""

    made = count()

    def __init__(self) -> None:
        super().__init__(next(self.made) % 2)


class Raising(Fixed):
    """Does not survive a stall."""

    def choose(self, view: View) -> Choice:
        return Choice(1 // (1 if view.rebuffers == 0 else 0) - 1)


@pytest.mark.parametrize(
    ("make", "law"),
    [
        (lambda: Answering(Choice(20)), "rungs are of the ladder"),
        (lambda: Answering(Choice(-1)), "rungs are of the ladder"),
        (lambda: Answering(Choice(0, wait_s=-1.0)), "a wait is finite"),
        (lambda: Answering(Choice(0, wait_s=math.inf)), "a wait is finite"),
        (lambda: Answering(Choice(0, wait_s=5.0)), "waits end before the buffer does"),
        (lambda: Answering(Choice(0, scores=(1.0,) * 21)), "scores are none or one a rung"),
        (lambda: Answering(Choice(0, estimate_bps=math.nan)), "an estimate is a rate"),
        (lambda: Answering(Choice(0), Switch(0)), "no segment comes twice at one rung"),
        (lambda: Polling(0), "asked again only later"),
        (lambda: Polling(1), "it asks not without end"),
        (Dithering, "it waits not without end"),
        (lambda: Sinking(21), "rungs are of the ladder"),
        (Counting, "the same questions get the same answers"),
    ],
)
def test_a_broken_law_is_named_with_its_session(make: Callable[[], Controller], law: str) -> None:
    with pytest.raises(AssertionError, match=rf"law broken in session \d+: .*{law}"):
        check_controller(make, seed=1)


def test_a_controller_that_raises_is_shown_with_its_session() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        check_controller(Raising)

    assert raised.value.__notes__[0].endswith("a controller never raises")


def test_a_session_is_played_again_by_its_seed() -> None:
    broken = Answering(Choice(0, wait_s=5.0))

    with pytest.raises(AssertionError, match="session 7") as first:
        check_session(lambda: broken, 7)
    with pytest.raises(AssertionError) as again:
        check_session(lambda: broken, 7)

    assert str(first.value) == str(again.value)
