"""Weights of a journal, worked out again: what was asked is decided anew, so the answer can be compared.

Weights are an input, and a difference is no divergence: another machine's last bits, another version of a
library. One that is larger than that is worth a word all the same.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.adapters.weights_worker import answer_to
from tradectl.domain.errors import ConfigError, UsageError
from tradectl.domain.events import Record, WeightsComputed
from tradectl.domain.money import ZERO, plain
from tradectl.domain.text import counted, harmless
from tradectl.system.trading_system import TradingSystem

TOLERANCE = Decimal("0.00001")


class WeightsCheck:
    """Of a system that a journal's inputs are repeated in."""

    def __init__(self, system: TradingSystem) -> None:
        self._system = system
        self._compared = 0
        self._differences: list[str] = []
        self._missing = ""

    def compare(self, record: Record) -> None:
        """Before the answer is taken."""
        recorded, problem = record.event, self._system.portfolio.problem
        if not isinstance(recorded, WeightsComputed):
            return
        if problem is None or problem.request != recorded.request:
            return
        try:
            self._system.allocator.check()
        except (ConfigError, UsageError) as error:
            self._missing = str(error)
            return
        self._compared += 1
        again = answer_to(problem, self._system.allocator)
        if again.failure != recorded.failure:
            now = again.failure or "there are weights"
            self._differences.append(
                f"record {record.seq}: {harmless(recorded.failure or 'there were weights')}; now: {now}"
            )
            return
        off = max(
            (abs(again.weights.get(s, ZERO) - recorded.weights.get(s, ZERO)), s)
            for s in {*again.weights, *recorded.weights, ""}
        )
        if off[0] > TOLERANCE:
            self._differences.append(f"record {record.seq}: {off[1]} by {plain(off[0])}")

    def notes(self) -> list[str]:
        """What there is to be said of it."""
        if self._missing:
            return [f"weights were not worked out again: {self._missing}"]
        if not self._differences:
            return []
        first, count = self._differences[0], len(self._differences)
        compared = counted(self._compared, "answer")
        return [f"{count} of {compared} with weights come out otherwise here, the first in {first}"]


__all__ = ["WeightsCheck"]
