"""An allocator of the user's own: called outside of the step, and what it gives is looked at.

    class Mine:                                          # weights.py
        def __call__(self, targets, history):
            return {symbol: 0.2 for symbol in targets}   # shares of equity, on the side of the target

Its answer is an input of the journal like any other weights: what it does, prints or raises decides
nothing by itself. One that fails so often in a row, or asks for an end, is called no more in this run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isfinite
from pathlib import PurePath

from msgspec.structs import replace

from tradectl.domain.allocation import Allocator, Targets, Weights
from tradectl.domain.errors import AllocationFailed
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.text import counted, harmless
from tradectl.portfolio.allocation.allocator import MethodAllocator
from tradectl.strategy import containment
from tradectl.strategy.own_process import apart
from tradectl.strategy.user_files import callable_in

SETTING = "allocation.allocator"


class OwnAllocator(Allocator):
    """`name` says where it is; `bounds` keeps what it gives within the constraints, `may_sell_short` says
    whether a weight may be against its target. It is loaded when it is first asked; what is said of it
    has no folder, which may be another one in a replay."""

    def __init__(
        self, name: str, bounds: MethodAllocator, *, may_sell_short: bool, max_failures: int
    ) -> None:
        self._name = harmless(PurePath(name).name, 100)
        self._bounds = bounds
        self._may_sell_short = may_sell_short
        self._max_failures = max_failures
        self._load: Callable[[], Callable[..., object]] = lambda: callable_in(name, SETTING)
        self._own: Callable[..., object] | None = None
        self._failures = 0
        self._ended = ""

    def check(self) -> None:
        """Load it. Raises UsageError, ConfigError."""
        self._bounds.check()
        if self._own is None:
            self._own = self._load()

    def __call__(self, targets: Targets, history: MarketHistory) -> Weights:
        """Raises AllocationFailed, and what `check` does."""
        if self._ended:
            raise AllocationFailed(self._ended)
        self.check()
        try:
            wanted = self._asked(targets, history)
        except AllocationFailed as error:
            self._failures += 1
            if self._failures < self._max_failures:
                raise
            raise self._quarantined(str(error)) from error
        self._failures = 0
        return self._bounds.within(wanted, targets, history)

    def _asked(self, targets: Targets, history: MarketHistory) -> dict[str, float]:
        """It gets copies: what it changes in them changes nothing."""
        assert self._own is not None
        theirs = replace(
            history,
            closes={**history.closes},
            profits={**history.profits},
            made={**history.made},
        )
        try:
            answer = apart().run(self._own, {**targets}, theirs)
        except (
            BaseException
        ) as error:  # the user's code: whatever it raises, the weights of before stay
            why = f"{self._name}: {containment.failure(error)}"
            if containment.ends_it(error):
                self._failures = self._max_failures
            raise AllocationFailed(why) from error
        return self._looked_at(answer, targets)

    def _looked_at(self, answer: object, targets: Targets) -> dict[str, float]:
        if not isinstance(answer, Mapping):
            given = containment.returned(answer)
            raise AllocationFailed(
                f"{self._name} gave {given}: expected a share of equity by symbol"
            )
        weights: dict[str, float] = {}
        for symbol, weight in [*answer.items()][: len(targets) + 1]:
            if symbol not in targets:
                told = harmless(str(symbol), 60)
                raise AllocationFailed(f"{self._name} gave a weight to {told}, which nobody wants")
            if isinstance(weight, bool) or not isinstance(weight, int | float | Decimal):
                given = containment.returned(weight)
                raise AllocationFailed(f"{self._name} gave {symbol} {given}: expected a number")
            weights[symbol] = float(weight)
            if not isfinite(weights[symbol]) or (weight < 0 and not self._may_sell_short):
                raise AllocationFailed(
                    f"{self._name} gave {symbol} {weights[symbol]}: expected "
                    f"{'a number' if self._may_sell_short else '0 or more'}"
                )
        return weights

    def _quarantined(self, why: str) -> AllocationFailed:
        times = counted(self._failures, "failure")
        self._ended = (
            f"{self._name} is called no more after {times} in a row: restart to call it again"
        )
        return AllocationFailed(f"{why}; it is called no more in this run ({times} in a row)")


__all__ = ["SETTING", "OwnAllocator"]
