"""Two runs side by side: where they part, by what, and a ledger that adds up."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.fake_account import PERP
from tests.fixtures.journalled import journalled
from tests.profiles import in_turn
from tests.unit.test_untraded import PAUSE, settings
from tests.unit.test_why_gates import BTC, signal, trade
from tradectl.config.settings import Settings
from tradectl.documents.compare import Comparison, DifferenceCause
from tradectl.domain.events import RestrictionKind, SignalAction, SymbolRestricted
from tradectl.domain.money import summed
from tradectl.domain.time import SECOND
from tradectl.explain.compare import compare
from tradectl.explain.counterfactual import counterfactual
from tradectl.explain.simulated import compare_with_backtest
from tradectl.strategy.configured import StrategyInstance

D = Decimal
C = DifferenceCause
WAVES = [100 + (n % 30 if n // 30 % 2 else 30 - n % 30) for n in range(240)]
EMA = ("strategy.fast=2", "strategy.slow=5")


def ticks(prices: list[int]) -> list[Any]:
    return [trade(str(price), n) for n, price in enumerate(prices)]


def quoted(prices: list[int]) -> list[Any]:
    """With a market of two sides around each price."""
    return [
        msgspec.structs.replace(each, bid=each.price - 1, ask=each.price + 1)
        for each in ticks(prices)
    ]


def two(
    folder: Path, a: tuple[Settings, list[Any]], b: tuple[Settings, list[Any]]
) -> tuple[Path, Path]:
    one = journalled(folder, *a, run_id="20240101T000000000-000a")
    return one, journalled(folder, *b, run_id="20240101T000000000-000b")


def adds_up(found: Comparison) -> bool:
    """As it is told: nothing but the document is looked at."""
    by_sides = D(found.b.pnl) - D(found.a.pnl)
    return (
        found.adds_up
        and summed(D(line.amount) for line in found.ledger) == D(found.difference) == by_sides
    )


BASE = settings("ema-cross", *EMA)
OTHERS: dict[str, tuple[Settings, list[Any], DifferenceCause, str]] = {
    "another price": (
        BASE, ticks([*WAVES[:100], 60, *WAVES[101:]]), C.DATA, "market event 101: A has",
    ),
    "less data": (BASE, ticks(WAVES[:200]), C.DATA, "B has no more"),
    "another parameter": (
        settings("ema-cross", "strategy.fast=2", "strategy.slow=9"),
        ticks(WAVES),
        C.CONFIG,
        "strategies.it.parameters.slow: A has 5, B has 9",
    ),
    "another limit": (
        settings("ema-cross", *EMA, "risk.max_order_notional=10"),
        ticks(WAVES),
        C.CONFIG,
        "risk.max_order_notional: A has the default, B has 10",
    ),
    "another fill": (
        settings("ema-cross", *EMA, "paper.fill=close", "paper.slippage_bps=9"),
        ticks(WAVES),
        C.CONFIG,
        "paper.fill: A has next-open, B has close",
    ),
    "a pause": (BASE, [*ticks(WAVES[:90]), PAUSE, *ticks(WAVES)[90:]], C.INPUT, "B had command"),
    "another fee": (
        settings("ema-cross", *EMA, "paper.taker_fee=0.01"), ticks(WAVES), C.FILL, "fill 1: A has",
    ),
    "another latency": (
        settings("ema-cross", *EMA, "paper.latency_ms=400", "paper.slippage_bps=0"),
        ticks(WAVES),
        C.FILL,
        "fill 1: A has",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_where_two_runs_part_and_by_what(name: str, tmp_path: Path) -> None:
    made, inputs, cause, evidence = OTHERS[name]
    found = compare(*two(tmp_path, (BASE, ticks(WAVES)), (made, inputs)))
    assert not found.identical
    first = found.first_difference
    assert first is not None
    assert first.cause is cause, first
    assert any(evidence in said for said in first.evidence), first.evidence
    assert adds_up(found)
    back = compare(*(Path(side.journal) for side in (found.b, found.a)))
    assert D(back.difference) == -D(found.difference)
    assert adds_up(back)


def test_runs_of_the_same_are_identical(tmp_path: Path) -> None:
    found = compare(*two(tmp_path, (BASE, quoted(WAVES)), (BASE, quoted(WAVES))))
    assert found.identical
    assert found.first_difference is None
    assert found.a.decisions == found.b.decisions > 10
    assert (found.matched, found.only_a, found.only_b) == (found.a.trips, 0, 0)
    assert {line.amount for line in found.ledger} == {"0"}
    assert adds_up(found)


def test_only_the_time_of_fills_was_another(tmp_path: Path) -> None:
    """Prices stand still: the same fills, later, and a decision with a time of its own by then."""
    still = ticks([100] * 60)
    orders = [*still[:10], signal(SignalAction.BUY), *still[10:]]
    slow = settings("donchian-breakout", "paper.latency_ms=300", "paper.latency_jitter_ms=0")
    fast = settings("donchian-breakout", "paper.latency_ms=100", "paper.latency_jitter_ms=0")
    late = signal(SignalAction.CLOSE)
    one, other = (
        (fast, [*orders[:40], late, *orders[40:]]),
        (slow, [*orders[:41], late, *orders[41:]]),
    )
    found = compare(*two(tmp_path, one, other))
    assert found.first_difference is not None
    assert found.first_difference.cause is C.LATENCY
    assert "was booked at" in found.first_difference.evidence[0]
    later = [*orders[:41], late, *orders[41:]]
    other_clock = journalled(tmp_path, fast, later, run_id="20240101T000000000-000c")
    clock = compare(Path(found.a.journal), other_clock)
    assert clock.first_difference is not None
    assert clock.first_difference.cause is C.CLOCK


def restricted(restricted: bool) -> SymbolRestricted:
    return SymbolRestricted(
        symbol=BTC, kind=RestrictionKind.UNRECONCILED, restricted=restricted, message="at the start"
    )


def test_a_restriction_that_was_over_is_no_cause(tmp_path: Path) -> None:
    """As each live run has one until its exchange was compared."""
    dear = settings("ema-cross", *EMA, "paper.taker_fee=0.01")
    live = [restricted(True), restricted(False), *ticks(WAVES)]
    found = compare(*two(tmp_path, (BASE, live), (dear, ticks(WAVES))))
    assert found.first_difference is not None
    assert found.first_difference.cause is C.FILL
    held_back = [*ticks(WAVES)[:5], restricted(True), *ticks(WAVES)[5:]]
    (tmp_path / "held").mkdir()
    found = compare(*two(tmp_path / "held", (BASE, held_back), (dear, ticks(WAVES))))
    assert found.first_difference is not None
    assert found.first_difference.cause is C.INPUT
    assert "A had symbol restricted unreconciled" in found.first_difference.evidence[0]


def test_spread_slippage_fees_and_size_are_told_apart(tmp_path: Path) -> None:
    more = settings(
        "ema-cross",
        *EMA,
        "paper.taker_fee=0.002",
        "paper.slippage_bps=20",
        "strategy.allocation=0.5",
    )
    found = compare(*two(tmp_path, (BASE, quoted(WAVES)), (more, quoted(WAVES))))
    lines = {line.line: D(line.amount) for line in found.ledger}
    assert found.matched > 3
    assert lines["fees"] < 0
    assert lines["slippage"] < 0
    assert lines["size"] != 0
    assert adds_up(found)
    one = next(row for row in found.trips if row.pnl_a is not None and row.pnl_b is not None)
    assert sum(map(D, one.lines.values())) == D(one.difference)


def test_a_run_against_a_backtest_of_its_own_data(tmp_path: Path) -> None:
    path = journalled(tmp_path, BASE, quoted(WAVES))
    found = compare_with_backtest(path, lambda settings: settings)
    assert found.identical
    assert D(found.difference) == 0
    assert (found.b.journal, found.b.fills) == ("", found.a.fills)
    paused = journalled(
        tmp_path, BASE, [*quoted(WAVES[:60]), PAUSE, *quoted(WAVES)[60:]],
        run_id="20240101T000000000-000d",
    )  # fmt: skip
    found = compare_with_backtest(paused, lambda settings: settings)
    assert found.first_difference is not None
    assert found.first_difference.cause is C.INPUT
    assert found.only_b > 0
    assert adds_up(found)


def test_another_configuration_says_the_same_as_a_comparison(tmp_path: Path) -> None:
    slow = settings("ema-cross", "strategy.fast=2", "strategy.slow=9")
    a, b = two(tmp_path, (BASE, ticks(WAVES)), (slow, ticks(WAVES)))
    asked = counterfactual(a, slow)
    told = compare(a, b)
    assert asked.comparison.difference == told.difference == asked.difference.pnl
    assert asked.comparison.ledger == told.ledger
    assert asked.comparison.trips == told.trips
    assert asked.first_difference is not None
    first = asked.comparison.first_difference
    assert first is not None
    assert first.cause is C.CONFIG
    assert (asked.recorded.pnl, asked.simulated.pnl) == (told.a.pnl, told.b.pnl)
    assert counterfactual(a, BASE).first_difference is None


def any_settings(chance: random.Random) -> Settings:
    """Two strategies of a perpetual that is paid for, which net, reverse and are stopped out."""
    made = settings(
        "ema-cross",
        f"strategy.fast={chance.randint(2, 4)}", f"strategy.slow={chance.randint(5, 9)}",
        f"paper.taker_fee={chance.choice(['0', '0.0004', '0.003'])}",
        f"paper.slippage_bps={chance.choice(['0', '3', '20'])}",
        f"paper.latency_ms={chance.choice([0, 200, 1500])}",
        f"paper.funding_rate={chance.choice(['0', '0.01', '-0.003'])}",
        f"portfolio.stop_loss_pct={chance.choice(['none', '2'])}",
        f"portfolio.turn={chance.choice(['one_order', 'two_orders'])}",
        "risk.max_leverage=5", "orchestrator.risk_check_interval_seconds=600",
        "orchestrator.portfolio_rebalance_interval_seconds=3600",
    )  # fmt: skip
    other = StrategyInstance(
        "other", "donchian-breakout", allocation=D("0.5"),
        parameters={"timeframe": "5s", "entry": chance.randint(3, 8), "exit": 3},
    )  # fmt: skip
    own = msgspec.structs.replace(made.strategies[0], allocation=D("0.5"))
    perpetual = msgspec.structs.replace(PERP, symbol=BTC)
    return msgspec.structs.replace(made, strategies=(own, other), instruments=(perpetual,))


@pytest.mark.parametrize("seed", in_turn(range(80), 80))
def test_the_ledger_adds_up_whatever_two_runs_do(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    price, walk = 1000, []
    for _ in range(300):
        price += chance.randint(-12, 12)
        walk.append(price)
    day = 8 * 3600 * SECOND // 250  # funding comes in between
    inputs = [
        msgspec.structs.replace(each, ts=each.ts + n * day) for n, each in enumerate(quoted(walk))
    ]
    sides = [(any_settings(chance), inputs) for _ in range(2)]
    found = compare(*two(tmp_path, sides[0], sides[1]))
    assert found.matched + found.only_a + found.only_b > 10
    assert found.a.pnl != found.b.pnl
    assert adds_up(found)
    for row in found.trips:
        assert sum(map(D, row.lines.values())) == D(row.difference)
