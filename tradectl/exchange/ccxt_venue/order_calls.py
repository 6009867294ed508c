"""Orders over REST: sent and cancelled, and the dead-man switch over them.

What is asked goes by what ccxt unifies; where an exchange has more to say its quirks tell. An order goes
by our own id where the exchange takes it, which is the one name that holds from before the send to the
end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from tradectl.domain.errors import (
    AccessLost,
    ExchangeError,
    NotExecuted,
    OutcomeUnknown,
    UsageError,
    VenueRefusal,
)
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.exchange.ccxt_venue.calls import Caller, NotFound
from tradectl.exchange.ccxt_venue.client import feature
from tradectl.exchange.ccxt_venue.decimals import InvalidResponse
from tradectl.exchange.ccxt_venue.markets import Market, Markets
from tradectl.exchange.ccxt_venue.order_search import ENDS, OrderSearch, bare
from tradectl.exchange.ccxt_venue.orders import arguments, needs_price
from tradectl.exchange.ccxt_venue.position_modes import PositionModes
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.report_parser import (
    STOP,
    ReportParser,
    accepted,
    is_bare_yes,
)
from tradectl.exchange.venue import TakenUnseen, VenueOrder


class OrderCalls:
    def __init__(
        self,
        client: Any,
        caller: Caller,
        markets: Markets,
        parser: ReportParser,
        quirks: Quirks,
        kind: str,
        modes: PositionModes,
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
        self._modes = modes
        self._quote = quote
        self._search = OrderSearch(client, caller, markets, parser, quirks, kind)
        self.find = self._search.find
        self.open_orders = self._search.open_orders
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
        args.params.update(await self._modes.closing(spec))
        is_stop = self._search.is_own(spec.type.is_stop)

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
        whatever that comes to. Raises OutcomeUnknown, TakenUnseen."""
        lost, denied = "it is not found yet", False
        try:
            if (found := await self.find(spec.symbol, ours, venue_id)) is not None:
                return found
        except ExchangeError as error:
            lost, denied = str(error), isinstance(error, AccessLost)
        if not venue_id:
            raise OutcomeUnknown(f"order {ours} was taken, and then: {lost}")
        order = accepted(spec, market, ours, venue_id)
        if denied:
            raise TakenUnseen(f"order {ours} was taken, and then: {lost}", order)
        return order

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
        for is_stop in self._search.books(venue_id):
            try:
                return await self._cancel(market, ours, venue_id, is_stop)
            except NotFound:
                continue
        return None

    async def _cancel(
        self, market: Market, ours: str, venue_id: str, is_stop: bool
    ) -> VenueOrder | None:
        by_ours = bool(ours and self._quirks.cancel_id_param) and not self._search.by_own_id(
            is_stop
        )
        named = self._quirks.client_ids.theirs(ours)
        known_as = bare(venue_id) or self._as_its_own(named if ours else "", is_stop)
        if not by_ours and not known_as:
            # it cancels by its own id only: that is asked for first
            found = await self._search.find_in(market, ours, venue_id, is_stop)
            if found is None or found.status in ENDS:
                return found
            known_as = bare(found.venue_order_id)
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
            raw, market=market, client_order_id=ours, stop=self._search.is_own(is_stop)
        )

    def _as_its_own(self, named: str, is_stop: bool) -> str:
        """Our id, where it may stand for the exchange's."""
        may = self._quirks.client_id_as_id and not self._search.by_own_id(is_stop)
        return named if may else ""

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


def takes_stops(client: Any, quirks: Quirks, kind: str, order: OrderType) -> bool:
    """Whether such stops rest there, in a kind of market."""
    if kind in quirks.no_stops:
        return False
    if quirks.stops is not None:
        return order in quirks.stops | quirks.bounded.get(kind, frozenset())
    return bool(feature(client, kind, "createOrder", "triggerPrice"))


def _confirmed(market_id: str, after: int, raw: Any) -> None:
    if raw.get("symbol") != market_id or int(raw.get("countdownTime", -1)) != after:
        raise InvalidResponse("the switch was not set as asked")


__all__ = ["OrderCalls", "takes_stops"]
