"""Plans whose orders are worked by children: what a seed means, and an algorithm beside it.

They are drawn apart from the rest, so that seeds keep their meaning.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from tests.schedules.halting_plans import halting_plan
from tests.schedules.plans import Plan, plan_of
from tradectl.execution.execution_settings import ExecutionSettings

ALGORITHMS: dict[str, dict[str, Any]] = {
    "twap": {},
    "vwap": {"volume_profile": tuple(Decimal(1 + hour % 3) for hour in range(24))},
    "arrival": {},
    "pov": {"participation": Decimal("0.5")},
    "iceberg": {"visible_share": Decimal("0.3")},
    "peg": {},
}


def worked_plan(seed: int) -> Plan:
    """Of the steps that the seed means, or of halts."""
    random = Random(f"worked {seed}")
    plan = plan_of(seed) if random.random() < 0.6 else halting_plan(seed)
    return replace(plan, algorithm=random.choice(tuple(ALGORITHMS)))


def execution_of(plan: Plan) -> ExecutionSettings:
    """A few seconds long, so that most of what happens to the plan happens in the middle."""
    if not plan.algorithm:
        return ExecutionSettings()
    random = Random(f"how it is worked {plan.seed}")
    interval = random.choice(("0.5", "1", "2"))
    return ExecutionSettings(
        algorithm=plan.algorithm,  # type: ignore[arg-type]  # one of the above
        interval_seconds=Decimal(interval),
        horizon_seconds=Decimal(interval) * random.choice((3, 4, 7)),
        rest=random.choice(("sent", "left")),
        exits=random.random() < 0.5,
        **ALGORITHMS[plan.algorithm],
    )


__all__ = ["ALGORITHMS", "execution_of", "worked_plan"]
