"""The page's parts on where the money was made, what it cost, and each round trip on the price."""

from __future__ import annotations

from collections.abc import Sequence

from tradectl.documents.report import Line, Report, StopLine, SymbolPrices, TripRow
from tradectl.domain.text import counted
from tradectl.report import charts, figures
from tradectl.report.charts import Said, Scale, Xy
from tradectl.report.markup import NOTHING, Markup, join, tag
from tradectl.report.result import compact, data_table, legend, section, time_scale, tone

LEFT = {"symbol": "Symbol", "strategy": "Strategy", "side": "Side"}
RIGHT = {
    "entry_reason": "Reason of the entry",
    "exit_reason": "Reason of the exit",
    "weekday": "Weekday of the entry",
}
MOST_LINES = 24


def attribution(report: Report) -> Markup:
    if not report.statistics.trips + report.statistics.open_trips:
        return NOTHING
    left, right = (
        [join(tag("h3", name), _lines(report.attribution[way], name)) for way, name in ways.items()]
        for ways in (LEFT, RIGHT)
    )
    return section(
        "Where it was made",
        f"Each table adds up to {figures.money(report.pnl, signed=True)} {report.currency}. Times are "
        "UTC; reasons that differ only in what was measured (#) count as one.",
        tag("div", tag("div", *left), tag("div", *right), class_="two"),
        tag("h3", "Hour of the entry"),
        _hours(report.attribution["hour"], report.currency),
    )


def _hours(lines: Sequence[Line], currency: str) -> Markup:
    """A column for each hour of the day; what no round trip made has none."""
    known = {line.name: line for line in lines}
    made = [float(known[f"{n:02d}"].pnl) if f"{n:02d}" in known else 0.0 for n in range(24)]
    up = Scale(min(0.0, *made), max(0.0, *made), upright=True)
    width = charts.SIZE / 24
    said = [
        Said(round((n + 0.5) * width, 1), up(pnl), _hour(known, n, currency))
        for n, pnl in enumerate(made)
    ]  # fmt: skip
    columns = [
        charts.column((n + 0.14) * width, width * 0.72, up(pnl), up(0.0), tone(pnl))
        for n, pnl in enumerate(made)
        if pnl
    ]
    plot = charts.plot(
        "Result by the hour of the entry, UTC",
        *columns,
        charts.level(up(0.0), "axis"),
        y_labels=charts.value_labels(up, compact),
        x_labels=[((n + 0.5) * width, f"{n:02d}h") for n in range(0, 24, 4)],
        points=said,
        size="low",
    )
    return tag("figure", plot)


def _hour(known: dict[str, Line], hour: int, currency: str) -> str:
    line, when = known.get(f"{hour:02d}"), f"{hour:02d}:00 to {hour:02d}:59 UTC"
    if line is None:
        return f"{when}: no round trip"
    return (
        f"{when}: {figures.money(line.pnl, signed=True)} {currency} of "
        f"{figures.trips(line.trips)}, {_won(line)} won"
    )


