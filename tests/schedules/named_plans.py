"""Plans made by hand, each for one way in which protection could be lost: what random ones meet seldom.

The exchange behaves but for what a plan says, nobody is in a hurry, and the market moves every three
seconds: what happens in between happens before a price comes. As in `halting_plans` what is left without
its stop was left so by us.
"""

from __future__ import annotations

from typing import Any

from tests.loopback import FOREVER
from tests.schedules.plans import Plan, Step

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


def _signal(action: str, strength: float = 1.0) -> dict[str, Any]:
    return {"symbol": SYMBOL, "strategy": "a", "action": action, "strength": strength}


def _rests(market: str) -> dict[str, Any]:
    """An entry below the market."""
    more = {"symbol": SYMBOL, "side": "buy", "notional": 9_000, "kind": "limit"}
    return {**more, "offset_bps": 30, "reduce_only": False}


def _move(bps: int) -> dict[str, Any]:
    return {"symbol": SYMBOL, "bps": bps, "size": None}


def _refused_stops(market: str) -> dict[str, Any]:
    kind = "STOP_LOSS" if market == "spot" else "STOP_MARKET"
    refused = {"kind": "error", "door": "place", "code": -2010, "count": FOREVER}
    return {**refused, "params": {"type": kind}}


KILL = {"after": 0, "power": False}


def found_at_the_start(market: str, *, halts: bool = False) -> Plan:
    """An entry fills while nothing runs; the next run finds it, and is asked to end before any price has
    come."""
    halt = [(5.1, "limit", {"action": "reduce"})] if halts else []
    return by_hand(
        market,
        (4.0, "order", _rests(market)),
        (4.4, "kill", KILL),
        (4.5, "move", _move(-60)),
        *halt,
        (5.15, "terminate", {}),
        (12.0, "move", _move(-55)),
    )


def bare_at_the_start(market: str, *, halts: bool = False) -> Plan:
    """A run is killed while the exchange refuses the stop; the next one is asked to end before any price
    has come."""
    halt = [(5.1, "limit", {"action": "reduce"})] if halts else []
    return by_hand(
        market,
        (4.0, "reply-fault", _refused_stops(market)),
        (4.0, "signal", _signal("buy")),
        (4.4, "kill", KILL),
        (4.5, "all-well", {}),
        *halt,
        (5.15, "terminate", {}),
        (12.0, "move", _move(5)),
    )


NAMED: dict[str, Plan] = {
    f"{name}, {market}": plan
    for market in ("spot", "futures")
    for name, plan in (
        ("an entry found at the start", found_at_the_start(market)),
        ("an entry found at the start, in a halt", found_at_the_start(market, halts=True)),
        ("bare at the start", bare_at_the_start(market)),
        ("bare at the start, in a halt", bare_at_the_start(market, halts=True)),
    )
}

__all__ = ["NAMED", "by_hand"]
