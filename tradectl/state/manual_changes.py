"""Cash and positions set by hand, where no journal says how they came about.

What is put in by hand is neither profit nor loss: cash at its amount, a position at its entry price. So
the account has as much more invested as it is worth more, and no loss limit takes it for a loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from tradectl.domain.errors import UsageError
from tradectl.domain.money import ZERO, is_sane, plain
from tradectl.domain.positions import Position
from tradectl.state.account import Account, StrategyTotals
from tradectl.state.baselines import shift
from tradectl.state.books import Books

MANUAL = "manual"
"""The strategy under whose name the books keep positions that were set by hand."""

SIDES = {"long": 1, "buy": 1, "short": -1, "sell": -1, "flat": 0}


def set_cash(account: Account, value: object) -> None:
    """Raises UsageError for what is no amount."""
    cash = _number("cash", value)
    _invest(account, cash - account.cash)
    account.book_cash(cash, account.main_exchange)


def set_position(books: Books, symbol: str, values: Mapping[str, Any]) -> None:
    """{side: long|short|flat, size, entry_price, current_price}. Raises UsageError for values that no
    position can have."""
    side = str(values.get("side", "long")).lower()
    if side not in SIDES:
        raise UsageError(f"a position's side: expected one of {', '.join(SIDES)}, got {side!r}")
    size = _not_negative("size", values.get("size", 0))
    entry = _not_negative("entry_price", values.get("entry_price", 0))
    mark = (
        _not_negative("current_price", values["current_price"])
        if "current_price" in values
        else None
    )
    account, before = books.account, books.position(symbol)
    quantity = SIDES[side] * size
    after = Position(symbol, quantity, quantity * entry, before.realized, before.fees)
    if not books.instruments[symbol].can_short:
        _invest(account, after.cost - before.cost)
    if mark is not None:
        books.last.pop(symbol, None)
        account.marks[symbol] = mark
    books.hold(after)
    _attribute(account, after)


def json_ready(name: str, value: object) -> Any:
    """As it is shown: decimals as text, times in ISO 8601, those without a time zone taken for UTC.
    Raises UsageError for what cannot be shown."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    try:
        return msgspec.to_builtins(value, str_keys=True)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: a {type(value).__name__} cannot be shown as JSON") from error


def _invest(account: Account, amount: Decimal) -> None:
    """What losses are measured from moves with what is put in."""
    account.initial_cash += amount
    shift(account, amount)


def _attribute(account: Account, position: Position) -> None:
    """The strategies' positions add up to the account's: what theirs do not explain is manual."""
    held = account.holdings.get(position.symbol, {})
    others = [own for name, own in held.items() if name != MANUAL]
    rest = Position(
        position.symbol,
        position.quantity - sum(own.quantity for own in others),
        position.cost - sum(own.cost for own in others),
        position.realized - sum(own.realized for own in others),
        position.fees - sum(own.fees for own in others),
    )
    account.own(position.symbol, {MANUAL: rest})
    account.strategies.setdefault(MANUAL, StrategyTotals())


def _not_negative(name: str, value: object) -> Decimal:
    number = _number(name, value)
    if number < ZERO:
        raise UsageError(f"{name}: expected 0 or more, got {plain(number)}")
    return number


def _number(name: str, value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not is_sane(number):
        raise UsageError(f"{name}: expected a finite number below 1e15, got {str(value)[:40]!r}")
    return number
