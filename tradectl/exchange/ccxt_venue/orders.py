"""Our order into the arguments of ccxt's `create_order`, once and checked.

ccxt's own rounding lets -1 and 1e22 through and takes prices to the nearest step, so everything is
checked here first and rounded toward safety: never more than was meant, never at a worse price than was
meant, a stop never later than was meant. What cannot be sent as it is is refused here, as the exchange
would refuse it, before anything leaves.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any, NamedTuple

from tradectl.domain.errors import VenueRefusal
from tradectl.domain.instruments import InstrumentKind
from tradectl.domain.money import ONE, ZERO, Side, floor_to, is_sane, plain
from tradectl.domain.orders import OrderSpec, OrderType, TimeInForce
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue.markets import Market
from tradectl.exchange.ccxt_venue.quirks import Quirks

RULES = RefusalCause.RULES


class Arguments(NamedTuple):
    symbol: str
    type: str
    side: str
    amount: str | Decimal
    price: str | None
    params: dict[str, Any]


def arguments(
    spec: OrderSpec,
    client_order_id: str,
    market: Market,
    quirks: Quirks,
    *,
    has_post_only: bool = True,
    price_now: Decimal | None = None,
) -> Arguments:
    """Where the exchange has no post-only, an order goes out without. `price_now` is what an order trades
    at that was to go out without a limit, and cannot. Raises VenueRefusal for what the market's rules do
    not allow."""
    quantity = _quantity(spec, market)
    is_perpetual = market.instrument.kind is InstrumentKind.PERPETUAL
    kind = "perpetual" if is_perpetual else "spot"
    limit = _price(spec.price, market, up=spec.side is Side.SELL) if spec.type.has_limit else None
    params: dict[str, Any] = {
        quirks.submit_id_param: quirks.client_ids.theirs(client_order_id),
    }
    stop: Decimal | None = None
    if spec.type.is_stop:
        # a protective stop that has to move by part of a step is reached a little earlier for it
        stop = _price(spec.stop_price, market, up=spec.side is Side.SELL)
        params[quirks.stop_params.get(kind, "triggerPrice")] = plain(stop)
        if quirks.stop_id_param:
            params[quirks.stop_id_param] = quirks.client_ids.theirs(client_order_id)
        if kind in quirks.stop_direction:
            params["triggerDirection"] = "ascending" if spec.side is Side.BUY else "descending"
    if spec.post_only and spec.type is OrderType.LIMIT:
        if has_post_only:
            params["postOnly"] = True
    elif spec.type.has_limit and spec.time_in_force is not TimeInForce.GTC:
        params["timeInForce"] = _in_force(spec, quirks)
    is_bounded = _is_bounded(spec, quirks, kind)
    if is_bounded and spec.type is OrderType.MARKET:
        params["timeInForce"] = quirks.in_force.get("IOC", "IOC")
    takes_text = kind not in quirks.decimal_amounts
    if spec.reduce_only and is_perpetual:
        params["reduceOnly"] = True
    else:
        _check_notional(quantity, limit if limit is not None else stop, market)
    contracts = _contracts(quantity, market)
    price = limit
    if is_bounded:
        price = _beyond(stop or price_now, spec, market, quirks.beyond)
    elif quirks.wants_price and limit is None:
        price = _price(stop or price_now, market, up=spec.side is Side.BUY)
    return Arguments(
        market.unified,
        "limit" if spec.type.has_limit or is_bounded else "market",
        spec.side.value,
        plain(contracts) if takes_text else contracts,
        None if price is None else plain(price),
        params,
    )


def needs_price(spec: OrderSpec, quirks: Quirks, kind: str) -> bool:
    """Whether it must be known what it would trade at before it can be sent."""
    is_market = spec.type is OrderType.MARKET
    return is_market and (quirks.wants_price or _is_bounded(spec, quirks, kind))


def _is_bounded(spec: OrderSpec, quirks: Quirks, kind: str) -> bool:
    as_a_rule = spec.type.is_stop or spec.side is Side.BUY
    return as_a_rule and spec.type in quirks.bounded.get(kind, ())


def _in_force(spec: OrderSpec, quirks: Quirks) -> str:
    word = spec.time_in_force.upper()
    if word in quirks.not_in_force:
        raise VenueRefusal(f"{spec.symbol}: this exchange takes no {word} orders", RULES)
    return quirks.in_force.get(word, word)


def _beyond(price: Decimal | None, spec: OrderSpec, market: Market, part: Decimal) -> Decimal:
    """A limit that is worse than `price` by that part of it."""
    if price is None:
        raise VenueRefusal(f"{spec.symbol}: what it would trade at is not known")
    is_buy = spec.side is Side.BUY
    return _price(price * (ONE + part if is_buy else ONE - part), market, up=not is_buy)


def _quantity(spec: OrderSpec, market: Market) -> Decimal:
    if not is_sane(spec.quantity) or spec.quantity <= 0:
        raise VenueRefusal(f"{spec.symbol}: a quantity of {spec.quantity} is none", RULES)
    quantity = floor_to(spec.quantity, market.instrument.lot_size)
    if quantity <= 0 or quantity < market.instrument.min_quantity:
        least = max(market.instrument.min_quantity, market.instrument.lot_size)
        raise VenueRefusal(
            f"{spec.symbol}: {plain(spec.quantity)} is below the least of {plain(least)}", RULES
        )
    most = market.instrument.part(quantity, at_market=not spec.type.has_limit)
    if quantity > most:
        raise VenueRefusal(
            f"{spec.symbol}: {plain(quantity)} is above the most of {plain(most)}", RULES
        )
    return quantity


def _price(price: Decimal | None, market: Market, *, up: bool) -> Decimal:
    if price is None or not is_sane(price) or price <= 0:
        raise VenueRefusal(f"{market.symbol}: a price of {price} is none", RULES)
    rounding = ROUND_CEILING if up else ROUND_FLOOR
    if market.price_digits is not None:
        rounded = Context(prec=market.price_digits, rounding=rounding).create_decimal(price)
    else:
        tick = market.instrument.tick_size
        rounded = (price / tick).to_integral_value(rounding) * tick
    if rounded <= 0:
        raise VenueRefusal(
            f"{market.symbol}: a price of {plain(price)} is below the least step", RULES
        )
    return rounded


def _check_notional(quantity: Decimal, price: Decimal | None, market: Market) -> None:
    least = market.instrument.min_notional
    if price is not None and least > ZERO and quantity * price < least:
        raise VenueRefusal(
            f"{market.symbol}: {plain(quantity)} at {plain(price)} is below the least notional of"
            f" {plain(least)} {market.instrument.quote}",
            RULES,
        )


def _contracts(quantity: Decimal, market: Market) -> Decimal:
    contracts = quantity / market.size
    if contracts * market.size != quantity:
        raise VenueRefusal(
            f"{market.symbol}: {plain(quantity)} is no whole number of contracts", RULES
        )
    return contracts


__all__ = ["Arguments", "arguments", "needs_price"]
