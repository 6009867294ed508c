"""What a test does to the exchange: move the market, arm faults, change the account from outside.

Three groups of calls, mixed into `LoopbackExchange`, which says what they act on.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable
from decimal import Decimal

from tradectl.testkit.accounts import Account
from tradectl.testkit.broadcast import Broadcast
from tradectl.testkit.engine import Engine
from tradectl.testkit.faults import ORDERS, Fault, Faults, Kind
from tradectl.testkit.market_maker import MarketMaker
from tradectl.testkit.orders import Order
from tradectl.testkit.sockets import USER, Hub
from tradectl.testkit.symbols import SPOT
from tradectl.testkit.truth import Truth
from tradectl.testkit.wire import Recording

Number = Decimal | str | int


class MarketControls:
    engines: dict[str, Engine]
    market_makers: dict[str, MarketMaker]
    recorded: dict[str, Recording]
    _walk: asyncio.Task[None] | None = None

    def quote(
        self,
        symbol: str,
        bid: Number,
        ask: Number,
        size: Number | None = None,
        *,
        levels: int = 5,
        market: str = SPOT,
    ) -> None:
        """The market maker's quotes from now on; what they cross is traded."""
        shown = Decimal(size) if size is not None else None
        self.market_makers[market].quote(symbol, Decimal(bid), Decimal(ask), shown, levels)

    def withdraw_quotes(self, symbol: str, *, market: str = SPOT) -> None:
        self.market_makers[market].withdraw(symbol)

    def print_trade(
        self, symbol: str, price: Number, quantity: Number, *, market: str = SPOT
    ) -> None:
        """Somebody trades at `price`; our orders resting at better prices get their part first."""
        self.market_makers[market].print_trade(symbol, Decimal(price), Decimal(quantity))

    def move(
        self, symbol: str, price: Number, size: Number | None = None, *, market: str = SPOT
    ) -> None:
        """Quotes around `price`, then a small trade at it."""
        shown = Decimal(size) if size is not None else None
        self.market_makers[market].move(symbol, Decimal(price), shown)

    def walk(
        self,
        steps: int = 1,
        *,
        symbols: Iterable[str] = (),
        market: str = "",
        sigma: Number = "0.0002",
    ) -> None:
        """So many steps of the seeded random walk, of all symbols of both markets by default."""
        chosen = list(symbols)
        for _ in range(steps):
            for name, maker in self.market_makers.items():
                if market in {"", name}:
                    for symbol in chosen or list(self.engines[name].rules):
                        if symbol in self.engines[name].rules and not self._fed(name, symbol):
                            maker.step(symbol, Decimal(sigma))

    def _fed(self, market: str, symbol: str) -> bool:
        return market == SPOT and symbol in self.recorded

    def start_walking(self, per_second: float = 20.0, *, sigma: Number = "0.0002") -> None:
        """Walk by itself, so many steps a second."""
        self.stop_walking()

        async def forever() -> None:
            while True:
                await asyncio.sleep(1 / per_second)
                self.walk(sigma=sigma)

        self._walk = asyncio.create_task(forever())

    def stop_walking(self) -> None:
        if self._walk is not None:
            self._walk.cancel()
            self._walk = None


