"""A run becomes a report: its records are taken one by one, and its end is the document.

report_of(journal)            a journal, recorded, paper or live
ReportBuilder(header)         the same of records as they are made: `take` each, then `end`
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from tradectl.analysis import attribution, statistics
from tradectl.analysis.equity import Day, Drawdown, EquityCurve, Point
from tradectl.analysis.round_trips import OnTrip, RoundTrip
from tradectl.analysis.run_analysis import RunAnalysis, RunFigures
from tradectl.documents import report as documents
from tradectl.documents.account import HeldBackBy
from tradectl.documents.report import (
    CurvePoint,
    DayRow,
    DrawdownRow,
    MonthRow,
    PricePoint,
    RatioPoint,
    Refused,
    Report,
    ReportAlert,
    Statistics,
    StopLine,
    SymbolPrices,
    TripRow,
)
from tradectl.domain.endings import ending, is_a_part
from tradectl.domain.events import Record
from tradectl.domain.money import HUNDRED, decimal_text
from tradectl.domain.text import harmless
from tradectl.domain.time import DAY, SECOND, iso
from tradectl.feeds.whole_log import read_log
from tradectl.journal.run_lock import goes_on
from tradectl.journal.writer import Footer, Header
from tradectl.report.histogram import bins
from tradectl.report.limits import limits_used
from tradectl.report.prices import PricePaths, SymbolPath

MOST_TRIPS = 2_000
"""Round trips that the document has: the newest."""
MOST_CHARTS = 12
"""Symbols whose price it has: those with the most round trips."""
WINDOWS = (30, 14, 7)
"""Days of a rolling Sharpe ratio: the first that the run has twice."""


class Beside(NamedTuple):
    """What no journal has: the run's alerts, and when its strategies had seen enough to trade."""

    alerts: Sequence[ReportAlert] = ()
    tradable_from: str | None = None


NOTHING_BESIDE = Beside()


class ReportBuilder:
    """`on_trip` hears of every round trip, those still open at the end too: of what the document has,
    only the newest are kept."""

    def __init__(self, header: Header, on_trip: OnTrip | None = None) -> None:
        self._header = header
        self._prices = PricePaths()
        self._on_trip = on_trip
        self._newest: deque[RoundTrip] = deque(maxlen=MOST_TRIPS)
        self._analysis = RunAnalysis(header, self._keep, self._prices.watch)
        self._prices.begin(self._analysis.books)
        self.take: Callable[[Record], None] = self._analysis.take

    def _keep(self, trip: RoundTrip) -> None:
        self._newest.append(trip)
        self._prices.add_trip(trip)
        if self._on_trip is not None:
            self._on_trip(trip)

    def end(
        self,
        footer: Footer | None = None,
        *,
        torn: bool = False,
        journal: str = "",
        beside: Beside = NOTHING_BESIDE,
        reason: str = "",
        goes_on: bool = False,
    ) -> Report:
        """All records were taken. `journal` is where they are kept; where none is, `reason` is what a
        footer would say."""
        run = self._analysis.end(footer, torn=torn)
        for trip in run.open_trips:
            self._keep(trip)
        reason = harmless(footer.reason if footer is not None else reason)
        ended = ending(run.header.source, reason, goes_on=goes_on)
        incomplete = is_a_part(ended, reason, _minute(run.ended))
        return _report(run, self._prices, list(self._newest), journal, beside, reason, incomplete)


def report_of(path: Path, on_trip: OnTrip | None = None, beside: Beside = NOTHING_BESIDE) -> Report:
    """The journal `path`; of a run that still trades, as far as it is written. Raises JournalError,
    ConfigError."""
    with read_log(path) as log:
        builder = ReportBuilder(log.header, on_trip)
        take = builder.take
        for group in log.groups():
            for record in group:
                take(record)
        return builder.end(
            log.footer, torn=log.torn, journal=str(path), beside=beside, goes_on=goes_on(path)
        )


