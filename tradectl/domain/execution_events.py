"""What exchanges report: of our orders, and of what the account holds there.

All of it is input. What a report makes of an order is looked up in the order table (`domain.orders`), in
the column that its `trigger` names.
"""

from decimal import Decimal
from typing import ClassVar

from msgspec import Struct, field

from tradectl.domain.event import (
    Acceptance,
    CloseCause,
    Event,
    EventPriority,
    EventType,
    IncomeKind,
    Liquidity,
)
from tradectl.domain.instruments import Instrument, MarginMode
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import Trigger
from tradectl.domain.refusals import RefusalCause


class ExecutionEvent(Event, frozen=True, gc=False, kw_only=True):
    """Base of an exchange's word on one of our orders. `trigger` is its column in the order table
    (`domain.orders`)."""

    event_type: ClassVar[EventType] = EventType.EXECUTION
    priority: ClassVar[EventPriority] = EventPriority.EXECUTION
    trigger: ClassVar[Trigger]

    order_id: str
    symbol: str
    venue_order_id: str = ""
    reason: str = ""


class OrderAccepted(ExecutionEvent, frozen=True, gc=False, kw_only=True):
    """It works there."""

    trigger: ClassVar[Trigger] = Trigger.ACCEPT


class OrderRejected(ExecutionEvent, frozen=True, gc=False, kw_only=True):
    """The exchange refused it; `cause` is what the reason comes to."""

    trigger: ClassVar[Trigger] = Trigger.REJECT

    cause: RefusalCause = RefusalCause.OTHER


class OrderTriggered(ExecutionEvent, frozen=True, gc=False, kw_only=True):
    """The market came to a stop: from now on it trades like any other."""

    trigger: ClassVar[Trigger] = Trigger.STOP_TRIGGERED


class OrderCanceled(ExecutionEvent, frozen=True, gc=False, kw_only=True):
    """It ended by a cancel, with whatever it had traded. `by_exchange`: the exchange did it by itself (a
    liquidation, a delisting, self-trade prevention), or may have: its dead-man switch."""

    trigger: ClassVar[Trigger] = Trigger.CANCEL

    by_exchange: bool = False


class OrderExpired(ExecutionEvent, frozen=True, gc=False, kw_only=True):
    """It ended by its own terms (ioc, fok, reduce-only), or never came there."""

    trigger: ClassVar[Trigger] = Trigger.EXPIRE


class CancelRejected(ExecutionEvent, frozen=True, gc=False, kw_only=True):
    """The exchange refused a cancel: there was nothing to cancel."""

    trigger: ClassVar[Trigger] = Trigger.CANCEL_REJECT


class OrderOutcomeLost(ExecutionEvent, frozen=True, gc=False, kw_only=True):
    """It was sent, and no answer came that can be believed: unknown until the exchange's own word."""

    trigger: ClassVar[Trigger] = Trigger.LOSE


class OrderFilled(ExecutionEvent, frozen=True, gc=False, kw_only=True):
    """A fill is a fact; the books know whether it is the last one of its order.

    `fee` is what it cost in the quote currency, and `fee_currency` what it was paid in: where that is
    another one, `fee_paid` is the amount of it. `ts` is the exchange's time, ns UTC.
    """

    trigger: ClassVar[Trigger] = Trigger.FILL

    trade_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal = ZERO
    fee_currency: str = ""
    liquidity: Liquidity = Liquidity.TAKER
    ts: int = 0
    fee_paid: Decimal = ZERO


class InstrumentChanged(Event, frozen=True, gc=False, kw_only=True):
    """An exchange has other rules for a symbol than before: from now on it is traded by these."""

    event_type: ClassVar[EventType] = EventType.EXECUTION
    priority: ClassVar[EventPriority] = EventPriority.EXECUTION

    instrument: Instrument


def trade_key(symbol: str, trade_id: str) -> str:
    """A trade's name at its exchange, whose ids count by symbol."""
    return f"{symbol}:{trade_id}"


class ForeignTrade(Struct, frozen=True, gc=False):
    """A trade of the account that no order of ours made: `trade_id` is the exchange's own, `fee` in the
    quote currency, `fee_paid` what was paid of it in another one, `fee_currency`, `ts` the exchange's
    time, ns UTC."""

    trade_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal = ZERO
    ts: int = 0
    fee_paid: Decimal = ZERO
    fee_currency: str = ""

    @property
    def signed(self) -> Decimal:
        return self.side.signed(self.quantity)


