"""Limits, value at risk and stress, for people."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output import figures
from tradectl.cli.output.cells import BAD, BOLD, DIM, GOOD, PLAIN, WARN, Cell, Column
from tradectl.cli.output.listing import Listing, line, names
from tradectl.documents.risk import LimitUse, RiskReport, Size, Stress, ValueAtRisk
from tradectl.domain.states import TradingState
from tradectl.domain.text import counted, harmless

NEARLY = Decimal("0.8")
"""Of a limit that is used."""


def report(found: RiskReport) -> RenderableType:
    state = Cell(_whose(found), GOOD if found.running else DIM)
    money = f"{_money(found.equity)} {harmless(found.currency)}, {_money(found.gross)} in positions"
    parts: list[RenderableType] = [
        line("account", state),
        line("equity", Cell(money)),
        *(line("size", _size(each)) for each in found.sizes),
        Text(""),
        Listing(LIMITS, found.limits, "no limits"),
        *_peak(found),
        Text(""),
        *_value_at_risk(found.value_at_risk),
        Text(""),
        Listing(STRESS, found.stress, "no shocks: neither history nor `risk.stress`"),
    ]
    return Group(*parts)


def _whose(found: RiskReport) -> str:
    """A run that was asked for may be over: what it had is no state of now."""
    if found.running:
        return f"{found.state}, by the running process"
    if found.at is None:
        return f"{found.state}, as the last run left it"
    state = "" if found.state == TradingState.RUNNING else f"{found.state}, "
    return harmless(f"{state}as run {found.run_id} had it at {found.at}")


def _peak(found: RiskReport) -> list[RenderableType]:
    """Where the drawdown of limits is another one than the one of `status`."""
    if found.limit_peak == found.peak:
        return []
    limits, peak = _money(found.limit_peak), _money(found.peak)
    words = (
        f"the limits' drawdown is from {limits}, on which several readings agreed; equity was at {peak} "
        "once, from where `status` reckons"
    )
    return [line("note", Cell(words, DIM))]


def _value_at_risk(found: ValueAtRisk) -> list[RenderableType]:
    span = f"{found.first_day} to {found.last_day}" if found.days else "no history"
    title = Text(
        f"value at risk, one day, 95 %: {counted(found.days, 'daily return')} ({span})", BOLD
    )
    rows: list[RenderableType] = [title]
    for name, loss, share in (
        ("historical", found.historical, found.historical_pct),
        ("shortfall", found.expected_shortfall, found.expected_shortfall_pct),
        ("parametric", found.parametric, found.parametric_pct),
        ("Cornish-F.", found.cornish_fisher, found.cornish_fisher_pct),
    ):
        rows.append(line(name, Cell(_loss(loss, share))))
    if found.uncovered:
        words = f"{names(found.uncovered)}: {_money(found.uncovered_gross)} without history"
        rows.append(line("not in it", Cell(words, WARN)))
    rows += [line("note", Cell(harmless(note), DIM)) for note in found.notes]
    return rows


def _loss(loss: str | None, share: str | None) -> str:
    if loss is None:
        return figures.NOTHING
    return _money(loss) + (f" ({Decimal(share):.2f}%)" if share is not None else "")


def _size(each: Size) -> Cell:
    what = f" of {each.of}" if each.of else ""
    return Cell(harmless(f"x {each.size}{what} ({each.cause})"), WARN)


def _money(text: str) -> str:
    return f"{Decimal(text):,.2f}"


def _figure(text: str | None, limit: str, unit: str = "") -> Cell:
    """With two decimals, or as many as its limit has."""
    if text is None:
        return Cell(figures.NOTHING, DIM)
    value, decimals = Decimal(text), max(2, len(limit.partition(".")[2]))
    shown = f"{value:,.{decimals}f}" if value != value.to_integral_value() else f"{value:,.0f}"
    return Cell(f"{shown} {harmless(unit)}".rstrip())


def _left(row: LimitUse) -> Cell:
    if row.headroom is None:
        return Cell(figures.NOTHING, DIM)
    left, value = Decimal(row.headroom), Decimal(row.value)
    used = value - left
    style = BAD if left < 0 else WARN if value and used / value >= NEARLY else PLAIN
    return Cell(_figure(row.headroom, row.value).text, style)


def _reaches(row: Stress) -> Cell:
    return Cell(names(row.reaches) if row.reaches else "", BAD)


LIMITS: list[Column[LimitUse]] = [
    Column("limit", lambda r: Cell(harmless(r.limit)), keep=9),
    Column("of", lambda r: Cell(harmless(r.of)), keep=9),
    Column("value", lambda r: _figure(r.value, r.value, r.unit), keep=7, right=True),
    Column("used", lambda r: _figure(r.use, r.value), keep=6, right=True),
    Column("left", _left, keep=8, right=True),
    Column("beyond it", lambda r: Cell(harmless(r.then), DIM), 16, keep=4, flexible=True),
]
STRESS: list[Column[Stress]] = [
    Column("shock", lambda r: Cell(harmless(r.name))),
    Column("kind", lambda r: Cell(r.kind, DIM), keep=0),
    Column("result", lambda r: Cell(_loss(r.pnl, r.pnl_pct)), right=True),
    Column("equity after", lambda r: Cell(_money(r.equity_after)), right=True),
    Column("reaches", _reaches),
    Column("not in it", lambda r: Cell(names(r.missing) if r.missing else "", WARN), keep=0),
]

__all__ = ["report"]
