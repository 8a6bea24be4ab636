"""What a caller may not ask of a Player: told at once, by ValueError or TypeError."""

from __future__ import annotations

from math import inf, nan

import pytest

from netplay.player import Player

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("start_s", [inf, -inf, nan])
async def test_a_start_that_is_no_moment_is_refused(start_s: float) -> None:
    async with Player() as player:
        with pytest.raises(ValueError, match="number of seconds"):
            await player.open("x.mpd", start_s=start_s)


@pytest.mark.parametrize("rate", [0, -1, inf, nan])
async def test_a_rate_that_leads_nowhere_is_refused(rate: float) -> None:
    async with Player() as player:
        with pytest.raises(ValueError, match="positive and finite"):
            await player.set_rate(rate)


async def test_one_language_as_a_string_is_not_taken_for_its_letters() -> None:
    async with Player() as player:
        with pytest.raises(TypeError, match="'sv'"):
            await player.choose(audio_languages="sv")


async def test_nothing_can_be_asked_before_something_is_open() -> None:
    async with Player() as player:
        with pytest.raises(ValueError, match="nothing is open"):
            player.status()
