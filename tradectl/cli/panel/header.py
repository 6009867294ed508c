"""The one-line facts of the panel, from the shape of `status --json`.

Who trades what in which state, how much it is worth, how fast the machine runs, and whether all its
parts are well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
    WELL,
    Cell,
    profit,
    status,
)
from tradectl.cli.panel.chart import bar, chart, sparkline
from tradectl.cli.panel.grid import MARGIN, SPACE, Line, Phrase, cropped, drawn, wrapped
from tradectl.domain.text import harmless

View = Mapping[str, Any]

STATE_STYLES = {
    "RUNNING": Style(bold=True, color="black", bgcolor="green"),
    "PAUSED": Style(bold=True, color="black", bgcolor="yellow"),
    "HALTED": Style(bold=True, color="white", bgcolor="red"),
    "FAILED": Style(bold=True, color="white", bgcolor="red"),
}
OTHER_STATE = Style(bold=True, color="black", bgcolor="cyan")
PAPER_MODE = Style(bold=True, color="white", bgcolor="blue")
LIVE_MODE = Style(bold=True, color="white", bgcolor="red")
HALT_LINE = Style(bold=True, color="white", bgcolor="red")
LIVE_FRAME = Style(bold=True, color="red")
MOST_RESTRICTIONS = 3

STALE_S, DEAD_S = 10, 60


def banner(view: View, width: int) -> list[Line]:
    """State, mode and run on the left, the run's time on the right."""
    state = harmless(view.get("state") or "?", 16).upper()
    mode = figures.mode_words(view)
    badges = [
        Cell(f" {state} ", STATE_STYLES.get(state, OTHER_STATE)),
        Cell(f" {mode} ", LIVE_MODE if mode == "LIVE" else PAPER_MODE) if mode else Cell(""),
    ]
    since = figures.clock(view.get("started_at"))
    time = [Cell(figures.duration(view["elapsed_s"]), BOLD)] if "elapsed_s" in view else []
    if since != figures.NOTHING and width >= 100:
        time = [Cell(f"since {since} UTC  ", DIM), *time]
    run = [Cell("run "), Cell(harmless(view.get("run_id") or "-"), BOLD)]
    room = width - 2 - _size(badges) - _size(time) - 2
    left = [*badges, Cell("  "), *run] if _size(run) + 2 <= room else badges
    gap = Cell(" " * max(width - 2 - _size(left) - _size(time), 1))
    return [drawn([SPACE, *left, gap, *time, SPACE], width)]


def restrictions(view: View, width: int) -> list[Line]:
    """A yellow line for each reason that trading is held back for; the last one tells how many more
    there are."""
    held = figures.restrictions(view)
    lines = [drawn([Cell(f"  {text}", WARN)], width) for text in held[:MOST_RESTRICTIONS]]
    if len(held) > MOST_RESTRICTIONS:
        lines.append(drawn([Cell(f"  and {len(held) - MOST_RESTRICTIONS} more held", WARN)], width))
    return lines


def halt(view: View, width: int) -> list[Line]:
    """A red line while trading is halted, a yellow one while it is paused; else nothing."""
    if reason := view.get("halt"):
        since = (figures.moment if width >= 100 else figures.clock)(reason.get("since"))
        text = f"  since {since} UTC: {harmless(reason.get('reason') or 'no reason given', width)}"
        hint = "   `tradectl clear-halt --confirm` ends it"
        text += hint if len(text) + len(hint) <= width else ""
        return [drawn([Cell(text, HALT_LINE)], width, Cell(" ", HALT_LINE))]
    if view.get("state") == "PAUSED":
        return [
            drawn([Cell("  No new entries, exits go on; `tradectl resume` ends it", WARN)], width)
        ]
    return []


def equity(view: View, width: int) -> list[Line]:
    """Equity, result and drawdown, and the curve in what is left of the line."""
    phrases = _equity(view)
    used = sum(_size(phrase) + 2 for phrase in phrases)
    curve = sparkline(view.get("equity_history") or (), max(width - 2 - used, 0))
    return wrapped([*phrases, [Cell(curve, _curve_style(view))]], width)


def equity_chart(view: View, width: int, height: int) -> list[Line]:
    """The same over a curve of `height` rows, its highest and lowest value beside it."""
    history = view.get("equity_history") or ()
    side = [figures.money(max(history)), *[""] * (height - 2), figures.money(min(history))]
    margin = max(len(text) for text in side) + 2
    rows = chart(history, max(width - margin - 2, 1), height)
    style = _curve_style(view)
    return wrapped(_equity(view), width) + [
        drawn([Cell(f" {text:>{margin - 2}}  ", DIM), Cell(row, style)], width)
        for row, text in zip(rows, side, strict=True)
    ]


def account(view: View, width: int) -> list[Line]:
    books = view.get("portfolio") or {}
    phrases = [
        _named("Cash", figures.money(books.get("cash"))),
        _named("Realised", *profit(books.get("realized_pnl"))),
        _named("Unrealised", *profit(books.get("unrealized_pnl"))),
        _named("Fees", figures.money(books.get("fees"))),
        _named("Margin", figures.money(books.get("margin_used"))),
    ]
    return wrapped(phrases, width, most=2 if width < 72 else 1)


