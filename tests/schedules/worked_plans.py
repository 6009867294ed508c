"""Plans whose orders are worked by children, and those in which an operator orders by hand: what a seed
means, and that beside it.

They are drawn apart from the rest, so that seeds keep their meaning.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from tests.schedules.halting_plans import halting_plan
from tests.schedules.how_it_is_worked import ALGORITHMS, worked_by
from tests.schedules.plans import Plan, Step, plan_of
from tradectl.execution.execution_settings import ExecutionSettings


def worked_plan(seed: int) -> Plan:
    """Of the steps that the seed means, or of halts."""
    random = Random(f"worked {seed}")
    plan = plan_of(seed) if random.random() < 0.6 else halting_plan(seed)
    return replace(plan, algorithm=random.choice(tuple(ALGORITHMS)))


def by_hand_plan(seed: int) -> Plan:
    """The same, and orders, closes and cancels by hand."""
    random = Random(f"by hand {seed}")
    plan = plan_of(seed) if random.random() < 0.7 else halting_plan(seed)
    first, last = plan.steps[0].at, plan.steps[-1].at
    steps = [
        _by_hand(random, round(random.uniform(first, last), 3), plan.symbols)
        for _ in range(random.randint(2, 8))
    ]
    return replace(plan, steps=tuple(sorted([*plan.steps, *steps], key=lambda step: step.at)))


def _by_hand(random: Random, at: float, symbols: tuple[str, ...]) -> Step:
    do = random.choice(("hand-order", "hand-order", "hand-close", "hand-cancel"))
    if do == "hand-cancel":
        return Step(at, do, {"number": random.randint(0, 9)})
    if do == "hand-close":
        return Step(at, do, {"symbol": random.choice(symbols)})
    more = {
        "symbol": random.choice(symbols),
        "side": random.choice(("buy", "buy", "sell")),
        "notional": random.choice((300, 2_000, 9_000)),
        "offset_bps": random.choice((None, None, 3, -3)),
        "algorithm": random.choice(("", "", *ALGORITHMS)),
    }
    return Step(at, do, more)


def execution_of(plan: Plan) -> ExecutionSettings:
    """A few seconds long, so that most of what happens to the plan happens in the middle."""
    random = Random(f"how it is worked {plan.seed}")
    return worked_by(
        plan.algorithm,
        random.choice(("0.5", "1", "2")),
        random.choice((3, 4, 7)),
        rest=random.choice(("sent", "left")),
        exits=random.random() < 0.5,
    )


__all__ = ["by_hand_plan", "execution_of", "worked_plan"]
