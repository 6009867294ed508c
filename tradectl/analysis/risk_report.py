"""An account's risk as of now: its limits and how much of each is used, what a day may cost, and what
shocks would.

Nothing is changed and nothing decided. What days and shocks would do is reckoned on the positions of now,
at the marks of now: quantity x mark x (move of the price).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct

from tradectl.documents.risk import LimitUse, RiskReport, Size, Stress, ValueAtRisk
from tradectl.domain.event import RiskAction
from tradectl.domain.exposure_tally import LONG, OF_GROUP, SHORT
from tradectl.domain.money import HUNDRED, ZERO, decimal_text, plain
from tradectl.domain.time import iso
from tradectl.risk import value_at_risk as var
from tradectl.risk.daily_closes import daily_returns
from tradectl.risk.limits import Loss, RiskLimits
from tradectl.risk.measures import leverage, lost_pct
from tradectl.state.books import Books

WORST_DAYS = 3
FEWEST_DAYS = 20
"""Daily returns without which a symbol has no history: of fewer there is no worst twentieth."""
ALL = "*"
DENIES = "denies an entry"
PAUSES = "pauses for a while"
STEP_OF = {RiskAction.ALERT: "alert", RiskAction.PAUSE: "pause"}
"""In the keys of loss limits; what is graver is their halt."""
DIGITS = Decimal("0.00000001")
EPOCH = date(1970, 1, 1)


class _History(Struct, frozen=True):
    """What is held of each symbol, in money (signed), and its daily returns by day."""

    held: dict[str, Decimal]
    returns: dict[str, dict[int, Decimal]]
    days: list[int]
    most: int
    """so many there could be"""

    @classmethod
    def of(cls, books: Books, most: int) -> _History:
        sums, closes = books.sums(), books.risk.closes
        held = {
            symbol: value.position.quantity * value.price
            for symbol, value in sorted(sums.held.items())
        }
        returns = {symbol: daily_returns(closes.get(symbol, "")) for symbol in held}
        returns = {s: days for s, days in returns.items() if len(days) >= FEWEST_DAYS}
        common = set.intersection(*map(set, returns.values())) if returns else set[int]()
        return cls(held, returns, sorted(common)[-most:], most)

    def shortened(self) -> str:
        """That the days are far fewer than they could be, and why; empty where they are not."""
        if not self.returns or 2 * len(self.days) >= self.most:
            return ""
        youngest = min(self.returns, key=lambda symbol: len(self.returns[symbol]))
        return (
            f"only {len(self.days)} of the {self.most} days of risk.history_days are common to all: "
            f"{youngest} has {len(self.returns[youngest])}"
        )

    def pnl(self, day: int) -> Decimal:
        """Of the positions of now, had prices moved as they did on that day."""
        return sum((self.held[s] * moved[day] for s, moved in self.returns.items()), ZERO)


def risk_report(
    books: Books, *, run_id: str, at: int | None, running: bool, state: str = ""
) -> RiskReport:
    """Of the account in `books`, by the limits that they fold for."""
    limits, equity = books.limits, books.equity()
    history = _History.of(books, limits.history_days)
    return RiskReport(
        running=running,
        run_id=run_id,
        at=None if at is None else iso(at),
        state=state or books.trading_state.value,
        currency=books.currency,
        equity=plain(equity),
        gross=plain(books.exposure()),
        peak=plain(books.peak_equity),
        limit_peak=plain(books.limit_peak),
        limits=list(_limits(books, limits, at)),
        sizes=[_size(cause, size) for cause, size in sorted(books.risk.sizes.items())],
        value_at_risk=_value_at_risk(history, equity),
        stress=[*_worst_days(history, books), *_own_shocks(history, books)],
    )


def _size(cause: str, size: Decimal) -> Size:
    name, _, symbol = cause.partition(" ")
    return Size(cause=name, of=symbol, size=plain(size))


# --- limits -----------------------------------------------------------------------------------------


def _limits(books: Books, limits: RiskLimits, at: int | None) -> Iterator[LimitUse]:
    money, equity, exposure = books.currency, books.equity(), books.exposure()
    if limits.max_order_notional is not None:
        yield _use("max_order_notional", limits.max_order_notional, None, money, DENIES)
    for symbol, coins in sorted(limits.max_order_quantity.items()):
        yield _use("max_order_quantity", coins, None, "coins", DENIES, of=symbol)
    if limits.max_position_notional is not None:
        for symbol, value in sorted(books.sums().held.items()):
            yield _use(
                "max_position_notional", limits.max_position_notional, value.size, money,
                DENIES, of=symbol,
            )  # fmt: skip
    if limits.max_gross_notional is not None:
        yield _use("max_gross_notional", limits.max_gross_notional, exposure, money, DENIES)
    if limits.max_leverage is not None:
        yield _use("max_leverage", limits.max_leverage, leverage(exposure, equity), "x", DENIES)
    yield from _together(books, limits)
    if limits.min_equity is not None:
        yield LimitUse(
            limit="risk.min_equity", of="", unit=money, value=plain(limits.min_equity),
            use=plain(equity), headroom=plain(equity - limits.min_equity), then=DENIES,
        )  # fmt: skip
    yield from _by_loss(books, limits)
    if limits.max_working_orders is not None:
        working = Decimal(books.working_count())
        most = Decimal(limits.max_working_orders)
        yield _use("max_working_orders", most, working, "orders", DENIES)
    window = limits.message_window
    if window is not None and at is not None:
        sent = Decimal(sum(at - time < window[1] for time in books.risk.messages))
        yield _use(
            "max_messages_per_second", Decimal(window[0]), sent,
            f"messages in {limits.rate_window_seconds} s", DENIES,
        )  # fmt: skip


def _by_loss(books: Books, limits: RiskLimits) -> Iterator[LimitUse]:
    """Of the day's loss, the drawdown, and losing round trips."""
    for loss, pct in losses(books):
        for step in limits.sizes(loss):
            scales = f"scales positions by {plain(step.size)}"
            yield _use(f"{loss}_sizes", step.at_pct, pct, "%", scales)
        for limit, action in limits.levels(loss):
            yield _use(key_of(loss, action), limit, pct, "%", action.value)
    if limits.cooldown_losses is not None:
        most, trips = Decimal(limits.cooldown_losses), Decimal(books.risk.losing_trips)
        yield _use("cooldown_losses", most, trips, "round trips", PAUSES)
    if limits.cooldown_loss_pct is not None:
        lost = lost_pct(books.equity() + books.risk.losing, books.equity())
        yield _use("cooldown_loss_pct", limits.cooldown_loss_pct, lost, "%", PAUSES)


