"""The prices of a bracket, and what of several strategies' brackets rests."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tests.fixtures.rows import each_row
from tradectl.cli.output.bracketed import bracketed
from tradectl.domain.brackets import Bracket, BracketState, bracket_of
from tradectl.domain.errors import ConfigError, UsageError
from tradectl.domain.positions import Position
from tradectl.portfolio.brackets import Brackets
from tradectl.state.bracket_rows import bracket_rows

D = Decimal
LONG = Position(PERP.symbol, D(2), D(200))
SHORT = Position(PERP.symbol, D(-2), D(-200))


@pytest.mark.parametrize(
    ("exits", "stop", "target"),
    [
        ({"stop_loss_pct": 2, "take_profit_pct": 5}, ("98", "102"), ("105", "95")),
        ({"stop_loss_price": 97.5}, ("97.5", "97.5"), (None, None)),
        ({"take_profit_price": D(120)}, (None, None), ("120", "120")),
    ],
)
def test_prices_are_measured_from_the_entry(
    exits: dict[str, float], stop: tuple[str | None, ...], target: tuple[str | None, ...]
) -> None:
    bracket = bracket_of(exits)
    assert bracket is not None
    for position, at, to in zip((LONG, SHORT), stop, target, strict=True):
        assert bracket.stop(position, PERP) == (None if at is None else D(at))
        assert bracket.target(position, PERP) == (None if to is None else D(to))


@each_row(
    ("exits", "complaint"),
    [
        ({"stop_loss": 2}, "a signal has no 'stop_loss': did you mean 'stop_loss_pct'"),
        ({"stop_loss_pct": "2"}, "stop_loss_pct: expected a number, got '2'"),
        ({"stop_loss_pct": 0}, "bracket.stop_loss_pct: expected"),
        ({"stop_loss_pct": float("nan")}, "stop_loss_pct: expected a number, got nan"),
        ({"stop_loss_pct": 2, "stop_loss_price": 90}, "are two of one"),
        ({"activate_pct": 2}, "there is no trailing_pct that it would begin"),
    ],
)
def test_what_is_no_bracket_is_refused(exits: dict[str, object], complaint: str) -> None:
    with pytest.raises((UsageError, ConfigError), match=complaint):
        bracket_of(exits)


def test_a_signal_without_exits_has_none() -> None:
    assert bracket_of({}) is None
    assert bracket_of({"stop_loss_pct": None}) is None


def test_a_leg_of_a_signal_stands_for_that_of_the_configuration() -> None:
    usual = Bracket(stop_loss_pct=D(2), take_profit_pct=D(5), trailing_pct=D(1), activate_pct=D(3))
    said = Bracket(stop_loss_price=D(90))
    assert said.over(usual) == Bracket(
        stop_loss_price=D(90), take_profit_pct=D(5), trailing_pct=D(1), activate_pct=D(3)
    )
    assert Bracket(trailing_pct=D(2)).over(usual).activate_pct is None


@each_row(
    ("exits", "long", "why"),
    [
        (
            {"stop_loss_price": 100.58900000000001},
            True,
            "the stop of a long position is below the price of 100, got 100.589",
        ),
        ({"stop_loss_price": 101}, True, "the stop of a long position is below the price of 100"),
        ({"stop_loss_price": 99}, False, "the stop of a short position is above the price of 100"),
        (
            {"take_profit_price": 99},
            True,
            "the target of a long position is above the price of 100",
        ),
        ({"take_profit_price": 99}, False, ""),
    ],
)
def test_what_would_be_over_as_it_begins_is_told(
    exits: dict[str, float], long: bool, why: str
) -> None:
    bracket = bracket_of(exits)
    assert bracket is not None
    assert bracket.impossible(D(100), long=long).startswith(why)
    assert bool(why) is bool(bracket.impossible(D(100), long=long))


PRICES = st.lists(st.decimals(50, 200, places=2), min_size=1, max_size=40)


@given(
    PRICES,
    st.booleans(),
    st.decimals("0.1", 20, places=1),
    st.none() | st.decimals("0.1", 20, places=1),
    st.integers(0, 300),
)
def test_what_trails_is_armed_where_it_is_to_be_and_never_loosens(
    prices: list[Decimal], long: bool, away: Decimal, activate: Decimal | None, step: int
) -> None:
    bracket = Bracket(trailing_pct=away, activate_pct=activate, trail_step_bps=D(step))
    position, trail, best = LONG if long else SHORT, None, D(100)
    sign = 1 if long else -1
    for price in prices:
        best = max(best, price) if long else min(best, price)
        at, moved = bracket.moves_at(position, trail), bracket.trailed(position, PERP, price, trail)
        assert at is not None
        if (at - price) * sign > PERP.tick_size and trail is not None:
            assert moved is None  # nothing but a tick is missed by who waits for that price
        armed = activate is None or (best - 100) * sign >= activate
        assert (moved is not None or trail is not None) == armed
        if moved is not None:
            assert trail is None or (moved - trail) * sign > 0
            assert abs(moved - (1 - sign * away / 100) * best) <= PERP.tick_size
            trail = moved
        if trail is not None:  # never further from where it could be than a step, and a tick
            wanted = (1 - sign * away / 100) * best
            assert (wanted - trail) * sign <= trail * step / D(10_000) + PERP.tick_size


def account(symbol: str, **held: str) -> FakeAccount:
    view = FakeAccount(cash="1000000").price(symbol, "100").hold(symbol, **held)
    return view.own(symbol, sum(map(D, held.values()), D(0)))


@each_row(
    ("held", "stops"),
    [
        ({"a": "3"}, {"a": D(3)}),
        ({"a": "3", "b": "1"}, {"b": D(1), "a": D(3)}),  # each for its own
        ({"a": "3", "b": "-2"}, {"a": D(1)}),  # what takes the net of 1 nearer to zero
        ({"a": "-3", "b": "1"}, {"a": D(2)}),
        ({"a": "2", "b": "1", "c": "-2"}, {"b": D(1)}),  # the nearest first
        ({"a": "1", "b": "-1"}, {}),
    ],
)
def test_what_rests_takes_the_account_nearer_to_zero_the_nearest_first(
    held: dict[str, str], stops: dict[str, Decimal]
) -> None:
    view = account(PERP.symbol, **held)
    brackets = Brackets({"a": Bracket(stop_loss_pct=D(3)), "b": Bracket(stop_loss_pct=D(2))})
    levels = brackets.levels(PERP.symbol, view)
    assert brackets.resting_stops(levels, PERP.symbol, view) == stops


def test_they_are_shown_with_what_is_only_watched() -> None:
    view: Any = account(SPOT.symbol, a="3")
    brackets = Brackets({"a": Bracket(stop_loss_pct=D(2), take_profit_pct=D(3), trailing_pct=D(1))})
    (row,) = bracket_rows(brackets, view)
    assert (row.stop, row.stop_watched, row.target, row.target_watched) == (
        "98", False, "103", True,
    )  # fmt: skip
    console = Console(file=StringIO(), width=120)
    console.print(*bracketed([row], running=True))
    assert " ".join(console.file.getvalue().split()) == (  # type: ignore[attr-defined]  # a StringIO
        "exits a long 3 BTCUSDT: stop loss 98.00, trailing stop of 1% not armed yet, "
        "take profit 103.00 (watched here)"
    )
    console.print(*bracketed([row], running=False))
    shown = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]  # a StringIO
    assert shown.endswith("(watched by nobody: nothing runs)")


def test_what_this_run_does_not_know_is_not_looked_at() -> None:
    view = account(PERP.symbol, a="1").hold("OTHER", a="1")
    assert Brackets({"a": Bracket(stop_loss_pct=D(3))}).levels("OTHER", view) == []


def test_on_spot_a_target_is_watched() -> None:
    brackets = Brackets({"a": Bracket(take_profit_pct=D(3))})
    for symbol, rests in ((SPOT.symbol, {}), (PERP.symbol, {"a": D(3)})):
        view = account(symbol, a="3")
        assert brackets.resting_targets(brackets.levels(symbol, view), symbol, view) == rests


def test_who_has_no_stop_of_its_own_in_its_bracket_has_that_of_all() -> None:
    view = account(PERP.symbol, a="1", b="1")
    brackets = Brackets({"a": Bracket(take_profit_pct=D(3))}, stop_loss_pct=D(4))
    (level,) = brackets.levels(PERP.symbol, view)
    assert (level.strategy, level.stop, level.target) == ("a", D(96), D(103))
    view.brackets[PERP.symbol] = {"b": BracketState(long=Bracket(stop_loss_pct=D(1)))}
    assert [level.stop for level in brackets.levels(PERP.symbol, view)] == [D(96), D(99)]
