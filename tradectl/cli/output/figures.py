"""How figures are spelled for people: thousands apart, no idle zeros, never cut in the middle.

Exact numbers are in the books and in `--json`; here they are rounded to what the eye needs. What is
missing or is no number shows as `-`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from tradectl.documents.account import (
    ExternalRow,
    PortfolioTotals,
    PositionRow,
    RefusalRow,
    RestrictionRow,
)
from tradectl.documents.market import EventLag
from tradectl.documents.run import StageFigures
from tradectl.domain.money import ZERO, number
from tradectl.domain.text import harmless

NOTHING = "-"
SHORT_DIGITS = 6
OPERATOR = "operator"


def decimal(value: Any) -> Decimal | None:
    """The finite number that `value` (text, int, float, Decimal) spells, or None."""
    if value is None or isinstance(value, bool):
        return None
    try:
        return number(str(value))
    except ValueError:
        return None


def money(value: Any, *, signed: bool = False) -> str:
    """Two decimals; as many as show four digits of what is below 0.1: `1,234.50`, `0.0123`."""
    amount = decimal(value)
    if amount is None:
        return NOTHING
    places = 2 if not amount or amount.adjusted() >= -1 else min(3 - amount.adjusted(), 8)
    return _sign(amount, signed) + _trimmed(f"{abs(amount):,.{places}f}", 2)


def price(value: Any) -> str:
    """Two decimals at least, and seven digits of a small price: `60,000.00`, `0.00001234`."""
    amount = decimal(value)
    if amount is None:
        return NOTHING
    places = min(max(6 - amount.adjusted(), 2), 10) if amount else 2
    return _trimmed(f"{amount:,.{places}f}", 2)


def quantity(value: Any, *, signed: bool = False) -> str:
    """All its digits, without idle zeros: `0.01`, `12,500`."""
    amount = decimal(value)
    if amount is None:
        return NOTHING
    return _sign(amount, signed) + _trimmed(f"{abs(amount):,f}", 0)


def short_quantity(value: Any) -> str:
    """A quantity in six digits or so, for narrow columns."""
    amount = decimal(value)
    if amount is None or not amount:
        return quantity(amount)
    places = max(SHORT_DIGITS - 1 - amount.adjusted(), 0)
    return _trimmed(f"{amount:,.{min(places, 10)}f}", 0)


def percent(value: Any, *, signed: bool = False) -> str:
    """`value` is in percent already: `0.40%`."""
    amount = decimal(value)
    return NOTHING if amount is None else _sign(amount, signed) + f"{abs(amount):,.2f}%"


def count(value: Any) -> str:
    amount = decimal(value)
    return NOTHING if amount is None else f"{amount:,.0f}"


def counted(value: Any, what: str) -> str:
    """`1 order`, `2,345 orders`."""
    return f"{count(value)} {what}" if decimal(value) == 1 else f"{count(value)} {what}s"


def size(value: int) -> str:
    """Bytes."""
    amount, units = float(value), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    for larger in units:
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def rate(value: Any) -> str:
    """So many per second: `1,234/s`."""
    return NOTHING if decimal(value) is None else f"{rough(value)}/s"


def rough(value: Any) -> str:
    """One decimal while it is small, none later: `0.4`, `3.2`, `62`."""
    amount = decimal(value)
    if amount is None:
        return NOTHING
    text = _trimmed(f"{amount:,.{1 if abs(amount) < 10 else 0}f}", 0)
    return "0" if text == "-0" else text


def micros(value: Any) -> str:
    """A latency given in microseconds: `85 us`, `1.2 ms`, `3.4 s`."""
    amount = seconds(value)
    if amount is None:
        return NOTHING
    if amount < 1_000:
        return f"{amount:.0f} us"
    return f"{amount / 1_000:.1f} ms" if amount < 1_000_000 else f"{amount / 1_000_000:.1f} s"


def by_stage(stages: Mapping[str, StageFigures]) -> list[tuple[str, str]]:
    """Each with what it takes of a step, the longest first: `strategy`, `41% 3 us, p99 9 us`."""
    found = sorted(stages.items(), key=lambda named: -named[1].share_pct)
    return [
        (harmless(name, 24), f"{rough(s.share_pct)}% {micros(s.p50_us)}, p99 {micros(s.p99_us)}")
        for name, s in found
    ]


def lag(found: EventLag) -> str:
    """How late data comes: `34 ms, p99 80 ms`."""
    return f"{micros(1_000 * max(0.0, found.p50_ms))}, p99 {micros(1_000 * max(0.0, found.p99_ms))}"


def seconds(value: Any) -> float | None:
    """`value` as a float that is finite and not negative, or None."""
    amount = decimal(value)
    return None if amount is None or amount < 0 else float(amount)


def duration(value: Any) -> str:
    """`42s`, `12m 34s`, `1h 2m`, `2d 3h`, of seconds: a time of day looks otherwise."""
    amount = seconds(value)
    if amount is None:
        return NOTHING
    left, units = math.floor(amount), ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
    largest = next((n for n, (size, _) in enumerate(units) if left >= size), len(units) - 1)
    found: list[str] = []
    for size, unit in units[largest : largest + 2]:
        many, left = divmod(left, size)
        found.append(f"{many}{unit}" if many or not found else "")
    return " ".join(filter(None, found))


def took(value: Any) -> str:
    """A duration that may be short: `0.8 s`, `12.3 s`, `2m 5s`."""
    amount = seconds(value)
    return duration(value) if amount is None or amount >= 60 else f"{amount:.1f} s"


def age(value: Any) -> str:
    """How long ago, in one unit: `0.2s`, `14s`, `3m`, `5h`, `2d`."""
    amount = seconds(value)
    if amount is None:
        return NOTHING
    if amount < 10:
        return f"{amount:.1f}s"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if amount >= size:
            return f"{amount // size:.0f}{unit}"
    return f"{amount:.0f}s"


def clock(time: Any) -> str:
    """The time of day of an ISO 8601 time: `20:01:02`."""
    return str(time)[11:19] if _is_iso(time) else NOTHING


def moment(time: Any) -> str:
    """Day and time of an ISO 8601 time: `2024-08-08 23:54:15`."""
    return f"{time[:10]} {time[11:19]}" if _is_iso(time) else NOTHING


def net(portfolio: PortfolioTotals | None) -> Decimal | None:
    """Realised and unrealised profit after fees, with what exchanges paid and took by themselves; None
    where none of them is known."""
    if portfolio is None:
        return None
    gains = (
        portfolio.realized_pnl, portfolio.unrealized_pnl, portfolio.funding, portfolio.insurance,
        portfolio.interest, portfolio.rebates,
    )  # fmt: skip
    parts, fees = [decimal(amount) for amount in gains], decimal(portfolio.fees)
    if fees is None and all(part is None for part in parts[:2]):
        return None
    return sum((part or ZERO for part in parts), ZERO) - (fees or ZERO)


def is_something(amount: str | None) -> bool:
    """Neither nothing nor unknown."""
    return bool(decimal(amount))


def mode_words(mode: str, source: str) -> str:
    """What is traded where: `PAPER · SIMULATED`, `PAPER · EXCHANGE DATA`, `LIVE`."""
    mode = harmless(mode or "", 16).upper()
    source = harmless(source or "", 16).upper()
    if mode == "LIVE":
        return mode
    return " · ".join(
        word for word in (mode, "EXCHANGE DATA" if source == "EXCHANGE" else source) if word
    )


def side_held(row: PositionRow) -> str:
    """`long`, `short` or `flat`; `dust` of what counts as closed."""
    return "dust" if row.dust else row.side


def restrictions(rows: Iterable[RestrictionRow]) -> list[str]:
    """Each reason for which trading is restricted, once, with its symbols."""
    symbols: dict[str, list[str]] = {}
    for row in rows:
        symbols.setdefault(harmless(row.message or row.kind), []).append(harmless(row.symbol, 24))
    return [f"{', '.join(names)} restricted: {why}" for why, names in symbols.items()]


def cause(name: str) -> str:
    """Of what holds entries back: a command's pause may be anybody's, the run's own, too."""
    return "pause command" if name == OPERATOR else name


