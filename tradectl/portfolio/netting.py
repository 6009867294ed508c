"""Several strategies, one position.

Each strategy has one signal per symbol, its latest. The target signals of a symbol are netted before
anything is traded, so that two strategies that disagree do not pay fees to trade with each other.

An allocation is the share of the portfolio that a strategy may use. Confidence moves that share
between the strategies that have a signal in the symbol: it is a weight against the others and means
nothing alone. With equal confidence the net signal is just the sum of allocation x size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.errors import ConfigError, UsageError
from tradectl.domain.events import SignalAction, StrategySignalEvent
from tradectl.domain.money import ONE, ZERO, number

BUY, SELL = SignalAction.BUY, SignalAction.SELL


class TargetSignal(Struct, frozen=True, omit_defaults=True):
    """What one strategy wants of one symbol. `size` is its signed strength, -1 (short) to 1 (long);
    `confidence` and `allocation` are 0 to 1."""

    symbol: str
    strategy: str
    size: Decimal
    confidence: Decimal = ONE
    allocation: Decimal = ONE


def target_signal_of(signal: StrategySignalEvent, allocation: Decimal) -> TargetSignal:
    """The signal that `signal` spells. Raises UsageError when it spells none.

    Signals are also built by hand: an action may be a plain string in any case.
    """
    action = action_of(signal.action)
    strength = share_of("strength", signal.strength)
    confidence = share_of("confidence", signal.confidence)
    size = strength if action is BUY else -strength if action is SELL else ZERO
    return TargetSignal(signal.symbol, signal.strategy, size, confidence, allocation)


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


def net_target(signals: Iterable[TargetSignal]) -> Decimal:
    """The target signals of one symbol as one, in -1..1:

        A x sum(a c s) / sum(a c),   A = min(1, sum(a))

    with allocation a, confidence c and size s of each: the total allocation, shared out by a c.
    """
    total = weight = pull = ZERO
    for signal in signals:
        share = signal.allocation * signal.confidence
        total += signal.allocation
        weight += share
        pull += share * signal.size
    if not weight:
        return ZERO
    # the quotient first: when all agree it is exactly their size, and no lot is lost to rounding
    return (total if total < ONE else ONE) * (pull / weight)


class Allocations:
    """Shares of the portfolio by strategy. With none given, every strategy may use all of it."""

    def __init__(self, shares: Mapping[str, Decimal]) -> None:
        for strategy, share in shares.items():
            if not (isinstance(share, Decimal) and share.is_finite() and ZERO <= share <= ONE):
                raise ConfigError(
                    f"allocation of {strategy!r}: expected a Decimal from 0 to 1, got {share!r}"
                )
        self._shares = dict(shares)

    def of(self, strategy: str) -> Decimal:
        """Raises UsageError for a strategy that was left out."""
        share = self._shares.get(strategy)
        if share is not None:
            return share
        if self._shares:
            raise UsageError(f"strategy {strategy!r} has no allocation")
        return ONE
