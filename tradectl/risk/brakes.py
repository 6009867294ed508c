"""What slows trading down before a limit stops it, and lets it go again.

    sizes            positions are scaled: by steps of the day's loss and of the drawdown, and by how much
                     their symbol moves (volatility targeting: size = target / volatility, bounded)
    profit lock      back at the floor below the most that was made, nothing is entered
    cooldown         after losing round trips nothing is entered for a while
    breaker          a symbol that moves too far, too fast, is not entered for a while

Each says what it does as an event, with the limit and the actual value. What it remembers is in the books
(`domain.risk_memory`), so that a restart changes nothing and a replay says the same. A loss or a profit
counts as far as readings agree on it: one wild print moves nothing. Exits and stops are never touched.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.events import (
    LimitBreached,
    PauseEnded,
    RestrictionKind,
    RiskAction,
    SizeChanged,
    SymbolRestricted,
)
from tradectl.domain.money import HUNDRED, ONE, ZERO, plain, round_to
from tradectl.domain.risk_memory import (
    COOLDOWN,
    DAILY_LOSS,
    DRAWDOWN,
    OR_RESUMED,
    PROFIT_LOCK,
    VOLATILITY,
)
from tradectl.domain.text import counted
from tradectl.domain.time import DAY, iso
from tradectl.domain.views import AccountView
from tradectl.risk.daily_closes import DAYS_IN_YEAR, daily_volatility
from tradectl.risk.limit_monitor import CLEARS_AT, UNTIL_RESUME, UNTIL_TOMORROW
from tradectl.risk.limits import RiskLimits, SizeStep
from tradectl.risk.measures import confirmed_loss_pct, fixed, lost_pct

NAME = "risk"
STEP = Decimal("0.000001")
"""Of sizes: what is finer means nothing."""


# --- sizes ------------------------------------------------------------------------------------------


def sizes_by_loss(limits: RiskLimits, view: AccountView) -> list[SizeChanged]:
    """Where the day's loss or the drawdown has come to another step."""
    found = []
    for cause, steps, before, what in (
        (DAILY_LOSS, limits.daily_loss_sizes, view.day_start_equity, "today's loss"),
        (DRAWDOWN, limits.drawdown_sizes, view.limit_peak, "the drawdown"),
    ):
        known = view.risk.size_by(cause)
        if not steps and known == ONE:
            continue
        confirmed, now = confirmed_loss_pct(before, view), lost_pct(before, view.equity())
        size, step = _size_at(steps, confirmed)
        if size >= known:  # back only once the loss is clearly below the step
            size, step = _size_at(steps, max(confirmed, now) / CLEARS_AT)
            size = max(size, known)
        if size != known:
            found.append(_sized(cause, size, step, max(confirmed, now), what))
    return found


def _size_at(steps: tuple[SizeStep, ...], loss: Decimal) -> tuple[Decimal, SizeStep | None]:
    reached = None
    for step in steps:
        if loss >= step.at_pct:
            reached = step
    return (ONE, None) if reached is None else (reached.size, reached)


def _sized(
    cause: str, size: Decimal, step: SizeStep | None, loss: Decimal, what: str
) -> SizeChanged:
    limit = "" if step is None else plain(step.at_pct)
    shown = fixed(loss, () if step is None else (step.at_pct,))
    reached = f", and the step is at {limit}%" if step is not None else ""
    return SizeChanged(
        source_component=NAME,
        cause=cause,
        size=size,
        message=f"{what} is {shown}%{reached}: positions are scaled by {plain(size)}",
        limit=limit,
        actual=plain(round_to(loss, STEP)),
    )


def sizes_by_volatility(limits: RiskLimits, view: AccountView) -> list[SizeChanged]:
    """As days are over, and as a run begins: of each symbol whose size is another one by its volatility.
    Of one with too few days it is 1."""
    target = limits.volatility_target_pct
    found = []
    for symbol, closes in sorted(view.risk.closes.items()):
        known, size, actual = view.risk.size_by(VOLATILITY, symbol), ONE, ""
        if target is not None:
            daily = daily_volatility(closes, limits.volatility_days)
            if daily is not None:
                yearly = daily * DAYS_IN_YEAR.sqrt() * HUNDRED
                size = _within(limits, target / yearly if yearly else None)
                actual = plain(round_to(yearly, STEP))
        if size != known:
            words = (
                f"its volatility is {Decimal(actual):.2f}% a year" if actual else "it is not known"
            )
            found.append(
                SizeChanged(
                    source_component=NAME,
                    cause=VOLATILITY,
                    symbol=symbol,
                    size=size,
                    message=f"{symbol}: {words}: positions are scaled by {plain(size)}",
                    limit="" if target is None else plain(target),
                    actual=actual,
                )
            )
    return found


def _within(limits: RiskLimits, size: Decimal | None) -> Decimal:
    """What never moves may be as large as it gets."""
    if size is None:
        return limits.volatility_size_max
    size = round_to(size, STEP)
    return max(limits.volatility_size_min, min(limits.volatility_size_max, size))


# --- pauses -----------------------------------------------------------------------------------------


