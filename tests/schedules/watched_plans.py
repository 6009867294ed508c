"""Plans made by hand that say what is to be seen on the way (see `expectations`): where protection, or
the part of a reversal that reduces, is only late without one of the ways to see to it, as another one
follows.

The regular looks are an hour away where they would be that other way.
"""

from __future__ import annotations

from typing import Any

from tests.schedules.named_plans import (
    FLATTEN,
    HOUR,
    KILL,
    LATE_CANCEL,
    REFUSED_SALES,
    by_hand,
    move,
    refused_stops,
    rests,
    signal,
    with_a_countdown,
)
from tests.schedules.plans import Plan

UNANSWERED: dict[str, Any] = {
    "kind": "no-reply",
    "door": "place",
    "seconds": 0.0,
    "count": 1,
    "placed": False,
}
NEVER_LOOKS: dict[str, Any] = {"rebalance": HOUR, "review": HOUR}
SYMBOL = "BTCUSDT"


def protected(at: float) -> tuple[float, str, dict[str, Any]]:
    return at, "is-protected", {}


def bought(market: str, **fault: Any) -> tuple[tuple[float, str, dict[str, Any]], ...]:
    """And the first stop is refused, or what the `fault` says."""
    kept = fault or {**refused_stops(market), "count": 1}
    return (4.0, "reply-fault", kept), (4.0, "signal", signal("buy"))


def reversed_over_a_limit() -> Plan:
    """The other side would be too large: what reduces passes, as it is denied and as it was put off."""
    return by_hand(
        "futures",
        (4.0, "signal", signal("buy", 0.5)),
        (6.0, "signal", signal("sell")),
        (8.0, "is-flat", {"why": "a reversal was denied"}),
        (8.1, "signal", signal("buy", 0.5)),
        (10.0, "line-down", {"seconds": 3.0}),
        (11.0, "signal", signal("sell")),
        (20.0, "is-flat", {"why": "a reversal was put off"}),
        (21.0, "move", move(5)),
        fraction=0.25,
        **NEVER_LOOKS,
    )


def halted_as_its_stop_is_refused(market: str) -> Plan:
    """A halt does not wait for the next try."""
    return by_hand(
        market,
        *bought(market),
        (4.5, "limit", {"action": "reduce"}),
        protected(5.0),
        (12.0, "move", move(5)),
        **NEVER_LOOKS,
    )


def ends_as_its_stop_is_refused(market: str) -> Plan:
    """It waits for the next try, which comes when it is due."""
    return by_hand(
        market,
        *bought(market),
        (4.3, "terminate", {}),
        (12.0, "move", move(5)),
        **NEVER_LOOKS,
    )


def ends_while_a_stop_is_unknown(market: str) -> Plan:
    """The next one can be sent once the exchange's word counts, and not before."""
    return by_hand(
        market,
        *bought(market, **UNANSWERED, params=refused_stops(market)["params"]),
        (4.4, "terminate", {}),
        (32.0, "move", move(5)),
        not_found=12.0,
    )


def entry_of_unknown_fate(market: str) -> Plan:
    """It is there, and at first the exchange knows nothing of it: nobody buys it again."""
    return by_hand(
        market,
        (3.8, "stream-fault", {"kind": "drop", "count": -1}),
        (3.9, "reply-fault", {**UNANSWERED, "placed": True}),
        (3.9, "forget-next", {"seconds": 4.5}),
        (4.0, "signal", signal("buy")),
        (14.0, "all-well", {}),
        (15.0, "move", move(5)),
    )


def stopped_at_once(market: str) -> Plan:
    """What is kept is waited for, and the receipt is confirmed."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (4.1, "emergency", {"flatten": False}),
        (13.0, "is-confirmed", {}),
        (14.0, "move", move(5)),
        latency=0.3,
        stops_pass=True,
    )


def entered_again_while_its_stop_goes(market: str) -> Plan:
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (7.0, "reply-fault", {**LATE_CANCEL, "placed": False}),
        (7.0, "signal", signal("close")),
        (7.6, "signal", signal("buy")),
        protected(8.3),
        (12.0, "move", move(5)),
    )


def halted_while_an_entry_goes(market: str) -> Plan:
    return by_hand(
        market,
        (4.0, "order", rests(market)),
        (6.0, "reply-fault", {**LATE_CANCEL, "placed": False}),
        (6.0, "limit", {"action": "halt"}),
        (6.8, "is-not-concluded", {}),
        (12.0, "move", move(5)),
    )


def halted_as_its_exit_is_unknown(market: str) -> Plan:
    """It may never have arrived."""
    sale = {**UNANSWERED, "params": {"type": "MARKET", "side": "SELL"}}
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (5.9, "reply-fault", sale),
        (6.0, "signal", signal("close")),
        (6.8, "limit", {"action": "halt"}),
        protected(8.6),
        (16.0, "move", move(5)),
    )


def halted_bare_before_a_price(market: str) -> Plan:
    return by_hand(
        market,
        (4.0, "reply-fault", refused_stops(market)),
        (4.0, "signal", signal("buy")),
        (4.4, "kill", KILL),
        (4.5, "all-well", {}),
        (5.1, "limit", {"action": "reduce"}),
        protected(5.4),
        (12.0, "move", move(5)),
    )


def halted_by_its_records_alone(market: str) -> Plan:
    """The latch cannot be written, and the run dies."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (6.0, "latch-fails", {}),
        (6.1, "limit", {"action": "reduce"}),
        (6.1, "kill", {"after": 12, "power": False}),
        (16.0, "move", move(5)),
    )


