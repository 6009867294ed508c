"""What every event is: of a family, of a priority, with a name on the wire; and the words that its
fields may say.

On the wire an event is a JSON object whose `type` is the name of its class in snake_case
(`order_filled`; a trailing Event is left out), and a word is its text.

Modules of events do without `from __future__ import annotations`: the types of fields would be texts,
to be compiled with every start.
"""

import re
from enum import IntEnum, StrEnum
from typing import ClassVar

from msgspec import Struct


class EventType(StrEnum):
    """The seven families; `bus.subscribe` takes one of them."""

    MARKET_DATA = "market_data"
    STRATEGY_SIGNAL = "strategy_signal"
    PORTFOLIO = "portfolio"
    ORDER = "order"
    EXECUTION = "execution"
    RISK = "risk"
    SYSTEM = "system"


class EventPriority(IntEnum):
    """Which waiting input goes first; within one class the oldest does."""

    EMERGENCY = 0
    COMMAND = 1
    EXECUTION = 2
    RISK = 3
    TIMER = 4
    MARKET_DATA = 5


def wire_name(class_name: str) -> str:
    """`order_filled` for OrderFilled, `market_data` for MarketDataEvent."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", class_name.removesuffix("Event")).lower()


class Event(
    Struct,
    frozen=True,
    gc=False,
    omit_defaults=True,
    kw_only=True,
    tag_field="type",
    tag=wire_name,
    rename={"source_component": "by"},
):
    """Base of all events. `source_component` names who said it: `by` on the wire, for it is on every
    line of a journal."""

    event_type: ClassVar[EventType]
    priority: ClassVar[EventPriority] = EventPriority.TIMER
    at_once: ClassVar[bool] = False
    """It is handled before what else waits in its step: the next thing to be judged must see it."""

    source_component: str = ""


class ReasonCode(StrEnum):
    """Why a target is not followed, or nothing was traded. The more important first: what is nearer to a
    fault is said before what is nearer to the market."""

    QUARANTINED = "quarantined"
    NO_DATA = "no_data"
    TIMEFRAME = "timeframe"
    HALTED = "halted"
    PAUSED = "paused"
    RESTRICTED = "restricted"
    REFUSED = "refused"
    DENIED = "denied"
    TOO_SMALL = "too_small"
    COST = "cost"
    """it would cost more than it is worth"""
    NO_WEIGHT = "no_weight"
    """the allocation gives it nothing, or nothing yet"""
    NOT_FILLED = "not_filled"
    WARM_UP = "warm_up"
    NO_SIGNAL = "no_signal"
    NOT_WANTED = "not_wanted"
    ON_TARGET = "on_target"
    """there is nothing to do"""


Reason = tuple[ReasonCode, str]
"""For a program, and for people."""


class SignalAction(StrEnum):
    BUY = "buy"
    """be long"""
    SELL = "sell"
    """be short, or out where one cannot be short"""
    CLOSE = "close"
    """be out"""


class RiskAction(StrEnum):
    """What is done about a limit that was reached, mildest first."""

    ALERT = "alert"
    """said, and nothing else"""
    PAUSE = "pause"
    """no new entries"""
    REDUCE = "reduce"
    """no new entries for good: the account is REDUCING until it is flat"""
    FLATTEN = "flatten"
    """every position is closed at once: the account is FLATTENING"""
    HALT = "halt"
    """the account is HALTED: nothing leaves but the stops that positions lack"""


class RestrictionKind(StrEnum):
    """Why trading in a symbol is restricted."""

    UNRECONCILED = "unreconciled"
    """its exchange has not yet been compared with our books"""
    MISMATCH = "mismatch"
    """the exchange holds another position than our books"""
    BALANCE = "balance"
    """the exchange holds less or more money than our books"""
    STALE = "stale"
    """its market data is old"""
    NOT_TRADED = "not_traded"
    """its exchange takes no orders of it, or is about to delist it"""
    VOLATILE = "volatile"
    """its price moved too far, too fast"""
    AWAY = "away"
    """its exchange does not answer: nothing is entered until it does"""
    BROKEN_BOOK = "broken_book"
    """its order book lost a step, or is crossed"""
    HEDGE_MODE = "hedge_mode"
    """its exchange holds long and short positions of it beside each other"""

    @property
    def blocks_exits(self) -> bool:
        """Even an exit would be of a size that nobody knows."""
        return self is RestrictionKind.UNRECONCILED


class Liquidity(StrEnum):
    MAKER = "maker"
    TAKER = "taker"


class Command(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CLEAR_HALT = "clear_halt"
    EMERGENCY_STOP = "emergency_stop"
    CANCEL_ALL = "cancel_all"
    ORDER = "order"
    """one order by hand"""
    CANCEL = "cancel"
    """one order is cancelled by hand"""
    CLOSE = "close"
    """the position of one symbol is closed by hand"""
    QUARANTINE = "quarantine"
    CONFIGURE = "configure"
    """settings change while it trades"""


class IncomeKind(StrEnum):
    """What an exchange moves money on an account for by itself, no order of anybody being filled."""

    FUNDING = "funding"
    """longs and shorts of a perpetual settle"""
    INSURANCE = "insurance"
    """to (below zero) or from its insurance fund, of a liquidation"""
    INTEREST = "interest"
    """for what was borrowed or lent, and charges for the account itself"""
    REBATE = "rebate"
    """fees given back, kickbacks, bonuses"""
    TRANSFER = "transfer"
    """put in or taken out by the account's owner: neither profit nor loss"""


