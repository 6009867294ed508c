"""The account as JSON: the names that scripts rely on, and numbers as people spell them."""

from __future__ import annotations

from decimal import Decimal

from tests.fixtures.books import PERP, RUN, SPOT, Ledger, cancel, fill, report, tick
from tests.fixtures.documents import as_json
from tests.fixtures.rows import each_row
from tradectl.documents.account import AccountStatus, Halt
from tradectl.domain.events import (
    Command,
    CommandReceived,
    EmergencyStopReceived,
    OrderAccepted,
    OrderCanceled,
)
from tradectl.domain.money import decimal_text
from tradectl.domain.orders import client_order_id
from tradectl.domain.states import TradingState
from tradectl.state import status


def account_of(ledger: Ledger) -> AccountStatus:
    return status.account_status(ledger.books, RUN, ledger.seq)


@each_row(
    ("value", "text"),
    [
        ("0", "0"),
        ("1.50", "1.5"),
        ("1E+5", "100000"),
        ("0.0000000001", "0.0000000001"),
        ("0.00000000014", "0.0000000001"),
        ("33.33333333333333333333333333", "33.3333333333"),
        ("-0.00000000000001", "0"),
    ],
)
def test_money_is_plain_and_quotients_are_cut(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


def test_a_portfolio_has_the_promised_names() -> None:
    ledger = Ledger().trade("o1", "buy 3@10", fee="0.5")
    told = as_json(status.portfolio_totals(ledger.books))
    assert {
        "equity", "cash", "realized_pnl", "unrealized_pnl", "fees", "margin_used", "drawdown_pct",
        "max_drawdown_pct",
    } <= told.keys()  # fmt: skip
    assert all(isinstance(value, str) for value in told.values())


def test_positions_are_told_with_size_side_and_price() -> None:
    ledger = Ledger().trade("o1", "buy 3@10").trade("o2", "sell 2@50", PERP)
    ledger.tell(tick("11"), tick("45", PERP))
    spot, perp = as_json(account_of(ledger).positions)
    assert spot == {
        "symbol": SPOT,
        "side": "long",
        "size": "3",
        "entry_price": "10",
        "current_price": "11",
        "unrealized_pnl": "3",
        "realized_pnl": "0",
        "fees": "0",
        "liquidation_price": None,
        "dust": False,
    }
    assert (perp["side"], perp["size"], perp["unrealized_pnl"]) == ("short", "2", "10")
    cash = Decimal(10_000 - 30)
    assert Decimal(perp["liquidation_price"]) == round((cash + 100) / (2 * Decimal("1.004")), 10)


def test_flat_positions_are_not_told() -> None:
    ledger = Ledger().trade("o1", "buy 3@10").trade("o2", "sell 3@10")
    assert account_of(ledger).positions == []


def test_open_orders_are_told_while_they_work() -> None:
    ledger = Ledger().work("o1", "buy 3").work("o2", "sell 1")
    ledger.tell(
        report("o1", OrderAccepted, venue="v1"),
        fill("t1", "o1", "buy 1@10"),
        cancel("o2"),
        report("o2", OrderCanceled),
    )
    (order,) = as_json(account_of(ledger).open_orders)
    assert order == {
        "leg": "",
        "order_id": "o1",
        "client_order_id": client_order_id(ledger.books.account.account_id, "o1"),
        "venue_order_id": "v1",
        "account_id": ledger.books.account.account_id,
        "run_id": "o1",
        "symbol": SPOT,
        "side": "buy",
        "type": "market",
        "quantity": "3",
        "filled": "1",
        "price": None,
        "stop_price": None,
        "average_price": "10",
        "status": "partially_filled",
        "strategy": "s",
        "reason": "because",
        "fees": "0",
        "reduce_only": False,
        "created_at": "1970-01-01T00:00:00.000001Z",
        "updated_at": order["updated_at"],
        "parent_id": "",
        "algorithm": "",
        "tag": "",
    }


def test_a_halt_is_told_with_its_reason_and_moment_and_a_pause_is_none() -> None:
    ledger = Ledger()
    assert status.halt(ledger.books) is None
    ledger.tell(CommandReceived(command=Command.PAUSE))
    assert status.halt(ledger.books) is None
    ledger.tell(EmergencyStopReceived(reason="fire"))
    halt = Halt(state=TradingState.HALTED, reason="fire", since="1970-01-01T00:00:00.000001Z")
    assert status.halt(ledger.books) == halt


def test_strategies_are_told_by_name_with_their_own_record() -> None:
    ledger = Ledger().trade("o1", "buy 1@10", strategy="b", fee="0.5")
    ledger.trade("o2", "sell 1@12", strategy="b").work("o3", "buy 1", strategy="a")
    rows = account_of(ledger).strategies
    assert [(row.name, row.orders, row.fills) for row in rows] == [
        ("a", 1, 0),
        ("b", 2, 2),
    ]
    assert rows[1].realized_pnl == "2"


def test_one_document_holds_it_all() -> None:
    ledger = Ledger().trade("o1", "buy 3@10")
    told = account_of(ledger)
    assert told.state_hash == ledger.hash()
    assert told.last_seq == ledger.seq
    assert told.portfolio is not None
    assert told.portfolio.cash == "9970"


def test_a_strategys_row_has_its_part_of_the_account_and_the_rows_add_up() -> None:
    ledger = Ledger().trade("o1", "buy 3@100", PERP, fee="0.3", strategy="a")
    ledger.trade("o2", "sell 1@110", PERP, fee="0.11", strategy="b").tell(tick("120", PERP))
    a, b = as_json(account_of(ledger).strategies)
    assert (a["cash_flow"], a["unrealized_pnl"], a["fees"], a["total_pnl"]) == (
        "-300", "60", "0.3", "59.7",
    )  # fmt: skip
    assert [(p["symbol"], p["side"], p["size"]) for p in b["positions"]] == [(PERP, "short", "1")]
    assert b["total_pnl"] == "-10.11"
    assert Decimal(a["total_pnl"]) + Decimal(b["total_pnl"]) == ledger.books.profit()


def test_what_strategies_hold_that_are_not_configured_is_told() -> None:
    ledger = Ledger().trade("o1", "buy 3@100", strategy="old").trade("o2", "buy 2@9", strategy="a")
    ledger.books.account.configured = ("a",)
    assert status.absent(ledger.books) == f"old holds 3 {SPOT}"
    ledger.trade("o3", "sell 3@100", strategy="old")
    assert status.absent(ledger.books) == ""


def test_what_a_run_has_no_data_of_is_named() -> None:
    ledger = Ledger().trade("o1", "buy 3@100", strategy="a")
    assert status.without_data(ledger.books, [SPOT]) == ""
    assert status.without_data(ledger.books, ["OTHER"]) == f"3 {SPOT}"
