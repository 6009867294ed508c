"""What happens, in seven families.

Events are frozen facts. *Inputs* come from outside (market data, exchange reports, commands, timers);
everything else is *derived*: a pure consequence of the inputs so far. An event knows nothing of its
place in history; `Record` gives it one: its sequence number, the moment it was dispatched, and the
record that caused it (0 for an input).

Seven families, each with a base class or one class that users make themselves:

    market data       MarketDataEvent      quotes, books and bars: see `domain.market_events`
    strategy signal   StrategySignalEvent  QuotesWanted: all that a strategy wants to rest
    portfolio         PortfolioEvent       TargetComputed, PositionChanged, FillShared,
                                           StrategiesCrossed, AllocationRequested,
                                           TrailMoved, BracketTriggered
    order             OrderEvent           OrderInitialized, OrderSubmitted, CancelRequested
    risk              RiskEvent            OrderApproved, OrderDenied, ...: see `domain.risk_events`
    execution         ExecutionEvent       OrderAccepted, OrderFilled, ...: see `domain.execution_events`
    system            SystemEvent          commands and timers too: see `domain.system_events`

The journal's header carries the version of these shapes, `WIRE_VERSION`.
"""

from decimal import Decimal
from math import isfinite, nan
from typing import ClassVar, get_args

from msgspec import Struct, field
from msgspec.structs import force_setattr

from tradectl.domain.brackets import Bracket
from tradectl.domain.event import (
    Acceptance,
    CloseCause,
    Command,
    Event,
    EventPriority,
    EventType,
    IncomeKind,
    Liquidity,
    ReasonCode,
    RestrictionKind,
    RiskAction,
    SignalAction,
    SystemEventKind,
)
from tradectl.domain.execution_events import (
    AccountReported,
    CancelRejected,
    CashMoved,
    ExecutionEvent,
    ForeignTrade,
    FundingPaid,
    InstrumentChanged,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderOutcomeLost,
    OrderRejected,
    OrderTriggered,
    PositionLiquidated,
    trade_key,
)
from tradectl.domain.market_events import (
    BarEvent,
    BarOpened,
    BookEvent,
    MarketDataEvent,
    QuoteEvent,
)
from tradectl.domain.notes import NoteValue, sane_notes
from tradectl.domain.orders import Leg, OrderSpec
from tradectl.domain.quotes import NO_QUOTES, QuoteSet
from tradectl.domain.risk_events import (
    HaltContinued,
    LimitBreached,
    OrderApproved,
    OrderDenied,
    PauseEnded,
    QuotesApproved,
    QuotesDenied,
    RiskEvent,
    SizeChanged,
    SymbolRestricted,
)
from tradectl.domain.shares import Share, StrategyTarget
from tradectl.domain.system_events import (
    CommandReceived,
    EmergencyStopReceived,
    OrderCommandReceived,
    SettingChange,
    SettingsChanged,
    SuccessorShown,
    SystemEvent,
    TimerFired,
    TradingConcluded,
    WarmUpReceived,
)

WIRE_VERSION = 11


# --- decisions -------------------------------------------------------------------------------------


class StrategySignalEvent(Event, frozen=True, gc=False, kw_only=True):
    """What a strategy wants of a symbol. `strength` (0 to 1) scales the position, `confidence`
    (0 to 1) its weight against other strategies. `followed`: there is another signal for the symbol at
    the same moment, and nothing is ordered before that one is heard as well. `notes` are values that the
    strategy looked at, by name: they decide nothing. `bracket` are the exits of the position that it asks
    for, leg by leg instead of those of the strategy's configuration."""

    event_type: ClassVar[EventType] = EventType.STRATEGY_SIGNAL

    symbol: str
    action: SignalAction
    strategy: str
    strength: float = 1.0
    confidence: float = 1.0
    reason: str = ""
    followed: bool = False
    notes: dict[str, NoteValue] = field(default_factory=dict)
    bracket: Bracket | None = None

    def __post_init__(self) -> None:
        """Floats, so that JSON gives back what it was given: a Decimal would be a text there."""
        for name, value in (("strength", self.strength), ("confidence", self.confidence)):
            if type(value) is not float or not isfinite(value):
                force_setattr(self, name, _finite(name, value))
        if self.notes:
            force_setattr(self, "notes", sane_notes(self.notes))


