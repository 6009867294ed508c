"""Plans made by hand, each for one way in which protection could be lost: what random ones meet seldom.

The exchange behaves but for what a plan says, nobody is in a hurry, and the market moves every three
seconds: what happens in between happens before a price comes. As in `halting_plans` what is left without
its stop was left so by us.
"""

from __future__ import annotations

from typing import Any

from tests.schedules.plans import Plan, Step
from tradectl.testkit import FOREVER

SYMBOL = "BTCUSDT"


def by_hand(market: str, *steps: tuple[float, str, dict[str, Any]], **more: Any) -> Plan:
    made: dict[str, Any] = {
        "seed": 1,
        "symbols": (SYMBOL,),
        "fee_asset": "quote",
        "order_type": "market",
        "offset_bps": 0,
        "fraction": 0.15,
        "channels": ("quotes",),
        "timeout": 2.0,
        "reconcile": 1.0,
        "not_found": 6.0,
        "dead_man": 0.0,
        "rebalance": 20.0,
        "latency": 0.0,
        "slow_disk": 0.0,
        "kills_after": (None,) * 12,
        "restart_after": (0.5,) * 12,
        "stop_loss": 3.0,
        "calm": True,
    }
    return Plan(market=market, steps=tuple(Step(*step) for step in steps), **{**made, **more})


def signal(action: str, strength: float = 1.0) -> dict[str, Any]:
    return {"symbol": SYMBOL, "strategy": "a", "action": action, "strength": strength}


def rests(market: str) -> dict[str, Any]:
    """An entry below the market."""
    more = {"symbol": SYMBOL, "side": "buy", "notional": 9_000, "kind": "limit"}
    return {**more, "offset_bps": 30, "reduce_only": False}


def move(bps: int) -> dict[str, Any]:
    return {"symbol": SYMBOL, "bps": bps, "size": None}


def refused_stops(market: str) -> dict[str, Any]:
    kind = "STOP_LOSS" if market == "spot" else "STOP_MARKET"
    refused = {"kind": "error", "door": "place", "code": -2010, "count": FOREVER}
    return {**refused, "params": {"type": kind}}


REFUSED_SALES: dict[str, Any] = {
    "kind": "error",
    "door": "place",
    "code": -2010,
    "count": FOREVER,
    "params": {"type": "MARKET", "side": "SELL"},
}
LATE_CANCEL: dict[str, Any] = {"kind": "late", "door": "cancel", "seconds": 1.5, "count": 1}
FLATTEN: tuple[float, str, dict[str, Any]] = (6.0, "limit", {"action": "flatten"})
KILL = {"after": 0, "power": False}
HOUR = 3_600.0


def found_at_the_start(market: str, *, halts: bool = False) -> Plan:
    """An entry fills while nothing runs; the next run finds it, and is asked to end before any price has
    come."""
    halt = [(5.1, "limit", {"action": "reduce"})] if halts else []
    return by_hand(
        market,
        (4.0, "order", rests(market)),
        (4.4, "kill", KILL),
        (4.5, "move", move(-60)),
        *halt,
        (5.15, "terminate", {}),
        (12.0, "move", move(-55)),
    )


def bare_at_the_start(market: str, *, halts: bool = False) -> Plan:
    """A run is killed while the exchange refuses the stop; the next one is asked to end before any price
    has come."""
    halt = [(5.1, "limit", {"action": "reduce"})] if halts else []
    return by_hand(
        market,
        (4.0, "reply-fault", refused_stops(market)),
        (4.0, "signal", signal("buy")),
        (4.4, "kill", KILL),
        (4.5, "all-well", {}),
        *halt,
        (5.15, "terminate", {}),
        (12.0, "move", move(5)),
    )


def bare_until_a_price_comes(market: str) -> Plan:
    """A run is killed while the exchange refuses the stop; of the next one the first price alone sees to
    it."""
    return by_hand(
        market,
        (4.0, "reply-fault", refused_stops(market)),
        (4.0, "signal", signal("buy")),
        (5.9, "kill", KILL),
        (6.0, "all-well", {}),
        (16.0, "move", move(5)),
        rebalance=HOUR,
        review=HOUR,
    )


def refused_at_first(market: str) -> Plan:
    """The exchange takes a stop at the third try."""
    return by_hand(
        market,
        (4.0, "reply-fault", {**refused_stops(market), "count": 2}),
        (4.0, "signal", signal("buy")),
        (14.0, "move", move(5)),
        rebalance=HOUR,
    )


