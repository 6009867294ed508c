"""The income history of a futures account: every change of its wallet as a row, each with an id.

As the exchange has it: an id is unique among the rows of a kind, so that the fee and the profit of a
trade may share theirs; rows are listed oldest first, 100 by default and 1,000 at most, of the last
seven days or of seven days from `startTime` on; rows may be shown late, or twice.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradectl.testkit.orders import ZERO, Fill

WINDOW_MS = 7 * 86_400_000
FUNDING_EVERY_MS = 8 * 3_600_000


@dataclass(frozen=True)
class Income:
    """`shown_from` is when the exchange begins to show it (loop's monotonic seconds), and `shown` how
    many times it does."""

    kind: str
    amount: Decimal
    ms: int
    tran_id: int
    asset: str = "USDT"
    symbol: str = ""
    trade_id: str = ""
    shown_from: float = 0.0
    shown: int = 1

    def row(self) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "incomeType": self.kind,
            "income": f"{self.amount:.8f}",
            "asset": self.asset,
            "time": self.ms,
            "info": self.trade_id or self.kind,
            "tranId": self.tran_id,
            "tradeId": self.trade_id,
        }


@dataclass
class IncomeHistory:
    rows: list[Income] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(9_689_322_392))

    def add(
        self,
        kind: str,
        amount: Decimal,
        ms: int,
        *,
        asset: str = "USDT",
        symbol: str = "",
        late: float = 0.0,
        shown: int = 1,
    ) -> Income:
        shown_from = time.monotonic() + late if late else 0.0
        row = Income(
            kind, amount, ms, next(self._ids), asset, symbol, shown_from=shown_from, shown=shown
        )
        self.rows.append(row)
        return row

    def traded(self, fill: Fill) -> None:
        """The profit and the fee of a fill, under one id."""
        tran_id = next(self._ids)
        about: dict[str, Any] = {
            "asset": fill.fee_asset,
            "symbol": fill.symbol,
            "trade_id": str(fill.id),
        }
        if fill.realized:
            self.rows.append(Income("REALIZED_PNL", fill.realized, fill.ms, tran_id, **about))
        if fill.fee:
            self.rows.append(Income("COMMISSION", -fill.fee, fill.ms, tran_id, **about))

    def listed(
        self, start: int | None, end: int | None, now_ms: int, *, window_ms: int = WINDOW_MS
    ) -> list[Income]:
        """What is shown now, of a window."""
        end = now_ms if end is None else end
        start = end - window_ms if start is None else start
        now = time.monotonic()
        found = [
            row
            for row in self.rows
            if start <= row.ms <= min(end, start + window_ms) and row.shown_from <= now
            for _ in range(row.shown)
        ]
        return sorted(found, key=lambda row: row.ms)

    def total(self, *kinds: str) -> Decimal:
        """Of those kinds, or of all: what the wallet changed by."""
        return sum((row.amount for row in self.rows if not kinds or row.kind in kinds), ZERO)