def _report(
    run: RunFigures,
    prices: PricePaths,
    trips: list[RoundTrip],
    journal: str,
    beside: Beside,
    reason: str,
    incomplete: str,
) -> Report:
    curve, header = run.curve, run.header
    window = next((days for days in WINDOWS if len(curve.days) >= 2 * days), 0)
    return Report(
        run_id=header.run_id,
        mode=header.mode,
        source=header.source,
        program=header.program,
        account=header.account,
        config_hash=header.config_hash,
        journal=journal,
        strategies=[harmless(each.name, 80) for each in run.settings.strategies],
        symbols=sorted(harmless(symbol, 80) for symbol in run.hold.symbols),
        currency=run.currency,
        started_at=iso(run.started),
        ended_at=iso(run.ended),
        data_from=iso(run.first_data) if run.first_data else None,
        tradable_from=beside.tradable_from,
        clean=not incomplete,
        incomplete=incomplete,
        torn=run.torn,
        end_reason=reason,
        records=run.records,
        signals=run.signals,
        orders=run.orders,
        fills=run.fills,
        turnover=decimal_text(run.turnover),
        start_equity=decimal_text(curve.first),
        end_equity=decimal_text(curve.equity),
        transferred=decimal_text(curve.transferred),
        pnl=decimal_text(run.pnl),
        unexplained=decimal_text(run.unexplained),
        fee_of_hold_pct=float(run.settings.paper.taker_fee * HUNDRED),
        statistics=statistics_of(run),
        costs=_line("all", run.attribution.total),
        attribution=_attribution(run),
        curve=[_point(point, run) for point in curve.points],
        days=[_day(day, run) for day in curve.days],
        months=_months(run),
        drawdowns=[_drawdown(each) for each in curve.worst],
        rolling_window=window,
        rolling_sharpe=_rolling(curve, window),
        distribution=bins(run.trips.returns),
        limits=limits_used(run),
        refused=_refused(run),
        available_pct=100 * run.available.share,
        held_back=_held_back(run),
        alerts=list(beside.alerts),
        prices=_symbols(prices, run.started),
        trips=[trip_row(trip) for trip in trips],
    )


def statistics_of(run: RunFigures) -> Statistics:
    """In the conventions of `analysis.statistics`."""
    curve, trips = run.curve, run.trips
    days, growth = curve.duration / DAY, curve.growth
    returns = curve.returns if days >= statistics.LEAST_DAYS else []
    year = statistics.cagr(1.0, growth, days)
    drawdown = float(curve.max_drawdown)
    mean_duration = trips.mean_duration
    return Statistics(
        days=days,
        return_pct=100 * run.total_return,
        cagr_pct=_percent(year),
        hold_pct=float(run.hold_return * HUNDRED),
        volatility_pct=_percent(statistics.volatility(returns)),
        sharpe=statistics.sharpe(returns),
        sortino=statistics.sortino(returns),
        calmar=statistics.calmar(year, drawdown),
        max_drawdown_pct=100 * drawdown,
        trips=trips.count,
        open_trips=len(run.open_trips),
        win_rate_pct=_percent(trips.win_rate),
        profit_factor=trips.profit_factor,
        expectancy=_amount(trips.expectancy),
        sqn=trips.sqn,
        best=_amount(trips.best.pnl if trips.best is not None else None),
        worst=_amount(trips.worst.pnl if trips.worst is not None else None),
        mean_duration_s=None if mean_duration is None else mean_duration / SECOND,
        longest_duration_s=trips.longest / SECOND,
        longest_losing=trips.longest_losing,
        longest_winning=trips.longest_winning,
        exposed_pct=100 * curve.exposed_ns / curve.duration if curve.duration else 0.0,
        mean_leverage=curve.leverage_time / curve.duration if curve.duration else 0.0,
        max_leverage=curve.max_leverage,
    )


def trip_row(trip: RoundTrip) -> TripRow:
    return TripRow(
        strategy=harmless(trip.strategy, 80),
        symbol=harmless(trip.symbol, 80),
        side=trip.side,
        quantity=decimal_text(trip.entered),
        entry_price=decimal_text(trip.entry_price),
        exit_price=decimal_text(trip.exit_price),
        pnl=decimal_text(trip.pnl),
        return_pct=100 * trip.return_,
        fees=decimal_text(trip.fees),
        slippage=decimal_text(trip.slippage),
        funding=decimal_text(trip.funding),
        opened_at=iso(trip.opened_at),
        closed_at=iso(trip.closed_at),
        duration_s=trip.duration / SECOND,
        signal_at=iso(trip.signal_at) if trip.signal_at else None,
        entry_reason=harmless(trip.entry_reason),
        exit_reason=harmless(trip.exit_reason),
        entry_order=trip.entry_order,
        exit_order=trip.exit_order,
        is_open=trip.is_open,
        carried=trip.carried,
    )


