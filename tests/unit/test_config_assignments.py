"""`--set KEY=VALUE`: any setting from the command line, in its own type; each mistake is one line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.config.load import load_settings
from tradectl.config.settings import Settings
from tradectl.domain.brackets import Bracket
from tradectl.domain.errors import ConfigError

TWO = """
[[strategies]]
name = "slow.one"
strategy = "ema-cross"
allocation = 0.5

[[strategies]]
name = "bars"
strategy = "donchian-breakout"
parameters = { entry = 30 }
allocation = 0.5
"""


def assigned(*texts: str, path: Path | None = None, flags: Any = None) -> Settings:
    return load_settings(path, flags, {}, assignments=texts)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    path = tmp_path / "two.toml"
    path.write_text(TWO)
    return path


@each_row(
    ("text", "key", "value"),
    [
        ("seed=7", "seed", 7),
        ("seed = 7 ", "seed", 7),
        ("risk.max_leverage=2", "risk.max_leverage", Decimal(2)),
        ("risk.max_leverage=0.1", "risk.max_leverage", Decimal("0.1")),
        ("risk.max_leverage=none", "risk.max_leverage", None),
        ("account.cash=1_000", "account.cash", Decimal(1000)),
        ("feed.max_bad_share=0.5", "feed.max_bad_share", 0.5),
        ("orchestrator.enable_auto_recovery=false", "orchestrator.enable_auto_recovery", False),
        ("journal.durability=strict", "journal.durability", "strict"),
        ('journal.durability="strict"', "journal.durability", "strict"),
        ("symbols=BTCUSDT", "symbols", ("BTCUSDT",)),
        ("symbols=BTCUSDT, ETHUSDT", "symbols", ("BTCUSDT", "ETHUSDT")),
        ("symbols=[BTCUSDT,ETHUSDT]", "symbols", ("BTCUSDT", "ETHUSDT")),
        ('symbols=["BTCUSDT"]', "symbols", ("BTCUSDT",)),
    ],
)
def test_a_value_has_the_type_of_its_key(text: str, key: str, value: object) -> None:
    found: Any = assigned(text)
    for step in key.split("."):
        found = getattr(found, step)
    assert (found, type(found)) == (value, type(value))


def test_flags_go_before_variables_and_those_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text("seed = 1\n[risk]\nmax_leverage = 2\nmax_working_orders = 9\n")
    environ = {"TRADECTL__SEED": "2", "TRADECTL__RISK__MAX_LEVERAGE": "3"}
    found = load_settings(path, {}, environ, assignments=["seed=3"])
    risk = found.risk
    assert (found.seed, risk.max_leverage, risk.max_working_orders) == (3, Decimal(3), 9)


def test_the_strategy_that_runs_where_none_is_named() -> None:
    (bracketed,) = assigned(
        "strategy.bracket.stop_loss_pct=2", "strategies.ema-cross.bracket.trailing_pct=1"
    ).strategies
    assert bracketed.bracket == Bracket(stop_loss_pct=Decimal(2), trailing_pct=Decimal(1))
    (only,) = assigned("strategy.fast=3", "strategy.allocation=0.5").strategies
    assert (only.name, only.parameters, only.allocation) == (
        "ema-cross",
        {"fast": 3},
        Decimal("0.5"),
    )


def test_one_that_was_named_by_a_flag() -> None:
    named = {"strategies": [{"name": "d", "strategy": "donchian-breakout"}]}
    (only,) = assigned("strategy.timeframe=1h", flags=named).strategies
    assert only.parameters == {"timeframe": "1h"}


def test_one_that_is_assigned_itself_has_its_own_parameters() -> None:
    (only,) = assigned("strategy.entry=30", "strategy.strategy=donchian-breakout").strategies
    assert (only.strategy, only.parameters) == ("donchian-breakout", {"entry": 30})


def test_every_strategy_that_has_it_or_one_by_its_name(two: Path) -> None:
    settings = assigned(
        "strategy.symbols=BTCUSDT",
        "strategy.timeframe=1h",
        "strategies.slow.one.fast=3",
        "strategies.bars.parameters.exit=5",
        path=two,
    )
    slow, bars = settings.strategies
    assert (slow.symbols, slow.parameters) == (("BTCUSDT",), {"fast": 3})
    assert (bars.symbols, bars.parameters) == (
        ("BTCUSDT",),
        {"entry": 30, "timeframe": "1h", "exit": 5},
    )


@each_row(
    ("texts", "told"),
    [
        (["seed"], "--set seed: expected KEY=VALUE, such as risk.max_leverage=2"),
        (["=3"], "--set =3: expected KEY=VALUE, such as risk.max_leverage=2"),
        (["sead=3"], "--set sead: unknown key; did you mean seed?"),
        (["risk.max_leverge=3"], "did you mean risk.max_leverage?"),
        (["risk=3"], "--set risk: a section; expected one of max_order_notional, "),
        (["fast=3"], "--set fast: unknown key; did you mean strategy.fast?"),
        (["strategy.fsat=3"], "--set strategy.fsat: unknown key; did you mean strategy.fast?"),
        (["strategy.zzz=3"], "unknown key; expected one of strategy.allocation, strategy.band_bps"),
        (["strategies.foo.fast=3"], "no such strategy; expected a key of strategies.ema-cross"),
        (["strategies[0].fast=3"], "of a strategy by strategy.KEY or strategies.NAME.KEY"),
        (["strategy.bracket.stop_loss=3"], "did you mean strategy.bracket.stop_loss_pct?"),
        (["strategy.bracket.stop_loss_pct=x"], 'a number above 0 to below 100, or "none" for off'),
        (["strategy.fast=abc"], "--set strategy.fast: expected a whole number, got abc"),
        (["strategy.fast=true"], "--set strategy.fast: expected a whole number, got true"),
        (["strategy.fast=2.5"], "--set strategy.fast: expected a whole number, got 2.5"),
        (["strategy.fast=30"], "command line: strategies[0]: strategy 'ema-cross': EmaCross: fast"),
        (["strategy.allocation=2"], "command line: strategies[0].allocation: expected a number"),
        (["strategy.symbols=FOO"], "command line: strategies[0].symbols: 'FOO' is not traded"),
        (["seed=abc"], "command line: seed: expected a whole number, got 'abc'"),
        (["seed=1e99"], "command line: seed: expected a whole number, got 1E+99"),
        (["symbols=[BTCUSDT"], "command line: symbols: expected a list of texts"),
        (["mode=paper\nseed=3"], "command line: mode: expected one of "),
        (["account.cash=-1"], "command line: account.cash: expected a number above 0"),
        (["seed=1", "seed=2"], "--set seed: given twice: leave one out"),
        (["account.api_key=hush"], "--set account.api_key: secrets come from the environment only"),
        (["strategy.token=hush"], "--set strategy.token: secrets come from the environment only"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(texts: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        assigned(*texts)
    message = str(caught.value)
    assert told in message
    assert message.isprintable()
    assert "hush" not in message


def test_what_an_option_says_is_not_said_twice() -> None:
    with pytest.raises(ConfigError, match="--set seed: given by an option of its own, too"):
        assigned("seed=3", flags={"seed": 4})


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_setting_or_one_line(text: str) -> None:
    for assignment in (text, f"seed={text}", f"strategy.{text}", f"symbols={text}", f"{text}=1"):
        said = ""
        try:
            assigned(assignment)
        except ConfigError as error:
            said = str(error)
        assert said.isprintable()
