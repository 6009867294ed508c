"""What others do on the account, in a plan: the owner puts coins in and takes them out, buys and sells by
hand, a second tradectl trades. Drawn apart from the other steps, so that seeds keep their meaning.

What they own is nobody's but theirs: the checker sees that no order of ours offers it.
"""

from __future__ import annotations

from random import Random
from typing import Any

Drawn = tuple[float, str, dict[str, Any]]


def others_of(
    seed: int, market: str, symbols: tuple[str, ...], begin: float, end: float
) -> list[Drawn]:
    """Of one plan in three."""
    random = Random(f"others {seed}")
    if random.random() < 0.67:
        return []
    drawn = []
    for _ in range(random.randint(1, 4)):
        kind = random.choice(("deposit", "second-bot", "second-bot", "by-hand", "withdraw"))
        if market != "spot" and kind in ("deposit", "withdraw"):
            kind = "second-bot"
        at = round(random.uniform(begin, end), 3)
        drawn.append((at, kind, _drawn(random, kind, symbols)))
    return drawn


def _drawn(random: Random, kind: str, symbols: tuple[str, ...]) -> dict[str, Any]:
    symbol = random.choice(symbols)
    if kind in ("deposit", "withdraw"):
        return {"symbol": symbol, "notional": random.choice((300, 3_000, 60_000))}
    more: dict[str, Any] = {"symbol": symbol, "side": random.choice(("BUY", "SELL"))}
    if kind == "second-bot":
        more["offset_bps"] = random.choice((None, None, -150))
        more["number"] = random.randint(1, 10**6)
    return more


__all__ = ["others_of"]
