"""An order is refused for the mode of positions: of which symbol that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.fixtures.fake_venue import SilentVenue
from tradectl.domain.errors import AccessLost, NotExecuted
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.live.position_mode import FRESH_S, PositionModeMonitor

SYMBOLS = tuple(f"A{number}USDT" for number in range(9))
LAST = SYMBOLS[-1]


class BySymbol(SilentVenue):
    """Each symbol has a mode of its own."""

    hedged: frozenset[str] = frozenset()

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self.failure = failure
        self.asked: list[tuple[str, ...]] = []

    async def ask_position_mode(self, symbols: Sequence[str]) -> None:
        self.asked.append(tuple(symbols))
        if self.failure is not None:
            raise self.failure
        self.hedged = self.hedged | {*symbols} & {LAST}


class Watched:
    def __init__(self, failure: Exception | None = None) -> None:
        self.now = 0.0
        self.venue = BySymbol(failure)
        self.said: list[Any] = []
        self.monitor = PositionModeMonitor(
            self.venue,
            SYMBOLS,
            lambda event, _at: self.said.append(event),
            "fake",
            every=600,
            monotonic=lambda: self.now,
        )

    async def refused(self, cause: RefusalCause = RefusalCause.POSITION_SIDE) -> None:
        await self.monitor.on_refused(cause, LAST)


async def test_the_symbol_of_the_refused_order_is_asked_for() -> None:
    watched = Watched()
    await watched.refused()
    assert watched.venue.asked == [(LAST,)]
    assert [(event.symbol, event.restricted) for event in watched.said] == [(LAST, True)]


async def test_it_is_not_asked_again_at_once_and_not_for_other_causes() -> None:
    watched = Watched(NotExecuted("nobody answers"))
    await watched.refused(RefusalCause.FUNDS)
    await watched.refused()
    await watched.refused()
    assert len(watched.venue.asked) == 1
    watched.now += FRESH_S
    await watched.refused()
    assert len(watched.venue.asked) == 2
    assert not watched.said


async def test_a_key_that_is_refused_is_told() -> None:
    with pytest.raises(AccessLost):
        await Watched(AccessLost("no")).refused()
