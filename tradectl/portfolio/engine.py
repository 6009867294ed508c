"""The portfolio: from the signals of strategies to orders.

    signals of a symbol  -> netted      the latest of each strategy, weighed by its allocation
    net target signal    -> sized       a target position
    target               -> compared    less the position, less what working orders will bring
    what is left         -> ordered     unless it is not worth an order

Every signal is answered by a `TargetComputed` that says where the portfolio wants to be and, when
nothing is done about it, why.

The engine keeps the latest signals and their net, which symbols wait for a cancel before the next order
is placed, and which were stopped out. It never trades a symbol that no strategy has spoken of since it
was made: a position found at a restart, or one made by hand, is not its own to close.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from tradectl.domain.errors import UsageError
from tradectl.domain.events import Event, StrategySignalEvent
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import BPS, ONE, ZERO, Side
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.states import TradingState
from tradectl.domain.views import AccountView
from tradectl.portfolio.decisions import cancels, idle, moves, obstacle, orders, stays
from tradectl.portfolio.flattening import Flattening
from tradectl.portfolio.halt_word import HaltWord
from tradectl.portfolio.netting import Allocations, TargetSignal, net_target, target_signal_of
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.position_delta import (
    CANCELLABLE,
    PositionDelta,
    nearer_zero,
    remaining_change,
)
from tradectl.portfolio.protection import Protection, cancellable, stops_of
from tradectl.portfolio.sizing import sizer_for

BUY, SELL = Side.BUY, Side.SELL
MARKET, LIMIT = OrderType.MARKET, OrderType.LIMIT
RUNNING = TradingState.RUNNING
FLATTENING, HALTED = TradingState.FLATTENING, TradingState.HALTED
PENDING_CANCEL = OrderStatus.PENDING_CANCEL


class PortfolioEngine:
    """`allocations` are shares (0 to 1) by strategy, and none means all for each; `new_order_id`
    gives an id that was never given before. `at` is everywhere the time of the step, ns UTC. With
    `sized_at_open` what is decided as a candle closes is ordered as the next one opens, of the size that
    it has then. Raises ConfigError for an impossible allocation."""

    def __init__(
        self,
        settings: PortfolioSettings,
        allocations: Mapping[str, Decimal],
        new_order_id: Callable[[], str],
        *,
        sized_at_open: bool = False,
    ) -> None:
        self.sized_at_open = sized_at_open
        self._at_open: dict[str, tuple[str, str]] = {}
        self._settings = settings
        self._allocations = Allocations(allocations)
        self._new_order_id = new_order_id
        self._sizer = sizer_for(settings)
        self._signals: dict[str, dict[str, TargetSignal]] = {}
        self._net: dict[str, Decimal] = {}
        self._waiting: dict[str, tuple[str, str]] = {}
        self._turning: dict[str, tuple[str, str]] = {}
        self._protection = Protection(settings.stop_loss_pct, new_order_id)
        self.flattening = Flattening(new_order_id, self._protection)
        self.halt_word = HaltWord(settings.stop_loss_pct)

    @property
    def follows_orders(self) -> bool:
        """It has to hear what becomes of its orders."""
        settings = self._settings
        waits = self._waiting or self._turning
        return bool(settings.replace_bps or waits) or self._protection.is_active

    def on_signal(self, signal: StrategySignalEvent, view: AccountView) -> list[Event]:
        """A `TargetComputed`, then the cancels and the order that follow from it, if any."""
        symbol = signal.symbol
        try:
            instrument = view.instrument(symbol)
            target_signal = target_signal_of(signal, self._allocations.of(signal.strategy))
        except UsageError as error:
            held = view.position(symbol).quantity
            return [stays(symbol, held, held, f"refused: {error}")]
        before = self._net.get(symbol)
        self._take(target_signal)
        # a strategy may repeat itself with every bar: only a change of mind is worth a small trade
        repeated = before == self._net.get(symbol)
        return self._steer(instrument, view, signal.reason or "signal", signal.strategy, repeated)

    def recall(self, signal: StrategySignalEvent, held: Decimal, view: AccountView) -> None:
        """A signal of an earlier run, of a strategy that holds `held` of the symbol. It is taken for the
        strategy's present one, without any order, where it is what the strategy has; else it is as if
        the strategy had not spoken yet: nothing is bought on an old word."""
        symbol = signal.symbol
        try:
            instrument = view.instrument(symbol)
            target_signal = target_signal_of(signal, self._allocations.of(signal.strategy))
        except UsageError:
            return
        size = target_signal.size
        wanted = ZERO if size < 0 and not instrument.can_short else size
        if wanted.compare(ZERO) == held.compare(ZERO):
            self._take(target_signal)
        else:
            self._forget(symbol, signal.strategy)

    def rebalance(self, view: AccountView, reason: str, at: int) -> list[Event]:
        """Bring the positions that drifted from their targets back. Says nothing of the others."""
        self._sample(view)
        events: list[Event] = []
        for symbol, of_symbol in self._signals.items():
            strategy = next(iter(of_symbol)) if len(of_symbol) == 1 else ""
            answer = self._replace_outdated(view.instrument(symbol), view, strategy)
            answer = answer or self._steer(
                view.instrument(symbol), view, reason, strategy, repeated=True
            )
            if len(answer) > 1:
                events += answer
        return events + self.protect(view, at)

    def protect(self, view: AccountView, at: int, symbol: str = "") -> list[Event]:
        """See to the stops of all positions, or to that of one symbol."""
        symbols = [symbol] if symbol else [position.symbol for position in view.positions()]
        events: list[Event] = []
        for each in symbols:
            events += self._protection.protect(each, view, at)
        return events

    def on_open(self, symbol: str, view: AccountView) -> list[Event]:
        """A candle opens: what was decided as the last one closed is ordered now."""
        if symbol not in self._at_open:
            return []
        reason, strategy = self._at_open.pop(symbol)
        return self._steer(view.instrument(symbol), view, reason, strategy, repeated=False)

    def on_execution(self, symbol: str, order_id: str, view: AccountView, at: int) -> list[Event]:
        """Something became of an order: what waited for a cancel goes on, and the position's stop is
        seen to, unless the answer to what goes on now has to come first."""
        events: list[Event] = []
        self._protection.on_execution(symbol, order_id, view, self._net.get(symbol, ZERO))
        if symbol in self._waiting and not self._in_the_way(symbol, view):
            reason, strategy = self._waiting.pop(symbol)
            events = self._steer(view.instrument(symbol), view, reason, strategy, repeated=False)
        if symbol in self._turning and not self._closing(symbol, view):
            events = self._turn_over(symbol, view)
        if len(events) > 1:
            return events
        return events + self._protection.protect(symbol, view, at)

    def on_denied(self, order: OrderSpec, reason: str, view: AccountView, at: int) -> list[Event]:
        """Risk denied an order whole. Where it was to reduce the position and to go beyond, the part that
        reduces is asked for by itself: an exit is not held back by what stands against an entry. A stop
        that had made room for an exit comes back."""
        held = view.position(order.symbol).quantity
        if order.reduce_only:
            self._turning.pop(order.symbol, None)
            return self._protection.protect(order.symbol, view, at)
        if not held or (held > 0) == (order.side is BUY):
            return []
        answer = self._steer(
            view.instrument(order.symbol),
            view,
            f"the part that reduces passes: {reason}",
            order.strategy,
            repeated=False,
            only_reduce=True,
        )
        return answer if len(answer) > 1 else []

    def on_unrestricted(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """The symbol is free again: its stop is seen to, and then its target."""
        events = self._protection.protect(symbol, view, at)
        of_symbol = self._signals.get(symbol)
        if not of_symbol:
            return events
        strategy = next(iter(of_symbol)) if len(of_symbol) == 1 else ""
        instrument = view.instrument(symbol)
        answer = self._steer(instrument, view, "no longer restricted", strategy, repeated=True)
        return events + (answer if len(answer) > 1 else [])

    def end(self, view: AccountView, reason: str) -> list[Event]:
        """Recorded data has ended: what works is cancelled, every position closed."""
        self._signals.clear()
        self._net.clear()
        for by_symbol in (self._waiting, self._at_open, self._turning):
            by_symbol.clear()
        working = cancellable(view.working_orders())
        closing = [e for p in view.positions() for e in self.flattening.at_once(p, view, reason)]
        return [*cancels(working, reason), *closing]

    def target_signals(self) -> list[TargetSignal]:
        """The latest signal of every strategy and symbol, oldest symbol first."""
        return [signal for of_symbol in self._signals.values() for signal in of_symbol.values()]

    def _forget(self, symbol: str, strategy: str) -> None:
        of_symbol = self._signals.get(symbol, {})
        if of_symbol.pop(strategy, None) is not None:
            self._set_net(symbol, of_symbol)
        if not of_symbol:
            self._signals.pop(symbol, None)

    def _take(self, signal: TargetSignal) -> None:
        of_symbol = self._signals.setdefault(signal.symbol, {})
        of_symbol[signal.strategy] = signal
        self._set_net(signal.symbol, of_symbol)

    def _set_net(self, symbol: str, of_symbol: Mapping[str, TargetSignal]) -> None:
        net = net_target(of_symbol.values())
        self._protection.on_target(symbol, net)
        if net:
            self._net[symbol] = net
        else:
            self._net.pop(symbol, None)

    def _steer(
        self,
        instrument: Instrument,
        view: AccountView,
        reason: str,
        strategy: str,
        repeated: bool,
        only_reduce: bool = False,
    ) -> list[Event]:
        symbol = instrument.symbol
        position = view.position(symbol).quantity
        mark = view.mark(symbol)
        if mark is None or mark <= 0:
            return [stays(symbol, position, position, "no price yet")]
        target = self._target(instrument, mark, view)
        if view.trading_state in (FLATTENING, HALTED):
            return [stays(symbol, target, position, "halted")]
        if self._protection.is_stopped_out(symbol) and instrument.is_dust(abs(position), mark):
            return [stays(symbol, target, position, "stopped out: another signal enters again")]
        if symbol in self._waiting:
            if self._in_the_way(symbol, view):
                return [stays(symbol, target, position, "waiting for a cancel")]
            del self._waiting[symbol]
        if symbol in self._turning:
            return [stays(symbol, target, position, "the position is closed first")]
        only_reduce = only_reduce or view.trading_state.only_reduces
        change = _change_to_target(instrument, mark, position, target, view, only_reduce)
        reason_against = (
            obstacle(change, self._settings, repeated) if change.quantity else idle(change, view)
        )
        if reason_against:
            return [
                stays(symbol, target, position, reason_against),
                *cancels(change.misdirected, reason_against),
            ]
        if self.sized_at_open and view.awaits_open(symbol):
            self._at_open[symbol] = (reason, strategy)
            return [
                stays(symbol, target, position, f"{reason} (as the next candle opens)"),
                *cancels(change.misdirected, reason),
            ]
        working = view.working_orders(symbol)
        bound = [] if change.adds or instrument.can_short else stops_of(working)
        if bound:  # on spot the stop binds the coins that are to be sold
            self._waiting[symbol] = (reason, strategy)
            why = "its stop is cancelled first"
            return [
                stays(symbol, target, position, why),
                *self._protection.make_room(bound, reason),
            ]
        if change.turns and self._settings.turn == "two_orders":
            self._turning[symbol] = (reason, strategy)
            change = change.closing_part()
        return [
            moves(symbol, target, position, change.quantity, reason),
            *cancels(change.misdirected, reason),
            orders(self._order(change, strategy), reason),
        ]

    def _target(self, instrument: Instrument, mark: Decimal, view: AccountView) -> Decimal:
        net = self._net.get(instrument.symbol)
        if net is None or (net < 0 and not instrument.can_short):
            return ZERO
        quantity = self._sizer.quantity(instrument.symbol, self._net, mark, view)
        return instrument.floor_quantity(quantity)

    def _replace_outdated(
        self, instrument: Instrument, view: AccountView, strategy: str
    ) -> list[Event]:
        """Cancel the resting entries whose price has been left behind: they are placed anew once that
        is confirmed, so that there are never two."""
        symbol, far = instrument.symbol, self._settings.replace_bps
        mark, position = view.mark(symbol), view.position(symbol).quantity
        if far is None or not mark or symbol in self._waiting or view.trading_state is not RUNNING:
            return []
        outdated = [
            order
            for order in view.working_orders(symbol)
            if order.spec.type is LIMIT and order.spec.price and not order.spec.reduce_only
            and order.status in CANCELLABLE
            and abs(self._limit_price(instrument, mark, order.spec.side is BUY) - order.spec.price)
            > far * BPS * order.spec.price
        ]  # fmt: skip
        if not outdated:
            return []
        reason = "the price has left its order behind"
        self._waiting[symbol] = (reason, strategy)
        return [stays(symbol, position, position, reason), *cancels(outdated, reason)]

    def _turn_over(self, symbol: str, view: AccountView) -> list[Event]:
        """The order that closed is over: the other side is entered if nothing of the position is left."""
        reason, strategy = self._turning.pop(symbol)
        if view.position(symbol).quantity:
            return []
        return self._steer(view.instrument(symbol), view, reason, strategy, repeated=False)

    def _closing(self, symbol: str, view: AccountView) -> bool:
        working = view.working_orders(symbol)
        return any(o.spec.reduce_only and not o.spec.is_protective for o in working)

    def _in_the_way(self, symbol: str, view: AccountView) -> bool:
        """Orders that are to be gone before the next one is placed."""
        working = view.working_orders(symbol)
        return any(order.status is PENDING_CANCEL for order in working)

    def _limit_price(self, instrument: Instrument, mark: Decimal, buys: bool) -> Decimal:
        away = self._settings.limit_offset_bps * BPS
        return instrument.round_price(mark * (ONE - away if buys else ONE + away))

    def _order(self, change: PositionDelta, strategy: str) -> OrderSpec:
        buys, size, adds = change.quantity > 0, abs(change.quantity), change.adds
        price = None
        if adds and self._settings.order_type == "limit":
            price = self._limit_price(change.instrument, change.mark, buys)
        return OrderSpec(
            order_id=self._new_order_id(),
            symbol=change.instrument.symbol,
            side=BUY if buys else SELL,
            quantity=size,
            type=MARKET if price is None else LIMIT,
            price=price,
            reduce_only=not adds and size <= abs(change.position),
            strategy=strategy,
        )

    def _sample(self, view: AccountView) -> None:
        for symbol in self._signals:
            mark = view.mark(symbol)
            if mark is not None and mark > 0:
                self._sizer.sample(symbol, mark)


def _change_to_target(
    instrument: Instrument,
    mark: Decimal,
    position: Decimal,
    target: Decimal,
    view: AccountView,
    only_reduce: bool,
) -> PositionDelta:
    aim = nearer_zero(target, position) if only_reduce else target
    quantity, misdirected = aim - position, _NONE
    working = view.working_orders(instrument.symbol)
    if working:
        may_add = bool(aim) and not only_reduce
        quantity, misdirected = remaining_change(
            working, aim, position, may_add, instrument.can_short
        )
    quantity = instrument.floor_quantity(quantity)
    return PositionDelta(instrument, mark, position, target, aim, quantity, misdirected)


_NONE: list[Order] = []