def ends_while_a_stop_is_sent(market: str) -> Plan:
    """Nothing but the fill itself brings it."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (4.1, "terminate", {}),
        (12.0, "move", move(5)),
        latency=0.3,
        rebalance=HOUR,
        review=HOUR,
    )


def replaced(market: str) -> Plan:
    """A position grows, and with it its stop; the old one goes."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy", 0.4)),
        (6.0, "signal", signal("buy")),
        (12.0, "move", move(5)),
    )


def not_cancelled_and_needed_again(market: str) -> Plan:
    """A stop was to go with its position; the exchange will not cancel it, and refuses the next one: it
    is all that protects what was bought meanwhile, and stays."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (7.0, "reply-fault", {"kind": "error", "door": "cancel", "code": -1001, "count": 4}),
        (7.0, "reply-fault", refused_stops(market)),
        (7.0, "signal", signal("close")),
        (7.6, "signal", signal("buy")),
        (14.0, "all-well", {}),
        (15.0, "move", move(5)),
    )


def killed_while_reducing(market: str) -> Plan:
    """A stop is replaced, a limit is reached, and the run dies in REDUCING: the next one goes
    on in it."""
    return by_hand(
        market,
        (4.0, "reply-fault", {**refused_stops(market), "count": 2}),
        (4.0, "signal", signal("buy", 0.4)),
        (9.0, "signal", signal("buy")),
        (11.0, "limit", {"action": "reduce"}),
        (11.3, "is-latched", {"state": "REDUCING"}),
        (11.4, "kill", KILL),
        (16.0, "move", move(5)),
    )


def killed_while_flattening(market: str) -> Plan:
    """The run dies in FLATTENING while sales are refused: the next one closes what is held."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (5.9, "reply-fault", REFUSED_SALES),
        FLATTEN,
        (7.2, "kill", KILL),
        (7.3, "all-well", {}),
        (12.0, "move", move(5)),
        ends_flat=True,
    )


def full_disk(market: str) -> Plan:
    """What cannot be journalled any more cancels past the core: the stop stays."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (6.0, "disk-full", {}),
        (12.0, "move", move(5)),
    )


def halted_while_a_stop_goes(market: str) -> Plan:
    """It is being replaced, and the cancel takes a while: on spot its coins are bound for as long."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy", 0.4)),
        (6.0, "reply-fault", {**LATE_CANCEL, "placed": False}),
        (6.0, "signal", signal("buy")),
        (6.3, "limit", {"action": "halt"}),
        (12.0, "move", move(5)),
    )


def halted_in_the_latch_alone(market: str) -> Plan:
    """Whoever latches it to close everything is killed before the core hears of it."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (6.0, "latch", {"state": "FLATTENING"}),
        (6.0, "kill", KILL),
        (20.0, "move", move(5)),
        ends_flat=True,
    )


def graver_than_its_latch(market: str, action: str) -> Plan:
    """A halt gets graver, and that cannot be latched: it stands in the records."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (6.0, "limit", {"action": "reduce"}),
        (6.2, "latch-fails", {}),
        (6.3, "limit", {"action": action}),
        (6.3, "kill", {"after": 12, "power": False}),
        (20.0, "move", move(5)),
    )


def closed_once_halted(market: str) -> Plan:
    """The operator has a HALTED account closed while the exchange cannot be reached: who does it comes to
    nothing, and the next run finds it latched."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (6.0, "emergency", {"flatten": False}),
        (6.9, "line-down", {"seconds": 12.0}),
        (7.0, "direct-stop", {"flatten": True}),
        (25.0, "move", move(5)),
        restart_after=(3.0,) * 12,
        ends_flat=True,
    )


def stopped_without_a_stop(market: str) -> Plan:
    """The exchange refuses it: the receipt says so."""
    return by_hand(
        market,
        (4.0, "reply-fault", refused_stops(market)),
        (4.0, "signal", signal("buy")),
        (6.0, "emergency", {"flatten": False}),
        (20.0, "all-well", {}),
        (21.0, "move", move(5)),
        calm=False,
    )


def stopped_beside_a_flatten(market: str) -> Plan:
    """Two stops at once, of which one closes what the other would tell to be protected; what either says
    takes a while to be written down."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (6.0, "emergency", {"flatten": True}),
        (6.05, "emergency", {"flatten": False, "everything": True}),
        (26.0, "move", move(5)),
        seed=40,
        slow_disk=0.5,
    )


