"""Every mistake is one line: where, which key, what was expected, and what was perhaps meant."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.config.load import load_settings
from tradectl.domain.errors import ConfigError

CANARY = "hush-4711"
STRATEGY = '[[strategies]]\nname = "a"\nstrategy = "ema-cross"\n'
INSTRUMENT = (
    '[[instruments]]\nsymbol = "X"\nquote = "USDT"\ntick_size = {}\nlot_size = {}\n'
    'min_notional = {}\nmax_leverage = {}\nkind = "{}"'
)


def complaint(path: Path | None = None, flags: Any = None, environ: Any = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(path, flags, environ or {})
    message = str(caught.value)
    assert message.isprintable(), message
    assert len(message) < 700
    return message


@pytest.fixture
def complaint_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """complaint_about(text): what is said of a file t.toml with that text."""
    monkeypatch.chdir(tmp_path)

    def of(text: str | bytes) -> str:
        path = Path("t.toml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return complaint(path)

    return of


@each_row(
    ("text", "told"),
    [
        (
            "[risk]\nmax_leverag = 3",
            "risk.max_leverag: unknown key; did you mean risk.max_leverage?",
        ),
        ("max_leverage = 3", "max_leverage: unknown key; did you mean risk.max_leverage?"),
        ("[rsk]\nx = 1", "rsk: unknown key; did you mean risk?"),
        ("[risk.risk]\nx = 1", "risk.risk: unknown key; expected one of max_order_notional, "),
        ("zzz = 1", "zzz: unknown key; expected one of mode, symbols, seed, account, "),
        ("simbols = 3", "simbols: unknown key; did you mean symbols?"),
        (
            '[[thresholds]]\nreading = "threads"\nabove = 5',
            "thresholds[0].above: unknown key; expected one of reading, raised_at, cleared_at, ",
        ),
        (STRATEGY + "alocation = 1", "strategies[0].alocation: unknown key; did you mean "),
        (
            '[[strategies]]\nname = "a"\nstratgy = "x"',
            "strategies[0].stratgy: unknown key; did you mean strategies[0].strategy?",
        ),
        ('[[strategies]]\nname = "a"', "strategies[0].strategy: missing; expected a text"),
        ('"a\\nb\\u202e" = 1', "a b?: unknown key; "),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(
    complaint_about: Any, text: str, told: str
) -> None:
    assert complaint_about(text).startswith(f"t.toml: {told}")


@each_row(
    ("text", "told"),
    [
        ('seed = "1"', "seed: expected a whole number, got '1'"),
        ("seed = true", "seed: expected a whole number, got true"),
        ("seed = 1.5", "seed: expected a whole number, got 1.5"),
        ("seed = 1979-05-27", "seed: expected a whole number, got 1979-05-27"),
        (f"seed = {2**63}", f"seed: expected a whole number, got {2**63}"),
        ('symbols = "BTCUSDT"', "symbols: expected a list of texts, got 'BTCUSDT'"),
        ("symbols = [1]", "symbols[0]: expected a text, got 1"),
        ("risk = 3", "risk: expected a table, got 3"),
        ("strategies = 3", "strategies: expected a list of tables, got 3"),
        ("strategies = [3]", "strategies[0]: expected a table, got 3"),
        ('mode = "peper"', 'mode: expected one of "paper", "live", got \'peper\''),
        ("[journal]\ndurability = []", "journal.durability: expected one of "),
        (
            "[feed]\nmax_bad_share = nan",
            "feed.max_bad_share: expected a number from 0 to 1, got nan",
        ),
        (
            "[risk]\nmax_leverage = true",
            'risk.max_leverage: expected a number above 0 to below 1e15, or "none" for off, got true',
        ),
        (
            "[risk]\nmax_leverage = nan",
            "risk.max_leverage: expected a number above 0 to below 1e15, ",
        ),
        (
            "[risk]\nmax_leverage = -inf",
            "risk.max_leverage: expected a number above 0 to below 1e15, ",
        ),
        (
            "[risk]\nmax_leverage = 1e400",
            "risk.max_leverage: expected a number above 0 to below 1e15, ",
        ),
        (
            '[risk]\nmax_leverage = "3x"',
            "risk.max_leverage: expected a number above 0 to below 1e15, ",
        ),
        (
            '[account]\ncash = "none"',
            "account.cash: expected a number above 0 to below 1e15, got 'none'",
        ),
        (
            "[orchestrator]\nenable_auto_recovery = 1",
            "orchestrator.enable_auto_recovery: expected true or false, got 1",
        ),
        (
            STRATEGY + "parameters = { fast = [1] }",
            "strategies[0].parameters.fast: expected true or false or a whole number or ",
        ),
        (
            INSTRUMENT.format(1, 1, 1, 1, "option"),
            'instruments[0].kind: expected one of "spot", "perpetual", got \'option\'',
        ),
    ],
)
def test_a_wrong_type_is_named_with_what_was_expected(
    complaint_about: Any, text: str, told: str
) -> None:
    assert complaint_about(text).startswith(f"t.toml: {told}")


@each_row(
    ("text", "told"),
    [
        ("[risk]\nmax_leverage = -1", "risk.max_leverage: expected a number above 0 to"),
        ("[paper]\ntaker_fee = 5", "paper.taker_fee: expected a number from 0 to 1, got 5"),
        (
            "[feed]\nticks_per_second = 0",
            "feed.ticks_per_second: expected a whole number from 1 to",
        ),
        ("[account]\ncash = 0", "account.cash: expected a number above 0 to below 1e15, got 0"),
        ("symbols = []", "symbols: expected at least one"),
        ('symbols = [""]', "symbols[0]: expected a symbol such as BTCUSDT, got ''"),
        ('symbols = ["BTC USDT"]', "symbols[0]: expected a symbol such as BTCUSDT"),
        ('symbols = ["BTC\\u202eUSDT"]', "symbols[0]: expected a symbol such as BTCUSDT"),
        ('symbols = ["BTCUSDT", "BTCUSDT"]', "symbols: 'BTCUSDT' is there twice"),
        ("strategies = []", "strategies: expected at least one"),
        (STRATEGY + "allocation = 1.5", "strategies[0].allocation: expected a number from 0 to 1"),
        (STRATEGY + "allocation = -1", "strategies[0].allocation: expected a number from 0 to 1"),
        (STRATEGY + "parameters = { fats = 3 }", "strategies[0]: strategy 'a': EmaCross has no "),
        (
            STRATEGY + "parameters = { fast = 99 }",
            "strategies[0]: strategy 'a': EmaCross: fast, 99,",
        ),
        ('[[strategies]]\nname = "a"\nstrategy = "ema-cros"', "strategies[0]: no strategy "),
        ('[[strategies]]\nname = "a"\nstrategy = "/nowhere/x.py:X"', "strategies[0]: cannot read "),
        (
            INSTRUMENT.format(0, 1, 1, 1, "spot"),
            "instruments[0].tick_size: expected a number above 0",
        ),
        (
            INSTRUMENT.format(1, -1, 1, 1, "spot"),
            "instruments[0].lot_size: expected a number above 0",
        ),
        (
            INSTRUMENT.format(1, 1, -1, 1, "spot"),
            "instruments[0].min_notional: expected a number from 0",
        ),
        (
            INSTRUMENT.format(1, 1, 1, 0, "perpetual"),
            "instruments[0].max_leverage: expected a number from",
        ),
        (
            INSTRUMENT.format(1, 1, 1, 5, "spot"),
            "instruments[0].max_leverage: expected 1 of a spot",
        ),
    ],
)
def test_an_impossible_value_is_refused(complaint_about: Any, text: str, told: str) -> None:
    assert complaint_about(text).startswith(f"t.toml: {told}")


@each_row(
    ("text", "told"),
    [
        ('mode = "live"', 'mode: "live" needs an [[exchanges]] table'),
        (
            'mode = "live"\n[orchestrator]\nenable_paper_trading = true',
            'mode: "live" needs an [[exchanges]] table',
        ),
        (
            "[orchestrator]\nenable_paper_trading = false",
            "orchestrator.enable_paper_trading: expected true",
        ),
        (STRATEGY + STRATEGY, "strategies: two are named 'a'"),
        (STRATEGY + 'symbols = ["XRPUSDT"]', "strategies[0].symbols: 'XRPUSDT' is not traded"),
        (
            STRATEGY + "allocation = 0.7\n" + STRATEGY.replace('"a"', '"b"') + "allocation = 0.4",
            "strategies: the allocations add up to 1.1, expected at most 1",
        ),
        ('symbols = ["BTCEUR"]', "symbols: BTCEUR is quoted in EUR, the account in USDT"),
        ('[account]\ncurrency = "EUR"', "symbols: BTCUSDT is quoted in USDT, the account in EUR"),
        (
            INSTRUMENT.format(1, 1, 1, 1, "spot") + "\n" + INSTRUMENT.format(1, 1, 1, 1, "spot"),
            "instruments: 'X' is there twice",
        ),
        ('[portfolio]\nsizing = "fixed_quantity"', "portfolio.quantity: "),
        ("[risk]\ndrawdown_pause_pct = 15", "risk.drawdown_pause_pct: "),
    ],
)
def test_a_contradiction_is_refused(complaint_about: Any, text: str, told: str) -> None:
    assert complaint_about(text).startswith(f"t.toml: {told}")


@each_row(
    ("text", "told"),
    [
        ("seed = 1\nsymbols = [", "t.toml, line 2, column 12: Invalid value"),
        ("seed = = 1", "t.toml, line 1, column 8: Invalid value"),
        ("seed = 1\n\nseed = 2", "t.toml, line 3, column 9: Cannot overwrite a value"),
        ("[risk\n", "t.toml, line 1, column 6: "),
        ('a = "', "t.toml, line 1, column "),
        ("a = " + "[" * 50_000, "t.toml: nested too deeply"),
        ("seed = " + "9" * 5000, "t.toml: holds a number that is too large"),
        ("seed = 1e9999999999999999999999", "t.toml: holds a number that is too large"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "t.toml: not a text file: expected TOML in UTF-8"),
        (b"\x00" * 100, "t.toml, line 1, column 1: "),
        (b"#" * (1024 * 1024 + 1), "t.toml: larger than 1 MiB"),
    ],
)
def test_what_is_not_toml_is_told_with_its_place(
    complaint_about: Any, text: str | bytes, told: str
) -> None:
    assert complaint_about(text).startswith(told)


def test_a_missing_file_and_how_to_get_one(tmp_path: Path) -> None:
    told = complaint(tmp_path / "t.toml")
    assert "there is no such file; `tradectl config init" in told


def test_a_directory_is_not_a_file(tmp_path: Path) -> None:
    assert complaint(tmp_path).endswith("cannot be read: it is a folder, not a file")


def test_a_file_under_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert complaint(tmp_path / "a" / "t.toml").endswith("cannot be read: Not a directory")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.touch(mode=0)
    assert complaint(path).endswith("cannot be read: Permission denied")


@each_row(
    "key",
    ["api_key", "APIKEY", "api-secret", "secrets", "password", "botToken", "private_key"],
)
@each_row("section", ["", "[exchange]\n", "[risk]\n", STRATEGY + "[strategies.x]\n"])
def test_a_secret_in_a_file_is_refused_and_not_repeated(
    complaint_about: Any, section: str, key: str
) -> None:
    told = complaint_about(f'{section}{key} = "{CANARY}"')
    assert told.endswith(f"{key}: secrets come from the environment only")
    assert CANARY not in told


@pytest.mark.parametrize(
    ("flags", "environ"),
    [
        ({"exchange": {"api_key": CANARY}}, {}),
        ({}, {"TRADECTL__EXCHANGE__API_KEY": CANARY}),
        (
            {},
            {
                "TRADECTL__STRATEGIES": '[{"name": "a", "strategy": "ema-cross", '
                f'"parameters": {{"bot_token": "{CANARY}"}}}}]'
            },
        ),
    ],
)
def test_a_secret_is_repeated_from_no_layer(flags: Any, environ: Any) -> None:
    assert CANARY not in complaint(None, flags, environ)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("TRADECTL__SED", "1", "there is no key 'sed'; did you mean seed?"),
        (
            "TRADECTL__RISK__MAX_LEVERAG",
            "3",
            "there is no key 'risk.max_leverag'; did you mean risk.max_leverage?",
        ),
        ("TRADECTL__SEED__X", "1", "there is no key 'seed.x'; did you mean seed?"),
        ("TRADECTL__SYMBOLS__0", "A", "there is no key 'symbols.0'; did you mean symbols?"),
        ("TRADECTL__STRATEGIES__0__NAME", "a", "there is no key 'strategies.0.name'; "),
        ("TRADECTL__", "", "there is no key ''; expected one of mode, "),
        ("TRADECTL__SEED", "x", "seed: expected a whole number, got 'x'"),
        ("TRADECTL__SEED", "", "seed: expected a whole number, got ''"),
        ("TRADECTL__RISK", "3", "risk: expected a table, got 3"),
        ("TRADECTL__RISK", '{"max_leverag": 3}', "risk.max_leverag: unknown key; did you mean "),
        ("TRADECTL__SYMBOLS", "[", "symbols: expected a list of texts, got '['"),
        ("TRADECTL__STRATEGIES", "ema-cross", "strategies[0]: expected a table, got 'ema-cross'"),
        (
            "TRADECTL__RISK__MAX_LEVERAGE",
            "nan",
            "risk.max_leverage: expected a number above 0 to below 1e15",
        ),
        (
            "TRADECTL__RISK__MAX_LEVERAGE",
            "-1",
            "risk.max_leverage: expected a number above 0 to below 1e15",
        ),
        ("TRADECTL__MODE", "live", 'mode: "live" needs an [[exchanges]] table'),
    ],
)
def test_a_bad_variable_is_named(name: str, text: str, told: str) -> None:
    assert complaint(environ={name: text}).startswith(f"{name}: {told}")


@each_row(
    ("flags", "told"),
    [
        ({"seed": "x"}, "seed: expected a whole number, got 'x'"),
        ({"sed": 1}, "sed: unknown key; did you mean seed?"),
        ({"symbols": ["BTCEUR"]}, "symbols: BTCEUR is quoted in EUR"),
        (
            {"risk": {"max_leverage": -1}},
            "risk.max_leverage: expected a number above 0 to below 1e15",
        ),
    ],
)
def test_a_bad_flag_is_named(flags: Any, told: str) -> None:
    assert complaint(flags=flags).startswith(f"command line: {told}")


def test_the_layer_that_is_wrong_is_blamed(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text("seed = 1\n[risk]\nmax_leverage = 1\n")
    environ = {"TRADECTL__RISK__MAX_LEVERAGE": "-2"}
    assert complaint(path, {"seed": 3}, environ).startswith("TRADECTL__RISK__MAX_LEVERAGE: ")
    assert complaint(path, {"risk": {"max_leverage": -2}}, environ).startswith("command line: ")


@each_row(
    ("text", "told"),
    [
        ("[risk]\nmax_working_orders = 20", "risk.max_working_orders: expected at most the 10 of "),
        ("[risk]\nstress = { x = { NOSUCH = -9 } }", "risk.stress.x: 'NOSUCH' is not traded: "),
        (
            "[risk]\ndaily_loss_sizes = [{ at_pct = 12, size = 0.5 }]",
            "risk.daily_loss_sizes: expected steps below the 12 of daily_loss_halt_pct, ",
        ),
        (
            "[execution]\nslow_at_bps = 30\nstop_at_bps = 20",
            "execution.slow_at_bps: expected less than stop_at_bps (20), ",
        ),
    ],
)
def test_what_would_never_come_about_is_refused(complaint_about: Any, text: str, told: str) -> None:
    assert complaint_about(text).startswith(f"t.toml: {told}")


def test_a_step_of_no_trailing_stop_is_refused(complaint_about: Any) -> None:
    text = STRATEGY + "bracket = { stop_loss_pct = 1, trail_step_bps = 20 }"
    assert "bracket.trail_step_bps: there is no trailing_pct" in complaint_about(text)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_file_whatever_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything.toml"
    path.write_bytes(content)
    told = ""
    try:
        load_settings(path, None, {})
    except ConfigError as error:
        told = str(error)
    assert len(told.splitlines()) <= 1


@each_row(
    "text",
    [
        "a." * 20_000 + "a = 1",
        "a" + " . a" * 20_000 + " = 1",
        "[" + "a." * 20_000 + "a]",
        "x = {" + '"a".' * 20_000 + "a = 1}",
        "x = " + "[" * 30 + "]" * 30,
        "x = " + "[" * 20_000,
        "x = " + "{a = " * 20_000,
    ],
)
def test_what_is_nested_without_end_is_refused_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.toml"
    path.write_text(text)
    since = time.process_time()
    assert complaint(path).endswith("nested too deeply")
    assert time.process_time() - since < 1.0
