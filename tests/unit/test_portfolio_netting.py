from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fixtures.rows import each_row
from tradectl.domain.errors import ConfigError, UsageError
from tradectl.domain.events import SignalAction, StrategySignalEvent
from tradectl.domain.shares import StrategyTarget
from tradectl.portfolio.netting import (
    Allocations,
    Conflict,
    followed,
    net_target,
    parts_of_net,
    share_of,
    target_of,
)

D = Decimal
SHARES = st.decimals(0, 1, places=4)
Allocated = tuple[D, D, D]
"""Size, confidence and allocation of one strategy."""
TARGETS = st.tuples(st.decimals(-1, 1, places=4), SHARES, SHARES)


def target(size: str, confidence: str = "1", allocation: str = "1") -> Allocated:
    return D(size), D(confidence), D(allocation)


def named(each: list[Allocated]) -> tuple[list[StrategyTarget], Allocations]:
    """A strategy for each."""
    targets = [StrategyTarget(f"s{n}", one[0], one[1]) for n, one in enumerate(each)]
    return targets, Allocations({f"s{n}": one[2] for n, one in enumerate(each)})


def net_of(each: list[Allocated]) -> D:
    return net_target(*named(each))


def signal(action: Any = "buy", strength: Any = 1.0, confidence: Any = 1.0) -> StrategySignalEvent:
    return StrategySignalEvent(
        symbol="BTCUSDT", action=action, strategy="ema", strength=strength, confidence=confidence
    )


@each_row(
    ("targets", "net"),
    [
        ([], "0"),
        ([target("1")], "1"),
        ([target("-0.5")], "-0.5"),
        ([target("1", allocation="0.3")], "0.3"),
        # alone, confidence means nothing, unless there is none of it
        ([target("1", confidence="0.1", allocation="0.3")], "0.3"),
        ([target("1", confidence="0")], "0"),
        # as confident as each other: the sum of allocation x size
        ([target("1", allocation="0.5"), target("-1", allocation="0.5")], "0"),
        ([target("1", allocation="0.5"), target("0.5", allocation="0.25")], "0.625"),
        ([target("1", allocation="0.6"), target("0", allocation="0.4")], "0.6"),
        # the surer one gets the other's share
        ([target("1", "1", "0.5"), target("-1", "0", "0.5")], "1"),
        ([target("1", "0.75", "0.5"), target("-1", "0.25", "0.5")], "0.5"),
        # more than everything cannot be allocated: the rest is a plain mean
        ([target("1"), target("1"), target("0"), target("0")], "0.5"),
    ],
)
def test_targets_of_a_symbol_are_netted(targets: list[Allocated], net: str) -> None:
    assert net_of(targets) == D(net)


@each_row(
    ("conflict", "sizes", "counted"),
    [
        ("net", ("1", "-0.5"), ("1", "-0.5")),
        ("strongest", ("1", "-0.5"), ("1", "0")),
        ("strongest", ("0.4", "-0.5", "0.3"), ("0.4", "0", "0.3")),
        ("strongest", ("0.4", "-0.5"), ("0", "-0.5")),
        ("strongest", ("0.5", "-0.5"), ("0", "0")),
        ("agree", ("1", "-0.1"), ("0", "0")),
        ("agree", ("1", "0", "0.5"), ("1", "0", "0.5")),
    ],
)
def test_where_strategies_disagree_the_rule_says_who_counts(
    conflict: Conflict, sizes: tuple[str, ...], counted: tuple[str, ...]
) -> None:
    targets, allocations = named([target(size) for size in sizes])
    found = followed(targets, allocations, conflict)
    assert [each.size for each in found] == [*map(D, counted)]


def test_who_was_stopped_out_disagrees_with_nobody() -> None:
    targets, allocations = named([target("1"), target("-1")])
    stopped = [targets[0], replace(targets[1], stopped=True)]
    assert followed(stopped, allocations, "agree") is stopped


