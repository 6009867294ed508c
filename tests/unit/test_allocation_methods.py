"""From targets and history to weights, by configuration: methods, caps, too little history, packages."""

from __future__ import annotations

import builtins
import sys
from decimal import Decimal
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from tests.fixtures.rows import each_row
from tradectl.config.rules import check
from tradectl.config.settings import HistorySettings, Settings
from tradectl.domain.allocation import AllocationTarget, Weights
from tradectl.domain.errors import AllocationFailed, ConfigError
from tradectl.domain.market_history import MarketHistory
from tradectl.portfolio.allocation import allocator
from tradectl.portfolio.allocation.allocator import MethodAllocator, check_packages
from tradectl.portfolio.allocation_settings import PLAIN, AllocationSettings, Method
from tradectl.portfolio.portfolio_settings import PortfolioSettings

METHODS: tuple[Method, ...] = get_args(Method)
SYMBOLS = ("CALM", "MIDDLE", "WILD")


def moved(steps: list[float]) -> tuple[Decimal, ...]:
    prices = [100.0]
    for step in steps:
        prices.append(prices[-1] * (1 + step))
    return tuple(Decimal(f"{price:.8f}") for price in prices)


def history(count: int = 63) -> MarketHistory:
    """Three symbols that rise, each four times as wildly as the one before it, and not together."""
    closes = {
        name: moved([size * ((n * step) % 7 - 2.9) for n in range(count)])
        for name, size, step in zip(SYMBOLS, (0.001, 0.004, 0.016), (1, 2, 3), strict=True)
    }
    return MarketHistory(closes=closes, next_period=1)


def targets(**held: float) -> dict[str, AllocationTarget]:
    return {symbol: AllocationTarget(1, held.get(symbol, 0.0)) for symbol in SYMBOLS}


def allocated(known: MarketHistory | None = None, **settings: Any) -> Weights:
    portfolio = PortfolioSettings(max_weight=settings.pop("max_weight", Decimal("0.6")))
    made = MethodAllocator(AllocationSettings(**settings), portfolio)
    return made(settings.get("targets", targets()), known or history())


@each_row("method", METHODS)
def test_weights_are_rounded_above_zero_capped_and_within_what_is_allotted(method: Method) -> None:
    weights = allocated(method=method)
    assert [*weights] == [*SYMBOLS]
    assert all(0 <= weight <= Decimal("0.6") for weight in weights.values())
    assert sum(weights.values()) <= Decimal("0.980001")
    assert all(weight.as_tuple().exponent == -6 for weight in weights.values())
    if method != "kelly":
        assert sum(weights.values()) == pytest.approx(Decimal("0.98"), abs=Decimal("0.000002"))


@each_row("method", ["inverse_volatility", "minimum_variance", "risk_parity"])
@each_row("covariance", ["sample", "shrunk", "exponential"])
def test_what_is_calm_gets_more(method: Method, covariance: Any) -> None:
    weights = allocated(method=method, covariance=covariance, max_weight=Decimal(1))
    assert weights["CALM"] > weights["MIDDLE"] >= weights["WILD"]


def test_inverse_volatility_is_the_same_with_the_numeric_libraries_and_without() -> None:
    plain = allocated(method="inverse_volatility", covariance="sample")
    numeric = allocated(method="inverse_volatility", covariance="sample", gross=Decimal("0.98"))
    assert plain == pytest.approx(numeric, abs=Decimal("0.000002"))


def test_what_is_cut_by_the_cap_goes_to_the_others() -> None:
    weights = allocated(method="equal_weight", max_weight=Decimal("0.3"))
    assert {*weights.values()} == {Decimal("0.300000")}
    weights = allocated(method="inverse_volatility", max_weight=Decimal("0.4"))
    assert weights["CALM"] == Decimal("0.400000")
    assert sum(weights.values()) == Decimal("0.98")


def test_a_budget_of_nothing_is_no_weight_and_a_larger_one_is_more() -> None:
    even = allocated(method="risk_parity", max_weight=Decimal(1))
    tilted = allocated(
        method="risk_parity",
        max_weight=Decimal(1),
        budgets={"CALM": Decimal(0), "WILD": Decimal(3)},
    )
    assert tilted["CALM"] == 0
    assert tilted["WILD"] > even["WILD"]