def _finite(name: str, value: object) -> float:
    number = float(value) if isinstance(value, (float, int, Decimal)) else nan
    if not isfinite(number):
        raise ValueError(f"a signal's {name} must be a finite number, got {value!r}")
    return number


class QuotesWanted(Event, frozen=True, gc=False, kw_only=True):
    """All that a strategy wants to rest in a symbol, instead of what it wanted before; nothing, to rest
    nowhere."""

    event_type: ClassVar[EventType] = EventType.STRATEGY_SIGNAL

    symbol: str
    strategy: str
    quotes: QuoteSet = NO_QUOTES
    reason: str = ""
    notes: dict[str, NoteValue] = field(default_factory=dict)


class PortfolioEvent(Event, frozen=True, gc=False, kw_only=True):
    """Base of what happens to the portfolio."""

    event_type: ClassVar[EventType] = EventType.PORTFOLIO

    symbol: str


class TargetComputed(PortfolioEvent, frozen=True, gc=False, kw_only=True):
    """Where the portfolio wants a position to be, and what of it is asked for now.

    `change` is zero when nothing is to be done; `code` and `reason` then say why. `strategies` are the
    targets of those strategies whose target is another one now.
    """

    target: Decimal
    current: Decimal
    change: Decimal
    reason: str = ""
    code: ReasonCode | None = None
    strategies: tuple[StrategyTarget, ...] = ()


class PositionChanged(PortfolioEvent, frozen=True, gc=False, kw_only=True):
    """The books right after a fill: the position, and the account's cash and totals."""

    quantity: Decimal
    cost: Decimal
    realized: Decimal
    cash: Decimal
    fees: Decimal


class FillShare(Struct, frozen=True, gc=False):
    """A strategy's part of a fill: signed coins, and what of the fee (quote currency) it paid."""

    strategy: str
    quantity: Decimal
    fee: Decimal


class FillShared(PortfolioEvent, frozen=True, gc=False, kw_only=True):
    """Whose a fill is, at its price, where its order does not name the one strategy: of an order for
    several, or for all, each one's part. Those that went against it crossed with the others."""

    order_id: str
    trade_id: str
    price: Decimal
    shares: tuple[FillShare, ...]


class StrategiesCrossed(PortfolioEvent, frozen=True, gc=False, kw_only=True):
    """Strategies traded with each other, without an order: signed `shares` that add up to zero, at
    `price`."""

    price: Decimal
    shares: tuple[Share, ...]
    reason: str = ""


class TrailMoved(PortfolioEvent, frozen=True, gc=False, kw_only=True):
    """The trailing stop of a strategy's position begins, or is tightened, to `price`."""

    at_once: ClassVar[bool] = True

    strategy: str
    price: Decimal


class BracketTriggered(PortfolioEvent, frozen=True, gc=False, kw_only=True):
    """The market has come to a `leg` of a strategy's bracket that does not rest at its exchange: to its
    `price`. The strategy is out from here on; orders follow."""

    strategy: str
    leg: Leg
    price: Decimal


# --- orders ----------------------------------------------------------------------------------------


class AllocationRequested(PortfolioEvent, frozen=True, gc=False, kw_only=True):
    """Weights are wanted for these `symbols`: `WeightsComputed` answers, by this record's number."""

    symbol: str = ""
    symbols: tuple[str, ...]
    reason: str = ""


class WeightsComputed(PortfolioEvent, frozen=True, gc=False, kw_only=True):
    """An input: shares of equity by symbol that were worked out outside of the core, for record number
    `request`. Without any, `failure` says why there are none."""

    symbol: str = ""
    request: int
    weights: dict[str, Decimal] = field(default_factory=dict)
    failure: str = ""


class SharesComputed(PortfolioEvent, frozen=True, gc=False, kw_only=True):
    """The strategies' shares of the portfolio from period number `period` of the history on."""

    symbol: str = ""
    period: int
    shares: dict[str, Decimal]


class OrderEvent(Event, frozen=True, gc=False, kw_only=True):
    """Base of what we do with an order of ours."""

    event_type: ClassVar[EventType] = EventType.ORDER


