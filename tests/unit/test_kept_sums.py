"""Sums that are kept are what is worked out anew, whatever happened, and whenever they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fixtures.books import PERP, SPOT, Ledger, fill, tick
from tradectl.bus.clock import DataClock
from tradectl.config.settings import OrchestratorConfig, Settings
from tradectl.domain.events import (
    Command,
    CommandReceived,
    Event,
    MarketDataEvent,
    SignalAction,
    StrategySignalEvent,
)
from tradectl.domain.instruments import Instrument, InstrumentKind, MarginMode
from tradectl.domain.money import ZERO, less_exactly, plus_exactly, shortest
from tradectl.domain.positions import Position
from tradectl.domain.time import SECOND
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.state.account import Account
from tradectl.state.books_view import BooksView
from tradectl.state.consistency import sum_problems
from tradectl.strategy.configured import StrategyInstance
from tradectl.system.trading_system import TradingSystem, on_paper

START = 1_700_000_000 * SECOND
PERPETUAL, ISOLATED = InstrumentKind.PERPETUAL, MarginMode.ISOLATED
D = Decimal
INSTRUMENTS = (
    Instrument("COIN", "USDT", D("0.01"), D("0.001"), D(1)),
    Instrument("OTHER", "USDT", D("0.01"), D("0.0001"), D(1)),
    Instrument("CROSS", "USDT", D("0.01"), D("0.001"), D(1), PERPETUAL, D(3)),
    Instrument("CROSS2", "USDT", D("0.01"), D("0.01"), D(1), PERPETUAL, D(7)),
    Instrument("ALONE", "USDT", D("0.01"), D("0.001"), D(1), PERPETUAL, D(10), margin=ISOLATED),
)
SYMBOLS = st.sampled_from([instrument.symbol for instrument in INSTRUMENTS])
PRICES = st.integers(9_000, 11_000).map(lambda cents: D(cents) / 100)
STRATEGIES = ("a", "b")
SETTINGS = Settings(
    symbols=tuple(i.symbol for i in INSTRUMENTS),
    strategies=tuple(StrategyInstance(name, "rsi-reversion") for name in STRATEGIES),
    portfolio=PortfolioSettings(
        sizing="fixed_quantity",
        quantity=D(20),
        order_type="limit",
        limit_offset_bps=D(20),
        stop_loss_pct=D(6),
    ),
    risk=RiskLimits(
        max_order_notional=None,
        max_position_notional=None,
        max_gross_notional=None,
        max_leverage=D(5),
        max_orders_per_second=None,
        max_working_orders=30,
        duplicate_window_ms=0,
    ),
    paper=PaperSettings(fill="close", latency_ms=100, market_fill="bounded"),
    orchestrator=OrchestratorConfig(max_concurrent_orders=30),
    instruments=INSTRUMENTS,
)

TICKS = st.builds(
    lambda symbol, price, volume: MarketDataEvent(symbol=symbol, price=price, volume=D(volume)),
    SYMBOLS,
    PRICES,
    st.integers(1, 60),
)
SIGNALS = st.builds(
    lambda symbol, action, strategy, strength: StrategySignalEvent(
        source_component="test", symbol=symbol, action=action, strategy=strategy, strength=strength
    ),
    SYMBOLS,
    st.sampled_from(SignalAction),
    st.sampled_from(STRATEGIES),
    st.sampled_from([0.1, 0.55, 1.0]),
)
COMMANDS = st.sampled_from([Command.CANCEL_ALL, Command.PAUSE, Command.RESUME]).map(
    lambda command: CommandReceived(source_component="test", command=command, reason="why not")
)
KINDS = st.sampled_from([*[TICKS] * 6, *[SIGNALS] * 5, COMMANDS])
ASKED = st.tuples(KINDS.flatmap(lambda kind: kind), st.booleans())
FIRST = [MarketDataEvent(symbol=i.symbol, price=D(100), volume=D(50)) for i in INSTRUMENTS]


def begun(account: Account, at: int) -> TradingSystem:
    system = TradingSystem(SETTINGS, account, "run", DataClock(at), gateway=on_paper(SETTINGS))
    system.open()
    system.apply(*FIRST, at=at)
    return system


@given(st.lists(ASKED, min_size=20, max_size=40), st.integers(0, 40))
def test_sums_are_what_positions_and_orders_add_up_to(
    asked: list[tuple[Event, bool]], restart: int
) -> None:
    """They are compared at times of no pattern: what was not asked for meanwhile is caught up with."""
    system = begun(Account.open("run", "USDT", D(20_000)), START)
    for n, (event, looks) in enumerate(asked, 1):
        if n == restart:
            seq, account = system.last_seq, Account.load(system.books.snapshot().dump())
            system = begun(account, START + n * SECOND)
            system.bus.core.seq = seq
        at = START + n * SECOND
        system.apply(replace(event, ts=at) if isinstance(event, MarketDataEvent) else event, at=at)
        if looks:
            assert sum_problems(system.books) == []
            assert (system.books.equity(), system.books.exposure()) == added_up(system.books)
    assert sum_problems(system.books) == []
    assert (system.books.equity(), system.books.exposure()) == added_up(system.books)


def added_up(books: BooksView) -> tuple[Decimal, Decimal]:
    """Equity and exposure, position by position."""
    equity, exposure = books.cash, ZERO
    for position in books.positions():
        price = books.mark(position.symbol) or position.entry_price
        can_short = books.instrument(position.symbol).can_short
        equity += position.unrealized(price) if can_short else position.quantity * price
        exposure += abs(position.quantity * price)
    return equity, exposure


# --- a sum that went wrong is found -----------------------------------------------------------------


def busy() -> Ledger:
    ledger = Ledger()
    ledger.tell(tick("100"))
    ledger.trade("o1", "buy 3@100", fee="0.03")
    ledger.work("o2", "buy 4").work("o3", "sell 1", PERP)
    return ledger


def test_sums_of_busy_books_are_right() -> None:
    assert sum_problems(busy().books) == []


def positions_behind_its_back(ledger: Ledger) -> None:
    ledger.books.sums()
    ledger.books.account.positions[SPOT] = Position(SPOT, D(5), D(500))


def orders_behind_its_back(ledger: Ledger) -> None:
    order = ledger.books.order("o2")
    assert order is not None
    ledger.books.sums()
    order.filled = D(1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (positions_behind_its_back, "the exposure of the account is kept as 300, worked out anew"),
        (orders_behind_its_back, f"the quantity that may be traded of {SPOT} is kept as "),
    ],
)
def test_a_sum_that_is_not_right_is_found(wrong: Callable[[Ledger], None], said: str) -> None:
    ledger = busy()
    wrong(ledger)
    assert any(problem.startswith(said) for problem in sum_problems(ledger.books))


def test_a_fill_changes_only_what_it_is_of() -> None:
    ledger = busy()
    before = ledger.books.sums().orders_add(but=SPOT)
    ledger.tell(fill("t", "o2", "buy 1@99"))
    assert ledger.books.sums().orders_add(but=SPOT) == before
    assert ledger.books.exposure() == 4 * 100


# --- running totals ----------------------------------------------------------------------------------

ANY_SIZE = st.decimals("-1e14", "1e14", allow_nan=False, allow_infinity=False)


@given(st.lists(ANY_SIZE, max_size=30), st.data())
def test_a_running_total_forgets_nothing_and_tells_the_same_in_the_same_words(
    values: list[Decimal], data: st.DataObject
) -> None:
    total = ZERO
    for value in values:
        total = plus_exactly(total, value)
    gone = data.draw(st.permutations(values)) if values else []
    kept = gone[: len(gone) // 2]
    for value in gone[len(gone) // 2 :]:
        total = less_exactly(total, value)
    assert Fraction(total) == sum(map(Fraction, kept))
    other = ZERO
    for value in kept:
        other = plus_exactly(other, value)
    assert str(shortest(total)) == str(shortest(other))