def locked_profit(limits: RiskLimits, view: AccountView) -> list[LimitBreached]:
    """The equity has come back to the floor below the highest that it was."""
    least, memory = limits.profit_lock_from_pct, view.risk
    if least is None:
        return []
    of_day = limits.profit_lock_of == "day"
    start = view.day_start_equity if of_day else memory.run_start
    high = memory.day_high if of_day else memory.run_high
    if start <= 0 or (high - start) / start * HUNDRED < least:
        return []
    floor = start + (high - start) * limits.profit_lock_keep_pct / HUNDRED
    now = view.equity()
    confirmed = view.confirmed_equity()
    if now > floor or (confirmed is not None and confirmed > floor):
        return []
    message = (
        f"{plain(limits.profit_lock_keep_pct)}% of the {limits.profit_lock_of}'s profit is locked in: "
        f"equity was {high:,.2f} at best and is {now:,.2f}, the floor is {floor:,.2f}"
    )
    until = UNTIL_TOMORROW if of_day else UNTIL_RESUME
    return [_pause(PROFIT_LOCK, message + until, plain(round_to(floor, STEP)), plain(now))]


def losing_streak(limits: RiskLimits, view: AccountView) -> list[LimitBreached]:
    """So many round trips in a row lost money, or so much of it."""
    memory, equity = view.risk, view.equity()
    most, most_pct = limits.cooldown_losses, limits.cooldown_loss_pct
    trips, lost = memory.losing_trips, memory.losing
    pct = lost / (equity + lost) * HUNDRED if equity + lost > 0 else HUNDRED
    by_number = most is not None and trips >= most
    by_loss = most_pct is not None and lost > 0 and pct >= most_pct
    if not by_number and not by_loss:
        return []
    message = (
        f"{counted(trips, 'round trip')} in a row lost {lost:,.2f}, {pct:.2f}% of equity; no entries "
        f"for {counted(limits.cooldown_minutes, 'minute')}{OR_RESUMED}"
    )
    if by_number:
        return [_pause(COOLDOWN, message, str(most), str(trips))]
    return [_pause(COOLDOWN, message, plain(most_pct or ZERO), plain(round_to(pct, STEP)))]


def _pause(code: str, message: str, limit: str, actual: str) -> LimitBreached:
    return LimitBreached(
        source_component=NAME,
        code=code,
        message=message,
        limit=limit,
        actual=actual,
        action=RiskAction.PAUSE,
    )


def ended_pauses(limits: RiskLimits, view: AccountView, at: int) -> list[PauseEnded]:
    """Those that end by time: a loss of the day and its locked profit with the day, a cooldown with its
    minutes."""
    found = []
    for code in (DAILY_LOSS, PROFIT_LOCK):
        since = view.paused_at(code)
        of_day = code == DAILY_LOSS or limits.profit_lock_of == "day"
        ends = of_day and limits.daily_pause_ends == "next-day"
        if since is not None and ends and since // DAY < at // DAY:
            message = f"the day is over that trading was paused in, at {iso(since)}"
            found.append(PauseEnded(source_component=NAME, code=code, message=message))
    since = view.paused_at(COOLDOWN)
    if since is not None and at - since >= limits.cooldown:
        minutes = counted(limits.cooldown_minutes, "minute")
        message = f"{minutes} {'is' if limits.cooldown_minutes == 1 else 'are'} over"
        found.append(PauseEnded(source_component=NAME, code=COOLDOWN, message=message))
    return found


# --- the breaker ------------------------------------------------------------------------------------


class VolatilityBreaker:
    """Held is a symbol as long as moves of its window are too large, and for a while after the last."""

    def __init__(self, limits: RiskLimits) -> None:
        self._limits = limits
        self._most: dict[str, tuple[str, Decimal | None]] = {}
        """by symbol, for the closes that it was worked out of"""

    def moved(self, symbol: str, view: AccountView, at: int) -> list[SymbolRestricted]:
        """There is a new price of the symbol."""
        memory = view.risk
        since = memory.volatile.get(symbol)
        if since is not None and at - since < self._limits.breaker_time // 2:
            return []
        most, actual = self.most(symbol, view), memory.move_pct(symbol)
        if most is None or actual < most:
            return []
        message = (
            f"its price moved {actual:.2f}% within {self._limits.breaker_window_seconds} s, and the "
            f"limit is {most:.2f}%; nothing is entered for "
            f"{counted(self._limits.breaker_minutes, 'minute')}"
        )
        return [_restricted(symbol, restricted=True, message=message)]

    def most(self, symbol: str, view: AccountView) -> Decimal | None:
        """The move in percent from which on the symbol is held; None where nothing says so."""
        limits, closes = self._limits, view.risk.closes.get(symbol, "")
        known = self._most.get(symbol)
        if known is not None and known[0] is closes:
            return known[1]
        found = [] if limits.breaker_move_pct is None else [limits.breaker_move_pct]
        daily = daily_volatility(closes, limits.volatility_days)
        if limits.breaker_sigmas is not None and daily:
            share = Decimal(limits.breaker_window) / DAY
            found.append(limits.breaker_sigmas * daily * share.sqrt() * HUNDRED)
        most = min(found, default=None)
        self._most[symbol] = closes, most
        return most

    def released(self, view: AccountView, at: int) -> list[SymbolRestricted]:
        """At a risk check: those whose time is over."""
        time = self._limits.breaker_time
        return [
            _restricted(symbol, restricted=False)
            for symbol, since in sorted(view.risk.volatile.items())
            if at - since >= time
        ]


def _restricted(symbol: str, *, restricted: bool, message: str = "") -> SymbolRestricted:
    return SymbolRestricted(
        source_component=NAME,
        symbol=symbol,
        kind=RestrictionKind.VOLATILE,
        restricted=restricted,
        message=message,
    )


__all__ = [
    "VolatilityBreaker",
    "ended_pauses",
    "locked_profit",
    "losing_streak",
    "sizes_by_loss",
    "sizes_by_volatility",
]
