"""What the exchange does to a futures account by itself, as steps of a plan: it settles funding, pays and
charges, transfers, deleverages and liquidates; its rows come late, twice, unannounced.

They are drawn apart from the other steps, so that seeds keep their meaning.
"""

from __future__ import annotations

from random import Random
from typing import Any

PAYS = ("INSURANCE_CLEAR", "COMMISSION_REBATE", "REFERRAL_KICKBACK", "POSITION_LIMIT_INCREASE_FEE")
CLOSES = ("deleverage", "liquidate")
NOT_WITH_CLOSES = ("external-trade", "external-order", "skew")
"""Whose the position is that is closed, or when, could not be told."""
Drawn = tuple[float, str, dict[str, Any]]


def acts_of(
    seed: int, symbols: tuple[str, ...], done: set[str], begin: float, end: float
) -> list[Drawn]:
    """Of some plans; `done` are the kinds of steps that the plan has anyway."""
    random = Random(f"exchange acts {seed}")
    if random.random() < 0.4:
        return []
    kinds = ["funding", "funding", "income", "income-transfer"]
    if not done & {*NOT_WITH_CLOSES}:
        kinds += random.choice(([], ["deleverage"], ["deleverage", "liquidate"]))
    drawn = []
    for _ in range(random.randint(1, 6)):
        kind = random.choice(kinds)
        at = round(random.uniform(begin, end), 3)
        drawn.append((at, kind, _drawn(random, kind, symbols)))
    return drawn


def _drawn(random: Random, kind: str, symbols: tuple[str, ...]) -> dict[str, Any]:
    symbol = random.choice(symbols)
    if kind == "deleverage":
        return {"symbol": symbol, "fraction": random.choice(("0.3", "0.5", "1", "1"))}
    if kind == "liquidate":
        return {"symbol": symbol, **_told(random)}
    if kind == "funding":
        rate = random.choice(("-0.0005", "0.0001", "0.003", "0.02"))
        return {"symbol": symbol, "rate": rate, **_told(random)}
    if kind == "income-transfer":
        return {"amount": random.choice((-3_000, 700)), **_told(random)}
    return {
        "kind": random.choice(PAYS),
        "amount": random.choice(("-12.34567891", "0.00000001", "250")),
        "symbol": random.choice(("", symbol, "SOLUSDT")),
        **_told(random),
    }


def _told(random: Random) -> dict[str, Any]:
    """When, how often and how the exchange tells of it."""
    return {
        "late": random.choice((0.0, 0.0, 0.0, 2.0, 30.0)),
        "shown": random.choice((1, 1, 1, 2)),
        "told": random.random() < 0.7,
    }


__all__ = ["CLOSES", "acts_of"]
