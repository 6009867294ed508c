"""What became of an order by hand, of a cancel, of a close."""

from __future__ import annotations

from msgspec import Struct

from tradectl.documents.account import OrderRow
from tradectl.documents.values import Amount
from tradectl.documents.why import CheckRow
from tradectl.domain.money import Side


class HandPlan(Struct, kw_only=True, frozen=True):
    """How an order is worked: until the `horizon_s` are over, looked at each `interval_s`, by as many
    `parts` at most (null where one rests and follows the price: peg); then what is left is sent (`rest`),
    or left."""

    horizon_s: float
    interval_s: float
    parts: int | None
    rest: str


class HandOrder(Struct, kw_only=True, frozen=True):
    """`order`: what was asked for and, where it was `confirmed`, the order that was made of it. Not
    confirmed, `checks` are those of risk as they would judge it now. `denied` is the check that stands
    against it, null where none does; `state` the account's. `plan` is that of an `algorithm`."""

    confirmed: bool
    state: str
    symbol: str
    side: Side
    quantity: Amount
    price: Amount | None
    notional: Amount | None
    algorithm: str
    plan: HandPlan | None
    denied: CheckRow | None
    checks: list[CheckRow] = []
    order: OrderRow | None = None


class HandCancel(Struct, kw_only=True, frozen=True):
    """The order that was asked to be cancelled, as it is now: its exchange has the last word."""

    state: str
    order: OrderRow


class HandClose(Struct, kw_only=True, frozen=True):
    """`size`, signed, is what was held as it was asked for and `orders` what was made of it so far; it is
    tried again until the position is closed."""

    state: str
    symbol: str
    size: Amount
    orders: list[OrderRow]


__all__ = ["HandCancel", "HandClose", "HandOrder", "HandPlan"]
