"""An order and its life, written as a table.

`NEXT[status, trigger]` is the status after it. What the table does not have cannot happen:
`step` raises. The world's oddities are rows like any other: a fill may come before the
acknowledgement, a cancel may lose its race against a fill, and a fill may still arrive after a cancel
or for an order given up as unknown.
"""

import base64
import hashlib
import re
from decimal import Decimal
from enum import StrEnum
from functools import cache, lru_cache

from msgspec import Struct

from tradectl.domain.errors import IllegalTransition
from tradectl.domain.money import ZERO, Side
from tradectl.domain.plans import ExecutionPlan
from tradectl.domain.shares import Share, part_of


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop_market"
    STOP_LIMIT = "stop_limit"

    @property
    def is_stop(self) -> bool:
        return self in _STOPS

    @property
    def has_limit(self) -> bool:
        return self in _WITH_LIMIT


_STOPS = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})
_WITH_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class Leg(StrEnum):
    """Of a bracket: what one of its orders, or a price that is watched, is for."""

    STOP_LOSS = "stop_loss"
    TRAILING_STOP = "trailing_stop"
    TAKE_PROFIT = "take_profit"

    @property
    def words(self) -> str:
        return self.replace("_", " ")


class OrderStatus(StrEnum):
    INITIALIZED = "initialized"
    """wanted by the portfolio, not yet judged by risk"""
    DENIED = "denied"
    """refused by us"""
    APPROVED = "approved"
    """let pass by risk, not yet released"""
    SUBMITTED = "submitted"
    """released to the gateway, not yet answered"""
    ACCEPTED = "accepted"
    """working at the exchange"""
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    UNKNOWN = "unknown"
    """sent, and the answer was lost: only the exchange's own word resolves it"""
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    """refused by the exchange"""
    EXPIRED = "expired"


class Trigger(StrEnum):
    """What can happen to an order. The later ones are what an exchange reports."""

    DENY = "deny"
    APPROVE = "approve"
    SUBMIT = "submit"
    REQUEST_CANCEL = "request_cancel"
    ACCEPT = "accepted"
    REJECT = "rejected"
    STOP_TRIGGERED = "triggered"
    PARTIAL_FILL = "partial_fill"
    FILL = "fill"
    CANCEL = "canceled"
    CANCEL_REJECT = "cancel_rejected"
    EXPIRE = "expired"
    LOSE = "unknown"


S, T = OrderStatus, Trigger
INITIALIZED = S.INITIALIZED

