"""Is this an order at all, and may orders leave now? Fat fingers end here."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tradectl.domain.instruments import Instrument
from tradectl.domain.money import HUNDRED, Side, is_multiple, is_sane, money_text, plain
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.domain.states import TradingState
from tradectl.domain.time import SECOND
from tradectl.risk.base import Check, Denial, Figures
from tradectl.risk.context import RiskContext

PAUSED, REDUCING = TradingState.PAUSED, TradingState.REDUCING
FLATTENING, HALTED = TradingState.FLATTENING, TradingState.HALTED
MARKET = OrderType.MARKET


class HaltCheck(Check):
    """Flattening, nothing leaves but what closes or protects; halted, nothing but a stop that a position
    lacks."""

    code = "HALTED"

    def check(self, context: RiskContext) -> Denial | None:
        state, order = context.state, context.order
        if state is not HALTED and state is not FLATTENING:
            return None
        may_leave = state is FLATTENING
        if order.is_protective:
            may_leave = not context.view.protection_dropped
        if may_leave and order.reduce_only and context.only_reduces:
            return None
        return self.deny("trading is halted: no order leaves before the halt is cleared")


class PauseCheck(Check):
    """No entries; what reduces a position goes on."""

    code = "PAUSED"

    def check(self, context: RiskContext) -> Denial | None:
        if context.state is not PAUSED or context.only_reduces:
            return None
        return self.deny("trading is paused: only orders that reduce a position leave")


class ReducingCheck(Check):
    """No entries any more; what reduces a position goes on until all is flat."""

    code = "REDUCING"

    def check(self, context: RiskContext) -> Denial | None:
        if context.state is not REDUCING or context.only_reduces:
            return None
        return self.deny(
            "a loss limit has halted trading: only orders that reduce a position leave before "
            "`tradectl clear-halt --confirm`"
        )


class RestrictionCheck(Check):
    """Trading in the symbol is restricted: entries always, exits where nobody can say what is there to be
    closed, or where that is less. A stop that flattens closes it all the same. What is held of a
    perpetual and is not ours would be traded by an entry against it: a perpetual is held on one side."""

    code = "RESTRICTED"

    def check(self, context: RiskContext) -> Denial | None:
        order, view = context.order, context.view
        external = view.external(order.symbol)
        against = external and order.side.signed(external) < 0 and not context.only_reduces
        if against and view.instrument(order.symbol).can_short:
            held = f"{plain(external)} {order.symbol} is held that is not ours"
            return self.deny(f"{held}, and an order to {order.side} would close it")
        restrictions = view.restrictions(order.symbol)
        if not restrictions or (context.only_reduces and context.state is FLATTENING):
            return None
        exits = context.only_reduces and context.reduces_what_is_there
        for kind, message in restrictions.items():
            if kind.blocks_exits or not exits:
                return self.deny(f"{context.order.symbol} is restricted ({kind}): {message}")
        return None


class StaleDataCheck(Check):
    """Nothing is begun on old prices, or on those of the run before. Exits go on."""

    code = "STALE_DATA"

    def __init__(self, limit_seconds: Decimal) -> None:
        self._limit = limit_seconds

    def check(self, context: RiskContext) -> Denial | None:
        symbol, made = context.order.symbol, context.view.data_time(context.order.symbol)
        age = Decimal(context.at - made) / SECOND if made else None
        if made == 0 or (age is not None and age <= self._limit) or context.only_reduces:
            return None
        if age is None:
            return self.deny(f"no data of {symbol} has come in this run yet")
        return self.deny(
            f"the newest data of {symbol} is {age:.1f} s old: the limit is {plain(self._limit)} s",
            self._limit,
            age,
        )

    def figures(self, context: RiskContext) -> Figures | None:
        made = context.view.data_time(context.order.symbol)
        if not made:
            return None
        return Figures(self._limit, Decimal(context.at - made) / SECOND)


class UnknownSymbolCheck(Check):
    code = "UNKNOWN_SYMBOL"

    def check(self, context: RiskContext) -> Denial | None:
        if context.view.knows(context.order.symbol):
            return None
        return self.deny(f"{context.order.symbol!r} is not among the instruments of this run")


class CurrencyCheck(Check):
    """An account counts in one currency: what is quoted in another cannot be added to it."""

    code = "OTHER_CURRENCY"

    def check(self, context: RiskContext) -> Denial | None:
        view, symbol = context.view, context.order.symbol
        quote = view.instrument(symbol).quote
        if quote == view.currency:
            return None
        return self.deny(f"{symbol} is quoted in {quote}, and the account is in {view.currency}")


class OrderShapeCheck(Check):
    """An order names itself, a side, a type, and exactly the prices that its type has."""

    code = "BAD_ORDER"

    def check(self, context: RiskContext) -> Denial | None:
        order = context.order
        side: object = order.side  # whatever the types promise: orders are also built by hand
        if not isinstance(side, Side):
            return self.deny(f"side {side!r} is not Side.BUY or Side.SELL")
        what: object = order.type
        if not isinstance(what, OrderType):
            return self.deny(f"type {what!r} is not an OrderType")
        if not order.order_id:
            return self.deny("the order has no id")
        kind, price, stop = order.type, order.price, order.stop_price
        if kind is MARKET:
            fits = price is None and stop is None
        else:
            fits = (price is not None) == kind.has_limit and (stop is not None) == kind.is_stop
        if fits:
            return None
        return self.deny(f"a {kind} order with price {price} and stop price {stop}")


class NumberCheck(Check):
    """Finite, above zero, of sane size, a multiple of its step."""

    code = "BAD_NUMBER"

    def check(self, context: RiskContext) -> Denial | None:
        order, instrument = context.order, context.view.instrument(context.order.symbol)
        denial = self._fault("quantity", order.quantity, lambda _: instrument.lot_size)
        if denial is None and order.type is not MARKET:
            denial = self._prices(order, instrument)
        return denial

    def _prices(self, order: OrderSpec, instrument: Instrument) -> Denial | None:
        for name, price in (("price", order.price), ("stop price", order.stop_price)):
            if price is not None:
                denial = self._fault(name, price, instrument.tick_at)
                if denial is not None:
                    return denial
        return None

    def _fault(
        self, name: str, value: object, step_at: Callable[[Decimal], Decimal]
    ) -> Denial | None:
        # finiteness first: a NaN compares as false, or raises
        if not isinstance(value, Decimal) or not is_sane(value) or value <= 0:
            return self.deny(f"{name} {value!r} is not a Decimal above 0 and below 1e15")
        step = step_at(value)
        if not is_multiple(value, step):
            return self.deny(f"{name} {value} is not a multiple of {plain(step)}", step, value)
        return None


class ReduceOnlyCheck(Check):
    """On spot no exchange sees to it that an order only reduces what is held: we do."""

    code = "REDUCE_ONLY"

    def check(self, context: RiskContext) -> Denial | None:
        order, impact = context.order, context.impact
        if not order.reduce_only or impact.instrument.can_short:
            return None
        if order.side is Side.SELL and order.quantity <= impact.held:
            return None
        return self.deny(
            f"reduce-only: {plain(impact.held)} are held, and the order is to {order.side} "
            f"{plain(order.quantity)}",
            impact.held,
            order.quantity,
        )


class MinNotionalCheck(Check):
    """What exchanges refuse as too small. Not asked of exits: a rest must be closable."""

    code = "MIN_NOTIONAL"

    def check(self, context: RiskContext) -> Denial | None:
        impact = context.impact
        notional, limit = impact.notional, impact.instrument.min_notional
        if notional >= limit or context.order.reduce_only or impact.reduces or not impact.price:
            return None
        return self.deny(
            f"order notional {money_text(notional, impact.instrument.quote)} "
            f"is below the exchange's minimum of {money_text(limit)}",
            limit,
            notional,
        )

    def figures(self, context: RiskContext) -> Figures | None:
        """The limit is a floor."""
        impact = context.impact
        if not impact.price:
            return None
        return Figures(impact.instrument.min_notional, impact.notional)


class PriceCollarCheck(Check):
    """A limit or stop price stays near the mark, on either side of it. Exits pass: a protective stop may
    rest further away."""

    code = "PRICE_COLLAR"

    def __init__(self, limit_pct: Decimal) -> None:
        self._limit = limit_pct

    def check(self, context: RiskContext) -> Denial | None:
        order, mark = context.order, context.impact.mark
        if order.type is MARKET or not mark or context.impact.reduces:
            return None
        for price in (order.price, order.stop_price):
            if price is not None:
                away = abs(price - mark) / mark * HUNDRED
                if away > self._limit:
                    return self._too_far(price, mark, away)
        return None

    def figures(self, context: RiskContext) -> Figures | None:
        order, mark = context.order, context.impact.mark
        named = [price for price in (order.price, order.stop_price) if price is not None]
        if not named or not mark:
            return None
        return Figures(self._limit, max(abs(price - mark) / mark * HUNDRED for price in named))

    def _too_far(self, price: Decimal, mark: Decimal, away: Decimal) -> Denial:
        side = "above" if price > mark else "below"
        return self.deny(
            f"price {money_text(price)} is {away:,.2f}% {side} the mark of {money_text(mark)}: "
            f"the limit is {plain(self._limit)}%",
            self._limit,
            away,
        )


class PriceKnownCheck(Check):
    """What cannot be valued cannot be limited. An exit needs no value."""

    code = "NO_PRICE"

    def check(self, context: RiskContext) -> Denial | None:
        if context.impact.mark or context.impact.reduces:
            return None
        return self.deny(f"there is no price of {context.order.symbol} yet")
