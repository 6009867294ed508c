"""What the paper exchange does to perpetual positions by itself: it takes funding, and it liquidates.

It looks at a symbol when a price of it comes, and only while a perpetual of it is held. The others stand
at their last marks. The account is what the books hold, and what the exchange has reported and the books
have not yet heard of.

Liquidation. A position is judged at the worst price of what came: a candle's low for a long, its high
for a short. Going there the market passes our own orders first: stops and limits nearer than the
liquidation price trade before it. Then the working orders of what is lost are cancelled, and it is
closed: at the liquidation price, or at the candle's open, trade or quote where the market was beyond it
at once (and where that is beyond all that was there, before any order of ours). On a cross account the
other symbols are closed with it, at their marks. The liquidation fee is paid as far as collateral is
left; what was lost beyond it, the insurance bears. (Binance, "Liquidation Protocols": cancel, close, fee,
and the insurance fund for a negative balance. It may close large positions step by step; here all is
closed at once.)

Funding. Whoever holds a position at the moment pays -rate x quantity x mark, to ten decimals. The mark is
the last price by then; a candle that contains the moment counts as past, with what is left at its close.
Moments that were missed, in a gap of the data or while nothing ran, are paid one by one at the last mark.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Context, Decimal

from msgspec.structs import replace

from tradectl.domain.events import (
    AccountReported,
    BarEvent,
    Event,
    FundingPaid,
    MarketDataEvent,
    OrderFilled,
    PositionLiquidated,
)
from tradectl.domain.instruments import Instrument, MarginMode
from tradectl.domain.margin import HeldPerpetual, MarginAccount
from tradectl.domain.money import CENT_OF_A_SATOSHI, HUNDRED, ZERO, Side, round_to
from tradectl.domain.orders import OrderSpec
from tradectl.domain.positions import Position
from tradectl.domain.views import AccountView
from tradectl.exchange.paper.fees_and_slippage import FEE_STEP
from tradectl.exchange.paper.funding_rates import FundingRates
from tradectl.exchange.paper.matching_engine import MatchingEngine
from tradectl.exchange.paper.price_bounds import PriceBounds
from tradectl.exchange.paper.reports import SOURCE

Changing = OrderFilled | FundingPaid | PositionLiquidated
"""A report that changes the account."""
CHANGING = (OrderFilled, FundingPaid, PositionLiquidated)
Answer = Callable[[Sequence[Event], int], None]
UNKNOWN = 0
NOT_FREE = "the money stands behind perpetuals"


class PaperPerpetuals:
    """`view` is the account in the books, `answer` reports to it. `held` has the symbols whose prices are
    to be brought to `before` and `after` the exchange's own matching, but for a price within the `bounds`
    of its symbol, the usual case: that one is only noted in `marks`. `is_lost`: a cross account was
    liquidated, and opens nothing more."""

    def __init__(
        self, view: AccountView, engine: MatchingEngine, rates: FundingRates, answer: Answer
    ) -> None:
        self._view = view
        self._engine = engine
        self._rates = rates
        self._answer = answer
        self._account = MarginAccount(view.cash)
        self.held = self._account.held
        self.is_lost = False
        self._in_flight: deque[Changing] = deque()
        self._due: dict[str, int] = {}
        self._since = UNKNOWN
        self._bounds = PriceBounds(self._account)
        self.marks, self.bounds = self._bounds.marks, self._bounds.by_symbol

    def restore(self) -> None:
        """Go on with the perpetuals that the books hold."""
        for position in self._view.positions():
            instrument = self._view.instrument(position.symbol)
            if instrument.can_short:
                self._hold(position, instrument)
                until = self._view.funded_until(position.symbol)
                self._due[position.symbol] = (
                    self._rates.next_after(position.symbol, until) if until else UNKNOWN
                )

    # --- what the exchange reports ----------------------------------------------------------------

    def reported(self, event: Changing, at: int) -> None:
        """It goes out at `at`."""
        if isinstance(event, FundingPaid):
            self._account.cash += event.payment
        else:
            self._bounds.lift(event.symbol)
            if isinstance(event, OrderFilled):
                self._fill(event, at)
            else:
                self._close(event)
        self._bounds.account_changed()
        self._in_flight.append(event)

    def booked(self, event: Event) -> None:
        """The books have heard of it. What did not come from here has moved all that was worked out."""
        if self._in_flight and self._in_flight[0] is event:
            symbol = self._in_flight.popleft().symbol
            if not self._in_flight:
                self._bound(symbol)
        elif isinstance(event, AccountReported):
            self._bounds.clear()

    def _fill(self, fill: OrderFilled, at: int) -> None:
        symbol, signed = fill.symbol, fill.side.signed(fill.quantity)
        instrument = self._view.instrument(symbol)
        if not instrument.can_short:
            self._account.cash -= signed * fill.price + fill.fee
            return
        before = self._position(symbol)
        after = before.after_fill(signed, fill.price, fill.fee)
        self._account.cash += after.realized - before.realized - fill.fee
        if not before.quantity:
            self._due[symbol] = self._rates.next_after(symbol, self._since or at)
        self._hold(after, instrument)

    def _close(self, event: PositionLiquidated) -> None:
        before = self._position(event.symbol)
        after = before.after_fill(event.side.signed(event.quantity), event.price, event.fee)
        self._account.cash += after.realized - before.realized - event.fee + event.insurance
        self._hold(after, self._view.instrument(event.symbol))

    def _position(self, symbol: str) -> Position:
        held = self.held.get(symbol)
        if held is not None:
            return held.position
        return Position(symbol) if self._in_flight else self._view.position(symbol)

    def _hold(
        self, position: Position, instrument: Instrument, price: Decimal | None = None
    ) -> None:
        mark = price or self._view.mark(position.symbol) or position.entry_price
        self.marks[position.symbol] = mark
        self._account.put(HeldPerpetual.at(position, instrument, mark))

    # --- a price comes ----------------------------------------------------------------------------

    def before(self, event: MarketDataEvent, at: int) -> None:
        """Before our orders in the symbol, of which a position is held, meet it."""
        self._take_over(event.symbol)
        if isinstance(event, BarEvent):
            self._since = at - event.interval
            self._fund(event.symbol, self._since, at)
            self._liquidate_within(event, at)
            return
        self._fund(event.symbol, at - 1, at)
        held = self.held.get(event.symbol)
        if held is None or self._bounds.is_safe(held, event.price):
            return
        if not self._account.covers(event.symbol, event.price):
            self._liquidate(held, event.price, at)

    def after(self, event: MarketDataEvent, at: int, *, was_held: bool) -> None:
        """Our orders have met it, and a position is or `was_held`."""
        self._since = UNKNOWN
        symbol, bar = event.symbol, event if isinstance(event, BarEvent) else None
        held = self.held.get(symbol)
        if held is not None and bar is not None:
            if not was_held:
                self._due[symbol] = self._rates.next_after(symbol, at - bar.interval)
            self._liquidate_within(bar, at)
        elif held is not None and not (
            self._bounds.is_safe(held, event.price) or self._account.survives(symbol, event.price)
        ):
            self._liquidate(held, event.price, at)
        self.marks[symbol] = event.price
        held = self.held.get(symbol)
        if held is not None:
            self._put(held, event.price)
            self._fund(symbol, at, at)
        self.cover(symbol, at)
        self._bound(symbol)

    def _bound(self, symbol: str) -> None:
        """Work out how far the price can go."""
        held = self.held.get(symbol)
        if held is None or self._in_flight:
            self._bounds.lift(symbol)
        else:
            self._bounds.draw(held, self._due[symbol])

    def _put(self, held: HeldPerpetual, mark: Decimal) -> None:
        self._account.put(HeldPerpetual.at(held.position, held.instrument, mark))

    def cover(self, symbol: str, at: int) -> None:
        """A fill in a perpetual, or its fee, may have cost more than there was: what is left is closed,
        and the insurance bears the rest."""
        account = self._account
        worth = account.cross_worth() if account.crossed else ZERO
        if worth < self._bounds.unseen:
            self._bounds.catch_up()
            worth = account.cross_worth()
        if worth < 0:
            first = account.cross()[0]
            self._liquidate(first, first.mark, at)
        elif not account.held and account.cash < 0 and self._view.instrument(symbol).can_short:
            self.is_lost = True
            borne = self._liquidation(symbol, Side.SELL, ZERO, ZERO, at, insurance=-account.cash)
            self._answer([borne], at)

    def _take_over(self, symbol: str) -> None:
        """What is held stands at its last mark. What the books hold is right once they have heard all:
        cash may have come from outside."""
        self._bounds.lift(symbol)
        held, mark = self.held[symbol], self.marks[symbol]
        if mark is not held.mark:
            self._put(held, mark)
        if self._in_flight:
            return
        position, cash = self._view.position(symbol), self._view.cash
        if cash != self._account.cash or position != held.position:
            self._bounds.clear()
            self._account.cash = cash
            self._hold(position, self.held[symbol].instrument, mark)

    def keep_from_coins(self, symbol: str, at: int) -> None:
        """Before the market meets our orders in coins: what stands behind perpetuals by now is not spent
        on them."""
        spent = self._engine.buys_of_coins(symbol)
        if not spent or spent <= self._bounds.free_at_least():
            return
        self._bounds.clear()
        if spent > self._account.free():
            self._answer(self._engine.cancel_where(_is_buy, NOT_FREE, symbol), at)

    # --- liquidation ------------------------------------------------------------------------------

    def _liquidate_within(self, bar: BarEvent, at: int) -> None:
        """Go from the open of `bar` towards its worst price, and trade what is met on the way."""
        symbol, reached = bar.symbol, None
        while symbol in self.held:
            held = self.held[symbol]
            is_long = held.position.quantity > 0
            if self._bounds.is_safe(held, bar.low if is_long else bar.high):
                return
            price = self._account.liquidation_price(symbol)
            if price is None or self._account.survives(symbol, bar.low if is_long else bar.high):
                return
            price = min(price, bar.open) if is_long else max(price, bar.open)
            if price == reached or not self._account.covers(symbol, price):
                self._liquidate(held, price, at)
                return
            reached = price
            top, bottom = max(bar.open, price), min(bar.open, price)
            so_far = replace(bar, high=top, low=bottom, price=price)
            self._answer(self._engine.match_part(so_far, at), at)

    def _liquidate(self, held: HeldPerpetual, price: Decimal, at: int) -> None:
        """Close `held` at `price`; what stands and falls with it, at the marks."""
        alone = held.position.symbol if held.isolated else ""
        self._answer(self._engine.cancel_where(_of(held), "liquidated", alone), at)
        account = self._account
        others = [] if held.isolated else [h for h in account.cross() if h is not held]
        lost = [held, *others]
        prices = [_rounded(held, price), *(h.mark for h in lost[1:])]
        closing = list(zip(lost, prices, strict=True))
        left = account.behind(held) if held.isolated else account.cash - account.set_aside
        left += sum((h.position.unrealized(at_price) for h, at_price in closing), ZERO)
        shortfall = max(-left, ZERO)
        events: list[Event] = []
        for each, at_price in closing:
            position, due = each.position, each.instrument.liquidation_fee * at_price
            fee = min(abs(position.quantity) * due, max(left, ZERO)).quantize(FEE_STEP, ROUND_DOWN)
            left -= fee
            events.append(
                self._liquidation(
                    position.symbol,
                    position.closing_side,
                    abs(position.quantity),
                    at_price,
                    at,
                    fee=fee,
                    insurance=ZERO if events else shortfall,
                )
            )
        self._answer(self._engine.close_positions([h.position.symbol for h in lost]), at)
        self.is_lost = self.is_lost or not held.isolated
        self._answer(events, at)

    def _liquidation(
        self,
        symbol: str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        at: int,
        *,
        fee: Decimal = ZERO,
        insurance: Decimal,
    ) -> PositionLiquidated:
        return PositionLiquidated(
            source_component=SOURCE,
            symbol=symbol,
            liquidation_id=f"{symbol}-{at}",
            side=side,
            quantity=quantity,
            price=price,
            fee=fee,
            insurance=insurance,
            margin=self._view.instrument(symbol).margin,
            ts=at,
        )

    # --- funding ----------------------------------------------------------------------------------

    def _fund(self, symbol: str, until: int, at: int) -> None:
        """Settle what is due up to and including `until`."""
        due = self._due.get(symbol, UNKNOWN)
        if due == UNKNOWN:
            due = self._due[symbol] = self._rates.next_after(symbol, until)
        while due <= until and symbol in self.held:
            held, rate = self.held[symbol], self._rates.at(symbol, due)
            quantity = held.position.quantity
            payment = round_to(-rate * quantity * held.mark, CENT_OF_A_SATOSHI)
            paid = FundingPaid(
                source_component=SOURCE,
                symbol=symbol,
                rate=rate,
                quantity=quantity,
                price=held.mark,
                payment=payment,
                ts=due,
            )
            due = self._due[symbol] = self._rates.next_after(symbol, due)
            self._answer([paid], at)


def _is_buy(spec: OrderSpec, _instrument: Instrument) -> bool:
    return spec.side is Side.BUY


def _of(held: HeldPerpetual) -> Callable[[OrderSpec, Instrument], bool]:
    """The orders that go with a liquidated position: of its symbol; or on a cross account of all that
    stands with it, and those that would buy coins with money that is lost."""
    symbol = held.position.symbol
    if held.isolated:
        return lambda spec, _instrument: spec.symbol == symbol
    return lambda spec, instrument: (
        instrument.margin is MarginMode.CROSS if instrument.can_short else spec.side is Side.BUY
    )


def _rounded(held: HeldPerpetual, price: Decimal) -> Decimal:
    """To the tick, against us; to twelve digits where that would cost more than a part in a hundred."""
    worse = ROUND_FLOOR if held.position.quantity > 0 else ROUND_CEILING
    tick = held.instrument.tick_size
    rounded = (price / tick).to_integral_value(worse) * tick
    if abs(rounded - price) * HUNDRED <= price:
        return rounded
    return Context(prec=12, rounding=worse).plus(price)


__all__ = ["PaperPerpetuals"]
