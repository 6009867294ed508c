"""Toward the targets of one symbol: what is done now, and what has to come before it.

    wanted       the targets, some of them sized afresh by the mark
    change       from the position, and what orders on their way will make of it, to the aim
    put off      where the symbol is restricted, what is refused or denied, what is near enough
    first        a stop that binds the coins goes; one side is closed before the other is entered;
                 what is more than one order may have goes in parts; a candle opens

What comes first is remembered (`comes_first`). What risk denied is still wanted, and not ordered again
and again: as long as nobody asks for something else and risk would say the same, nothing is sent to be
denied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from tradectl.domain.event import Reason, ReasonCode
from tradectl.domain.events import Event, TargetComputed
from tradectl.domain.money import ONE, ZERO, plain
from tradectl.domain.orders import OrderSpec
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.states import TradingState
from tradectl.domain.views import AccountView
from tradectl.portfolio import refused_orders, resting_entries
from tradectl.portfolio.comes_first import ComesFirst, Waiting
from tradectl.portfolio.decisions import (
    CLOSED_FIRST,
    NO_PRICE,
    asks,
    cancels,
    cross,
    idle,
    moves,
    obstacle,
    or_stopped_out,
    orders,
    stays,
)
from tradectl.portfolio.needed_stops import binds_called_off, in_the_way
from tradectl.portfolio.order_making import OrderMaking
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.position_delta import (
    PositionDelta,
    awaits_cancel,
    is_at_hand,
    is_closing,
    is_entering,
    overtaken_side,
)
from tradectl.portfolio.protection import Protection
from tradectl.portfolio.shared_delta import SharedDelta, change_to
from tradectl.portfolio.strategy_targets import StrategyTargets, Wanted, is_at_rest
from tradectl.portfolio.weighting import Weighting
from tradectl.portfolio.worth import Worth

RUNNING = TradingState.RUNNING
FLATTENING, HALTED = TradingState.FLATTENING, TradingState.HALTED

WouldDeny = Callable[[OrderSpec, AccountView, int], Reason | None]

_NOBODY: Mapping[str, StrategyTarget] = {}


class Steering:
    """`would_deny` says why risk would deny an order, if it would. `at` is everywhere the time of the
    step, ns UTC. With `sized_at_open` what is decided as a candle closes is ordered as the next one
    opens, of the size that it has then."""

    def __init__(
        self,
        settings: PortfolioSettings,
        targets: StrategyTargets,
        making: OrderMaking,
        protection: Protection,
        would_deny: WouldDeny,
        *,
        sized_at_open: bool,
        worth: Worth,
        weighting: Weighting | None,
    ) -> None:
        self._settings = settings
        self._worth = worth
        self._weighting = weighting
        self._near = min(settings.drift, ONE)  # what is held on the other side is never near
        self._targets = targets
        self._orders = making
        self._protection = protection
        self._would_deny = would_deny
        self._sized_at_open = sized_at_open
        self.first = ComesFirst()

    def change_settings(self, settings: PortfolioSettings) -> None:
        """Order by these from now on."""
        self._settings = settings
        self._near = min(settings.drift, ONE)
        self._orders.settings = settings
        self._worth.change_settings(settings)

    # --- what had to come first -----------------------------------------------------------------------

    def opens(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """A candle opens: what was decided as the last one closed is ordered now."""
        if symbol not in self.first.at_open:
            return []
        return self._resumed(self.first.at_open.pop(symbol), symbol, view, at)

    def goes_on(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """Something became of an order: what waited for it goes on."""
        events: list[Event] = []
        if symbol in self.first.waiting and not awaits_cancel(symbol, view):
            events = self._resumed(self.first.waiting.pop(symbol), symbol, view, at)
        if symbol in self.first.turning and not is_closing(symbol, view):
            put_off = self.first.turning.pop(
                symbol
            )  # the other side, if nothing is left of this one
            is_left = bool(view.open_quantity(symbol))
            events = [] if is_left else self._resumed(put_off, symbol, view, at)
        if symbol in self.first.in_parts and not asks(events) and is_at_hand(symbol, view):
            put_off = self.first.in_parts.pop(symbol)._replace(afresh=())
            events += self._resumed(put_off, symbol, view, at)
        side = self.first.overtaken.get(symbol)
        if side is not None and not asks(events) and not is_entering(symbol, side, view):
            del self.first.overtaken[symbol]
            more = self.steer(symbol, view, "more was filled than was to be", repeated=True, at=at)
            events += more if len(more) > 1 else []
        return events

    def _resumed(self, put_off: Waiting, symbol: str, view: AccountView, at: int) -> list[Event]:
        reason, names, only_reduce = put_off
        return self.steer(
            symbol, view, reason, repeated=False, at=at,
            afresh=names, only_reduce=only_reduce, crosses=not only_reduce,
        )  # fmt: skip

    # --- toward the targets ---------------------------------------------------------------------------

    def brought_back(
        self, symbol: str, view: AccountView, reason: str, at: int, *, asks: bool = False
    ) -> list[Event]:
        """What is to be done where a position drifted from its targets, or a resting entry from its
        price; nothing is said where that is nothing. With `asks` risk says itself what it denies."""
        if self.is_balanced(symbol, view):
            return []
        everyone = view.targets(symbol)
        answer = self._replace_outdated(symbol, view)
        answer = answer or self.steer(
            symbol, view, reason, True, at, afresh=everyone, asks_risk=asks
        )
        if len(answer) > 1 or self._is_newly_held_back(symbol, answer, view):
            return answer
        return []

    @staticmethod
    def _is_newly_held_back(symbol: str, answer: list[Event], view: AccountView) -> bool:
        """It is said once that bringing it to the weights in force is not worth its cost."""
        known = view.allocation
        if known is None or symbol in known.held_back:
            return False
        return any(isinstance(e, TargetComputed) and e.code is ReasonCode.COST for e in answer)

    def is_balanced(self, symbol: str, view: AccountView) -> bool:
        """There is nothing to bring back."""
        if symbol in self.first.waiting:
            return False
        return is_at_rest(symbol, view) or self._is_near(symbol, view)

    def _is_near(self, symbol: str, view: AccountView) -> bool:
        """The usual case, told without all that it takes to decide: no order but stops is on its way, and
        what strategies hold is as near to what they want by the mark as it has to be."""
        if not is_at_hand(symbol, view):
            return False
        wanted = self._targets.of_one(symbol, view)
        if wanted is not None:
            return self._is_within(wanted, view.position(symbol).quantity)
        everyone, mark = view.targets(symbol), view.mark(symbol)
        if len(everyone) < 2 or not mark:
            return False
        instrument = view.instrument(symbol)
        targets = self._targets.resized(instrument, mark, view, _NOBODY, everyone).targets
        held = view.holdings(symbol)
        return len(targets) > 1 and all(
            self._is_within(target.quantity or ZERO, held[name].quantity if name in held else ZERO)
            for name, target in targets.items()
        )

    def _is_within(self, wanted: Decimal, held: Decimal) -> bool:
        return abs(wanted - held) <= self._near * abs(wanted)

    def steer(
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
        asks_risk: bool = False,
    ) -> list[Event]:
        """Toward the targets: those in the books, some of them sized `afresh`, and what is `said` now.
        Nothing is kept of what is `repeated` unless something is done about it, nor is risk asked twice
        for the same, but where it `asks_risk`."""
        instrument, mark, state = view.instrument(symbol), view.mark(symbol), view.trading_state
        if mark is None or mark <= 0:
            held = view.position(symbol).quantity
            unsized = self._targets.unsized(symbol, view, said)
            return [stays(symbol, held, held, NO_PRICE, unsized)]
        wanted = self._targets.resized(instrument, mark, view, said, afresh)
        put_off = Waiting(reason, said or afresh, only_reduce)
        only_reduce = only_reduce or state.only_reduces
        beyond = self._may_lead_beyond(repeated=repeated, weighs_anew=asks_risk)
        change = change_to(instrument, mark, wanted.targets, view, only_reduce, beyond)
        position, target = change.position, change.target
        side = overtaken_side(change, view)
        if side is not None and crosses:  # not for the part of a change that reduces
            self.first.overtaken[symbol] = side
        new = () if repeated else wanted.changed
        why = self._reason_to_wait(symbol, state, view)
        if why:
            return [stays(symbol, target, position, why, new)]
        why = self._obstacle(change, wanted, view, repeated)
        if why:
            return self._stay(change, wanted, why, repeated=repeated, crosses=crosses)
        is_new = bool(said) and not repeated
        again = repeated and not asks_risk
        now = self._first_part(change, view)
        why = self._put_off(change, now, wanted, view, at, repeated=again, is_new=is_new)
        if why is None:
            return self._go(change, now, wanted, new, view, at, put_off)
        if position and not only_reduce:
            part = f"the part that reduces passes: {why[1]}"
            answer = self.steer(
                symbol, view, part, True, at, afresh=afresh, only_reduce=True, crosses=False
            )
            if len(answer) > 1:
                return answer
        return [stays(symbol, target, position, why, new), *cancels(change.misdirected, why[1])]

    def _may_lead_beyond(self, *, repeated: bool, weighs_anew: bool) -> Decimal:
        """By which share of what is wanted now orders that are worked may bring more: they go on to what
        was wanted as they began, until somebody wants something else."""
        if not repeated:
            return ZERO
        return self._near if weighs_anew else ONE

    def _obstacle(
        self, change: PositionDelta, wanted: Wanted, view: AccountView, repeated: bool
    ) -> Reason | None:
        """Why nothing is ordered, or None."""
        if not change.quantity:
            lacks = None
            if self._weighting is not None and not change.aim and wanted.anything:
                lacks = self._weighting.lacking(change.instrument.symbol, view)
            return lacks or idle(change, view)
        why = obstacle(change, self._settings, repeated)
        if why is None and repeated:
            why = self._worth.obstacle(change, view)
        return why

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
        now: PositionDelta,
        wanted: Wanted,
        view: AccountView,
        at: int,
        *,
        repeated: bool,
        is_new: bool,
    ) -> Reason | None:
        """Why the part of a change that is next cannot be ordered `now`; what is repeated may have been
        denied before."""
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
        now: PositionDelta,
        wanted: Wanted,
        new: tuple[StrategyTarget, ...],
        view: AccountView,
        at: int,
        waiting: Waiting,
    ) -> list[Event]:
        """Order the part of the change that is next (`now`), or wait for what has to come before it."""
        instrument, position, target = change.instrument, change.position, change.target
        symbol, reason = instrument.symbol, waiting.reason
        if self._sized_at_open and view.awaits_open(symbol):
            self.first.at_open[symbol] = waiting
            why = ReasonCode.NOT_FILLED, f"{reason} (as the next candle opens)"
            return [
                stays(symbol, target, position, why, new),
                *cancels(change.misdirected, reason),
            ]
        on_spot = not (change.adds or instrument.can_short)
        if on_spot and binds_called_off(change, view):
            self.first.waiting[symbol] = waiting
            why = ReasonCode.NOT_WANTED, "its quotes are cancelled first"
            return [stays(symbol, target, position, why, wanted.changed)]
        bound = in_the_way(change, view) if on_spot else []
        if bound:  # on spot the stop binds the coins that are to be sold
            self.first.waiting[symbol] = waiting
            why = ReasonCode.NOT_WANTED, "its stop is cancelled first"
            return [
                stays(symbol, target, position, why, wanted.changed),
                *self._protection.make_room(bound, reason, at),
            ]
        if now is not change:
            self.first.turning[symbol] = waiting
        now, whole = self._orders.most(now), now
        if now is not whole:
            self.first.in_parts[symbol] = waiting
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
        if symbol in view.closing:
            return ReasonCode.NOT_WANTED, "it is closed by hand first"
        if symbol in self.first.waiting:
            if awaits_cancel(symbol, view):
                return ReasonCode.NOT_WANTED, "waiting for a cancel"
            del self.first.waiting[symbol]
        return CLOSED_FIRST if symbol in self.first.turning else None

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
        if symbol in self.first.waiting or view.trading_state is not RUNNING:
            return []
        outdated = resting_entries.left_behind(symbol, view, self._orders, far)
        if not outdated:
            return []
        reason = "the price has left its order behind"
        self.first.waiting[symbol] = Waiting(reason, view.targets(symbol))
        held, why = view.position(symbol).quantity, (ReasonCode.NOT_WANTED, reason)
        return [stays(symbol, held, held, why), *cancels(outdated, reason)]


__all__ = ["Steering", "WouldDeny"]
