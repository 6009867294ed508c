"""The one-line facts of the panel.

Who trades what in which state, how much it is worth, how fast the machine runs, and whether all its
parts are well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.style import Style

from tradectl.cli.output import figures
from tradectl.cli.output.cells import (
    BAD,
    BOLD,
    DIM,
    GOOD,
    PLAIN,
    WARN,
    Cell,
    component_status,
    profit,
)
from tradectl.cli.output.chart import bar, chart, sparkline
from tradectl.cli.panel.grid import MARGIN, SPACE, Line, Phrase, cropped, drawn, wrapped
from tradectl.documents.run import ComponentRow, LiveStatus
from tradectl.domain.states import ComponentStatus, TradingState
from tradectl.domain.text import harmless

STATE_STYLES = {
    "RUNNING": Style(bold=True, color="black", bgcolor="green"),
    "PAUSED": Style(bold=True, color="black", bgcolor="yellow"),
    "REDUCING": Style(bold=True, color="white", bgcolor="red"),
    "FLATTENING": Style(bold=True, color="white", bgcolor="red"),
    "HALTED": Style(bold=True, color="white", bgcolor="red"),
    "FAILED": Style(bold=True, color="white", bgcolor="red"),
}
OTHER_STATE = Style(bold=True, color="black", bgcolor="cyan")
PAPER_MODE = Style(bold=True, color="white", bgcolor="blue")
LIVE_MODE = Style(bold=True, color="white", bgcolor="red")
HALT_LINE = Style(bold=True, color="white", bgcolor="red")
LIVE_FRAME = Style(bold=True, color="red")
MOST_RESTRICTIONS = 3
MEANS = {
    TradingState.PAUSED: "exits go on; `tradectl resume` ends it",
    TradingState.REDUCING: "exits only; it ends when all is flat",
    TradingState.FLATTENING: "every position is being closed",
    TradingState.HALTED: "`tradectl clear-halt --confirm` ends it",
}
NOBODY_RESUMES = "exits go on; nobody can resume a run on recorded data"

STALE_S, DEAD_S = 10, 60


def banner(status: LiveStatus, width: int) -> list[Line]:
    """State, mode and run on the left, the run's time on the right."""
    state = harmless(status.state or "?", 16).upper()
    mode = figures.mode_words(status.mode, status.source)
    badges = [
        Cell(f" {state} ", STATE_STYLES.get(state, OTHER_STATE)),
        Cell(f" {mode} ", LIVE_MODE if mode == "LIVE" else PAPER_MODE) if mode else Cell(""),
    ]
    since = figures.clock(status.started_at)
    time = [Cell(figures.duration(status.elapsed_s), BOLD)]
    if since != figures.NOTHING and width >= 100:
        time = [Cell(f"since {since} UTC  ", DIM), *time]
    run = [Cell("run "), Cell(harmless(status.run_id or "-"), BOLD)]
    room = width - 2 - _size(badges) - _size(time) - 2
    left = [*badges, Cell("  "), *run] if _size(run) + 2 <= room else badges
    gap = Cell(" " * max(width - 2 - _size(left) - _size(time), 1))
    return [drawn([SPACE, *left, gap, *time, SPACE], width)]


def restrictions(status: LiveStatus, width: int) -> list[Line]:
    """A yellow line for each reason for which trading is restricted; the last one says how many more
    there are."""
    reasons = figures.refusals(status.refused) + figures.restrictions(status.restrictions)
    lines = [drawn([Cell(f"  {text}", WARN)], width) for text in reasons[:MOST_RESTRICTIONS]]
    if (more := len(reasons) - MOST_RESTRICTIONS) > 0:
        lines.append(drawn([Cell(f"  and {more} more restricted", WARN)], width))
    return lines


def external(status: LiveStatus, width: int) -> list[Line]:
    """What is there and not ours."""
    currency = status.portfolio.currency if status.portfolio else ""
    held = figures.external(status.external, currency)
    return [drawn([Cell(f"  {held}", DIM)], width)] if held else []


def halt(status: LiveStatus, width: int) -> list[Line]:
    """Since when and why not everything is traded: red in a halt, yellow in a pause; what that
    means and how it ends, on a line of its own where the first has no room."""
    if halt := status.halt:
        means = MEANS[halt.state or TradingState.HALTED]
        texts, style, rest = _reason(halt.since, halt.reason, means, width), HALT_LINE, HALT_LINE
    elif status.state == "PAUSED":
        recorded = status.source == "recorded"
        means = NOBODY_RESUMES if recorded else MEANS[TradingState.PAUSED]
        paused, style, rest = status.paused, WARN, PLAIN
        texts = _reason(paused.since, paused.reason, means, width) if paused else [f"  {means}"]
    else:
        return []
    return [drawn([Cell(text, style)], width, Cell(" ", rest)) for text in texts]


