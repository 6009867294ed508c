from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tests.profiles import examples, in_turn
from tradectl.domain.errors import UsageError
from tradectl.domain.events import MarketDataEvent, QuoteEvent
from tradectl.domain.instruments import BUILT_IN, Instrument
from tradectl.domain.money import is_multiple
from tradectl.domain.time import SECOND
from tradectl.feeds.base import PacedFeed
from tradectl.feeds.simulated import CATCH_UP, SimulatedMarket, check_simulated, unknown_coins

START = 1_723_161_255 * SECOND
THREE = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
TENTH = SECOND // 10


def events_of(count: int, symbols: Sequence[str] = THREE, seed: int = 7) -> list[MarketDataEvent]:
    market = SimulatedMarket(symbols, seed, START)
    return [event for batch in market.batches(count) for event in batch]


def test_it_says_that_it_is_simulated() -> None:
    market: PacedFeed = SimulatedMarket(("BTCUSDT",), 7, START)
    assert market.simulated
    assert market.symbols == ("BTCUSDT",)
    assert market.name == "simulated"
    assert all(event.source_component == "simulated" for event in events_of(100))


def test_the_same_seed_gives_the_same_market_and_another_seed_another() -> None:
    assert events_of(3000) == events_of(3000)
    assert events_of(3000) != events_of(3000, seed=8)


def test_each_tick_brings_one_event_of_each_symbol_at_its_exact_time() -> None:
    events = events_of(3 * 50)
    assert [event.ts for event in events] == [START + k * TENTH for k in range(50) for _ in THREE]
    assert [event.symbol for event in events] == list(THREE) * 50


