"""How trading comes to be paused or halted, and how it goes on.

A pause has causes: as long as there is one, nothing new is entered. A halt is stricter than every pause,
and only an operator ends it. Nothing here can fail; times are ns UTC.
"""

from __future__ import annotations

from tradectl.domain.events import CommandReceived, HaltContinued, LimitBreached, RiskAction
from tradectl.domain.states import TradingState
from tradectl.domain.text import both_reasons
from tradectl.state.account import OPERATOR, Account, Pause

STATE_AFTER = {
    RiskAction.REDUCE: TradingState.REDUCING,
    RiskAction.FLATTEN: TradingState.FLATTENING,
    RiskAction.HALT: TradingState.HALTED,
}
"""What a limit's action makes of trading, where that is stricter than what it is."""


def limit_breached(account: Account, event: LimitBreached, at: int) -> None:
    reason, state = f"{event.code}: {event.message}", STATE_AFTER.get(event.action)
    if event.action == RiskAction.PAUSE:
        pause(account, event.code, reason, at)
    elif state is not None and state.is_stricter_than(account.trading_state):
        _enter(account, state, reason, at)


def pause(account: Account, cause: str, reason: str, at: int) -> None:
    """One more cause, beside those that pause it already; a halt is more than a pause."""
    if account.trading_state in (TradingState.RUNNING, TradingState.PAUSED):
        account.pauses.setdefault(cause, Pause(reason, at))
        if account.trading_state is TradingState.RUNNING:
            _enter(account, TradingState.PAUSED, reason, at)


def pause_by_operator(account: Account, reason: str, at: int) -> None:
    """In a halt, too: once that is cleared, trading is paused."""
    pause(account, OPERATOR, reason, at)
    account.pauses.setdefault(OPERATOR, Pause(reason, at))


def end_pause(account: Account, cause: str) -> None:
    """One cause is over; trading is paused as long as there is another."""
    account.pauses.pop(cause, None)
    if account.trading_state is TradingState.PAUSED:
        left = next(iter(account.pauses.values()), None)
        if left is None:
            run_freely(account)
        else:
            account.trading_state_reason = left.reason


def date_back(account: Account, at: int) -> None:
    """It is `at`, earlier than it was taken for: what was dated later began now, and does not wait for a
    date that was never reached."""
    account.pauses = {
        cause: Pause(one.reason, min(one.since, at)) for cause, one in account.pauses.items()
    }
    account.state_since = min(account.state_since, at)


def emergency_stop(account: Account, event: CommandReceived, at: int) -> None:
    """HALTED, or FLATTENING: that an operator may ask for in a halt, too. HALTED before, its reason
    stays; FLATTENING before, it has both."""
    account.protection_dropped |= event.drop_protection
    if event.drop_protection:
        account.lifted_stops = {}
    state = TradingState.FLATTENING if event.flatten else TradingState.HALTED
    reason = event.reason or "emergency stop"
    if event.flatten and account.trading_state is TradingState.HALTED:
        account.trading_state = state
    elif state.is_stricter_than(account.trading_state):
        _enter(account, state, reason, at)
    elif state is account.trading_state is TradingState.FLATTENING:
        account.trading_state_reason = both_reasons(reason, account.trading_state_reason)


def continue_halt(account: Account, event: HaltContinued, at: int) -> None:
    """Killed as it began, a halt may be latched and not among the records."""
    if event.state.is_stricter_than(account.trading_state) or (
        event.state is TradingState.FLATTENING and account.trading_state is TradingState.HALTED
    ):
        _enter(account, event.state, event.reason, at)


def conclude(account: Account) -> None:
    """What was flattened is flat: HALTED, for the same reason."""
    if account.trading_state is TradingState.FLATTENING:
        account.trading_state = TradingState.HALTED


def end_halt(account: Account) -> None:
    """It was cleared, and with it went what limits had paused before; the operator's own pause is the
    operator's to end."""
    own = account.pauses.get(OPERATOR)
    run_freely(account)
    if own is not None:
        account.pauses = {OPERATOR: own}
        _enter(account, TradingState.PAUSED, own.reason, own.since)


def run_freely(account: Account) -> None:
    """Trading goes on, whatever paused or halted it."""
    _enter(account, TradingState.RUNNING, "", 0)
    account.protection_dropped, account.pauses = False, {}


def _enter(account: Account, state: TradingState, reason: str, at: int) -> None:
    """A halt that gets graver keeps the reason that it had, beside the new one. One that closes all or
    nothing takes the place of what was being closed by hand."""
    if account.trading_state.is_halt and state.is_halt:
        reason = both_reasons(reason, account.trading_state_reason)
    if state.is_halt and not state.only_reduces:
        account.closing.clear()
    account.trading_state, account.trading_state_reason = state, reason
    account.state_since = at


__all__ = [
    "conclude",
    "continue_halt",
    "emergency_stop",
    "end_halt",
    "end_pause",
    "limit_breached",
    "pause",
    "pause_by_operator",
    "run_freely",
]