def _reason(since: str, reason: str, means: str, width: int) -> list[str]:
    moment = figures.moment if width >= 100 else figures.clock
    when = f"{moment(since)} UTC" if since else "an unknown time"
    text = f"  since {when}: {harmless(reason or 'no reason given', width)}"
    fits = cell_len(text) + 3 + cell_len(means) <= width
    return [f"{text}   {means}"] if fits else [text, f"  {means}"]


def equity(status: LiveStatus, width: int) -> list[Line]:
    """Equity, result and drawdown, and the curve in what is left of the line."""
    phrases = _equity(status)
    used = sum(_size(phrase) + 2 for phrase in phrases)
    curve = sparkline(status.equity_history, max(width - 2 - used, 0))
    return wrapped([*phrases, [Cell(curve, _curve_style(status))]], width)


def equity_chart(status: LiveStatus, width: int, height: int) -> list[Line]:
    """The same over a curve of `height` rows, its highest and lowest value beside it."""
    history = status.equity_history
    side = [figures.money(max(history)), *[""] * (height - 2), figures.money(min(history))]
    margin = max(len(text) for text in side) + 2
    rows = chart(history, max(width - margin - 2, 1), height)
    style = _curve_style(status)
    return wrapped(_equity(status), width) + [
        drawn([Cell(f" {text:>{margin - 2}}  ", DIM), Cell(row, style)], width)
        for row, text in zip(rows, side, strict=True)
    ]


def account(status: LiveStatus, width: int) -> list[Line]:
    portfolio = status.portfolio
    if portfolio is None:
        return []
    phrases = [
        _named("Cash", figures.money(portfolio.cash)),
        _named("Realised", *profit(portfolio.realized_pnl)),
        _named("Unrealised", *profit(portfolio.unrealized_pnl)),
        _named("Fees", figures.money(portfolio.fees)),
    ]
    if figures.is_something(portfolio.margin_used):
        phrases.append(_named("Margin", figures.money(portfolio.margin_used)))
    for name, amount in (
        ("Funding", portfolio.funding),
        ("Insurance", portfolio.insurance),
        ("Interest", portfolio.interest),
        ("Rebates", portfolio.rebates),
    ):
        if figures.is_something(amount):
            phrases.append(_named(name, *profit(amount)))
    return wrapped(phrases, width, most=2 if width < 72 else 1)


def progress(status: LiveStatus, width: int) -> list[Line]:
    """How far through the recorded data; nothing where there is no end."""
    done = status.progress
    if done is None:
        return []
    fraction = float(done.fraction or 0)
    bad = done.bad_rows or 0
    phrases: list[Phrase] = [
        [Cell(f"{fraction:.0%}", BOLD)],
        _named("left", figures.duration(done.eta_s)),
        [Cell(figures.rate(done.rate))],
        [Cell(figures.counted(done.events, "event"))],
        [Cell(figures.counted(bad, "bad row"), WARN if bad else DIM)],
    ]
    size = max(width - 4 - sum(_size(phrase) + 2 for phrase in phrases), 8)
    return wrapped([[Cell(bar(fraction, size), GOOD)], *phrases], width)


def market(status: LiveStatus, width: int) -> list[Line]:
    """Each symbol with its last price and the age of its data, stale ones first."""
    prices, ages = status.prices, status.data_age_s
    symbols = list(dict.fromkeys([*prices, *ages]))
    if not symbols:
        return wrapped([_named("Market", "no data yet")], width)
    stale = {symbol: figures.seconds(ages.get(symbol)) or 0.0 for symbol in symbols}
    symbols.sort(key=lambda symbol: -stale[symbol] if stale[symbol] > STALE_S else 0.0)
    phrases: list[Phrase] = [
        [Cell(f"Market {len(symbols)} symbols" if len(symbols) > 4 else "Market", DIM)]
    ]
    for symbol in symbols:
        phrase = [Cell(harmless(symbol, 24))]
        if symbol in prices:
            phrase.append(Cell(f" {figures.price(prices[symbol])}", BOLD))
        if symbol in ages:
            phrase.append(Cell(f" {figures.age(ages[symbol])}", _age_style(stale[symbol])))
        phrases.append(phrase)
    lines = wrapped(phrases, width)
    if lines.missed:
        lines.left_out = [figures.counted(lines.missed, "symbol")]
    return lines


