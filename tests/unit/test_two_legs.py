"""Two legs: the second follows what of the first was filled; what is without its other leg is bounded, in
money and in time, and then hedged or unwound."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

import pytest

from tests.fixtures.driven import PERPETUAL, TWIN, Driven, settings_with, trade
from tradectl.domain.events import BarEvent, Command, CommandReceived, OrderFilled
from tradectl.domain.money import ZERO
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.state.account import Account
from tradectl.strategy import Answer, Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.two_legs import TwoLegs

D = Decimal
MOST = D(500)


class Scripted(TwoLegs):
    """Aims at what the test has put there, at the n-th bar."""

    script: ClassVar[dict[int, int]] = {}
    timeframe: str = "1m"

    def start(self) -> None:
        super().start()
        self._n = -1

    def on_bar(self, bar: BarEvent) -> Answer:
        if bar.symbol != PERPETUAL:
            return None
        self._n += 1
        wanted = self.script.get(self._n)
        return None if wanted is None else self.aim(D(wanted))


CLASSES: dict[str, type[Strategy]] = {"Scripted": Scripted}


def run_of(
    script: dict[int, int], account: Account | None = None, run_id: str = "run", **given: Any
) -> Driven:
    Scripted.script = script
    parameters = {"first": TWIN, "second": PERPETUAL, "max_unhedged": float(MOST), **given}
    chosen = StrategyInstance("legs", "Scripted", (TWIN, PERPETUAL), parameters=parameters)
    settings = settings_with(
        chosen,
        symbols=(TWIN, PERPETUAL),
        paper=PaperSettings(latency_ms=0, market_fill="bounded", limit_fill="touch"),
    )
    return Driven(settings, CLASSES, account=account, run_id=run_id)


def play(
    run: Driven, seconds: int, begin: int = 0, *, second_trades: bool = True, volume: str = "5"
) -> Decimal:
    """A trade of each a second; the most that was unhedged after any record."""
    most = ZERO
    for n in range(begin, begin + seconds):
        run.feed(trade(1000, n, TWIN, volume))
        most = max(most, unhedged(run))
        if second_trades:
            run.feed(trade(500, n + 0.5, PERPETUAL, volume))
        most = max(most, unhedged(run))
    return most


def held(run: Driven) -> tuple[Decimal, Decimal]:
    books = run.system.books
    return books.position(TWIN).quantity, books.position(PERPETUAL).quantity


def unhedged(run: Driven) -> Decimal:
    first, second = held(run)
    return abs(first * 1000 + second * 500)


def test_the_second_follows_the_first_slice_by_slice() -> None:
    run = run_of({0: 5000})
    most = play(run, 120)
    assert held(run) == (D(5), D(-10))
    assert ZERO < most <= MOST
    assert len(run.of(OrderFilled)) >= 20
    run.check()


def test_it_is_left_as_it_was_entered() -> None:
    run = run_of({0: 5000, 2: 0})
    assert play(run, 260) <= MOST
    assert held(run) == (ZERO, ZERO)
    run.check()


def test_it_turns_over_within_its_bounds() -> None:
    run = run_of({0: 2000, 2: -2000})
    assert play(run, 300) <= MOST
    assert held(run) == (D(-2), D(4))
    run.check()


@pytest.mark.parametrize("otherwise", ["unwind", "hedge"])
def test_where_the_second_does_not_trade_the_first_is_unwound_in_time(otherwise: str) -> None:
    """Nobody trades the second: a hedge does not come about either."""
    run = run_of({0: 5000}, otherwise=otherwise, max_seconds=10.0)
    play(run, 61)
    assert play(run, 60, 61, second_trades=False) <= MOST
    assert unhedged(run) <= MOST * D("0.02")
    run.check()


def test_a_pause_in_the_middle_leaves_nothing_unhedged_for_long() -> None:
    run = run_of({0: 5000}, otherwise="unwind", max_seconds=5.0)
    play(run, 63)
    run.feed(CommandReceived(command=Command.PAUSE, reason="test"))
    play(run, 40, 63)
    assert unhedged(run) <= MOST * D("0.02")
    run.check()


def test_a_kill_in_the_middle_goes_on_and_hedges_what_lacks() -> None:
    first = run_of({0: 5000})
    for n in range(300):
        first.feed(trade(1000, n / 4, TWIN, "5"))
        if unhedged(first):
            break
        first.feed(trade(500, n / 4 + 0.1, PERPETUAL, "5"))
    assert unhedged(first) > MOST * D("0.02")
    second = run_of({}, account=first.refolded().books.snapshot(), run_id="next")
    play(second, 30, 100)
    assert unhedged(second) <= MOST * D("0.02")
    assert held(second)[0] > 0
    second.check()
