"""Files without a header: what their columns are is told from the rows, or not at all.

A shape names the columns in their order. It fits when every row looked at is one that the market could
have made: a price stands between the low and the high, what was paid is price times quantity, a candle
closes after it opened. Exactly one shape has to fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from tradectl.feeds.csv.layout import EMPTY, EXPECTED, Layout
from tradectl.feeds.csv.names import AMOUNTS, NUMBERS, Kind, places_chosen
from tradectl.feeds.csv.times import Spelling, joined, spelling_of, to_ns, unit_of
from tradectl.feeds.quality import shown

SHAPES = (
    "time open high low close volume",                                  # ccxt, freqtrade
    "time open close high low volume",                                  # jesse, Bitfinex
    "time low high open close volume",                                  # Coinbase
    "time volume close high low open",                                  # Gate
    "time open high low close volume count",                            # Kraken OHLCVT, Bybit
    "time open close high low volume count",                            # KuCoin, HTX
    "time open high low close volume count count count",                # OKX
    "time open high low close vwap volume count",                       # Kraken's API
    "time open high low close volume closed paid count paid paid -",    # Binance Vision klines
    "day clock open high low close volume",                             # MetaTrader 4
    "time price qty",                                                   # Kraken trades, bitcoincharts
    "id price qty paid time maker",                                     # Binance Vision trades
    "id price qty paid time maker -",
    "id price qty id id time maker",                                    # Binance Vision aggTrades
    "id price qty id id time maker -",
    "time id - side price qty paid",                                    # freqtrade trades
)  # fmt: skip
MOST = 0.9
"""The share of the rows looked at that has to fit: a few may be torn."""
NEAR = Decimal("0.02")
JUMPS = Decimal("0.05")
"""From one quantity to the next, as a share: no price does so all the time."""
_FLAGS = {"true", "false", "0", "1"}
_SIDES = {"buy", "sell", "b", "s"}


def is_row(cells: Sequence[str]) -> bool:
    """These cells are no header: half of them are numbers or times."""
    told = [cell.strip() for cell in cells if not _is_empty(cell)]
    return bool(told) and 2 * sum(map(_is_value, told)) >= len(told)


def layout_of_rows(
    rows: Sequence[Sequence[str]], latest: int, columns: Mapping[str, str] | None = None
) -> Layout:
    """The layout of a file that begins with `rows`; `latest` is the last moment that can be, ns;
    `columns` were said by their numbers. Raises ValueError for what cannot be told."""
    rows = [[cell.strip() for cell in row] for row in rows]
    width = len(rows[0])
    if columns:
        return _layout_said(places_chosen(["" for _ in rows[0]], columns), width)
    # what has hardly a cell, as a candle of a time without a trade, tells nothing
    told = [row for row in rows if 2 * sum(map(_is_empty, row)) < len(row)]
    fitting = [shape.split() for shape in SHAPES if _fits(shape.split(), told, latest)]
    layouts = [_layout(roles) for roles in fitting]
    if layouts and all(_reads_the_same(layouts[0], other, told) for other in layouts[1:]):
        return layouts[0]
    why = "more than one reading fits them" if layouts else "they are of no known shape"
    raise ValueError(
        f"its first line is a row, {shown(','.join(rows[0]))}, and no header says what its {width} "
        f"columns are ({why}): say it, as in --columns time=1,price=2,qty=3, or add one; {EXPECTED}"
    )


def _is_empty(cell: str) -> bool:
    return cell.strip().lower() in EMPTY


def _reads_the_same(one: Layout, other: Layout, rows: Sequence[Sequence[str]]) -> bool:
    """As it is where open, high, low and close are all one price."""
    places = list(zip(one.numbers, other.numbers, strict=True))
    return all(row[a] == row[b] for row in rows if len(row) == one.width for a, b in places)


def _layout(roles: Sequence[str]) -> Layout:
    kind = Kind.CANDLES if "open" in roles else Kind.TRADES
    names = [*NUMBERS[kind], AMOUNTS[kind][0]]
    side = next((roles.index(role) for role in ("maker", "side") if role in roles), None)
    return Layout(
        kind=kind,
        width=len(roles),
        time=roles.index("day" if "day" in roles else "time"),
        numbers=tuple(roles.index(name) for name in names),
        side=side,
        clock=roles.index("clock") if "clock" in roles else None,
        of_maker="maker" in roles,
    )


def _layout_said(places: Mapping[str, int], width: int) -> Layout:
    meant = [kind for kind, roles in NUMBERS.items() if places.keys() >= roles.keys()]
    if not meant or "time" not in places:
        raise ValueError(f"--columns has to name time and price, or all of a row; {EXPECTED}")
    kind = meant[0]
    amount = places.get(AMOUNTS[kind][0]) if kind in AMOUNTS else None
    numbers = tuple(places[role] for role in NUMBERS[kind])
    return Layout(
        kind=kind,
        width=width,
        time=places["time"],
        numbers=numbers if amount is None else (*numbers, amount),
        symbol=places.get("symbol"),
        side=places.get("side", places.get("buyer_maker")),
        clock=places.get("clock"),
        has_amount=amount is not None or kind is Kind.QUOTES,
        of_maker="side" not in places and "buyer_maker" in places,
    )


def _fits(roles: Sequence[str], rows: Sequence[Sequence[str]], latest: int) -> bool:
    rows = [row for row in rows if len(row) == len(roles)]
    fitting = sum(_row_fits(roles, row, latest) for row in rows)
    if not rows or fitting < MOST * len(rows):
        return False
    return roles != ["time", "price", "qty"] or _price_is_steadier(rows)


def _row_fits(roles: Sequence[str], row: Sequence[str], latest: int) -> bool:
    told = dict(zip(roles, row, strict=True))
    try:
        return (
            _time_fits(told, latest)
            and all(cell.isdecimal() for role, cell in zip(roles, row, strict=True) if role == "id")
            and all(Decimal(cell) >= 0 for role, cell in told.items() if role in ("count", "vwap"))
            and told.get("maker", "true").lower() in _FLAGS
            and told.get("side", "buy").lower() in _SIDES
            and (_candle_fits(told) if "open" in told else _trade_fits(told))
        )
    except (ValueError, InvalidOperation):
        return False


def _time_fits(told: Mapping[str, str], latest: int) -> bool:
    if "day" in told:
        if spelling_of(told["day"]) is not Spelling.DAY or ":" not in told["clock"]:
            return False
        unit_of(joined(told["day"], told["clock"]), latest)
        return True
    opened = to_ns(told["time"], unit_of(told["time"], latest))
    if "closed" not in told:
        return spelling_of(told["time"]) is Spelling.MOMENT or "open" in told
    return opened < to_ns(told["closed"], unit_of(told["closed"], latest))


def _candle_fits(told: Mapping[str, str]) -> bool:
    first, high, low, close, volume = (
        Decimal(told[role]) for role in ("open", "high", "low", "close", "volume")
    )
    return 0 < low <= min(first, close) and max(first, close) <= high and volume >= 0


def _trade_fits(told: Mapping[str, str]) -> bool:
    price, quantity = Decimal(told["price"]), Decimal(told["qty"])
    if not (price > 0 and quantity >= 0):
        return False
    if "paid" not in told:
        return True
    paid = Decimal(told["paid"])
    return abs(price * quantity - paid) <= NEAR * max(paid, Decimal(1))


def _price_is_steadier(rows: Sequence[Sequence[str]]) -> bool:
    """From row to row a price changes less than a quantity; where the price, or nothing, never changes,
    the quantity has to jump, or it might be the price."""
    price, quantity = (
        _restlessness([Decimal(row[i]) for row in rows if _is_number(row[i])]) for i in (1, 2)
    )
    if not price:
        return quantity > JUMPS
    return not quantity or price <= quantity


def _restlessness(values: Sequence[Decimal]) -> Decimal:
    """The mean of the changes from one value to the next, as shares of the larger one."""
    steps = ((abs(a - b), max(a, b)) for a, b in pairwise(values))
    shares = [step / largest for step, largest in steps if largest > 0]
    return sum(shares, Decimal(0)) / max(len(shares), 1)


def _is_value(text: str) -> bool:
    return _is_number(text) or spelling_of(text) is not None


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


__all__ = ["is_row", "layout_of_rows"]