class CloseCause(StrEnum):
    """Why a position was closed by no order of ours."""

    LIQUIDATION = "liquidation"
    """its collateral no longer sufficed"""
    ADL = "adl"
    """auto-deleveraging: it was the other side of somebody's liquidation"""
    SETTLEMENT = "settlement"
    """the market is delisted"""
    MANUAL = "manual"
    """somebody else with the account's keys traded it away"""


class Acceptance(StrEnum):
    """What the operator says that a difference is between an exchange and our books."""

    EXTERNAL = "external"
    """not ours: shown and compared, never traded"""
    POSITION = "position"
    """ours: what is there is our position, at the mark, as a transfer"""
    FILL = "fill"
    """traded for us: at its price, as profit and loss"""
    TRANSFER = "transfer"
    """money that was put in or taken out"""


class SystemEventKind(StrEnum):
    """What tradectl says about the machine that it runs on, and about itself: every kind there is.
    `ENDS` has those that tell of an end, and `monitoring.alert_rules` how bad each of the others is."""

    ACCESS_REFUSED = "access_refused"
    """an exchange refused our credentials: it is asked again before trading halts"""
    ACCESS_REFUSED_OVER = "access_refused_over"
    ALLOCATION_FAILED = "allocation_failed"
    """no weights could be worked out: those before stay in force"""
    ALLOCATION_FAILED_OVER = "allocation_failed_over"
    BREAKER_OPENED = "breaker_opened"
    """an exchange does not answer: entries wait, and it is asked again after growing pauses"""
    BREAKER_HALF_OPEN = "breaker_half_open"
    """an exchange is asked whether it answers again, or a component that was left alone is tried"""
    BREAKER_STAYED_OPEN = "breaker_stayed_open"
    """it did not: it is asked again after a longer pause"""
    BREAKER_CLOSED = "breaker_closed"
    CANCEL_FAILED = "cancel_failed"
    CANCEL_FAILED_OVER = "cancel_failed_over"
    CHANGED = "changed"
    """program, configuration or strategies are not those of the run before"""
    CLOCK_MOVED = "clock_moved"
    """the computer's clock was set, and is not followed"""
    CLOCK_MOVED_OVER = "clock_moved_over"
    CLOCK_SKEW = "clock_skew"
    CLOCK_SKEW_OVER = "clock_skew_over"
    COINS_BOUND = "coins_bound"
    """orders of others bind coins of ours: no stop covers them, and no exit can sell them"""
    COINS_BOUND_OVER = "coins_bound_over"
    COMPONENT_FAILED = "component_failed"
    COMPONENT_LEFT_ALONE = "component_left_alone"
    """a component, or its check, failed some times in a row: it is tried again after growing pauses. Its
    alert stands since the first of them"""
    COMPONENT_RESTARTED = "component_restarted"
    """a component that failed is tried again"""
    COMPONENT_RECOVERED = "component_recovered"
    COMPONENT_GIVEN_UP = "component_given_up"
    """a component failed too often: nobody restarts it any more"""
    DATA_IGNORED = "data_ignored"
    """market data came that no strategy asked for"""
    DEAD_MAN_FAILED = "dead_man_failed"
    DEAD_MAN_FAILED_OVER = "dead_man_failed_over"
    ENTRY_REFUSED = "entry_refused"
    """an exchange would not take an entry, which is tried again"""
    ENTRY_REFUSED_OVER = "entry_refused_over"
    EXIT_REFUSED = "exit_refused"
    """an exchange would not take an exit: the position stays as it is, and it is tried again"""
    EXIT_REFUSED_OVER = "exit_refused_over"
    EXTERNAL_CHANGED = "external_changed"
    """an exchange holds more or less of what is not ours"""
    FEE_NOT_VALUED = "fee_not_valued"
    FEED_BAD_ROWS = "feed_bad_rows"
    """a file had rows that could not be played: an alert at its end"""
    FEED_LOST = "feed_lost"
    FEED_BACK = "feed_back"
    FEED_STALE = "feed_stale"
    FEED_FRESH = "feed_fresh"
    FILE_FOREIGN = "file_foreign"
    """something of another user is in the place of a file of ours, and counts for nothing: an alert"""
    HISTORY_MISSING = "history_missing"
    """an exchange did not tell of the time before the run: what goes by it begins blind"""
    FUNDING_MISSING = "funding_missing"
    """a file of funding rates does not cover what is traded: an alert"""
    HANDLER_FAILED = "handler_failed"
    HANDLER_FAILED_OVER = "handler_failed_over"
    INCOME_FAILED = "income_failed"
    """an exchange does not tell what it moved money for"""
    INCOME_FAILED_OVER = "income_failed_over"
    INCOME_UNKNOWN = "income_unknown"
    """an exchange moved money for what is neither income nor a transfer"""
    INCONSISTENT = "inconsistent"
    """the books contradict themselves"""
    LOOP_STALLED = "loop_stalled"
    LOOP_STALLED_OVER = "loop_stalled_over"
    """it has turned in time for a while"""
    ORDER_ORPHANED = "order_orphaned"
    """an open order with our tag that the books do not know"""
    ORDER_REOPENED = "order_reopened"
    """an order that was over is said to be open"""
    ORDER_UNKNOWN = "order_unknown"
    ORDER_UNKNOWN_OVER = "order_unknown_over"
    OTHER_TRADECTL = "other_tradectl"
    """another tradectl trades on the same exchange account"""
    POSITION_UNPROTECTED = "position_unprotected"
    """no stop covers a position while trading is reducing or halted"""
    POSITION_UNPROTECTED_OVER = "position_unprotected_over"
    PROJECTION_STALLED = "projection_stalled"
    PROJECTION_STALLED_OVER = "projection_stalled_over"
    RECONCILE_FAILED = "reconcile_failed"
    RECONCILE_FAILED_OVER = "reconcile_failed_over"
    RECOVERED = "recovered"
    """the account of a run that did not end by itself was taken over"""
    RULES_CHANGED = "rules_changed"
    """an exchange has other steps or limits for a symbol than before"""
    RULES_FAILED = "rules_failed"
    """the rules of an exchange's symbols could not be read anew"""
    RULES_FAILED_OVER = "rules_failed_over"
    SLOW_STEP = "slow_step"
    SLOW_STEP_OVER = "slow_step_over"
    """there has been none for a while"""
    STOP_LATE = "stop_late"
    """a position has been without its stop for longer than it takes to place one"""
    STOP_LATE_OVER = "stop_late_over"
    STOP_REFUSED = "stop_refused"
    """a position is without the stop that it should have"""
    STOP_REFUSED_OVER = "stop_refused_over"
    STILL_PAUSED = "still_paused"
    """a run goes on with an account that was paused; `resume` ends it"""
    STRATEGY_ABSENT = "strategy_absent"
    """one that is not configured any more holds a position"""
    STRATEGY_FAILED = "strategy_failed"
    STRATEGY_IDLE = "strategy_idle"
    """a strategy hears nothing that it could trade on"""
    STRATEGY_QUARANTINED = "strategy_quarantined"
    STRATEGY_RELEASED = "strategy_released"
    STRATEGY_RENEWED = "strategy_renewed"
    """a new instance, by other parameters, is in its place"""
    SETTINGS_LEFT = "settings_left"
    """what was applied to the run before is not in force any more"""
    STRATEGY_THROTTLED = "strategy_throttled"
    SYMBOL_UNKNOWN = "symbol_unknown"
    """the simulated market has nothing but a name to go by: an alert"""
    SYMBOL_ABSENT = "symbol_absent"
    """a position is held in a symbol that the run has no market data of"""
    USER_STREAM_LOST = "user_stream_lost"
    USER_STREAM_LOST_OVER = "user_stream_lost_over"