def bus(status: LiveStatus, width: int) -> list[Line]:
    bus = status.bus
    phrases = [
        _named("Bus", figures.rate(bus.rate)),
        _named("p50", figures.micros(bus.latency_p50_us)),
        _named("p99", figures.micros(bus.latency_p99_us)),
        _named("failed", figures.count(bus.failed), BAD if bus.failed else PLAIN),
        _named("dropped", figures.count(bus.dropped), WARN if bus.dropped else PLAIN),
        _named("queue", figures.count(bus.queue_depth)),
        _named("events", figures.count(bus.processed)),
    ]
    return wrapped(phrases, width)


def stages(status: LiveStatus, width: int) -> list[Line]:
    """Where a step's time goes, the longest first."""
    phrases = [_named(*each) for each in figures.by_stage(status.bus.stages)]
    return wrapped([[Cell("Step", DIM)], *phrases], width, most=4) if phrases else []


def lags(status: LiveStatus, width: int) -> list[Line]:
    """How late each exchange's data comes."""
    phrases = [_named(name, figures.lag(found)) for name, found in status.event_lag.items()]
    return wrapped([[Cell("Data lag", DIM)], *phrases], width) if phrases else []


def health(status: LiveStatus, width: int) -> list[Line]:
    """All well in three words, or else who is not and why; then what the process uses."""
    components = status.components
    unwell = [
        (name, row) for name, row in components.items() if row.status != ComponentStatus.RUNNING
    ]
    resources: list[Phrase] = []
    if use := status.resources:
        resources = [
            _named("cpu", f"{figures.rough(use.cpu_pct)}%"),
            _named("memory", f"{figures.count(use.rss_mb)} MB"),
            _named("loop lag", f"{figures.rough(use.loop_lag_ms)} ms"),
        ]
    found = status.availability
    if found is not None and found.held_back:
        resources.insert(0, _named("available", figures.percent(found.available_pct)))
    head: Phrase = [
        Cell("Health ", DIM),
        Cell(f"all {figures.counted(len(components), 'component')} well", GOOD),
    ]
    if not components:
        head = _named("Health", "no component yet")
    elif unwell:
        head = _unwell(unwell, width)
    return wrapped([head, *resources], width)


def hints(status: LiveStatus, width: int) -> list[Line]:
    phrases: list[Phrase] = [
        [Cell("Ctrl-C stops", DIM)],
        [Cell("elsewhere: tradectl status | pause | stop | emergency-stop", DIM)],
    ]
    if status.journal:
        phrases.insert(1, [Cell("journal ", DIM), Cell(harmless(status.journal), DIM)])
    lines = wrapped(phrases, width)
    lines.left_out = ()  # nobody misses them
    return lines


def _equity(status: LiveStatus) -> list[Phrase]:
    portfolio = status.portfolio
    if portfolio is None:
        return [_named("Equity", figures.NOTHING, BOLD)]
    result, worth = figures.net(portfolio), figures.decimal(portfolio.equity)
    phrases = [_named("Equity", figures.money(worth), BOLD)]
    if result is not None:
        start = worth - result if worth is not None else None
        share = f" {figures.percent(result / start * 100, signed=True)}" if start else ""
        phrases.append([(gain := profit(result)), Cell(share, gain.style)])
    if portfolio.drawdown_pct is not None:
        most = figures.percent(portfolio.max_drawdown_pct)
        phrases.append(
            [
                *_named("Drawdown", figures.percent(portfolio.drawdown_pct)),
                Cell(f" max {most}", DIM),
            ]
        )
    return phrases


def _curve_style(status: LiveStatus) -> Style:
    return profit(figures.net(status.portfolio)).style


def _unwell(unwell: Sequence[tuple[str, ComponentRow]], width: int) -> Phrase:
    """The first of them with its message, as far as the line goes, and how many more."""
    name, component = unwell[0]
    state = component_status(component)
    more = f" and {len(unwell) - 1} more" if len(unwell) > 1 else ""
    head = f"{harmless(name, 24)} {state.text}{more}"
    cells = [Cell("Health ", DIM), Cell(head, state.style)]
    room = width - MARGIN - _size(cells) - len(": ")
    message = harmless(component.message or "")
    if message and room > 10:
        cells.append(Cell(f": {cropped(message, min(room, cell_len(message)))}"))
    return cells


def _named(name: str, value: str, style: Style = PLAIN) -> Phrase:
    return [Cell(f"{name} ", DIM), Cell(value, style)]


def _age_style(seconds: float) -> Style:
    return DIM if seconds < STALE_S else WARN if seconds < DEAD_S else BAD


def _size(cells: Iterable[Cell]) -> int:
    return sum(cell_len(cell.text) for cell in cells)