NEXT: dict[tuple[OrderStatus, Trigger], OrderStatus] = {
    (S.INITIALIZED, T.DENY): S.DENIED,
    (S.INITIALIZED, T.APPROVE): S.APPROVED,
    # released in the same step; where a crash came in between, it never left
    (S.APPROVED, T.SUBMIT): S.SUBMITTED,
    (S.APPROVED, T.REQUEST_CANCEL): S.PENDING_CANCEL,
    (S.APPROVED, T.EXPIRE): S.EXPIRED,
    # submitted: the gate may hold it back, and any answer may be the first one
    (S.SUBMITTED, T.DENY): S.DENIED,
    (S.SUBMITTED, T.ACCEPT): S.ACCEPTED,
    (S.SUBMITTED, T.REJECT): S.REJECTED,
    (S.SUBMITTED, T.PARTIAL_FILL): S.PARTIALLY_FILLED,
    (S.SUBMITTED, T.FILL): S.FILLED,
    (S.SUBMITTED, T.CANCEL): S.CANCELED,
    (S.SUBMITTED, T.EXPIRE): S.EXPIRED,
    (S.SUBMITTED, T.LOSE): S.UNKNOWN,
    (S.SUBMITTED, T.REQUEST_CANCEL): S.PENDING_CANCEL,
    (S.SUBMITTED, T.CANCEL_REJECT): S.SUBMITTED,
    # working
    (S.ACCEPTED, T.ACCEPT): S.ACCEPTED,
    (S.ACCEPTED, T.STOP_TRIGGERED): S.ACCEPTED,
    (S.ACCEPTED, T.REJECT): S.REJECTED,
    (S.ACCEPTED, T.PARTIAL_FILL): S.PARTIALLY_FILLED,
    (S.ACCEPTED, T.FILL): S.FILLED,
    (S.ACCEPTED, T.CANCEL): S.CANCELED,
    (S.ACCEPTED, T.EXPIRE): S.EXPIRED,
    (S.ACCEPTED, T.LOSE): S.UNKNOWN,
    (S.ACCEPTED, T.REQUEST_CANCEL): S.PENDING_CANCEL,
    (S.PARTIALLY_FILLED, T.ACCEPT): S.PARTIALLY_FILLED,
    (S.PARTIALLY_FILLED, T.STOP_TRIGGERED): S.PARTIALLY_FILLED,
    (S.PARTIALLY_FILLED, T.PARTIAL_FILL): S.PARTIALLY_FILLED,
    (S.PARTIALLY_FILLED, T.FILL): S.FILLED,
    (S.PARTIALLY_FILLED, T.CANCEL): S.CANCELED,
    (S.PARTIALLY_FILLED, T.EXPIRE): S.EXPIRED,
    (S.PARTIALLY_FILLED, T.LOSE): S.UNKNOWN,
    (S.PARTIALLY_FILLED, T.REQUEST_CANCEL): S.PENDING_CANCEL,
    # asked to cancel, perhaps before it left: a fill may still win the race
    (S.PENDING_CANCEL, T.SUBMIT): S.PENDING_CANCEL,
    (S.PENDING_CANCEL, T.DENY): S.DENIED,
    (S.PENDING_CANCEL, T.ACCEPT): S.PENDING_CANCEL,
    (S.PENDING_CANCEL, T.STOP_TRIGGERED): S.PENDING_CANCEL,
    (S.PENDING_CANCEL, T.REJECT): S.REJECTED,
    (S.PENDING_CANCEL, T.PARTIAL_FILL): S.PENDING_CANCEL,
    (S.PENDING_CANCEL, T.FILL): S.FILLED,
    (S.PENDING_CANCEL, T.CANCEL): S.CANCELED,
    (S.PENDING_CANCEL, T.CANCEL_REJECT): S.ACCEPTED,
    (S.PENDING_CANCEL, T.EXPIRE): S.EXPIRED,
    (S.PENDING_CANCEL, T.LOSE): S.UNKNOWN,
    (S.PENDING_CANCEL, T.REQUEST_CANCEL): S.PENDING_CANCEL,
    # unknown: the exchange's word, whichever it is, ends the doubt
    (S.UNKNOWN, T.ACCEPT): S.ACCEPTED,
    (S.UNKNOWN, T.STOP_TRIGGERED): S.ACCEPTED,
    (S.UNKNOWN, T.REJECT): S.REJECTED,
    (S.UNKNOWN, T.PARTIAL_FILL): S.PARTIALLY_FILLED,
    (S.UNKNOWN, T.FILL): S.FILLED,
    (S.UNKNOWN, T.CANCEL): S.CANCELED,
    (S.UNKNOWN, T.EXPIRE): S.EXPIRED,
    (S.UNKNOWN, T.LOSE): S.UNKNOWN,
    (S.UNKNOWN, T.REQUEST_CANCEL): S.UNKNOWN,
    # over, yet a late fill is a fact, and a late answer changes nothing
    (S.CANCELED, T.PARTIAL_FILL): S.CANCELED,
    (S.CANCELED, T.FILL): S.FILLED,
    (S.EXPIRED, T.PARTIAL_FILL): S.EXPIRED,
    (S.EXPIRED, T.FILL): S.FILLED,
    (S.REJECTED, T.PARTIAL_FILL): S.REJECTED,
    (S.REJECTED, T.FILL): S.FILLED,
    **{
        (over, late): over
        for over in (S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED)
        for late in (
            T.ACCEPT,
            T.REJECT,
            T.STOP_TRIGGERED,
            T.CANCEL,
            T.CANCEL_REJECT,
            T.EXPIRE,
            T.LOSE,
        )
    },
    # that it expired may have been presumed, of an order that the exchange did not know for a while
    (S.EXPIRED, T.CANCEL): S.CANCELED,
    (S.EXPIRED, T.REJECT): S.REJECTED,
    # a cancel refused twice, or after the order moved on, or of one that never left
    (S.DENIED, T.CANCEL_REJECT): S.DENIED,
    (S.ACCEPTED, T.CANCEL_REJECT): S.ACCEPTED,
    (S.PARTIALLY_FILLED, T.CANCEL_REJECT): S.PARTIALLY_FILLED,
    (S.UNKNOWN, T.CANCEL_REJECT): S.UNKNOWN,
}

