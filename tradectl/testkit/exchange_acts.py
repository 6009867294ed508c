"""What the exchange itself does to a futures account: it settles funding, pays and charges, and closes
positions. Mixed into `LoopbackExchange`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradectl.testkit.accounts import Account
from tradectl.testkit.broadcast import Broadcast
from tradectl.testkit.engine import Engine
from tradectl.testkit.income import FUNDING_EVERY_MS
from tradectl.testkit.orders import Order
from tradectl.testkit.symbols import FUTURES
from tradectl.testkit.trading import cancel_all

Number = Decimal | str | int
CENT_OF_A_SATOSHI = Decimal("0.00000001")
ADL, LIQUIDATION, SETTLEMENT = "adl_autoclose", "autoclose-", "settlement_autoclose-"


class ExchangeActs:
    engines: dict[str, Engine]
    accounts: dict[str, Account]
    now_ms: Callable[[], int]
    _broadcast: Broadcast
    _funding: asyncio.Task[None] | None = None
    liquidating: str = ""
    """the symbol whose orders it cancels by itself, or whose position it closes, at this moment"""

    def fund(
        self,
        symbol: str,
        rate: Number,
        *,
        account: str = "main",
        at_ms: int | None = None,
        late: float = 0.0,
        shown: int = 1,
        told: bool = True,
    ) -> Decimal:
        """Settle funding of a position at the last price; what the account got. Its row is shown `late`,
        and so many times; the stream tells of it at once, where it is to."""
        amount = self.accounts[account].futures.positions[symbol].amount
        paid = -Decimal(rate) * amount * self.engines[FUTURES].last[symbol]
        paid = paid.quantize(CENT_OF_A_SATOSHI)
        if paid:
            self.pay(
                "FUNDING_FEE", paid, symbol=symbol, account=account, at_ms=at_ms, late=late,
                shown=shown, told=told,
            )  # fmt: skip
        return paid

    def pay(
        self,
        kind: str,
        amount: Number,
        *,
        symbol: str = "",
        asset: str = "USDT",
        account: str = "main",
        at_ms: int | None = None,
        late: float = 0.0,
        shown: int = 1,
        told: bool = True,
    ) -> None:
        """Move money for whatever `kind` of income it is, to (+) or from the wallet."""
        self._broadcast.income(
            self.accounts[account],
            kind,
            Decimal(amount),
            symbol=symbol,
            asset=asset,
            at_ms=at_ms,
            late=late,
            shown=shown,
            told=told,
        )

    def start_funding(self, rate: Number, *, account: str = "main") -> None:
        """At every full eight hours of the exchange's clock, of all that is held."""
        self.stop_funding()

        async def forever() -> None:
            while True:
                now = self.now_ms()
                due = (now // FUNDING_EVERY_MS + 1) * FUNDING_EVERY_MS
                await asyncio.sleep((due - now) / 1000)
                for symbol in [*self.accounts[account].futures.positions]:
                    self.fund(symbol, rate, account=account, at_ms=due)

        self._funding = asyncio.create_task(forever())

    def stop_funding(self) -> None:
        if self._funding is not None:
            self._funding.cancel()
            self._funding = None

    def liquidate(
        self,
        symbol: str,
        *,
        fraction: Number = 1,
        fee_rate: Number = "0.0125",
        account: str = "main",
        **how: Any,
    ) -> Order | None:
        """Cancel what rests in the symbol, close the position (or a part of it) at the last price, and
        charge for the insurance fund; what the wallet then lacks the fund bears."""
        self.liquidating = symbol
        for algo in (False, True):
            cancel_all(self.engines[FUTURES], account, symbol, algo=algo)
        order = self._close(account, symbol, f"{LIQUIDATION}{self.now_ms()}", fraction)
        self.liquidating = ""
        if order is not None:
            cleared = -(order.cost * Decimal(fee_rate)).quantize(CENT_OF_A_SATOSHI)
            self.pay("INSURANCE_CLEAR", cleared, symbol=symbol, account=account, **how)
            wallet = self.accounts[account].futures.wallet
            if wallet < 0:
                self.pay("INSURANCE_CLEAR", -wallet, symbol=symbol, account=account, **how)
        return order

    def deleverage(
        self, symbol: str, *, fraction: Number = 1, account: str = "main"
    ) -> Order | None:
        """Auto-deleveraging: close the position, or a part of it, at the last price and without a fee."""
        return self._close(account, symbol, ADL, fraction)

    def settle_market(self, symbol: str, *, account: str = "main") -> Order | None:
        """The market is delisted: what is held is settled."""
        return self._close(account, symbol, f"{SETTLEMENT}{self.now_ms()}", 1)

    def _close(self, account: str, symbol: str, client_id: str, fraction: Number) -> Order | None:
        engine = self.engines[FUTURES]
        amount = self.accounts[account].futures.positions[symbol].amount
        lot = engine.rules[symbol].lot
        quantity = max(abs(amount) * Decimal(fraction) // lot * lot, lot).quantize(lot)
        if not amount:
            return None
        order = Order(
            id=0,
            market=FUTURES,
            symbol=symbol,
            account=account,
            client_id=client_id,
            side="SELL" if amount > 0 else "BUY",
            type="LIMIT",
            quantity=min(quantity, abs(amount)),
            price=engine.last[symbol],
            time_in_force="IOC",
            reduce_only=True,
            child=True,
            forced=True,
        )
        engine.close_position(order)
        return order
