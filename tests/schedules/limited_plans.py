"""Plans in which more decides than signals: brakes on losses, a strategy of two legs, an allocation.

They are drawn apart from the rest, so that seeds keep their meaning: each is of the steps that a seed
means, or of halts, and of settings under which what it is about happens within seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace as with_these

from tests.schedules.halting_plans import halting_plan
from tests.schedules.plans import Plan, Step, plan_of
from tradectl.config.settings import HistorySettings, Settings
from tradectl.domain.positions import Position
from tradectl.domain.states import TradingState
from tradectl.portfolio.allocation_settings import AllocationSettings
from tradectl.risk.limits import RiskLimits, SizeStep
from tradectl.state.books import Books
from tradectl.strategy.configured import StrategyInstance

D = Decimal
BRAKES, LEGS, ALLOTTED = "brakes", "legs", "allotted"
BOTH = ("BTCUSDT", "ETHUSDT")
MAX_UNHEDGED = 1_500.0
SLACK = D("1.1")
"""By as much prices may have moved since."""
SLOWER = 8
"""Weights need periods of history, and one lasts 36 seconds at the least."""


@cache
def _own_folder() -> TemporaryDirectory[str]:
    """Gone with the process. A strategy's file is taken from where nobody else can write alone."""
    folder: TemporaryDirectory[str] = TemporaryDirectory()
    written = Path(folder.name, "legs.py")
    written.write_bytes(Path(__file__).with_name("two_legs_strategy.py").read_bytes())
    written.chmod(0o600)
    return folder


def braked_plan(seed: int) -> Plan:
    random = Random(f"braked {seed}")
    plan = plan_of(seed) if random.random() < 0.7 else halting_plan(seed)
    return _trading(random, replace(plan, about=BRAKES))


def legs_plan(seed: int) -> Plan:
    """On perpetuals, of which one can be sold that is not held."""
    random = Random(f"legs {seed}")
    while True:
        drawn = random.randrange(1 << 30)
        plan = plan_of(drawn) if random.random() < 0.7 else halting_plan(drawn)
        if plan.market == "futures":
            channels = ("trades", "quotes")
            return replace(plan, seed=seed, about=LEGS, symbols=BOTH, channels=channels)


def allotted_plan(seed: int) -> Plan:
    random = Random(f"allotted {seed}")
    plan = plan_of(seed) if random.random() < 0.7 else halting_plan(seed)
    slower = tuple(replace(step, at=round(step.at * SLOWER, 3)) for step in plan.steps)
    return _trading(random, replace(plan, about=ALLOTTED, steps=slower, symbols=BOTH))


def _trading(random: Random, plan: Plan) -> Plan:
    """With signals, and a market that moves."""
    begin, end = plan.steps[0].at, plan.steps[-1].at + 10
    steps = [*plan.steps]
    for _ in range(random.randint(15, 40)):
        at, symbol = round(random.uniform(begin, end), 3), random.choice(plan.symbols)
        more: dict[str, Any] = {"symbol": symbol, "bps": random.randint(-70, 70), "size": None}
        do = random.choice(("move", "signal", "signal"))
        if do == "signal":
            action = random.choice(("buy", "buy", "sell", "close", "close"))
            strength = random.choice((0.4, 1.0))
            more = {"symbol": symbol, "strategy": random.choice("ab"), "action": action}
            more["strength"] = strength
        steps.append(Step(at, do, more))
    return replace(plan, steps=tuple(sorted(steps, key=lambda step: step.at)))


def settings_about(plan: Plan, settings: Settings) -> Settings:
    """With what the plan is about."""
    if not plan.about:
        return settings
    random = Random(f"{plan.about} of {plan.seed}")
    return {BRAKES: _braked, LEGS: _with_legs, ALLOTTED: _allotted}[plan.about](settings, random)


def _braked(settings: Settings, random: Random) -> Settings:
    """Those that a few basis points trip."""
    every: tuple[dict[str, Any], ...] = (
        {"cooldown_losses": random.choice((1, 2)), "cooldown_minutes": 1},
        {"cooldown_loss_pct": D("0.01"), "cooldown_minutes": 1},
        {
            "breaker_move_pct": D("0.15"),
            "breaker_window_seconds": random.choice((10, 30)),
            "breaker_minutes": 1,
        },
        {
            "profit_lock_from_pct": D("0.005"),
            "profit_lock_of": random.choice(("day", "run")),
        },
        {"daily_loss_sizes": _steps(random)},
        {"drawdown_sizes": _steps(random)},
    )
    chosen: dict[str, Any] = {}
    for each in random.sample(every, random.randint(1, len(every))):
        chosen |= each
    limits: RiskLimits = with_these(settings.risk, **chosen)
    often = with_these(settings.orchestrator, risk_check_interval_seconds=1.0)
    return with_these(settings, risk=limits, orchestrator=often)


def _steps(random: Random) -> tuple[SizeStep, ...]:
    return (
        SizeStep(at_pct=D("0.001"), size=D("0.5")),
        SizeStep(at_pct=D("0.01"), size=random.choice((D(0), D("0.25")))),
    )


def legs_apart(books: Books) -> Iterator[str]:
    """In words: once all is quiet, and nothing holds a leg back, each has its other one."""
    held_back = any(books.restrictions(symbol) for symbol in BOTH)
    if held_back or books.trading_state is not TradingState.RUNNING:
        return
    held = [books.holdings(symbol).get(LEGS, Position(symbol)) for symbol in BOTH]
    worth = [own.quantity * (books.mark(own.symbol) or D(0)) for own in held]
    if abs(sum(worth, D(0))) > D(MAX_UNHEDGED) * SLACK:
        yield f"the legs are worth {worth}"


def _with_legs(settings: Settings, random: Random) -> Settings:
    legs = StrategyInstance(
        name=LEGS,
        strategy=f"{_own_folder().name}/legs.py:Legs",
        parameters={
            "first": BOTH[0],
            "second": BOTH[1],
            "max_unhedged": MAX_UNHEDGED,
            "max_seconds": random.choice((1.0, 3.0)),
            "otherwise": random.choice(("hedge", "unwind")),
        },
    )
    return with_these(settings, strategies=(legs,))


def _allotted(settings: Settings, random: Random) -> Settings:
    portfolio = with_these(
        settings.portfolio,
        sizing="allocation",
        max_weight=D("0.15"),
        drift=random.choice((D(0), D("0.2"))),
        trade_cost_bps=random.choice((D(0), D(1))),
    )
    allocation = AllocationSettings(
        method=random.choice(("equal_weight", "inverse_volatility", "risk_parity")),
        every_hours=random.choice((0.01, 1.0)),
        min_history=2,
        covariance=random.choice(("sample", "shrunk")),
        strategies=random.choice(("fixed", "equal")),
    )
    history = HistorySettings(period_hours=0.01, length=20)
    return with_these(settings, portfolio=portfolio, allocation=allocation, history=history)


__all__ = [
    "BRAKES",
    "LEGS",
    "allotted_plan",
    "braked_plan",
    "legs_apart",
    "legs_plan",
    "settings_about",
]
