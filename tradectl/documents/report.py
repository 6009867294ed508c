"""What came of a run, as a document: all that `tradectl report` shows, and its JSON.

Money is an Amount in the account's currency and exact; shares, ratios and percentages are floats, null
where there is no answer. Times are ISO 8601 UTC.
"""

from __future__ import annotations

from msgspec import Struct

from tradectl.documents.account import HeldBackBy
from tradectl.documents.values import Amount, Time


class TripRow(Struct, kw_only=True, frozen=True):
    """A round trip, from flat to flat. `pnl` is net; `return_pct` of what was entered."""

    strategy: str
    symbol: str
    side: str
    quantity: Amount
    entry_price: Amount
    exit_price: Amount
    pnl: Amount
    return_pct: float
    fees: Amount
    slippage: Amount
    funding: Amount
    opened_at: Time
    closed_at: Time
    duration_s: float
    signal_at: Time | None
    entry_reason: str
    exit_reason: str
    entry_order: str
    exit_order: str
    is_open: bool
    carried: bool


class Line(Struct, kw_only=True, frozen=True):
    """A part of the result: `pnl` is `gross` less `fees` and `slippage`, with `funding`."""

    name: str
    pnl: Amount
    gross: Amount
    fees: Amount
    slippage: Amount
    funding: Amount
    trips: int
    won: int


class DayRow(Struct, kw_only=True, frozen=True):
    date: str
    equity: Amount
    pnl: Amount
    return_pct: float
    hold: float
    """what buy-and-hold was worth"""


class MonthRow(Struct, kw_only=True, frozen=True):
    """`month` is `2021-05`."""

    month: str
    pnl: Amount
    return_pct: float
    hold_pct: float


class DrawdownRow(Struct, kw_only=True, frozen=True):
    """`recovered_at` is null where the peak was not reached again."""

    depth_pct: float
    amount: Amount
    peak_at: Time
    trough_at: Time
    recovered_at: Time | None


class CurvePoint(Struct, kw_only=True, frozen=True):
    """A part of the curve: its last values, and the extremes in it; `exposure` is the mean of its
    `marks`, `hold` buy-and-hold."""

    time: Time
    equity: float
    low: float
    high: float
    drawdown_pct: float
    exposure: float
    hold: float
    marks: int


class Bin(Struct, kw_only=True, frozen=True):
    """So many round trips with a return from `low_pct` up to `high_pct`."""

    low_pct: float
    high_pct: float
    count: int


class RatioPoint(Struct, kw_only=True, frozen=True):
    date: str
    value: float | None


class LimitUse(Struct, kw_only=True, frozen=True):
    """How near the run came to a limit: `used` of `limit` at most, in `unit`, and how often it was
    reached."""

    name: str
    used: float
    limit: float | None
    unit: str
    reached: int


class Refused(Struct, kw_only=True, frozen=True):
    """Signals that led to no order and orders that were denied, by code and words (without what was
    measured); `example` are those of the first."""

    code: str
    count: int
    words: str
    example: str


class ReportAlert(Struct, kw_only=True, frozen=True):
    time: Time
    severity: str
    message: str
    count: int


class PricePoint(Struct, kw_only=True, frozen=True):
    time: Time
    price: float
    low: float
    high: float


class StopLine(Struct, kw_only=True, frozen=True):
    """A protective stop that rested at `price`, why there, since when (the run's start at the earliest),
    until when (null: it still does), and whether any of it was filled."""

    since: Time
    until: Time | None
    price: float
    reason: str
    filled: bool


class SymbolPrices(Struct, kw_only=True, frozen=True):
    """A symbol's price, and the largest of its round trips; `trips` is how many there were in all."""

    symbol: str
    trips: int
    points: list[PricePoint]
    shown: list[TripRow]
    stops: list[StopLine]


class Statistics(Struct, kw_only=True, frozen=True):
    """In the conventions of `analysis.statistics`. Percentages of returns are of the start's equity."""

    days: float
    return_pct: float
    cagr_pct: float | None
    hold_pct: float
    volatility_pct: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown_pct: float
    trips: int
    open_trips: int
    win_rate_pct: float | None
    profit_factor: float | None
    expectancy: Amount | None
    sqn: float | None
    best: Amount | None
    worst: Amount | None
    mean_duration_s: float | None
    longest_duration_s: float
    longest_losing: int
    longest_winning: int
    exposed_pct: float
    mean_leverage: float
    max_leverage: float


class Report(Struct, kw_only=True, frozen=True):
    """`incomplete` says why these are not the figures of a whole run (it still trades, was interrupted or
    broke off); empty where they are, which is `clean`. `torn`: its last record was cut off. `data_from`
    is when market data came first, `tradable_from` when trading could begin, where that is known. `trips`
    are the newest, of `statistics.trips` in all. The lines of each way of looking at the result
    (`attribution`) add up to `pnl` exactly."""

    run_id: str
    mode: str
    source: str
    program: str
    account: str
    config_hash: str
    journal: str
    strategies: list[str]
    symbols: list[str]
    currency: str
    started_at: Time
    ended_at: Time
    data_from: Time | None
    tradable_from: Time | None
    clean: bool
    incomplete: str
    torn: bool
    end_reason: str
    records: int
    signals: int
    orders: int
    fills: int
    turnover: Amount
    start_equity: Amount
    end_equity: Amount
    transferred: Amount
    pnl: Amount
    unexplained: Amount
    fee_of_hold_pct: float
    statistics: Statistics
    costs: Line
    attribution: dict[str, list[Line]]
    curve: list[CurvePoint]
    days: list[DayRow]
    months: list[MonthRow]
    drawdowns: list[DrawdownRow]
    rolling_window: int
    rolling_sharpe: list[RatioPoint]
    distribution: list[Bin]
    limits: list[LimitUse]
    refused: list[Refused]
    available_pct: float
    held_back: list[HeldBackBy]
    alerts: list[ReportAlert]
    prices: list[SymbolPrices]
    trips: list[TripRow]
