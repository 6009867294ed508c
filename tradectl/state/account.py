"""What an account is made of: plain data that can be dumped, restored and hashed."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from tradectl.domain.events import FillEvent
from tradectl.domain.money import ZERO, plain
from tradectl.domain.orders import Order
from tradectl.domain.positions import Position
from tradectl.domain.views import TradingMode


class StrategyTotals(Struct, omit_defaults=True):
    """A strategy's own record: its orders, and the positions that its fills alone would make."""

    orders: int = 0
    fills: int = 0
    positions: dict[str, Position] = {}

    @property
    def realized(self) -> Decimal:
        return sum((p.realized for p in self.positions.values()), ZERO)

    @property
    def fees(self) -> Decimal:
        return sum((p.fees for p in self.positions.values()), ZERO)


class Account(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Money in `currency`. `orders` are the working ones; `marks` the last prices.

    `account_id` is the run that opened the account: later runs continue it under the same name.
    """

    account_id: str
    currency: str
    initial_cash: Decimal
    cash: Decimal
    positions: dict[str, Position] = {}
    orders: list[Order] = []
    marks: dict[str, Decimal] = {}
    strategies: dict[str, StrategyTotals] = {}
    mode: TradingMode = TradingMode.RUNNING
    mode_reason: str = ""
    halted_at: int = 0
    flattening: bool = False
    peak_equity: Decimal = ZERO
    day_start_equity: Decimal = ZERO
    day: int = 0
    orders_count: int = 0
    denied_count: int = 0
    fills_count: int = 0
    duplicates: int = 0
    turnover: Decimal = ZERO

    @classmethod
    def opened(cls, account_id: str, currency: str, cash: Decimal) -> Account:
        """A new account with nothing but cash."""
        return cls(account_id, currency, cash, cash, peak_equity=cash, day_start_equity=cash)

    def dump(self) -> dict[str, Any]:
        """As JSON-ready data; decimals are strings."""
        dumped: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return dumped

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> Account:
        """The account that `dump` described. Raises msgspec.ValidationError for anything else."""
        return msgspec.convert(dumped, cls)

    def hash(self, run_id: str) -> str:
        """SHA-256 over everything in the account, equal for equal accounts on every machine.

        Names that change from run to run are left out: `run_id` at the start of order ids and the
        account's own id.
        """
        told = msgspec.structs.replace(self, account_id="")
        canonical = _canonical(msgspec.to_builtins(told, builtin_types=(Decimal,)), f"{run_id}-")
        return hashlib.sha256(msgspec.json.encode(canonical, order="deterministic")).hexdigest()


def _canonical(value: Any, prefix: str) -> Any:
    """`value` with decimals spelled in one way and without this run's name in order ids."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, str):
        return value.removeprefix(prefix)
    if isinstance(value, dict):
        return {key.removeprefix(prefix): _canonical(v, prefix) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(v, prefix) for v in value]
    return value


class Fill(Struct, frozen=True, gc=False):
    """A fill in the books: the report, whose order it was, and when (ns UTC) it was booked."""

    report: FillEvent
    strategy: str
    at: int
