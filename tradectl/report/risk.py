"""The page's parts on risk: exposure, rolling Sharpe, distribution, drawdowns, limits; and on what
was not traded, and why."""

from __future__ import annotations

from tradectl.documents.report import LimitUse, Report
from tradectl.domain.text import counted
from tradectl.report import charts, figures
from tradectl.report.charts import Said, Scale
from tradectl.report.markup import NOTHING, Markup, join, tag
from tradectl.report.result import compact, data_table, drawn, legend, section, time_scale

MUCH = 0.8
MOST_ROWS = 20
STRETCHES = 200
"""Of time, that the exposure is the mean of: more could not be told apart."""


def exposure(report: Report) -> Markup:
    numbers = report.statistics
    curve, across = drawn(report.curve, STRETCHES), time_scale(report)
    most = max((point.exposure for point in curve), default=0.0)
    if not most:
        return NOTHING
    up = Scale(0.0, most, upright=True)
    points = [(across(charts.seconds(p.time)), up(p.exposure)) for p in curve]
    plot = charts.plot(
        "Exposure over time",
        charts.area(points, charts.SIZE, "held"),
        charts.line(points, "equity"),
        y_labels=charts.value_labels(up, compact),
        x_labels=charts.time_labels(across),
        size="low",
    )
    lead = (
        f"Something was held {figures.percent(numbers.exposed_pct, places=1)} of the time; exposure was "
        f"{figures.ratio(numbers.mean_leverage)}{figures.TIMES} equity on average and "
        f"{figures.ratio(numbers.max_leverage)}{figures.TIMES} at most."
    )
    figure = tag(
        "figure",
        legend(("c-line", f"All positions added up, {report.currency}; the mean of each stretch")),
        plot,
    )
    return section("Exposure and leverage", lead, figure)


