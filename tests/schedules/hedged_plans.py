"""Plans in which the account is set to hedge mode and back at any moment: with a position and its stop,
an order on its way, a kill, a halt, a stop without a process, and somebody who trades the other side.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from tests.schedules.plans import Plan, Step, plan_of

MEANWHILE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("kill", {"after": 0, "power": False}),
    ("kill", {"after": 12, "power": True}),
    ("limit", {"action": "flatten"}),
    ("limit", {"action": "reduce"}),
    ("emergency", {"flatten": True}),
    ("direct-stop", {"flatten": True}),
    ("reply-fault", {"kind": "no-reply", "door": "place", "count": 1, "seconds": 0.0}),
    ("reply-fault", {"kind": "late", "door": "place", "count": 1, "seconds": 1.5}),
    ("reply-fault", {"kind": "error", "door": "anything", "code": -1007, "count": 1}),
    ("streams-cut", {}),
    ("line-down", {"seconds": 4.0}),
    ("terminate", {}),
    ("pause", {}),
)


def hedged_plan(seed: int) -> Plan:
    """Of perpetuals."""
    random, base = Random(f"hedged {seed}"), plan_of(seed)
    symbol, at, steps = base.symbols[0], 1.0, list[Step]()
    for _ in range(random.randint(1, 2)):
        for _ in range(random.randint(1, 3)):
            steps.append(_signal(at, symbol, random.choice(("buy", "sell"))))
            at += random.choice((0.05, 0.5, 2.0, 4.0, 4.0))
        steps.append(
            Step(round(at, 3), "hedge-mode", {"on": True, "cancels": random.random() < 0.5})
        )
        until = at + random.uniform(3.0, 25.0)
        for _ in range(random.randint(1, 4)):
            steps.append(_meanwhile(random, symbol, random.uniform(at - 0.5, until)))
        at = until
        steps.append(
            Step(round(at, 3), "hedge-mode", {"on": False, "cancels": random.random() < 0.5})
        )
        at += random.uniform(1.0, 6.0)
    steps.append(Step(round(at + 15.0, 3), "move", {"symbol": symbol, "bps": 5, "size": None}))
    return replace(
        base,
        market="futures",
        steps=tuple(sorted(steps, key=lambda step: step.at)),
        stop_loss=3.0,
        fraction=0.15,
        order_type=random.choice(("market", "limit")),
        kills_after=(None,) * 12,
        restart_after=(3.0,) * 12,
        latency=random.choice((0.0, 0.02, 0.3)),
        dead_man=random.choice((0.0, 10.0)),
        reconcile=random.choice((1.0, 3.0)),
        calm=True,
    )


def _meanwhile(random: Random, symbol: str, at: float) -> Step:
    if random.random() < 0.4:
        return _signal(at, symbol, random.choice(("buy", "sell", "close")))
    if random.random() < 0.4:
        return Step(round(at, 3), "other-side", {"symbol": symbol, "notional": 300})
    do, more = random.choice(MEANWHILE)
    return Step(round(at, 3), do, dict(more))


def _signal(at: float, symbol: str, action: str) -> Step:
    more: dict[str, Any] = {"symbol": symbol, "strategy": "a", "action": action, "strength": 1.0}
    return Step(round(at, 3), "signal", more)


__all__ = ["hedged_plan"]