@pytest.mark.parametrize(
    ("ticks_per_second", "interval"), [(1, SECOND), (3, SECOND // 3), (1000, 10**6)]
)
def test_ticks_lie_an_interval_apart(ticks_per_second: int, interval: int) -> None:
    market = SimulatedMarket(("BTCUSDT",), 7, START, ticks_per_second)
    times = [event.ts for event in market.advance(START + 5 * interval)]
    assert times == [START + k * interval for k in range(6)]


@settings(max_examples=examples(12))
@given(st.lists(st.integers(0, 20 * SECOND), max_size=30))
def test_it_does_not_matter_how_often_one_asks(pauses: list[int]) -> None:
    market, now, events = SimulatedMarket(THREE, 7, START), START, []
    for pause in pauses:
        now += pause
        events += market.advance(now)
    assert events == events_of(3 * ((now - START) // TENTH + 1) if pauses else 0)


def test_nothing_is_due_before_the_start_or_twice() -> None:
    market = SimulatedMarket(("BTCUSDT",), 7, START)
    assert market.advance(START - 1) == []
    assert len(market.advance(START)) == 1
    assert market.advance(START) == []
    assert market.advance(START - SECOND) == []
    assert len(market.advance(START + SECOND)) == 10


def test_after_a_long_pause_only_the_newest_ticks_are_made() -> None:
    market = SimulatedMarket(("BTCUSDT",), 7, START)
    now = START + 3600 * SECOND
    events = market.advance(now)
    assert len(events) == CATCH_UP
    assert (events[0].ts, events[-1].ts) == (now - (CATCH_UP - 1) * TENTH, now)
    assert [event.ts for event in market.advance(now + TENTH)] == [now + TENTH]


def test_batches_go_on_where_the_market_stands() -> None:
    market = SimulatedMarket(("BTCUSDT",), 7, START)
    first = market.advance(START + SECOND)
    batches = list(market.batches(1300))
    assert [len(batch) for batch in batches] == [512, 512, 276]
    assert first + [event for batch in batches for event in batch] == events_of(1311, ("BTCUSDT",))


@pytest.mark.parametrize("symbol", [*BUILT_IN, "PEPEUSDT"])
def test_prices_and_sizes_are_on_the_steps_of_the_instrument(symbol: str) -> None:
    instrument = BUILT_IN.get(symbol) or Instrument.guess(symbol)
    for event in events_of(3000, (symbol,)):
        if isinstance(event, QuoteEvent):
            assert event.bid is not None
            assert event.ask is not None
            assert 0 < event.bid < event.price < event.ask
            prices, sizes = [event.bid, event.ask], [event.bid_size, event.ask_size]
        else:
            assert event.side is not None
            prices, sizes = [event.price], [event.volume]
        assert all(price > 0 and is_multiple(price, instrument.tick_size) for price in prices)
        assert all(size > 0 and is_multiple(size, instrument.lot_size) for size in sizes)


@pytest.mark.parametrize(
    ("symbol", "price"), [("BTCUSDT", 60_000), ("ETHUSDT", 3000), ("PEPEUSDT", 100)]
)
def test_prices_start_where_one_expects_them(symbol: str, price: int) -> None:
    (event,) = events_of(1, (symbol,))
    assert abs(event.price / price - 1) < Decimal("0.01")


def test_about_half_of_the_events_are_trades() -> None:
    trades = sum(not isinstance(event, QuoteEvent) for event in events_of(6000))
    assert 2700 < trades < 3300


def returns(events: list[MarketDataEvent], symbol: str, seconds: int) -> list[float]:
    last = {e.ts // (seconds * SECOND): float(e.price) for e in events if e.symbol == symbol}
    prices = list(last.values())
    return [math.log(b / a) for a, b in pairwise(prices)]


def correlation(a: list[float], b: list[float]) -> float:
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return product / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


@pytest.mark.parametrize("seed", in_turn([1, 2, 3], 3))
def test_the_market_looks_alive(seed: int) -> None:
    events = events_of(3 * 36_000, seed=seed)
    bitcoin, ether = returns(events, "BTCUSDT", 10), returns(events, "ETHUSDT", 10)
    variance = sum(r * r for r in bitcoin) / len(bitcoin)
    kurtosis = sum(r**4 for r in bitcoin) / len(bitcoin) / variance**2
    assert 0.8 < math.sqrt(variance * 365 * 8640) < 3.0
    assert 0.3 < correlation(bitcoin, ether) < 0.95
    assert kurtosis > 3.2


@pytest.mark.parametrize("seed", in_turn([1, 2, 3], 3))
def test_a_moving_average_cross_happens_every_few_seconds(seed: int) -> None:
    events = events_of(36_000, ("BTCUSDT",), seed)
    fast = slow = 60_000.0
    above, crosses = False, 0
    for event in events:
        if not isinstance(event, QuoteEvent):
            fast += (float(event.price) - fast) * 2 / 11
            slow += (float(event.price) - slow) * 2 / 31
            crosses += (fast > slow) is not above
            above = fast > slow
    assert 3 < 3600 / crosses < 30


def test_a_market_needs_symbols_and_ticks() -> None:
    with pytest.raises(UsageError, match="at least one symbol"):
        SimulatedMarket((), 7, START)
    with pytest.raises(UsageError, match="0 ticks a second"):
        SimulatedMarket(("BTCUSDT",), 7, START, 0)


@each_row("symbol", ["BTCUSTD", "btcusdt", "USDT", "FOOBAR", "BTCUSDTT"])
def test_a_mistyped_symbol_is_not_invented(symbol: str) -> None:
    with pytest.raises(
        UsageError, match=f"the simulated market has no '{symbol}': .*known: BTCUSDT"
    ):
        check_simulated(["ETHUSDT", symbol])


def test_any_coin_with_its_quote_can_be_invented() -> None:
    check_simulated(["BTCUSDT", "COIN7USDT", "ETHBTC", "SOLUSDT_PERP"])


def test_a_market_goes_on_where_it_was_left() -> None:
    left = {"BTCUSDT": Decimal("71234.5"), "ETHUSDT": Decimal(1), "OTHER": Decimal(7)}
    market = SimulatedMarket(THREE, 7, START, left_at=left)
    first = {event.symbol: event.price for event in next(market.batches(3))}
    assert abs(first["BTCUSDT"] / left["BTCUSDT"] - 1) < Decimal("0.001")
    assert abs(first["ETHUSDT"] / left["ETHUSDT"] - 1) < Decimal("0.02")  # of one tick or two
    assert abs(first["SOLUSDT"] / 150 - 1) < Decimal("0.001")  # as new


def test_what_follows_a_restart_is_settled_by_the_prices_that_it_begins_with() -> None:
    def moves(left_at: dict[str, Decimal]) -> list[Decimal]:
        market = SimulatedMarket(("BTCUSDT",), 7, START, left_at=left_at)
        return [event.price for batch in market.batches(500) for event in batch]

    at = {"BTCUSDT": Decimal(60_000)}
    assert moves(at) == moves(at)
    assert moves(at) != moves({})  # or each run would only repeat the first
    assert moves(at) != moves({"BTCUSDT": Decimal("60000.01")})


@each_row("symbol", ["BCTUSDT", "BTTC-USDT", "SOLANAUSDT", "ETTUSDT", "DODGEBTC"])
def test_a_coin_that_is_nearly_one_of_those_built_in_is_mistyped(symbol: str) -> None:
    """`BCT` is a letter from `BTC`, and nobody knows of another one of the name."""
    with pytest.raises(UsageError, match=f"no '{symbol}': (did you mean .*)?.known: BTCUSDT, ETH"):
        check_simulated([symbol])


def test_a_coin_that_is_known_is_none_and_one_that_nobody_knows_is_said() -> None:
    known = ["BTCUSDT", "ETCUSDT", "XBT/USD", "KRW-BTC", "DOGSUSDT", "BNBBTC", "SOLUSDT_PERP"]
    check_simulated(known)
    assert unknown_coins(known) == ""
    assert unknown_coins([*known, "FOOUSDT", "USDT-BAR"]).startswith(
        "FOOUSDT, USDT-BAR: no coin of"
    )
