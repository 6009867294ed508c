"""What has prices and amounts in its rows and is no market's trades: order books, orders, liquidations.

Rows of a book look like trades: a time, a price, an amount, a side. They must not be played so. Some say
what they are in the names of their columns, in a cell (`l2update`, `canceled`) or in the file's name;
what the prices of a book say is in `book_rows`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tradectl.feeds.csv.names import Kind, normal

BOOK_COLUMNS = frozenset((
    "is_snapshot", "update_type", "first_update_id", "last_update_id", "final_update_id", "update_id",
    "level", "depth", "pu", "is_bid", "is_ask", "num_orders", "orders_count", "order_count", "bids",
    "asks", "book_side", "action", "u", "price_level",
))  # fmt: skip
LEVEL_COLUMNS = frozenset(("level", "price_level", "is_snapshot", "update_type"))
ORDER_COLUMNS = frozenset((
    "order_id", "orderid", "client_order_id", "cl_ord_id", "order_no", "order_type", "ordertype",
    "order_status", "status", "state", "time_in_force", "tif", "stop_price", "trigger_price",
    "limit_price", "filled", "executed", "executed_qty", "remaining", "unfilled", "cum_qty", "avg_price",
    "average_price", "avg_fill_price", "average", "fee", "fees", "commission", "fee_currency", "fee_coin",
    "realized_pnl", "realised_pnl", "pnl", "profit", "leverage", "reduce_only", "post_only",
    "entry_price", "exit_price", "opened_at", "closed_at", "margin",
))  # fmt: skip
TICKER_COLUMNS = frozenset((
    "previous_close", "prev_close_price", "percentage", "price_change", "price_change_percent", "bid",
    "ask", "best_bid", "best_ask", "bid_price", "ask_price", "weighted_avg_price",
))  # fmt: skip
LIQUIDATION_COLUMNS = frozenset(("liquidation", "is_liquidation", "bankruptcy_price",
                                 "liquidation_price"))  # fmt: skip
CELLS = {
    "an order book's": {
        "snapshot", "snap", "l2update", "insert", "delete", "partial", "bid", "ask", "bids", "asks",
        "remove",
    },
    "an order's": {
        "filled", "canceled", "cancelled", "partially_filled", "partiallyfilled", "expired", "rejected",
        "limit", "stop", "stop_limit", "stop_market", "take_profit", "trailing_stop", "gtc", "ioc", "fok",
        "closed", "triggered",
    },
    "a liquidation's": {"liquidation", "liquidated"},
}  # fmt: skip
_IN_NAME = re.compile(
    r"liquidation|force_?order|order_?book|book_?(?:snapshot|depth|update|delta|change)|incremental"
    r"|(?<![a-z])l[23](?![a-z0-9])|(?<![a-z])(?:open_?|my_?)?orders?(?![a-z])|premium_?index",
    re.IGNORECASE,
)
NAUGHTS = ("", "nan", "none", "null", "false", "0", "[]", "{}")


def book_column(header: Sequence[str], kind: Kind) -> str | None:
    """A column that only an order book has; the best prices of one are quotes."""
    told = {Kind.TRADES: BOOK_COLUMNS, Kind.QUOTES: LEVEL_COLUMNS}.get(kind, frozenset())
    return next((name for name in header if normal(name) in told), None)


def ticker_column(header: Sequence[str]) -> str | None:
    """A column of a ticker, whose open, high and low are those of the last 24 hours, again and again."""
    return next((name for name in header if normal(name) in TICKER_COLUMNS), None)


def what_else(header: Sequence[str], rows: Sequence[Sequence[str]], side: int | None) -> str:
    """What was seen that tells of no trades but something else; empty where nothing does."""
    for place, name in enumerate(header):
        for columns, owner in (
            (ORDER_COLUMNS, "an order's"),
            (LIQUIDATION_COLUMNS, "a liquidation's"),
        ):
            if normal(name) in columns and any(
                row[place].strip().lower() not in NAUGHTS for row in rows if len(row) > place
            ):
                return f"its column {name!a} is {owner}"
    cells = {cell for row in rows for cell in row if not cell[:1].isdecimal()}
    for cell in sorted(cells):
        whose = next((o for o, words in CELLS.items() if cell.strip().lower() in words), None)
        if whose is not None:
            return f"its cell {cell!a} is {whose}"
    if side is not None and any(
        len(row) > side and row[side].strip().lower() == "a" for row in rows
    ):
        return "the side 'a' is an order book's ask"
    return ""


def told_by_name(file_name: str) -> str:
    """As `what_else`, of the file's name."""
    match = _IN_NAME.search(file_name)
    return f"its name has {match[0]!a} in it" if match else ""


__all__ = ["book_column", "ticker_column", "told_by_name", "what_else"]
