"""What is so at an exchange, in nobody's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

COIN_SIZE = Decimal("0.001")
"""coins that a contract has, where an exchange counts contracts"""


class Row(NamedTuple):
    """Money that moved at `ms`: `kind` is funding, trade, fee, transfer_in, transfer_out, interest,
    rebate, insurance, liquidation or odd; `amount` has its sign."""

    kind: str
    amount: str
    ms: int


class Traded(NamedTuple):
    """A fill of `coins` at 60,000, of an order of its own: `kind` is trade, liquidation or adl."""

    number: int
    kind: str
    side: str
    coins: str
    ms: int


class Refused(NamedTuple):
    """What an order, or any request that is signed, is answered with."""

    status: int
    body: Any
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


@dataclass
class Facts:
    """An account with 1,000 USDT, short of what open positions would lose now. `isolated` is what stands
    in the purse of a position of its own, `hedged` one that holds both sides."""

    wallet: Decimal = Decimal(1000)
    unrealized: Decimal = Decimal(0)
    used: Decimal = Decimal(0)
    coins: Decimal = Decimal(0)
    isolated: Decimal = Decimal(0)
    hedged: bool = False
    unified: bool = False
    rows: list[Row] = field(default_factory=list)
    traded: list[Traded] = field(default_factory=list)
    refused: Refused | None = None
    orders_refused: Refused | None = None

    @property
    def equity(self) -> Decimal:
        return self.wallet + self.unrealized

    def order(self, name: str) -> Traded | None:
        """The fill of the order with that name: `1000` and its number."""
        return next((each for each in self.traded if f"1000{each.number}" == name), None)

    @property
    def contracts(self) -> Decimal:
        return self.coins / COIN_SIZE
