"""What commands print for people, from exactly the JSON that `--json` prints.

Every function takes such data and returns a Rich renderable; `show` prints it. Keys may be missing:
an older journal, a state that was never reached. Texts in the data are shown, never obeyed: they
become `Text`, no markup is read in them, and control characters are made harmless.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from tradectl.cli.output import cells, columns, figures
from tradectl.cli.output.cells import BAD, BOLD, DIM, GOOD, LOUD, PLAIN, TITLE, WARN, Cell, Row
from tradectl.cli.output.listing import Listing, console, styled
from tradectl.domain.text import harmless

Data = Mapping[str, Any]
Rows = Sequence[Row]

NAME_WIDTH = 11
CASH_TOLD = ("currency", "journal", "at_exchange", "difference")


def show(renderable: RenderableType, to: Console | None = None) -> None:
    (to or console()).print(renderable, crop=False)


def positions(rows: Rows) -> RenderableType:
    return Listing(columns.POSITIONS, rows, "no positions: the account is flat")


def orders(rows: Rows) -> RenderableType:
    return Listing(columns.ORDERS, rows, "no orders")


def fills(rows: Rows) -> RenderableType:
    return Listing(columns.FILLS, rows, "no fills yet")


def alerts(rows: Rows) -> RenderableType:
    return Listing(columns.ALERTS, rows, "no alerts: nothing asks for attention")


def runs(rows: Rows) -> RenderableType:
    """Of each `run_id, mode, source, started_at, ended_at, events, pnl, status`.

    `pnl` is net of fees; `status` a word such as clean or crashed.
    """
    return Listing(columns.RUNS, rows, "no runs recorded yet: `tradectl run --paper` makes one")


def strategies(rows: Rows) -> RenderableType:
    """Of each `name, description, parameters` (a table of names and defaults)."""
    if not rows:
        return Text("no strategies found", DIM)
    return Group(*map(_strategy, rows))


def status(data: Data) -> RenderableType:
    """The shape of `status --json`."""
    components = [{"name": name, **row} for name, row in (data.get("components") or {}).items()]
    sections = (
        ("Positions", positions(data.get("positions") or [])),
        ("Open orders", Listing(columns.ORDERS, data.get("open_orders") or [], "none working")),
        ("Components", Listing(columns.COMPONENTS, components, "none running")),
    )
    parts: list[RenderableType] = [_headline(data), *_warnings(data), Text()]
    parts += _account(data.get("portfolio") or {})
    for title, listing in sections:
        parts += [Text(), Text(title, TITLE), listing]
    return Group(*parts, Text(), *_machine(data))


def summary(data: Data) -> RenderableType:
    """The end of a run.

    Of `run_id, mode, source, state, reason` (why it ended), `elapsed_s, events, rate, orders,
    fills` (counts), `bad_rows, journal, state_hash`, and `portfolio` as in `status`.
    """
    events = f"{figures.count(data.get('events'))} at {figures.rate(data.get('rate'))}"
    trades = f"{figures.count(data.get('orders'))} orders, {figures.count(data.get('fills'))} fills"
    parts: list[RenderableType] = [
        _headline(data),
        *_warnings(data),
        _line("ended", _words(data.get("reason"))),
        _line("time", Cell(figures.took(data.get("elapsed_s")))),
        _line("events", Cell(events)),
        _line("trades", Cell(trades)),
        *_account(data.get("portfolio") or {}),
    ]
    if bad := data.get("bad_rows"):
        parts.append(_line("bad rows", Cell(f"{figures.count(bad)}, never traded on", WARN)))
    if data.get("state_hash"):
        parts.append(_line("state", _words(data["state_hash"], DIM)))
    if data.get("journal"):
        parts += _how_to_replay(data["journal"])
    return Group(*parts)


def replay(data: Data) -> RenderableType:
    """The shape of `replay --json`."""
    records = (
        f"{figures.count(data.get('events'))}, {figures.count(data.get('inputs'))} of them inputs"
    )
    speed = f"{figures.took(data.get('elapsed_s'))}, {figures.rate(data.get('events_per_s'))}"
    parts: list[RenderableType] = [
        _verdict(data),
        *_divergence(data.get("first_divergence")),
        _line("records", Cell(records)),
        _line("compared", Cell(f"{figures.count(data.get('compared'))} decisions")),
        _line("time", Cell(speed)),
        _line("state", _words(data.get("state_hash"), DIM)),
    ]
    if data.get("recorded_state_hash") not in (None, data.get("state_hash")):
        parts.append(_line("recorded", _words(data["recorded_state_hash"], BAD)))
    if data.get("truncated_tail"):
        torn = "the last record is torn: the run was killed while writing it; the rest is whole"
        parts.append(_line("tail", Cell(torn, WARN)))
    return Group(*parts)


def counterfactual(data: Data) -> RenderableType:
    """The shape of `replay -c OTHER_CONFIG --json`: the first other decision, and the results."""
    first = data.get("first_difference")
    if first is None:
        verdict = Text("SAME: this configuration decides nothing differently", GOOD + BOLD)
    else:
        verdict = Text("OTHERWISE: the first decision that differs", WARN + BOLD)
    parts: list[RenderableType] = [verdict, *_divergence(first)]
    for name in ("recorded", "simulated"):
        result = data.get(name) or {}
        money = [figures.money(result.get("pnl"), signed=True), figures.money(result.get("fees"))]
        counts = [figures.count(result.get(key)) for key in ("orders", "denied", "fills")]
        told = "P&L {}  fees {}  {} orders ({} denied)  {} fills".format(*money, *counts)
        parts.append(_line(name, Cell(told)))
    change = (data.get("difference") or {}).get("pnl")
    parts.append(_line("difference", Cell(f"P&L {figures.money(change, signed=True)}", BOLD)))
    return Group(*parts)


def receipt(data: Data) -> RenderableType:
    """The shape of `emergency-stop --json`: what was done, and what is left."""
    parts: list[RenderableType] = [_stopped(data)]
    if data.get("error"):
        parts.append(_line("error", _words(data["error"], BAD)))
    for name, key in (("cancelled", "cancelled"), ("closed", "closed")):
        parts.append(_line(name, Cell(_these(data.get(key)))))
    for name, key in (("orders left", "open_orders_left"), ("positions", "positions_left")):
        parts.append(_line(name, Cell(_these(data.get(key)), WARN if data.get(key) else GOOD)))
    if dust := data.get("dust"):
        parts.append(_line("dust", Cell(f"{_these(dust)}: too little to be sold", DIM)))
    parts.append(Text("trading stays refused until `tradectl clear-halt --confirm`", DIM))
    return Group(*parts)


def reconciliation(data: Data) -> RenderableType:
    """The shape of `reconcile --json`: journal, database and exchange side by side."""
    if data.get("clean"):
        verdict = Text("CLEAN: journal, database and exchange agree", GOOD)
    else:
        verdict = Text("NOT CLEAN: `tradectl reconcile --accept exchange` takes its word", BAD)
    parts: list[RenderableType] = [verdict, Text()]
    parts.append(Listing(columns.RECONCILED, data.get("symbols") or [], "no symbols"))
    cash = data.get("cash") or {}
    told = (f"{key.replace('_', ' ')} {harmless(cash.get(key))}" for key in CASH_TOLD)
    parts += [Text(), _line("cash", Cell("  ".join(told), PLAIN if cash.get("ok") else BAD))]
    parts += [Text(), Listing(columns.RECONCILED_ORDERS, data.get("orders") or [], "no orders")]
    for row in data.get("unreachable") or ():
        parts.append(_line("not reached", _words(f"{row['exchange']}: {row['error']}", BAD)))
    return Group(*parts)


# --- lines ------------------------------------------------------------------------------------


def _line(name: str, *value: Cell) -> RenderableType:
    words = Text(overflow="fold")
    for cell in value:
        words.append_text(styled(cell))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=NAME_WIDTH, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(name, DIM), words)
    return grid


def _words(value: Any, style: Style = PLAIN) -> Cell:
    return Cell(harmless(value or figures.NOTHING), style)


def _headline(data: Data) -> Text:
    state = harmless(data.get("state") or ("RUNNING" if data.get("running") else "STOPPED"), 16)
    colour = {"RUNNING": GOOD, "PAUSED": WARN, "HALTED": LOUD}.get(state.upper(), BOLD)
    line = Text(state.upper(), colour + BOLD, overflow="fold")
    if mode := figures.mode_words(data):
        line.append(f"  {mode}", BOLD)
    return line.append(f"  run {harmless(data.get('run_id') or figures.NOTHING)}")


def _warnings(data: Data) -> list[Text]:
    lines = []
    if data.get("running") is False:
        last = (
            "this is the last durable state" if data.get("portfolio") else "nothing ever did here"
        )
        lines.append(Text(f"nothing is running: {last}", WARN))
    if halt := data.get("halt"):
        why = harmless(halt.get("reason") or "no reason given")
        lines.append(Text(f"HALTED since {figures.moment(halt.get('since'))} UTC: {why}", LOUD))
        lines.append(Text("trading is refused until `tradectl clear-halt --confirm`", DIM))
    return lines + [Text(text, WARN) for text in figures.restrictions(data)]


def _account(books: Data) -> list[RenderableType]:
    parts = (("realised", "realized_pnl"), ("unrealised", "unrealized_pnl"))
    made = [
        cell for name, key in parts for cell in (Cell(f"  {name} "), cells.profit(books.get(key)))
    ]
    fees = Cell(f"  fees {figures.money(books.get('fees'))}")
    return [
        _line("equity", Cell(figures.money(books.get("equity")), BOLD)),
        _line("cash", Cell(figures.money(books.get("cash")))),
        _line("P&L net", cells.profit(figures.net(books)), *made, fees),
        _line("drawdown", Cell(figures.percent(books.get("drawdown_pct")))),
    ]


def _machine(data: Data) -> list[RenderableType]:
    bus = data.get("bus") or {}
    told = ("processed", "failed", "dropped", "queue_depth")
    counts = (f"{key.removesuffix('_depth')} {figures.count(bus.get(key))}" for key in told)
    lines = [_line("bus", Cell("  ".join(counts)))]
    if ages := data.get("data_age_s"):
        spelled = (f"{harmless(name, 24)} {figures.age(age)}" for name, age in ages.items())
        lines.append(_line("data age", Cell("  ".join(spelled))))
    for exchange in data.get("exchanges") or ():
        if foreign := exchange.get("foreign_orders"):
            whose = f"{harmless(exchange.get('name'))}: {_these(foreign)}, left alone"
            lines.append(_line("not ours", Cell(whose)))
    lines.append(_line("last record", Cell(figures.count(data.get("last_seq")))))
    lines.append(_line("state", _words(data.get("state_hash"), DIM)))
    return lines


def _strategy(row: Row) -> Text:
    text = Text(harmless(row.get("name") or figures.NOTHING), TITLE, overflow="fold")
    text.append(f"  {harmless(row.get('description') or '')}", PLAIN)
    for name, default in (row.get("parameters") or {}).items():
        text.append(f"\n  {harmless(name, 40)} = {harmless(default, 80)}", DIM)
    return text


def _how_to_replay(journal: Any) -> list[RenderableType]:
    """The command on a line of its own, which only the terminal breaks, so that it can be copied."""
    path = harmless(journal)
    home = f"{Path.home()}/"
    short = f"~/{shlex.quote(path.removeprefix(home))}" if path.startswith(home) else ""
    command = f"tradectl replay {short or shlex.quote(path)}"
    return [
        _line("journal", Cell(path)),
        Text("to recompute every decision of this run and compare:", DIM),
        Text(command, BOLD, no_wrap=True, overflow="ignore"),
    ]


def _verdict(data: Data) -> Text:
    if data.get("verified"):
        return Text("VERIFIED: every recomputed decision is the recorded one", GOOD + BOLD)
    if count := data.get("divergences"):
        return Text(f"DIVERGED: {figures.count(count)} decisions differ from the record", LOUD)
    return Text("NOT VERIFIED", WARN + BOLD)


def _divergence(first: Any) -> list[RenderableType]:
    if first is None:
        return []
    if not isinstance(first, Mapping):
        return [_line("first at", _words(first, BAD))]
    return [_line(harmless(key, 11), _words(value, BAD)) for key, value in first.items()]


def _stopped(data: Data) -> Text:
    if not data.get("latched"):
        return Text("NOT LATCHED: the halt could not be written down", LOUD)
    line = Text(f"HALTED in {figures.rough(data.get('latched_ms'))} ms", GOOD + BOLD)
    if not data.get("confirmed"):
        return line.append(", NOT CONFIRMED: see what is left", LOUD)
    how = "the trading process" if data.get("method") == "control" else "this command"
    return line.append(
        f", confirmed by {how} in {figures.rough(data.get('confirmed_ms'))} ms", GOOD
    )


def _these(items: Any) -> str:
    """Names of orders or positions, given as text or as their JSON objects."""
    return ", ".join(_this(item) for item in items or ()) or "none"


def _this(item: Any) -> str:
    if not isinstance(item, Mapping):
        return harmless(item)
    keys = ("side", "size", "quantity", "symbol", "order_id")
    return " ".join(harmless(item[key]) for key in keys if item.get(key))
