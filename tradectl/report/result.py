"""The page's first parts: what came of it, how equity went, month by month and day by day."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tradectl.analysis.downsampling import halved
from tradectl.documents.report import CurvePoint, DayRow, MonthRow, Report
from tradectl.report import charts, figures
from tradectl.report.charts import Said, Scale
from tradectl.report.markup import NOTHING, Markup, tag

MOST_DRAWN = 700
FEW_DAYS = 30
FEW_SYMBOLS, MOST_NAMED = 3, 30
FEW_TRIPS = 30
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def tone(value: float | str) -> str:
    """The class of a figure that is good or bad."""
    amount = float(value)
    return "win" if amount > 0 else "loss" if amount < 0 else ""


def head(report: Report) -> Markup:
    kind = {"recorded": "Backtest", "exchange": "Paper on live data"}.get(report.source, "Paper")
    kind = "Live" if report.mode == "live" else kind
    many = len(report.symbols)
    named = ", ".join(report.symbols[:MOST_NAMED]) + (", ..." if many > MOST_NAMED else "")
    on = (named or "nothing") if many <= FEW_SYMBOLS else f"{many} symbols"
    span = f"{figures.moment(report.started_at)} to {figures.moment(report.ended_at)} UTC"
    lasted = figures.duration(report.statistics.days * 86_400)
    return tag(
        "header",
        tag("p", f"tradectl \N{MIDDLE DOT} {kind}", class_="kind"),
        tag("h1", f"{', '.join(report.strategies) or 'No strategy'} on {on}"),
        tag("p", named, class_="soft") if many > FEW_SYMBOLS else None,
        tag(
            "p", f"{span} \N{MIDDLE DOT} {lasted} \N{MIDDLE DOT} run {report.run_id}", class_="soft"
        ),
        *(tag("p", note, class_="note") for note in notes(report)),
    )


def notes(report: Report) -> list[str]:
    """What to know before believing the figures."""
    found, numbers = [], report.statistics
    if report.incomplete:
        found.append(f"{report.incomplete}.")
    if not report.fills:
        found.append("Nothing was traded: see below what was asked for, and what held it back.")
    elif numbers.days < FEW_DAYS or numbers.trips < FEW_TRIPS:
        found.append(
            f"{figures.duration(numbers.days * 86_400)} and {figures.trips(numbers.trips)}: too little "
            "to tell skill from luck, and yearly figures are far extrapolated."
        )
    if float(report.transferred):
        found.append(
            f"{figures.money(report.transferred, signed=True)} {report.currency} were put in or taken "
            "out: returns are time-weighted around it."
        )
    return found


def headline(report: Report) -> Markup:
    numbers = report.statistics
    against = numbers.return_pct - numbers.hold_pct
    result = tag(
        "div",
        tag(
            "p",
            figures.percent(numbers.return_pct, signed=True),
            class_=f"result {tone(numbers.return_pct)}",
        ),
        tag(
            "p",
            f"{figures.money(report.pnl, signed=True)} {report.currency}: "
            f"{figures.money(report.start_equity)} became {figures.money(report.end_equity)}",
        ),
        tag(
            "p",
            f"Buy and hold {figures.percent(numbers.hold_pct, signed=True)}: this is "
            f"{figures.ratio(abs(against))} percentage points {'better' if against >= 0 else 'worse'}",
            class_="soft",
        ),
    )
    return tag("div", result, tag("dl", *_tiles(report), class_="tiles"), class_="headline")


def _tiles(report: Report) -> list[Markup]:
    n = report.statistics
    dash = figures.MISSING
    return [
        _tile("Largest drawdown", figures.percent(n.max_drawdown_pct), "at every mark"),
        _tile("Sharpe", figures.ratio(n.sharpe), f"Sortino {figures.ratio(n.sortino)}"),
        _tile("A year", figures.percent(n.cagr_pct, signed=True), "CAGR"),
        _tile("Volatility", figures.percent(n.volatility_pct), f"Calmar {figures.ratio(n.calmar)}"),
        _tile("Round trips", figures.count(n.trips), f"{n.open_trips} still open"),
        _tile("Win rate", figures.percent(n.win_rate_pct, places=1),
              f"profit factor {figures.ratio(n.profit_factor)}"),
        _tile("A trip brings", figures.money(n.expectancy, signed=True) if n.expectancy else dash,
              f"SQN {figures.ratio(n.sqn)}"),
        _tile("In the market", figures.percent(n.exposed_pct, places=1),
              f"leverage at most {figures.ratio(n.max_leverage)}{figures.TIMES}"),
    ]  # fmt: skip


def _tile(name: str, value: str, small: str) -> Markup:
    return tag("div", tag("dt", name), tag("dd", value, tag("small", small)))


# --- equity ----------------------------------------------------------------------------------------


def drawn(curve: list[CurvePoint], most: int = MOST_DRAWN) -> list[CurvePoint]:
    """As few points as can be told apart, with the extremes of all."""
    while len(curve) > most:
        curve = halved(curve, _joined)
    return curve


def _joined(first: CurvePoint, second: CurvePoint) -> CurvePoint:
    marks = first.marks + second.marks
    exposed = first.exposure * first.marks + second.exposure * second.marks
    return replace(
        second,
        low=min(first.low, second.low),
        high=max(first.high, second.high),
        drawdown_pct=max(first.drawdown_pct, second.drawdown_pct),
        exposure=exposed / marks,
        marks=marks,
    )


def time_scale(report: Report) -> Scale:
    return Scale(charts.seconds(report.started_at), charts.seconds(report.ended_at))


def equity(report: Report) -> Markup:
    curve, across = drawn(report.curve), time_scale(report)
    xs = [across(charts.seconds(point.time)) for point in curve]
    values = [v for p in curve for v in (p.low, p.high, p.hold)]
    up = Scale(min(values), max(values), upright=True)
    worth = [(x, up(p.equity)) for x, p in zip(xs, curve, strict=True)]
    said = [Said(x, y, _said(point, report)) for (x, y), point in zip(worth, curve, strict=True)]
    plot = charts.plot(
        "Equity and buy-and-hold over time",
        charts.band(
            [(x, up(p.high)) for x, p in zip(xs, curve, strict=True)],
            [(x, up(p.low)) for x, p in zip(xs, curve, strict=True)],
            "band",
        ),
        charts.level(up(float(report.start_equity)), "axis"),
        charts.line([(x, up(p.hold)) for x, p in zip(xs, curve, strict=True)], "hold"),
        charts.line(worth, "equity"),
        y_labels=charts.value_labels(up, compact),
        x_labels=charts.time_labels(across),
        points=_every_other(said),
    )
    return tag("figure", legend(("c-line", "Equity"), ("c-hold", "Buy and hold")), plot)


def _every_other(points: list[Said]) -> list[Said]:
    return points if len(points) <= MOST_DRAWN // 2 else points[1::2]


def _said(point: CurvePoint, report: Report) -> str:
    return (
        f"{figures.moment(point.time)}: equity {figures.money(point.equity)} {report.currency}, "
        f"drawdown {figures.percent(point.drawdown_pct)}, exposed {figures.money(point.exposure)}, "
        f"buy and hold {figures.money(point.hold)}"
    )


def drawdown(report: Report) -> Markup:
    curve, across = drawn(report.curve), time_scale(report)
    deepest = max((point.drawdown_pct for point in curve), default=0.0)
    down = Scale(0.0, max(deepest, 0.01))
    points = [(across(charts.seconds(p.time)), down(p.drawdown_pct)) for p in curve]
    plot = charts.plot(
        f"Drawdown over time: {figures.percent(deepest)} at most",
        charts.area(points, 0.0, "under"),
        charts.line(points, "lost"),
        y_labels=[(down(t), figures.percent(-t, places=_places(down))) for t in down.ticks(3)],
        x_labels=charts.time_labels(across),
        size="low",
    )
    return tag("figure", legend(("c-loss", "Drawdown from the highest equity")), plot)


def _places(scale: Scale) -> int:
    return 0 if scale.high - scale.low > 4 else 1 if scale.high - scale.low > 0.4 else 2


def legend(*entries: tuple[str, str]) -> Markup:
    return tag(
        "figcaption", *(tag("span", tag("i", class_=class_), name) for class_, name in entries)
    )


def compact(value: float) -> str:
    """On an axis: `104k`, `1.25M`, `82`."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (1e3 if unit == "k" else size)
            return f"{scaled:,.2f}".rstrip("0").rstrip(".").replace("-", figures.MINUS) + unit
    digits = 0 if abs(value) >= 100 else 2 if abs(value) >= 1 or not value else 6
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", figures.MINUS)


