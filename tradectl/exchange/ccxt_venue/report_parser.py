"""ccxt's orders and fills into ours.

ccxt fills in what an answer lacks: an empty one becomes an order without id and status of which nothing
is filled, a triggered stop an order filled in full. So nothing is taken that does not carry an id, a
known status, our own market and numbers that can be. What falls short raises `InvalidResponse`, and the
call it belongs to has had no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tradectl.domain.events import CloseCause, Liquidity
from tradectl.domain.money import ZERO, Side, floor_to
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType, tag_of
from tradectl.domain.text import harmless
from tradectl.exchange.ccxt_venue.decimals import (
    InvalidResponse,
    above_zero,
    exact,
    nanoseconds,
    not_negative,
    positive,
)
from tradectl.exchange.ccxt_venue.markets import Market, Markets
from tradectl.exchange.ccxt_venue.position_modes import side_in, side_of
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.venue import OrderKey, VenueFill, VenueOrder

STOP = "stop:"
"""prefix of the id of an order in a book of stops: its numbers are not those of other orders"""

STATUS = {
    "open": OrderStatus.ACCEPTED,
    "canceling": OrderStatus.ACCEPTED,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}


class ReportParser:
    """Reads orders and fills. Remembers which of our ids belongs to which of the exchange's, for answers
    that do not say: what an answer says itself counts, since an exchange that was set up anew gives out
    its ids again."""

    def __init__(self, markets: Markets, quirks: Quirks, account: str = "") -> None:
        self._markets = markets
        self._account = account.lower()
        self._quirks = quirks
        self._hedge_mode = quirks.hedge_mode
        self._ours: dict[OrderKey, str] = {}

    def order(
        self,
        raw: Any,
        *,
        market: Market | None = None,
        client_order_id: str = "",
        stop: bool = False,
    ) -> VenueOrder:
        """The order that `raw` is about; of `market` and with the id of ours, where these are given.
        `stop` says that it was asked for in the book of stops. Raises InvalidResponse."""
        if not isinstance(raw, Mapping) or not raw.get("id"):
            raise InvalidResponse("an order without an id")
        info = raw.get("info") if isinstance(raw.get("info"), Mapping) else {}
        found = self._market(raw.get("symbol"), market)
        venue_id = str(raw["id"])
        own_id = info.get(self._quirks.order_id_key) if info else None
        if not stop and not self.is_stop(info):
            venue_id = str(own_id or venue_id)
        else:
            venue_id = STOP + venue_id
            became = found.symbol, self.became(raw)
            self.remember(became, client_order_id or self.client_id(raw))
        ours = self._client_id(raw, (found.symbol, venue_id), client_order_id)
        quantity, filled = self._amounts(raw, info, found)
        status = self._status(raw, quantity, filled, is_stop=venue_id.startswith(STOP))
        price = above_zero(raw.get("price")) or self._price_in(info)
        kind = _type(raw, price)
        side = side_of(self._hedge_mode, info, _side(raw))
        position_side = side_in(self._hedge_mode, info)
        closes = position_side is not None and position_side.closed_by is side
        return VenueOrder(
            symbol=found.symbol,
            venue_order_id=venue_id,
            client_order_id=ours,
            side=side,
            status=status,
            quantity=quantity,
            filled=filled,
            type=kind,
            price=price if kind.has_limit else None,
            stop_price=_stop_price(raw),
            reduce_only=raw.get("reduceOnly") is True or closes,
            reason=self._reason(info),
            fills=self._fills_of(raw, venue_id, side),
            ts=nanoseconds(_moment(raw), 0),
            forced=self._forced(ours, info),
            position_side=position_side,
        )

    def fill(self, raw: Any, *, market: Market | None = None, pushed: bool = False) -> VenueFill:
        """`pushed`: by the user stream. Raises InvalidResponse."""
        if not isinstance(raw, Mapping) or not raw.get("id") or not raw.get("order"):
            raise InvalidResponse("a fill without its id or its order's")
        info = raw.get("info") if isinstance(raw.get("info"), Mapping) else {}
        found = self._market(raw.get("symbol"), market)
        venue_id = str(raw["order"])
        named = next(
            (info[k] for k in self._quirks.trade_client_id_keys if info and info.get(k)), None
        )
        fee, currency = _fee(raw)
        told = self._quirks.fee_currency(info) if info else ""
        currency = harmless(told, 20) or currency
        maker = raw.get("takerOrMaker") == "maker"
        if raw.get("takerOrMaker") is None and info:
            maker = info.get(self._quirks.took_key) is False
        ours = self._whose(self._as_ours(named), (found.symbol, venue_id))
        return VenueFill(
            symbol=found.symbol,
            trade_id=str(raw["id"]),
            venue_order_id=venue_id,
            side=side_of(self._hedge_mode, info, _side(raw), pushed_fill=pushed),
            quantity=positive(raw.get("amount")) * found.size,
            price=positive(raw.get("price")),
            fee=fee,
            fee_currency=currency,
            liquidity=Liquidity.MAKER if maker else Liquidity.TAKER,
            client_order_id=ours,
            ts=nanoseconds(raw.get("timestamp"), 0),
            forced=self._forced(ours, info),
            position_side=side_in(self._hedge_mode, info),
        )

    def client_id(self, raw: Mapping[str, Any]) -> str:
        """As whoever sent the order called it."""
        info = raw.get("info")
        keys = self._quirks.original_id_keys if isinstance(info, Mapping) else ()
        named = next((info[key] for key in keys if info.get(key)), None) if info else None
        return self._as_ours(named or raw.get("clientOrderId"))

    def _as_ours(self, text: Any) -> str:
        return self._quirks.client_ids.ours(harmless(text or "", 64))

    def is_stop(self, info: Any) -> bool:
        return isinstance(info, Mapping) and any(key in info for key in self._quirks.stop_id_keys)

    def became(self, raw: Any) -> str:
        """The id of the order that a stop became when it was triggered; empty for none."""
        info = raw.get("info") if isinstance(raw, Mapping) else None
        if not isinstance(info, Mapping):
            return ""
        found = (str(info.get(key) or "") for key in self._quirks.stop_became_keys)
        return next((value for value in found if value not in ("", "0")), "")

    def remember(self, key: OrderKey, client_order_id: str) -> None:
        if key[1] and client_order_id:
            self._ours[key] = client_order_id
            while len(self._ours) > 10_000:
                del self._ours[next(iter(self._ours))]

    def _market(self, unified: Any, expected: Market | None) -> Market:
        found = self._markets.of(unified)
        if expected is None:
            return found
        if found.unified != expected.unified:
            raise InvalidResponse(
                f"an answer about {found.symbol} to a question about {expected.symbol}"
            )
        return expected

    def _client_id(self, raw: Any, key: OrderKey, asked: str) -> str:
        told = self.client_id(raw)
        ours = told if told == asked else self._whose(told, key)
        if asked and ours and ours != asked:
            raise InvalidResponse(f"an answer about order {ours} to a question about {asked}")
        self.remember(key, asked or ours)
        return asked or ours

    def _price_in(self, info: Any) -> Decimal | None:
        for path in self._quirks.price_at:
            found = info
            for step in path:
                found = found.get(step) if isinstance(found, Mapping) else None
            if found is not None:
                return above_zero(found)
        return None

    def _whose(self, told: str, key: OrderKey) -> str:
        return told if tag_of(told) else self._ours.get(key) or told

    def _amounts(self, raw: Any, info: Any, market: Market) -> tuple[Decimal, Decimal]:
        filled = not_negative(raw.get("filled")) * market.size
        if any(info.get(key) in (True, "true") for key in self._quirks.whole_position_keys):
            return max(not_negative(raw.get("amount")) * market.size, filled), filled
        quantity = positive(raw.get("amount")) * market.size
        if filled > quantity:
            raise InvalidResponse(f"{filled} filled of {quantity}")
        return quantity, filled

    def _status(
        self, raw: Any, quantity: Decimal, filled: Decimal, *, is_stop: bool
    ) -> OrderStatus:
        info = raw.get("info") or {}
        if is_stop and any(info.get(k) == v for k, v in self._quirks.stop_triggered.items()):
            raise Triggered
        said = str(raw.get("status"))
        status = STATUS.get(self._quirks.statuses.get(said, said))
        if status is None:
            raise InvalidResponse(f"an order with a status of {str(raw.get('status'))[:40]!r}")
        if is_stop and status is OrderStatus.FILLED:
            raise Triggered
        if status is OrderStatus.FILLED and filled < quantity:
            return OrderStatus.CANCELED  # closed, and the rest of it is gone
        if status is OrderStatus.ACCEPTED and filled:
            return OrderStatus.PARTIALLY_FILLED
        return status

    def _forced(self, client_id: str, info: Any) -> CloseCause | None:
        """Why the exchange traded by itself, where it did."""
        for beginning, cause in self._quirks.forced_ids.items():
            if client_id.startswith(beginning):
                return cause
        keys = self._quirks.forced_keys.items()
        found = (causes.get(str(info.get(key))) for key, causes in keys if info)
        known = next((cause for cause in found if cause is not None), None)
        return known or (CloseCause.LIQUIDATION if self._is_liquidated(info) else None)

    def _is_liquidated(self, info: Any) -> bool:
        """It names our account as the one that was."""
        for step in self._quirks.liquidated_at:
            info = info.get(step) if isinstance(info, Mapping) else None
        has_name = bool(self._quirks.liquidated_at and self._account)
        return has_name and str(info).lower() == self._account

    def _reason(self, info: Any) -> str:
        """A number is a code: it stands beside what it is called there."""
        for key, usual in self._quirks.reasons.items():
            text = str(info.get(key) or "")
            if text and text not in usual:
                return harmless(f"{key} {text}" if text.isdecimal() else text)
        return ""

    def _fills_of(self, raw: Any, venue_id: str, side: Side) -> tuple[VenueFill, ...]:
        fills: list[VenueFill] = []
        for trade in raw.get("trades") or ():
            if not _tells_fee(trade):
                return ()
            named = {**trade, "order": venue_id, "symbol": trade.get("symbol") or raw["symbol"]}
            named["side"] = trade.get("side") or side.value
            named["timestamp"] = trade.get("timestamp") or _moment(raw)
            try:
                fills.append(self.fill(named))
            except InvalidResponse:
                return ()  # the fills are asked for by their own call
        return tuple(fills)


def is_bare_yes(raw: Any) -> bool:
    """The exchange took it, and says nothing of what became of it: without a status, or an id. An empty
    answer says nothing at all."""
    if not isinstance(raw, Mapping) or not raw.get("info"):
        return False
    return raw.get("status") is None or not raw.get("id")


def accepted(spec: OrderSpec, market: Market, ours: str, venue_id: str) -> VenueOrder:
    """An order of ours that has an id there, and of which no more is known."""
    return VenueOrder(
        symbol=market.symbol,
        venue_order_id=venue_id,
        client_order_id=ours,
        side=spec.side,
        status=OrderStatus.ACCEPTED,
        quantity=floor_to(spec.quantity, market.instrument.lot_size),
        type=spec.type,
        price=spec.price,
        stop_price=spec.stop_price,
        reduce_only=spec.reduce_only,
    )


class Triggered(InvalidResponse):
    """A stop that is over because it was triggered: what it became tells the rest."""

    def __init__(self) -> None:
        super().__init__("the stop was triggered")


def _moment(raw: Mapping[str, Any]) -> Any:
    """When the order last changed, as far as the answer says."""
    times = (raw.get(key) for key in ("lastUpdateTimestamp", "lastTradeTimestamp", "timestamp"))
    return next((time for time in times if time), None)


def _side(raw: Mapping[str, Any]) -> Side:
    try:
        return Side(raw.get("side") or "")
    except ValueError:
        raise InvalidResponse("no side of the market") from None


def _stop_price(raw: Mapping[str, Any]) -> Decimal | None:
    return above_zero(raw.get("triggerPrice")) or above_zero(raw.get("stopLossPrice"))


def _type(raw: Mapping[str, Any], price: Decimal | None) -> OrderType:
    is_market = str(raw.get("type")).lower() == "market"
    if _stop_price(raw) is not None:
        has_limit = not is_market and price is not None
        return OrderType.STOP_LIMIT if has_limit else OrderType.STOP_MARKET
    return OrderType.MARKET if is_market else OrderType.LIMIT


def _tells_fee(trade: Mapping[str, Any]) -> bool:
    """Without it a fill would be booked as if it had cost nothing: it is asked for by its own call."""
    fees = trade.get("fees") or [trade.get("fee")]
    return any(isinstance(fee, Mapping) and fee.get("cost") is not None for fee in fees)


def _fee(raw: Mapping[str, Any]) -> tuple[Decimal, str]:
    """The fee and its currency; of several currencies the first one that was charged."""
    fees = raw.get("fees") or ([raw["fee"]] if raw.get("fee") else [])
    charged: dict[str, Decimal] = {}
    for fee in fees:
        if isinstance(fee, Mapping) and fee.get("cost") is not None:
            currency = harmless(fee.get("currency") or "", 20)
            charged[currency] = charged.get(currency, ZERO) + exact(fee["cost"])
    for currency, cost in charged.items():
        if cost:
            return cost, currency
    return ZERO, next(iter(charged), "")


__all__ = ["STOP", "ReportParser", "Triggered", "accepted", "is_bare_yes"]
