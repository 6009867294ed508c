"""What a file holds: trades, quotes or candles, in which columns. It is read from the header, or said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from msgspec import Struct

from tradectl.domain.currencies import COUNTED_IN
from tradectl.domain.money import Side
from tradectl.feeds.csv.names import (
    AMOUNTS,
    MAKER,
    NUMBERS,
    SIDE,
    SYMBOL,
    Kind,
    normal,
    place_of,
    places_chosen,
    time_places,
    unit_named,
)
from tradectl.feeds.csv.times import YEAR_FIRST, Spelling, joined, spelling_of
from tradectl.feeds.quality import shown

EXPECTED = (
    "expected a first line like ts_ms,symbol,price,qty,side (trades), "
    "ts_ms,symbol,bid,bid_qty,ask,ask_qty (quotes) or "
    "ts_ms,symbol,open,high,low,close,volume (candles)"
)
SETTLED = "or say which column is which: --columns time=NAME,price=NAME,qty=NAME"
SAME = Decimal("0.05")
EMPTY = ("", "nan", "null", "none")


def _spellings(words: Mapping[str, Side | None]) -> dict[str, Side | None]:
    return {
        spelling: side
        for word, side in words.items()
        for spelling in (word, word.upper(), word.title())
    }


SIDES = _spellings(
    {
        "buy": Side.BUY, "b": Side.BUY, "buyer": Side.BUY,
        "sell": Side.SELL, "s": Side.SELL, "seller": Side.SELL, "unknown": None,
    }
)  # fmt: skip
MAKERS = _spellings({"true": Side.SELL, "1": Side.SELL, "false": Side.BUY, "0": Side.BUY})
"""Where the buyer's order rested, the seller took."""


class Layout(Struct, frozen=True, kw_only=True):
    """Columns by their place. `unit` is that of the time in ns, None when the header does not say;
    `symbol` and `side` are None where there is no such column, and so is `clock`, the time of day where
    it stands apart from the date. The last of `numbers` is the amount, unless there is none
    (`has_amount`). `of_maker`: the side is told as "the buyer's order rested"."""

    kind: Kind
    width: int
    time: int
    numbers: tuple[int, ...]
    unit: int | None = None
    symbol: int | None = None
    side: int | None = None
    clock: int | None = None
    separator: str = ","
    has_amount: bool = True
    of_maker: bool = False
    dates: int = YEAR_FIRST

    @property
    def sides(self) -> Mapping[str, Side | None]:
        """Who took, by the spellings of the side's cells."""
        return MAKERS if self.of_maker else SIDES

    def time_in(self, cells: list[str]) -> str:
        """The moment that a row of `cells` spells."""
        if self.clock is None:
            return cells[self.time]
        return joined(cells[self.time], cells[self.clock])

    def times_in(self, cells: list[str], stride: int) -> list[str]:
        """Those of many rows of `stride` cells each."""
        if self.clock is None:
            return cells[self.time :: stride]
        return list(map(joined, cells[self.time :: stride], cells[self.clock :: stride]))


Rows = Sequence[Sequence[str]]


def read_header(
    cells: Sequence[str], rows: Rows = (), columns: Mapping[str, str] | None = None
) -> Layout:
    """The layout that the `cells` of a header announce; `rows` are the first ones, where it takes them to
    tell which of several columns it is; `columns` are those that the user named. Raises ValueError when
    it announces none that is played."""
    names = [normal(cell) for cell in cells]
    chosen = places_chosen(cells, columns or {})
    rows = [row for row in rows if len(row) == len(names)]
    kind, numbers = _numbers(names, chosen, cells)
    amount = _amount(kind, names, chosen, rows, numbers)
    if amount is None and kind is Kind.TRADES and "price" not in chosen:
        raise ValueError(f"columns unknown or missing in {_line(cells)}; {EXPECTED}, {SETTLED}")
    time, clock = _times(names, chosen, rows, kind, cells)
    maker = chosen.get("buyer_maker", place_of(names, MAKER))
    side = chosen.get("side", None if "buyer_maker" in chosen else place_of(names, SIDE))
    layout = Layout(
        kind=kind,
        width=len(names),
        time=time,
        numbers=numbers if amount is None else (*numbers, amount),
        unit=unit_named(names[time]) if clock is None else None,
        symbol=chosen.get("symbol", place_of(names, SYMBOL)),
        side=maker if side is None else side,
        clock=clock,
        has_amount=amount is not None or kind is Kind.QUOTES,
        of_maker=side is None and maker is not None,
    )
    _refuse_twice(names, layout, chosen, cells)
    return layout


def _line(cells: Sequence[str]) -> str:
    return shown(",".join(cells))