_K = SystemEventKind

ENDS = {
    _K.ACCESS_REFUSED_OVER: _K.ACCESS_REFUSED,
    _K.ALLOCATION_FAILED_OVER: _K.ALLOCATION_FAILED,
    _K.BREAKER_CLOSED: _K.BREAKER_OPENED,
    _K.CANCEL_FAILED_OVER: _K.CANCEL_FAILED,
    _K.CLOCK_MOVED_OVER: _K.CLOCK_MOVED,
    _K.CLOCK_SKEW_OVER: _K.CLOCK_SKEW,
    _K.COINS_BOUND_OVER: _K.COINS_BOUND,
    _K.COMPONENT_RECOVERED: _K.COMPONENT_FAILED,
    _K.DEAD_MAN_FAILED_OVER: _K.DEAD_MAN_FAILED,
    _K.ENTRY_REFUSED_OVER: _K.ENTRY_REFUSED,
    _K.EXIT_REFUSED_OVER: _K.EXIT_REFUSED,
    _K.FEED_BACK: _K.FEED_LOST,
    _K.FEED_FRESH: _K.FEED_STALE,
    _K.HANDLER_FAILED_OVER: _K.HANDLER_FAILED,
    _K.INCOME_FAILED_OVER: _K.INCOME_FAILED,
    _K.LOOP_STALLED_OVER: _K.LOOP_STALLED,
    _K.ORDER_UNKNOWN_OVER: _K.ORDER_UNKNOWN,
    _K.POSITION_UNPROTECTED_OVER: _K.POSITION_UNPROTECTED,
    _K.PROJECTION_STALLED_OVER: _K.PROJECTION_STALLED,
    _K.RECONCILE_FAILED_OVER: _K.RECONCILE_FAILED,
    _K.RULES_FAILED_OVER: _K.RULES_FAILED,
    _K.SLOW_STEP_OVER: _K.SLOW_STEP,
    _K.STOP_LATE_OVER: _K.STOP_LATE,
    _K.STOP_REFUSED_OVER: _K.STOP_REFUSED,
    _K.STRATEGY_RELEASED: _K.STRATEGY_QUARANTINED,
    _K.USER_STREAM_LOST_OVER: _K.USER_STREAM_LOST,
}
"""What each kind is the end of."""
