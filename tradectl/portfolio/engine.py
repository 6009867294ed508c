"""The portfolio: from the signals of strategies to orders.

    signal               -> sized       each strategy's target, a virtual position of its own
    targets of a symbol  -> netted      one position for all
    net target           -> compared    less the position, less what working orders will bring
    what is left         -> ordered     unless it is not worth an order
    what cancels out     -> crossed     strategies trade with each other, at the mark

Every signal is answered by a `TargetComputed` that says where the portfolio wants to be and, when
nothing is done about it, why.

What risk denied is still wanted, and not ordered again and again: as long as nobody asks for something
else and risk would say the same, nothing is sent to be denied.

Targets and virtual positions are kept in the books. The engine remembers which symbols wait before the
next order is placed and for whom, and within a step the signals that others follow. It never trades what
no strategy asked for: a position of nobody, or of a strategy that is not configured any more, is not its
own to close.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from tradectl.domain.errors import UsageError
from tradectl.domain.event import Reason, ReasonCode
from tradectl.domain.events import Event, StrategySignalEvent
from tradectl.domain.money import ZERO, Side, plain
from tradectl.domain.orders import OrderSpec
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.states import TradingState
from tradectl.domain.views import AccountView
from tradectl.portfolio import refused_orders, resting_entries
from tradectl.portfolio.decisions import (
    CLOSED_FIRST,
    NETTED,
    NO_PRICE,
    STOPPED_OUT,
    asks,
    cancels,
    cross,
    crossed_out,
    idle,
    moves,
    obstacle,
    or_stopped_out,
    orders,
    stays,
)
from tradectl.portfolio.flattening import Flattening
from tradectl.portfolio.halt_word import HaltWord
from tradectl.portfolio.order_making import OrderMaking
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.position_delta import PositionDelta, awaits_cancel, is_at_hand, is_closing
from tradectl.portfolio.protection import Protection, cancellable
from tradectl.portfolio.shared_delta import SharedDelta, change_to
from tradectl.portfolio.sizing import sample_marks, sizer_for
from tradectl.portfolio.strategy_targets import (
    StrategyTargets,
    Wanted,
    all_out,
    is_at_rest,
)

RUNNING = TradingState.RUNNING
FLATTENING, HALTED = TradingState.FLATTENING, TradingState.HALTED

WouldDeny = Callable[[OrderSpec, AccountView, int], Reason | None]
Waiting = tuple[str, Collection[str]]
"""Why the symbol is traded as soon as it may be, and the strategies whose targets are sized then."""
_NOBODY: Mapping[str, StrategyTarget] = {}


class PortfolioEngine:
    """`allocations` are shares (0 to 1) by strategy, and none means all for each; `new_order_id`
    gives an id that was never given before; `would_deny` says why risk would deny an order, if it
    would. `at` is everywhere the time of the step, ns UTC. With `sized_at_open` what is decided as a
    candle closes is ordered as the next one opens, of the size that it has then. In a run that
    has no strategies what they wanted waits for them. Raises ConfigError for an impossible allocation."""

    def __init__(
        self,
        settings: PortfolioSettings,
        allocations: Mapping[str, Decimal],
        new_order_id: Callable[[], str],
        *,
        would_deny: WouldDeny = lambda order, view, at: None,
        sized_at_open: bool = False,
        has_strategies: bool = True,
    ) -> None:
        self.sized_at_open = sized_at_open
        self._has_strategies = has_strategies
        self._at_open: dict[str, Waiting] = {}
        self._settings = settings
        self._would_deny = would_deny
        self._orders = OrderMaking(settings, new_order_id)
        self._sizer = sizer_for(settings)
        self._targets = StrategyTargets(self._sizer, allocations)
        self._heard: dict[str, dict[str, StrategyTarget]] = {}
        self._waiting: dict[str, Waiting] = {}
        self._turning: dict[str, Waiting] = {}
        self._in_parts: dict[str, Waiting] = {}
        self._protection = Protection(settings.stop_loss_pct, new_order_id)
        self.flattening = Flattening(new_order_id, self._protection)
        self.halt_word = HaltWord(settings.stop_loss_pct)

    def follows_orders(self, view: AccountView) -> bool:
        """It has to hear what becomes of its orders."""
        waits = self._waiting or self._turning or self._in_parts or self._settings.replace_bps
        return bool(waits or view.refused_symbols()) or self._protection.is_active(view)

    def on_signal(self, signal: StrategySignalEvent, view: AccountView, at: int) -> list[Event]:
        """A `TargetComputed`, then the cancels and the order that follow from it, if any. Signals for a
        symbol at one moment are netted: the last of them is acted upon with all."""
        symbol = signal.symbol
        events: list[Event] = []
        heard = self._heard.pop(symbol, {})
        try:
            asked = self._targets.asked(signal, view.instrument(symbol))
            heard[asked.strategy] = asked
        except UsageError as error:
            held = view.position(symbol).quantity
            events.append(stays(symbol, held, held, (ReasonCode.REFUSED, f"refused: {error}")))
            if not heard:
                return events
        if signal.followed:
            self._heard[symbol] = heard
            held = view.position(symbol).quantity
            return events or [stays(symbol, held, held, NETTED)]
        # a strategy may repeat itself with every bar: only a change of mind is worth a small trade
        known = view.targets(symbol)
        repeated = all(new.is_same_word(known.get(name)) for name, new in heard.items())
        reason = signal.reason or "signal"
        return events + self._steer(symbol, view, reason, repeated, at, said=heard)

    def rebalance(self, view: AccountView, reason: str, at: int) -> list[Event]:
        """Bring the positions that drifted from their targets back. Says nothing of the others."""
        if self._sizer.measures:
            sample_marks(self._sizer, view)
        events: list[Event] = []
        ordered: set[str] = set()
        for symbol in view.targeted() if self._has_strategies else ():
            if symbol not in self._waiting and is_at_rest(symbol, view):
                continue
            answer = self._replace_outdated(symbol, view)
            everyone = view.targets(symbol)
            answer = answer or self._steer(symbol, view, reason, True, at, afresh=everyone)
            if len(answer) > 1:
                events += answer
            if asks(answer):
                ordered.add(symbol)
        if self._protection.is_active(view):
            events += self.protect(view, at, but=ordered)
        return events

    def protect(
        self, view: AccountView, at: int, symbol: str = "", but: Collection[str] = ()
    ) -> list[Event]:
        """See to the stops of all positions, or to that of one symbol; `but` those of which something was
        ordered in this very step: what becomes of that comes first."""
        symbols = [symbol] if symbol else [position.symbol for position in view.positions()]
        events: list[Event] = []
        for each in symbols:
            if each not in but:
                events += self._protection.protect(each, view, at)
        return events

    def run_ends(self, view: AccountView, at: int) -> list[Event]:
        """No price comes any more: what lacks its stop gets it by what is known."""
        self._protection.run_ends()
        return self.protect(view, at) if self._protection.is_active(view) else []

    def on_open(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """A candle opens: what was decided as the last one closed is ordered now."""
        if symbol not in self._at_open:
            return []
        reason, names = self._at_open.pop(symbol)
        return self._steer(symbol, view, reason, repeated=False, at=at, afresh=names)

    def on_execution(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """Something became of an order: what waited for a cancel goes on, and the position's stop is
        seen to, unless the answer to what goes on now has to come first."""
        events: list[Event] = []
        if symbol in self._waiting and not awaits_cancel(symbol, view):
            reason, names = self._waiting.pop(symbol)
            events = self._steer(symbol, view, reason, repeated=False, at=at, afresh=names)
        if symbol in self._turning and not is_closing(symbol, view):
            events = self._turn_over(symbol, view, at)
        if symbol in self._in_parts and not asks(events) and is_at_hand(symbol, view):
            reason, _ = self._in_parts.pop(symbol)
            events += self._steer(symbol, view, reason, repeated=False, at=at)
        if asks(events):
            return events
        events += cancels(resting_entries.of_stopped_out(symbol, view), STOPPED_OUT[1])
        events += refused_orders.makes_way(symbol, view, at)
        if self._has_strategies and refused_orders.is_due(symbol, view, at):
            again = self._steer(symbol, view, "by the rules of now", True, at)
            if len(again) > 1:
                events += again
            if asks(again):
                return events
        return events + self._protection.protect(symbol, view, at)

    def on_refused(self, view: AccountView, at: int) -> list[Event]:
        """What was refused and is due is tried again, as far as it is still wanted."""
        events: list[Event] = []
        for symbol in refused_orders.all_due(view, at) if self._has_strategies else ():
            answer = self._steer(symbol, view, "refused before", True, at)
            if len(answer) > 1 or refused_orders.is_over(answer[0], symbol, view, at):
                events += answer
        return events

    def on_denied(self, order: OrderSpec, reason: str, view: AccountView, at: int) -> list[Event]:
        """Risk denied an order whole. Where it was to reduce the position and to go beyond, or was the
        exit of one strategy netted with another's entry, the part that reduces is asked for by itself:
        an exit is not held back by what stands against an entry. A stop that had made room for an exit
        comes back. Nothing crosses."""
        symbol, held = order.symbol, view.open_quantity(order.symbol)
        if order.reduce_only:
            self._turning.pop(symbol, None)
            return self._protection.protect(symbol, view, at)
        self._in_parts.pop(symbol, None)
        if not held or ((held > 0) == (order.side is Side.BUY) and not order.shares):
            return []
        why = f"the part that reduces passes: {reason}"
        answer = self._steer(
            symbol, view, why, repeated=False, at=at, only_reduce=True, crosses=False
        )
        return answer if len(answer) > 1 else []

    def on_unrestricted(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """The symbol is free again: its target is seen to, or where nothing is to be done about that, its
        stop. What becomes of an order comes first: on spot it would find its coins bound by the stop."""
        events: list[Event] = []
        if self._has_strategies and view.targets(symbol):
            answer = self._steer(symbol, view, "no longer restricted", repeated=True, at=at)
            if asks(answer):
                return answer
            events = answer if len(answer) > 1 else []
        return events + self._protection.protect(symbol, view, at)

    def end(self, view: AccountView, reason: str) -> list[Event]:
        """Recorded data has ended: what works is cancelled, every position closed."""
        for by_symbol in (
            self._heard, self._waiting, self._at_open, self._turning, self._in_parts,
        ):  # fmt: skip
            by_symbol.clear()
        out = ReasonCode.NOT_WANTED, reason
        targets = [
            stays(symbol, ZERO, view.position(symbol).quantity, out, all_out(symbol, view))
            for symbol in view.wanted()
        ]
        working = cancellable(view.working_orders())
        closing = [e for p in view.positions() for e in self.flattening.at_once(p, view, reason)]
        return [*targets, *cancels(working, reason), *closing, *crossed_out(view, reason)]

    def _steer(
        self,
        symbol: str,
        view: AccountView,
        reason: str,
        repeated: bool,
        at: int,
        *,
        said: Mapping[str, StrategyTarget] = _NOBODY,
        afresh: Collection[str] = (),
        only_reduce: bool = False,
        crosses: bool = True,
    ) -> list[Event]:
        """Toward the targets: those in the books, some of them sized `afresh`, and what is `said` now.
        Nothing is kept of what is `repeated` unless something is done about it."""
        instrument, mark, state = view.instrument(symbol), view.mark(symbol), view.trading_state
        if mark is None or mark <= 0:
            held = view.position(symbol).quantity
            unsized = self._targets.unsized(symbol, view, said)
            return [stays(symbol, held, held, NO_PRICE, unsized)]
        wanted = self._targets.resized(instrument, mark, view, said, afresh)
        only_reduce = only_reduce or state.only_reduces
        change = change_to(instrument, mark, wanted.targets, view, only_reduce)
        position, target = change.position, change.target
        new = () if repeated else wanted.changed
        why = self._reason_to_wait(symbol, state, view)
        if why:
            return [stays(symbol, target, position, why, new)]
        why = obstacle(change, self._settings, repeated) if change.quantity else idle(change, view)
        if why:
            return self._stay(change, wanted, why, repeated=repeated, crosses=crosses)
        is_new = bool(said) and not repeated
        why = self._put_off(change, wanted, view, at, repeated=repeated, is_new=is_new)
        if why is None:
            return self._go(change, wanted, new, view, at, (reason, said or afresh))
        if position and not only_reduce:
            part = f"the part that reduces passes: {why[1]}"
            answer = self._steer(
                symbol, view, part, True, at, afresh=afresh, only_reduce=True, crosses=False
            )
            if len(answer) > 1:
                return answer
        return [stays(symbol, target, position, why, new), *cancels(change.misdirected, why[1])]

    def _stay(
        self,
        change: PositionDelta,
        wanted: Wanted,
        why: Reason,
        *,
        repeated: bool,
        crosses: bool,
    ) -> list[Event]:
        """Nothing is ordered; what strategies want of each other may cross."""
        why = or_stopped_out(why, wanted.targets.values())
        crossed = self._cross(change, repeated) if crosses else []
        new = wanted.changed if crossed or not repeated else ()
        symbol = change.instrument.symbol
        answer = stays(symbol, change.target, change.position, why, new)
        return [answer, *cancels(change.misdirected, why[1]), *crossed]

    def _put_off(
        self,
        change: PositionDelta,
        wanted: Wanted,
        view: AccountView,
        at: int,
        *,
        repeated: bool,
        is_new: bool,
    ) -> Reason | None:
        """Why what is wanted cannot be ordered now; what is repeated may have been denied before."""
        now = self._first_part(change, view)
        if not now.quantity:
            return CLOSED_FIRST
        refused = refused_orders.not_yet(change, view, at, is_new=is_new)
        if refused or not repeated:
            return refused
        return self._would_deny(self._orders.draft(now, wanted.targets), view, at)

    def _first_part(self, change: PositionDelta, view: AccountView) -> PositionDelta:
        """What of a change is ordered now: to the other side it may be two, one after the other; it is
        where either of them was refused."""
        if not change.turns:
            return change
        symbol = change.instrument.symbol
        refused = view.refusal(symbol, exits=True) or view.refusal(symbol, exits=False)
        two = refused or self._settings.turn == "two_orders"
        return change.closing_part() if two else change

    def _go(
        self,
        change: PositionDelta,
        wanted: Wanted,
        new: tuple[StrategyTarget, ...],
        view: AccountView,
        at: int,
        waiting: Waiting,
    ) -> list[Event]:
        """Order the change, or wait for what has to come before it."""
        instrument, position, target = change.instrument, change.position, change.target
        symbol, (reason, _) = instrument.symbol, waiting
        if self.sized_at_open and view.awaits_open(symbol):
            self._at_open[symbol] = waiting
            why = ReasonCode.NOT_FILLED, f"{reason} (as the next candle opens)"
            return [
                stays(symbol, target, position, why, new),
                *cancels(change.misdirected, reason),
            ]
        stops = view.working_in(symbol).stops
        bound = [] if change.adds or instrument.can_short else [*stops.values()]
        if bound:  # on spot the stop binds the coins that are to be sold
            self._waiting[symbol] = waiting
            why = ReasonCode.NOT_WANTED, "its stop is cancelled first"
            return [
                stays(symbol, target, position, why, wanted.changed),
                *self._protection.make_room(bound, reason, at),
            ]
        now = self._first_part(change, view)
        if now is not change:
            self._turning[symbol] = waiting
        now, whole = self._orders.most(now), now
        if now is not whole:
            self._in_parts[symbol] = waiting
            reason = f"{reason} (a part: one order has {plain(abs(now.quantity))} at most)"
        return [
            moves(symbol, target, position, now.quantity, reason, wanted.changed),
            *cancels(now.misdirected, reason),
            orders(
                self._orders.order(now, wanted.targets, view.refusal(symbol, exits=True)), reason
            ),
        ]

    def _reason_to_wait(self, symbol: str, state: TradingState, view: AccountView) -> Reason | None:
        """Why nothing is done about the symbol, whatever its target is."""
        if state is FLATTENING or state is HALTED:
            return ReasonCode.HALTED, "halted"
        if symbol in self._waiting:
            if awaits_cancel(symbol, view):
                return ReasonCode.NOT_WANTED, "waiting for a cancel"
            del self._waiting[symbol]
        return CLOSED_FIRST if symbol in self._turning else None

    def _cross(self, change: PositionDelta, repeated: bool) -> list[Event]:
        """What strategies can trade with each other where no order is made."""
        if not isinstance(change, SharedDelta):
            return []
        if repeated and change.is_within(self._settings.drift):
            return []
        shares = change.crossed()
        if not shares:
            return []
        symbol = change.instrument.symbol
        return [cross(symbol, change.mark, shares, "strategies that want the opposite")]

    def _replace_outdated(self, symbol: str, view: AccountView) -> list[Event]:
        """Cancel the resting entries whose price has been left behind: they are placed anew once that
        is confirmed, so that there are never two."""
        far = self._settings.replace_bps
        if far is None:
            return []
        if symbol in self._waiting or view.trading_state is not RUNNING:
            return []
        outdated = resting_entries.left_behind(symbol, view, self._orders, far)
        if not outdated:
            return []
        reason = "the price has left its order behind"
        self._waiting[symbol] = reason, view.targets(symbol)
        held, why = view.position(symbol).quantity, (ReasonCode.NOT_WANTED, reason)
        return [stays(symbol, held, held, why), *cancels(outdated, reason)]

    def _turn_over(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """The order that closed is over: the other side is entered if nothing of the position is left."""
        reason, names = self._turning.pop(symbol)
        if view.open_quantity(symbol):
            return []
        return self._steer(symbol, view, reason, repeated=False, at=at, afresh=names)
