"""Several strategies, one position.

An allocation is the share of the portfolio that a strategy may use. Confidence moves that share
between the strategies that have a target in the symbol: it is a weight against the others and means
nothing alone. With equal confidence the net target is just the sum of allocation x size.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Literal

from msgspec.structs import replace

from tradectl.domain.errors import ConfigError, UsageError
from tradectl.domain.events import SignalAction, StrategySignalEvent
from tradectl.domain.money import ONE, ZERO, number
from tradectl.domain.shares import StrategyTarget

BUY, SELL = SignalAction.BUY, SignalAction.SELL


def target_of(signal: StrategySignalEvent, can_short: bool) -> StrategyTarget:
    """The target that `signal` spells, not yet sized. Raises UsageError when it spells none.

    Signals are also built by hand: an action may be a plain string in any case.
    """
    action = action_of(signal.action)
    strength = share_of("strength", signal.strength)
    confidence = share_of("confidence", signal.confidence)
    size = strength if action is BUY else -strength if action is SELL and can_short else ZERO
    return StrategyTarget(signal.strategy, size, confidence)


def action_of(value: object) -> SignalAction:
    if isinstance(value, SignalAction):
        return value
    try:
        return SignalAction(str(value).lower())
    except ValueError:
        raise UsageError(f"action {value!r} is not one of buy, sell, close") from None


def share_of(name: str, value: object) -> Decimal:
    """`value` as a decimal in 0..1; by way of its text, so that 0.1 is a tenth and nothing else."""
    if value is ONE or (isinstance(value, float) and value == 1.0):
        return ONE
    try:
        share = number(str(value))
    except ValueError:
        share = None
    if share is None or not ZERO <= share <= ONE:
        raise UsageError(f"{name} {value!r} is not a number from 0 to 1")
    return share


Conflict = Literal["net", "strongest", "agree"]


def followed(
    targets: Collection[StrategyTarget], allocations: Allocations, conflict: Conflict
) -> Collection[StrategyTarget]:
    """The targets of a symbol as they are netted. Where some want to be long and others short, all of
    them count (net), those of the side with the larger sum of a c |s| (strongest; none where both are
    equal), or none (agree). What does not count is a target of zero."""
    if conflict == "net" or len(targets) < 2:
        return targets
    pull = {True: ZERO, False: ZERO}
    for target in targets:
        if target.size and not target.stopped:
            weight = allocations.of(target.strategy) * target.confidence
            pull[target.size > 0] += weight * abs(target.size)
    if not (pull[True] and pull[False]):
        return targets
    stronger = None
    if conflict == "strongest" and pull[True] != pull[False]:
        stronger = pull[True] > pull[False]
    return [
        target if (target.size > 0) is stronger else replace(target, size=ZERO)
        for target in targets
    ]


def parts_of_net(
    targets: Collection[StrategyTarget], allocations: Allocations
) -> dict[str, Decimal]:
    """What each strategy contributes to the net target of a symbol:

        A x a c s / sum(a c),   A = min(1, sum(a))

    with allocation a, confidence c and size s of each: the total allocation, shared out by a c.
    """
    total, weight, shares = _weighed(targets, allocations)
    if not weight:
        return {target.strategy: ZERO for target in targets}
    return {
        target.strategy: total * (share * target.size / weight)
        for target, share in zip(targets, shares, strict=True)
    }


def net_target(targets: Collection[StrategyTarget], allocations: Allocations) -> Decimal:
    """The targets of one symbol as one, in -1..1: the sum of the parts."""
    total, weight, shares = _weighed(targets, allocations)
    if not weight:
        return ZERO
    pull = sum((share * target.size for target, share in zip(targets, shares, strict=True)), ZERO)
    # the quotient first: when all agree it is exactly their size
    return total * (pull / weight)


def _weighed(
    targets: Collection[StrategyTarget], allocations: Allocations
) -> tuple[Decimal, Decimal, list[Decimal]]:
    """The total allocation, at most 1; the sum of the weights; the weights."""
    given = [allocations.of(target.strategy) for target in targets]
    shares = [share * target.confidence for share, target in zip(given, targets, strict=True)]
    return min(ONE, sum(given, ZERO)), sum(shares, ZERO), shares


class Allocations:
    """Shares of the portfolio by strategy. With none given, every strategy may use all of it."""

    def __init__(self, shares: Mapping[str, Decimal]) -> None:
        for strategy, share in shares.items():
            if not (isinstance(share, Decimal) and share.is_finite() and ZERO <= share <= ONE):
                raise ConfigError(
                    f"allocation of {strategy!r}: expected a Decimal from 0 to 1, got {share!r}"
                )
        self._shares = dict(shares)

    def __contains__(self, strategy: str) -> bool:
        return not self._shares or strategy in self._shares

    def of(self, strategy: str) -> Decimal:
        """Raises UsageError for a strategy that was left out."""
        share = self._shares.get(strategy)
        if share is not None:
            return share
        if self._shares:
            raise UsageError(f"strategy {strategy!r} has no allocation")
        return ONE
