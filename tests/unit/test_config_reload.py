"""Which settings may change while a run trades, which way they loosen, and what a change makes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.fixtures.rows import each_row
from tradectl.config.reload import (
    UNCLASSED,
    Difference,
    differences,
    loosens,
    patched,
    reload_of,
    values_of,
)
from tradectl.config.settings import Settings
from tradectl.domain.errors import ConfigError
from tradectl.domain.setting import fields_of, is_struct
from tradectl.notification.notification_settings import AlertChannel, AlertRoute
from tradectl.notification.threshold_settings import Threshold
from tradectl.risk.limits import RiskLimits, SizeStep
from tradectl.strategy.configured import StrategyInstance

RUNNING = Settings()


def _all() -> dict[str, Any]:
    found = {}
    for name, field in fields_of(Settings).items():
        if is_struct(field.kind):
            for key, inner in fields_of(field.kind).items():
                found[f"{name}.{key}"] = reload_of(field.kind, inner)
        else:
            found[name] = reload_of(None, field)
    for key, inner in fields_of(StrategyInstance).items():
        found[f"strategies[].{key}"] = reload_of(StrategyInstance, inner)
    return found


def test_every_setting_says_whether_it_may_change_while_a_run_trades() -> None:
    assert [key for key, reload in _all().items() if reload is UNCLASSED] == []


def test_a_new_setting_of_a_section_of_limits_that_nobody_classed_is_refused() -> None:
    field = replace(fields_of(RiskLimits)["max_leverage"], reload=None)
    assert RiskLimits.reload is None
    assert reload_of(RiskLimits, field).refused


def test_every_limit_that_can_be_changed_has_a_direction() -> None:
    without = [
        key
        for key, reload in _all().items()
        if key.startswith("risk.") and not reload.looser and not reload.refused
    ]
    assert without == ["risk.stress"]  # what only a report looks at


@each_row(
    ("key", "more", "less"),
    [
        ("enable_auto_recovery", True, False),
        ("max_restarts", 5, 1),
        ("risk_check_interval_seconds", 5.0, 60.0),
        ("health_check_interval_seconds", 5.0, 60.0),
    ],
)
def test_to_watch_less_or_to_end_sooner_with_what_is_open_loosens(
    key: str, more: float, less: float
) -> None:
    def by(value: float) -> Settings:
        return replace(RUNNING, orchestrator=replace(RUNNING.orchestrator, **{key: value}))

    verdicts = [differences(by(a), by(b))[0].verdict for a, b in ((more, less), (less, more))]
    assert verdicts == ["loosens", "safe"]


def _limits(**changes: Any) -> Settings:
    return replace(RUNNING, risk=replace(RUNNING.risk, **changes))


@each_row(
    ("tight", "loose"),
    [
        ({"max_leverage": Decimal(1)}, {"max_leverage": Decimal(3)}),
        ({"max_leverage": Decimal(1)}, {"max_leverage": None}),
        ({"min_equity": Decimal(10)}, {"min_equity": Decimal(5)}),
        ({"min_equity": Decimal(10)}, {"min_equity": None}),
        ({"self_match_prevention": True}, {"self_match_prevention": False}),
        ({"restricted_symbols": ("BTCUSDT",)}, {"restricted_symbols": ()}),
        ({"restricted_symbols": ("A", "B")}, {"restricted_symbols": ("B", "C")}),
        ({"max_order_quantity": {"BTCUSDT": Decimal(1)}}, {"max_order_quantity": {}}),
        (
            {"max_order_quantity": {"*": Decimal(1)}},
            {"max_order_quantity": {"*": Decimal(1), "BTCUSDT": Decimal(2)}},
        ),
        ({"daily_loss_halt_pct": Decimal(11)}, {"daily_loss_halt_pct": Decimal(12)}),
        ({"cooldown_minutes": 60}, {"cooldown_minutes": 5}),
    ],
)
def test_a_limit_loosens_in_one_direction(tight: dict[str, Any], loose: dict[str, Any]) -> None:
    (found,) = differences(_limits(**tight), _limits(**loose))
    assert found.verdict == "loosens"
    if tight != {"restricted_symbols": ("A", "B")}:
        (back,) = differences(_limits(**loose), _limits(**tight))
        assert back.verdict == "safe"


DISK = Threshold(reading="disk_free_mb", raised_at=500, for_seconds=10, pause=True)


@each_row(
    ("old", "new", "verdict"),
    [
        ((), (DISK,), "loosens"),  # what is built in pauses at once
        ((DISK,), (), "loosens"),  # at 100
        ((DISK,), (replace(DISK, pause=False),), "loosens"),
        ((DISK,), (replace(DISK, raised_at=0),), "loosens"),
        ((DISK,), (replace(DISK, cleared_at=550),), "loosens"),
        ((DISK,), (replace(DISK, raised_at=600, for_seconds=0),), "safe"),
        ((DISK,), (DISK, Threshold(reading="cpu_pct", raised_at=0)), "safe"),
    ],
)
def test_a_level_loosens_where_it_would_keep_from_entering_less(
    old: tuple[Threshold, ...], new: tuple[Threshold, ...], verdict: str
) -> None:
    running = replace(RUNNING, thresholds=old)
    assert [e.verdict for e in differences(running, replace(running, thresholds=new))] == [verdict]


def test_off_is_the_loosest_of_what_would_stop_all() -> None:
    off, late, soon = (
        replace(RUNNING, monitoring=replace(RUNNING.monitoring, stall_stop_seconds=seconds))
        for seconds in (0, 60, 30)
    )
    found = [differences(*pair)[0] for pair in ((off, late), (late, off), (late, soon))]
    assert [each.verdict for each in found] == ["safe", "loosens", "safe"]
    assert found[1].new == 0


def test_what_cannot_be_told_by_the_value_may_loosen_either_way() -> None:
    steps = (SizeStep(at_pct=Decimal(3), size=Decimal("0.5")),)
    for one, other in (((), steps), (steps, ())):
        (found,) = differences(_limits(drawdown_sizes=one), _limits(drawdown_sizes=other))
        assert found.verdict == "loosens"


def test_a_target_of_volatility_may_make_positions_larger_than_without_one() -> None:
    bold = _limits(volatility_size_max=Decimal(3))
    with_target = replace(bold, risk=replace(bold.risk, volatility_target_pct=Decimal(200)))
    assert [each.verdict for each in differences(bold, with_target)] == ["loosens"]


@pytest.mark.parametrize("key", ["max_weight", "cash_reserve"])
def test_what_weights_are_worked_out_by_is_refused_where_positions_are_sized_by_them(
    key: str,
) -> None:
    for sizing, verdict in (("allocation", "refused"), ("fixed_fraction", "safe")):
        running = replace(RUNNING, portfolio=replace(RUNNING.portfolio, sizing=sizing))
        tighter = Decimal("0.1") if key == "max_weight" else Decimal("0.5")
        wanted = replace(running, portfolio=replace(running.portfolio, **{key: tighter}))
        assert [each.verdict for each in differences(running, wanted)] == [verdict]


def test_nothing_loosens_where_nothing_changes() -> None:
    assert differences(RUNNING, Settings()) == []
    assert not loosens("either", 1, 1)


def test_what_a_run_was_opened_with_is_refused_with_the_reason() -> None:
    wanted = replace(RUNNING, seed=2, alert_channels=(AlertChannel(name="phone", kind="log"),))
    found = differences(RUNNING, wanted)
    assert [(each.key, each.verdict) for each in found] == [
        ("seed", "refused"),
        ("alert_channels", "refused"),
    ]
    assert all(each.reason for each in found)


def _with_parameters(**parameters: Any) -> Settings:
    (strategy,) = RUNNING.strategies
    return replace(RUNNING, strategies=(replace(strategy, parameters=parameters),))


def test_parameters_change_one_by_one_and_none_is_the_default() -> None:
    found = differences(_with_parameters(fast=5), _with_parameters(slow=30))
    assert found == [
        Difference("strategies.ema-cross.parameters.fast", 5, None, "safe"),
        Difference("strategies.ema-cross.parameters.slow", None, 30, "safe"),
    ]


def test_another_strategy_is_refused_and_so_is_a_new_one() -> None:
    (strategy,) = RUNNING.strategies
    other = replace(RUNNING, strategies=(replace(strategy, strategy="rsi-reversion"),))
    more = replace(RUNNING, strategies=(strategy, replace(strategy, name="second")))
    assert [each.verdict for each in differences(RUNNING, other)] == ["refused"]
    assert [(e.key, e.verdict) for e in differences(RUNNING, more)] == [("strategies", "refused")]


@each_row(
    "wanted",
    [
        _limits(max_leverage=None, budgets=(), restricted_symbols=("BTCUSDT",)),
        _limits(drawdown_sizes=(SizeStep(at_pct=Decimal(3), size=Decimal("0.5")),)),
        _limits(max_order_quantity={"*": Decimal("0.1")}, max_orders_per_second=None),
        _with_parameters(fast=3, slow=9),
        replace(RUNNING, alert_routes=(AlertRoute(channels=("phone",)),)),
        replace(RUNNING, portfolio=replace(RUNNING.portfolio, fraction=Decimal("0.1"))),
    ],
)
def test_the_values_make_the_same_settings_again_through_a_journal(wanted: Settings) -> None:
    values = values_of(differences(RUNNING, wanted))
    kept = msgspec.json.decode(msgspec.json.encode(values))
    assert patched(RUNNING, kept) == wanted
    assert patched(patched(RUNNING, kept), kept) == wanted


def test_values_that_are_none_of_ours_are_refused() -> None:
    with pytest.raises(ConfigError):
        patched(RUNNING, {"risk.nothing_like_that": "1"})
