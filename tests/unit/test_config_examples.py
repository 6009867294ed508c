"""The examples in configs/ are good, and say what they promise."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.fixtures.rows import each_row
from tradectl.config.load import load_settings
from tradectl.config.settings import Settings
from tradectl.domain.instruments import Instruments
from tradectl.strategy.catalog import find

FOLDER = Path(__file__).resolve().parents[2] / "configs"
EXAMPLES = sorted(FOLDER.glob("*.toml"), key=lambda path: path.stem)
LIVE = ("live", "testnet")


def example(name: str) -> Settings:
    return load_settings(FOLDER / f"{name}.toml", None, {})


def test_there_are_examples() -> None:
    assert [path.stem for path in EXAMPLES] == [
        "alerts",
        "brackets",
        "execution",
        "live",
        "paper",
        "paper-on-exchange",
        "paper-recorded",
        "perpetual",
        "quoting",
        "risk",
        "risk-parity",
        "several-strategies",
        "testnet",
        "two-exchanges",
    ]


@each_row("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_loads_and_begins_with_words(path: Path) -> None:
    assert load_settings(path, None, {}).mode == ("live" if path.stem in LIVE else "paper")
    assert path.read_text().startswith("# ")
    assert f"-c configs/{path.name}" in path.read_text()


def test_paper_spells_the_defaults_out() -> None:
    settings = example("paper")
    [strategy] = settings.strategies
    defaults = {name: p.default for name, p in find(strategy.strategy).parameters().items()}
    assert strategy.parameters == defaults
    without = msgspec.structs.replace(strategy, parameters={})
    assert msgspec.structs.replace(settings, strategies=(without,)) == Settings()


def test_recorded_data_gets_room_for_its_bursts() -> None:
    risk = example("paper-recorded").risk
    assert (risk.max_orders_per_second or 0) > (Settings().risk.max_orders_per_second or 0)


def test_perpetuals_can_be_sold_short() -> None:
    settings = example("perpetual")
    instruments = Instruments(settings.instruments)
    assert all(instruments[symbol].can_short for symbol in settings.symbols)


def test_brackets_have_each_leg() -> None:
    trend, reversion = example("brackets").strategies
    assert trend.bracket.activate_pct
    assert reversion.bracket.take_profit_pct


def test_several_strategies_share_one_whole() -> None:
    strategies = example("several-strategies").strategies
    assert len(strategies) == 3
    assert sum(s.allocation for s in strategies) == 1


def test_paper_on_an_exchange_needs_no_key() -> None:
    settings = example("paper-on-exchange")
    assert settings.exchanges
    assert "API_KEY" not in (FOLDER / "paper-on-exchange.toml").read_text()


def test_alerts_name_no_address() -> None:
    settings = example("alerts")
    assert {channel.kind for channel in settings.alert_channels} == {"webhook", "apprise", "log"}
    assert not any(channel.url for channel in settings.alert_channels)


@pytest.mark.parametrize("name", LIVE)
def test_what_trades_live_names_its_keys_and_begins_small(name: str) -> None:
    settings = example(name)
    [exchange] = settings.exchanges
    assert exchange.testnet is (name == "testnet")
    assert exchange.dead_man_seconds
    assert not exchange.allow_withdraw_key
    text = (FOLDER / f"{name}.toml").read_text()
    assert "TRADECTL_BINANCE_API_KEY=..." in text
    assert "TRADECTL_BINANCE_API_SECRET=..." in text
    assert f"tradectl doctor -c configs/{name}.toml" in text
    assert f"tradectl run --live -c configs/{name}.toml" in text
    default, risk = Settings().risk, settings.risk
    for limit in ("max_order_notional", "max_position_notional", "max_gross_notional"):
        assert getattr(risk, limit) <= getattr(default, limit) / 50
    assert risk.max_leverage == 1
