"""The account as JSON-ready data: the part of `status --json` that the books know."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradectl.domain.money import plain
from tradectl.domain.orders import Order, client_order_id
from tradectl.domain.positions import Position
from tradectl.domain.time import iso
from tradectl.domain.views import TradingState
from tradectl.state.books import Books

SHOWN = Decimal("1e-10")


def money(value: Decimal) -> str:
    """As text, quotients cut to ten decimals."""
    exponent = value.as_tuple().exponent
    return plain(value if isinstance(exponent, int) and exponent >= -10 else value.quantize(SHOWN))


def portfolio(books: Books) -> dict[str, Any]:
    return {
        "currency": books.account.currency,
        "equity": money(books.equity()),
        "cash": money(books.cash),
        "realized_pnl": money(books.realized()),
        "unrealized_pnl": money(books.unrealized()),
        "fees": money(books.fees()),
        "margin_used": money(books.margin_used()),
        "exposure": money(books.exposure()),
        "drawdown_pct": money(books.drawdown() * 100),
        "initial_cash": money(books.account.initial_cash),
        "peak_equity": money(books.peak_equity),
        "turnover": money(books.account.turnover),
    }


def positions(books: Books) -> list[dict[str, Any]]:
    return [position(books, p) for p in books.positions()]


def position(books: Books, p: Position) -> dict[str, Any]:
    mark = books.mark(p.symbol)
    if mark is None:
        mark = p.entry_price
    return {
        "symbol": p.symbol,
        "side": p.side,
        "size": money(abs(p.quantity)),
        "entry_price": money(p.entry_price),
        "current_price": money(mark),
        "unrealized_pnl": money(p.unrealized(mark)),
        "realized_pnl": money(p.realized),
        "fees": money(p.fees),
    }


def open_orders(books: Books) -> list[dict[str, Any]]:
    account_id = books.account.account_id
    return [open_order(order, account_id) for order in books.working_orders()]


def open_order(order: Order, account_id: str) -> dict[str, Any]:
    spec = order.spec
    return {
        "order_id": spec.order_id,
        "client_order_id": client_order_id(account_id, spec.order_id),
        "venue_order_id": order.venue_order_id,
        "symbol": spec.symbol,
        "side": spec.side.value,
        "type": spec.type.value,
        "quantity": money(spec.quantity),
        "filled": money(order.filled),
        "price": None if spec.price is None else money(spec.price),
        "stop_price": None if spec.stop_price is None else money(spec.stop_price),
        "status": order.status.value,
        "strategy": spec.strategy,
        "created_at": iso(order.created_at),
    }


def halt(books: Books) -> dict[str, str] | None:
    account = books.account
    if account.mode is not TradingState.HALTED:
        return None
    return {"reason": account.mode_reason, "since": iso(account.halted_at)}


def holds(books: Books) -> list[dict[str, str]]:
    """Why trading in which symbols is held back."""
    live = books.account.live
    return [
        {"symbol": symbol, "kind": kind.value, "message": message}
        for symbol, kinds in (sorted(live.holds.items()) if live is not None else ())
        for kind, message in kinds.items()
    ]


def strategies(books: Books) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "orders": totals.orders,
            "fills": totals.fills,
            "realized_pnl": money(totals.realized),
            "fees": money(totals.fees),
        }
        for name, totals in sorted(books.account.strategies.items())
    ]


def system_state(books: Books, run_id: str, last_seq: int) -> dict[str, Any]:
    """Everything above in one document, as of record `last_seq`."""
    return {
        "mode_reason": books.account.mode_reason,
        "portfolio": portfolio(books),
        "positions": positions(books),
        "open_orders": open_orders(books),
        "strategies": strategies(books),
        "halt": halt(books),
        "holds": holds(books),
        "last_seq": last_seq,
        "state_hash": books.state_hash(run_id),
    }
