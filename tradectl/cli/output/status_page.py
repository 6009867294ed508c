"""What `status` prints: how trading stands, what is held and rests, and what keeps it from more.

The state comes first, then what needs somebody, then the account, and the machine last.
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output import columns, figures
from tradectl.cli.output.account_totals import by_strategy, totals
from tradectl.cli.output.allocated import allocated
from tradectl.cli.output.bracketed import bracketed
from tradectl.cli.output.cells import DIM, TITLE, WARN, Cell
from tradectl.cli.output.listing import Listing, line, names, value
from tradectl.cli.output.render import OF_A_RUN, headline, positions
from tradectl.cli.output.trading_state import (
    RECORDED,
    available,
    external,
    halted,
    paused,
    refused,
    restricted,
    stands_by,
)
from tradectl.documents.run import ExchangeStatus, Status
from tradectl.domain.endings import CRASHED_WORD
from tradectl.domain.resilience import CLOSED
from tradectl.domain.states import ComponentStatus
from tradectl.domain.text import harmless

CRASHED = (
    "the run did not end by itself, as if killed: the next `tradectl run` recovers its account"
)
RUNNING, STOPPED = ComponentStatus.RUNNING, ComponentStatus.STOPPED


def status(status: Status, *, brief: bool = False) -> RenderableType:
    """`brief`: of the components only those that are not as they should be, the others in number."""
    components = list(status.components.items())
    none_listed = "none running"
    if brief and components:
        none_listed = f"all {len(components)} {'well' if status.running else 'stopped'}"
        as_it_should = (RUNNING,) if status.running else (RUNNING, STOPPED)
        components = [(name, row) for name, row in components if row.status not in as_it_should]
    sections: tuple[tuple[str, RenderableType], ...] = (
        ("Positions", positions(status.positions)),
        ("Open orders", Listing(columns.ORDERS, status.open_orders, "none working")),
        ("Components", Listing(columns.COMPONENTS, components, none_listed)),
    )
    parts: list[RenderableType] = [
        headline(status.state, status.mode, status.source, status.run_id),
        *_not_running(status),
        *stands_by(status.standing_by),
        *_held_up(status),
        *restricted(status.restrictions),
        *refused(status.refused),
        *_external(status),
        *_cold(status),
        Text(),
        *totals(status.portfolio, status.cash_at),
        *by_strategy(status.strategies),
        *allocated(status.allocation),
        *bracketed(status.brackets, running=status.running),
        *available(status.availability, status.source),
    ]
    for title, listing in sections:
        parts += [Text(), Text(title, TITLE), listing]
    return Group(*parts, Text(), *_machine(status))


def positions_of(status: Status) -> RenderableType:
    """With the halt or the pause that they stand in."""
    exits = bracketed(status.brackets, running=status.running)
    return Group(*_held_up(status), positions(status.positions), *exits, *_external(status))


def _external(status: Status) -> list[Text]:
    return external(status.external, status.portfolio.currency if status.portfolio else "")


def _not_running(status: Status) -> list[Text]:
    if status.running:
        return []
    if status.source == RECORDED:
        return [Text("this run does not go on: this is its last durable state", WARN)]
    last = (
        "this is the last durable state"
        if status.portfolio
        else f"nothing ever did here; {OF_A_RUN}"
    )
    lines = [Text(f"nothing is running: {last}", WARN)]
    if status.end_reason == CRASHED_WORD and status.halt is None:
        lines.append(Text(CRASHED, WARN))
    return lines


def _held_up(status: Status) -> list[Text]:
    is_flat = not status.positions
    return [
        *halted(status.halt, status.source, is_flat=is_flat),
        *paused(status.paused, status.source),
    ]


def _cold(status: Status) -> list[Text]:
    """Strategies that have not seen enough of the market yet to be what they are."""
    cold = [row.name for row in status.strategies if row.warm is False]
    if not cold or not status.running:
        return []
    return [Text(f"not warm yet: {names(cold)}", WARN)]


def _machine(status: Status) -> list[RenderableType]:
    bus = status.bus
    counts = (
        ("processed", bus.processed),
        ("failed", bus.failed),
        ("dropped", bus.dropped),
        ("queue", bus.queue_depth),
    )
    spelled = "  ".join(f"{name} {figures.count(number)}" for name, number in counts)
    lines = [line("bus", Cell(spelled))]
    if bus.stages:
        words = "; ".join(" ".join(each) for each in figures.by_stage(bus.stages))
        lines.append(line("step", Cell(words)))
    if ages := status.data_age_s:
        each = (f"{harmless(name, 24)} {figures.age(age)}" for name, age in ages.items())
        lines.append(line("data age", Cell("  ".join(each))))
    for name, lag in status.event_lag.items():
        lines.append(line("data lag", Cell(f"{harmless(name)}: {figures.lag(lag)}")))
    for exchange in status.exchanges:
        if foreign := exchange.foreign_orders:
            whose = f"{harmless(exchange.name)}: {names(foreign)}, left alone"
            lines.append(line("not ours", Cell(whose)))
        if exchange.other_bots:
            others = f"{names(exchange.other_bots)} on this account, too"
            lines.append(line("tradectl", Cell(f"{harmless(exchange.name)}: {others}", WARN)))
        if exchange.calls is not None:
            lines.append(line("answers", *_answers(exchange)))
        if exchange.dead_man:
            lines.append(
                line("dead-man", Cell(f"{harmless(exchange.name)}: {_switches(exchange)}"))
            )
    lines.append(line("last record", Cell(figures.count(status.last_seq))))
    lines.append(line("state", value(status.state_hash, DIM)))
    return lines


def _answers(exchange: ExchangeStatus) -> list[Cell]:
    """How well it answers, and whether entries wait for it."""
    calls, breaker = exchange.calls, exchange.breaker
    if calls is None:
        return []
    half, most = figures.rough(calls.p50_ms), figures.rough(calls.p99_ms)
    share = (
        f"{figures.count(calls.failed)} of {figures.count(calls.answered + calls.failed)} failed"
    )
    cells = [Cell(f"{harmless(exchange.name)}: {half} ms, 99 in 100 within {most} ms, {share}")]
    if breaker is not None and breaker.state != CLOSED:
        again = f"; breaker {breaker.state.replace('_', ' ')}, asked again in"
        cells.append(Cell(f"{again} {figures.age(breaker.retry_in_s)}", WARN))
    if calls.last_error:
        cells.append(Cell(f"; the last error: {harmless(calls.last_error, 200)}", DIM))
    return cells


def _switches(exchange: ExchangeStatus) -> str:
    """Whether its dead-man switch is armed, and why not, with the symbols of which that is true."""
    symbols: dict[str, list[str]] = {}
    for symbol, words in exchange.dead_man.items():
        symbols.setdefault(words, []).append(symbol)
    return "; ".join(f"{words} ({names(of)})" for words, of in symbols.items())
