"""Our own trading against itself: what exchanges reject, how long they take, what fills cost, and profit.

Each is fed with what happened; a share of rejects is looked at once there were enough orders.
"""

from __future__ import annotations

import math
from collections import deque

from tradectl.anomaly.finding import Finding, Kind
from tradectl.anomaly.usual import Usual

OF_LATE = 20
"""Orders of which the share of rejects is taken."""
MOST_REJECTED = 0.5
MOST_WAITING = 1_000
ACCOUNT = "account"


class TradingWatch:
    """Of one account; `limit` is the score from which a figure is unusual."""

    def __init__(self, *, limit: float) -> None:
        self.limit = limit
        self._latency = Usual(least=0.3)
        self._slippage = Usual(least=1.0)
        self._profit = Usual(least=5e-4)
        self._sent: dict[str, tuple[int, float]] = {}
        self._rejected: deque[bool] = deque(maxlen=OF_LATE)
        self._equity = 0.0

    def sent(self, order_id: str, at: int, price: float) -> None:
        """An order left at the time `at` (ns), when its symbol was at `price`."""
        if len(self._sent) >= MOST_WAITING:
            self._sent.pop(next(iter(self._sent)))
        self._sent[order_id] = (at, price)

    def answered(self, order_id: str, at: int, *, rejected: bool) -> list[Finding]:
        """Its exchange took it, or did not."""
        found = []
        self._rejected.append(rejected)
        share = sum(self._rejected) / OF_LATE
        if rejected and len(self._rejected) == OF_LATE and share >= MOST_REJECTED:
            self._rejected.clear()
            found.append(
                _of(Kind.REJECTS, share, f"{share:.0%} of the last {OF_LATE} orders were rejected")
            )
        if order_id in self._sent:
            took = max(at - self._sent[order_id][0], 0) / 1e6
            usual = math.expm1(self._latency.middle)
            text = f"an order was answered after {took:,.0f} ms, usually {usual:,.0f} (order {order_id})"
            found += self._judged(Kind.LATENCY, self._latency, math.log1p(took), text)
        return found

    def filled(self, order_id: str, price: float, *, is_buy: bool) -> list[Finding]:
        """Slippage is against the price when it left, in basis points; above zero costs."""
        if order_id not in self._sent or not self._sent[order_id][1]:
            return []
        before = self._sent[order_id][1]
        slipped = (price / before - 1) * 1e4 * (1 if is_buy else -1)
        text = f"a fill slipped {slipped:.1f} bps, usually {self._slippage.middle:.1f} (order {order_id})"
        return self._judged(Kind.SLIPPAGE, self._slippage, slipped, text)

    def worth(self, equity: float) -> list[Finding]:
        """The equity, every so often: a loss is told, and no gain."""
        before, self._equity = self._equity, equity
        if not before or equity <= 0:
            return []
        change = equity / before - 1
        usual = self._profit.spread
        text = f"equity changed {change:+.2%} in a stretch, {abs(change) / usual:.0f} times what is usual"
        score = self._profit.score(change)
        self._profit.add(change)
        return [_of(Kind.PROFIT, score, text)] if score <= -self.limit else []

    def _judged(self, kind: Kind, usual: Usual, value: float, text: str) -> list[Finding]:
        score = usual.score(value)
        usual.add(value)
        return [_of(kind, score, text)] if score >= self.limit else []


def _of(kind: Kind, score: float, text: str) -> Finding:
    return Finding(kind=kind, subject=ACCOUNT, score=score, text=text)


__all__ = ["ACCOUNT", "TradingWatch"]
