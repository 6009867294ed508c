"""What is said to be another program, other settings or another strategy than last time."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.fixtures.journal import HEADER
from tradectl.config.load import load_settings
from tradectl.config.settings import Settings
from tradectl.journal.writer import Header, JournalWriter
from tradectl.recovery.changes import changes
from tradectl.storage.directory import StateDir

BEFORE, NOW = "20260101T000000000-aaaa", "20260102T000000000-bbbb"


OF_BANDS = """
[[strategies]]
name = "a"
strategy = "ema-cross"
parameters = {{ band_bps = {} }}
"""


def header(run_id: str, text: str, folder: Path) -> Header:
    """Of a run by a configuration file that says `text`."""
    file = folder / "t.toml"
    file.write_text(text)
    settings: Settings = load_settings(file, environ={})
    return replace(
        HEADER, run_id=run_id, config=settings.dump(), config_hash=settings.fingerprint()
    )


def said(folder: Path, before: str, now: str) -> str:
    state = StateDir(folder / "state")
    state.create()
    writer = JournalWriter(state.journals / f"{BEFORE}.jsonl", header(BEFORE, before, folder))
    writer.close(None)
    return changes(state, header(NOW, now, folder))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("", "seed = 1\nsymbols = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT']"),
        ("risk.max_leverage = 2", "risk.max_leverage = 2.0"),
        ("", "[[strategies]]\nname = 'ema-cross'\nstrategy = 'ema-cross'"),
        (OF_BANDS.format("10"), OF_BANDS.format("10.0")),
    ],
)
def test_the_same_in_other_words_is_not_another_setting(
    before: str, now: str, tmp_path: Path
) -> None:
    assert said(tmp_path, before, now) == ""


@pytest.mark.parametrize(
    ("before", "now", "keys"),
    [
        ("", "seed = 2", "seed"),
        ("risk.max_leverage = 2", "risk.max_leverage = 3\nsymbols = ['BTCUSDT']", "risk, symbols"),
        ("", "[[strategies]]\nname = 'a'\nstrategy = 'ema-cross'", "strategies"),
    ],
)
def test_what_differs_is_named_and_nothing_else(
    before: str, now: str, keys: str, tmp_path: Path
) -> None:
    assert said(tmp_path, before, now) == f"since run {BEFORE}: other settings under {keys}"


def test_rules_of_an_exchange_are_no_settings_of_ours(tmp_path: Path) -> None:
    rules = "symbol = 'BTCUSDT'\nquote = 'USDT'\ntick_size = 0.01\nmin_notional = 5"
    lot = f"[[instruments]]\n{rules}\nlot_size = {{}}\n"
    told = said(tmp_path, lot.format("0.001"), lot.format("0.01"))
    assert told == f"since run {BEFORE}: other rules of BTCUSDT"
