"""The configuration as text: the one in effect, and the template."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tests.profiles import examples
from tradectl.config.file import parse
from tradectl.config.load import settings_from
from tradectl.config.places import hint, known_keys
from tradectl.config.render import describe, effective, literal
from tradectl.config.settings import AccountSettings, Settings
from tradectl.config.template import template
from tradectl.domain.instruments import BUILT_IN, Instrument, InstrumentKind
from tradectl.domain.setting import fields_of, is_struct
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.notification.notification_settings import AlertChannel, AlertEscalation, AlertRoute
from tradectl.notification.threshold_settings import Threshold
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.strategy.configured import StrategyInstance

D = Decimal
PATH = Path("t.toml")
ALL_SET = Settings(
    seed=-5,
    symbols=("BTCUSDT", "X-PERP"),
    account=AccountSettings(cash=D("12345.678901")),
    risk=RiskLimits(max_leverage=None, max_working_orders=None, fee_margin_pct=D("1E-7")),
    strategies=(
        StrategyInstance(
            name="a \u202e \u3042 \\ \"'",
            strategy="rsi-reversion",
            symbols=("X-PERP",),
            parameters={"period": 7, "oversold": 1e-5, "timeframe": "5m"},
            allocation=D("0.25"),
        ),
    ),
    instruments=(
        Instrument(
            "X-PERP", "USDT", D("0.1"), D("1E+2"), D(5), InstrumentKind.PERPETUAL, D("3.50")
        ),
    ),
)


def loaded(text: str) -> Settings:
    return settings_from(parse(text, PATH), PATH, {}, {})


def uncommented(text: str) -> str:
    return re.sub(r"^#(?=[\[\w])", "", text, flags=re.MULTILINE)


def test_what_is_described_loads_back_to_itself() -> None:
    text = describe(Settings())
    assert loaded(text) == Settings()
    assert describe(loaded(text)) == text


def test_everything_that_can_be_set_loads_back() -> None:
    printable = msgspec.structs.replace(ALL_SET.strategies[0], name="a \u3042 \\ \"'")
    chosen = msgspec.structs.replace(ALL_SET, strategies=(printable,))
    again = loaded(describe(chosen))
    assert again == chosen
    assert repr(again) == repr(chosen)


def test_a_description_holds_nothing_that_a_terminal_obeys() -> None:
    text = describe(ALL_SET)
    assert all(line.isprintable() for line in text.splitlines())
    assert tomllib.loads(text)["strategies"][0]["name"] == ALL_SET.strategies[0].name


def test_a_secret_that_got_in_is_not_shown() -> None:
    strategy = StrategyInstance(name="a", strategy="ema-cross", parameters={"api_key": "hush"})
    chosen = Settings(strategies=(strategy,))
    assert "hush" not in describe(chosen)
    assert "(secret)" in describe(chosen)
    assert "hush" not in str(effective(chosen))


def test_a_limit_that_is_off_is_spelled_none() -> None:
    assert 'max_leverage = "none"' in describe(ALL_SET)
    assert effective(ALL_SET)["risk"]["max_leverage"] is None


@settings(max_examples=examples(8))
@given(
    st.decimals(0, 10**14, allow_nan=False, places=8),
    st.sampled_from(["fraction", "max_weight", "min_trade_notional"]),
)
def test_any_decimal_loads_back_to_the_last_digit(value: Decimal, key: str) -> None:
    value += D("1E-8")
    changes: dict[str, Any] = {key: value}
    chosen = Settings(portfolio=PortfolioSettings(**changes))
    assert repr(loaded(describe(chosen))) == repr(chosen)


@each_row(
    ("value", "toml"),
    [
        (None, '"none"'),
        (True, "true"),
        (3, "3"),
        (0.5, "0.5"),
        (D(5), "5"),
        (D("0.10"), "0.10"),
        ('a"b', '"a\\"b"'),
        ((), "[]"),
        (("A", "B"), '["A", "B"]'),
        ({}, "{}"),
        ({"a": 1, "b": "x"}, '{ a = 1, b = "x" }'),
        (InstrumentKind.SPOT, '"spot"'),
    ],
)
def test_a_value_as_toml_on_one_line(value: object, toml: str) -> None:
    assert literal(value) == toml


def test_the_template_loads_as_the_defaults() -> None:
    assert loaded(template()) == Settings()


def test_the_template_sets_nothing() -> None:
    sections: dict[str, Any] = {
        name: {} for name, field in fields_of(Settings).items() if is_struct(field.kind)
    }
    assert tomllib.loads(template()) == sections


def test_the_template_uncommented_is_the_defaults_too() -> None:
    chosen = loaded(uncommented(template()))
    built_in = msgspec.structs.asdict(BUILT_IN["BTCUSDT"])
    assert [msgspec.structs.asdict(i) for i in chosen.instruments] == [built_in]
    assert chosen.exchanges == (ExchangeSettings(id="binance"),)
    assert chosen.alert_channels == (AlertChannel(name="phone"),)
    assert chosen.alert_routes == (AlertRoute(channels=("phone",)),)
    assert chosen.alert_escalations == (AlertEscalation(channels=("phone",)),)
    assert chosen.thresholds == (Threshold(reading="rss_mb", raised_at=1_000),)
    lists = (
        "instruments", "exchanges", "alert_channels", "alert_routes", "alert_escalations",
        "thresholds",
    )  # fmt: skip
    assert msgspec.structs.replace(chosen, **dict.fromkeys(lists, ())) == Settings()


def test_the_template_has_every_key() -> None:
    table = tomllib.loads(uncommented(template()))
    for key in known_keys():
        section, _, name = key.rpartition(".")
        assert name in (table[section] if section else table), key
    for name in ("strategies", "instruments"):
        [struct, _] = get_args(known_keys()[name].kind)
        assert list(table[name][0]) == list(fields_of(struct))


def test_the_template_explains_in_the_words_of_the_code() -> None:
    text = template()
    assert "# the same as a multiple of equity; above 0\n#max_leverage = 2\n" in text
    assert '# one of "batched", "strict"\n#durability = "batched"\n' in text
    assert "[risk]\n# What the account may do, in numbers.\n" in text
    assert '"none" switches a limit off' in " ".join(text.replace("#", "").split())


def test_no_line_of_the_template_is_too_wide() -> None:
    assert max(map(len, template().splitlines())) <= 100


def test_a_parameter_in_the_wrong_table_is_told_its_place() -> None:
    assert hint(("strategies", 0, "slow")) == "did you mean strategies[0].parameters.slow?"
    assert hint(("strategies", 0, "symbol")) == "did you mean strategies[0].symbols?"
    assert hint(("paper", "fees")) == "did you mean paper.maker_fee or paper.taker_fee?"
    assert hint(("paper", "slippage_bp")) == "did you mean paper.slippage_bps?"
