"""A symbol's prices from day to day, as the account keeps them: the price at the end of each day (UTC).

Kept is a text, `day=price` with blanks between, the day as its number since 1970. What a limit decides by
is worked out in decimals, which are alike on every machine; statistics that only people look at are
floats.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.money import ONE, ZERO, plain

DAYS_IN_YEAR = Decimal(365)
"""Crypto has no weekend."""


def with_close(closes: str, day: int, price: Decimal, most: int) -> str:
    """With one more day; a day that is there already, or one before it, changes nothing. The oldest go
    where there are more than `most`."""
    newest = closes.rpartition(" ")[2].partition("=")[0]
    if newest and day <= int(newest):
        return closes
    added = f"{closes} {day}={plain(price)}".lstrip()
    over = added.count(" ") + 1 - most
    return added.split(" ", over)[-1] if over > 0 else added


def closes_before(closes: str, day: int) -> str:
    """Those of earlier days."""
    kept = (each for each in closes.split(" ") if each and int(each.partition("=")[0]) < day)
    return " ".join(kept)


def read_closes(closes: str) -> dict[int, Decimal]:
    """Price by day, oldest first."""
    pairs = (each.partition("=") for each in closes.split(" ") if each)
    return {int(day): Decimal(price) for day, _, price in pairs}


def daily_returns(closes: str) -> dict[int, Decimal]:
    """By day: price / that of the day before - 1. A day whose day before is missing has none."""
    prices = read_closes(closes)
    return {
        day: price / prices[day - 1] - ONE for day, price in prices.items() if prices.get(day - 1)
    }


def daily_volatility(closes: str, days: int) -> Decimal | None:
    """The standard deviation (n - 1) of the newest `days` returns; None where there are fewer. In
    decimals: sizes are decided by it."""
    returns = list(daily_returns(closes).values())[-days:]
    if len(returns) < max(days, 2):
        return None
    mean = sum(returns, ZERO) / len(returns)
    return (sum(((r - mean) ** 2 for r in returns), ZERO) / (len(returns) - 1)).sqrt()


__all__ = [
    "DAYS_IN_YEAR",
    "closes_before",
    "daily_returns",
    "daily_volatility",
    "read_closes",
    "with_close",
]
