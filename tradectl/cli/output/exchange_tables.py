"""Tables of what exchanges offer, and of what was recorded there: as in `render`, from the JSON alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BOLD, DIM, GOOD, WARN, Cell, Column, Row
from tradectl.cli.output.listing import Listing
from tradectl.domain.text import harmless

Data = Mapping[str, Any]
NAME_WIDTH = 12
ALWAYS_TOLD = ("received", "delivered")


def _yes(key: str, word: str = "yes") -> Any:
    return lambda row: Cell(word if row.get(key) else "", GOOD)


def _inactive(row: Row) -> Cell:
    if row.get("supported") is False:
        return Cell("no", DIM)
    return Cell("yes", GOOD) if row.get("active") else Cell("closed", WARN)


EXCHANGES = (
    Column("id", cells.text("id", BOLD), keep=9),
    Column("name", cells.text("name"), keep=4),
    Column("certified", _yes("certified"), keep=3),
    Column("websocket", _yes("websocket"), keep=7),
    Column("spot", _yes("spot"), keep=6),
    Column("perpetual", _yes("perpetual"), keep=6),
    Column("test network", _yes("testnet"), keep=5),
    Column("passphrase", _yes("passphrase", "needed"), keep=2),
)
MARKETS = (
    Column("symbol", cells.text("symbol", BOLD), keep=9),
    Column("ccxt", cells.text("unified", DIM), keep=3),
    Column("tick", cells.figure("tick_size", figures.quantity), keep=7, right=True),
    Column("lot", cells.figure("lot_size", figures.quantity), keep=7, right=True),
    Column("least", cells.figure("min_notional", figures.quantity), keep=6, right=True),
    Column("in", cells.text("quote"), keep=5),
    Column("trades", _inactive, keep=8),
    Column("note", cells.text("note", DIM), 12, keep=4, flexible=True),
)
RECORDED = (
    Column("symbol", cells.text("symbol", BOLD), keep=9),
    Column("events", cells.figure("events", figures.count), keep=8, right=True),
)


def exchanges(rows: Sequence[Row]) -> RenderableType:
    """Of each `id, name, certified, websocket, spot, perpetual, testnet, passphrase`."""
    return Listing(EXCHANGES, rows, "no exchanges")


def markets(rows: Sequence[Row]) -> RenderableType:
    """Of each `symbol, unified, tick_size, lot_size, min_notional, quote, active, supported, note`."""
    listing = Listing(MARKETS, rows, "no such markets")
    return Group(listing, Text(f"{len(rows)} markets", DIM)) if rows else listing


def recording(data: Data) -> RenderableType:
    """The shape of `record --json`."""
    rows = [{"symbol": name, "events": n} for name, n in (data.get("by_symbol") or {}).items()]
    counts = data.get("counts") or {}
    told = [
        f"{rule.replace('_', ' ')} {figures.count(number)}"
        for rule, number in counts.items()
        if number or rule in ALWAYS_TOLD
    ]
    path = harmless(data.get("journal") or figures.NOTHING)
    lines = [
        _line("recorded", f"{figures.count(data.get('events'))} events"),
        _line("from", harmless(data.get("source") or figures.NOTHING)),
        _line("time", figures.took(data.get("elapsed_s"))),
        _line("ended", harmless(data.get("reason") or figures.NOTHING)),
        _line("feed", ", ".join(told)),
        _line("file", path),
    ]
    return Group(Listing(RECORDED, rows, "no symbols"), Text(), *lines)


def _line(name: str, value: str) -> Text:
    line = Text(f"{name:<{NAME_WIDTH}}", DIM, overflow="fold")
    return line.append(value, cells.PLAIN)


__all__ = ["exchanges", "markets", "recording"]