@given(st.lists(TARGETS, max_size=6))
def test_each_strategy_has_its_part_of_the_net(targets: list[Allocated]) -> None:
    parts = parts_of_net(*named(targets))
    assert list(parts) == [f"s{n}" for n in range(len(targets))]
    assert abs(sum(parts.values(), D(0)) - net_of(targets)) < D("1e-25")
    for part, (size, confidence, allocation) in zip(parts.values(), targets, strict=True):
        assert (part == 0) == (not (size and confidence and allocation))
        assert part * size >= 0


@given(st.lists(TARGETS, max_size=6))
def test_a_net_target_is_never_larger_than_one_nor_than_what_is_allocated(
    targets: list[Allocated],
) -> None:
    allocated = min(D(1), sum((allocation for _, _, allocation in targets), D(0)))
    assert abs(net_of(targets)) <= allocated


@given(st.lists(TARGETS, max_size=6))
def test_opposite_targets_give_the_opposite_net(targets: list[Allocated]) -> None:
    opposite = [(-size, confidence, allocation) for size, confidence, allocation in targets]
    assert net_of(opposite) == -net_of(targets)


@given(st.lists(TARGETS.filter(lambda w: w[1] > 0 < w[2]), min_size=1, max_size=6))
def test_strategies_that_agree_lose_nothing_to_rounding(targets: list[Allocated]) -> None:
    agreed = [(D(1), confidence, allocation) for _, confidence, allocation in targets]
    assert net_of(agreed) == min(D(1), sum((allocation for _, _, allocation in targets), D(0)))


@each_row(
    ("action", "size"),
    [
        (SignalAction.BUY, "0.5"),
        (SignalAction.SELL, "-0.5"),
        (SignalAction.CLOSE, "0"),
        ("buy", "0.5"),
        ("BUY", "0.5"),
        ("Sell", "-0.5"),
        ("close", "0"),
    ],
)
def test_an_action_is_read_in_any_case(action: Any, size: str) -> None:
    assert target_of(signal(action, strength=0.5), can_short=True).size == D(size)


def test_on_spot_to_sell_is_to_want_nothing() -> None:
    assert target_of(signal("sell"), can_short=False).size == 0


@each_row("action", ["hold", "", "long", None, 1])
def test_an_action_that_is_none_is_refused(action: Any) -> None:
    with pytest.raises(UsageError, match="is not one of buy, sell, close"):
        target_of(signal(action), can_short=True)


@each_row("value", [0, 1, 0.0, 1.0, 0.1, 0.25])
def test_strength_is_taken_by_its_text(value: Any) -> None:
    assert target_of(signal(strength=value), can_short=True).size == D(str(value))


@each_row("value", [-0.1, 1.1, 2, -1, 1e300])
@each_row("name", ["strength", "confidence"])
def test_a_strength_or_confidence_that_is_no_share_is_refused(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{name} .* is not a number from 0 to 1"):
        target_of(signal(**{name: value}), can_short=True)


@each_row(
    "value",
    [
        float("nan"), float("inf"), D("NaN"), D("sNaN"), D("Infinity"), D("-0.1"),
        "much", None, [],
    ],
)  # fmt: skip
def test_what_is_no_share_is_refused_wherever_it_comes_from(value: Any) -> None:
    with pytest.raises(UsageError, match=r"strength .* is not a number from 0 to 1"):
        share_of("strength", value)


@pytest.mark.parametrize("value", [D("0.25"), "0.5"])
def test_a_share_may_come_as_a_decimal_or_as_text(value: Any) -> None:
    assert share_of("strength", value) == D(str(value))


def test_without_allocations_every_strategy_may_use_all() -> None:
    assert Allocations({}).of("any") == 1


def test_with_allocations_a_strategy_left_out_is_refused() -> None:
    allocations = Allocations({"ema": D("0.4"), "idle": D(0)})
    assert allocations.of("ema") == D("0.4")
    assert allocations.of("idle") == 0
    with pytest.raises(UsageError, match="'rsi' has no allocation"):
        allocations.of("rsi")


@each_row("share", [D("-0.1"), D("1.1"), D("NaN"), 0.5])
def test_an_impossible_allocation_is_refused(share: Any) -> None:
    with pytest.raises(ConfigError, match="allocation of 'ema'"):
        Allocations({"ema": share})
