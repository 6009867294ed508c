"""The account over REST: its fills, what it holds, what its key may do.

Fills are asked for page by page until one brings nothing new, by id where the exchange counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from tradectl.bus.clock import ComputerClock
from tradectl.domain.errors import NotExecuted, VenueRefusal
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.balances import BalanceRules, read_balances
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.decimals import ForeignMarket, exact, listed
from tradectl.exchange.ccxt_venue.markets import Market, Markets
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.report_parser import ReportParser
from tradectl.exchange.venue import Balance, Holdings, Permissions, VenueFill

MOST_PAGES = 2_000


class AccountQueries:
    def __init__(
        self,
        client: Any,
        caller: Caller,
        markets: Markets,
        parser: ReportParser,
        quirks: Quirks,
        *,
        kind: str,
        balances: BalanceRules | None = None,
        clock: Callable[[], int] = ComputerClock.wall,
    ) -> None:
        self._client = client
        self._caller = caller
        self._markets = markets
        self._parser = parser
        self._quirks = quirks
        self._kind = kind
        self._balances = balances
        self._clock = clock

    async def fills(self, symbol: str, since: int) -> list[VenueFill]:
        market = self._markets[symbol]
        now_ms = self._clock() // MILLISECOND
        history = self._quirks.fills_history_ms.get(self._kind)
        cursor = max(since // MILLISECOND, now_ms - history if history else 1, 1)
        window = self._quirks.fills_window_ms.get(self._kind)
        found: dict[tuple[str, str], VenueFill] = {}
        from_id = ""
        for _ in range(MOST_PAGES):
            page = await self._page(market, cursor, from_id)
            fresh = [fill for fill in page if _key(fill) not in found]
            found.update((_key(fill), fill) for fill in fresh)
            cursor = max([cursor, *(fill.ts // MILLISECOND for fill in fresh)])
            limit = self._quirks.fills_limit
            is_full = limit is not None and len(page) >= limit
            if fresh and (is_full or limit is None):
                from_id = self._next_id(fresh)
            elif is_full:
                raise NotExecuted(f"fills of {symbol}: more of one moment than a page holds")
            elif window and cursor + window < now_ms:
                from_id, cursor = "", cursor + window
            else:
                wanted = [fill for fill in found.values() if fill.ts >= since]
                return sorted(wanted, key=lambda fill: (fill.ts, _by_number(fill.trade_id)))
        raise NotExecuted(f"fills of {symbol}: more than {MOST_PAGES} pages")

    async def _page(self, market: Market, cursor: int, from_id: str) -> list[VenueFill]:
        params = {self._quirks.fills_from_id: from_id} if from_id else {}
        return await self._caller.ask(
            f"fills of {market.symbol}",
            lambda: self._client.fetch_my_trades(
                market.unified, None if from_id else cursor, self._quirks.fills_limit, params
            ),
            lambda raws: [self._parser.fill(raw, market=market) for raw in listed(raws)],
            privileged=True,
        )

    def _next_id(self, page: Sequence[VenueFill]) -> str:
        ids = [int(fill.trade_id) for fill in page if fill.trade_id.isdigit()]
        return str(max(ids)) if ids and self._quirks.fills_from_id else ""

    async def holdings(self) -> Holdings:
        positions_of = self._quirks.positions.get(self._kind)

        def read(raw: Any) -> tuple[dict[str, Balance], bool, dict[str, Decimal]]:
            balances, known = read_balances(raw, self._balances, self._client.safe_currency_code)
            positions = {} if positions_of is None else self._by_symbol(positions_of(raw["info"]))
            return balances, known, positions

        detailed, known, positions = await self._caller.ask(
            "balances", self._client.fetch_balance, read
        )
        if positions_of is None and self._kind != "spot":
            positions = await self._caller.ask(
                "positions", self._client.fetch_positions, self._positions
            )
        wallets = {name: balance.wallet for name, balance in detailed.items() if balance.wallet}
        known = known or self._kind == "spot" or not positions
        return Holdings(wallets, positions, known, detailed)

    def _by_symbol(self, positions: dict[str, str]) -> dict[str, Decimal]:
        held: dict[str, Decimal] = {}
        for market_id, text in positions.items():
            quantity, market = exact(text), self._markets.by_id(market_id)
            if quantity and market is not None:
                held[market.symbol] = quantity * market.size
        return held

    def _positions(self, raws: Any) -> dict[str, Decimal]:
        held: dict[str, Decimal] = {}
        for raw in listed(raws):
            try:
                market = self._markets.of(raw.get("symbol"))
            except ForeignMarket:
                continue  # of a market of another kind: nothing here can touch it
            if self._is_hedged(raw) and exact(raw.get("contracts") or "0"):
                raise VenueRefusal(causes.HEDGE_MODE)
            quantity = abs(exact(raw.get("contracts") or "0")) * market.size
            signed = -quantity if raw.get("side") == "short" else quantity
            held[market.symbol] = held.get(market.symbol, Decimal(0)) + signed
        return {symbol: quantity for symbol, quantity in held.items() if quantity}

    def _is_hedged(self, raw: Any) -> bool:
        info = raw.get("info") or {}
        marks = self._quirks.hedged.items()
        return raw.get("hedged") is True or any(info.get(key) in found for key, found in marks)

    async def permissions(self) -> Permissions:
        method = getattr(self._client, self._quirks.permissions or "-", None)
        keys = self._quirks.permission_keys.get(self._kind)
        if method is None or keys is None:
            return Permissions()

        def read(raw: Any) -> Permissions:
            trade, withdraw = (raw.get(key) for key in keys)
            return Permissions(
                trade if isinstance(trade, bool) else None,
                withdraw if isinstance(withdraw, bool) else None,
            )

        try:
            return await self._caller.ask("permissions", method, read)
        except VenueRefusal:
            return Permissions()  # its test network does not say


def _key(fill: VenueFill) -> tuple[str, str]:
    """Two orders of one account may trade with each other: a fill each, of one trade."""
    return fill.trade_id, fill.venue_order_id


def _by_number(trade_id: str) -> tuple[int, str]:
    return (int(trade_id) if trade_id.isdigit() else 0, trade_id)


__all__ = ["AccountQueries"]