def _lines(lines: Sequence[Line], name: str) -> Markup:
    shown = list(lines)
    if len(shown) > MOST_LINES:
        shown = shown[: MOST_LINES // 2] + shown[-MOST_LINES // 2 :]
    largest = max((abs(float(line.pnl)) for line in shown), default=0.0)
    rows = [
        tag(
            "tr",
            tag("td", line.name),
            tag("td", figures.count(line.trips), class_="n"),
            tag("td", _won(line), class_="n spare"),
            tag("td", charts.bar(float(line.pnl), largest), class_="wide"),
            tag("td", figures.money(line.pnl, signed=True), class_=f"n {tone(line.pnl)}"),
        )
        for line in shown
    ]
    left_out = len(lines) - len(shown)
    more = tag("p", f"{left_out} in between are left out; --csv has them.", class_="soft")
    names = (("", ""), ("Trips", "n"), ("Won", "n spare"), ("", "wide"), ("P&L", "n"))
    return join(data_table(names, rows, name), more if left_out else None)


def _won(line: Line) -> str:
    return f"{100 * line.won / line.trips:.0f}%" if line.trips else figures.MISSING


def costs(report: Report) -> Markup:
    line = report.costs
    if not line.trips:
        return NOTHING
    steps = [
        ("What prices alone brought", line.gross, ""),
        ("Fees", _negative(line.fees), ""),
        ("Slippage", _negative(line.slippage), ""),
        ("Funding and other income", line.funding, ""),
        ("Result", line.pnl, "sum"),
    ]
    largest = max(abs(float(amount)) for _, amount, _ in steps)
    rows = [
        tag(
            "tr",
            tag("td", name),
            tag("td", charts.bar(float(amount), largest), class_="wide"),
            tag("td", figures.money(amount, signed=True), class_=f"n {tone(amount)}"),
            class_=class_ or None,
        )
        for name, amount, class_ in steps
    ]
    turnover = figures.money(report.turnover)
    return section(
        "What it cost",
        f"{counted(report.fills, 'fill')} turned over {turnover} {report.currency}. Slippage is what "
        "fills cost against the price when the order left; those of stops and resting limits against "
        "their own price.",
        data_table((("", ""), ("", "wide"), (report.currency, "n")), rows, "Costs"),
    )  # fmt: skip


def _negative(amount: str) -> str:
    if not float(amount):
        return amount
    return amount.removeprefix("-") if amount.startswith("-") else f"-{amount}"


# --- price -----------------------------------------------------------------------------------------


def prices(report: Report) -> Markup:
    if not report.prices:
        return NOTHING
    parts = [
        tag(
            "details",
            tag("summary", of.symbol, tag("span", _counted(of))),
            _price_chart(of, report),
            class_="figures",
            open="" if n == 0 else None,
        )
        for n, of in enumerate(report.prices)
    ]
    return section(
        "Entries, exits and stops",
        "Each line is a round trip, from its entry (hollow) to its exit (full). Point at one, or at the "
        "beginning of a stop, or walk through them with the arrow keys, for its reason.",
        *parts,
    )


def _counted(of: SymbolPrices) -> str:
    if len(of.shown) < of.trips:
        return f"the {len(of.shown)} largest of {figures.trips(of.trips)}"
    return figures.trips(of.trips)


def _price_chart(of: SymbolPrices, report: Report) -> Markup:
    across = time_scale(report)
    values = [value for point in of.points for value in (point.low, point.high)]
    values += [float(price) for trip in of.shown for price in (trip.entry_price, trip.exit_price)]
    up = Scale(min(values), max(values), upright=True)
    upper, lower, line = list[Xy](), list[Xy](), list[Xy]()
    for point in of.points:
        x = across(charts.seconds(point.time))
        upper.append((x, up(point.high)))
        lower.append((x, up(point.low)))
        line.append((x, up(point.price)))
    ends = [_ends(trip, across, up) for trip in of.shown]
    won = [pair for pair, trip in zip(ends, of.shown, strict=True) if float(trip.pnl) > 0]
    lost = [pair for pair, trip in zip(ends, of.shown, strict=True) if float(trip.pnl) <= 0]
    rested = [stop for stop in of.stops if up.low <= stop.price <= up.high]
    stops = [
        ((across(charts.seconds(stop.since)), up(stop.price)),
         (across(charts.seconds(stop.until or report.ended_at)), up(stop.price)))
        for stop in rested
    ]  # fmt: skip
    said = [
        Said(x, y, _said(trip, report, is_exit=is_exit))
        for pair, trip in zip(ends, of.shown, strict=True)
        for is_exit, (x, y) in enumerate(pair)
    ]
    said += [Said(*pair[0], _said_of_stop(stop)) for pair, stop in zip(stops, rested, strict=True)]
    shapes = [charts.band(upper, lower, "band"), charts.line(line, "price")]
    shapes += [charts.segments(stops, "stop")]
    for pairs, class_ in ((lost, "lost"), (won, "won")):
        shapes.append(charts.segments(pairs, class_))
        shapes.append(charts.dots([pair[0] for pair in pairs], class_))
        shapes.append(charts.dots([pair[0] for pair in pairs], "hollow"))
        shapes.append(charts.dots([pair[1] for pair in pairs], class_))
    plot = charts.plot(
        f"{of.symbol}: price with {figures.trips(len(of.shown))}",
        *shapes,
        y_labels=charts.value_labels(up, compact),
        x_labels=charts.time_labels(across),
        points=sorted(said),
    )
    names = [("c-hold", "Price"), ("c-win", "Won"), ("c-loss", "Lost"), ("c-stop", "Stops")]
    return tag("figure", legend(*names), plot)


def _said_of_stop(stop: StopLine) -> str:
    end = "filled" if stop.filled else "taken back"
    ended = f"{end} {figures.moment(stop.until)}" if stop.until else "it rests still"
    return (
        f"{figures.moment(stop.since)}: stop at {figures.price(stop.price)} "
        f"({stop.reason or 'no reason given'}), {ended}"
    )


def _ends(trip: TripRow, across: Scale, up: Scale) -> tuple[Xy, Xy]:
    begun = across(charts.seconds(trip.opened_at)), up(float(trip.entry_price))
    return begun, (across(charts.seconds(trip.closed_at)), up(float(trip.exit_price)))


def _said(trip: TripRow, report: Report, *, is_exit: int) -> str:
    size = f"{trip.side} {figures.quantity(trip.quantity)}"
    result = f"{figures.money(trip.pnl, signed=True)} {report.currency}"
    if is_exit:
        when = "still open at the end" if trip.is_open else trip.exit_reason or "no reason given"
        return (
            f"{figures.moment(trip.closed_at)}: out of {size} at {figures.price(trip.exit_price)}, "
            f"{result} ({figures.percent(trip.return_pct, signed=True)}): {when}"
        )
    why = trip.entry_reason or ("held before the run" if trip.carried else "no reason given")
    return (
        f"{figures.moment(trip.opened_at)}: {size} at {figures.price(trip.entry_price)} "
        f"({trip.strategy}): {why}; it made {result}"
    )


# --- every trip ------------------------------------------------------------------------------------


def trades(report: Report) -> Markup:
    if not report.trips:
        return NOTHING
    total = report.statistics.trips + report.statistics.open_trips
    lead = "Click on a heading to sort."
    if len(report.trips) < total:
        lead = (
            f"The newest {figures.count(len(report.trips))} of {figures.count(total)}; "
            f"tradectl report --csv writes all of them. {lead}"
        )
    columns = (
        ("Entry", ""), ("Symbol", ""), ("Side", ""), ("P&L", "n"), ("Return", "n"), ("Size", "n"),
        ("In at", "n"), ("Out at", "n"), ("Held", "n"), ("Fees", "n"), ("Strategy", ""), ("Why in", ""),
        ("Why out", ""),
    )  # fmt: skip
    head_row = tag(
        "tr",
        *(
            tag("th", tag("button", name, type="button"), scope="col", class_=class_ or None)
            for name, class_ in columns
        ),
    )
    rows = [_trip(trip) for trip in reversed(report.trips)]
    table = tag(
        "table", tag("thead", head_row), tag("tbody", *rows), id="trips", class_="sortable trips"
    )
    search = tag(
        "p",
        tag("input", type="search", placeholder="Filter: BTC short stop", aria_label="Filter round trips",
            aria_controls="trips"),
        tag("span", class_="told soft", aria_live="polite"),
        class_="filter",
    )  # fmt: skip
    scroll = tag(
        "div", table, class_="scroll long", tabindex="0", role="region", aria_label="Round trips"
    )
    printed = tag("p", "A print has the first rows only.", class_="print soft")
    return section("Round trips", lead, search, scroll, printed)


def _trip(trip: TripRow) -> Markup:
    returned = figures.percent(trip.return_pct, signed=True)
    open_or = "still open" if trip.is_open else trip.exit_reason
    return tag(
        "tr",
        tag("td", figures.moment(trip.opened_at)),
        tag("td", trip.symbol),
        tag("td", trip.side),
        _number(figures.money(trip.pnl, signed=True), trip.pnl, tone(trip.pnl)),
        _number(returned, f"{trip.return_pct:.6f}", tone(trip.pnl)),
        _number(figures.quantity(trip.quantity), trip.quantity),
        _number(figures.price(trip.entry_price), trip.entry_price),
        _number(figures.price(trip.exit_price), trip.exit_price),
        _number(figures.duration(trip.duration_s), f"{trip.duration_s:.3f}"),
        _number(figures.money(trip.fees), trip.fees),
        tag("td", trip.strategy),
        tag("td", trip.entry_reason or ("held before" if trip.carried else ""), class_="why"),
        tag("td", open_or, class_="why"),
    )  # fmt: skip


def _number(text: str, value: str, class_: str = "") -> Markup:
    return tag("td", text, class_=f"n {class_}".strip(), data_v=value)


__all__ = ["attribution", "costs", "prices", "trades"]
