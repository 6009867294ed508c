"""A spread between two exchanges: it earns what the prices say; what lacks its other leg is bounded."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from tests.fixtures.driven import SPOT, START, TWIN, Driven
from tests.unit.test_best_exchange import quote
from tests.unit.test_several_exchanges import THERE, TWIN_THERE, check, run_of, settings_at
from tradectl.domain.errors import UsageError
from tradectl.domain.events import OrderFilled, QuoteEvent
from tradectl.domain.money import ZERO, Side
from tradectl.domain.time import SECOND
from tradectl.exchange.exchange_settings import PaperExchangeSettings
from tradectl.strategy.catalog import find
from tradectl.strategy.configured import StrategyInstance

D = Decimal
MOST = D(50)


def spread_of(first: str, second: str, **parameters: Any) -> Driven:
    """Without fees, so that what it earns is the spread alone."""
    settings = settings_at({"other": "500"}, maker_fee=D(0), taker_fee=D(0))
    given = {"first": first, "second": second, "max_unhedged": float(MOST), **parameters}
    chosen = StrategyInstance("spread", "Spread", (first, second), parameters=given)
    paper = replace(settings.paper, maker_fee=D(0), taker_fee=D(0))
    settings = replace(settings, strategies=(chosen,), paper=paper)
    before = run_of(replace(settings, strategies=()))
    return Driven(settings, {"Spread": find("cross-exchange-spread")}, account=before.begun_anew())


def play(run: Driven, first: str, second: str, prices: list[tuple[int, int]], each: int) -> Decimal:
    """Every pair of prices for so many seconds; the most that was unhedged after any record."""
    most, n = ZERO, 0
    for pair in prices:
        for _ in range(each):
            for symbol, price, part in ((first, pair[0], 0), (second, pair[1], 1)):
                at = START + n * SECOND + part * SECOND // 2
                run.feed(
                    QuoteEvent(
                        symbol=symbol, price=D(price), bid=D(price), ask=D(price),
                        bid_size=D(9), ask_size=D(9), ts=at,
                    )
                )  # fmt: skip
                most = max(most, abs(unhedged(run, first, second)))
            n += 1
    return most


def unhedged(run: Driven, first: str, second: str) -> Decimal:
    books = run.system.books
    return (books.position(first).quantity + books.position(second).quantity) * 100


@pytest.mark.parametrize(
    ("prices", "sides"),
    [
        ([(100, 100), (102, 100), (100, 100)], (Side.SELL, Side.BUY)),
        ([(100, 100), (100, 102), (100, 100)], (Side.BUY, Side.SELL)),
    ],
)
def test_it_earns_the_spread_of_each_coin(
    prices: list[tuple[int, int]], sides: tuple[Side, Side]
) -> None:
    run = spread_of(TWIN, TWIN_THERE)
    most = play(run, TWIN, TWIN_THERE, prices, 40)
    fills = {
        symbol: [f for f in run.of(OrderFilled) if f.symbol == symbol]
        for symbol in (TWIN, TWIN_THERE)
    }
    assert (fills[TWIN][0].side, fills[TWIN_THERE][0].side) == sides
    books = run.system.books
    assert not books.position(TWIN).quantity
    assert not books.position(TWIN_THERE).quantity
    coins = sum((f.quantity for f in fills[TWIN] if f.side is sides[0]), ZERO)
    assert coins == sum((f.quantity for f in fills[TWIN_THERE] if f.side is sides[1]), ZERO)
    assert coins * 102 > 150  # about a fifth of the money
    assert books.profit() == coins * 2  # 102 got, 100 paid, and both back at 100
    assert most <= MOST * D("1.02")
    check(run)
    run.check()


def test_a_spot_leg_is_bought_and_never_sold_short() -> None:
    run = spread_of(TWIN, THERE)
    play(run, TWIN, THERE, [(100, 100), (100, 102), (100, 100)], 20)
    assert run.of(OrderFilled) == []
    play(run, TWIN, THERE, [(102, 100)], 20)
    books = run.system.books
    assert books.position(TWIN).quantity == -books.position(THERE).quantity < 0


def test_a_spread_that_is_too_small_or_old_is_left_alone() -> None:
    run = spread_of(TWIN, TWIN_THERE, enter_bps=300.0)
    play(run, TWIN, TWIN_THERE, [(102, 100)], 10)
    assert run.of(OrderFilled) == []
    run = spread_of(TWIN, TWIN_THERE, max_age_seconds=0.4)
    play(run, TWIN, TWIN_THERE, [(102, 100)], 10)
    assert run.of(OrderFilled) == []


def test_it_enters_no_further_once_the_spread_is_gone() -> None:
    begun = spread_of(TWIN, TWIN_THERE)
    paper = replace(begun.settings.paper, latency_ms=700, fill="next-open")
    settings = replace(begun.settings, paper=paper)
    classes = {"Spread": find("cross-exchange-spread")}
    run = Driven(settings, classes, account=begun.begun_anew())
    books = run.system.books
    for n in range(2):
        run.feed(at_prices(TWIN, 102, n), at_prices(TWIN_THERE, 100, n + 0.5))
    for n in range(2, 30):
        run.feed(at_prices(TWIN, "100.1", n), at_prices(TWIN_THERE, 100, n + 0.5))
    held = books.position(TWIN).quantity
    assert D("-1") < held == -books.position(TWIN_THERE).quantity < 0
    for n in range(30, 60):
        run.feed(at_prices(TWIN, 102, n), at_prices(TWIN_THERE, 100, n + 0.5))
    assert books.position(TWIN).quantity < D("-1.9")
    run.check()


def at_prices(symbol: str, price: object, seconds: float) -> QuoteEvent:
    return replace(quote(symbol, price, price, seconds), bid_size=D("0.1"), ask_size=D("0.1"))


def test_where_nobody_bids_there_is_no_spread() -> None:
    run = spread_of(TWIN, TWIN_THERE)
    run.feed(at_prices(TWIN, 102, 0))
    run.feed(replace(at_prices(TWIN_THERE, 100, 0.1), bid=D(0)), at_prices(TWIN, 102, 0.2))
    run.feed(at_prices(TWIN, 102, 1))
    assert run.of(OrderFilled) == []


def test_after_a_restart_it_turns_back_what_is_held() -> None:
    run = spread_of(TWIN, TWIN_THERE)
    play(run, TWIN, TWIN_THERE, [(102, 100)], 40)
    held = run.system.books.position(TWIN).quantity
    assert held < 0
    again = Driven(
        run.settings,
        {"Spread": find("cross-exchange-spread")},
        account=run.refolded().books.snapshot(),
        run_id="two",
    )
    assert play(again, TWIN, TWIN_THERE, [(102, 100), (100, 100)], 40) <= MOST * D("1.02")
    books = again.system.books
    assert not books.position(TWIN).quantity
    assert not books.position(TWIN_THERE).quantity
    again.check()


def test_a_spread_that_would_be_left_as_it_is_entered_is_refused() -> None:
    with pytest.raises(UsageError, match="leave_bps, 30, must be below enter_bps, 30"):
        find("cross-exchange-spread")(leave_bps=30.0)
    with pytest.raises(UsageError, match="one symbol"):
        find("cross-exchange-spread")(first=SPOT, second=SPOT)


@pytest.mark.parametrize("seed", [24, 80, 130, 169])
def test_however_late_answers_come_no_more_is_unhedged(seed: int) -> None:
    """Prices that part and meet, now and then nobody trades the second; orders and answers take long, and
    a restart finds some of them on their way."""
    random, limit = Random(seed), D(150)
    run = spread_of(TWIN, TWIN_THERE, enter_bps=20.0, max_unhedged=float(limit), max_seconds=2.0)
    late = PaperExchangeSettings(name="other", cash=D(500), latency_ms=random.choice([200, 1500]))
    paper = replace(run.settings.paper, exchanges=(late,), latency_ms=random.choice([50, 700]))
    settings = replace(run.settings, paper=replace(paper, fill="next-open"))
    classes = {"Spread": find("cross-exchange-spread")}
    run, fills = Driven(settings, classes, account=run.begun_anew()), 0
    price, apart, at, silent = 100.0, 0.0, 0.0, 0.0
    for n in range(150):
        price *= 1 + random.gauss(0, 0.0005)
        apart = apart * 0.9 + random.gauss(0, 0.003)
        at += random.choice([0.2, 0.5, 1.0])
        silent = at + 10 if random.random() < 0.01 else silent
        for symbol in (TWIN, TWIN_THERE) if at >= silent else (TWIN,):
            middle = D(f"{price * (1 + apart if symbol == TWIN_THERE else 1):.2f}")
            run.feed(quote(symbol, middle - D("0.01"), middle + D("0.01"), at))
            lacks = abs(unhedged(run, TWIN, TWIN_THERE)) * middle / 100
            assert lacks <= limit * D("1.03")  # the price may move meanwhile
            at += 0.01
        if random.random() < 0.02:
            fills += len(run.of(OrderFilled))
            books = run.refolded().books
            run = Driven(settings, classes, account=books.snapshot(), run_id=f"run{n}")
    run.check()
    check(run)
    assert fills + len(run.of(OrderFilled)) > 3
