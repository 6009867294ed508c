"""The account over REST: its fills, what it holds, what its key may do.

Fills are asked for page by page until one brings nothing new: by id where the exchange counts them, and
backwards where its pages begin with the newest. Where it cannot be asked for those before a full page,
nothing is told: some would be taken for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct

from tradectl.bus.clock import ComputerClock
from tradectl.domain.errors import NotExecuted, VenueRefusal
from tradectl.domain.money import ZERO, Side
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.ccxt_venue.balances import BalanceRules, read_balances
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.client import feature
from tradectl.exchange.ccxt_venue.decimals import ForeignMarket, exact, listed, nanoseconds
from tradectl.exchange.ccxt_venue.markets import Market, Markets
from tradectl.exchange.ccxt_venue.paging import Next, Pages, by_number
from tradectl.exchange.ccxt_venue.position_modes import PositionModes, side_in
from tradectl.exchange.ccxt_venue.quirks import PositionRow, Quirks
from tradectl.exchange.ccxt_venue.report_parser import ReportParser
from tradectl.exchange.holdings import Balance, BothSides, Holdings, PositionSide
from tradectl.exchange.venue import Permissions, VenueFill

MOST_PAGES = 2_000
_LONG_OR_SHORT = {True: PositionSide.LONG, False: PositionSide.SHORT}
Found = dict[tuple[str, str], VenueFill]


class Positions(Struct):
    """What is held by symbol (signed), and by side where an account in hedge mode tells that."""

    net: dict[str, Decimal] = {}
    sides: dict[str, BothSides] = {}


class AccountQueries:
    def __init__(
        self,
        client: Any,
        caller: Caller,
        markets: Markets,
        parser: ReportParser,
        quirks: Quirks,
        *,
        modes: PositionModes,
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
        self._modes = modes
        self._balances = balances
        self._clock = clock
        until = feature(client, kind, "fetchMyTrades", "untilDays")
        self._goes_back = until is not None or kind in quirks.fills_until
        """fills up to a time can be asked for"""
        self._full_page = feature(client, kind, "fetchMyTrades", "limit")
        """so many fills there may be others; None where ccxt does not say"""
        self._pages = quirks.fills_pages.get(kind)

    async def fills(self, symbol: str, since: int) -> list[VenueFill]:
        market = self._markets[symbol]
        found: Found = {}
        for asked in self._quirks.fills_asked.get(self._kind, ({},)):
            if self._pages is not None:
                await self._page_by_page(market, since, asked, found, self._pages)
            elif self._quirks.fills_limit is None:
                await self._both_ways(market, since, asked, found)
            else:
                await self._by_full_pages(market, since, asked, found)
        wanted = [fill for fill in found.values() if fill.symbol and fill.ts >= since]
        return sorted(wanted, key=lambda fill: (fill.ts, by_number(fill.trade_id)))

    def _begin(self, since: int, now_ms: int) -> int:
        history = self._quirks.fills_history_ms.get(self._kind)
        return max(since // MILLISECOND, now_ms - history if history else 1, 1)

    async def _by_full_pages(
        self, market: Market, since: int, asked: Mapping[str, Any], found: Found
    ) -> None:
        """Of an exchange whose pages are known: oldest first, and full where there is another."""
        now_ms = self._clock() // MILLISECOND
        cursor, from_id = self._begin(since, now_ms), ""
        window, limit = self._quirks.fills_window_ms.get(self._kind), self._quirks.fills_limit
        for _ in range(MOST_PAGES):
            by_id = {self._quirks.fills_from_id: from_id} if from_id else {}
            page = await self._page(market, None if from_id else cursor, {**asked, **by_id})
            fresh = _add(page, found)
            cursor = max([cursor, *(fill.ts // MILLISECOND for fill in fresh)])
            is_full = limit is not None and len(page) >= limit
            if fresh and is_full:
                from_id = self._next_id(fresh)
            elif is_full:
                raise NotExecuted(f"fills of {market.symbol}: more of one moment than a page holds")
            elif window and cursor + window < now_ms:
                from_id, cursor = "", cursor + window
            else:
                return
        raise NotExecuted(f"fills of {market.symbol}: more than {MOST_PAGES} pages")

    async def _page_by_page(
        self,
        market: Market,
        since: int,
        asked: Mapping[str, Any],
        found: Found,
        pages: Pages,
    ) -> None:
        """Of one that says how the next page is asked for: until a page has nothing."""
        now_ms = self._clock() // MILLISECOND
        begin, window = self._begin(since, now_ms), self._quirks.fills_window_ms.get(self._kind)
        while True:
            is_last = not window or begin + window >= now_ms
            until = {} if is_last or window is None else {"until": begin + window - 1}
            following: dict[str, Any] = {}
            rows = 0
            for number in range(1, MOST_PAGES + 1):
                params = {**asked, **until, **following}
                page, last = await self._rows(market, begin, params, pages, rows, number)
                fresh = _add(page, found)
                rows += len(page)
                if not last or (not fresh and pages.by is not Next.CURSOR):
                    break
                following = {pages.param: last}
            else:
                raise NotExecuted(f"fills of {market.symbol}: more than {MOST_PAGES} pages")
            if is_last:
                return
            begin += window or 0

    async def _rows(
        self,
        market: Market,
        since_ms: int,
        params: Mapping[str, Any],
        pages: Pages,
        rows: int,
        number: int,
    ) -> tuple[list[VenueFill], str]:
        """A page, and what the next one is asked for with; empty for none."""
        last = ""

        def read(raws: Any) -> list[VenueFill]:
            nonlocal last
            last = pages.following(listed(raws), rows + len(raws), number)
            return [self._read(raw, market) for raw in raws]

        page = await self._ask(market, since_ms, pages.most or self._full_page, params, read)
        return page, last

    async def _both_ways(
        self, market: Market, since: int, asked: Mapping[str, Any], found: Found
    ) -> None:
        """Of any other: a page may be of the oldest or of the newest, so it is asked for what is before
        it and after it until nothing is new."""
        now_ms = self._clock() // MILLISECOND
        begin, window = self._begin(since, now_ms), self._quirks.fills_window_ms.get(self._kind)
        while True:
            await self._around(market, begin, asked, found)
            if not window or begin + window >= now_ms:
                return
            begin += window

    async def _around(
        self, market: Market, begin: int, asked: Mapping[str, Any], found: Found
    ) -> None:
        until: int | None = None
        asked_at, may_lack = self._clock(), False
        for nth in range(MOST_PAGES):
            before = {} if until is None else self._quirks.fills_before(until)
            page = await self._page(market, begin, {**asked, **before})
            fresh = _add(page, found)
            if self._is_full(page) and len({fill.ts for fill in page}) == 1:
                raise NotExecuted(f"fills of {market.symbol}: more of one moment than a page holds")
            if nth == 0:
                may_lack = bool(fresh) and self._is_full(page) and not self._goes_back
            elif any(fill.ts < asked_at for fill in fresh):
                may_lack = False  # they were there before: the first page was of the oldest
            oldest = min((fill.ts for fill in page), default=0) // MILLISECOND
            newest = max((fill.ts for fill in page), default=0) // MILLISECOND
            if fresh and oldest > begin and self._goes_back:
                until = oldest + 1  # of some it is the first that is left out
            elif until is not None:
                until, begin = None, max(fill.ts for fill in found.values()) // MILLISECOND
            elif fresh and newest > begin:
                begin = newest
            elif may_lack:
                what = f"fills of {market.symbol}: a page of {self._full_page} is full"
                raise NotExecuted(f"{what}, and those before it cannot be asked for")
            else:
                return
        raise NotExecuted(f"fills of {market.symbol}: more than {MOST_PAGES} pages")

    def _is_full(self, page: Sequence[VenueFill]) -> bool:
        return self._full_page is not None and len(page) >= self._full_page

    async def _page(
        self, market: Market, since_ms: int | None, params: Mapping[str, Any]
    ) -> list[VenueFill]:
        limit = self._quirks.fills_limit or self._full_page
        return await self._ask(
            market,
            since_ms,
            limit,
            params,
            lambda raws: [self._read(raw, market) for raw in listed(raws)],
        )

    def _read(self, raw: Any, market: Market) -> VenueFill:
        of_all = self._kind in self._quirks.fills_of_all
        if of_all and raw.get("symbol") != market.unified:
            return _of_another(raw)
        return self._parser.fill(raw, market=market)

    async def _ask(
        self,
        market: Market,
        since_ms: int | None,
        limit: int | None,
        params: Mapping[str, Any],
        read: Callable[[Any], list[VenueFill]],
    ) -> list[VenueFill]:
        asked = None if self._kind in self._quirks.fills_of_all else market.unified
        return await self._caller.ask(
            f"fills of {market.symbol}",
            lambda: self._client.fetch_my_trades(asked, since_ms, limit, dict(params)),
            read,
            privileged=True,
        )

    def _next_id(self, page: Sequence[VenueFill]) -> str:
        ids = [int(fill.trade_id) for fill in page if fill.trade_id.isdigit()]
        return str(max(ids)) if ids and self._quirks.fills_from_id else ""

    async def holdings(self) -> Holdings:
        positions_of = self._quirks.positions.get(self._kind)

        def read(raw: Any) -> tuple[dict[str, Balance], bool, Positions]:
            balances, known = read_balances(raw, self._balances, self._client.safe_currency_code)
            rows = () if positions_of is None else positions_of(raw["info"])
            return balances, known, self._by_symbol(rows)

        detailed, known, positions = await self._caller.ask(
            "balances", self._client.fetch_balance, read
        )
        if positions_of is None and self._kind != "spot":
            positions = await self._caller.ask(
                "positions", self._client.fetch_positions, self._positions
            )
        wallets = {name: balance.wallet for name, balance in detailed.items() if balance.wallet}
        held = {symbol: quantity for symbol, quantity in positions.net.items() if quantity}
        known = known or self._kind == "spot" or not (held or positions.sides)
        return Holdings(wallets, held, known, detailed, positions.sides)

    def _by_symbol(self, rows: Sequence[PositionRow]) -> Positions:
        found = Positions()
        for row in rows:
            quantity, market = exact(row.quantity), self._markets.by_id(row.market_id)
            if quantity and market is not None:
                self._add(found, market.symbol, quantity * market.size, row.side)
        return found

    def _positions(self, raws: Any) -> Positions:
        found = Positions()
        for raw in listed(raws):
            try:
                market = self._markets.of(raw.get("symbol"))
            except ForeignMarket:
                continue  # of a market of another kind: nothing here can touch it
            quantity = abs(exact(raw.get("contracts") or "0")) * market.size
            signed = -quantity if raw.get("side") == "short" else quantity
            is_one_of_two = raw.get("hedged") is True and signed
            beside = _LONG_OR_SHORT[signed > 0] if is_one_of_two else None
            side = side_in(self._quirks.hedge_mode, raw.get("info")) or beside
            self._add(found, market.symbol, signed, side)
        return found

    def _add(
        self, found: Positions, symbol: str, signed: Decimal, side: PositionSide | None
    ) -> None:
        if not signed:
            return
        found.net[symbol] = found.net.get(symbol, ZERO) + signed
        if side is not None:
            self._modes.tells_both_sides(symbol)
        if symbol in self._modes.hedged:
            before = found.sides.get(symbol, BothSides())
            found.sides[symbol] = (
                BothSides(before.long + signed, before.short)
                if signed > 0
                else BothSides(before.long, before.short + signed)
            )

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


def _of_another(raw: Any) -> VenueFill:
    """A fill of another symbol, as far as paging needs it: it has none here."""
    ts = nanoseconds(raw.get("timestamp"), 0)
    return VenueFill("", str(raw.get("id")), str(raw.get("order")), Side.BUY, ZERO, ZERO, ts=ts)


def _add(page: Sequence[VenueFill], found: Found) -> list[VenueFill]:
    """Those that were not known."""
    fresh = [fill for fill in page if _key(fill) not in found]
    found.update((_key(fill), fill) for fill in fresh)
    return fresh


def _key(fill: VenueFill) -> tuple[str, str]:
    """Two orders of one account may trade with each other: a fill each, of one trade."""
    return fill.trade_id, fill.venue_order_id


__all__ = ["AccountQueries"]
