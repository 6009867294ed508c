"""Layers of a configuration, from nothing at all to all of them at once."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import create_model

from tradectl.config import model
from tradectl.config.load import load_settings
from tradectl.config.model import Known, read_layer
from tradectl.config.settings import Settings
from tradectl.domain.errors import ConfigError
from tradectl.domain.instruments import BUILT_IN, Instrument, InstrumentKind
from tradectl.domain.setting import choices_of, fields_of, is_struct
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.strategy.configured import StrategyInstance

D = Decimal


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """load("[risk]\\n...", flags, environ): the settings of a file with that text."""

    def from_text(text: str, flags: Any = None, environ: Any = None) -> Settings:
        path = tmp_path / "t.toml"
        path.write_text(text)
        return load_settings(path, flags, environ or {})

    return from_text


def test_nothing_given_is_the_defaults() -> None:
    assert load_settings(None, None, {}) == Settings()
    assert load_settings(None, {}, {"PATH": "/bin", "TRADECTL_STATE_DIR": "/x"}) == Settings()


def test_a_file_that_is_read_again_leaves_nothing_behind(load: Any) -> None:
    def models() -> int:
        load("[risk]\nmax_order_notional = 5\n[[strategies]]\nname = 'a'\nstrategy = 'ema-cross'")
        gc.collect()
        return sum(isinstance(each, type) and issubclass(each, Known) for each in gc.get_objects())

    before = models()
    assert [models() for _ in range(3)] == [before] * 3


def test_an_empty_file_is_the_defaults(load: Any) -> None:
    assert load("") == Settings()
    assert load("[risk]\n[paper]\n") == Settings()


def test_a_file_is_read(load: Any) -> None:
    settings = load('symbols = ["BTCUSDT"]\nseed = 9\n[journal]\ndurability = "strict"\n')
    assert settings.symbols == ("BTCUSDT",)
    assert settings.seed == 9
    assert settings.journal.durability == "strict"
    assert settings.risk == Settings().risk


@pytest.mark.parametrize(
    ("spelled", "value"),
    [
        ("0.1", "0.1"),
        ("3", "3"),
        ("2.50", "2.50"),
        ('"0.3"', "0.3"),
        ("1e-3", "1e-3"),
        ("1_000.5", "1000.5"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
    ],
)
def test_decimals_are_exact(load: Any, spelled: str, value: str) -> None:
    assert load(f"[risk]\nfee_margin_pct = {spelled}").risk.fee_margin_pct == D(value)


def test_none_switches_a_limit_off(load: Any) -> None:
    risk = load('[risk]\nmax_leverage = "none"\nmax_working_orders = "none"').risk
    assert risk.max_leverage is None
    assert risk.max_working_orders is None


def test_the_environment_wins_over_the_file_and_flags_over_both(load: Any) -> None:
    text = "seed = 1\n[risk]\nmax_leverage = 1\nfee_margin_pct = 1\nmax_working_orders = 1"
    settings = load(
        text,
        {"risk": {"max_leverage": 3}},
        {"TRADECTL__RISK__MAX_LEVERAGE": "2", "TRADECTL__RISK__FEE_MARGIN_PCT": "2"},
    )
    assert settings.risk.max_leverage == 3
    assert settings.risk.fee_margin_pct == 2
    assert settings.risk.max_working_orders == 1


def test_strategies_and_their_parameters_keep_their_types(load: Any) -> None:
    text = """
[[strategies]]
name = "a"
strategy = "rsi-reversion"
symbols = ["BTCUSDT"]
parameters = { period = 10, oversold = 20.0, overbought = 80, timeframe = "5m" }
"""
    [strategy] = load(text, {"seed": 3}, {"TRADECTL__JOURNAL__DURABILITY": "strict"}).strategies
    assert strategy.symbols == ("BTCUSDT",)
    assert repr(strategy.parameters) == (
        "{'period': 10, 'oversold': 20.0, 'overbought': 80, 'timeframe': '5m'}"
    )


def test_an_instrument_is_described(load: Any) -> None:
    text = """
[[instruments]]
symbol = "BTCUSDT"
quote = "USDT"
kind = "perpetual"
tick_size = 0.1
lot_size = 0.001
min_notional = 100
max_leverage = 20
"""
    [instrument] = load(text).instruments
    assert instrument == Instrument(
        "BTCUSDT", "USDT", D("0.1"), D("0.001"), D(100), InstrumentKind.PERPETUAL, D(20)
    )


EXAMPLES: dict[str, Any] = {
    "strategies": StrategyInstance(name="a", strategy="ema-cross"),
    "instruments": BUILT_IN["BTCUSDT"],
    "exchanges": ExchangeSettings(id="binance"),
}


def every_choice() -> Iterator[tuple[str, str, str]]:
    for table, field in fields_of(Settings).items():
        struct = type(EXAMPLES[table]) if table in EXAMPLES else field.kind
        for key, inner in fields_of(struct).items() if is_struct(struct) else ():
            yield from ((table, key, choice) for choice in choices_of(inner.kind))


def test_every_choice_of_every_table_is_read() -> None:
    """An Enum's class shows other signatures from Python 3.12 on, which a model must not mind."""
    for table, key, choice in every_choice():
        if table in EXAMPLES:
            example = msgspec.to_builtins(EXAMPLES[table])
            [read] = read_layer({table: [example | {key: choice}]}, "t.toml")[table]
        else:
            read = read_layer({table: {key: choice}}, "t.toml")[table]
        assert read[key] == choice, (table, key)


