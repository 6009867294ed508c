"""What all indicators have in common.

Each takes one observation at a time (a price, a bar's high and low, ...) and costs the same however long
it has run. `update` returns the new value, or None while there are too few observations; `value` keeps it
and `ready` says that there is one. They work in floats: statistics end here and never become money.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from tradectl.domain.errors import UsageError

T = TypeVar("T")


class Indicator(Generic[T]):
    """`needs` is how many observations it takes to the first value. `warm_up` is how many it takes until
    what came before them no longer matters: where an average remembers for ever, until that has less
    than a ten-thousandth of the weight.
    """

    __slots__ = ("needs", "value", "warm_up")

    def __init__(self, needs: int, warm_up: int | None = None) -> None:
        self.needs = needs
        self.warm_up = needs if warm_up is None else warm_up
        self.value: T | None = None

    @property
    def ready(self) -> bool:
        return self.value is not None


def multiple(width: float) -> float:
    """How many deviations or ranges a band is away. Raises UsageError for zero, less, or NaN."""
    if not width > 0:
        raise UsageError(f"a band needs a width above 0, got {width:g}")
    return width
