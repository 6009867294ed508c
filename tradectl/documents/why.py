"""Why an order was sent, and why none was, as documents."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

from tradectl.documents.account import OrderRow
from tradectl.documents.reasons import Untraded
from tradectl.documents.report import TripRow
from tradectl.documents.values import Amount, Time


class Happened(StrEnum):
    """A step on an order's way, in the order in which they come."""

    MARKET_DATA = "market_data"
    BAR = "bar"
    """the last one that the strategy heard, where it hears bars"""
    CAUSE = "cause"
    """what led to it, where that is neither market data nor a signal: a timer, a command, a fill"""
    SIGNAL = "signal"
    NETTING = "netting"
    """what several strategies want of the symbol"""
    TARGET = "target"
    ORDER = "order"
    RISK = "risk"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    TRIGGERED = "triggered"
    CHILD = "child"
    """an order of its own that works it"""
    FILL = "fill"
    CANCEL = "cancel"
    """was asked for"""
    ENDED = "ended"
    """without, or before, being filled"""
    ROUND_TRIP = "round_trip"


class Step(Struct, kw_only=True, frozen=True):
    """Record `seq`, at `time`, so long after the step before it; `figures` by name, as they are."""

    what: Happened
    seq: int
    time: Time
    after_s: float
    text: str
    figures: dict[str, Any] = {}


class CheckRow(Struct, kw_only=True, frozen=True):
    """A check of risk, as the order was judged: the `limit` and the `actual` value, null where nothing
    was compared; `message` says why it was denied."""

    code: str
    passed: bool
    limit: Amount | None
    actual: Amount | None
    message: str


class FillCost(Struct, kw_only=True, frozen=True):
    """A fill, and the middle of the market just before it. `slippage` is what it cost, in the quote
    currency, against the order's `arrival`, and `slippage_mid` against that middle: above zero is worse.
    Null where there was no price."""

    seq: int
    time: Time
    after_s: float
    quantity: Amount
    price: Amount
    fee: Amount
    liquidity: str
    mid: Amount | None
    slippage: Amount | None
    slippage_mid: Amount | None


class OrderWhy(Struct, kw_only=True, frozen=True):
    """`why ORDER_ID`: the chain of decisions. `is_exit`: it could only bring the position nearer to zero,
    and passes limits whatever their figures. `arrival` is the last price when it was submitted, or a
    stop's or a resting limit's own; `slippage` what all fills cost against it, as in the round trips, and
    `slippage_bps` the same of what was traded; `slippage_mid` against the middle of the market at each
    fill."""

    run_id: str
    journal: str
    order: OrderRow
    steps: list[Step]
    is_exit: bool
    checks: list[CheckRow]
    fills: list[FillCost]
    arrival: Amount | None
    slippage: Amount | None
    slippage_bps: Amount | None
    slippage_mid: Amount | None
    trips: list[TripRow]


class ShutGate(StrEnum):
    """What holds a symbol back; the more important first."""

    HALTED = "halted"
    PAUSED = "paused"
    NO_STRATEGY = "no_strategy"
    """nobody trades it"""
    QUARANTINED = "quarantined"
    NO_DATA = "no_data"
    TIMEFRAME = "timeframe"
    """the bars that a strategy wants cannot be made of the data"""
    STALE = "stale"
    """the newest data is old"""
    RESTRICTED = "restricted"
    """trading in the symbol is"""
    COOLING_DOWN = "cooling_down"
    """its exchange refused an order, or signals came too fast: it is tried again later"""
    WORKING_ORDER = "working_order"
    """what becomes of one comes first"""
    LIMIT = "limit"
    """of risk"""
    WARMING_UP = "warming_up"
    NETTED = "netted"
    """strategies want the opposite of each other"""
    TOO_SMALL = "too_small"
    DRIFT = "drift"
    """too near to the target to be worth an order"""
    COST = "cost"
    """to bring it to its target would cost more than it is worth"""
    NO_WEIGHT = "no_weight"
    """the allocation gives it nothing, or nothing yet"""
    STOPPED_OUT = "stopped_out"
    NO_SIGNAL = "no_signal"
    ON_TARGET = "on_target"
    """what is wanted is held"""
    SCALED = "scaled"
    """positions are, by a loss or by how much the symbol moves"""


class GateRow(Struct, kw_only=True, frozen=True):
    """A gate that is shut, of a `strategy` or of all (empty); since when, where that is known, and the
    figures that it goes by, where it has any."""

    kind: ShutGate
    text: str
    strategy: str = ""
    since: Time | None = None
    limit: Amount | None = None
    actual: Amount | None = None


class WantedRow(Struct, kw_only=True, frozen=True):
    """What a strategy wants of the symbol: a share (-1 to 1), the quantity that it makes, and what the
    strategy holds."""

    strategy: str
    share: Amount
    quantity: Amount | None
    held: Amount
    stopped_out: bool
    signal: str
    signal_at: Time | None


class SymbolWhy(Struct, kw_only=True, frozen=True):
    """`why SYMBOL`: as of record `seq`, at the `time` asked for, or else that of the record. `held_by`
    is the first of the `gates`, null where nothing holds the symbol back; `note` says what could not be
    looked at."""

    run_id: str
    journal: str
    symbol: str
    seq: int
    time: Time | None
    state: str
    price: Amount | None
    data_age_s: float | None
    position: Amount
    wanted: list[WantedRow]
    held_by: ShutGate | None
    gates: list[GateRow]
    note: str


class ReasonCount(Struct, kw_only=True, frozen=True):
    """A reason for which something was not traded, and how often, of a `symbol`."""

    code: str
    symbol: str
    text: str
    count: int


class NotTraded(Struct, kw_only=True, frozen=True):
    """`why --none RUN`: how much was said and traded, why targets were not followed (`targets`), orders
    denied and not filled, by reason, the most frequent first; `untraded` has the reason of each strategy
    and symbol without a fill, `failed` how a strategy failed, and `held_back` the share of the time (0 to
    1) that each cause held entries back."""

    run_id: str
    journal: str
    signals: int
    orders: int
    fills: int
    targets: list[ReasonCount]
    denied: list[ReasonCount]
    unfilled: list[ReasonCount]
    untraded: list[Untraded]
    failed: dict[str, str]
    held_back: dict[str, float]
    note: str