def test_flags_may_be_settings_themselves() -> None:
    instances = (StrategyInstance(name="x", strategy="ema-cross", allocation=D("0.5")),)
    flags = {"symbols": ("BTCUSDT",), "strategies": instances, "risk": {"max_leverage": 0.1}}
    settings = load_settings(None, flags, {})
    assert settings.strategies == instances
    assert settings.risk.max_leverage == D("0.1")


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("TRADECTL__SEED", "7", "seed", 7),
        ("tradectl__seed", "7", "seed", 7),
        ("TRADECTL__SYMBOLS", "BTCUSDT", "symbols", ("BTCUSDT",)),
        ("TRADECTL__SYMBOLS", "BTCUSDT, ETHUSDT", "symbols", ("BTCUSDT", "ETHUSDT")),
        ("TRADECTL__SYMBOLS", '["BTCUSDT"]', "symbols", ("BTCUSDT",)),
        ("TRADECTL__RISK__MAX_LEVERAGE", "0.10", "risk.max_leverage", D("0.10")),
        ("TRADECTL__RISK__MAX_LEVERAGE", "none", "risk.max_leverage", None),
        ("TRADECTL__RISK", '{"max_leverage": 0.10}', "risk.max_leverage", D("0.10")),
        ("TRADECTL__RISK__MAX_WORKING_ORDERS", "5", "risk.max_working_orders", 5),
        ("TRADECTL__FEED__MAX_BAD_SHARE", "0.5", "feed.max_bad_share", 0.5),
        ("TRADECTL__JOURNAL__DURABILITY", "strict", "journal.durability", "strict"),
        (
            "TRADECTL__ORCHESTRATOR__ENABLE_AUTO_RECOVERY",
            "false",
            "orchestrator.enable_auto_recovery",
            False,
        ),
        (
            "TRADECTL__STRATEGIES",
            '[{"name": "a", "strategy": "ema-cross", "allocation": 0.1}]',
            "strategies",
            (StrategyInstance(name="a", strategy="ema-cross", allocation=D("0.1")),),
        ),
    ],
)
def test_a_variable_spells_its_value(name: str, text: str, key: str, value: object) -> None:
    found: Any = load_settings(None, None, {name: text})
    for step in key.split("."):
        found = getattr(found, step)
    assert found == value


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADECTL__SEED", "12")
    assert load_settings().seed == 12


def test_a_byte_order_mark_and_windows_line_ends_are_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_bytes(b"\xef\xbb\xbfseed = 4\r\n[risk]\r\nmax_leverage = 3\r\n")
    assert load_settings(path, None, {}).seed == 4


def test_every_strategy_may_use_everything_when_no_part_is_given() -> None:
    flags = {"strategies": [{"name": n, "strategy": "ema-cross"} for n in "ab"]}
    assert [s.allocation for s in load_settings(None, flags, {}).strategies] == [1, 1]


@pytest.mark.parametrize("environ", [{}, {"TRADECTL_STATE_DIR": "/x"}])
def test_without_layers_pydantic_is_not_imported(environ: dict[str, str]) -> None:
    code = (
        "import sys; from tradectl.config.load import load_settings; "
        f"load_settings(None, None, {environ!r}); "
        "print([m for m in sys.modules if m.startswith(('pydantic', 'tomllib', 'tomli_w'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loading_twice_gives_the_same(load: Any) -> None:
    text = "[risk]\nmax_leverage = 3.0"
    assert load(text).fingerprint() == load(text).fingerprint()


def test_what_cannot_be_is_an_error_of_usage(load: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        load("seed = 'x'")
    assert caught.value.exit_code == 2


def test_what_nobody_names_takes_no_time_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, list[str]] = {}

    def noted(name: str, /, **fields: Any) -> Any:
        made[name] = [field for field in fields if field != "__base__"]
        return create_model(name, **fields)

    monkeypatch.setattr(model, "create_model", noted)
    monkeypatch.setattr(model, "_reader", cache(model._reader.__wrapped__))
    strategies = [
        {"strategy": "ema-cross", "name": "a"},
        {"name": "b", "strategy": "ema-cross", "trades": "B"},
    ]
    read_layer({"risk": {"max_leverage": 2}, "strategies": strategies}, "a file")
    assert made == {
        "RiskLimits": ["max_leverage"],
        "StrategyInstance": ["name", "strategy", "trades"],
        "Settings": ["risk", "strategies"],
    }
