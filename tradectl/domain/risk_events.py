"""What risk decides of orders and quotes, and what it finds in the account."""

from decimal import Decimal
from typing import ClassVar

from tradectl.domain.commands import ApprovedOrder
from tradectl.domain.event import Event, EventPriority, EventType, RestrictionKind, RiskAction
from tradectl.domain.quotes import NO_QUOTES, QuoteSet
from tradectl.domain.states import TradingState


class RiskEvent(Event, frozen=True, gc=False, kw_only=True):
    """Base of what risk decides and finds."""

    event_type: ClassVar[EventType] = EventType.RISK
    priority: ClassVar[EventPriority] = EventPriority.RISK


class OrderApproved(RiskEvent, frozen=True, gc=False, kw_only=True):
    """Risk let an order pass: what it carries may be submitted, and nothing else. It takes its part of
    every limit before the next order is looked at."""

    at_once: ClassVar[bool] = True

    order: ApprovedOrder

    @property
    def order_id(self) -> str:
        return self.order.spec.order_id


class OrderDenied(RiskEvent, frozen=True, gc=False, kw_only=True):
    """We refused an order: the check's `code`, its `limit` and the `actual` value.

    Risk denies in the cascade of the intent. The gate before an exchange denies what was submitted and
    must not leave after all (`NOT_SENT`): that is an input, in the order of the exchange's answers.
    """

    priority: ClassVar[EventPriority] = EventPriority.EXECUTION

    order_id: str
    symbol: str
    code: str
    message: str
    limit: str = ""
    actual: str = ""


class QuotesApproved(RiskEvent, frozen=True, gc=False, kw_only=True):
    """Risk let what a strategy wants to rest pass as a whole: it is in force before anything else is
    looked at, and each order of it is judged once more as it leaves."""

    at_once: ClassVar[bool] = True

    symbol: str
    strategy: str
    quotes: QuoteSet = NO_QUOTES


class QuotesDenied(RiskEvent, frozen=True, gc=False, kw_only=True):
    """Risk refused it, for the check's `code`, its `limit` and the `actual` value. What of it only
    reduces what the strategy holds is in force; what rested before goes."""

    at_once: ClassVar[bool] = True

    symbol: str
    strategy: str
    code: str
    message: str
    limit: str = ""
    actual: str = ""
    quotes: QuoteSet = NO_QUOTES


class LimitBreached(RiskEvent, frozen=True, gc=False, kw_only=True):
    """A limit reached: `code`, the `limit`, the `actual` value, and what is done about it."""

    code: str
    message: str
    limit: str = ""
    actual: str = ""
    action: RiskAction = RiskAction.ALERT
    symbol: str = ""


class PauseEnded(RiskEvent, frozen=True, gc=False, kw_only=True):
    """A pause by a limit, its `code`, is over by itself; other causes may go on."""

    code: str
    message: str = ""


class SizeChanged(RiskEvent, frozen=True, gc=False, kw_only=True):
    """Positions are scaled by `size` from now on, by a cause of their own, of one `symbol` or of all: the
    next time that targets are sized. A size of 1 is the end of it."""

    cause: str
    size: Decimal
    symbol: str = ""
    message: str = ""
    limit: str = ""
    actual: str = ""


class HaltContinued(RiskEvent, frozen=True, gc=False, kw_only=True):
    """A run begins in the halt that is latched: to see it through, never to trade anew."""

    priority: ClassVar[EventPriority] = EventPriority.EMERGENCY

    state: TradingState
    reason: str


class SymbolRestricted(RiskEvent, frozen=True, gc=False, kw_only=True):
    """Trading in a symbol is restricted for a reason, or no longer for that one (`restricted` False)."""

    symbol: str
    kind: RestrictionKind
    restricted: bool = True
    message: str = ""


__all__ = [
    "HaltContinued",
    "LimitBreached",
    "OrderApproved",
    "OrderDenied",
    "PauseEnded",
    "QuotesApproved",
    "QuotesDenied",
    "RiskEvent",
    "SizeChanged",
    "SymbolRestricted",
]