# --- days and months -------------------------------------------------------------------------------


def calendar(report: Report) -> Markup:
    if not report.days:
        return NOTHING
    parts = [month_table(report.months)] if report.months else []
    if len(report.days) > 1:
        parts.append(_day_bars(report))
    rows = [
        tag(
            "tr",
            tag("td", day.date),
            tag("td", figures.money(day.pnl, signed=True), class_=f"n {tone(day.pnl)}"),
            tag("td", figures.percent(day.return_pct, signed=True), class_=f"n {tone(day.return_pct)}"),
            tag("td", figures.money(day.equity), class_="n"),
            tag("td", figures.money(day.hold), class_="n spare"),
        )
        for day in reversed(report.days)
    ]  # fmt: skip
    names = (("Day", ""), (f"P&L, {report.currency}", "n"), ("Return", "n"), ("Equity", "n"),
             ("Buy and hold", "n spare"))  # fmt: skip
    table = data_table(names, rows)
    told = tag("span", f"{figures.count(len(report.days))}, newest first")
    listed = tag("details", tag("summary", "All days", told), table)
    return section(
        "Month by month",
        "Returns of days, UTC, compounded; below each what buy-and-hold did.",
        *parts,
        listed,
    )


def month_table(months: Sequence[MonthRow]) -> Markup:
    known = {month.month: month for month in months}
    years = sorted({month.month[:4] for month in months})
    alone = len(years) == 1
    used = [
        n for n in range(1, 13) if not alone or any(f"{years[0]}-{n:02d}" in known for _ in "1")
    ]
    head_row = tag(
        "tr",
        tag("th"),
        *(tag("th", MONTHS[n - 1], scope="col") for n in used),
        tag("th", "Year", scope="col"),
    )
    rows = []
    for year in years:
        cells = [_month(known.get(f"{year}-{n:02d}")) for n in used]
        of_year = [known[key] for key in known if key.startswith(year)]
        total = 1.0
        for month in of_year:
            total *= 1 + month.return_pct / 100
        rows.append(tag("tr", tag("th", year, scope="row"), *cells, _heat(100 * (total - 1), None)))
    table = tag("table", tag("thead", head_row), tag("tbody", *rows), class_="months")
    return tag("div", table, class_="scroll", tabindex="0", role="region", aria_label="Months")


