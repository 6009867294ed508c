"""Dust is flat: what is less than the smallest order counts as closed for every decision, and a stop-out
that leaves it is one.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.fixtures.books import PERP, SPOT, Ledger, approved, fill, report, submitted, tick
from tests.fixtures.fake_account import PERP as PERPETUAL
from tests.fixtures.fake_account import SPOT as COIN
from tests.fixtures.fake_account import FakeAccount
from tests.fixtures.rows import each_row
from tests.unit.test_portfolio_protection import System
from tradectl.domain.events import OrderAccepted, OrderInitialized, TargetComputed
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.domain.protection import unprotected
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.states import TradingState
from tradectl.portfolio.brackets import NO_BRACKETS
from tradectl.portfolio.halt_word import HaltWord
from tradectl.state.account import Account
from tradectl.state.status import position_rows

D = Decimal


@each_row(
    ("quantity", "least", "is_dust"),
    [
        ("0.0009", "0", True),  # below one lot
        ("0.049", "0", True),  # below the least notional, at 100
        ("0.05", "0", False),
        ("0.05", "0.06", True),  # below the least quantity
        ("0.06", "0.06", False),
    ],
)
def test_the_smallest_order_is_by_step_quantity_and_notional(
    quantity: str, least: str, is_dust: bool
) -> None:
    instrument = Instrument(SPOT, "USDT", D("0.01"), D("0.001"), D(5), min_quantity=D(least))
    assert instrument.is_dust(D(quantity), D(100)) is is_dust


# --- the memory of a stop-out -------------------------------------------------------------------------


def wants(ledger: Ledger, quantity: str, size: str = "1", symbol: str = SPOT) -> None:
    target = StrategyTarget("s", D(size), D(1), D(quantity))
    ledger.tell(
        TargetComputed(
            symbol=symbol, target=D(quantity), current=D(0), change=D(0), strategies=(target,)
        )
    )


def stop(ledger: Ledger, side: Side, quantity: str, symbol: str = SPOT) -> None:
    price = D(90) if side is Side.SELL else D(110)
    spec = OrderSpec(
        "stop", symbol, side, D(quantity), OrderType.STOP_MARKET, stop_price=price,
        reduce_only=True, strategy="stop-loss",
    )  # fmt: skip
    ledger.tell(
        OrderInitialized(order=spec), approved("stop"), submitted("stop", symbol),
        report("stop", OrderAccepted, symbol),
    )  # fmt: skip


def target(ledger: Ledger, symbol: str = SPOT) -> tuple[D | None, bool]:
    found = ledger.books.targets(symbol)["s"]
    return found.quantity, found.stopped


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_a_stop_that_leaves_dust_is_a_stop_out_and_a_snapshot_has_it(symbol: str) -> None:
    ledger = Ledger().trade("o1", "buy 3.04@100", symbol)
    ledger.tell(tick("100", symbol))
    wants(ledger, "3", symbol=symbol)
    stop(ledger, Side.SELL, "3", symbol)
    ledger.tell(fill("t1", "stop", "sell 3@90", symbol))
    assert target(ledger, symbol) == (D(0), True)
    assert ledger.books.position(symbol).quantity == D("0.04")
    assert ledger.books.open_quantity(symbol) == 0
    (row,) = position_rows(ledger.books)
    assert row.dust
    again = Ledger(Account.load(ledger.books.snapshot().dump()))
    assert target(again, symbol) == (D(0), True)
    assert again.hash() == ledger.hash()


def test_what_a_stop_closed_a_part_of_is_not_bought_back() -> None:
    ledger = Ledger().trade("o1", "buy 3@100")
    wants(ledger, "3")
    stop(ledger, Side.SELL, "3")
    ledger.tell(fill("t1", "stop", "sell 1@90"))
    assert target(ledger) == (D(2), True)
    ledger.tell(fill("t2", "stop", "sell 2@90"))
    assert target(ledger) == (D(0), True)


def test_who_wants_the_other_side_is_not_stopped_by_a_stop() -> None:
    ledger = Ledger().trade("o1", "buy 3@100", PERP)
    wants(ledger, "-3", "-1", PERP)
    stop(ledger, Side.SELL, "3", PERP)
    ledger.tell(fill("t1", "stop", "sell 3@90", PERP))
    assert target(ledger, PERP) == (D(-3), False)


# --- what is decided ----------------------------------------------------------------------------------


def test_an_entry_on_its_way_is_recalled_when_a_stop_closed_what_it_had_brought() -> None:
    system = System(stop_loss_pct=D(5), order_type="limit")
    system.signal("buy")
    (entry,) = system.view.working_orders(COIN.symbol)
    system.view.fill(entry.spec.order_id, "100", D("0.4"))
    system.heard()
    (stop,) = [o for o in system.view.working_orders(COIN.symbol) if o.spec.is_protective]
    system.view.fill(stop.spec.order_id, "95")
    system.heard()
    assert system.working() == []


def test_the_other_side_is_entered_though_dust_is_left_of_the_first() -> None:
    system = System(turn="two_orders")
    view, symbol = system.view.own(PERPETUAL.symbol, "1"), PERPETUAL.symbol
    system.signal("sell", symbol)
    (closing,) = view.working_orders(symbol)
    view._book(symbol, D("0.02"), D(100))
    system.fill(closing)
    assert view.position(symbol).quantity == D("0.02")
    assert system.working(symbol) == [("market", "sell", D("1.02"), None)]


def halted(view: FakeAccount, state: TradingState) -> FakeAccount:
    view.trading_state = state
    return view


@pytest.mark.parametrize("symbol", [COIN.symbol, PERPETUAL.symbol])
def test_a_halt_ends_with_dust_and_its_stop_goes(symbol: str) -> None:
    system = System(stop_loss_pct=D(5))
    system.view.own(symbol, "0.06")
    system.heard(symbol)
    assert len(system.working(symbol)) == 1
    halted(system.view, TradingState.REDUCING).price(symbol, "80")
    assert not unprotected(system.view.position(symbol), system.view)
    system.heard(symbol).confirm_cancels(symbol)
    assert system.working(symbol) == []
    assert HaltWord(D(5), NO_BRACKETS).is_over(system.view)


def test_a_stop_is_kept_where_a_falling_price_makes_dust_of_what_it_covers() -> None:
    system = System(stop_loss_pct=D(5))
    system.view.own(COIN.symbol, "0.05")
    system.heard()
    system.view.price(COIN.symbol, "98")
    system.heard()
    assert system.working() == [("stop_market", "sell", D("0.05"), D(95))]


def test_no_stop_is_left_over_of_what_an_exit_made_dust_of() -> None:
    system = System(stop_loss_pct=D(5))
    symbol = PERPETUAL.symbol
    system.view.own(symbol, "1")
    system.heard(symbol)
    system.view._book(symbol, D("-0.98"), D(100))
    system.heard(symbol).confirm_cancels(symbol)
    assert system.working(symbol) == []


def test_least_quantities_are_named() -> None:
    least = replace(COIN, min_quantity=D("0.5"))
    assert least.smallest() == "0.5 or 5 USDT"
