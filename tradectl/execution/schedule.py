"""How much of an order is to be done by when: schedules, as pure functions.

A schedule is F, the share of the order that is to be done by the end of each interval: it rises from
F(0) = 0 to F(n) = 1. With Q coins in lots, child k is floor(Q F(k + 1)) - floor(Q F(k)), the first at
once. So what is rounded away joins the next child, and the last makes it whole.

    TWAP      F(k) = k / n
    VWAP      F(k) = volume that the first k intervals usually have / that of all n
    arrival   F(k) = 1 - sinh(kT (1 - k / n)) / sinh(kT), kT the urgency: the optimal trajectory of
              Almgren and Chriss, "Optimal execution of portfolio transactions" (Journal of Risk 3,
              2000), with linear temporary impact; kT near 0 is TWAP, and the larger, the earlier
"""

from __future__ import annotations

from decimal import Decimal, localcontext

from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ONE, ZERO
from tradectl.domain.plans import Algorithm, ExecutionPlan
from tradectl.domain.time import DAY

DIGITS = 40
"""What a share is worked out with: `Decimal.exp` is correctly rounded, the same on every machine."""


def interval_of(plan: ExecutionPlan, began_at: int, at: int) -> int:
    """The interval that it is at `at` (ns UTC), from 0; the last one's number afterwards."""
    return min(max(at - began_at, 0) // plan.interval, plan.intervals - 1)


def ends_at(plan: ExecutionPlan, began_at: int) -> int:
    return began_at + max(plan.horizon, plan.intervals * plan.interval)


def given_up_at(plan: ExecutionPlan, began_at: int) -> int:
    """Until then the rest is tried that we did not let leave at the end; what begins again later than
    that was asked for too long ago."""
    return ends_at(plan, began_at) + plan.horizon


def next_look(plan: ExecutionPlan, began_at: int, at: int) -> int:
    """When it is looked at next, after `at`: as an interval begins, at the end, and while the rest is
    tried."""
    end = ends_at(plan, began_at)
    if at >= end:
        return at + plan.interval
    number = max(at - began_at, 0) // plan.interval + 1
    return began_at + number * plan.interval if number < plan.intervals else end


def done_by(
    plan: ExecutionPlan, quantity: Decimal, began_at: int, interval: int, instrument: Instrument
) -> Decimal:
    """How much of `quantity` is to be done by the end of the `interval` (from 0), in lots."""
    if interval >= plan.intervals - 1:
        return quantity
    with localcontext() as context:
        context.prec = DIGITS
        done = quantity * share_by(plan, began_at, interval + 1)
        done = done.quantize(Decimal(1).scaleb(-(DIGITS // 2)))
    return instrument.floor_quantity(done)


def share_by(plan: ExecutionPlan, began_at: int, intervals: int) -> Decimal:
    """F: the share that is to be done once so many intervals are over."""
    if plan.algorithm is Algorithm.VWAP:
        volumes = [_usual_volume(plan, began_at, k) for k in range(plan.intervals)]
        return sum(volumes[:intervals], ZERO) / sum(volumes, ZERO)
    if plan.algorithm is Algorithm.ARRIVAL and plan.urgency:
        left = ONE - Decimal(intervals) / plan.intervals
        return ONE - _sinh(plan.urgency * left) / _sinh(plan.urgency)
    return Decimal(intervals) / plan.intervals


def _usual_volume(plan: ExecutionPlan, began_at: int, interval: int) -> Decimal:
    """The profile of a day (UTC), in equal parts, at the middle of the interval."""
    middle = began_at + interval * plan.interval + plan.interval // 2
    return plan.volumes[middle % DAY * len(plan.volumes) // DAY]


def _sinh(value: Decimal) -> Decimal:
    """The first term is the larger one, and far from 1: nothing is lost by the difference for what an
    urgency may be."""
    return (value.exp() - (-value).exp()) / 2


__all__ = ["done_by", "ends_at", "given_up_at", "interval_of", "next_look", "share_by"]