def rolling(report: Report) -> Markup:
    known = [(n, p.value) for n, p in enumerate(report.rolling_sharpe) if p.value is not None]
    if len(known) < 2:
        return NOTHING
    values = [value for _, value in known]
    up = Scale(min(0.0, *values), max(0.0, *values), upright=True)
    across = Scale(0.0, len(report.rolling_sharpe) - 1)
    points = [(across(n), up(value)) for n, value in known]
    dates = report.rolling_sharpe
    every = max(len(dates) // 5, 1)
    plot = charts.plot(
        f"Sharpe ratio of the last {report.rolling_window} days",
        charts.level(up(0.0), "axis"),
        charts.line(points, "equity"),
        y_labels=charts.value_labels(up, compact),
        x_labels=[(across(n), dates[n].date[5:]) for n in range(every // 2, len(dates), every)],
        points=[
            Said(x, y, f"{dates[n].date}: {figures.ratio(value)}")
            for (x, y), (n, value) in zip(points, known, strict=True)
        ],
        size="low",
    )
    lead = f"Of the {report.rolling_window} days before each."
    return section("Rolling Sharpe", lead, tag("figure", plot))


def distribution(report: Report) -> Markup:
    bins = report.distribution
    if not bins:
        return NOTHING
    most = max(each.count for each in bins)
    up, width = Scale(0.0, most, upright=True), charts.SIZE / len(bins)
    columns = [
        charts.column(
            n * width + width * 0.06, width * 0.88, up(each.count), charts.SIZE,
            "win" if each.low_pct >= 0 else "loss",
        )
        for n, each in enumerate(bins)
        if each.count
    ]  # fmt: skip
    said = [
        Said(round((n + 0.5) * width, 1), up(each.count),
             f"{_pct(each.low_pct)} to {_pct(each.high_pct)}: {figures.trips(each.count)}")
        for n, each in enumerate(bins)
    ]  # fmt: skip
    every = max(len(bins) // 5, 1)
    edges = [(n * width, _pct(bins[n].low_pct)) for n in range(0, len(bins), every)]
    plot = charts.plot(
        "How many round trips returned how much",
        *columns,
        y_labels=[(up(t), figures.count(round(t))) for t in up.ticks(3) if t == round(t)],
        x_labels=[*edges, (charts.SIZE, _pct(bins[-1].high_pct))],
        points=said,
        size="middle",
    )
    lead = "Round trips by their return; the few beyond the outermost count with those."
    return section("Distribution", lead, tag("figure", plot))


def _pct(value: float) -> str:
    text = f"{abs(value):.3f}".rstrip("0").rstrip(".") or "0"
    return f"{figures.MINUS if value < 0 else ''}{text}%"


def drawdowns(report: Report) -> Markup:
    if not report.drawdowns:
        return NOTHING
    deepest = report.drawdowns[0].depth_pct
    rows = [
        tag(
            "tr",
            tag("td", figures.percent(-each.depth_pct), class_="n loss"),
            tag("td", charts.gauge(each.depth_pct / deepest if deepest else 0, "much"), class_="wide"),
            tag("td", figures.money(each.amount), class_="n spare"),
            _when(each.peak_at),
            _when(each.trough_at),
            _when(each.recovered_at),
            tag("td", _lasted(each.peak_at, each.recovered_at or report.ended_at), class_="n spare"),
        )
        for each in report.drawdowns
    ]  # fmt: skip
    names = (("Depth", "n"), ("", "wide"), (report.currency, "n spare"), ("Peak", ""), ("Trough", ""),
             ("Recovered", ""), ("Lasted", "n spare"))  # fmt: skip
    return section("Worst drawdowns", "", data_table(names, rows, "Worst drawdowns"))


def _when(time: str | None) -> Markup:
    """On a narrow screen the day alone."""
    if time is None:
        return tag("td", "not yet")
    day, clock = figures.moment(time).split(" ")
    return tag("td", day, tag("span", f" {clock}", class_="spare"), class_="when")


def _lasted(begun: str, ended: str) -> str:
    return figures.duration(charts.seconds(ended) - charts.seconds(begun))


def limits(report: Report) -> Markup:
    rows = [
        tag(
            "tr",
            tag("td", use.name),
            tag("td", _gauge(use), class_="wide"),
            tag("td", _amount(use.used, use.unit) if use.unit else figures.MISSING, class_="n"),
            tag("td", "none" if use.limit is None else _amount(use.limit, use.unit), class_="n"),
            tag("td", figures.count(use.reached) if use.reached else "", class_="n"),
        )
        for use in report.limits
    ]
    names = (("", ""), ("", "wide"), ("At most", "n"), ("Limit", "n"), ("Reached", "n"))
    lead = "How near the run came to its limits. A loss limit here is the one that ends entries."
    return section("Use of risk", lead, data_table(names, rows, "Use of risk"))


def _gauge(use: LimitUse) -> Markup:
    if use.limit is None or not use.limit:
        return NOTHING
    share = use.used / use.limit
    return charts.gauge(share, "much" if share >= MUCH else "use")


def _amount(value: float, unit: str) -> str:
    if unit == "%":
        return figures.percent(value)
    if unit == "x":
        return f"{figures.ratio(value)}{figures.TIMES}"
    return figures.money(value)


def not_traded(report: Report) -> Markup:
    rows = [
        tag(
            "tr",
            tag("td", each.code.replace("_", " ").lower()),
            tag("td", figures.count(each.count), class_="n"),
            tag("td", each.words if each.words == each.example else f"such as: {each.example}"),
        )
        for each in report.refused[:MOST_ROWS]
    ]
    table = data_table((("Reason", ""), ("Times", "n"), ("In words", "")), rows, "Not traded")
    said = table if rows else tag("p", "Every signal that asked for a trade led to an order.")
    return section(
        "Not traded",
        f"{counted(report.signals, 'signal')}, {counted(report.orders, 'order')}, those of stops "
        "among them. Each time that a target was not followed at once, or an order was denied.",
        said,
    )


def availability(report: Report) -> Markup:
    rows = [
        tag(
            "tr",
            tag("td", each.cause.replace("_", " ").lower()),
            tag("td", charts.gauge(each.share, "much"), class_="wide"),
            tag("td", figures.percent(100 * each.share), class_="n"),
        )
        for each in report.held_back
    ]
    table = data_table((("Held back by", ""), ("", "wide"), ("Of the time", "n")), rows)
    return section(
        "Availability",
        f"Entries could leave {figures.percent(report.available_pct)} of the time. Causes may overlap; "
        "one that concerns a single symbol counts for its share.",
        table if rows else NOTHING,
    )


def alerts(report: Report) -> Markup:
    if not report.alerts:
        return NOTHING
    rows = [
        tag(
            "tr",
            tag("td", figures.moment(each.time)),
            tag("td", each.severity.lower()),
            tag("td", figures.count(each.count), class_="n"),
            tag("td", each.message),
        )
        for each in report.alerts[-MOST_ROWS:]
    ]
    names = (("Time", ""), ("Severity", ""), ("Times", "n"), ("", ""))
    left_out = len(report.alerts) - len(rows)
    lead = f"The newest {len(rows)} of {figures.count(len(report.alerts))}." if left_out else ""
    return section("Alerts", lead, data_table(names, rows, "Alerts"))


def all_of(report: Report) -> Markup:
    """In their order."""
    parts = (exposure, rolling, distribution, drawdowns, limits, not_traded, availability, alerts)
    return join(*(part(report) for part in parts))


__all__ = ["all_of"]
