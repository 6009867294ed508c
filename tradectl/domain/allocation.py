"""Weights: what share of the equity each symbol gets, worked out from all of them together.

The core asks (`AllocationRequested`), somebody outside of it computes, and the answer comes back as an
input (`WeightsComputed`): the last bits of a solver differ from machine to machine, and must not decide.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from tradectl.domain.market_history import MarketHistory

WEIGHT_STEP = Decimal("0.000001")
"""What an answer is rounded to."""


class AllocationTarget(Struct, frozen=True, gc=False):
    """A symbol that strategies want to hold: `side` is 1 for long and -1 for short, `held` the share of
    equity in it now, above zero on that side."""

    side: int
    held: float = 0.0


Targets = Mapping[str, AllocationTarget]
Weights = dict[str, Decimal]
"""Share of equity by symbol, above zero on the side of its target, in steps of WEIGHT_STEP."""


class Allocator(Protocol):
    """How symbols share the equity. Raises AllocationFailed, which says why there are no weights."""

    def __call__(self, targets: Targets, history: MarketHistory) -> Weights: ...


class ComputeWeights(Struct, frozen=True, gc=False):
    """Asked of whoever computes, by record number `request`: all that the answer depends on."""

    request: int
    targets: dict[str, AllocationTarget]
    history: MarketHistory


class Allocated(Struct, frozen=True, omit_defaults=True):
    """The `weights` in force and since when (`at`); for which `symbols` some were asked for last, when,
    and when that was answered. `failure` is why the last answer had none, and
    `held_back` are the symbols that are not brought to these weights, because it is not worth its cost.
    `shares` are those of the strategies, from period number `shares_period` of the history on. Times are
    ns UTC."""

    weights: dict[str, Decimal] = {}
    at: int = 0
    symbols: tuple[str, ...] = ()
    request: int = 0
    asked_at: int = 0
    answered_at: int = 0
    failure: str = ""
    held_back: dict[str, str] = {}
    shares: dict[str, Decimal] = {}
    shares_period: int = 0


def share_of(known: Allocated | None, strategy: str, base: Decimal) -> Decimal:
    """Of equity, that a strategy may use now (0 to 1): `base` before shares were worked out."""
    return base if known is None else known.shares.get(strategy, base)


__all__ = [
    "WEIGHT_STEP", "Allocated", "AllocationTarget", "Allocator", "ComputeWeights", "Targets", "Weights",
    "share_of",
]  # fmt: skip
