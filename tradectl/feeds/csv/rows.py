"""The careful way: one row at a time, each either an event or an error that names what is wrong with it.

It is several times slower than `columns` and says the same of every good row; what it alone can do
is to tell a file's bad rows from the good ones around them.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.events import BarEvent, MarketDataEvent, QuoteEvent
from tradectl.domain.money import ZERO, Side
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.layout import EMPTY, Layout
from tradectl.feeds.csv.names import Kind
from tradectl.feeds.csv.opening import cells_of
from tradectl.feeds.price_band import check_wicks
from tradectl.feeds.quality import RowError, TickFault, amount, check_uncrossed, positive, shown

HALF = Decimal("0.5")
LONGEST_LINE = 10_000


class EmptyCandle(Exception):
    """A candle without prices, as some write the time in which nothing was traded: a gap, no bad row."""


def read_row(state: FileState, line: str) -> MarketDataEvent:
    """The event that `line` spells, accepted by `state`. Raises RowError, UnconfirmedRow, EmptyCandle."""
    layout = state.layout
    cells = split_row(line, layout.width, layout.separator)
    time = state.time(layout.time_in(cells))
    symbol = state.symbol if layout.symbol is None else state.name(cells[layout.symbol])
    numbers = [cells[place] for place in layout.numbers]
    event: MarketDataEvent
    if layout.kind is Kind.TRADES:
        event = _trade(symbol, time, _side(cells, layout), numbers)
    elif layout.kind is Kind.QUOTES:
        event = _quote(symbol, time, numbers)
    else:
        if _is_empty(numbers):
            raise EmptyCandle
        state.new_candle(symbol, time)
        event = _bar(symbol, time, state.interval, numbers)
    state.commit(time, event)
    return event


def symbol_of_row(state: FileState, line: str) -> str:
    """Whose row it would be; empty where it does not say."""
    layout = state.layout
    if layout.symbol is None:
        return state.symbol
    try:
        return state.name(split_row(line, layout.width, layout.separator)[layout.symbol])
    except RowError:
        return ""


def split_row(line: str, width: int, separator: str = ",") -> list[str]:
    """The `width` cells of `line`. Raises RowError when it has more or fewer."""
    if len(line) > LONGEST_LINE:
        raise RowError(TickFault.LINE_TOO_LONG, f"{len(line)} characters")
    cells = cells_of(line, separator)
    if len(cells) != width:
        raise RowError(TickFault.COLUMNS, f"{len(cells)} columns instead of {width}")
    return cells


def _side(cells: list[str], layout: Layout) -> Side | None:
    if layout.side is None:
        return None
    try:
        return layout.sides[cells[layout.side].strip()]
    except KeyError:
        raise RowError(TickFault.SIDE, shown(cells[layout.side])) from None


def _trade(symbol: str, ts: int, side: Side | None, numbers: list[str]) -> MarketDataEvent:
    price, *quantity = map(positive, numbers)
    volume = quantity[0] if quantity else ZERO
    return MarketDataEvent(symbol=symbol, price=price, volume=volume, side=side, ts=ts)


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


def _is_empty(numbers: list[str]) -> bool:
    """No price, and no volume."""
    prices, volume = numbers[:4], numbers[4:]
    return all(price.strip().lower() in EMPTY for price in prices) and all(
        amount.strip(" 0.").lower() in EMPTY for amount in volume
    )


def _bar(symbol: str, opened: int, interval: int, numbers: list[str]) -> BarEvent:
    first, high, low, close = map(positive, numbers[:4])
    if not (low <= first <= high and low <= close <= high):
        raise RowError(TickFault.CANDLE, f"open {first}, high {high}, low {low}, close {close}")
    check_wicks((first,), (high,), (low,), (close,))
    return BarEvent(
        symbol=symbol,
        price=close,
        volume=amount(numbers[4]) if len(numbers) > 4 else ZERO,
        open=first,
        high=high,
        low=low,
        interval=interval,
        ts=opened + interval,
    )
