"""Risk has the last word on every order, and an eye on the whole account.

An order passes when every check lets it pass. A check that fails to answer has denied: an error
never counts as a yes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import NamedTuple

from tradectl.domain.commands import ApprovedOrder
from tradectl.domain.event import Reason, ReasonCode
from tradectl.domain.events import (
    LimitBreached,
    OrderDenied,
    PauseEnded,
    QuotesApproved,
    QuotesDenied,
    QuotesWanted,
    RiskAction,
    SizeChanged,
    SymbolRestricted,
)
from tradectl.domain.money import ONE
from tradectl.domain.orders import OrderSpec
from tradectl.domain.states import TradingState
from tradectl.domain.text import harmless
from tradectl.domain.time import SECOND
from tradectl.domain.views import AccountView
from tradectl.risk import brakes
from tradectl.risk.base import Check, Denial, Figures, RememberingCheck
from tradectl.risk.checks import default_checks
from tradectl.risk.context import RiskContext
from tradectl.risk.limit_monitor import UNTIL_RESUME, Reviewed, default_limit_monitors
from tradectl.risk.limits import RiskLimits
from tradectl.risk.quote_envelope import QuoteEnvelope

NAME = "risk"
REPEATED = "REPEATED_EXECUTION"
DENIED_AS = {
    "PAUSED": ReasonCode.PAUSED,
    "RESTRICTED": ReasonCode.RESTRICTED,
    "REDUCING": ReasonCode.HALTED,
    "HALTED": ReasonCode.HALTED,
    "MIN_NOTIONAL": ReasonCode.TOO_SMALL,
}


class Weighed(NamedTuple):
    """What a check said of an order: `denial` is None where it let it pass, and `figures` are what it was
    held against then, if anything."""

    code: str
    denial: Denial | None
    figures: Figures | None


class RiskEngine:
    """Judges orders by `checks` (those of `limits` when none are given), the account by
    `limits`."""

    def __init__(self, limits: RiskLimits, checks: Iterable[Check] | None = None) -> None:
        self._remembering: tuple[RememberingCheck, ...] = ()
        self._hold_to(limits, default_checks(limits) if checks is None else checks)

    def change_limits(self, limits: RiskLimits) -> None:
        """Hold orders and the account to these from now on. What went out before is remembered; what the
        account has reached of them is found at the next review, as if it were new. A pause or a halt
        that there is stays."""
        before = {check.code: check for check in self._remembering}
        self._hold_to(limits, default_checks(limits))
        for check in self._remembering:
            if check.code in before:
                check.go_on_from(before[check.code])

    def _hold_to(self, limits: RiskLimits, checks: Iterable[Check]) -> None:
        self._checks = tuple(checks)
        self._envelope = QuoteEnvelope(self._checks)
        self._remembering = tuple(c for c in self._checks if isinstance(c, RememberingCheck))
        self._monitors = [m for m in default_limit_monitors(limits) if m.has_levels]
        self._repeated = limits.repeated_window
        self._reviewed: Decimal | None = None
        self._limits = limits
        self._locks = limits.profit_lock_from_pct is not None
        self._has_steps = bool(limits.daily_loss_sizes or limits.drawdown_sizes)
        self._has_looked = False
        self._breaker = brakes.VolatilityBreaker(limits)

    def judge(self, order: OrderSpec, view: AccountView, at: int) -> ApprovedOrder | OrderDenied:
        """The first denial, else the order as one that may be submitted: nobody but risk makes an
        ApprovedOrder. `at` is the time of the step, ns UTC."""
        denial = self._denial(order, view, at)
        if denial is not None:
            return _denied(order, denial)
        self.remember(order, at)
        return ApprovedOrder(order, at)

    def judge_quotes(
        self, wanted: QuotesWanted, view: AccountView, at: int, allocation: Decimal = ONE
    ) -> QuotesApproved | QuotesDenied:
        """What a strategy wants to rest, as a whole; `allocation` is its share of equity (0 to 1)."""
        quotes, denial = self._envelope.judge(wanted, view, at, allocation)
        symbol, name = wanted.symbol, wanted.strategy
        if denial is None:
            return QuotesApproved(
                source_component=NAME, symbol=symbol, strategy=name, quotes=quotes
            )
        return QuotesDenied(
            source_component=NAME, symbol=symbol, strategy=name, quotes=quotes,
            code=denial.code, message=denial.message, limit=denial.limit, actual=denial.actual,
        )  # fmt: skip

    def weigh(self, order: OrderSpec, view: AccountView, at: int) -> list[Weighed]:
        """What each check says of the order, in their order, up to the one that denies it: for who asks
        why."""
        context = RiskContext(order, view, at)
        weighed: list[Weighed] = []
        for check in self._checks:
            denial = self._ask(check, context)
            figures = check.figures(context) if denial is None else None
            weighed.append(Weighed(check.code, denial, figures))
            if denial is not None:
                break
        return weighed

    def remember(self, order: OrderSpec, at: int) -> None:
        """It was let pass, by a journal."""
        for check in self._remembering:
            check.remember(order, at)

    def would_deny(self, order: OrderSpec, view: AccountView, at: int) -> Reason | None:
        """Why the order would be denied, were it asked for now; in the same words as long as it is for
        the same rule."""
        denial = self._denial(order, view, at)
        if denial is None:
            return None
        return reason_of(denial.code), f"asked before, and still denied: {denial.code}"

    def _denial(self, order: OrderSpec, view: AccountView, at: int) -> Denial | None:
        context = RiskContext(order, view, at)
        for check in self._checks:
            try:
                denial = check.check(context)
            except Exception as error:  # whatever it is, it is not a yes
                denial = _failed(check.code, error)
            if denial is not None:
                return denial
        return None

    def _ask(self, check: Check, context: RiskContext) -> Denial | None:
        try:
            return check.check(context)
        except Exception as error:  # as in _denial
            return _failed(check.code, error)

    def review(self, view: AccountView, ended: Collection[str] = ()) -> list[LimitBreached]:
        """What the account newly reached of its limits; the `action` of each is for others to
        take. Pauses by the limits in `ended` end now: what those have reached already is new."""
        if not self._monitors and not self._locks:
            return []
        account = Reviewed.of(view)
        self._reviewed = account.equity
        found: list[LimitBreached] = []
        for monitor in self._monitors:
            if monitor.code in ended:
                monitor.begin_anew()
            event = monitor.newly_breached(account)
            if event is not None and not _is_so(event, view, ended):
                found.append(event)
        return found + self._locked(view, ended) if self._locks else found

    def _locked(self, view: AccountView, ended: Collection[str] = ()) -> list[LimitBreached]:
        locked = brakes.locked_profit(self._limits, view)
        return [each for each in locked if not _is_so(each, view, ended)]

    def executed(self, order: OrderSpec, view: AccountView, at: int) -> list[LimitBreached]:
        """An order was executed: has one like it been too often? It may be a strategy that runs in
        circles, and only a person can say whether it does."""
        window = self._repeated
        if window is None or order.is_for_all or view.paused_at(REPEATED) is not None:
            return []
        times = view.risk.repeated(order, at, window)
        if times < window[0]:
            return []
        what = f"{order.entered_by} had an order to {order.side} {order.symbol} executed"
        event = LimitBreached(
            source_component=NAME,
            code=REPEATED,
            message=f"{what} {times} times within {window[1] // SECOND} s{UNTIL_RESUME}",
            limit=str(window[0]),
            actual=str(times),
            action=RiskAction.PAUSE,
            symbol=order.symbol,
        )
        return [] if _is_so(event, view) else [event]

    def is_settled(self, view: AccountView, at: int) -> bool:
        """Of an account without positions: a review at `at` would find what the last one found."""
        if not self._has_looked or (self._monitors and self._reviewed != view.equity()):
            return False
        return not (
            self.ended_pauses(view, at)
            or self.released(view, at)
            or self._by_loss(view)
            or self._locked(view)
        )

    def ended_pauses(self, view: AccountView, at: int) -> list[PauseEnded]:
        """Those that are over by time."""
        if view.trading_state is not TradingState.PAUSED:
            return []
        return brakes.ended_pauses(self._limits, view, at)

    def sized(self, view: AccountView, at: int) -> list[SizeChanged]:
        """At a risk check: what positions are scaled by from now on, where that is something else. How
        much a symbol moves is looked at as this begins, and as a day is over."""
        found = (
            brakes.sizes_by_loss(self._limits, view) if self._has_steps or view.risk.sizes else []
        )
        if not self._has_looked or view.risk.closed_at == at:
            self._has_looked = True
            found += brakes.sizes_by_volatility(self._limits, view)
        return found

    def _by_loss(self, view: AccountView) -> list[SizeChanged]:
        if not self._has_steps and not view.risk.sizes:
            return []
        return brakes.sizes_by_loss(self._limits, view)

    def traded(self, view: AccountView) -> list[LimitBreached]:
        """Something was traded: do losses ask for a while without entries?"""
        if not self._limits.counts_trips:
            return []
        return [each for each in brakes.losing_streak(self._limits, view) if not _is_so(each, view)]

    def moved(self, symbol: str, view: AccountView, at: int) -> list[SymbolRestricted]:
        """A symbol has a new price: has it moved too far?"""
        return self._breaker.moved(symbol, view, at)

    def released(self, view: AccountView, at: int) -> list[SymbolRestricted]:
        """At a risk check: the symbols that may be entered again."""
        return self._breaker.released(view, at) if view.risk.volatile else []

    @property
    def breaks(self) -> bool:
        """It looks at every price."""
        return self._limits.breaks

    @property
    def looks_at_fills(self) -> bool:
        return self._repeated is not None or self._limits.counts_trips

    def begin_anew(self) -> None:
        """Limits measure from the present on."""
        self._reviewed = None
        for monitor in self._monitors:
            monitor.begin_anew()


def reason_of(code: str) -> ReasonCode:
    """What a denial of this code comes to."""
    return DENIED_AS.get(code, ReasonCode.DENIED)


def _is_so(event: LimitBreached, view: AccountView, ended: Collection[str] = ()) -> bool:
    """A pause that is there already and stays, or a halt, which is more than one."""
    if event.action is not RiskAction.PAUSE:
        return False
    is_paused = view.paused_at(event.code) is not None and event.code not in ended
    return view.trading_state.is_halt or is_paused


def _failed(code: str, error: Exception) -> Denial:
    message = harmless(f"the check {code} failed: {type(error).__name__}: {error}")
    return Denial("CHECK_FAILED", message)


def _denied(order: OrderSpec, denial: Denial) -> OrderDenied:
    return OrderDenied(
        source_component=NAME,
        order_id=order.order_id,
        symbol=order.symbol,
        code=denial.code,
        message=denial.message,
        limit=denial.limit,
        actual=denial.actual,
    )
