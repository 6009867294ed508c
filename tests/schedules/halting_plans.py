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


LASTING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("disk-full", {}),
    ("disk-full", {}),
    ("freeze", {"seconds": 25.0}),
    ("emergency", {"flatten": False, "everything": True}),
)
"""What goes on for long, or for good."""
LEFT_ALONE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("buy", {}),
    ("buy", {}),
    ("close", {}),
    ("freeze", {"seconds": 25.0}),
    ("kill", {"after": 0, "power": False}),
    ("terminate", {}),
    ("emergency", {"flatten": False, "everything": True}),
)
"""What may happen while the dead-man switch runs, or should not."""
LEAVES_A_POSITION = ("latch", "disk-full")


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


def beset_plan(seed: int) -> Plan:
    """A plan of halts, and beside them resting entries, orders of others, a full disk, a hang for
    longer than the dead-man switch waits, kills on the way out, strategies that want to be out while they
    may only reduce."""
    plan, random = halting_plan(seed), Random(f"beset {seed}")
    symbol, steps = plan.symbols[0], [*plan.steps]
    halts = [step for step in steps if step.do in {do for do, _ in HALTS}]
    if random.random() < 0.5:
        steps.append(
            Step(round(random.uniform(1.2, halts[0].at), 3), "external-order", {"symbol": symbol})
        )
    if random.random() < 0.6:
        do, more = random.choice(LASTING)
        steps.append(Step(_near(random, random.choice(steps[1:-1]).at), do, more))
    for halt in halts:
        if halt.more.get("action") in ("reduce", "pause") and random.random() < 0.7:
            steps.append(_signal(halt.at + random.uniform(0.5, 2.0), symbol, "close", 1.0))
        if halt.do == "limit" and random.random() < 0.4:
            kill = {"after": random.choice((0, 10)), "power": False}
            steps.append(Step(_near(random, halt.at + 0.3), "kill", kill))
    if random.random() < 0.5:
        steps.append(Step(round(random.uniform(1.2, halts[-1].at), 3), "order", _entry(symbol)))
    steps.sort(key=lambda step: step.at)
    last = replace(steps[-1], at=steps[-1].at + 15.0)
    return replace(plan, steps=(*steps, last), ends_flat=_ends_flat(steps))


def left_alone_plan(seed: int) -> Plan:
    """With a dead-man switch, that runs where nothing rests: a process that hangs, dies or ends while it
    does, as a stop is placed, or beside an order of somebody else."""
    random, base = Random(f"left alone {seed}"), plan_of(seed)
    symbol, at, steps = base.symbols[0], 3.0, list[Step]()
    if random.random() < 0.5:
        steps.append(Step(1.0, "external-order", {"symbol": symbol}))
    for _ in range(random.randint(4, 7)):
        do, more = random.choice(LEFT_ALONE)
        is_signal = do in ("buy", "close")
        steps.append(_signal(at, symbol, do, 1.0) if is_signal else Step(round(at, 3), do, more))
        at += random.choice((0.1, 0.5, 3.0, 12.0))
    steps.append(Step(round(at + 40.0, 3), "move", {"symbol": symbol, "bps": 5, "size": None}))
    return replace(
        base,
        market="futures",
        steps=tuple(steps),
        stop_loss=3.0,
        fraction=0.15,
        order_type="market",
        kills_after=(None,) * 12,
        restart_after=tuple(random.choice((0.0, 0.5, 3.0, 15.0)) for _ in range(12)),
        latency=random.choice((0.0, 0.02, 0.3)),
        dead_man=10.0,
        calm=True,
    )


def _entry(symbol: str) -> dict[str, Any]:
    """One that rests, below the market."""
    more = {"symbol": symbol, "side": "buy", "notional": 2_000, "kind": "limit"}
    return {**more, "offset_bps": 20, "reduce_only": False}


def _ends_flat(steps: list[Step]) -> bool:
    return not any(
        step.do in LEAVES_A_POSITION
        or step.more.get("flatten") is False
        or step.more.get("action") == "halt"
        for step in steps
    )


def _near(random: Random, at: float) -> float:
    return round(at + random.choice((0.0, random.uniform(0, 0.2), random.uniform(0, 1.5))), 3)


def _signal(at: float, symbol: str, action: str, strength: float) -> Step:
    more = {"symbol": symbol, "strategy": "a", "action": action, "strength": strength}
    return Step(round(at, 3), "signal", more)


__all__ = ["beset_plan", "halting_plan", "left_alone_plan"]