WORKING = frozenset(
    {
        S.APPROVED,
        S.SUBMITTED,
        S.ACCEPTED,
        S.PARTIALLY_FILLED,
        S.PENDING_CANCEL,
        S.UNKNOWN,
    },
)
"""Statuses in which an order may still trade: its exposure counts."""


TAG_LENGTH = 5
_OF_A_TRADECTL = re.compile(r"tc[a-z2-7]{16}")


@cache
def order_tag(account_id: str) -> str:
    """What the client order ids of all orders of an account begin with: how ours are told apart."""
    return "tc" + _digest(account_id)[: TAG_LENGTH - 2]


def tag_of(client_order_id: str) -> str:
    """The tag of an order that a tradectl sent, whichever account it is of; empty for any other."""
    return client_order_id[:TAG_LENGTH] if _OF_A_TRADECTL.fullmatch(client_order_id) else ""


@lru_cache(maxsize=4096)
def client_order_id(account_id: str, order_id: str) -> str:
    """The id under which an exchange knows our order: always the same for the same intent.

    Eighteen lower case letters and digits (65 bits of a SHA-256), which every exchange takes.
    """
    return order_tag(account_id) + _digest(order_id)[:13]


def run_of(order_id: str) -> str:
    """The run that made the order: ids are made of (run, seq, n)."""
    return order_id.rsplit("-", 2)[0]


def _digest(text: str) -> str:
    """The first 16 characters (80 bits) of a SHA-256, in base 32."""
    return base64.b32encode(hashlib.sha256(text.encode()).digest()[:10]).decode().lower()


def step(status: OrderStatus, trigger: Trigger) -> OrderStatus:
    """The status after `trigger`. Raises IllegalTransition where the table has no row."""
    try:
        return NEXT[status, trigger]
    except KeyError:
        raise IllegalTransition(f"an order that is {status} cannot be {trigger}") from None


PROTECTOR = "stop-loss"
"""The name that protective stops are entered under."""
BY_HAND = "by-hand"
"""The owner of what an operator orders: a virtual position like a strategy's, which no strategy
undoes."""
NOBODYS = ("", PROTECTOR)
"""No strategy's own."""


