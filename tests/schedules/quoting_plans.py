"""Plans in which strategies say what they want to rest, beside all else that a seed means.

They are drawn apart from the rest, so that seeds keep their meaning.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from tests.schedules.halting_plans import halting_plan
from tests.schedules.plans import Plan, Step, plan_of


def quoting_plan(seed: int) -> Plan:
    """The steps that the seed means, or of halts, and quotes by two strategies."""
    random = Random(f"quoting {seed}")
    plan = plan_of(seed) if random.random() < 0.7 else halting_plan(seed)
    begin, end = plan.steps[0].at, plan.steps[-1].at
    quotes = [
        Step(round(random.uniform(begin, end), 3), "quotes", _drawn(random, plan.symbols))
        for _ in range(random.randint(3, 25))
    ]
    return replace(plan, steps=tuple(sorted([*plan.steps, *quotes], key=lambda step: step.at)))


def _drawn(random: Random, symbols: tuple[str, ...]) -> dict[str, Any]:
    """Levels are (basis points from the mark, money, tag); none withdraws all."""

    def side() -> tuple[tuple[int, int, str], ...]:
        return tuple(
            (random.choice((1, 3, 5, 10, 40)), random.choice((600, 1_500, 4_000)), f"q{n}")
            for n in range(random.choice((0, 1, 1, 2, 3)))
        )

    return {
        "symbol": random.choice(symbols),
        "strategy": random.choice("qr"),
        "bids": side(),
        "asks": side(),
        "post_only": random.random() < 0.7,
    }


__all__ = ["quoting_plan"]