class AccountReported(Event, frozen=True, gc=False, kw_only=True):
    """What an exchange says that the account holds there.

    `positions` are signed quantities by symbol (on spot the coins, free and bound), of those symbols that
    can be compared now; `cash` is the quote currency's total, None where it cannot be compared. With
    `accept` the operator says what the differences are, of `symbols` alone where some are named, and at
    what `price` they are booked. `told_at` is the exchange's time as it was asked (ns UTC), 0 where it
    does not tell. `bound` are the coins that orders of others offer, which `bound_by` names, and `trades`
    those of others, oldest first, of symbols that are not as expected. `income_until` (ns UTC, of the
    exchange's clock) is up to when all that it had moved money for by itself was reported before this, as
    far as it told; 0 where it was not asked. `newest` is the time of the newest fill there, ns UTC by its
    clock. In hedge mode `positions` are those on our side, `beside` what is held on the other (signed).
    """

    event_type: ClassVar[EventType] = EventType.EXECUTION
    priority: ClassVar[EventPriority] = EventPriority.EXECUTION

    exchange: str
    positions: dict[str, Decimal]
    cash: Decimal | None = None
    tolerance: Decimal = ZERO
    accept: Acceptance | None = None
    symbols: tuple[str, ...] = ()
    price: Decimal | None = None
    bound: dict[str, Decimal] = field(default_factory=dict)
    bound_by: dict[str, tuple[str, ...]] = field(default_factory=dict)
    trades: tuple[ForeignTrade, ...] = ()
    income_until: int = 0
    newest: int = 0
    told_at: int = 0
    beside: dict[str, Decimal] = field(default_factory=dict)


class PositionLiquidated(Event, frozen=True, gc=False, kw_only=True):
    """A position was closed by no order of ours: an exchange traded `quantity` on `side` because the
    collateral of a perpetual no longer sufficed, or for another `cause`; or somebody else did (`manual`).
    `fee` is the fee for that and `insurance` the loss beyond the collateral, which the exchange bears; of
    a `quantity` of zero there was only that left to bear. `ts` is the exchange's time, ns UTC.

    A real exchange is named (`exchange`), closes of what is not ours, too, and tells of it again and
    again: by `liquidation_id` it is booked once. `fee_paid` is the fee in a third currency,
    `fee_currency`.
    """

    event_type: ClassVar[EventType] = EventType.EXECUTION
    priority: ClassVar[EventPriority] = EventPriority.EXECUTION

    symbol: str
    liquidation_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal = ZERO
    insurance: Decimal = ZERO
    margin: MarginMode = MarginMode.CROSS
    ts: int = 0
    cause: CloseCause = CloseCause.LIQUIDATION
    exchange: str = ""
    fee_paid: Decimal = ZERO
    fee_currency: str = ""


class FundingPaid(Event, frozen=True, gc=False, kw_only=True):
    """Longs and shorts of a perpetual settled at `ts` (ns UTC): the account got `payment`, below zero
    where it paid. It is -rate x quantity x price, of the signed quantity held at that moment at the mark
    price; longs pay a rate above zero.

    A real exchange is named (`exchange`), and tells the amount alone: by `income_id`, its own, it is
    booked once, however often and late it is told.
    """

    event_type: ClassVar[EventType] = EventType.EXECUTION
    priority: ClassVar[EventPriority] = EventPriority.EXECUTION

    symbol: str
    payment: Decimal
    ts: int
    rate: Decimal = ZERO
    quantity: Decimal = ZERO
    price: Decimal = ZERO
    exchange: str = ""
    income_id: str = ""


class CashMoved(Event, frozen=True, gc=False, kw_only=True):
    """An exchange moved `amount` to (+) or from the account's cash by itself: income of a `kind`, or the
    account's owner's transfer. By `income_id`, the exchange's own, it is booked once. `symbol` is empty
    where it concerns none, `ts` the exchange's time, ns UTC.
    """

    event_type: ClassVar[EventType] = EventType.EXECUTION
    priority: ClassVar[EventPriority] = EventPriority.EXECUTION

    exchange: str
    income_id: str
    kind: IncomeKind
    amount: Decimal
    symbol: str = ""
    ts: int = 0
