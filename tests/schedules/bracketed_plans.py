"""Plans whose strategies have brackets: what a seed means, and exits beside it.

They are drawn apart from the rest, so that seeds keep their meaning. Each strategy has a stop of its own,
and what is nobody's that of all: no position may stand without one.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

from tests.schedules.halting_plans import halting_plan
from tests.schedules.plans import Plan, plan_of
from tradectl.domain.brackets import TRAIL_STEP_BPS, Bracket

D = Decimal


def bracketed_plan(seed: int) -> Plan:
    """Of the steps that the seed means, or of halts; some prices are reached, and some never are."""
    random = Random(f"bracketed {seed}")
    plan = plan_of(seed) if random.random() < 0.6 else halting_plan(seed)
    brackets = {name: _bracket(random) for name in ("a", "b")}
    return replace(plan, brackets=brackets, stop_loss=3.0)


def _bracket(random: Random) -> Bracket:
    trailing = random.choice((None, None, D("0.3"), D(2)))
    stop = random.choice((D("0.4"), D(3), D(3)))
    target = random.choice((None, D("0.3"), D("0.3"), D(4)))
    activate = random.choice((None, D("0.2"))) if trailing else None
    step = random.choice((D(0), D(10)))
    return Bracket(
        stop_loss_pct=stop,
        take_profit_pct=target,
        trailing_pct=trailing,
        activate_pct=activate,
        trail_step_bps=step if trailing else TRAIL_STEP_BPS,
    )


__all__ = ["bracketed_plan"]
