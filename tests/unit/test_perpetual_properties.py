"""Whatever the market does to perpetuals, the account adds up, and is never worth less than nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.perpetuals import ALONE, BTC, COIN, ETH, D, PerpetualMarket
from tests.profiles import examples
from tradectl.domain.events import FundingPaid, OrderFilled, PositionLiquidated
from tradectl.domain.margin import MarginAccount
from tradectl.domain.money import ZERO
from tradectl.domain.time import HOUR
from tradectl.exchange.paper.funding_rates import FundingRates
from tradectl.exchange.paper.perpetuals import PaperPerpetuals
from tradectl.state.consistency import problems_of

SYMBOLS = (BTC, ETH, ALONE, COIN)
CASH = D(10_000)

moves = st.integers(-70, 150).map(lambda percent: (D(100) + percent) / 100)
prices = st.tuples(st.just("price"), st.sampled_from(SYMBOLS), moves)
candles = st.tuples(st.just("candle"), st.sampled_from(SYMBOLS), moves, moves, moves, moves)
orders = st.tuples(
    st.just("order"),
    st.sampled_from(SYMBOLS),
    st.sampled_from(["buy", "sell"]),
    st.integers(1, 100),
    st.sampled_from(["", "", "@", "stop"]),
    moves,
)
words = st.sampled_from([("late",), ("hear",), ("hear",), ("restart",), ("wait",)])
schedules = st.lists(st.one_of(prices, candles, orders, orders, words), min_size=5, max_size=60)


def played(schedule: list[tuple], rate: Decimal, fee: str) -> PerpetualMarket:  # type: ignore[type-arg]  # of words and figures
    rates = FundingRates(rate, 8 * HOUR)
    market = PerpetualMarket(str(CASH), rates=rates, fee=fee)
    marks = dict.fromkeys(SYMBOLS, D(100))
    for symbol in SYMBOLS:
        market.price(symbol, marks[symbol])
    for kind, *rest in schedule:
        if kind == "late":
            market.late = True
        elif kind == "hear":
            market.late = False
            market.hear()
        elif kind == "wait":
            market.now += 9 * HOUR
        elif kind == "restart" and not market.late:
            market = again(market, rates, fee)
        elif kind == "price":
            symbol, move = rest
            marks[symbol] = max(round(marks[symbol] * move, 2), D("0.05"))
            market.price(symbol, marks[symbol])
        elif kind == "candle":
            symbol, *path = rest
            opened, one, other, closed = (
                max(round(marks[symbol] * move, 2), D("0.05")) for move in path
            )
            marks[symbol] = closed
            every = (opened, one, other, closed)
            market.candle(symbol, f"{opened} {max(every)} {min(every)} {closed}")
        elif kind == "order":
            _order(market, marks, *rest)
        look(market)
    market.late = False
    market.hear()
    look(market)
    return market


def _order(
    market: PerpetualMarket,
    marks: dict[str, Decimal],
    symbol: str,
    side: str,
    percent: int,
    kind: str,
    move: Decimal,
) -> None:
    """So many percent of the account at ten times its worth."""
    size = max(market.books.equity(), ZERO) * 10 * percent / 100 / marks[symbol]
    quantity = market.books.instruments[symbol].floor_quantity(size)
    limit = round(marks[symbol] * (D(1) + (move - 1) / 5), 2)
    if quantity and limit > 0:
        spelled = {"": "", "@": f" @{limit}", "stop": f" stop {limit}"}[kind]
        market.order(symbol, f"{side} {quantity}{spelled}", reduce_only=kind == "stop")


def again(market: PerpetualMarket, rates: FundingRates, fee: str) -> PerpetualMarket:
    after = PerpetualMarket(account=market.books.snapshot(), rates=rates, fee=fee, now=market.now)
    after.events, after.seq = market.events, market.seq
    after.hear()
    return after


def look(market: PerpetualMarket) -> None:
    """The identities; they hold whatever has not been heard yet."""
    books = market.books
    account = books.account
    profit = (
        books.realized() + books.unrealized() - books.fees() + account.funding + account.insurance
    )
    assert books.profit() == profit
    assert problems_of(account, books.instruments) == []
    if not market.late:
        assert books.equity() >= 0
        assert books.account.cash >= 0 or books.margin().held  # whose profit may pay a fee
        whole = MarginAccount.of(books.cash, books.positions(), books.instrument, books.mark)
        kept = market.exchange._perpetuals
        assert kept is not None
        assert {s: h.position.quantity for s, h in kept.held.items()} == {
            s: h.position.quantity for s, h in whole.held.items()
        }
        assert kept._account.cash == books.cash
        if not kept._bounds.unseen:  # whose marks are only worked in when it matters
            assert kept._account.free() == whole.free()
        else:
            assert kept._account.spare() >= kept._bounds.unseen
        assert kept._account.set_aside == whole.set_aside


def counted_again(market: PerpetualMarket) -> Decimal:
    """The equity, from what was reported and nothing that the books made of it."""
    money, held = CASH, dict.fromkeys(SYMBOLS, ZERO)
    for event in market.events:
        if isinstance(event, OrderFilled | PositionLiquidated):
            signed = event.side.signed(event.quantity)
            money -= signed * event.price + event.fee
            held[event.symbol] += signed
        if isinstance(event, PositionLiquidated):
            money += event.insurance
        if isinstance(event, FundingPaid):
            money += event.payment
    marks = {symbol: market.books.mark(symbol) or ZERO for symbol in SYMBOLS}
    return money + sum((held[symbol] * marks[symbol] for symbol in SYMBOLS), ZERO)


@given(
    schedule=schedules,
    rate=st.sampled_from([ZERO, D("0.0001"), D("-0.01"), D("0.05")]),
    fee=st.sampled_from(["0", "0.0005", "0.01"]),
)
def test_equity_after_liquidation_is_never_negative_and_every_line_adds_up(
    schedule: list[tuple],  # type: ignore[type-arg]  # of words and figures
    rate: Decimal,
    fee: str,
) -> None:
    market = played(schedule, rate, fee)
    assert market.books.equity() == counted_again(market)
    liquidated = [e for e in market.events if isinstance(e, PositionLiquidated)]
    assert market.books.account.insurance == sum((e.insurance for e in liquidated), ZERO)


@settings(max_examples=examples(16))
@given(schedule=schedules, rate=st.sampled_from([ZERO, D("-0.01")]))
def test_looking_only_where_something_could_happen_misses_nothing(
    schedule: list[tuple],  # type: ignore[type-arg]  # of words and figures
    rate: Decimal,
) -> None:
    quick = played(schedule, rate, "0.0005")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PaperPerpetuals, "_bound", lambda *_: None)
        thorough = played(schedule, rate, "0.0005")
    assert quick.events == thorough.events
