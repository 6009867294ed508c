"""How two runs differ, as documents: the first decision, and the ledger of their results."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

from tradectl.documents.values import Amount, Time


class DifferenceCause(StrEnum):
    """What was another before the first decision that differs, the nearest to the beginning first."""

    DATA = "data"
    CONFIG = "config"
    """configuration, code, or the account that the run began with"""
    INPUT = "input"
    """a command, a restriction, a halt"""
    FILL = "fill"
    LATENCY = "latency"
    """the same fill at another time"""
    CLOCK = "clock"
    """all was the same but the time"""


class DecisionMade(Struct, kw_only=True, frozen=True):
    """By record `seq` at `time`, after data of `data_time`; `decision` is what was decided, and `reason`
    what was said of it."""

    seq: int
    time: Time
    data_time: Time
    type: str
    symbol: str
    decision: dict[str, Any]
    reason: str


class FirstDifference(Struct, kw_only=True, frozen=True):
    """The first decision that differs, after so many that are the same; null where a run decided nothing
    any more. `evidence` says what was another before it, in words."""

    same_before: int
    a: DecisionMade | None
    b: DecisionMade | None
    cause: DifferenceCause
    evidence: list[str]


class ComparedSide(Struct, kw_only=True, frozen=True):
    """A run: `pnl` is net, and of an account that money was put into without that."""

    run_id: str
    journal: str
    mode: str
    source: str
    pnl: Amount
    fees: Amount
    records: int
    decisions: int
    trips: int
    orders: int
    denied: int
    fills: int


class LedgerLine(Struct, kw_only=True, frozen=True):
    """A line of the ledger: what of B - A it explains, and of how many round trips."""

    line: str
    amount: Amount
    trips: int


class ComparedTrip(Struct, kw_only=True, frozen=True):
    """A round trip of both runs, or of one: `pnl_a` or `pnl_b` is null then. `lines` add up to the
    difference."""

    strategy: str
    symbol: str
    side: str
    signal_at: Time | None
    pnl_a: Amount | None
    pnl_b: Amount | None
    difference: Amount
    quantity_a: Amount | None
    quantity_b: Amount | None
    lines: dict[str, Amount]


class Comparison(Struct, kw_only=True, frozen=True):
    """`compare A B`: `identical` decisions, or the first that differs; `difference` is the result of B
    less that of A, and the `ledger` adds up to it exactly (`adds_up`). `trips` are those that make most
    of it."""

    a: ComparedSide
    b: ComparedSide
    identical: bool
    first_difference: FirstDifference | None
    difference: Amount
    ledger: list[LedgerLine]
    adds_up: bool
    matched: int
    only_a: int
    only_b: int
    trips: list[ComparedTrip]