class OrderSpec(Struct, frozen=True, gc=False, omit_defaults=True):
    """What is asked of an exchange: never changes. Quantities in coins, prices in the quote currency.

    `tag` is the level of a strategy's quotes that it is; no other order has one.

    An order is for one `strategy`; or for several, whose `shares` (signed, by configuration) add up to
    it; or for all that hold the symbol, where it only takes the position down (stops, closings). It may
    be a `leg` of its strategy's bracket.

    One with a `plan` does not leave itself: its children do, each of which names it (`parent_id`), and,
    where the plan has a budget for that, the middle of the market as it was made (`mid`).
    """

    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    type: OrderType = OrderType.MARKET
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    strategy: str = ""
    shares: tuple[Share, ...] = ()
    parent_id: str = ""
    plan: ExecutionPlan | None = None
    leg: Leg | None = None
    tag: str = ""
    mid: Decimal | None = None

    @property
    def owners(self) -> tuple[str, ...]:
        """The strategies that wanted it; none where it is for all."""
        if self.shares:
            return tuple(share.strategy for share in self.shares)
        return () if self.strategy in NOBODYS else (self.strategy,)

    @property
    def is_for_all(self) -> bool:
        """For every strategy that holds the symbol, in proportion."""
        return self.strategy in NOBODYS and not self.shares

    @property
    def is_for_one(self) -> bool:
        return self.strategy not in NOBODYS and not self.shares

    @property
    def entered_by(self) -> str:
        """As it is shown: the strategy's name, or all of them."""
        return ", ".join(self.owners) if self.shares else self.strategy

    @property
    def is_stop_loss(self) -> bool:
        """A protective stop, or the market order in place of one that came too late."""
        is_leg = self.leg is not None and self.leg is not Leg.TAKE_PROFIT
        return is_leg or self.strategy == PROTECTOR or self.is_protective

    @property
    def is_target(self) -> bool:
        """The take-profit of a bracket: it waits for its price, and is no step toward any target."""
        return self.leg is Leg.TAKE_PROFIT

    @property
    def waits_apart(self) -> bool:
        """A protective stop, a take-profit or a quote: nothing counts on its fill."""
        is_protective = (
            self.reduce_only and self.type.is_stop
        )  # asked of every order, over and over
        return is_protective or self.leg is Leg.TAKE_PROFIT or bool(self.tag)

    @property
    def is_at_once(self) -> bool:
        """It does not wait for its price: what it does not find at once is not done."""
        if self.plan is not None:
            return False
        return self.type is OrderType.MARKET or (
            self.type is OrderType.LIMIT and self.time_in_force is not TimeInForce.GTC
        )

    @property
    def is_protective(self) -> bool:
        """A stop that can only take a position nearer to zero: it waits there for the day when nobody
        watches, and is no step toward any target."""
        return self.reduce_only and self.type.is_stop


class Order(Struct, gc=False, omit_defaults=True):
    """An order as the books know it. `cost` is the notional filled so far, `trades` the fills' ids as
    they came; of one with a plan what its children filled, whose the trades are; `beyond_mid` what that
    cost against the middle of the market as each was made, of `cost_with_mid` where it is known."""

    spec: OrderSpec
    created_at: int
    updated_at: int
    status: OrderStatus = OrderStatus.INITIALIZED
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fees: Decimal = ZERO
    venue_order_id: str = ""
    reason: str = ""
    trades: dict[str, None] = {}
    beyond_mid: Decimal = ZERO
    cost_with_mid: Decimal = ZERO

    @property
    def remaining(self) -> Decimal:
        return self.spec.quantity - self.filled

    @property
    def coming(self) -> Decimal:
        """What it may still add to the position, signed."""
        return self.spec.side.signed(self.remaining)

    def coming_for(self, lot: Decimal) -> dict[str, Decimal]:
        """What it may still add, signed, for each strategy that wanted it; nothing where it is for all.
        `lot` is the quantity step."""
        spec = self.spec
        if not spec.shares:
            return {} if spec.is_for_all else {spec.strategy: self.coming}
        wants = {share.strategy: share.quantity for share in spec.shares}
        had = part_of(wants, spec.side.signed(self.filled), lot)
        return {name: want - had[name] for name, want in wants.items()}

    @property
    def is_working(self) -> bool:
        return self.status in WORKING

    @property
    def is_over(self) -> bool:
        return self.status not in WORKING and self.status is not INITIALIZED

    @property
    def average_price(self) -> Decimal | None:
        return self.cost / self.filled if self.filled else None
