"""Orders as an exchange tells of them: one that is looked for, and all that are open.

One is found by our own id where the exchange takes it, else among those that are open and were lately.
Some exchanges keep stops in a book of their own, with ids of its own: both books are looked into, and the
id of an order in it begins with `stop:`. A row that cannot be read makes the whole answer none: a list
that lacks an order would be taken for all there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tradectl.domain.errors import NotExecuted, VenueRefusal
from tradectl.domain.orders import OrderStatus
from tradectl.exchange.ccxt_venue.calls import Caller, NotFound
from tradectl.exchange.ccxt_venue.client import feature
from tradectl.exchange.ccxt_venue.decimals import ForeignMarket, listed
from tradectl.exchange.ccxt_venue.markets import Market, Markets
from tradectl.exchange.ccxt_venue.quirks import Quirks, StopBook
from tradectl.exchange.ccxt_venue.report_parser import STOP, ReportParser, Triggered
from tradectl.exchange.venue import OrderKey, VenueOrder

MOST_PAGES = 200
RECENT = 500
"""orders that are searched where an exchange does not look one up by our id"""
OPEN = "fetch_open_orders"
Row = tuple[str, str]
"""symbol and id, as ccxt has them"""
_NOTHING: Mapping[str, Any] = {}
LISTS = ("fetch_orders", "fetch_canceled_and_closed_orders", "fetch_closed_orders")
ENDS = frozenset({
    OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.FILLED, OrderStatus.REJECTED,
})  # fmt: skip


class OrderSearch:
    def __init__(
        self,
        client: Any,
        caller: Caller,
        markets: Markets,
        parser: ReportParser,
        quirks: Quirks,
        kind: str,
    ) -> None:
        self._client = client
        self._caller = caller
        self._markets = markets
        self._parser = parser
        self._quirks = quirks
        self._kind = kind
        told = bool(feature(client, kind, "fetchOpenOrders", "trigger"))
        usual = StopBook.OWN if told else StopBook.NONE
        self._stop_book = quirks.stop_book.get(kind, usual)

    # --- one order --------------------------------------------------------------------------------

    async def find(self, symbol: str, ours: str, venue_id: str) -> VenueOrder | None:
        market = self._markets[symbol]
        try:
            for is_stop in self.books(venue_id):
                try:
                    return await self.find_in(market, ours, venue_id, is_stop)
                except NotFound:
                    continue
        except VenueRefusal as refusal:
            raise NotExecuted(str(refusal)) from None
        return None

    async def find_in(
        self, market: Market, ours: str, venue_id: str, is_stop: bool
    ) -> VenueOrder | None:
        """In one of the books. Raises NotFound."""
        by_ours = bool(ours and self._quirks.client_id_param) and not self.by_own_id(is_stop)
        if not by_ours and not venue_id:
            return await self._search(market, ours, is_stop)
        named = self._quirks.client_ids.theirs(ours)
        params: dict[str, Any] = {self._quirks.client_id_param: named} if by_ours else {}
        if is_stop:
            params["trigger"] = True
        found = await self._caller.ask(
            f"search for {ours or venue_id}",
            lambda: self._client.fetch_order(bare(venue_id), market.unified, params),
            lambda raw: self._read(raw, market, ours, is_stop),
            privileged=True,
            may_miss=True,
        )
        return await self._known(found, market, ours)

    def _read(self, raw: Any, market: Market, ours: str, is_stop: bool) -> VenueOrder | str:
        """The order, or the id of what it became where it is a stop that was triggered."""
        try:
            return self._parser.order(
                raw, market=market, client_order_id=ours, stop=self.is_own(is_stop)
            )
        except Triggered:
            return self._parser.became(raw)

    async def _known(self, found: VenueOrder | str, market: Market, ours: str) -> VenueOrder:
        if isinstance(found, VenueOrder):
            return found
        return await self._became(market, ours, found)

    async def _became(self, market: Market, ours: str, venue_id: str) -> VenueOrder:
        """The order that a triggered stop became."""
        try:
            if not venue_id:
                return await self._by_our_id(market, ours)
            return await self._caller.ask(
                f"search for {venue_id}",
                lambda: self._client.fetch_order(venue_id, market.unified),
                lambda raw: self._parser.order(raw, market=market),
                privileged=True,
                may_miss=True,
            )
        except NotFound:
            raise NotExecuted(
                f"stop {ours} was triggered, and what it became is not known"
            ) from None

    async def _by_our_id(self, market: Market, ours: str) -> VenueOrder:
        """It may have kept our id. Raises NotFound."""
        by = self._quirks.client_id_param
        found = await self.find_in(market, ours, "", is_stop=False) if ours and by else None
        if found is None:
            raise NotFound
        return found

    async def _search(self, market: Market, ours: str, is_stop: bool) -> VenueOrder | None:
        """Our order among those that are open and those that were lately."""

        def read(raws: Any) -> list[VenueOrder | str]:
            of_ours = [raw for raw in raws if self._parser.client_id(raw) == ours]
            return [self._read(raw, market, ours, is_stop) for raw in of_ours[:1]]

        for name, by in self._searched():
            params: dict[str, Any] = {by: self._quirks.client_ids.theirs(ours)} if by else {}
            if is_stop:
                params["trigger"] = True
            limit = None if name == OPEN else RECENT
            found = await self._caller.ask(
                f"search for {ours}",
                partial(getattr(self._client, name), market.unified, None, limit, params),
                read,
                privileged=True,
            )
            if found:
                return await self._known(found[0], market, ours)
        raise NotFound

    def _searched(self) -> tuple[tuple[str, str], ...]:
        if self._quirks.searched:
            return self._quirks.searched
        has = self._client.has
        past = next(((name,) for name in LISTS if has.get(_camel(name))), ())
        return tuple((name, "") for name in (OPEN, *past))

    # --- the books --------------------------------------------------------------------------------

    def books(self, venue_id: str) -> list[bool]:
        """Where an order may be, False for the plain book and True for that of stops."""
        if self._stop_book is StopBook.NONE:
            return [False]
        if venue_id.startswith(STOP):
            return [True, False]
        return [False] if self._kind in self._quirks.no_stops else [False, True]

    def by_own_id(self, is_stop: bool) -> bool:
        """An order that answers to the exchange's id only."""
        return is_stop and self._kind in self._quirks.stops_by_own_id

    def is_own(self, is_stop: bool) -> bool:
        """An order of the list of stops has an id of its own."""
        return is_stop and self._stop_book is StopBook.OWN

    # --- those that are open ----------------------------------------------------------------------

    async def open_orders(self, symbols: Sequence[str] = ()) -> list[VenueOrder]:
        named = [self._markets[symbol].unified for symbol in symbols]
        found: dict[OrderKey, VenueOrder] = {}
        for is_stop in (False,) if self._stop_book is StopBook.NONE else (False, True):
            for unified in named or await self._everywhere(is_stop):
                for order in await self._open(unified, is_stop):
                    as_plain = order.symbol, bare(order.venue_order_id)
                    if not is_stop or as_plain not in found:
                        found[order.order_key] = order
        return list(found.values())

    async def _everywhere(self, is_stop: bool) -> Sequence[str | None]:
        """What open orders of all symbols are asked for with."""
        way = self._quirks.open_symbols.get(self._kind)
        if way is None or is_stop:
            return [None]
        method, path = way

        def read(raw: Any) -> list[str]:
            for step in path:
                raw = raw[step]
            found = (self._markets.by_id(str(name)) for name in listed(raw))
            return [market.unified for market in found if market is not None]

        return await self._caller.ask(
            "symbols of open orders", getattr(self._client, method), read, privileged=True
        )

    async def _open(self, unified: str | None, is_stop: bool) -> list[VenueOrder]:
        params = {"trigger": True} if is_stop else {}
        lists = self._quirks.stop_lists.get(self._kind, (_NOTHING,)) if is_stop else (_NOTHING,)
        found: list[VenueOrder] = []
        for one in lists:
            found += await self._open_list(unified, is_stop, {**params, **one})
        return found

    async def _open_list(
        self, unified: str | None, is_stop: bool, params: Mapping[str, Any]
    ) -> list[VenueOrder]:
        """All of its pages, until one brings nothing new."""
        pages = self._quirks.open_pages.get("stops" if self.is_own(is_stop) else self._kind)
        limit = feature(self._client, self._kind, "fetchOpenOrders", "limit") if pages else None
        limit = pages.most or limit if pages else None
        found: list[VenueOrder] = []
        told: set[Row] = set()
        following: dict[str, Any] = {}

        def read(raws: Any, seen: int, number: int) -> tuple[list[VenueOrder], list[Row], str]:
            orders = self._listed(raws, is_stop)
            last = pages.following(raws, seen + len(raws), number) if pages else ""
            return orders, [(str(raw.get("symbol")), str(raw.get("id"))) for raw in raws], last

        seen = 0
        for number in range(1, MOST_PAGES + 1):
            asked = {**params, **following}
            orders, rows, last = await self._caller.ask(
                "open orders",
                partial(self._client.fetch_open_orders, unified, None, limit, asked),
                partial(read, seen=seen, number=number),
                privileged=True,
            )
            found += orders
            seen += len(rows)
            is_short = limit is not None and len(rows) < limit
            if pages is None or is_short or not last or told.issuperset(rows):
                return found
            told.update(rows)
            following = {pages.param: last}
        raise NotExecuted(f"open orders: more than {MOST_PAGES} pages")

    def _listed(self, raws: Any, is_stop: bool) -> list[VenueOrder]:
        orders: list[VenueOrder] = []
        for raw in listed(raws):
            try:
                orders.append(self._parser.order(raw, stop=self.is_own(is_stop)))
            except ForeignMarket:
                continue  # of a market of another kind: nothing here can touch it
        return orders


def bare(venue_id: str) -> str:
    """Without what says that it is of the book of stops."""
    return venue_id.removeprefix(STOP)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


__all__ = ["ENDS", "OrderSearch", "bare"]
