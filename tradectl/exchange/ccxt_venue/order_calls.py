"""Orders over REST: sent, cancelled, looked for, listed, and the dead-man switch over them.

What is asked goes by what ccxt unifies; where an exchange has more to say its quirks tell. An order
that is looked for is found by our own id where the exchange takes it, which is the one name that holds
from before the send to the end. Some exchanges keep stops in a book of their own, with ids of its own:
both books are looked into, and the id of an order in it begins with `stop:`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from tradectl.domain.errors import (
    ExchangeError,
    NotExecuted,
    OutcomeUnknown,
    UsageError,
    VenueRefusal,
)
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.exchange.ccxt_venue.calls import Caller, NotFound
from tradectl.exchange.ccxt_venue.decimals import ForeignMarket, InvalidResponse, listed
from tradectl.exchange.ccxt_venue.markets import Market, Markets
from tradectl.exchange.ccxt_venue.orders import arguments, needs_price
from tradectl.exchange.ccxt_venue.quirks import Quirks, StopBook
from tradectl.exchange.ccxt_venue.report_parser import (
    STOP,
    ReportParser,
    Triggered,
    accepted,
    is_bare_yes,
)
from tradectl.exchange.venue import OrderKey, VenueOrder

MOST_PAGES = 200
RECENT = 500
"""orders that are searched where an exchange does not look one up by our id"""
OPEN = "fetch_open_orders"
_NOTHING: Mapping[str, Any] = {}
LISTS = ("fetch_orders", "fetch_canceled_and_closed_orders", "fetch_closed_orders")
ENDS = frozenset({
    OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.FILLED, OrderStatus.REJECTED,
})  # fmt: skip


class OrderCalls:
    def __init__(
        self,
        client: Any,
        caller: Caller,
        markets: Markets,
        parser: ReportParser,
        quirks: Quirks,
        kind: str,
        *,
        quote: Callable[[Market], Awaitable[MarketDataEvent]] | None = None,
    ) -> None:
        """`quote` asks for the best prices of now."""
        self._client = client
        self._caller = caller
        self._markets = markets
        self._parser = parser
        self._quirks = quirks
        self._kind = kind
        self._quote = quote
        told = bool(feature(client, kind, "fetchOpenOrders", "trigger"))
        usual = StopBook.OWN if told else StopBook.NONE
        self._stop_book = quirks.stop_book.get(kind, usual)
        in_force = feature(client, kind, "createOrder", "timeInForce") or {}
        self._has_post_only = in_force.get("PO") is not False  # where it says nothing it is tried
        wants_cost = client.options.get("createMarketBuyOrderRequiresPrice")
        self._buys_by_cost = kind == "spot" and bool(wants_cost)

    # --- writes -----------------------------------------------------------------------------------

    async def submit(
        self, spec: OrderSpec, client_order_id: str, pre_send_check: Callable[[], None]
    ) -> VenueOrder:
        market = self._markets[spec.symbol]
        if spec.type.is_stop and not self.takes(spec.type):
            raise VenueRefusal(f"{spec.symbol}: this exchange takes no {spec.type} orders")
        args = arguments(
            spec,
            client_order_id,
            market,
            self._quirks,
            has_post_only=self._has_post_only,
            price_now=await self._price_now(spec, market),
        )
        if args.type == "market" and args.side == "buy" and self._buys_by_cost:
            raise VenueRefusal(
                f"{spec.symbol}: this exchange takes a market buy by cost, not quantity"
            )
        is_stop = spec.type.is_stop and self._stop_book is StopBook.OWN

        def read(raw: Any) -> VenueOrder | str:
            if is_bare_yes(raw):
                return str(raw.get("id") or "")
            order = self._parser.order(
                raw, market=market, client_order_id=client_order_id, stop=is_stop
            )
            if order.side is not spec.side:
                raise InvalidResponse("the answer is about an order of the other side")
            return order

        answer = await self._caller.order(
            f"order {client_order_id}",
            lambda: self._client.create_order(*args),
            read,
            submit=True,
            pre_send_check=pre_send_check,
        )
        if isinstance(answer, VenueOrder):
            return answer
        venue_id = (STOP if is_stop and answer else "") + answer
        self._parser.remember((spec.symbol, venue_id), client_order_id)
        return await self._of_which_only_yes_was_said(spec, market, client_order_id, venue_id)

    async def _of_which_only_yes_was_said(
        self, spec: OrderSpec, market: Market, ours: str, venue_id: str
    ) -> VenueOrder:
        """It was sent and taken: what became of it is asked for, once. With an id it is accepted,
        whatever that comes to: a refused question is no refused order. Raises OutcomeUnknown."""
        lost = "it is not found yet"
        try:
            if (found := await self.find(spec.symbol, ours, venue_id)) is not None:
                return found
        except ExchangeError as error:
            lost = str(error)
        if not venue_id:
            raise OutcomeUnknown(f"order {ours} was taken, and then: {lost}")
        return accepted(spec, market, ours, venue_id)

    async def _price_now(self, spec: OrderSpec, market: Market) -> Decimal | None:
        """What it would trade at, where that must be known before it goes out. Raises NotExecuted."""
        if self._quote is None or not needs_price(spec, self._quirks, self._kind):
            return None
        quote = await self._quote(market)
        return quote.ask if spec.side is Side.BUY else quote.bid

    def takes(self, kind: OrderType) -> bool:
        """A kind of stop."""
        return takes_stops(self._client, self._quirks, self._kind, kind)

    async def cancel(self, symbol: str, ours: str, venue_id: str) -> VenueOrder | None:
        market = self._markets[symbol]
        for is_stop in self._books(venue_id):
            try:
                return await self._cancel(market, ours, venue_id, is_stop)
            except NotFound:
                continue
        return None

    async def _cancel(
        self, market: Market, ours: str, venue_id: str, is_stop: bool
    ) -> VenueOrder | None:
        by_ours = bool(ours and self._quirks.cancel_id_param) and not self._by_own_id(is_stop)
        named = self._quirks.client_ids.theirs(ours)
        known_as = _bare(venue_id) or self._as_its_own(named if ours else "", is_stop)
        if not by_ours and not known_as:
            # it cancels by its own id only: that is asked for first
            found = await self._find(market, ours, venue_id, is_stop)
            if found is None or found.status in ENDS:
                return found
            known_as = _bare(found.venue_order_id)
        params: dict[str, Any] = {self._quirks.cancel_id_param: named} if by_ours else {}
        if is_stop:
            params["trigger"] = True
        order = await self._caller.order(
            f"cancel of {ours or venue_id}",
            lambda: self._client.cancel_order(known_as or None, market.unified, params),
            lambda raw: self._cancelled(raw, market, ours, is_stop),
            privileged=True,
            may_miss=True,
        )
        if order is not None:
            return order
        # it was done, and the answer does not say how much had been filled by then
        try:
            return await self.find(market.symbol, ours, venue_id)
        except NotExecuted as lost:
            raise OutcomeUnknown(f"cancelled, and then: {lost}") from None

    def _cancelled(self, raw: Any, market: Market, ours: str, is_stop: bool) -> VenueOrder | None:
        """None for an answer that says no more than yes."""
        if is_bare_yes(raw):
            return None
        return self._parser.order(
            raw, market=market, client_order_id=ours, stop=self._is_own(is_stop)
        )

    async def arm_dead_man(self, symbols: Sequence[str], seconds: float) -> None:
        if 0 < seconds < 1 or seconds < 0:
            raise UsageError("the dead-man switch takes 0, or 1 second and more")
        method = self._quirks.dead_man.get(self._kind)
        if method is None:
            raise VenueRefusal(
                "this exchange has no dead-man switch that leaves others' orders alone"
            )
        call = getattr(self._client, method)
        for symbol in symbols:
            market, after = self._markets[symbol], int(seconds * 1000)

            request = {"symbol": market.id, "countdownTime": after}
            await self._caller.order(
                f"dead-man switch of {symbol}",
                partial(call, request),
                partial(_confirmed, market.id, after),
                privileged=True,
            )

    # --- reads ------------------------------------------------------------------------------------

    async def find(self, symbol: str, ours: str, venue_id: str) -> VenueOrder | None:
        market = self._markets[symbol]
        try:
            for is_stop in self._books(venue_id):
                try:
                    return await self._find(market, ours, venue_id, is_stop)
                except NotFound:
                    continue
        except VenueRefusal as refusal:
            raise NotExecuted(str(refusal)) from None
        return None

    async def _find(
        self, market: Market, ours: str, venue_id: str, is_stop: bool
    ) -> VenueOrder | None:
        by_ours = bool(ours and self._quirks.client_id_param) and not self._by_own_id(is_stop)
        if not by_ours and not venue_id:
            return await self._search(market, ours, is_stop)
        named = self._quirks.client_ids.theirs(ours)
        params: dict[str, Any] = {self._quirks.client_id_param: named} if by_ours else {}
        if is_stop:
            params["trigger"] = True

        is_own = self._is_own(is_stop)

        def read(raw: Any) -> VenueOrder | str:
            try:
                return self._parser.order(raw, market=market, client_order_id=ours, stop=is_own)
            except Triggered:
                return self._parser.became(raw)

        found = await self._caller.ask(
            f"search for {ours or venue_id}",
            lambda: self._client.fetch_order(_bare(venue_id), market.unified, params),
            read,
            privileged=True,
            may_miss=True,
        )
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
        found = await self._find(market, ours, "", is_stop=False) if ours and by else None
        if found is None:
            raise NotFound
        return found

    async def _search(self, market: Market, ours: str, is_stop: bool) -> VenueOrder | None:
        """Our order among those that are open and those that were lately."""
        for name, by in self._searched():
            params: dict[str, Any] = {by: self._quirks.client_ids.theirs(ours)} if by else {}
            if is_stop:
                params["trigger"] = True
            limit = None if name == OPEN else RECENT
            found = await self._caller.ask(
                f"search for {ours}",
                partial(getattr(self._client, name), market.unified, None, limit, params),
                lambda raws: [raw for raw in raws if self._parser.client_id(raw) == ours],
                privileged=True,
            )
            if found:
                return self._parser.order(
                    found[0], market=market, client_order_id=ours, stop=self._is_own(is_stop)
                )
        raise NotFound

    def _searched(self) -> tuple[tuple[str, str], ...]:
        if self._quirks.searched:
            return self._quirks.searched
        has = self._client.has
        past = next(((name,) for name in LISTS if has.get(_camel(name))), ())
        return tuple((name, "") for name in (OPEN, *past))

    def _books(self, venue_id: str) -> list[bool]:
        """Where an order may be, False for the plain book and True for that of stops."""
        if self._stop_book is StopBook.NONE:
            return [False]
        if venue_id.startswith(STOP):
            return [True, False]
        return [False] if self._kind in self._quirks.no_stops else [False, True]

    def _by_own_id(self, is_stop: bool) -> bool:
        return is_stop and self._kind in self._quirks.stops_by_own_id

    def _as_its_own(self, named: str, is_stop: bool) -> str:
        """Our id, where it may stand for the exchange's."""
        may = self._quirks.client_id_as_id and not self._by_own_id(is_stop)
        return named if may else ""

    def _is_own(self, is_stop: bool) -> bool:
        """An order of the list of stops has an id of its own."""
        return is_stop and self._stop_book is StopBook.OWN

    async def open_orders(self, symbols: Sequence[str] = ()) -> list[VenueOrder]:
        named = [self._markets[symbol].unified for symbol in symbols]
        found: dict[OrderKey, VenueOrder] = {}
        for is_stop in (False,) if self._stop_book is StopBook.NONE else (False, True):
            for unified in named or await self._everywhere(is_stop):
                for order in await self._open(unified, is_stop):
                    as_plain = order.symbol, _bare(order.venue_order_id)
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
        """All of its pages."""
        pages = self._quirks.open_pages.get("stops" if self._is_own(is_stop) else self._kind)
        limit = feature(self._client, self._kind, "fetchOpenOrders", "limit") if pages else None
        limit = pages.most or limit if pages else None
        found: list[VenueOrder] = []
        following: dict[str, Any] = {}
        rows = 0
        for number in range(1, MOST_PAGES):
            ask = partial(
                self._client.fetch_open_orders, unified, None, limit, {**params, **following}
            )
            raws = await self._caller.ask("open orders", ask, listed, privileged=True)
            found += self._listed(raws, is_stop)
            rows += len(raws)
            if pages is None or (limit is not None and len(raws) < limit):
                return found
            if not (last := pages.following(raws, rows, number)):
                return found
            following = {pages.param: last}
        raise NotExecuted(f"open orders: more than {MOST_PAGES} pages")

    def _listed(self, raws: Any, is_stop: bool) -> list[VenueOrder]:
        orders: list[VenueOrder] = []
        for raw in listed(raws):
            try:
                orders.append(self._parser.order(raw, stop=self._is_own(is_stop)))
            except ForeignMarket:
                continue  # of a market of another kind: nothing here can touch it
        return orders


def takes_stops(client: Any, quirks: Quirks, kind: str, order: OrderType) -> bool:
    """Whether such stops rest there, in a kind of market."""
    if kind in quirks.no_stops:
        return False
    if quirks.stops is not None:
        return order in quirks.stops | quirks.bounded.get(kind, frozenset())
    return bool(feature(client, kind, "createOrder", "triggerPrice"))


def feature(client: Any, kind: str, method: str, name: str) -> Any:
    """What ccxt says of a method's parameter for this kind of market."""
    features = getattr(client, "features", None) or {}
    of_kind = features.get("spot") if kind == "spot" else (features.get("swap") or {}).get("linear")
    return ((of_kind or {}).get(method) or {}).get(name)


def _confirmed(market_id: str, after: int, raw: Any) -> None:
    if raw.get("symbol") != market_id or int(raw.get("countdownTime", -1)) != after:
        raise InvalidResponse("the switch was not set as asked")


def _bare(venue_id: str) -> str:
    return venue_id.removeprefix(STOP)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


__all__ = ["OrderCalls", "feature", "takes_stops"]