def line_down_as_it_enters(market: str) -> Plan:
    """The stop could not be sent: it is as soon as the symbol is free."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (4.2, "line-down", {"seconds": 3.0}),
        protected(12.0),
        (13.0, "move", move(5)),
        latency=0.3,
        **NEVER_LOOKS,
    )


def told_of_what_is_bare(market: str) -> Plan:
    """Of a stop that is late, as the disk is slow, and goes out as old as it is; and of one that is
    refused in a halt."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (4.1, "slow-disk", {"seconds": 20.0}),
        (4.6, "slow-disk", {"seconds": 0.0}),
        (8.0, "is-told", {"kind": "stop_late"}),
        protected(13.8),
        (16.0, "signal", signal("close")),
        (18.9, "reply-fault", refused_stops(market)),
        (19.0, "signal", signal("buy")),
        (21.0, "limit", {"action": "reduce"}),
        (23.0, "is-told", {"kind": "position_unprotected"}),
        (24.0, "all-well", {}),
        (30.0, "move", move(5)),
        latency=0.3,
        **NEVER_LOOKS,
    )


def not_sold_and_slow(market: str) -> Plan:
    """As "not sold by a stop": time is kept to place the stop again."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (5.9, "reply-fault", REFUSED_SALES),
        (6.0, "emergency", {"flatten": True}),
        (30.0, "all-well", {}),
        (31.0, "move", move(5)),
        stops_pass=True,
        latency=0.45,
    )


def flattened_while_a_stop_goes() -> Plan:
    """Its coins are bound for as long."""
    return by_hand(
        "spot",
        (4.0, "signal", signal("buy")),
        (5.9, "reply-fault", {**LATE_CANCEL, "placed": False}),
        FLATTEN,
        (12.0, "move", move(5)),
        review=0.5,
        ends_flat=True,
    )


def beside_what_waits() -> Plan:
    """An exit that waits for its price protects nothing; and where an entry may be filled nobody knows,
    the stop of what is closed stays."""
    exit_ = {"symbol": SYMBOL, "side": "sell", "notional": 16_000, "kind": "limit"}
    entry = {"symbol": SYMBOL, "side": "buy", "notional": 2_000, "kind": "market"}
    return by_hand(
        "futures",
        *bought("futures"),
        (4.4, "order", {**exit_, "offset_bps": 40, "reduce_only": False}),
        protected(5.6),
        (7.1, "cancel-all", {}),
        (9.8, "stream-fault", {"kind": "drop", "count": -1}),
        (9.9, "reply-fault", {**UNANSWERED, "placed": True, "params": {"side": "BUY"}}),
        (9.9, "forget-next", {"seconds": 3.0}),
        (9.9, "order", {**entry, "offset_bps": 0, "reduce_only": False}),
        (10.1, "signal", signal("close")),
        protected(11.5),
        (16.0, "all-well", {}),
        (18.0, "move", move(5)),
        rebalance=HOUR,
    )


WATCHED: dict[str, Plan] = {
    f"{name}, {market}": plan
    for market in ("spot", "futures")
    for name, plan in (
        ("halted as its stop is refused", halted_as_its_stop_is_refused(market)),
        ("ends as its stop is refused", ends_as_its_stop_is_refused(market)),
        ("ends while a stop is unknown", ends_while_a_stop_is_unknown(market)),
        ("an entry of unknown fate", entry_of_unknown_fate(market)),
        ("stopped at once", stopped_at_once(market)),
        ("entered again while its stop goes", entered_again_while_its_stop_goes(market)),
        ("halted while an entry goes", halted_while_an_entry_goes(market)),
        ("halted as its exit is unknown", halted_as_its_exit_is_unknown(market)),
        ("halted bare before a price", halted_bare_before_a_price(market)),
        ("halted by its records alone", halted_by_its_records_alone(market)),
        ("a line down as it enters", line_down_as_it_enters(market)),
        ("not sold, and slow", not_sold_and_slow(market)),
    )
} | {
    "a reversal over a limit": reversed_over_a_limit(),
    "told of what is bare": told_of_what_is_bare("futures"),
    "flattened while a stop goes": flattened_while_a_stop_goes(),
    "beside what waits": beside_what_waits(),
    "a countdown as it is stopped directly": with_a_countdown(
        (6.8, "external-order", {"symbol": SYMBOL}),
        (6.8, "direct-stop", {"flatten": False}),
        (9.0, "is-disarmed", {}),
    ),
}

SEEN_ALWAYS = (
    "a reversal over a limit",
    "halted as its stop is refused, spot",
    "ends as its stop is refused, spot",
    "ends while a stop is unknown, spot",
    "an entry of unknown fate, futures",
    "stopped at once, spot",
    "entered again while its stop goes, futures",
    "halted while an entry goes, spot",
    "halted as its exit is unknown, spot",
    "halted bare before a price, spot",
    "halted by its records alone, futures",
    "a line down as it enters, futures",
    "told of what is bare",
    "not sold, and slow, spot",
    "beside what waits",
    "a countdown as it is stopped directly",
)
"""Of which one fails for each of twenty-three further ways."""

__all__ = ["SEEN_ALWAYS", "WATCHED"]
