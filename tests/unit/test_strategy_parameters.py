"""Parameters with ranges, and a strategy described in full."""

from __future__ import annotations

import pytest

from tests.fixtures.rows import each_row
from tradectl.domain.errors import UsageError
from tradectl.domain.events import BarEvent
from tradectl.strategy import Answer, Sma, Strategy, param
from tradectl.strategy.catalog import BUILT_IN
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.described import described
from tradectl.strategy.engine import StrategyEngine
from tradectl.strategy.parameters import Parameter


class Ranged(Strategy):
    """With a range."""

    fast: int = param(12, 2, 200, "bars")
    share: float = param(0.5, 0, 1)
    most: float = param(5, high=10)
    least: int = param(5, 1)
    side: str = param("both", choices=("both", "long"))

    def start(self) -> None:
        self._average = Sma(self.fast)

    def on_bar(self, bar: BarEvent) -> Answer:
        return None


class Narrower(Ranged):
    fast = 20


def test_a_range_is_part_of_the_parameter_and_the_class_has_the_default() -> None:
    assert Ranged.parameters()["fast"] == Parameter("int", 12, 2, 200, (), "bars")
    assert Ranged.fast == 12
    assert Ranged(fast=2).fast == 2
    assert Ranged(share=1).share == 1.0


def test_a_new_default_keeps_the_range() -> None:
    assert Narrower().fast == 20
    with pytest.raises(UsageError, match=r"Narrower\.fast: expected a whole number from 2 to 200"):
        Narrower(fast=201)


@each_row(
    ("given", "message"),
    [
        (
            {"fast": 1},
            "Ranged.fast: expected a whole number from 2 to 200, got 1: set fast to that",
        ),
        ({"fast": 1.5}, "Ranged.fast: expected a value of type int, got 1.5"),
        ({"share": 1.01}, "Ranged.share: expected a number from 0 to 1, got 1.01"),
        ({"most": 11}, "Ranged.most: expected a number 10 at most, got 11"),
        ({"least": 0}, "Ranged.least: expected a whole number 1 or more, got 0"),
        ({"side": "short"}, "Ranged.side: expected one of both, long, got 'short'"),
    ],
)
def test_what_is_out_of_range_is_refused_with_the_range(
    given: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Ranged(**given)


def test_a_run_refuses_it_with_the_strategys_name() -> None:
    instance = StrategyInstance("mine", "x", parameters={"fast": 1})
    with pytest.raises(UsageError, match=r"strategy 'mine': Ranged\.fast: expected a whole number"):
        StrategyEngine([instance], find=lambda _: Ranged)


@each_row(
    ("annotation", "declared", "message"),
    [
        ("int", param(5, 10, 1), "Bad.n: its range goes from 10 to 1: put the lower end first"),
        ("int", param(0, 1, 9), "Bad.n: expected a whole number from 1 to 9, got 0"),
        ("str", param("a", 1, 9), "Bad.n: only a number without choices has a range"),
        ("int", param(1, choices=("a",)), "Bad.n: expected a value of type int, got 'a'"),
        ("str", param("c", choices=("a", "b")), "Bad.n: expected one of a, b, got 'c'"),
    ],
)
def test_a_range_that_cannot_be_is_refused_where_it_is_written(
    annotation: str, declared: object, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        type("Bad", (Strategy,), {"__annotations__": {"n": annotation}, "n": declared})


@each_row("name", BUILT_IN)
def test_each_built_in_strategy_is_described_in_full(name: str) -> None:
    found = described(name)
    assert found.idea
    assert found.data
    for parameter in found.parameters.values():
        assert parameter.meaning
        if parameter.type in ("int", "float"):
            assert parameter.low is not None
            assert parameter.high is not None


def test_a_description_says_what_it_hears_and_needs() -> None:
    found = described("rsi-reversion")
    assert found.data == ["bars"]
    assert found.timeframes == ["1m"]
    assert (found.warm_up > 14, found.warm_up_of) == (True, "bars of 1m")