def _together(books: Books, limits: RiskLimits) -> Iterator[LimitUse]:
    """Of positions on one side, and of budgets."""
    tally, equity = books.at_stake(), books.equity()
    for label in (LONG, SHORT):
        if limits.max_same_direction is not None:
            most, number = Decimal(limits.max_same_direction), Decimal(tally.number(label))
            yield _use("max_same_direction", most, number, "positions", DENIES, of=label)
        if limits.max_same_direction_notional is not None:
            yield _use(
                "max_same_direction_notional", limits.max_same_direction_notional,
                tally.total(label), books.currency, DENIES, of=label,
            )  # fmt: skip
    for budget in limits.budgets:
        used = leverage(tally.total(OF_GROUP + budget.name), equity) * HUNDRED
        yield _use("budgets", budget.max_pct, used, "%", DENIES, of=budget.name)


def key_of(loss: Loss, action: RiskAction) -> str:
    """Of the configuration."""
    return f"{loss}_{STEP_OF.get(action, 'halt')}_pct"


def losses(books: Books) -> Iterator[tuple[Loss, Decimal]]:
    """In percent, as the limits measure them."""
    yield from _losses_at(books, books.equity())


def _losses_at(books: Books, equity: Decimal) -> Iterator[tuple[Loss, Decimal]]:
    yield "daily_loss", lost_pct(books.day_start_equity, equity)
    yield "drawdown", lost_pct(books.limit_peak, equity)


