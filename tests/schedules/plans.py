"""Plans of what happens to a live run: made of a seed, and nothing else.

A plan says which market is traded and how, and lists steps: orders, market moves, misbehaviour of the
exchange, changes from outside, stops, kills. Each plan draws from some of the kinds of steps only, so
that seldom ones also meet in numbers. `described` prints it for whoever has to understand a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.schedules import order_plans, session_plans
from tests.schedules.acts_of_others import others_of
from tests.schedules.exchange_acts import CLOSES, acts_of
from tradectl.domain.brackets import Bracket

REPLIES = ("no-reply", "late", "empty", "truncated", "cut", "reset", "html", "429", "418", "503")
UNKNOWN_CODES = (-1000, -1001, -1006, -1007)
REFUSALS = (-1008, -1015, -1021, -2010)
DOORS = {
    "place": ("POST", "*rder"),
    "place ": ("POST", "*rder"),  # more than once: it is what matters most
    "place  ": ("POST", "*rder"),
    "query": ("GET", "order"),
    "cancel": ("DELETE", "*rder"),
    "open orders": ("GET", "openOrders"),
    "fills": ("GET", "*rades"),
    "account": ("GET", "account"),
    "anything": ("*", "*"),
}
LIMIT = 20_000
"""The largest notional of a position, in every plan."""
ENTERED_BY = 4.0
"""Seconds: the market moves every three."""


@dataclass(frozen=True)
class Step:
    at: float
    do: str
    more: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        more = "  ".join(f"{name}={value}" for name, value in self.more.items())
        return f"{self.at:8.3f}  {self.do:<14} {more}"


@dataclass(frozen=True)
class Plan:
    seed: int
    market: str
    symbols: tuple[str, ...]
    fee_asset: str
    order_type: str
    offset_bps: int
    fraction: float
    channels: tuple[str, ...]
    timeout: float
    reconcile: float
    not_found: float
    dead_man: float
    rebalance: float
    latency: float
    slow_disk: float
    kills_after: tuple[int | None, ...]
    """How many callbacks each life has before it is killed; the last one has no end."""
    restart_after: tuple[float, ...]
    stop_loss: float | None
    """percent from the entry price: one that the market reaches, or one that it never does"""
    steps: tuple[Step, ...]
    calm: bool = False
    """the exchange behaves well enough for every stop to be placed"""
    stops_pass: bool = False
    """nothing keeps a stop from being placed: no receipt may name a position without one"""
    ends_flat: bool = False
    """what halts it, if not to reduce, closes every position"""
    algorithm: str = ""
    """that orders are worked by"""
    brackets: Mapping[str, Bracket] = field(default_factory=dict)
    """of what strategies signal, by name"""
    review: float = 5.0
    """seconds between two reviews: with an hour nothing is acted upon but what happens"""
    about: str = ""
    """what decides beside signals (see `limited_plans`)"""

    @property
    def end(self) -> float:
        return self.steps[-1].at

    def described(self) -> str:
        head = [
            f"{name} {getattr(self, name)}"
            for name in self.__dataclass_fields__
            if name not in ("steps",)
        ]
        return "\n".join([", ".join(head), *map(str, self.steps)])


def plan_of(seed: int) -> Plan:
    random = Random(f"schedule {seed}")
    market = random.choice(("spot", "futures"))
    symbols = random.choice((("BTCUSDT",), ("BTCUSDT", "ETHUSDT")))
    kills_after = tuple(_kill_after(random) for _ in range(12))
    return Plan(
        seed=seed,
        market=market,
        symbols=symbols,
        fee_asset=random.choice(("received", "received", "quote", "BNB")),
        order_type=random.choice(("market", "limit")),
        offset_bps=random.choice((-5, 0, 3, 10)),
        fraction=random.choice((0.11, 0.15, 0.19)),
        channels=random.choice((("quotes",), ("trades", "quotes"))),
        timeout=random.choice((1.0, 2.0, 5.0)),
        reconcile=random.choice((1.0, 3.0, 10.0)),
        not_found=random.choice((6.0, 12.0)),
        dead_man=random.choice((0.0, 10.0, 30.0)),
        rebalance=random.choice((3.0, 20.0)),
        latency=random.choice((0.0, 0.02, 0.3)),
        slow_disk=random.choice((0.0, 0.02, 0.5)),
        kills_after=kills_after,
        restart_after=tuple(random.choice((0.0, 0.5, 3.0, 15.0)) for _ in range(12)),
        steps=_with_others(
            seed,
            market,
            symbols,
            _with_sessions(
                seed,
                market,
                _with_exchange_acts(
                    seed, market, symbols, _with_halts(seed, _steps(random, market, symbols))
                ),
                symbols,
            ),
        ),
        stop_loss=Random(f"stop {seed}").choice((None, 0.4, 3.0, 3.0)),
    )


def entering(plan: Plan) -> Plan:
    """The same a little later, once a price has come and something was entered by it: what never trades
    proves nothing."""
    more = {"symbol": plan.symbols[0], "strategy": "a", "action": "buy", "strength": 1.0}
    later = (replace(step, at=step.at + ENTERED_BY) for step in plan.steps)
    return replace(plan, steps=(Step(ENTERED_BY, "signal", more), *later))


def _with_halts(seed: int, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """In some plans a loss limit halts the account, at any moment, and more often than not a kill
    follows at once. They are drawn apart from the rest, so that seeds keep their meaning."""
    random = Random(f"halts {seed}")
    halts: list[Step] = []
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        at = round(random.uniform(steps[0].at, steps[-1].at), 3)
        halts.append(Step(at, "limit", {"action": random.choice(("reduce", "flatten", "pause"))}))
        if random.random() < 0.6:
            later = round(at + random.choice((0.0, 0.05, 0.5, 3.0)), 3)
            halts.append(Step(later, "kill", {"after": random.choice((0, 3, 20)), "power": False}))
    return tuple(sorted([*steps, *halts], key=lambda step: step.at))


def _with_exchange_acts(
    seed: int, market: str, symbols: tuple[str, ...], steps: tuple[Step, ...]
) -> tuple[Step, ...]:
    if market == "spot":
        return steps
    done = {step.do for step in steps}
    acts = acts_of(seed, symbols, done, steps[0].at, steps[-1].at)
    return tuple(sorted([*steps, *(Step(*act) for act in acts)], key=lambda step: step.at))


def _with_others(
    seed: int, market: str, symbols: tuple[str, ...], steps: tuple[Step, ...]
) -> tuple[Step, ...]:
    if any(step.do in CLOSES for step in steps):
        return steps  # whose the position is that is closed could not be told
    acts = others_of(seed, market, symbols, steps[0].at, steps[-1].at)
    return tuple(sorted([*steps, *(Step(*act) for act in acts)], key=lambda step: step.at))


def _with_sessions(
    seed: int, market: str, steps: tuple[Step, ...], symbols: tuple[str, ...]
) -> tuple[Step, ...]:
    """And with what is done to orders."""
    begin, end = steps[0].at, steps[-1].at
    sessions = session_plans.drawn(seed, begin, end, symbols)
    orders = order_plans.drawn(seed, market, begin, end, symbols)
    more = [Step(*one) for one in (*sessions, *orders)]
    return tuple(sorted([*steps, *more], key=lambda step: step.at))


def _kill_after(random: Random) -> int | None:
    """Most lives last; some end while they begin."""
    return random.choice((None, None, None, None, random.randint(0, 400), random.randint(0, 60)))


def _steps(random: Random, market: str, symbols: tuple[str, ...]) -> tuple[Step, ...]:
    drawn = [name for name in KINDS if random.random() < LIKELY.get(name, 0.5)]
    kinds = [*ALWAYS, *drawn]
    weights = [WEIGHTS.get(name, 1.0) * random.choice((0.5, 1.0, 2.0)) for name in kinds]
    at, steps = 1.0, []
    for _ in range(random.randint(18, 50)):
        at += random.choice((0.0, random.uniform(0, 0.1), random.expovariate(1.0)))
        name = random.choices(kinds, weights)[0]
        more = {**ALWAYS, **KINDS}[name](random, market, symbols)
        steps.append(Step(round(at, 3), name, more))
    return tuple(steps)


Draw = Callable[[Random, str, tuple[str, ...]], dict[str, Any]]


def _signal(random: Random, _: str, symbols: tuple[str, ...]) -> dict[str, Any]:
    return {
        "symbol": random.choice(symbols),
        "strategy": random.choice("ab"),
        "action": random.choice(("buy", "buy", "sell", "close")),
        "strength": random.choice((0.4, 0.8, 1.0, 1.0)),
    }


def _order(random: Random, _: str, symbols: tuple[str, ...]) -> dict[str, Any]:
    return {
        "symbol": random.choice(symbols),
        "side": random.choice(("buy", "sell")),
        "notional": random.choice((2_000, 9_000, 18_000)),
        "kind": random.choice(("limit", "limit", "market", "stop_market")),
        "offset_bps": random.choice((-20, -3, 0, 1, 2, 10)),
        "reduce_only": random.random() < 0.15,
    }


def _move(random: Random, _: str, symbols: tuple[str, ...]) -> dict[str, Any]:
    return {
        "symbol": random.choice(symbols),
        "bps": random.choice((-60, -30, -10, 0, 10, 30, 60)),
        "size": random.choice((None, None, None, "0.02", "0.2")),
    }


def _fault(random: Random, *_: Any) -> dict[str, Any]:
    kind = random.choice((*REPLIES, "error", "error"))
    more: dict[str, Any] = {
        "kind": kind,
        "door": random.choice(tuple(DOORS)),
        "count": random.choice((1, 1, 1, 2, 5)),
    }
    if kind in ("late", "no-reply", "429", "418"):
        more["seconds"] = random.choice((0.3, 1.5, 4.0)) if kind == "late" else 3.0
    if kind == "no-reply":
        more["seconds"] = 0.0
    if kind == "error":
        more["code"] = random.choice((*UNKNOWN_CODES, *REFUSALS))
    if kind not in ("429", "418") and more.get("code") not in REFUSALS:
        more["placed"] = random.choice((True, False))
    return more


def _stream(random: Random, *_: Any) -> dict[str, Any]:
    kind = random.choice(("duplicate", "reorder", "drop", "delay", "stall", "disconnect"))
    more: dict[str, Any] = {"kind": kind, "count": random.choice((1, 2, 6))}
    if kind in ("reorder", "delay", "stall"):
        more["seconds"] = random.choice((0.2, 1.0, 8.0))
    return more


def _storm(random: Random, *_: Any) -> dict[str, Any]:
    return {
        "share": random.choice((0.2, 0.5)),
        "seconds": random.choice((1.0, 5.0, 15.0)),
    }


KINDS: dict[str, Draw] = {
    "cancel-all": lambda *_: {},
    "reply-fault": _fault,
    "stream-fault": _stream,
    "storm": _storm,
    "stream-storm": _storm,
    "line-down": lambda random, *_: {"seconds": random.choice((0.5, 4.0, 25.0))},
    "streams-cut": lambda *_: {},
    "forget-next": lambda random, *_: {"seconds": random.choice((0.5, 2.0, 5.0))},
    "forget-last": lambda random, *_: {"seconds": random.choice((0.5, 2.0, 5.0))},
    "forget-for-long": lambda *_: {"seconds": 30.0},
    "fill-race": lambda random, *_: {"fraction": random.choice(("0.3", "0.7", "1"))},
    "skew": lambda random, *_: {"seconds": random.choice((-30, -3, -0.5, 0, 0, 0.5, 3, 30))},
    "clock-jump": lambda random, *_: {"seconds": random.choice((-3600, -4, -0.4, 0, 0.4, 4, 3600))},
    "external-trade": lambda random, _, symbols: {
        "symbol": random.choice(symbols),
        "side": random.choice(("BUY", "SELL")),
    },
    "external-order": lambda random, _, symbols: {"symbol": random.choice(symbols)},
    "transfer": lambda random, *_: {"amount": random.choice((-5_000, 300, 8_000))},
    "kill": lambda random, *_: {
        "after": random.choice((0, 3, random.randint(0, 60), random.randint(0, 400))),
        "power": random.random() < 0.4,
    },
    "terminate": lambda *_: {},
    "freeze": lambda random, *_: {"seconds": random.choice((0.5, 3.0, 8.0, 60.0))},
    "latch": lambda *_: {},
    "emergency": lambda random, *_: {"flatten": random.random() < 0.5},
    "direct-stop": lambda random, *_: {"flatten": random.random() < 0.5},
    "pause": lambda *_: {},
    "resume": lambda *_: {},
    "all-well": lambda *_: {},
    "accept": lambda *_: {},
}
ALWAYS: dict[str, Draw] = {
    "signal": _signal,
    "order": _order,
    "move": _move,
    "print": lambda random, _, symbols: {
        "symbol": random.choice(symbols),
        "fraction": random.choice((0.2, 0.5, 1.0)),
    },
}
LIKELY = {"reply-fault": 0.8, "forget-for-long": 0.1, "clock-jump": 0.3, "skew": 0.3}
"""How likely a plan is to know of such steps at all."""
WEIGHTS = {
    "signal": 11.0,
    "order": 7.0,
    "move": 3.0,
    "print": 3.0,
    "reply-fault": 7.0,
    "forget-for-long": 0.5,
    "stream-fault": 2.0,
    "external-trade": 0.4,
    "transfer": 0.3,
    "latch": 0.3,
    "emergency": 0.4,
    "direct-stop": 0.4,
    "clock-jump": 0.5,
    "skew": 0.5,
    "freeze": 0.5,
    "terminate": 0.5,
    "pause": 0.3,
    "resume": 0.3,
}

__all__ = ["DOORS", "LIMIT", "Plan", "Step", "entering", "plan_of"]