def _month(month: MonthRow | None) -> Markup:
    return tag("td") if month is None else _heat(month.return_pct, month.hold_pct)


def _heat(value: float, hold: float | None) -> Markup:
    strength = 1 + (abs(value) >= 3) + (abs(value) >= 10)
    shade = "" if abs(value) < 0.005 else f"{'up' if value > 0 else 'down'}{strength}"
    below = (
        None if hold is None else tag("small", figures.percent(hold, signed=True), class_="soft")
    )
    between = None if below is None else tag("br")
    return tag("td", figures.percent(value, signed=True), between, below, class_=shade)


def _day_bars(report: Report) -> Markup:
    days = report.days
    values = [day.return_pct for day in days]
    up = Scale(min(0.0, *values), max(0.0, *values), upright=True)
    width = charts.SIZE / len(days)
    zero = up(0.0)
    bars = [
        charts.column(n * width + width * 0.12, width * 0.76, up(value), zero, tone(value) or "rest")
        for n, value in enumerate(values)
    ]  # fmt: skip
    said = [
        Said(round((n + 0.5) * width, 1), up(day.return_pct), _said_of_day(day, report))
        for n, day in enumerate(days)
    ]
    every = max(len(days) // 6, 1)
    labels = [((n + 0.5) * width, days[n].date[5:]) for n in range(every // 2, len(days), every)]
    plot = charts.plot(
        "Returns of the days",
        *bars,
        charts.level(zero, "axis"),
        y_labels=[(up(t), figures.percent(t, places=_places(up))) for t in up.ticks(3)],
        x_labels=labels,
        points=said,
        size="middle",
    )
    return tag("figure", legend(("c-win", "Days won"), ("c-loss", "Days lost")), plot)


def _said_of_day(day: DayRow, report: Report) -> str:
    return (
        f"{day.date}: {figures.percent(day.return_pct, signed=True)}, "
        f"{figures.money(day.pnl, signed=True)} {report.currency}, equity {figures.money(day.equity)}"
    )


# --- what all parts use ----------------------------------------------------------------------------


def section(title: str, lead: str, *parts: Markup) -> Markup:
    about = tag("p", lead, class_="lead") if lead else None
    return tag("section", tag("h2", title), about, *parts)


def data_table(
    names: Sequence[tuple[str, str]], rows: Sequence[Markup], label: str = "", class_: str | None = None
) -> Markup:  # fmt: skip
    """`names` of columns with their classes; on a narrow screen it scrolls by itself."""
    head_row = tag(
        "tr", *(tag("th", name, scope="col", class_=class_ or None) for name, class_ in names)
    )
    table = tag("table", tag("thead", head_row), tag("tbody", *rows), class_=class_)
    return tag(
        "div", table, class_="scroll", tabindex="0", role="region",
        aria_label=label or names[0][0],
    )  # fmt: skip


__all__ = [
    "calendar", "compact", "data_table", "drawdown", "drawn", "equity", "head", "headline", "legend",
    "notes", "section", "time_scale", "tone",
]  # fmt: skip
