"""What an exchange says of our account, and what the books make of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fixtures.books import CASH, PERP, RUN, SPOT, Ledger, fill, instruments, tick
from tests.fixtures.rows import each_row
from tradectl.domain.events import (
    Acceptance,
    AccountReported,
    Event,
    ForeignTrade,
    PositionLiquidated,
    RestrictionKind,
    SymbolRestricted,
    SystemEvent,
)
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.money import ZERO, Side
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.state.consistency import problems_of

MISMATCH, BALANCE = RestrictionKind.MISMATCH, RestrictionKind.BALANCE


def account_report(
    positions: dict[str, str],
    cash: str | None = None,
    *,
    accept: Acceptance | None = None,
    trades: tuple[ForeignTrade, ...] = (),
) -> AccountReported:
    return AccountReported(
        exchange="venue",
        positions={symbol: Decimal(q) for symbol, q in positions.items()},
        cash=None if cash is None else Decimal(cash),
        tolerance=Decimal("0.005"),
        accept=accept,
        trades=trades,
    )


FOLDED = (SymbolRestricted, PositionLiquidated)


def tell(ledger: Ledger, *statements: AccountReported) -> list[Event]:
    """Tell the books, and fold what they answer, as the core does."""
    answers: list[Event] = []
    for each in statements:
        said = ledger.tell(each)
        ledger.tell(*[event for event in said if isinstance(event, FOLDED)])
        answers += said
    return answers


def held(ledger: Ledger, symbol: str = SPOT) -> list[RestrictionKind]:
    return [*ledger.books.restrictions(symbol)]


def test_a_report_that_agrees_says_nothing() -> None:
    ledger = Ledger().trade("o1", "buy 2@100")
    assert tell(ledger, account_report({SPOT: "2"}, "9800")) == []


def test_a_difference_stated_once_may_be_a_fill_under_way_twice_it_holds_the_symbol() -> None:
    ledger = Ledger().trade("o1", "buy 2@100")
    tell(ledger, account_report({SPOT: "1.5"}))
    assert held(ledger) == []
    (hold,) = tell(ledger, account_report({SPOT: "1.5"}))
    assert isinstance(hold, SymbolRestricted)
    assert held(ledger) == [MISMATCH]
    assert "`--accept external`, `position` or `fill`" in hold.message
    assert tell(ledger, account_report({SPOT: "1.5"})) == []


@each_row(
    ("symbol", "held", "reported", "there"),
    [
        (SPOT, "buy 2@100", "3", "2"),  # what is there beyond ours is not ours
        (SPOT, "buy 2@100", "0.5", "0.5"),
        (PERP, "buy 2@100", "0", "0"),
        (PERP, "buy 2@100", "-1", "0"),
        (PERP, "sell 2@100", "-0.5", "-0.5"),
        (PERP, "sell 2@100", "1", "0"),
        (PERP, "sell 2@100", "-3", "-2"),
    ],
)
def test_of_a_position_as_much_is_there_as_two_reports_agree_on(
    symbol: str, held: str, reported: str, there: str
) -> None:
    ledger = Ledger().trade("o1", held, symbol)
    ours = ledger.books.position(symbol).quantity
    tell(ledger, account_report({symbol: reported}))
    assert ledger.books.there(symbol) == ours
    tell(ledger, account_report({symbol: reported}))
    assert ledger.books.there(symbol) == Decimal(there)
    tell(ledger, account_report({symbol: str(ours)}))
    assert ledger.books.there(symbol) == ours


def test_differences_that_differ_are_of_two_moments() -> None:
    ledger = Ledger()
    tell(ledger, *(account_report({PERP: str(n)}) for n in (1, 2, 3, 4)))
    assert held(ledger, PERP) == []


def test_five_that_all_disagree_are_somebody_else_trading_there() -> None:
    ledger = Ledger()
    tell(ledger, *(account_report({PERP: str(n)}) for n in (1, 2, 3, 4, 5)))
    assert held(ledger, PERP) == [MISMATCH]


def test_a_mismatch_that_went_away_lets_the_symbol_go() -> None:
    ledger = Ledger()
    tell(ledger, account_report({PERP: "1"}), account_report({PERP: "1"}))
    (gone,) = tell(ledger, account_report({PERP: "0"}))
    assert isinstance(gone, SymbolRestricted)
    assert not gone.restricted
    assert held(ledger, PERP) == []


def test_an_unreconciled_symbol_is_free_again_by_a_clean_report_alone() -> None:
    ledger = Ledger()
    ledger.tell(SymbolRestricted(symbol=SPOT, kind=RestrictionKind.UNRECONCILED, message="start"))
    tell(ledger, account_report({SPOT: "1"}))
    assert held(ledger) == [RestrictionKind.UNRECONCILED]
    tell(ledger, account_report({PERP: "0"}))
    assert held(ledger) == [RestrictionKind.UNRECONCILED]
    tell(ledger, account_report({SPOT: "0"}))
    assert held(ledger) == []


def test_what_was_there_before_us_is_not_ours() -> None:
    ledger = Ledger()
    ledger.books.account.at_exchange().external[SPOT] = Decimal(7)
    assert tell(ledger, account_report({SPOT: "7"}), account_report({SPOT: "7"})) == []


def test_a_balance_within_its_tolerance_is_well_beyond_it_entries_are_held() -> None:
    ledger = Ledger()
    ledger.books.account.at_exchange().cash_at["venue"] = CASH
    assert (
        tell(ledger, account_report({SPOT: "0"}, "9951"), account_report({SPOT: "0"}, "9951")) == []
    )
    tell(ledger, account_report({SPOT: "0"}, "9900"), account_report({SPOT: "0"}, "9900"))
    assert held(ledger) == [BALANCE]
    assert not BALANCE.blocks_exits
    tell(ledger, account_report({SPOT: "0"}, "10000"))
    assert held(ledger) == []


def test_balances_of_several_exchanges_add_up() -> None:
    ledger = Ledger()
    ledger.books.account.at_exchange().cash_at.update(venue=Decimal(4000), other=Decimal(6000))
    assert (
        tell(ledger, account_report({SPOT: "0"}, "4000"), account_report({SPOT: "0"}, "4000")) == []
    )


def test_money_missing_at_a_perpetual_exchange_is_not_hidden_by_the_report_of_a_spot_exchange() -> (
    None
):
    ledger = Ledger()
    known = ledger.books.account.at_exchange()
    known.cash_at.update(perps=Decimal(4000), venue=Decimal(6000))
    perps = replace(account_report({PERP: "0"}, "4500"), exchange="perps")
    tell(ledger, *[perps, account_report({SPOT: "0"}, "6000")] * 3)
    assert ledger.books.account.at_exchange().external_cash == 0
    assert held(ledger, PERP) == held(ledger, SPOT) == [BALANCE]


def test_money_at_several_exchanges_is_believed_to_differ_when_each_has_said_so_again() -> None:
    ledger = Ledger()
    ledger.books.account.at_exchange().cash_at.update(venue=Decimal(4000), other=Decimal(6000))
    short = account_report({SPOT: "0"}, "3000")
    other = replace(account_report({PERP: "0"}, "6000"), exchange="other")
    tell(ledger, short, other)
    assert held(ledger) == held(ledger, PERP) == []
    tell(ledger, short)
    assert held(ledger) == [BALANCE]


OTHER = f"other:{SPOT}"


def at_two(venue: int, other: int) -> Ledger:
    ledger = Ledger()
    ledger.books.instruments = Instruments(exchanges=("venue", "other"))
    ledger.books.account.at_exchange().cash_at.update(venue=Decimal(venue), other=Decimal(other))
    return ledger


def test_what_is_booked_at_one_exchange_is_its_money_before_it_reports_again() -> None:
    ledger = at_two(4000, 6000).trade("o1", "buy 2@1000", OTHER, fee="2")
    account = ledger.books.account
    assert account.money_at == {"venue": Decimal(4000), "other": Decimal(3998)}
    assert ledger.books.cash_for(OTHER) == 3998
    assert ledger.books.cash_for(SPOT) == 4000
    assert tell(ledger, account_report({SPOT: "0"}, "4000")) == []
    assert tell(ledger, replace(account_report({OTHER: "2"}, "3998"), exchange="other")) == []
    assert account.reconciliation is not None
    assert account.reconciliation.discrepancies == {}


def test_money_that_its_owner_moves_between_exchanges_is_spent_where_it_has_come() -> None:
    ledger = at_two(4000, 6000)
    there = replace(account_report({OTHER: "0"}, "9000"), exchange="other")
    tell(ledger, account_report({SPOT: "0"}, "1000"), there)
    assert held(ledger) == held(ledger, OTHER) == []
    assert ledger.books.cash == 10_000
    assert ledger.books.account.money_at == {"venue": Decimal(1000), "other": Decimal(9000)}


def test_what_is_not_ours_at_an_exchange_is_not_spent() -> None:
    ledger = at_two(4000, 36_000)
    ledger.books.account.at_exchange().external_cash = Decimal(30_000)
    assert [ledger.books.cash_for(symbol) for symbol in (SPOT, OTHER)] == [4000, 10_000]


def test_what_came_to_one_exchange_and_is_not_ours_is_spent_at_none() -> None:
    ledger = at_two(4000, 6000)
    here = account_report({SPOT: "0"}, "13000")
    there = replace(account_report({OTHER: "0"}, "6000"), exchange="other")
    tell(ledger, here, there, here, there)
    assert ledger.books.account.at_exchange().external_cash == 9000
    assert [ledger.books.cash_for(symbol) for symbol in (SPOT, OTHER)] == [4000, 6000]
    accept(ledger, Acceptance.TRANSFER, "0", "13000")
    assert [ledger.books.cash_for(symbol) for symbol in (SPOT, OTHER)] == [13_000, 6000]


def test_what_is_not_ours_at_the_only_exchange_is_not_ours_when_there_are_two() -> None:
    ledger = at_two(10_000, 0)
    known = ledger.books.account.at_exchange()
    del known.cash_at["other"]
    tell(ledger, *[account_report({SPOT: "0"}, "19000")] * 2)
    tell(ledger, *[account_report({SPOT: "0"}, "13000")] * 3)
    ledger.books.account.at_exchange().cash_at["other"] = Decimal(6000)
    assert ledger.books.account.at_exchange().external_cash == 3000
    assert [ledger.books.cash_for(symbol) for symbol in (SPOT, OTHER)] == [10_000, 6000]


def test_an_exchange_that_has_told_nothing_yet_has_no_money_of_another_to_spend() -> None:
    ledger = at_two(10_000, 0)
    del ledger.books.account.at_exchange().cash_at["other"]
    assert [ledger.books.cash_for(symbol) for symbol in (SPOT, OTHER)] == [10_000, 0]


# --- what the operator says -----------------------------------------------------------------------


def accept(ledger: Ledger, kind: Acceptance, there: str, cash: str | None = None) -> Books:
    symbol = PERP if ledger.books.position(PERP).quantity else SPOT
    tell(ledger, *[account_report({symbol: there}, cash)] * 2)
    tell(ledger, account_report({symbol: there}, cash, accept=kind))
    assert problems_of(ledger.books.snapshot(), ledger.books.instruments) == []
    return ledger.books


@each_row("symbol", [SPOT, PERP])
@each_row("there", ["5", "0", "1.5", "2"])
def test_what_is_there_is_our_position_at_the_mark_and_neither_profit_nor_loss(
    symbol: str, there: str
) -> None:
    ledger = Ledger().trade("o1", "buy 2@100", symbol)
    ledger.tell(tick("110", symbol))
    profit = ledger.books.profit()
    lost = ledger.books.peak_equity - ledger.books.equity()
    books = accept(ledger, Acceptance.POSITION, there)
    assert books.position(symbol).quantity == Decimal(there)
    assert books.profit() == profit
    assert books.peak_equity - books.equity() == lost
    assert held(ledger, symbol) == []
    assert not books.account.at_exchange().external.get(symbol)


def test_what_was_traded_for_us_is_profit_or_loss_at_its_price() -> None:
    ledger = Ledger().trade("o1", "buy 2@100")
    ledger.tell(tick("110"))
    report = account_report({SPOT: "0.5"}, accept=Acceptance.FILL)
    tell(ledger, msgspec.structs.replace(report, price=Decimal(120)))
    books = ledger.books
    assert (books.position(SPOT).quantity, books.cash) == (Decimal("0.5"), Decimal(9980))
    assert books.profit() == 20 + 30 - 15
    assert books.account.invested == CASH
    assert books.new_fills[-1].strategy == "manual"
    assert problems_of(books.snapshot(), books.instruments) == []


@each_row("there", ["2", "0", "-1", "5"])
def test_of_a_perpetual_the_money_that_differs_is_its_result(there: str) -> None:
    """It was closed at another price, say, or paid funding: no loss limit may miss that."""
    ledger = Ledger().trade("o1", "buy 2@100", PERP, strategy="a")
    ledger.tell(tick("110", PERP))
    books = ledger.books
    profit, peak, day = books.profit(), books.peak_equity, books.day_start_equity
    before = books.cash + (20 if there in ("0", "-1") else 0)  # what closing at the mark brings
    accept(ledger, Acceptance.FILL, there, "9000")
    assert books.position(PERP).quantity == Decimal(there)
    assert books.cash == 9_000
    assert books.profit() == profit - (before - 9_000)
    assert (books.peak_equity, books.day_start_equity) == (peak, day)
    assert books.account.invested == CASH


@each_row("symbol", [SPOT, PERP])
@each_row("cash", ["4000", "25000"])
def test_money_put_in_or_taken_out_is_neither_a_drawdown_nor_a_loss_of_the_day(
    symbol: str, cash: str
) -> None:
    ledger = Ledger().trade("o1", "buy 2@100", symbol)
    ledger.tell(tick("80", symbol))
    books = ledger.books
    lost = books.peak_equity - books.equity(), books.day_start_equity - books.equity()
    before = books.cash
    accept(ledger, Acceptance.TRANSFER, "2", cash)
    assert (books.peak_equity - books.equity(), books.day_start_equity - books.equity()) == lost
    assert lost == (Decimal(40), Decimal(40))
    assert books.cash == Decimal(cash)
    assert books.account.invested == CASH + Decimal(cash) - before
    assert held(ledger, symbol) == []


@each_row(
    ("held_", "there", "external", "restricted"),
    [
        ("buy 2@100", "3", "1", False),  # beside ours
        ("sell 2@100", "-3", "-1", False),
        ("buy 2@100", "1", "0", True),  # against ours: never as negative external
        ("buy 2@100", "-1", "0", True),
        ("sell 2@100", "-1", "0", True),
    ],
)
def test_only_what_is_beside_our_perpetual_can_be_external(
    held_: str, there: str, external: str, restricted: bool
) -> None:
    ledger = Ledger().trade("o1", held_, PERP)
    before = ledger.books.position(PERP)
    books = accept(ledger, Acceptance.EXTERNAL, there)
    assert books.position(PERP) == before
    assert books.account.at_exchange().external.get(PERP, ZERO) == Decimal(external)
    assert (MISMATCH in held(ledger, PERP)) == restricted
    if not restricted:
        assert books.there(PERP) == before.quantity


def test_what_a_position_loses_is_not_bought_back_on_an_old_word_and_is_among_the_fills() -> None:
    ledger = Ledger().trade("o1", "buy 2@100", strategy="a")
    ledger.tell(tick("100"))
    books = accept(ledger, Acceptance.POSITION, "1.5")
    moved = books.new_fills[-1]
    assert (moved.report.side, moved.report.quantity, moved.strategy) == (
        "sell",
        Decimal("0.5"),
        "external",
    )
    assert books.holdings(SPOT)["a"].quantity == Decimal("1.5")


@each_row("symbol", [SPOT, PERP])
@each_row("kind", [Acceptance.POSITION, Acceptance.FILL])
def test_nothing_is_booked_at_a_price_that_nobody_knows(kind: Acceptance, symbol: str) -> None:
    ledger = Ledger().trade("o1", "buy 2@100", symbol)
    cash = str(ledger.books.cash)
    tell(ledger, *[account_report({symbol: "1"}, cash)] * 2)
    before = ledger.books.position(symbol), ledger.books.cash
    tell(ledger, account_report({symbol: "1"}, cash, accept=kind))
    assert (ledger.books.position(symbol), ledger.books.cash) == before
    assert MISMATCH in held(ledger, symbol)
    said = account_report({symbol: "1"}, None, accept=kind)
    tell(ledger, replace(said, symbols=(symbol,), price=Decimal(90)))
    position = ledger.books.position(symbol)
    assert [position.quantity, position.realized] == [Decimal(1), Decimal(-10)]
    assert held(ledger, symbol) == []


# --- what is not ours -----------------------------------------------------------------------------


def test_more_on_spot_told_twice_is_external_by_itself_and_restricts_nothing() -> None:
    ledger = Ledger().trade("o1", "buy 2@100")
    assert tell(ledger, account_report({SPOT: "3"}, "9800")) == []
    (said,) = tell(ledger, account_report({SPOT: "3"}, "9800"))
    assert isinstance(said, SystemEvent)
    assert said.kind == "external_changed"
    books = ledger.books
    assert held(ledger) == []
    assert books.account.at_exchange().external == {SPOT: Decimal(1)}
    assert (books.position(SPOT).quantity, books.there(SPOT)) == (Decimal(2), Decimal(2))
    assert tell(ledger, account_report({SPOT: "3"}, "9800")) == []


def test_money_beyond_ours_on_spot_is_external_and_goes_before_ours_does() -> None:
    ledger = Ledger()
    ledger.books = Books(Account.open(RUN, "USDT", CASH), Instruments([instruments()[SPOT]]))
    for cash, external, restricted in (
        ("13000", "3000", False),
        ("11000", "1000", False),
        ("9000", "0", True),
        ("10000", "0", False),
    ):
        tell(ledger, *[account_report({SPOT: "0"}, cash)] * 2)
        assert ledger.books.account.at_exchange().external_cash == Decimal(external)
        assert (BALANCE in held(ledger)) == restricted
        assert ledger.books.cash == CASH


@each_row(
    ("there", "external", "ours_there"),
    [("2.4", "0.4", "2"), ("2", "0", "2"), ("1.9", "0", "1.9"), ("0", "0", "0")],
)
def test_what_is_missing_on_spot_is_external_first(
    there: str, external: str, ours_there: str
) -> None:
    ledger = Ledger().trade("o1", "buy 2@100")
    tell(ledger, *[account_report({SPOT: "3"})] * 2)
    tell(ledger, *[account_report({SPOT: there})] * 3)
    books = ledger.books
    assert books.account.at_exchange().external[SPOT] == Decimal(external)
    assert books.there(SPOT) == Decimal(ours_there)
    assert (MISMATCH in held(ledger)) == (Decimal(ours_there) < 2)
    assert books.position(SPOT).quantity == 2


def trade(signed: str, price: str = "110", n: int = 1, symbol: str = PERP) -> ForeignTrade:
    quantity, side = Decimal(signed), Side.BUY if Decimal(signed) > 0 else Side.SELL
    return ForeignTrade(f"f{n}", symbol, side, abs(quantity), Decimal(price), Decimal("0.3"), n)


@each_row(
    ("ours", "trades", "there", "left", "external"),
    [
        ("buy 2@100", ["-0.5"], "1.5", "1.5", "0"),
        ("buy 2@100", ["-2"], "0", "0", "0"),
        ("buy 2@100", ["-3"], "-1", "0", "-1"),  # turned round: what goes beyond is not ours
        ("sell 2@100", ["0.5", "0.5"], "-1", "-1", "0"),
        ("buy 2@100", ["1"], "3", "2", "1"),
        ("buy 2@100", ["1", "-1.5"], "1.5", "1.5", "0"),  # theirs first
        ("sell 2@100", ["-1", "0.4"], "-2.6", "-2", "-0.6"),
    ],
)
def test_what_others_traded_on_a_perpetual_is_booked_where_the_history_explains_the_difference(
    ours: str, trades: list[str], there: str, left: str, external: str
) -> None:
    ledger = Ledger().trade("o1", ours, PERP, strategy="a")
    told = tuple(trade(signed, n=n) for n, signed in enumerate(trades, 1))
    tell(ledger, account_report({PERP: there}, trades=told))
    books = ledger.books
    assert books.position(PERP).quantity == Decimal(left) == books.there(PERP)
    assert books.account.at_exchange().external.get(PERP, ZERO) == Decimal(external)
    assert problems_of(books.snapshot(), books.instruments) == []
    fills = [fill for fill in books.new_fills if fill.strategy == "manual"]
    closed = sum(fill.report.side.signed(fill.report.quantity) for fill in fills)
    assert closed == Decimal(left) - (2 if ours.startswith("buy") else -2)
    again = books.snapshot()
    assert tell(ledger, account_report({PERP: there}, trades=told)) == []
    assert books.snapshot().positions == again.positions
    assert held(ledger, PERP) == []


def test_a_difference_that_the_history_does_not_explain_stays_one() -> None:
    ledger = Ledger().trade("o1", "buy 2@100", PERP)
    tell(ledger, *[account_report({PERP: "1.2"}, trades=(trade("-0.5"),))] * 2)
    assert ledger.books.position(PERP).quantity == 2
    assert held(ledger, PERP) == [MISMATCH]


def test_what_the_owner_sold_of_ours_on_spot_is_a_fill_and_his_own_coins_go_first() -> None:
    ledger = Ledger().trade("o1", "buy 2@100", strategy="a")
    tell(ledger, *[account_report({SPOT: "3"}, "9800")] * 2)
    told = (trade("-1.5", symbol=SPOT),)
    tell(ledger, account_report({SPOT: "1.5"}, "9964.7", trades=told))
    books = ledger.books
    assert books.position(SPOT).quantity == Decimal("1.5")
    assert books.cash == Decimal(9800) + 55 - Decimal("0.1")
    known = books.account.at_exchange()
    assert (known.external[SPOT], known.external_cash) == (ZERO, Decimal(110) - Decimal("0.2"))
    assert tell(ledger, account_report({SPOT: "1.5"}, "9964.7")) == []
    assert problems_of(books.snapshot(), books.instruments) == []


def test_of_sales_on_spot_no_more_is_booked_than_is_missing() -> None:
    """He sold 1, and put 0.6 back."""
    ledger = Ledger().trade("o1", "buy 2@100", strategy="a")
    told = (trade("-1", symbol=SPOT),)
    tell(ledger, *[account_report({SPOT: "1.6"}, trades=told)] * 2)
    assert held(ledger) == [MISMATCH]
    tell(ledger, *[account_report({SPOT: "1.6"}, trades=told)] * 2)
    assert ledger.books.position(SPOT).quantity == Decimal("1.6")
    assert held(ledger) == []


def test_what_the_owner_gains_beside_our_perpetual_is_his() -> None:
    """The wallet shows one position: 1 of ours at 100, 1 of his at 110; he closes his at 130."""
    ledger = Ledger().trade("o1", "buy 1@100", PERP)
    tell(ledger, account_report({PERP: "2"}, trades=(trade("1", "110"),)))
    tell(ledger, account_report({PERP: "1"}, trades=(trade("1", "110"), trade("-1", "130", n=2))))
    known = ledger.books.account.at_exchange()
    assert known.external_cash == 20 - Decimal("0.3")
    assert ledger.books.cash == CASH - Decimal("0.3"), "the fee of what he bought was taken of ours"
    assert ledger.books.profit() == 0


def test_a_third_of_what_an_external_position_cost_is_money_with_an_end() -> None:
    ledger = Ledger().trade("o1", "buy 1@100", PERP)
    bought = (trade("1", "100"), trade("2", "101", n=2))
    tell(ledger, account_report({PERP: "4"}, trades=bought))
    tell(ledger, account_report({PERP: "3"}, trades=(*bought, trade("-1", "130", n=3))))
    known = ledger.books.account.at_exchange()
    assert known.external_cost == {PERP: 302 - Decimal("100.6666666667")}
    assert known.external_cash == 130 - Decimal("100.6666666667") - Decimal("0.3")


# --- fees paid in coins ---------------------------------------------------------------------------


def coin_ledger() -> Ledger:
    ledger = Ledger()
    step = Decimal("0.001")
    coin = Instrument(SPOT, "USDT", step, step, Decimal(5), base="COIN")
    ledger.books = Books(Account.open(RUN, "USDT", CASH), Instruments([coin]))
    return ledger


def test_a_fee_kept_in_coins_makes_the_position_smaller_and_costs_no_cash() -> None:
    ledger = coin_ledger().work("o1", "buy 2")
    paid = fill("t1", "o1", "buy 2@100", fee="0.2")
    ledger.tell(msgspec.structs.replace(paid, fee_currency="COIN", fee_paid=Decimal("0.002")))
    books = ledger.books
    assert books.position(SPOT).quantity == Decimal("1.998")
    assert books.cash == Decimal(9800)
    assert books.fees() == Decimal("0.2")
    assert books.new_fills[0].kept == Decimal("0.002")
    assert problems_of(books.snapshot(), books.instruments) == []


def test_a_fee_in_a_third_currency_is_a_cost_that_the_quote_balance_does_not_show() -> None:
    ledger = coin_ledger().work("o1", "buy 2")
    paid = fill("t1", "o1", "buy 2@100", fee="0.2")
    ledger.tell(msgspec.structs.replace(paid, fee_currency="BNB", fee_paid=Decimal("0.0003")))
    books = ledger.books
    books.account.at_exchange().cash_at["venue"] = CASH
    assert (books.cash, books.position(SPOT).quantity) == (Decimal(9800), Decimal(2))
    assert (books.fees(), books.profit()) == (Decimal("0.2"), Decimal("-0.2"))
    assert books.account.invested == CASH + Decimal("0.2")
    assert books.peak_equity - books.equity() == Decimal("0.2")
    assert tell(ledger, *[account_report({SPOT: "2"}, "9800")] * 2) == []
    assert problems_of(books.snapshot(), books.instruments) == []


TRADES = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 50),
        st.integers(90, 110),
        st.sampled_from(["USDT", "COIN", "BNB"]),
    ),
    max_size=12,
)


@given(TRADES)
def test_cash_positions_and_fees_are_conserved_whatever_the_fees_are_paid_in(
    trades: list[tuple[str, int, int, str]],
) -> None:
    ledger = coin_ledger()
    for n, (side, quantity, price, currency) in enumerate(trades):
        words = f"{side} {quantity}@{price}"
        ledger.work(f"o{n}", f"{side} {quantity}")
        paid = fill(f"t{n}", f"o{n}", words, fee=str(Decimal(quantity * price) / 1000))
        amount = {"USDT": ZERO, "COIN": Decimal(quantity) / 1000, "BNB": Decimal("0.01")}[currency]
        ledger.tell(msgspec.structs.replace(paid, fee_currency=currency, fee_paid=amount))
    books = ledger.books
    assert problems_of(books.snapshot(), books.instruments) == []


def test_holds_survive_a_dump_and_make_a_difference_to_the_hash() -> None:
    ledger = Ledger()
    before = ledger.hash()
    ledger.tell(SymbolRestricted(symbol=SPOT, kind=MISMATCH, message="x"))
    assert ledger.hash() != before
    again = Account.load(msgspec.json.decode(msgspec.json.encode(ledger.books.snapshot().dump())))
    assert again.hash(RUN) == ledger.hash()


def test_a_new_run_keeps_what_an_exchange_said_only_where_it_will_be_compared_again() -> None:
    ledger = Ledger()
    for kind in RestrictionKind:
        ledger.tell(SymbolRestricted(symbol=SPOT, kind=kind))
    live = ledger.books.account.at_exchange()
    live.begin_again(compared=True)
    assert [*live.restrictions[SPOT]] == [MISMATCH, BALANCE, RestrictionKind.VOLATILE]
    live.begin_again(compared=False)
    assert [*live.restrictions[SPOT]] == [RestrictionKind.VOLATILE], "of our own memory"


def test_a_mismatch_of_the_run_before_stays_until_a_report_agrees() -> None:
    ledger = Ledger()
    tell(ledger, account_report({PERP: "1"}), account_report({PERP: "1"}))
    live = ledger.books.account.at_exchange()
    live.begin_again(compared=True)
    assert live.discrepancies == {}
    tell(ledger, account_report({PERP: "1"}))
    assert held(ledger, PERP) == [MISMATCH]
    tell(ledger, account_report({PERP: "0"}))
    assert held(ledger, PERP) == []


@pytest.mark.parametrize(("cost", "differs"), [("90", False), (None, True)])
def test_what_an_external_perpetual_makes_is_external_where_it_was_said_what_it_cost(
    cost: str | None, differs: bool
) -> None:
    ledger = Ledger().trade("o1", "buy 2@100", PERP, strategy="a")
    books, cash = ledger.books, ledger.books.cash
    said = account_report({PERP: "22"}, str(cash), accept=Acceptance.EXTERNAL)
    tell(ledger, replace(said, price=None if cost is None else Decimal(cost)))
    assert books.account.at_exchange().external == {PERP: 20}
    assert not held(ledger, PERP)
    closed = trade("-20")  # at 110, for 0.3
    there = cash + 400 - Decimal("0.3")
    told = account_report({PERP: "2"}, str(there), trades=(closed,))
    tell(ledger, told, *[account_report({PERP: "2"}, str(there))] * 5)
    assert (BALANCE in held(ledger, PERP)) is differs
    assert books.position(PERP).quantity == 2
    assert differs or books.cash == cash
    assert problems_of(books.snapshot(), books.instruments) == []


def test_what_it_cost_can_be_said_later() -> None:
    ledger = Ledger().trade("o1", "buy 2@100", PERP, strategy="a")
    said = account_report({PERP: "5"}, accept=Acceptance.EXTERNAL)
    tell(ledger, said, replace(said, price=Decimal(90)))
    assert ledger.books.account.at_exchange().external_cost == {PERP: 270}
