"""The fast way: a block of lines at a time, column by column.

A loop over rows pays for Python at each cell. Instead the block is cut into cells once, the
columns are slices of it, and every check is one built-in over a column: a minimum above zero, a
sorted copy that equals the original. Nothing here says *which* row is bad: whatever may be wrong raises,
nothing has been accepted yet, and the block is read again the careful way (`rows`), which is the
reference for what is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from operator import le, lt

from tradectl.domain.events import BarEvent, MarketDataEvent, QuoteEvent
from tradectl.domain.money import LARGEST, MAX_TEXT, ZERO, Side
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.layout import Layout
from tradectl.feeds.csv.names import Kind
from tradectl.feeds.csv.rows import HALF
from tradectl.feeds.csv.times import all_to_ns
from tradectl.feeds.price_band import check_wicks

NOT_ALL_GOOD = (ValueError, KeyError, ArithmeticError)
"""What `read_block` raises: a cell is no number, a side is unknown, NaN cannot be compared, ..."""

_Built = tuple[list[Decimal], list[MarketDataEvent]]


def read_block(state: FileState, text: str) -> list[MarketDataEvent]:
    """The events of a block of whole lines, all of them good. Raises one of NOT_ALL_GOOD otherwise."""
    layout = state.layout
    stride = layout.width + 1
    cells = _cells(text, stride, layout.separator)
    spelled = layout.times_in(cells, stride)
    times = all_to_ns(spelled, state.unit(spelled[0]))
    if times[0] <= 0 or times[0] < state.last_time or times[-1] > state.latest:
        raise ValueError("times out of range")
    if times != sorted(times):
        raise ValueError("times out of order")
    symbols = _symbols(state, cells, stride)
    prices, events = _built(state, symbols, times, cells)
    state.commit_all(times, symbols, prices)
    return events


def _built(state: FileState, symbols: list[str], times: list[int], cells: list[str]) -> _Built:
    layout = state.layout
    stride = layout.width + 1
    numbers = [cells[place::stride] for place in layout.numbers]
    if layout.kind is Kind.TRADES:
        return _trades(symbols, times, _sides(cells, layout), numbers)
    if layout.kind is Kind.QUOTES:
        return _quotes(symbols, times, numbers)
    candles = dict.fromkeys(zip(symbols, times, strict=True))
    if times[0] == state.last_time or len(candles) < len(times):
        raise ValueError("candles that may repeat")
    return _bars(symbols, times, state.interval, numbers)


def _cells(text: str, stride: int, separator: str) -> list[str]:
    """The block's cells in one list, with a mark after each line.

    When every `stride`-th cell is a mark, and no other is, then every line has `stride` - 1 cells.
    """
    if '"' in text:
        raise ValueError("quoted cells")
    lines = text.count("\n")
    cells = text.replace("\n", f"{separator}\n{separator}").split(separator)
    cells.pop()
    if len(cells) != lines * stride or cells[stride - 1 :: stride].count("\n") != lines:
        raise ValueError("lines of different width")
    return cells


def _symbols(state: FileState, cells: list[str], stride: int) -> list[str]:
    place = state.layout.symbol
    if place is None:
        return [state.symbol] * (len(cells) // stride)
    column = cells[place::stride]
    if column.count(column[0]) == len(column):
        return [state.name(column[0])] * len(column)
    names = {text: state.name(text) for text in dict.fromkeys(column)}
    return list(map(names.__getitem__, column))


def _sides(cells: list[str], layout: Layout) -> Sequence[Side | None]:
    stride = layout.width + 1
    if layout.side is None:
        return [None] * (len(cells) // stride)
    return list(map(layout.sides.__getitem__, cells[layout.side :: stride]))


def _trades(
    symbols: list[str], times: list[int], sides: Sequence[Side | None], numbers: list[list[str]]
) -> _Built:
    prices, *told = map(_positive, numbers)
    quantities = told[0] if told else [ZERO] * len(prices)
    return prices, [
        MarketDataEvent(symbol=symbol, price=price, volume=quantity, side=side, ts=ts)
        for symbol, price, quantity, side, ts in zip(
            symbols, prices, quantities, sides, times, strict=True
        )
    ]


def _quotes(symbols: list[str], times: list[int], numbers: list[list[str]]) -> _Built:
    bids, bid_sizes, asks, ask_sizes = map(_positive, numbers)
    if not all(map(lt, bids, asks)):
        raise ValueError("a crossed quote")
    prices = [(bid + ask) * HALF for bid, ask in zip(bids, asks, strict=True)]
    return prices, [
        QuoteEvent(
            symbol=symbol,
            price=price,
            volume=ZERO,
            bid=bid,
            ask=ask,
            bid_size=bid_size,
            ask_size=ask_size,
            ts=ts,
        )
        for symbol, price, bid, bid_size, ask, ask_size, ts in zip(
            symbols, prices, bids, bid_sizes, asks, ask_sizes, times, strict=True
        )
    ]


def _bars(symbols: list[str], times: list[int], interval: int, numbers: list[list[str]]) -> _Built:
    opens, highs, lows, closes = map(_positive, numbers[:4])
    volumes = _amounts(numbers[4]) if len(numbers) > 4 else [ZERO] * len(opens)
    tops, bottoms = map(max, opens, closes), map(min, opens, closes)
    if not (all(map(le, lows, bottoms)) and all(map(le, tops, highs))):
        raise ValueError("an impossible candle")
    check_wicks(opens, highs, lows, closes)
    return closes, [
        BarEvent(
            symbol=symbol,
            price=close,
            volume=volume,
            open=first,
            high=high,
            low=low,
            interval=interval,
            ts=opened + interval,
        )
        for symbol, first, high, low, close, volume, opened in zip(
            symbols, opens, highs, lows, closes, volumes, times, strict=True
        )
    ]


def _positive(column: list[str]) -> list[Decimal]:
    values = _amounts(column)
    if not all(values):
        raise ValueError("a zero")
    return values


def _amounts(column: list[str]) -> list[Decimal]:
    """Numbers repeat from row to row: each is read and checked once a block."""
    texts = dict.fromkeys(column)
    if max(map(len, texts)) > MAX_TEXT:
        raise ValueError("a number too long")
    values = list(map(Decimal, texts))
    # min and max meet every value, and a comparison with NaN raises
    if not (min(values) >= 0 and max(values) < LARGEST):
        raise ValueError("a number out of range")
    by_text = dict(zip(texts, values, strict=True))
    return list(map(by_text.__getitem__, column))
