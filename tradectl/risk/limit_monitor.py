"""The periodic review of the whole account, limit by limit.

A monitor has a figure and levels of it, mildest first: alert, pause, and a halt (REDUCING or
FLATTENING). A level is reported once when it is reached, and again only after the figure has clearly
fallen below it: one that trembles around its limit must not alert all day.

An alert is about what the last prices say. A pause or a halt lasts, so it takes a loss that readings of
equity agree on (`state.readings`): one wild print must not end the trading.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.events import LimitBreached, RiskAction
from tradectl.domain.money import plain
from tradectl.domain.risk_memory import OR_RESUMED
from tradectl.domain.views import AccountView
from tradectl.risk.limits import RiskLimits
from tradectl.risk.measures import confirmed_loss_pct, fixed, leverage, lost_pct

CLEARS_AT = Decimal("0.9")
"""A level is over when the figure is below this share of it."""

UNTIL_TOMORROW = "; no entries before the next day (UTC)" + OR_RESUMED
UNTIL_RESUME = "; no entries until resumed"

Level = tuple[Decimal, RiskAction]
"""Where it begins, and what is done."""


class Reviewed(Struct, frozen=True):
    """The account at one review, with the figures that several limits ask for."""

    view: AccountView
    equity: Decimal
    exposure: Decimal

    @classmethod
    def of(cls, view: AccountView) -> Reviewed:
        return cls(view, view.equity(), view.exposure())


Figure = Callable[[Reviewed], Decimal]


class LimitMonitor:
    """Compares `figure` with its `levels`, which ascend, and `confirmed` (of losses, in percent) with
    those that do more than alert. `message` is formatted with (actual, limit); `pause_ends` says how a
    pause does."""

    def __init__(
        self,
        code: str,
        figure: Figure,
        levels: tuple[Level, ...],
        message: str,
        confirmed: Figure | None = None,
        pause_ends: str = "",
    ) -> None:
        self.code = code
        self._figure = figure
        self._confirmed = confirmed or figure
        self._is_pct = confirmed is not None
        self._levels = levels
        self._alerts_first = bool(levels) and levels[0][1] is RiskAction.ALERT
        self._message = message
        self._pause_ends = pause_ends
        self._reached = 0

    def begin_anew(self) -> None:
        """What was reached before was measured from elsewhere."""
        self._reached = 0

    @property
    def has_levels(self) -> bool:
        return bool(self._levels)

    def newly_breached(self, account: Reviewed) -> LimitBreached | None:
        """The highest level newly reached, if any."""
        actual, before = self._figure(account), self._reached
        if not before and actual < self._levels[0][0] and self._alerts_first:
            return None
        self._reached = self._level_of(actual, account, before)
        if self._reached <= before:
            return None
        limit, action = self._levels[self._reached - 1]
        message = self._message.format(actual=self._words(actual), limit=plain(limit))
        message += self._passed(before) + self._to_come(actual)
        return LimitBreached(
            source_component="risk",
            code=self.code,
            message=message + (self._pause_ends if action is RiskAction.PAUSE else ""),
            limit=plain(limit),
            actual=plain(actual),
            action=action,
        )

    def _words(self, actual: Decimal) -> str:
        return (
            fixed(actual, (limit for limit, _ in self._levels))
            if self._is_pct
            else f"{actual:,.2f}"
        )

    def _passed(self, before: int) -> str:
        """Pauses that are part of the graver step reached at once with them."""
        passed = [
            f"{action} at {plain(limit)}%"
            for limit, action in self._levels[before : self._reached - 1]
            if action is not RiskAction.ALERT
        ]
        return f", beyond the {' and the '.join(passed)}" if passed else ""

    def _to_come(self, actual: Decimal) -> str:
        """Steps that the last prices are beyond, and readings do not agree on yet."""
        waiting = [
            f"{action} at {plain(limit)}%"
            for limit, action in self._levels[self._reached :]
            if actual >= limit
        ]
        if not waiting:
            return ""
        return f"; {' and '.join(waiting)} once readings agree on it"

    def _level_of(self, actual: Decimal, account: Reviewed, before: int) -> int:
        reached = before
        while reached and actual < self._levels[reached - 1][0] * CLEARS_AT:
            reached -= 1
        while reached < len(self._levels):
            limit, action = self._levels[reached]
            if (actual if action is RiskAction.ALERT else self._confirmed(account)) < limit:
                break
            reached += 1
        return reached


def default_limit_monitors(limits: RiskLimits) -> list[LimitMonitor]:
    """Losses by their levels; exposure and leverage, which the market can push past a limit that no
    order may pass, as alerts."""
    return [
        LimitMonitor(
            "DAILY_LOSS",
            lambda account: lost_pct(account.view.day_start_equity, account.equity),
            limits.levels("daily_loss"),
            "today's loss is {actual}%: the limit is {limit}%",
            lambda account: confirmed_loss_pct(account.view.day_start_equity, account.view),
            UNTIL_TOMORROW if limits.daily_pause_ends == "next-day" else UNTIL_RESUME,
        ),
        LimitMonitor(
            "DRAWDOWN",
            lambda account: lost_pct(account.view.limit_peak, account.equity),
            limits.levels("drawdown"),
            "the drawdown is {actual}%: the limit is {limit}%",
            lambda account: confirmed_loss_pct(account.view.limit_peak, account.view),
            UNTIL_RESUME,
        ),
        LimitMonitor(
            "GROSS_EXPOSURE",
            lambda account: account.exposure,
            _alert(limits.max_gross_notional),
            "all positions together are worth {actual}: the limit is {limit}",
        ),
        LimitMonitor(
            "LEVERAGE",
            lambda account: leverage(account.exposure, account.equity),
            _alert(limits.max_leverage),
            "leverage is {actual}: the limit is {limit}",
        ),
    ]


def _alert(limit: Decimal | None) -> tuple[Level, ...]:
    return () if limit is None else ((limit, RiskAction.ALERT),)
