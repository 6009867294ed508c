"""The portfolio: from the signals of strategies to orders.

    signal               -> sized       each strategy's target, a virtual position of its own
    targets of a symbol  -> netted      one position for all
    net target           -> compared    less the position, less what working orders will bring
    what is left         -> ordered     unless it is not worth an order
    what cancels out     -> crossed     strategies trade with each other, at the mark

Every signal is answered by a `TargetComputed` that says where the portfolio wants to be and, when
nothing is done about it, why.

Targets and virtual positions are kept in the books. The engine remembers, within a step, the signals that
others follow; how a symbol is brought to its targets, and what that waits for, is `steering`. It never
trades what no strategy asked for: a position of nobody, or of a strategy that is not configured any more,
is not its own to close.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal

from tradectl.domain.brackets import Bracket
from tradectl.domain.errors import UsageError
from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    BracketTriggered,
    Event,
    SignalAction,
    StrategySignalEvent,
)
from tradectl.domain.money import ZERO, Side, plain
from tradectl.domain.orders import OrderSpec
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.views import AccountView
from tradectl.portfolio import refused_orders, resting_entries
from tradectl.portfolio.allocation_settings import AllocationSettings
from tradectl.portfolio.bracket_watch import BracketWatch
from tradectl.portfolio.brackets import NO_BRACKETS, Brackets
from tradectl.portfolio.decisions import (
    NETTED,
    STOPPED_OUT,
    asked_of,
    asks,
    cancels,
    crossed_out,
    only_enters,
    stays,
)
from tradectl.portfolio.flattening import Flattening
from tradectl.portfolio.halt_word import HaltWord
from tradectl.portfolio.money_first import MoneyFirst
from tradectl.portfolio.needed_stops import cancellable
from tradectl.portfolio.order_making import OrderMaking, PlanFor
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.protection import Protection
from tradectl.portfolio.quoting import Quoting
from tradectl.portfolio.sizing import sample_marks, sizer_for
from tradectl.portfolio.steering import Steering, WouldDeny
from tradectl.portfolio.strategy_shares import StrategyShares, base_shares
from tradectl.portfolio.strategy_targets import StrategyTargets, all_out
from tradectl.portfolio.take_profits import TakeProfits
from tradectl.portfolio.weighting import Weighting
from tradectl.portfolio.worth import Worth


class PortfolioEngine:
    """`allocations` are shares (0 to 1) by strategy, and none means all for each; `new_order_id`
    gives an id that was never given before; `would_deny` says why risk would deny an order, if it
    would. `at` is everywhere the time of the step, ns UTC. With `sized_at_open` what is decided as a
    candle closes is ordered as the next one opens, of the size that it has then. In a run that
    has no strategies what they wanted waits for them. `plan_for` says how an order is worked, `brackets`
    are the exits of strategies' positions, and `allocation` says how weights come about where they do.
    Where data is older than `quotes_stale_after` (ns) nothing is quoted. Raises ConfigError for an
    impossible allocation."""

    def __init__(
        self,
        settings: PortfolioSettings,
        allocations: Mapping[str, Decimal],
        new_order_id: Callable[[], str],
        *,
        would_deny: WouldDeny = lambda order, view, at: None,
        sized_at_open: bool = False,
        has_strategies: bool = True,
        plan_for: PlanFor | None = None,
        brackets: Brackets = NO_BRACKETS,
        allocation: AllocationSettings = AllocationSettings(),  # noqa: B008 (frozen)
        quotes_stale_after: int | None = None,
    ) -> None:
        self.sized_at_open = sized_at_open
        self._has_strategies = has_strategies
        self._settings = settings
        self._sizer = sizer_for(settings)
        allocations = base_shares(allocation, allocations)
        self._targets = StrategyTargets(self._sizer, allocations, settings.conflict)
        self._shares: StrategyShares | None = None
        if allocation.strategies != "fixed":
            self._shares = StrategyShares(allocation, allocations)
        self._heard: dict[str, dict[str, StrategyTarget]] = {}
        self.brackets = brackets
        self.watch = BracketWatch(brackets)
        self._protection = Protection(settings.stop_loss_pct, brackets, new_order_id)
        self._take_profits = TakeProfits(brackets, new_order_id)
        self.weighting = None
        if settings.sizing == "allocation":
            self.weighting = Weighting(allocation, self._targets)
        self._money = MoneyFirst(would_deny)
        self._steering = Steering(
            settings,
            self._targets,
            OrderMaking(settings, new_order_id, plan_for),
            self._protection,
            self._money.would_deny,
            sized_at_open=sized_at_open,
            worth=Worth(settings, allocation, self._targets.net),
            weighting=self.weighting,
        )
        self._balanced_since = -1
        self.quoting = Quoting(
            allocations, new_order_id, self._protection.binds, stale_after=quotes_stale_after
        )
        if not has_strategies:
            self.quoting.end()
        self.flattening = Flattening(new_order_id, self._protection)
        self.halt_word = HaltWord(settings.stop_loss_pct, brackets)

    def change_settings(self, settings: PortfolioSettings) -> None:
        """Size and order by these from now on; how targets are sized is the same as before."""
        self._settings = settings
        sizer = sizer_for(settings)
        sizer.go_on_from(self._sizer)
        self._sizer = sizer
        self._targets.size_by(sizer)
        self._steering.change_settings(settings)
        self._balanced_since = -1

    def follows_orders(self, view: AccountView) -> bool:
        """It has to hear what becomes of its orders."""
        waits = self._steering.first.waits() or self._settings.replace_bps
        return bool(waits or view.anything_refused) or self._protection.is_active(view)

    def on_signal(self, signal: StrategySignalEvent, view: AccountView, at: int) -> list[Event]:
        """A `TargetComputed`, then the cancels and the order that follow from it, if any. Signals for a
        symbol at one moment are netted: the last of them is acted upon with all."""
        symbol = signal.symbol
        events: list[Event] = []
        heard = self._heard.pop(symbol, {})
        try:
            if signal.bracket is not None:
                _refuse_impossible(signal.bracket, signal, view)
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
        events += self._steering.steer(symbol, view, reason, repeated, at, said=heard)
        return (
            events
            if signal.bracket is None or asks(events)
            else events + self._exits(symbol, view, at)
        )

    def answer(
        self, symbol: str, view: AccountView, at: int, spoken: Iterable[StrategySignalEvent] = ()
    ) -> list[Event]:
        """What a rebalancing would do about the symbol now, for who asks why: of an engine that decides
        nothing afterwards, for it keeps what it says here. `spoken` are signals of this run that it may
        not have heard itself."""
        for signal in spoken:
            with contextlib.suppress(UsageError):  # it was refused then, too
                self._targets.asked(signal, view.instrument(symbol))
        everyone = view.targets(symbol)
        return self._steering.steer(symbol, view, "asked", repeated=True, at=at, afresh=everyone)

    def on_weights(self, view: AccountView, at: int) -> list[Event]:
        """There are new weights: positions are brought to them."""
        return self.rebalance(view, "new weights", at, asks=True)

    def rebalance(
        self, view: AccountView, reason: str, at: int, *, asks: bool = False
    ) -> list[Event]:
        """Bring the positions that drifted from their targets back. Says nothing of the others, nor of
        what risk would deny, but where it `asks`."""
        if self._sizer.measures:
            sample_marks(self._sizer, view)
        self._money.begin()
        events, waiting = self._money.in_order(
            {
                symbol: self._steering.brought_back(symbol, view, reason, at, asks=asks)
                for symbol in (view.targeted() if self._has_strategies else ())
            },
            view,
            self._steering.is_balanced,
        )
        for order in waiting:
            self._steering.first.denied(order)
        events += self.protect(view, at, but=asked_of(events))
        return events + self._shared_out(view, at)

    def lacks_money(self, order: OrderSpec, view: AccountView) -> None:
        """Risk denied it for want of it."""
        if order.side is Side.BUY and not order.tag and view.targets(order.symbol):
            self._money.lacks(order.symbol, view, order)

    def on_filled(
        self, filled: str, answered: Collection[Event], view: AccountView, at: int
    ) -> list[Event]:
        """There may be money now: the first of what waits for it that can be bought, but not the symbol
        that was `filled`, nor what something was `answered` about in this very step. What that leaves is
        for the one after it."""
        but: set[str] = set()
        for symbol in self._money.affordable(view):
            but = but or {filled, *asked_of(answered)}
            if symbol in but:
                continue
            answer = self._steering.brought_back(symbol, view, "there is money for it now", at)
            if asks(answer):
                self._money.has_gone(symbol)
                return answer
        return []

    def _shared_out(self, view: AccountView, at: int) -> list[Event]:
        """New shares of strategies, and new weights that are to be worked out now."""
        events: list[Event] = []
        if self._shares is not None and (shares := self._shares.computed(view)) is not None:
            events.append(shares)
        if self.weighting is not None and self._has_strategies:
            request = self.weighting.request(view, at)
            events += [request] if request is not None else []
        return events

    def is_balanced(self, view: AccountView, happened: int, at: int) -> bool:
        """A rebalancing at `at` would do nothing. Where sizes do not follow marks that stays so until
        something else than prices comes: `happened` is the number of what did last."""
        if self._sizer.measures or self._protection.is_active(view):
            return False
        if self._shared_out(view, at):
            return False
        if happened != self._balanced_since or self._sizer.follows_marks:
            targeted = view.targeted() if self._has_strategies else ()
            if not all(self._steering.is_balanced(symbol, view) for symbol in targeted):
                return False
            self._balanced_since = happened
        return True

    def protect(
        self, view: AccountView, at: int, symbol: str = "", but: Collection[str] = ()
    ) -> list[Event]:
        """See to the stops of all positions, or to that of one symbol; `but` those of which something was
        ordered in this very step: what becomes of that comes first."""
        if not self._protection.is_active(view):
            return []
        symbols = [symbol] if symbol else [position.symbol for position in view.positions()]
        events: list[Event] = []
        for each in symbols:
            if each not in but:
                events += self._exits(each, view, at)
        return events

    def _exits(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """See to what rests there to close positions. A trailing stop begins first."""
        if self._steering.first.makes_room(symbol, view):
            return []
        if not self.brackets.is_active(view):
            return self._protection.protect(symbol, view, at)
        begun = self.watch.begin(symbol, view)
        return begun or [
            *self._protection.protect(symbol, view, at),
            *self._take_profits.see_to(symbol, view, at),
        ]

    def looks_again_at(self, symbol: str) -> int | None:
        """When (ns UTC) a stop of the symbol that does not rest yet is late, or is to be tried again."""
        return self._protection.looks_again_at(symbol)

    def protects(self, view: AccountView) -> bool:
        """A position may have a stop that it should have."""
        return self._protection.is_active(view)

    def has_brackets(self, view: AccountView) -> bool:
        return self.brackets.is_active(view)

    def on_triggered(self, event: BracketTriggered, view: AccountView, at: int) -> list[Event]:
        """A price has touched a leg that does not rest: its strategy is to be out, by the books, and what
        it quotes goes."""
        reason, symbol = f"{event.leg.words} at {plain(event.price)}", event.symbol
        quoted = self.quoting.bring(symbol, view, at, event.strategy)
        return [*quoted, *self._steering.steer(symbol, view, reason, repeated=False, at=at)]

    def run_ends(self, view: AccountView, at: int) -> list[Event]:
        """No price comes any more: what lacks its stop gets it by what is known."""
        self._protection.run_ends()
        return self.protect(view, at)

    def on_open(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """A candle opens: what was decided as the last one closed is ordered now."""
        return self._steering.opens(symbol, view, at)

    def on_execution(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """Something became of an order: what waited for a cancel goes on, and the position's stop is
        seen to, unless the answer to what goes on now has to come first: one that made room for an exit
        is placed again beside an entry."""
        events = self._steering.goes_on(symbol, view, at)
        if asks(events):
            made_room = self._protection.has_made_room(symbol)
            if made_room and only_enters(events, view.open_quantity(symbol)):
                events += self._exits(symbol, view, at)
            return events
        events += cancels(resting_entries.of_stopped_out(symbol, view), STOPPED_OUT[1])
        events += refused_orders.makes_way(symbol, view, at)
        if self._has_strategies and refused_orders.is_due(symbol, view, at):
            again = self._steering.steer(symbol, view, "by the rules of now", True, at)
            if len(again) > 1:
                events += again
            if asks(again):
                return events
        return events + self._exits(symbol, view, at)

    def on_refused(self, view: AccountView, at: int, symbol: str = "") -> list[Event]:
        """What was refused and is due is tried again, as far as it is still wanted; of one symbol, or of
        all."""
        events: list[Event] = []
        refused = [symbol] if symbol else view.refused_symbols()
        for each in refused_orders.all_due(refused, view, at) if self._has_strategies else ():
            answer = self._steering.steer(each, view, "refused before", True, at)
            if len(answer) > 1 or refused_orders.is_over(answer[0], each, view, at):
                events += answer
        return events

    def on_denied(self, order: OrderSpec, reason: str, view: AccountView, at: int) -> list[Event]:
        """Risk denied an order whole. Where it was to reduce the position and to go beyond, or was the
        exit of one strategy netted with another's entry, the part that reduces is asked for by itself:
        an exit is not held back by what stands against an entry. A stop that had made room for an exit
        comes back. Nothing crosses."""
        symbol, held = order.symbol, view.open_quantity(order.symbol)
        self._steering.first.denied(order)
        if order.tag:
            return []  # its strategy hears of it, and says what it wants instead
        if order.reduce_only:
            return self._exits(symbol, view, at)
        if not held:  # what closed it did not look at its stop: this order was to come first
            return self.protect(view, at, symbol)
        if (held > 0) == (order.side is Side.BUY) and not order.shares:
            return []
        why = f"the part that reduces passes: {reason}"
        answer = self._steering.steer(
            symbol, view, why, repeated=False, at=at, only_reduce=True, crosses=False
        )
        return answer if len(answer) > 1 else []

    def on_unrestricted(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """The symbol is free again: its target is seen to, or where nothing is to be done about that, its
        stop. What becomes of an order comes first: on spot it would find its coins bound by the stop."""
        events: list[Event] = []
        if self._has_strategies and view.targets(symbol):
            answer = self._steering.steer(
                symbol, view, "no longer restricted", repeated=True, at=at
            )
            if asks(answer):
                return answer
            events = answer if len(answer) > 1 else []
        return events + self._exits(symbol, view, at)

    def end(self, view: AccountView, reason: str) -> list[Event]:
        """Recorded data has ended: what works is cancelled, every position closed."""
        self._heard.clear()
        self._money.begin()
        self._steering.first.forget()
        self._protection.data_ends()
        self.quoting.end()
        out = ReasonCode.NOT_WANTED, reason
        targets = [
            stays(symbol, ZERO, view.position(symbol).quantity, out, all_out(symbol, view))
            for symbol in view.wanted()
        ]
        working = cancellable(view.working_orders())
        closing = [e for p in view.positions() for e in self.flattening.at_once(p, view, reason)]
        return [*targets, *cancels(working, reason), *closing, *crossed_out(view, reason)]


def _refuse_impossible(bracket: Bracket, signal: StrategySignalEvent, view: AccountView) -> None:
    """Raises UsageError for a bracket that would be over as it begins."""
    mark = view.mark(signal.symbol)
    if not mark or signal.action == SignalAction.CLOSE:
        return
    if why := bracket.impossible(mark, long=signal.action == SignalAction.BUY):
        raise UsageError(why)
