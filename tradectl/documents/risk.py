"""What `tradectl risk` answers: limits and their use, what a day may cost, and what shocks would."""

from __future__ import annotations

from msgspec import Struct

from tradectl.documents.values import Amount, Time


class LimitUse(Struct, kw_only=True, frozen=True):
    """A limit (its key in the configuration), of what (a symbol, a strategy, a group; empty for the
    account), how much of it is used now, and how much is left. `unit` is a currency, `%`, `x` (of equity)
    or a count of something. `use` is null where it is of each order alone."""

    limit: str
    of: str
    unit: str
    value: Amount
    use: Amount | None
    headroom: Amount | None
    then: str


class ValueAtRisk(Struct, kw_only=True, frozen=True):
    """Of one day at 95 %, of today's positions on the last `days` daily returns that all `covered`
    symbols have. Losses in the account's currency are positive; `*_pct` is in percent of equity. What
    could not be worked out is null, and `notes` say why. `uncovered` are held and have no history: their
    part of the gross exposure, `uncovered_gross`, is in none of these figures."""

    days: int
    first_day: str | None
    last_day: str | None
    historical: Amount | None
    historical_pct: Amount | None
    expected_shortfall: Amount | None
    expected_shortfall_pct: Amount | None
    parametric: Amount | None
    parametric_pct: Amount | None
    cornish_fisher: Amount | None
    cornish_fisher_pct: Amount | None
    covered: list[str]
    covered_gross: Amount
    uncovered: list[str]
    uncovered_gross: Amount
    notes: list[str] = []


class Stress(Struct, kw_only=True, frozen=True):
    """What a shock would do to the positions of now. `kind` is `historic` (a day that was, by its date)
    or `own` (`risk.stress`). `missing` are held and not named by the shock. `reaches` are the loss limits
    that it would reach."""

    name: str
    kind: str
    pnl: Amount
    pnl_pct: Amount | None
    equity_after: Amount
    missing: list[str]
    reaches: list[str]


class Size(Struct, kw_only=True, frozen=True):
    """What positions are scaled by at present, and why; `of` is a symbol, or empty for all."""

    cause: str
    of: str
    size: Amount


class RiskReport(Struct, kw_only=True, frozen=True):
    """`running`: told by the running process; else as the last run left the account, or as the run that
    was asked for had it `at` its end. The drawdown that limits look at is from `limit_peak`, on which
    readings agreed; `peak` is the highest equity that there was."""

    running: bool
    run_id: str
    at: Time | None
    state: str
    currency: str
    equity: Amount
    gross: Amount
    peak: Amount
    limit_peak: Amount
    limits: list[LimitUse]
    sizes: list[Size]
    value_at_risk: ValueAtRisk
    stress: list[Stress]


__all__ = ["LimitUse", "RiskReport", "Size", "Stress", "ValueAtRisk"]
