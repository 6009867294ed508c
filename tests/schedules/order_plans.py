"""What exchanges do to orders, in a plan: refusals by code, rules that change, thin books, orders that
would trade with ourselves. Drawn apart from the rest, so that seeds keep their meaning.

Steps grow only so far that what cannot be sold by them stays dust for whoever checks.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

Draw = Callable[[Random, str, tuple[str, ...]], dict[str, Any]]

REFUSALS = {
    "spot": (
        (-1013, "Market is closed."),
        (-1013, "Filter failure: LOT_SIZE"),
        (-2010, "Account has insufficient balance for requested action."),
    ),
    "futures": (
        (-2019, "Margin is insufficient."),
        (-2022, "ReduceOnly Order is rejected."),
        (-4061, "Order's position side does not match user's setting."),
        (-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit."),
    ),
}
RULES: dict[tuple[str, str], tuple[dict[str, str], ...]] = {
    ("spot", "BTCUSDT"): ({"lot": "0.001"}, {"tick": "1"}, {"min_notional": "100"}),
    ("spot", "ETHUSDT"): ({"lot": "0.01"}, {"tick": "0.1"}, {"min_notional": "100"}),
    ("futures", "BTCUSDT"): ({"tick": "1"}, {"tick": "10"}),
    ("futures", "ETHUSDT"): ({"lot": "0.01"}, {"tick": "0.1"}, {"min_notional": "100"}),
}


def _refusal(random: Random, market: str, _: tuple[str, ...]) -> dict[str, Any]:
    code, text = random.choice(REFUSALS[market])
    return {
        "code": code,
        "text": text,
        "count": random.choice((1, 1, 2, 5)),
        "at_market": random.random() < 0.5,
    }


def _rules(random: Random, market: str, symbols: tuple[str, ...]) -> dict[str, Any]:
    symbol = random.choice(symbols)
    return {"symbol": symbol, **random.choice(RULES[market, symbol])}


def _of_symbol(random: Random, _: str, symbols: tuple[str, ...]) -> dict[str, Any]:
    return {"symbol": random.choice(symbols), "seconds": random.choice((0.5, 3.0, 8.0))}


KINDS: dict[str, Draw] = {
    "refusal": _refusal,
    "rules-change": _rules,
    "thin-book": _of_symbol,
    "own-order": _of_symbol,
}


def drawn(
    seed: int, market: str, begin: float, end: float, symbols: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    """When, what and how; in half of the plans there is nothing of it."""
    random = Random(f"orders {seed}")
    chosen = []
    for _ in range(random.choice((0, 0, 1, 3, 6))):
        name = random.choice(tuple(KINDS))
        at = round(random.uniform(begin, end), 3)
        chosen.append((at, name, KINDS[name](random, market, symbols)))
    return chosen


__all__ = ["KINDS", "drawn"]
