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
from itertools import islice
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
MOST = 1_000
"""times the equity: a weight beyond it is no answer, but an error of who gave it"""


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
        theirs = replace(
            history,
            closes={**history.closes},
            profits={**history.profits},
            made={**history.made},
        )
        assert self._own is not None
        own, context = self._own, apart()
        try:
            answer = context.run(own, {**targets}, theirs)
            weights, why = context.run(self._read, answer, targets)
        except (
            BaseException
        ) as error:  # the user's code: whatever it raises, the weights of before stay
            why = f"{self._name}: {containment.failure(error)}"
            if containment.ends_it(error):
                self._failures = self._max_failures
            raise AllocationFailed(why) from error
        if why:
            raise AllocationFailed(f"{self._name} gave {why}")
        return weights

    def _read(self, answer: object, targets: Targets) -> tuple[dict[str, float], str]:
        """A copy of an answer, or what is wrong with it. It is the user's code that is read here, too: a
        mapping, a text or a number of his may do anything when it is asked."""
        if not isinstance(answer, Mapping):
            return {}, f"{containment.returned(answer)}: expected a share of equity by symbol"
        weights: dict[str, float] = {}
        for key, given in islice(answer.items(), len(targets) + 1):
            symbol = str.__str__(key) if isinstance(key, str) else containment.returned(key)
            if symbol not in targets:
                return {}, f"a weight to {harmless(symbol, 60)}, which nobody wants"
            weight = _number(given)
            if weight is None:
                return {}, f"{symbol} {containment.returned(given)}: expected a number"
            if not abs(weight) <= MOST or (weight < 0 and not self._may_sell_short):
                least = f"{-MOST:,} to" if self._may_sell_short else "0 or more, up to"
                return {}, f"{symbol} {weight}: expected {least} {MOST:,} times the equity"
            weights[symbol] = weight
        return weights, ""

    def _quarantined(self, why: str) -> AllocationFailed:
        times = counted(self._failures, "failure")
        self._ended = (
            f"{self._name} is called no more after {times} in a row: restart to call it again"
        )
        return AllocationFailed(f"{why}; it is called no more in this run ({times} in a row)")


def _number(given: object) -> float | None:
    """By the types' own ways: a subclass's are never asked. Raises what they raise for one too large."""
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return float(int.__int__(given))
    if isinstance(given, float):
        return float.__float__(given)
    return Decimal.__float__(given) if isinstance(given, Decimal) else None


__all__ = ["SETTING", "OwnAllocator"]
