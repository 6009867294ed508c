"""Whether the books have the fills that the exchange has, as it tells them: each one, and no other.

A fill is the same by the order's client id, its own id there, quantity, price, and its fee.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_DOWN, Decimal
from typing import Any

from tests.schedules.own_positions import OwnPositions
from tradectl.domain.events import CloseCause, OrderFilled, PositionLiquidated
from tradectl.domain.orders import client_order_id
from tradectl.state.booking import EXTERNAL
from tradectl.testkit import LoopbackExchange
from tradectl.testkit.orders import Fill


class FillChecker:
    def __init__(
        self,
        exchange: LoopbackExchange,
        market: str,
        own: OwnPositions,
        say: Callable[[str], None],
    ) -> None:
        self._exchange = exchange
        self._dialect: Any = exchange.dialect  # what a test plays is one of `tests.venues`
        self._market = market
        self._own = own
        self._say = say

    def _as_told(self, asset: str) -> str:
        """The money may have another name in the exchange's words."""
        return self._dialect.money if self._dialect is not None and asset == "USDT" else asset

    def _known_by(self, fill: Fill) -> str:
        return str(fill.id) if self._dialect is None else self._dialect.fill_id(fill)

    def _as_known(self, fee: Decimal) -> Decimal:
        """One that is worked out is not rounded as the exchange rounds it."""
        if self._dialect is None or "fees" not in self._dialect.cannot:
            return fee
        return fee.quantize(Decimal("0.000001"), ROUND_DOWN)

    def compare(self, account_id: str) -> None:
        theirs = {
            (
                "" if order.forced else order.client_id,
                self._known_by(fill),
                fill.quantity,
                fill.price,
                self._as_told(fill.fee_asset),
                self._as_known(fill.fee),
            )
            for order in self._exchange.truth.orders
            if not order.foreign and order.market == self._market
            for fill in order.fills
        }
        ours = set()
        for closed in self._closed():
            if closed.cause is CloseCause.MANUAL:
                self._compare_manual(closed)
                continue
            _, _, trade_id = closed.liquidation_id.partition(":")
            ours.add(
                ("", trade_id, closed.quantity, closed.price, self._as_told("USDT"), closed.fee)
            )
        for fill in self._booked():
            paid = (
                fill.fee_paid if fill.fee_currency not in ("", self._as_told("USDT")) else fill.fee
            )
            known_as = client_order_id(account_id, fill.order_id)
            told = (
                known_as,
                fill.trade_id,
                fill.quantity,
                fill.price,
                fill.fee_currency,
                self._as_known(paid),
            )
            ours.add(told)
        for missed in sorted(theirs - ours):
            self._say(f"a fill there is not in the books: {missed}")
        for invented in sorted(ours - theirs):
            self._say(f"a fill in the books is not there: {invented}")

    def _compare_manual(self, closed: PositionLiquidated) -> None:
        """Somebody else did trade it."""
        _, _, trade_id = closed.liquidation_id.partition(":")
        theirs = [
            fill
            for order in self._exchange.truth.orders
            if order.foreign and order.symbol == closed.symbol
            for fill in order.fills
            if self._known_by(fill) == trade_id
        ]
        if not theirs or theirs[0].quantity < closed.quantity or theirs[0].price != closed.price:
            self._say(f"a manual fill in the books is not there: {closed}")

    def _booked(self) -> Iterable[OrderFilled]:
        for event in self._own.recorded(OrderFilled):
            if not event.order_id.startswith(EXTERNAL):
                yield event

    def _closed(self) -> Iterable[PositionLiquidated]:
        """By the exchange itself."""
        return self._own.recorded(PositionLiquidated)


__all__ = ["FillChecker"]