def external(rows: Iterable[ExternalRow], currency: str | None) -> str:
    """What is not ours; `currency` names the money. Empty where nothing is."""
    held = [f"{harmless(row.symbol or currency or 'money', 24)} {row.quantity}" for row in rows]
    return f"not ours, never traded: {', '.join(held)}" if held else ""


def refusals(rows: Iterable[RefusalRow]) -> list[str]:
    """What exchanges would not take, and when it is tried again."""
    return [f"{harmless(row.symbol, 24)}: {row.kind} {_refused(row)}" for row in rows]


def _refused(row: RefusalRow) -> str:
    times = counted(row.count, "time")
    if row.next_try is None:
        return f"cancelled by hand {times}: held until its target changes"
    why = harmless(row.reason or row.cause)
    return f"refused {times}, the next try at {moment(row.next_try)} UTC: {why}"


def _is_iso(time: Any) -> bool:
    return isinstance(time, str) and len(time) >= 19 and time[10] == "T" and time[:19].isascii()


def _sign(amount: Decimal, signed: bool) -> str:
    if amount < 0:
        return "-"
    return "+" if signed and amount > 0 else ""


def _trimmed(digits: str, least: int) -> str:
    """`digits` without trailing zeros behind the point, but for `least` of them."""
    whole, point, decimals = digits.partition(".")
    decimals = decimals.rstrip("0").ljust(least, "0") if point else ""
    return f"{whole}.{decimals}" if decimals else whole
