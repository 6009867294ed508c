from __future__ import annotations

from typing import ClassVar

import pytest

from tests.fixtures.rows import each_row
from tradectl.domain.errors import UsageError
from tradectl.domain.events import BarEvent, MarketDataEvent, SignalAction
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.parameters import Parameter


class FillModel(Strategy):
    """Not a word."""

    fast: int = 10
    band: float = 1
    both_sides: bool = True
    venue: str = "paper"
    kind: ClassVar[str] = "trend"
    _secret: int = 3
    undecided: int

    def check(self) -> None:
        if self.fast > 100:
            raise ValueError("fast must be at most 100")

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        return None


class Faster(FillModel):
    fast = 5
    slow: int = 30
    venue: ClassVar[str] = "live"  # type: ignore[misc]  # no longer a parameter


class OnBars(Strategy):
    timeframe = "5m"

    def on_bar(self, bar: BarEvent) -> Signal | None:
        return None


def test_the_annotated_public_attributes_with_defaults_are_the_parameters() -> None:
    assert FillModel.parameters() == {
        "fast": Parameter("int", 10),
        "band": Parameter("float", 1.0),
        "both_sides": Parameter("bool", True),
        "venue": Parameter("str", "paper"),
    }


def test_parameters_are_inherited_and_may_be_changed_and_withdrawn() -> None:
    assert list(Faster.parameters()) == ["fast", "band", "both_sides", "slow"]
    assert Faster.parameters()["fast"] == Parameter("int", 5)
    assert Faster().fast == 5


def test_a_strategy_on_bars_has_a_timeframe_and_one_on_trades_has_none() -> None:
    assert OnBars.parameters() == {"timeframe": Parameter("str", "5m")}
    assert OnBars(timeframe="1h").timeframe == "1h"
    assert "timeframe" not in FillModel.parameters()


def test_parameters_are_given_by_name_and_whole_numbers_pass_as_floats() -> None:
    strategy = FillModel("BTCUSDT", fast=7, band=2)
    assert (strategy.symbol, strategy.fast, strategy.both_sides) == ("BTCUSDT", 7, True)
    assert isinstance(strategy.band, float)


def test_annotations_that_are_evaluated_count_as_well() -> None:
    made = type(
        "Made",
        (Strategy,),
        {"__annotations__": {"n": int, "k": ClassVar[int]}, "n": 4, "k": 1},
    )
    assert issubclass(made, Strategy)
    assert made.parameters() == {"n": Parameter("int", 4)}


@each_row(
    ("given", "message"),
    [
        (
            {"fats": 3},
            r"FillModel has no parameter 'fats': did you mean 'fast'\? \(known: fast, band",
        ),
        ({"zzz": 3}, r"FillModel has no parameter 'zzz': known: fast"),
        ({"symbol": "X"}, "has no parameter 'symbol'"),
        ({"_secret": 3}, "has no parameter '_secret'"),
        ({"fast": "10"}, "FillModel.fast: expected a value of type int, got '10'"),
        ({"fast": 1.0}, "expected a value of type int, got 1.0"),
        ({"fast": True}, "expected a value of type int, got True"),
        ({"band": "1"}, "expected a finite float, got '1'"),
        ({"band": True}, "expected a finite float, got True"),
        ({"band": float("nan")}, "expected a finite float, got nan"),
        ({"band": float("inf")}, "expected a finite float, got inf"),
        ({"band": 10**400}, "expected a finite float, got 1000"),
        ({"both_sides": 1}, "expected a value of type bool, got 1"),
        ({"venue": None}, "expected a value of type str, got None"),
        ({"fast": 101}, "FillModel: fast must be at most 100"),
    ],
)
def test_bad_parameters_are_refused_with_what_was_expected(
    given: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        FillModel(**given)


def test_a_timeframe_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="OnBars: '7x' is not a timeframe"):
        OnBars(timeframe="7x")


def test_a_parameter_that_hides_a_method_is_refused_where_it_is_written() -> None:
    with pytest.raises(UsageError, match=r"Bad.long: .* hides Strategy.long: rename it"):
        type("Bad", (Strategy,), {"__annotations__": {"long": "int"}, "long": 3})


@pytest.mark.parametrize(
    ("annotation", "default", "message"),
    [
        ("list[int]", [1], r"a parameter is a bool, int, float or str, not list\[int\]"),
        ("int", "3", "Bad.n: expected a value of type int, got '3'"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_where_it_is_written(
    annotation: str, default: object, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        type("Bad", (Strategy,), {"__annotations__": {"n": annotation}, "n": default})


def test_only_overridden_callbacks_are_named() -> None:
    assert FillModel.callbacks() == ("on_trade",)
    assert OnBars.callbacks() == ("on_bar",)
    assert Strategy.callbacks() == ()


def test_the_helpers_make_signals() -> None:
    strategy = FillModel()
    assert strategy.long(0.5, reason="up") == Signal(SignalAction.BUY, 0.5, 1.0, "up")
    assert strategy.short(confidence=0.2) == Signal(SignalAction.SELL, 1.0, 0.2)
    assert strategy.flat("done") == Signal(SignalAction.CLOSE, reason="done")