class FaultControls:
    linked: bool = True
    truth: Truth
    faults: Faults
    hub: Hub

    def misbehave(
        self,
        kind: Kind | str | Iterable[Kind | str],
        *,
        method: str = "*",
        path: str = "*",
        stream: str = "*",
        event: str = "*",
        params: dict[str, str] | None = None,
        count: int = 1,
        skip: int = 0,
        probability: float = 1.0,
        placed: bool | None = None,
        seconds: float = 0.0,
        fraction: Number = "0.5",
        code: int = 0,
        status: int = 0,
        text: str = "",
    ) -> Fault:
        """Arm a fault (see `faults`). `count` -1 is for ever; `skip` lets the first ones pass. Without
        more said, faults of orders match placing (or cancelling), others any request or message."""
        kinds = tuple(Kind(name) for name in ([kind] if isinstance(kind, str) else kind))
        if (method, path) == ("*", "*") and kinds[0] in ORDERS:
            method, path = ("POST" if kinds[0] is Kind.FORGET else "DELETE"), "*rder"
        fault = Fault(
            kinds,
            method,
            path,
            stream,
            event,
            params or {},
            count,
            skip,
            probability,
            placed,
            seconds,
            Decimal(fraction),
            status,
            code,
            text,
        )
        return self.faults.add(fault)

    def behave(self) -> None:
        """Take back every fault."""
        self.faults.clear()

    def forget(self, client_order_id: str, seconds: float) -> None:
        """Deny to know an order for so long."""
        for order in self.truth.orders_of(client_order_id):
            order.hidden_until = time.monotonic() + seconds

    def inject(self, stream: str, text: str, *, market: str = SPOT) -> int:
        """Send `text` as it is, whatever it is, to all who listen to `stream` ("user": the accounts).
        How many they are."""
        chosen = [
            socket
            for socket in self.hub.sockets
            if socket.market == market
            and (socket.account if stream == USER else socket.wants(stream))
        ]
        for socket in chosen:
            socket.send_text(text)
        return len(chosen)

    def link_down(self) -> None:
        """Nobody gets through, by REST or WebSocket, until `link_up`; the exchange itself goes on."""
        self.truth.note("link-down")
        self.linked = False
        self.hub.cut()

    def link_up(self) -> None:
        self.truth.note("link-up")
        self.linked = True

    def restart_streams(self) -> int:
        """Drop every WebSocket; how many there were."""
        self.truth.note("streams-dropped", sockets=len(self.hub.sockets))
        return self.hub.cut()


class OutsideControls:
    engines: dict[str, Engine]
    accounts: dict[str, Account]
    _broadcast: Broadcast
    _ids: itertools.count[int]

    def number_anew(self) -> None:
        """As an exchange that was set up anew: order ids begin again, and what is over is forgotten."""
        for engine in self.engines.values():
            engine.number_anew()

    def outside_order(
        self,
        account: str,
        symbol: str,
        side: str,
        quantity: Number,
        price: Number | None = None,
        *,
        market: str = SPOT,
        client_order_id: str = "",
        reduce_only: bool = False,
        stop_price: Number | None = None,
        position_side: str = "BOTH",
    ) -> Order:
        """An order by somebody else on the same account, with `stop_price` one that waits for it. In
        hedge mode it opens or closes the position on `position_side`. Raises ApiError as for anybody."""
        stop = ("STOP_LOSS" if market == SPOT else "STOP_MARKET") if stop_price is not None else ""
        order = Order(
            id=0,
            market=market,
            symbol=symbol,
            account=account,
            client_id=client_order_id or f"web_{next(self._ids)}",
            side=side.upper(),
            type=stop or ("MARKET" if price is None else "LIMIT"),
            quantity=Decimal(quantity),
            price=Decimal(price) if price is not None else None,
            stop_price=Decimal(stop_price) if stop_price is not None else None,
            reduce_only=reduce_only,
            algo=bool(stop) and market != SPOT,
            foreign=True,
            position_side=position_side,
        )
        order.reduce_only = order.reduce_only or order.closes
        return self.engines[market].place(order)

    def outside_trade(
        self, account: str, symbol: str, side: str, quantity: Number, *, market: str = SPOT
    ) -> Order:
        """A market order by somebody else on the same account."""
        return self.outside_order(account, symbol, side, quantity, market=market)

    def lock_coins(self, account: str, symbol: str, price: Number) -> Order:
        """Somebody else cancels what binds the coins, and offers all of them at `price`."""
        engine = self.engines[SPOT]
        for order in [
            o for o in engine.live.values() if (o.account, o.symbol) == (account, symbol)
        ]:
            engine.cancel(order)
        rules = engine.rules[symbol]
        free = self.accounts[account].spot.free[rules.base]
        return self.outside_order(account, symbol, "SELL", free // rules.lot * rules.lot, price)

    def outside_transfer(
        self, account: str, asset: str, amount: Number, *, market: str = SPOT
    ) -> None:
        """Deposit, or with an amount below zero withdraw."""
        self._broadcast.transfer(self.accounts[account], asset, Decimal(amount), market)