def progress(view: View, width: int) -> list[Line]:
    """How far through the recorded data; nothing where there is no end."""
    done = view.get("progress")
    if not done:
        return []
    fraction = float(done.get("fraction") or 0)
    bad = done.get("bad_rows") or 0
    phrases: list[Phrase] = [
        [Cell(f"{fraction:.0%}", BOLD)],
        _named("left", figures.duration(done.get("eta_s"))),
        [Cell(figures.rate(done.get("rate")))],
        [Cell(f"{figures.count(done.get('events'))} events")],
        [Cell(f"{figures.count(bad)} bad rows", WARN if bad else DIM)],
    ]
    size = max(width - 4 - sum(_size(phrase) + 2 for phrase in phrases), 8)
    return wrapped([[Cell(bar(fraction, size), GOOD)], *phrases], width)


def market(view: View, width: int) -> list[Line]:
    """Each symbol with its last price and the age of its data, stale ones first."""
    prices, ages = view.get("prices") or {}, view.get("data_age_s") or {}
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
    return wrapped(phrases, width)


def bus(view: View, width: int) -> list[Line]:
    figures_of_bus = view.get("bus") or {}
    get = figures_of_bus.get
    phrases = [
        _named("Bus", figures.rate(get("rate"))),
        _named("p50", figures.micros(get("latency_p50_us"))),
        _named("p99", figures.micros(get("latency_p99_us"))),
        _named("failed", figures.count(get("failed")), BAD if get("failed") else PLAIN),
        _named("dropped", figures.count(get("dropped")), WARN if get("dropped") else PLAIN),
        _named("queue", figures.count(get("queue_depth"))),
        _named("events", figures.count(get("processed"))),
    ]
    return wrapped(phrases, width)


def health(view: View, width: int) -> list[Line]:
    """All well in three words, or else who is not and why; then what the process uses."""
    components = view.get("components") or {}
    unwell = [(name, c) for name, c in components.items() if status(c).text not in WELL]
    use = view.get("resources") or {}
    resources = [
        _named("cpu", f"{figures.rough(use.get('cpu_pct'))}%"),
        _named("memory", f"{figures.count(use.get('rss_mb'))} MB"),
        _named("loop lag", f"{figures.rough(use.get('loop_lag_ms'))} ms"),
    ]
    head: Phrase = [Cell("Health ", DIM), Cell(f"all {len(components)} components well", GOOD)]
    if not components:
        head = _named("Health", "no component yet")
    elif unwell:
        head = _unwell(unwell, width)
    return wrapped([head, *(resources if use else [])], width)


def hints(view: View, width: int) -> list[Line]:
    phrases: list[Phrase] = [
        [Cell("Ctrl-C stops", DIM)],
        [Cell("elsewhere: tradectl status | pause | stop | emergency-stop", DIM)],
    ]
    if journal := view.get("journal"):
        phrases.insert(1, [Cell("journal ", DIM), Cell(harmless(journal), DIM)])
    return wrapped(phrases, width)


def _equity(view: View) -> list[Phrase]:
    books = view.get("portfolio") or {}
    result, worth = figures.net(books), figures.decimal(books.get("equity"))
    phrases = [_named("Equity", figures.money(worth), BOLD)]
    if result is not None:
        start = worth - result if worth is not None else None
        share = f" {figures.percent(result / start * 100, signed=True)}" if start else ""
        phrases.append([(gain := profit(result)), Cell(share, gain.style)])
    if books.get("drawdown_pct") is not None:
        phrases.append(_named("Drawdown", figures.percent(books["drawdown_pct"])))
    return phrases


def _curve_style(view: View) -> Style:
    return profit(figures.net(view.get("portfolio") or {})).style


def _unwell(unwell: Sequence[tuple[str, Mapping[str, Any]]], width: int) -> Phrase:
    """The first of them with its message, as far as the line goes, and how many more."""
    name, component = unwell[0]
    state = status(component)
    more = f" and {len(unwell) - 1} more" if len(unwell) > 1 else ""
    head = f"{harmless(name, 24)} {state.text}{more}"
    cells = [Cell("Health ", DIM), Cell(head, state.style)]
    room = width - MARGIN - _size(cells) - len(": ")
    message = harmless(component.get("message") or "")
    if message and room > 10:
        cells.append(Cell(f": {cropped(message, min(room, cell_len(message)))}"))
    return cells


def _named(name: str, value: str, style: Style = PLAIN) -> Phrase:
    return [Cell(f"{name} ", DIM), Cell(value, style)]


def _age_style(seconds: float) -> Style:
    return DIM if seconds < STALE_S else WARN if seconds < DEAD_S else BAD


def _size(cells: Iterable[Cell]) -> int:
    return sum(cell_len(cell.text) for cell in cells)