def _use(
    name: str, value: Decimal, use: Decimal | None, unit: str, then: str, *, of: str = ""
) -> LimitUse:
    return LimitUse(
        limit=f"risk.{name}",
        of=of,
        unit=unit,
        value=plain(value),
        use=None if use is None else decimal_text(use),
        headroom=None if use is None else decimal_text(value - use),
        then=then,
    )


# --- value at risk ----------------------------------------------------------------------------------


def _value_at_risk(history: _History, equity: Decimal) -> ValueAtRisk:
    days = [float(history.pnl(day)) for day in history.days]
    covered = list(history.returns)
    uncovered = [symbol for symbol in history.held if symbol not in history.returns]
    notes, figures = list[str](), dict[str, str | None]()
    if not history.held:
        notes.append("nothing is held")
    elif len(days) < FEWEST_DAYS:
        notes.append("there are too few days of history")
    measured: dict[str, float | None] = dict.fromkeys(
        ("historical", "expected_shortfall", "parametric", "cornish_fisher")
    )
    if len(days) >= FEWEST_DAYS:
        measured = {
            "historical": var.historical(days),
            "expected_shortfall": var.expected_shortfall(days),
            "parametric": var.parametric(days),
            "cornish_fisher": var.cornish_fisher(days),
        }
        if measured["cornish_fisher"] is None:
            s, k = var.moments(days)
            notes.append(
                f"Cornish-Fisher is refused: with a skewness of {s:.2f} and an excess kurtosis of "
                f"{k:.2f} it is not monotone"
            )
        notes += [history.shortened()] if history.shortened() else []
    for name, value in measured.items():
        figures[name] = None if value is None else _figure(value)
        share = None if value is None or equity <= 0 else value / float(equity) * 100
        figures[f"{name}_pct"] = None if share is None else _figure(share)
    return ValueAtRisk(
        days=len(days),
        first_day=_day(history.days[0]) if history.days else None,
        last_day=_day(history.days[-1]) if history.days else None,
        covered=covered,
        covered_gross=plain(_gross(history, covered)),
        uncovered=uncovered,
        uncovered_gross=plain(_gross(history, uncovered)),
        notes=notes,
        **figures,
    )


def _gross(history: _History, symbols: list[str]) -> Decimal:
    return sum((abs(history.held[symbol]) for symbol in symbols), ZERO)


def _figure(value: float) -> str:
    return plain(Decimal(value).quantize(DIGITS))


def _day(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()


# --- stress -----------------------------------------------------------------------------------------


def _worst_days(history: _History, books: Books) -> Iterator[Stress]:
    """The days that would cost the positions of now most."""
    missing = [symbol for symbol in history.held if symbol not in history.returns]
    by_loss = sorted((history.pnl(day), day) for day in history.days)
    for pnl, day in by_loss[:WORST_DAYS]:
        if pnl < 0:
            yield _stress(_day(day), "historic", pnl, missing, books)


def _own_shocks(history: _History, books: Books) -> Iterator[Stress]:
    for name, moves in sorted(books.limits.stress.items()):
        moved = {symbol: _move(symbol, moves) for symbol in history.held}
        missing = [symbol for symbol, move in moved.items() if move is None]
        pnl = sum((history.held[s] * move / HUNDRED for s, move in moved.items() if move), ZERO)
        yield _stress(name, "own", pnl, missing, books)


def _move(symbol: str, moves: Mapping[str, Decimal]) -> Decimal | None:
    """In percent."""
    return moves.get(symbol, moves.get(ALL))


def _stress(name: str, kind: str, pnl: Decimal, missing: list[str], books: Books) -> Stress:
    equity = books.equity()
    after = equity + pnl
    reached = [
        f"risk.{key_of(loss, action)} {plain(limit)}%: {action}"
        for loss, pct in _losses_at(books, after)
        for limit, action in books.limits.levels(loss)
        if pct >= limit
    ]
    return Stress(
        name=name,
        kind=kind,
        pnl=decimal_text(pnl),
        pnl_pct=decimal_text(pnl / equity * HUNDRED) if equity > 0 else None,
        equity_after=decimal_text(after),
        missing=missing,
        reaches=reached,
    )


__all__ = ["losses", "risk_report"]
