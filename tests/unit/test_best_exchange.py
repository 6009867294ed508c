"""Routing: an entry goes where price, fee and depth are best just then, an exit where the position is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from tests.fixtures.driven import SPOT, START, Driven
from tests.fixtures.rows import each_row
from tests.unit.test_several_exchanges import THERE, Obedient, check, run_of, settings_at
from tradectl.config.load import load_settings
from tradectl.config.reload import change_of, differences
from tradectl.domain.errors import ConfigError
from tradectl.domain.events import (
    BarEvent,
    BarOpened,
    BookEvent,
    MarketDataEvent,
    OrderFilled,
    QuoteEvent,
    RestrictionKind,
    StrategySignalEvent,
    SymbolRestricted,
)
from tradectl.domain.money import Side, plain, round_to
from tradectl.domain.time import SECOND
from tradectl.strategy.best_exchange import average
from tradectl.strategy.configured import StrategyInstance, listings_of

D = Decimal
FEE = D("0.001")


class Watchful(Obedient):
    """And says what it holds."""

    def on_trade(self, trade: MarketDataEvent) -> Any:
        self.note(held=self.position.quantity)
        return super().on_trade(trade)


def routed_run(cash: str = "500", **there: Any) -> Driven:
    settings = settings_at({"other": cash}, **there)
    routed = StrategyInstance("obedient", "Obedient", (SPOT,), routed=True)
    return run_of(replace(settings, strategies=(routed,)))


def quote(symbol: str, bid: object, ask: object, seconds: float) -> QuoteEvent:
    bid, ask = D(str(bid)), D(str(ask))
    return QuoteEvent(
        symbol=symbol, price=(bid + ask) / 2, bid=bid, ask=ask, bid_size=D(1), ask_size=D(1),
        ts=START + int(seconds * SECOND),
    )  # fmt: skip


def say(word: int, seconds: float, price: object = 100) -> MarketDataEvent:
    ts = START + int(seconds * SECOND)
    return MarketDataEvent(symbol=SPOT, price=D(str(price)), volume=D(100 + word), ts=ts)


def went(run: Driven) -> list[tuple[str, Side]]:
    return [(fill.symbol, fill.side) for fill in run.of(OrderFilled)]


@each_row(
    ("ask_here", "ask_there", "fee_there", "where"),
    [
        ("100", "99", FEE, THERE),
        ("99", "100", FEE, SPOT),
        ("100", "100", FEE, SPOT),  # of equal ones the first
        ("100", "100", D(0), THERE),
        ("100", "99.9", D("0.01"), SPOT),  # its fee is more than what it is cheaper
    ],
)
def test_it_buys_where_price_and_fee_are_least(
    ask_here: str, ask_there: str, fee_there: Decimal, where: str
) -> None:
    run = routed_run(taker_fee=fee_there)
    run.feed(quote(THERE, 98, ask_there, 0), quote(SPOT, 98, ask_here, 0.1), say(1, 0.2))
    assert went(run) == [(where, Side.BUY)]
    (signal,) = run.of(StrategySignalEvent)
    here, there = D(ask_here) * (1 + FEE), D(ask_there) * (1 + fee_there)
    figures = {SPOT: plain(round_to(here, D("0.01"))), THERE: plain(round_to(there, D("0.01")))}
    other = SPOT if where == THERE else THERE
    told = f"{where} {figures[where]} with the fee, not {other} {figures[other]}"
    assert signal.notes["route"] == told
    check(run)
    run.check()


def test_an_exit_goes_where_the_position_is_whatever_is_paid_elsewhere() -> None:
    run = routed_run()
    run.feed(quote(THERE, 98, 99, 0), quote(SPOT, 99, 100, 0.1), say(1, 0.2))
    run.feed(quote(SPOT, 120, 121, 1), quote(THERE, 110, 111, 1.1), say(1, 1.2), say(3, 1.3))
    assert went(run) == [(THERE, Side.BUY), (THERE, Side.SELL)]
    run.feed(quote(THERE, 130, 131, 2), quote(SPOT, 120, 121, 2.1), say(1, 2.2))
    assert went(run)[2:] == [(SPOT, Side.BUY)]
    run.check()


def book(symbol: str, *asks: tuple[int, int], seconds: float) -> BookEvent:
    levels = tuple((D(price), D(size)) for price, size in asks)
    return BookEvent(
        symbol=symbol, price=D(98), bid=D(97), ask=levels[0][0], bids=((D(97), D(1)),),
        asks=levels, bid_size=D(1), ask_size=levels[0][1], ts=START + int(seconds * SECOND),
    )  # fmt: skip


def test_what_waits_behind_the_best_price_counts() -> None:
    run = routed_run()
    run.feed(book(THERE, (99, 1), (120, 9), seconds=0), quote(SPOT, 98, 100, 0.1), say(1, 0.2))
    assert went(run) == [(SPOT, Side.BUY)]  # 200 of money: one coin at 99, the other at 120
    run = routed_run()
    run.feed(book(THERE, (99, 3), (120, 9), seconds=0), quote(SPOT, 98, 100, 0.1), say(1, 0.2))
    assert went(run) == [(THERE, Side.BUY)]


def test_what_another_fraction_would_order_is_what_is_compared_from_then_on() -> None:
    run = routed_run()
    now = run.system.settings
    less = replace(now, portfolio=replace(now.portfolio, fraction=D("0.05")))
    run.feed(change_of(now, differences(now, less)))
    run.feed(book(THERE, (99, 1), (120, 9), seconds=0), quote(SPOT, 98, 100, 0.1), say(1, 0.2))
    assert went(run) == [(THERE, Side.BUY)]  # 50 of money: half a coin at 99
    run.check()


def test_the_average_over_levels() -> None:
    levels = ((D(100), D(1)), (D(110), D(1)))
    assert average(levels, D(50)) == average(levels, D(100)) == 100
    assert average(levels, D(210)) == 105
    assert average(levels, D(320)) == D(320) / 3  # what is beyond the last costs as that
    assert average(levels, D(0)) == 100


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ([quote(THERE, 98, 99, -40)], "has old prices"),
        ([], "has no price yet"),
        (
            [quote(THERE, 98, 99, 0), SymbolRestricted(symbol=THERE, kind=RestrictionKind.STALE)],
            "is restricted",
        ),
    ],
)  # fmt: skip
def test_what_does_not_count(before: list[Any], why: str) -> None:
    run = routed_run()
    run.feed(*before, quote(SPOT, 98, 100, 0.1), say(1, 0.2))
    assert went(run) == [(SPOT, Side.BUY)]
    assert f"{THERE} {why}" in run.of(StrategySignalEvent)[0].notes["route"]


def candle(symbol: str, price: int, minute: int) -> list[MarketDataEvent]:
    opens, ends = START + minute * 60 * SECOND, START + (minute + 1) * 60 * SECOND
    p = D(price)
    return [
        BarOpened(symbol=symbol, price=p, volume=D(100), ts=opens),
        BarEvent(
            symbol=symbol, price=p, volume=D(100), open=p, high=p, low=p, interval=60 * SECOND, ts=ends
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("first", [SPOT, THERE])
def test_candles_of_one_instant_are_not_old_to_each_other(first: str) -> None:
    run, second = routed_run(), THERE if first == SPOT else SPOT
    at = {SPOT: 100, THERE: 99}
    for minute in range(3):
        opened, ended = zip(*(candle(s, at[s], minute) for s in (first, second)), strict=True)
        run.feed(*opened, ended[0])
        if minute == 2:
            run.feed(say(1, (minute + 1) * 60))
        run.feed(ended[1])
    (signal,) = run.of(StrategySignalEvent)
    assert signal.notes["route"].startswith(f"{THERE} 99.1 with the fee, not {SPOT} 100.1")
    run.check()


def test_where_there_is_no_money_it_does_not_go() -> None:
    run = routed_run(cash="100")
    run.feed(quote(THERE, 98, 99, 0), quote(SPOT, 98, 100, 0.1), say(1, 0.2))
    assert went(run) == [(SPOT, Side.BUY)]
    assert f"{THERE} lacks money there" in run.of(StrategySignalEvent)[0].notes["route"]


def test_a_restart_goes_on_where_the_position_is() -> None:
    run = routed_run()
    run.feed(quote(THERE, 98, 99, 0), quote(SPOT, 99, 100, 0.1), say(1, 0.2))
    again = Driven(
        run.settings, {"Obedient": Obedient}, account=run.refolded().books.snapshot(), run_id="two"
    )
    again.feed(quote(SPOT, 120, 121, 9), quote(THERE, 90, 91, 9.1), say(3, 9.2))
    assert went(again) == [(THERE, Side.SELL)]
    check(again)


def test_a_strategy_sees_what_it_holds_wherever_that_is() -> None:
    before = routed_run()
    run = Driven(before.settings, {"Obedient": Watchful}, account=before.begun_anew())
    run.feed(quote(THERE, 98, 99, 0), quote(SPOT, 99, 100, 0.1), say(1, 0.2), say(3, 0.3))
    bought = run.of(OrderFilled)[0].quantity
    assert D(run.of(StrategySignalEvent)[-1].notes["held"]) == bought


def test_listings_are_told_by_the_plain_name() -> None:
    symbols = ("BTC/USDT:USDT", "a:BTC/USDT:USDT", "BTCUSDT", "b:BTCUSDT", "b:ABTCUSDT")
    assert listings_of("BTCUSDT", symbols) == ("BTCUSDT", "b:BTCUSDT")
    assert listings_of("BTC/USDT:USDT", symbols) == symbols[:2]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('symbols = ["ETHUSDT"]', "'ETHUSDT' is listed once"),
        ("", "routed needs those that it hears"),
        ('symbols = ["BTCUSDT"]\ntrades = "b:BTCUSDT"', "leave out one of them"),
    ],
)
def test_a_route_that_cannot_be_is_refused(tmp_path: Any, more: str, said: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        'symbols = ["BTCUSDT", "b:BTCUSDT", "ETHUSDT"]\n[[paper.exchanges]]\nname = "b"\n'
        f'[[strategies]]\nname = "s"\nstrategy = "ema-cross"\nrouted = true\n{more}\n'
    )
    with pytest.raises(ConfigError, match=said):
        load_settings(config)