def _attribution(run: RunFigures) -> dict[str, list[documents.Line]]:
    found = run.attribution
    return {way: [_line(key, line) for key, line in found.by(way)] for way in found.ways}


def _minute(at: int) -> str:
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d %H:%M} UTC"


def _line(name: str, line: attribution.Line) -> documents.Line:
    return documents.Line(
        name=harmless(name, 120),
        pnl=decimal_text(line.pnl),
        gross=decimal_text(line.gross),
        fees=decimal_text(line.fees),
        slippage=decimal_text(line.slippage),
        funding=decimal_text(line.funding),
        trips=line.trips,
        won=line.won,
    )


def _point(point: Point, run: RunFigures) -> CurvePoint:
    return CurvePoint(
        time=iso(point.at),
        equity=point.equity,
        low=point.low,
        high=point.high,
        drawdown_pct=100 * point.drawdown,
        exposure=point.exposure,
        marks=point.marks,
        hold=run.hold.worth(run.curve.first, point.hold),
    )


def date_of(day: int) -> str:
    """`2021-05-19`."""
    return f"{datetime.fromtimestamp(day * DAY // SECOND, UTC):%Y-%m-%d}"


def _day(day: Day, run: RunFigures) -> DayRow:
    return DayRow(
        date=date_of(day.day),
        equity=decimal_text(day.equity),
        pnl=decimal_text(day.pnl),
        return_pct=100 * day.change,
        hold=run.hold.worth(run.curve.first, day.hold),
    )


def _months(run: RunFigures) -> list[MonthRow]:
    """Returns of days, compounded."""
    months: dict[str, list[Day]] = {}
    for day in run.curve.days:
        months.setdefault(date_of(day.day)[:7], []).append(day)
    rows, before = [], float(run.curve.first)
    for month, days in months.items():
        after = run.hold.worth(run.curve.first, days[-1].hold)
        rows.append(
            MonthRow(
                month=month,
                pnl=decimal_text(sum((day.pnl for day in days), Decimal(0))),
                return_pct=100 * statistics.growth(day.change for day in days),
                hold_pct=100 * (after / before - 1) if before > 0 else 0.0,
            )
        )
        before = after
    return rows


def _drawdown(each: Drawdown) -> DrawdownRow:
    return DrawdownRow(
        depth_pct=float(each.depth * HUNDRED),
        amount=decimal_text(each.amount),
        peak_at=iso(each.peak_at),
        trough_at=iso(each.trough_at),
        recovered_at=iso(each.recovered_at) if each.recovered_at else None,
    )


def _refused(run: RunFigures) -> list[Refused]:
    return [
        Refused(
            code=why[0],
            count=count,
            words=harmless(why[1]),
            example=harmless(run.refused_first.get(why, "")),
        )
        for why, count in run.refused.most_common()
    ]


def _held_back(run: RunFigures) -> list[HeldBackBy]:
    return [
        HeldBackBy(cause=harmless(cause, 60), share=share) for cause, share in run.available.causes
    ]


def _rolling(curve: EquityCurve, window: int) -> list[RatioPoint]:
    if not window:
        return []
    values = statistics.rolling_sharpe(curve.returns, window)
    return [
        RatioPoint(date=date_of(day.day), value=value)
        for day, value in zip(curve.days[window - 1 :], values, strict=True)
    ]


def _symbols(paths: PricePaths, started: int) -> list[SymbolPrices]:
    traded = [(name, path) for name, path in paths.symbols.items() if path.trips]
    traded.sort(key=lambda entry: (-entry[1].trips, entry[0]))
    return [_symbol(name, path, started) for name, path in traded[:MOST_CHARTS]]


def _symbol(name: str, path: SymbolPath, started: int) -> SymbolPrices:
    return SymbolPrices(
        symbol=harmless(name, 80),
        trips=path.trips,
        points=[
            PricePoint(time=iso(p.at), price=p.price, low=p.low, high=p.high) for p in path.prices
        ],
        shown=[trip_row(trip) for trip in path.largest()],
        stops=[
            StopLine(
                since=iso(max(stop.since, started)),
                until=iso(stop.until) if stop.until else None,
                price=stop.price,
                reason=harmless(stop.reason),
                filled=stop.filled,
            )
            for stop in path.stops
        ],
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


__all__ = ["Beside", "ReportBuilder", "date_of", "report_of", "statistics_of", "trip_row"]
