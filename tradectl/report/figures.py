"""How the page spells figures: thousands apart, a true minus sign, no more digits than an eye needs."""

from __future__ import annotations

from decimal import Decimal

MINUS, MISSING = "\N{MINUS SIGN}", "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


def money(value: str | float | Decimal, *, signed: bool = False) -> str:
    """Two decimals, four digits of what is small: `1,234.50`, `0.0123`."""
    amount = Decimal(str(value))
    places = 2 if not amount or amount.adjusted() >= -1 else min(3 - amount.adjusted(), 8)
    return _signed(amount, f"{abs(amount):,.{places}f}", signed)


def price(value: str | float) -> str:
    """Six digits or so: `60,000.00`, `0.00001234`."""
    amount = Decimal(str(value))
    places = min(max(5 - amount.adjusted(), 2), 10) if amount else 2
    whole, _, decimals = f"{amount:,.{places}f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def quantity(value: str) -> str:
    """Six digits or so, without idle zeros."""
    amount = Decimal(value)
    if not amount:
        return "0"
    text = f"{amount:,.{min(max(5 - amount.adjusted(), 0), 10)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: float | None, *, signed: bool = False, places: int = 2) -> str:
    """`value` is in percent."""
    if value is None:
        return MISSING
    amount = Decimal(f"{value:.{places}f}")
    return _signed(amount, f"{abs(amount):,.{places}f}", signed) + "%"


def ratio(value: float | None, places: int = 2) -> str:
    if value is None:
        return MISSING
    amount = Decimal(f"{value:.{places}f}")
    return _signed(amount, f"{abs(amount):,.{places}f}", False)


def count(value: int) -> str:
    return f"{value:,}"


def trips(many: int) -> str:
    """`1 round trip`, `2,345 round trips`."""
    return f"{many:,} round trip{'' if many == 1 else 's'}"


def moment(time: str | None) -> str:
    """`2021-05-19 13:04` of an ISO 8601 time."""
    return f"{time[:10]} {time[11:16]}" if time else MISSING


def duration(seconds: float | None) -> str:
    """In its two largest units: `3d 4h`, `12m 5s`."""
    if seconds is None:
        return MISSING
    left, found = round(seconds), list[str]()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        many, left = divmod(left, size)
        if many or found:
            found.append(f"{many}{unit}" if many else "")
        if len(found) == 2:
            break
    return " ".join(part for part in found if part) or "0s"


def _signed(amount: Decimal, digits: str, signed: bool) -> str:
    if amount < 0:
        return MINUS + digits
    return f"+{digits}" if signed and amount > 0 else digits


__all__ = [
    "MISSING",
    "count",
    "duration",
    "moment",
    "money",
    "percent",
    "price",
    "quantity",
    "ratio",
    "trips",
]