def not_sold(market: str, *steps: tuple[float, str, dict[str, Any]]) -> Plan:
    """The exchange refuses every sale while all is to be closed: the stop that made room for it is back
    before the run ends, and before a receipt is given."""
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (5.9, "reply-fault", REFUSED_SALES),
        *steps,
        (30.0, "all-well", {}),
        (31.0, "move", move(5)),
        stops_pass=True,
    )


def sold_at_the_second_try(market: str) -> Plan:
    return by_hand(
        market,
        (4.0, "signal", signal("buy")),
        (5.9, "reply-fault", {**REFUSED_SALES, "count": 1}),
        FLATTEN,
        (31.0, "move", move(5)),
        ends_flat=True,
    )


def with_a_countdown(*steps: tuple[float, str, dict[str, Any]], **more: Any) -> Plan:
    return by_hand("futures", *steps, (30.0, "move", move(5)), dead_man=10.0, **more)


NAMED: dict[str, Plan] = {
    f"{name}, {market}": plan
    for market in ("spot", "futures")
    for name, plan in (
        ("an entry found at the start", found_at_the_start(market)),
        ("an entry found at the start, in a halt", found_at_the_start(market, halts=True)),
        ("bare at the start", bare_at_the_start(market)),
        ("bare at the start, in a halt", bare_at_the_start(market, halts=True)),
        ("bare until a price comes", bare_until_a_price_comes(market)),
        ("refused at first", refused_at_first(market)),
        ("ends while a stop is sent", ends_while_a_stop_is_sent(market)),
        ("replaced", replaced(market)),
        ("not cancelled and needed again", not_cancelled_and_needed_again(market)),
        ("killed while reducing", killed_while_reducing(market)),
        ("killed while flattening", killed_while_flattening(market)),
        ("full disk", full_disk(market)),
        ("halted while a stop goes", halted_while_a_stop_goes(market)),
        ("halted in the latch alone", halted_in_the_latch_alone(market)),
        ("HALTED, and REDUCING in the latch", graver_than_its_latch(market, "halt")),
        ("FLATTENING, and REDUCING in the latch", graver_than_its_latch(market, "flatten")),
        ("HALTED, and to be closed in the latch", closed_once_halted(market)),
        ("stopped without a stop", stopped_without_a_stop(market)),
        ("stopped beside a flatten", stopped_beside_a_flatten(market)),
        ("not sold by a limit", not_sold(market, FLATTEN, (7.5, "terminate", {}))),
        ("not sold by a stop", not_sold(market, (6.0, "emergency", {"flatten": True}))),
        ("sold at the second try", sold_at_the_second_try(market)),
    )
} | {
    "a countdown as a run ends": with_a_countdown((7.0, "terminate", {})),
    "a countdown beside an order of others": with_a_countdown(
        (4.0, "external-order", {"symbol": SYMBOL}), (7.0, "kill", KILL), (14.0, "terminate", {})
    ),
    "a countdown beside an order of others, and the computer sleeps": with_a_countdown(
        (4.0, "external-order", {"symbol": SYMBOL}), (4.4, "sleep", {"seconds": 60.0})
    ),
    "a countdown before a stop": with_a_countdown(
        (7.0, "signal", signal("buy")), (12.0, "terminate", {})
    ),
    "a countdown of the run before, and an order of others": with_a_countdown(
        (7.0, "kill", KILL), (7.2, "external-order", {"symbol": SYMBOL})
    ),
    "a countdown that nobody renews": with_a_countdown(
        (4.0, "signal", signal("buy")), (9.0, "kill", KILL), restart_after=(15.0,) * 12
    ),
}

ALWAYS = (
    "halted while a stop goes, spot",
    "killed while reducing, futures",
    "killed while flattening, futures",
    "not sold by a limit, spot",
    "not sold by a stop, futures",
    "stopped beside a flatten, futures",
    "HALTED, and to be closed in the latch, spot",
    "HALTED, and REDUCING in the latch, futures",
    "a countdown that nobody renews",
    "a countdown of the run before, and an order of others",
    "a countdown as a run ends",
    "not cancelled and needed again, futures",
    "full disk, futures",
    "bare until a price comes, spot",
    "ends while a stop is sent, futures",
    "an entry found at the start, futures",
)
"""The fewest of which one or another fails, whichever of 33 ways to keep a position protected is taken
out of the program."""

__all__ = [
    "ALWAYS",
    "FLATTEN",
    "HOUR",
    "KILL",
    "LATE_CANCEL",
    "NAMED",
    "REFUSED_SALES",
    "by_hand",
    "move",
    "refused_stops",
    "rests",
    "signal",
    "with_a_countdown",
]