class OrderInitialized(OrderEvent, frozen=True, gc=False, kw_only=True):
    """An order intended: nothing leaves before risk has approved it."""

    order: OrderSpec
    reason: str = ""


class OrderSubmitted(OrderEvent, frozen=True, gc=False, kw_only=True):
    """An approved order was released to the gateway: it leaves once this is durable. One with a plan was
    released to be worked here."""

    order_id: str
    symbol: str


class CancelRequested(OrderEvent, frozen=True, gc=False, kw_only=True):
    """We asked for a working order to be cancelled. With `makes_room` it is a stop that binds the coins
    which are to be sold: it comes back where they are not."""

    order_id: str
    symbol: str
    reason: str = ""
    makes_room: bool = False


AnyEvent = (
    MarketDataEvent | QuoteEvent | BookEvent | BarEvent | BarOpened
    | StrategySignalEvent | QuotesWanted
    | TargetComputed | PositionChanged | FillShared | StrategiesCrossed
    | AllocationRequested | WeightsComputed | SharesComputed
    | TrailMoved | BracketTriggered
    | OrderInitialized | OrderSubmitted | CancelRequested
    | OrderApproved | OrderDenied | LimitBreached | PauseEnded | SizeChanged
    | SymbolRestricted | HaltContinued | QuotesApproved | QuotesDenied
    | OrderAccepted | OrderRejected | OrderTriggered | OrderFilled | OrderCanceled | OrderExpired
    | CancelRejected | OrderOutcomeLost | AccountReported | PositionLiquidated | FundingPaid
    | CashMoved | InstrumentChanged
    | SystemEvent | CommandReceived | EmergencyStopReceived | OrderCommandReceived
    | SettingsChanged | SuccessorShown
    | TradingConcluded | TimerFired | WarmUpReceived
)  # fmt: skip
"""Every event there is: what a journal may hold. The families' bases are not among them."""

KINDS: frozenset[type[Event]] = frozenset(get_args(AnyEvent))

OrderReport = ExecutionEvent | OrderDenied
"""What comes back of an order that was submitted: the exchange's word, or the gate's that it did not
leave."""


class Record(Struct, frozen=True, gc=False, omit_defaults=True):
    """An event in its place: `seq` counts from 1, `at` is ns UTC, `cause` is 0 for an input."""

    seq: int
    at: int
    event: AnyEvent
    cause: int = 0


__all__ = [
    "KINDS",
    "WIRE_VERSION",
    "Acceptance",
    "AccountReported",
    "AllocationRequested",
    "AnyEvent",
    "BarEvent",
    "BarOpened",
    "BookEvent",
    "BracketTriggered",
    "CancelRejected",
    "CancelRequested",
    "CashMoved",
    "CloseCause",
    "Command",
    "CommandReceived",
    "EmergencyStopReceived",
    "Event",
    "EventPriority",
    "EventType",
    "ExecutionEvent",
    "FillShare",
    "FillShared",
    "ForeignTrade",
    "FundingPaid",
    "HaltContinued",
    "IncomeKind",
    "InstrumentChanged",
    "LimitBreached",
    "Liquidity",
    "MarketDataEvent",
    "OrderAccepted",
    "OrderApproved",
    "OrderCanceled",
    "OrderCommandReceived",
    "OrderDenied",
    "OrderEvent",
    "OrderExpired",
    "OrderFilled",
    "OrderInitialized",
    "OrderOutcomeLost",
    "OrderRejected",
    "OrderReport",
    "OrderSubmitted",
    "OrderTriggered",
    "PauseEnded",
    "PortfolioEvent",
    "PositionChanged",
    "PositionLiquidated",
    "QuoteEvent",
    "QuotesApproved",
    "QuotesDenied",
    "QuotesWanted",
    "Record",
    "RestrictionKind",
    "RiskAction",
    "RiskEvent",
    "SettingChange",
    "SettingsChanged",
    "SharesComputed",
    "SignalAction",
    "SizeChanged",
    "StrategiesCrossed",
    "StrategySignalEvent",
    "SuccessorShown",
    "SymbolRestricted",
    "SystemEvent",
    "SystemEventKind",
    "TargetComputed",
    "TimerFired",
    "TradingConcluded",
    "TrailMoved",
    "WarmUpReceived",
    "WeightsComputed",
    "trade_key",
]
