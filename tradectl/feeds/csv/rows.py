"""The careful way: one row at a time, each either an event or an error that names what is wrong with it.

It is several times slower than `columns` and says the same of every good row; what it alone can do
is to tell a file's bad rows from the good ones around them.
"""

from __future__ import annotations

import csv
from decimal import Decimal

from tradectl.domain.events import BarEvent, MarketDataEvent, QuoteEvent
from tradectl.domain.money import ZERO, Side
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.layout import Kind
from tradectl.feeds.price_band import check_wicks
from tradectl.feeds.quality import RowError, TickFault, amount, check_uncrossed, positive, shown

HALF = Decimal("0.5")
LONGEST_LINE = 10_000
SIDES = {
    spelling: side
    for side, word in ((Side.BUY, "buy"), (Side.SELL, "sell"))
    for spelling in (word, word.upper(), word.title(), word[0], word[0].upper())
}


def read_row(state: FileState, line: str) -> MarketDataEvent:
    """The event that `line` spells, accepted by `state`. Raises RowError, UnconfirmedRow."""
    layout = state.layout
    cells = split_row(line, layout.width)
    time = state.time(layout.time_in(cells))
    symbol = state.symbol if layout.symbol is None else state.name(cells[layout.symbol])
    numbers = [cells[place] for place in layout.numbers]
    event: MarketDataEvent
    if layout.kind is Kind.TRADES:
        event = _trade(symbol, time, _side(cells, layout.side), numbers)
    elif layout.kind is Kind.QUOTES:
        event = _quote(symbol, time, numbers)
    else:
        state.new_candle(symbol, time)
        event = _bar(symbol, time, state.interval, numbers)
    state.commit(time, event)
    return event


def split_row(line: str, width: int) -> list[str]:
    """The `width` cells of `line`. Raises RowError when it has more or fewer."""
    if len(line) > LONGEST_LINE:
        raise RowError(TickFault.LINE_TOO_LONG, f"{len(line)} characters")
    try:
        cells = next(csv.reader([line])) if '"' in line else line.split(",")
    except csv.Error as error:
        raise RowError(TickFault.COLUMNS, str(error)) from None
    if len(cells) != width:
        raise RowError(TickFault.COLUMNS, f"{len(cells)} columns instead of {width}")
    return cells


def _side(cells: list[str], place: int | None) -> Side | None:
    if place is None:
        return None
    side = SIDES.get(cells[place].strip())
    if side is None:
        raise RowError(TickFault.SIDE, shown(cells[place]))
    return side


def _trade(symbol: str, ts: int, side: Side | None, numbers: list[str]) -> MarketDataEvent:
    price, quantity = map(positive, numbers)
    return MarketDataEvent(symbol=symbol, price=price, volume=quantity, side=side, ts=ts)


def _quote(symbol: str, ts: int, numbers: list[str]) -> QuoteEvent:
    bid, bid_size, ask, ask_size = map(positive, numbers)
    check_uncrossed(bid, ask)
    return QuoteEvent(
        symbol=symbol,
        price=(bid + ask) * HALF,
        volume=ZERO,
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        ts=ts,
    )


def _bar(symbol: str, opened: int, interval: int, numbers: list[str]) -> BarEvent:
    first, high, low, close = map(positive, numbers[:4])
    if not (low <= first <= high and low <= close <= high):
        raise RowError(TickFault.CANDLE, f"open {first}, high {high}, low {low}, close {close}")
    check_wicks((first,), (high,), (low,), (close,))
    return BarEvent(
        symbol=symbol,
        price=close,
        volume=amount(numbers[4]),
        open=first,
        high=high,
        low=low,
        interval=interval,
        ts=opened + interval,
    )