def test_groups_turnover_and_symbols_that_move_together_are_held_within_their_limits() -> None:
    grouped = allocated(
        method="hierarchical_risk_parity",
        groups={"CALM": "one", "MIDDLE": "one"},
        group_caps={"one": Decimal("0.5")},
    )
    assert grouped["CALM"] + grouped["MIDDLE"] <= Decimal("0.500001")
    slow = allocated(method="equal_weight", turnover=Decimal("0.3"))
    assert sum(slow.values()) <= Decimal("0.300001")
    twins = history()
    closes = {**twins.closes, "MIDDLE": twins.closes["CALM"]}
    together = allocated(
        replace(twins, closes=closes),
        method="equal_weight",
        max_weight=Decimal("0.4"),
        max_correlation=Decimal("0.9"),
        covariance="sample",
    )
    assert together["CALM"] + together["MIDDLE"] <= Decimal("0.400001")


def test_what_is_held_beyond_its_cap_comes_back_by_one_turnover_after_the_other() -> None:
    known, made = history(), AllocationSettings(method="minimum_variance", turnover=Decimal("0.05"))
    portfolio, held = PortfolioSettings(max_weight=Decimal("0.4")), {"WILD": 0.8}
    for _ in range(12):
        weights = MethodAllocator(made, portfolio)(targets(**held), known)
        moved_by = sum(abs(float(w) - held.get(s, 0.0)) for s, w in weights.items())
        assert moved_by <= 0.05 + 1e-5
        held = {symbol: float(weight) for symbol, weight in weights.items()}
    assert held["WILD"] < 0.55


def test_kelly_bets_a_part_and_on_nothing_that_falls() -> None:
    whole = allocated(method="kelly", kelly_fraction=Decimal(1))
    quarter = allocated(method="kelly")
    assert sum(quarter.values()) == pytest.approx(sum(whole.values()) / 4, abs=Decimal("0.00001"))
    falling = {name: closes[::-1] for name, closes in history().closes.items()}
    nothing = allocated(replace(history(), closes=falling), method="kelly")
    assert not any(nothing.values())


def test_who_has_too_little_history_has_no_weight_and_nobody_with_enough_is_told() -> None:
    known = history()
    short = replace(known, closes={**known.closes, "WILD": known.closes["WILD"][-5:]})
    assert allocated(short, method="risk_parity")["WILD"] == 0
    with pytest.raises(AllocationFailed, match=r"too little history: 5 of 30 returns"):
        allocated(history(5), method="risk_parity")
    assert allocated(MarketHistory(), method="equal_weight")["WILD"] > 0


def test_a_missing_package_names_the_extra_and_the_plain_methods_need_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(allocator, "find_spec", lambda name: None)
    settings = Settings(portfolio=PortfolioSettings(sizing="allocation"))
    check(replace(settings, allocation=AllocationSettings(method="equal_weight")))
    with pytest.raises(ConfigError, match=r"pip install 'tradectl\[quant\]'"):
        check(replace(settings, allocation=AllocationSettings(method="risk_parity")))
    with pytest.raises(ConfigError, match="clarabel"):
        check_packages(AllocationSettings(method="equal_weight", turnover=Decimal(1)))


def test_the_plain_methods_load_no_numeric_library(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def guarded(name: str, *rest: Any, **more: Any) -> Any:
        assert name.partition(".")[0] not in allocator.PACKAGES, name
        return original(name, *rest, **more)

    for module in [name for name in sys.modules if name.endswith("allocation.optimising")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", guarded)
    for method in PLAIN:
        allocated(method=method)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"allocation": AllocationSettings(min_history=400)},
            "allocation.min_history: expected at",
        ),
        (
            {"allocation": AllocationSettings(groups={"X": "a"})},
            "allocation.groups: 'X' is not traded",
        ),
        (
            {"allocation": AllocationSettings(method="risk_parity", budgets={"X": Decimal(1)})},
            "allocation.budgets: 'X' is not traded",
        ),
    ],
)
def test_what_contradicts_the_rest_is_refused(settings: dict[str, Any], said: str) -> None:
    whole = Settings(portfolio=PortfolioSettings(sizing="allocation"), history=HistorySettings())
    with pytest.raises(ConfigError, match=said):
        check(replace(whole, **settings))


def test_a_cap_of_a_group_that_nothing_is_in_and_one_below_zero_are_refused() -> None:
    with pytest.raises(ConfigError, match="group_caps: no symbol is in the group 'b'"):
        AllocationSettings(groups={"X": "a"}, group_caps={"b": Decimal(1)})
    with pytest.raises(ConfigError, match=r"budgets\.X: expected 0 or more"):
        AllocationSettings(budgets={"X": Decimal(-1)})
