"""What tradectl says about the machine that it runs on, and about itself: every kind there is."""

from __future__ import annotations

from enum import StrEnum


class SystemEventKind(StrEnum):
    """What tradectl itself says about the machine. `ENDS` has those that tell of an end, and
    `monitoring.alert_rules` how bad each of the others is."""

    CANCEL_FAILED = "cancel_failed"
    CANCEL_FAILED_OVER = "cancel_failed_over"
    CHANGED = "changed"
    """program, configuration or strategies are not those of the run before"""
    CLOCK_SKEW = "clock_skew"
    CLOCK_SKEW_OVER = "clock_skew_over"
    COMPONENT_FAILED = "component_failed"
    DATA_IGNORED = "data_ignored"
    """market data came that no strategy asked for"""
    DEAD_MAN_FAILED = "dead_man_failed"
    DEAD_MAN_FAILED_OVER = "dead_man_failed_over"
    FEE_NOT_VALUED = "fee_not_valued"
    FEED_BAD_ROWS = "feed_bad_rows"
    """a file had rows that could not be played: an alert at its end"""
    FEED_LOST = "feed_lost"
    FEED_BACK = "feed_back"
    FEED_STALE = "feed_stale"
    FEED_FRESH = "feed_fresh"
    HANDLER_FAILED = "handler_failed"
    INCONSISTENT = "inconsistent"
    """the books contradict themselves"""
    LOOP_STALLED = "loop_stalled"
    ORDER_ORPHANED = "order_orphaned"
    """an open order with our tag that the books do not know"""
    ORDER_REOPENED = "order_reopened"
    """an order that was over is said to be open"""
    ORDER_UNKNOWN = "order_unknown"
    ORDER_UNKNOWN_OVER = "order_unknown_over"
    PROJECTION_STALLED = "projection_stalled"
    RECONCILE_FAILED = "reconcile_failed"
    RECONCILE_FAILED_OVER = "reconcile_failed_over"
    RECOVERED = "recovered"
    """the account of a run that did not end by itself was taken over"""
    SLOW_STEP = "slow_step"
    STRATEGY_FAILED = "strategy_failed"
    STRATEGY_IDLE = "strategy_idle"
    """a strategy hears nothing that it could trade on"""
    STRATEGY_QUARANTINED = "strategy_quarantined"
    STRATEGY_RELEASED = "strategy_released"
    STRATEGY_THROTTLED = "strategy_throttled"
    USER_STREAM_LOST = "user_stream_lost"
    USER_STREAM_LOST_OVER = "user_stream_lost_over"


_K = SystemEventKind

ENDS = {
    _K.CANCEL_FAILED_OVER: _K.CANCEL_FAILED,
    _K.CLOCK_SKEW_OVER: _K.CLOCK_SKEW,
    _K.DEAD_MAN_FAILED_OVER: _K.DEAD_MAN_FAILED,
    _K.FEED_BACK: _K.FEED_LOST,
    _K.FEED_FRESH: _K.FEED_STALE,
    _K.ORDER_UNKNOWN_OVER: _K.ORDER_UNKNOWN,
    _K.RECONCILE_FAILED_OVER: _K.RECONCILE_FAILED,
    _K.STRATEGY_RELEASED: _K.STRATEGY_QUARANTINED,
    _K.USER_STREAM_LOST_OVER: _K.USER_STREAM_LOST,
}
"""What each kind is the end of."""