def _numbers(
    names: Sequence[str], chosen: Mapping[str, int], cells: Sequence[str]
) -> tuple[Kind, tuple[int, ...]]:
    if not (time_places(names) or "time" in chosen):
        raise ValueError(f"no column of times in {_line(cells)}; {EXPECTED}, {SETTLED}")
    meant = [kind for kind, roles in NUMBERS.items() if chosen.keys() & roles.keys()]
    if meant == [Kind.TRADES] and {"open", "high", "low"} <= {*names}:
        # the price of a candle is its close: at its time, which is that of its open, nobody knew it
        meant, chosen = [Kind.CANDLES], {**chosen, "close": chosen["price"]}
    for kind in meant or NUMBERS:
        places = [chosen.get(r, place_of(names, synonyms)) for r, synonyms in NUMBERS[kind].items()]
        found = tuple(place for place in places if place is not None)
        if len(found) == len(places):
            return kind, found
    raise ValueError(f"columns unknown or missing in {_line(cells)}; {EXPECTED}, {SETTLED}")


def _amount(
    kind: Kind,
    names: Sequence[str],
    chosen: Mapping[str, int],
    rows: Rows,
    numbers: tuple[int, ...],
) -> int | None:
    """The column of coins, not that of the money paid for them."""
    if kind is Kind.QUOTES:
        return None
    role, synonyms = AMOUNTS[kind]
    if role in chosen:
        return chosen[role]
    found = [names.index(name) for name in synonyms if name in names]
    found = [place for place in found if place not in chosen.values()]
    found = [place for place in found if not _is_empty(rows, place)]
    found += _volumes_of_a_coin(names)
    price = numbers[-1]
    for place in found:
        if not any(other != place and _is_product(rows, other, price, place) for other in found):
            return place
    return found[0] if found else None


def _is_empty(rows: Rows, place: int) -> bool:
    """As the volume of a mark price is."""
    return bool(rows) and all(row[place].strip().lower() in EMPTY for row in rows)


def _volumes_of_a_coin(names: Sequence[str]) -> list[int]:
    """`Volume BTC` beside `Volume USD`: the first that no money is counted in."""
    told = {place: name[7:] for place, name in enumerate(names) if name.startswith("volume_")}
    return [place for place, coin in told.items() if coin.upper() not in COUNTED_IN and coin][:1]


def _is_product(rows: Rows, amount: int, price: int, place: int) -> bool:
    """`place` is the `amount` times the `price` in all the rows that say something."""
    told = [
        abs(a * p - value) <= SAME * value
        for row in rows
        if (value := _number(row[place])) and (a := _number(row[amount])) and (p := _number(row[price]))
        and abs(p - 1) > SAME
    ]  # fmt: skip
    return bool(told) and all(told)


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return Decimal(0)
    return value if value.is_finite() else Decimal(0)


def _refuse_twice(
    names: Sequence[str], layout: Layout, chosen: Mapping[str, int], cells: Sequence[str]
) -> None:
    """Two columns of one name: which one has the price?"""
    for place in {layout.time, *layout.numbers} - {*chosen.values()}:
        if names.count(names[place]) > 1:
            raise ValueError(
                f"two columns are called {cells[place]!a}: say which by its number, as in "
                f"--columns time={layout.time + 1},price=4"
            )


def _times(
    names: Sequence[str],
    chosen: Mapping[str, int],
    rows: Rows,
    kind: Kind,
    cells: Sequence[str],
) -> tuple[int, int | None]:
    """The column of times, and that of the time of day where it is apart. Rows that say nothing leave it
    at the first one."""
    places = [chosen["time"]] if "time" in chosen else time_places(names)
    if "clock" in chosen:
        return places[0], chosen["clock"]
    by_spelling: dict[Spelling, int] = {}
    row: Sequence[str] = ()
    for row in rows:
        spelled = {place: spelling_of(row[place].strip()) for place in reversed(places)}
        by_spelling = {spelling: i for i, spelling in spelled.items() if spelling is not None}
        if by_spelling:
            break
    if Spelling.MOMENT in by_spelling or Spelling.DAY not in by_spelling:
        return by_spelling.get(Spelling.MOMENT, places[0]), None
    day, clock = by_spelling[Spelling.DAY], by_spelling.get(Spelling.CLOCK)
    if clock is None and kind is not Kind.CANDLES:
        raise ValueError(
            f"its times are days ({shown(row[day])} in the column {cells[day]!a}): when on that day "
            f"its {kind} were cannot be told; is the time of day in another column? --columns clock=NAME"
        )
    return day, clock


__all__ = ["EXPECTED", "SETTLED", "Layout", "read_header"]
