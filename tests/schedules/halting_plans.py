"""Plans of halts: a position with its stop, and every way to halt, at any moment of a replacement.

The exchange behaves but for a refusal or a lost answer now and then, so that what is left without its
stop was left so by us. As in `plans` a plan is made of a seed, and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from tests.schedules.plans import Plan, Step, plan_of

HALTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("limit", {"action": "reduce"}),
    ("limit", {"action": "reduce"}),
    ("limit", {"action": "flatten"}),
    ("limit", {"action": "flatten"}),
    ("limit", {"action": "halt"}),
    ("limit", {"action": "pause"}),
    ("emergency", {"flatten": False}),
    ("emergency", {"flatten": True}),
    ("direct-stop", {"flatten": False}),
    ("direct-stop", {"flatten": True}),
    ("latch", {}),
    ("cancel-all", {}),
    ("terminate", {}),
)
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "error", "door": "place", "code": -2010},
    {"kind": "no-reply", "door": "place", "placed": True, "seconds": 0.0},
    {"kind": "no-reply", "door": "place", "placed": False, "seconds": 0.0},
)


def halting_plan(seed: int) -> Plan:
    random = Random(f"halting {seed}")
    base = plan_of(seed)
    symbol = base.symbols[0]
    steps = [_signal(1.0, symbol, "buy", 1.0)]
    at = 1.0
    for _ in range(random.randint(1, 3)):
        at += random.uniform(1.5, 4.0)
        action = random.choice(("buy", "buy", "close", "sell" if base.market != "spot" else "buy"))
        steps.append(_signal(at, symbol, action, random.choice((0.4, 0.7, 1.0))))
    if random.random() < 0.4:
        steps.append(Step(_near(random, at), "reply-fault", {**random.choice(FAULTS), "count": 1}))
    for _ in range(random.choice((1, 1, 2))):
        do, more = random.choice(HALTS)
        steps.append(Step(_near(random, at), do, more))
        if random.random() < 0.4:
            after = {"after": random.choice((0, 3, 10, 40)), "power": random.random() < 0.3}
            steps.append(Step(_near(random, at), "kill", after))
        at += random.uniform(2.0, 8.0)
    steps.append(Step(round(at + 15.0, 3), "move", {"symbol": symbol, "bps": 5, "size": None}))
    return replace(
        base,
        steps=tuple(sorted(steps, key=lambda step: step.at)),
        stop_loss=3.0,
        fraction=0.15,
        order_type="market",
        kills_after=(None,) * 12,
        latency=random.choice((0.0, 0.02, 0.3)),
        dead_man=random.choice((0.0, 10.0)),
        calm=True,
    )


def _near(random: Random, at: float) -> float:
    return round(at + random.choice((0.0, random.uniform(0, 0.2), random.uniform(0, 1.5))), 3)


def _signal(at: float, symbol: str, action: str, strength: float) -> Step:
    more = {"symbol": symbol, "strategy": "a", "action": action, "strength": strength}
    return Step(round(at, 3), "signal", more)


__all__ = ["halting_plan"]
