"""Nobody trades with money by mistake: mode and flag agree, nothing failed, the words are typed."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import pytest

from tests.fixtures.doctor import DoctorHarness, doctor_in
from tests.fixtures.rows import each_row
from tradectl.cli.commands.live_approval import approval, check_mode, phrase_of
from tradectl.cli.output.live_banner import banner
from tradectl.config.settings import OrchestratorConfig, Settings
from tradectl.domain.errors import AccessLost, ConfigError, TradectlError, UsageError
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.venue import Permissions
from tradectl.strategy.configured import StrategyInstance

EXCHANGES = (ExchangeSettings(id="binance"),)
PAPER = Settings(exchanges=EXCHANGES)
LIVE = Settings(mode="live", exchanges=EXCHANGES)
LOSS = "loss of a day: alert at 8%, pause at 10%, reduce at 12%"


class Typed(io.StringIO):
    """A terminal without a descriptor, on which `text` was typed."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def harness(tmp_path: Path) -> DoctorHarness:
    return doctor_in(tmp_path)


async def approve(harness: DoctorHarness, typed: TextIO, *, yes: bool = False) -> None:
    await approval(yes, None, answers=typed)(harness.venues(), harness.state_dir)


# --- mode and flag ----------------------------------------------------------------------------------


@each_row(
    ("settings", "flag", "mode"),
    [
        (PAPER, None, "paper"),
        (PAPER, False, "paper"),
        (LIVE, True, "live"),
        (LIVE, False, "paper"),
    ],
)
def test_what_a_run_becomes(settings: Settings, flag: bool | None, mode: str) -> None:
    decided = check_mode(settings, flag)
    assert decided.mode == mode
    assert decided.exchanges == EXCHANGES


@pytest.mark.parametrize(
    ("settings", "flag", "words"),
    [(LIVE, None, "add --live .* or --paper"), (PAPER, True, 'set mode = "live"')],
)
def test_mode_and_flag_that_disagree_are_refused(
    settings: Settings, flag: bool | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        check_mode(settings, flag)
    assert caught.value.exit_code == 2


def test_on_paper_the_rules_of_paper_hold() -> None:
    settings = Settings(
        mode="live",
        exchanges=EXCHANGES,
        orchestrator=OrchestratorConfig(enable_paper_trading=False),
    )
    with pytest.raises(ConfigError, match="enable_paper_trading"):
        check_mode(settings, live=False)


# --- the examination --------------------------------------------------------------------------------


async def test_a_failed_examination_refuses_whatever_is_typed(
    harness: DoctorHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    harness.venue.may = Permissions(trade=True, withdraw=True)
    for yes in (True, False):
        with pytest.raises(TradectlError, match="binance: permissions failed") as caught:
            await approve(harness, Typed("binance live\n"), yes=yes)
        assert caught.value.exit_code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "failed  binance: permissions: the key may withdraw" in err
    assert "LIVE TRADING" not in err
    assert "Type" not in err


async def test_a_key_that_may_withdraw_passes_where_the_configuration_names_it(
    harness: DoctorHarness,
) -> None:
    harness.venue.may = Permissions(trade=True, withdraw=True)
    harness.exchange(allow_withdraw_key=True)
    await approve(harness, Typed("binance live\n"))


async def test_a_halt_refuses(harness: DoctorHarness) -> None:
    harness.state_dir.create()
    harness.state_dir.latch.set("stopped")
    with pytest.raises(TradectlError, match="halt failed"):
        await approve(harness, Typed("binance live\n"))


async def test_an_account_that_is_lost_after_the_examination_refuses(
    harness: DoctorHarness,
) -> None:
    venues = harness.venues()
    word = approval(True, None)
    answers = [Holdings({"USDT": Decimal(1000)})]

    async def holdings() -> Holdings:
        if not answers:
            raise AccessLost("the key was deleted")
        return answers.pop()

    harness.venue.holdings = holdings  # type: ignore[method-assign]
    with pytest.raises(AccessLost):
        await word(venues, harness.state_dir)


# --- the typed words --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["binance live\n", "  binance   live \n", "binance live"])
async def test_the_words_start_it(harness: DoctorHarness, text: str) -> None:
    await approve(harness, Typed(text))


@pytest.mark.parametrize(
    "text", ["", "\n", "yes\n", "live\n", "kraken live\n", "BINANCE LIVE\n", "binance live now\n"]
)
async def test_any_other_words_do_not(
    harness: DoctorHarness, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="`binance live` was not typed") as caught:
        await approve(harness, Typed(text))
    assert caught.value.exit_code == 2
    assert len(str(caught.value).splitlines()) == 1
    assert "Type `binance live` to trade" in capsys.readouterr().err


def test_without_a_terminal_it_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(UsageError, match="add --yes") as caught:
        approval(False, None, answers=io.StringIO("binance live\n"))
    assert caught.value.exit_code == 2


async def test_yes_types_them(harness: DoctorHarness, capsys: pytest.CaptureFixture[str]) -> None:
    await approve(harness, io.StringIO(""), yes=True)
    err = capsys.readouterr().err
    assert "LIVE TRADING, REAL MONEY" in err
    assert "Type" not in err


@contextmanager
def terminal() -> Iterator[tuple[int, TextIO]]:
    """The end that a human types on, and the end that is read."""
    ours, theirs = os.openpty()
    with open(theirs, encoding="utf-8") as stream:  # noqa: PTH123  # a descriptor, no path
        try:
            yield ours, stream
        finally:
            os.close(ours)


async def test_a_terminal_is_waited_for_without_holding_up_the_loop(
    harness: DoctorHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    with terminal() as (keyboard, stream):
        task = asyncio.ensure_future(approve(harness, stream))
        await _asked(capsys)
        os.write(keyboard, b"binance ")  # no line yet
        await asyncio.sleep(0)
        assert not task.done()
        os.write(keyboard, b"live\n")
        await task


async def test_an_interrupt_ends_the_waiting(
    harness: DoctorHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    with terminal() as (_, stream):
        task = asyncio.ensure_future(approve(harness, stream))
        await _asked(capsys)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def _asked(capsys: pytest.CaptureFixture[str]) -> None:
    said = ""
    while "Type `" not in said:  # what is waited for is a text
        await asyncio.sleep(0.001)
        said += capsys.readouterr().err


# --- the banner -------------------------------------------------------------------------------------


def shown(harness: DoctorHarness, **balances: str) -> str:
    held = Holdings({currency: Decimal(amount) for currency, amount in balances.items()})
    return "\n".join(banner(harness.venues(), {"binance": held}))


def test_the_banner_says_what_is_at_stake(harness: DoctorHarness) -> None:
    text = shown(harness, USDT="1234.5")
    assert text.splitlines()[0] == "LIVE TRADING, REAL MONEY"
    for words in (
        "binance spot, REAL MONEY",
        "1,234.50 USDT",
        "symbols     BTCUSDT",
        "ema-cross, ema-cross, on BTCUSDT",
        "20% of equity in a position, at most 30%",
        "an order 50,000, a position 50,000, all positions 200,000, leverage 2",
        LOSS,
        "drawdown: alert at 16%, pause at 20%, reduce at 24%",
    ):
        assert words in text


def test_a_test_network_is_called_one(harness: DoctorHarness) -> None:
    harness.exchange(testnet=True, url="http://127.0.0.1:1")
    text = shown(harness)
    assert "REAL MONEY" not in text
    assert "LIVE TRADING, on a test network" in text
    assert "test network, at http://127.0.0.1:1" in text


def test_limits_that_are_off_are_called_so(harness: DoctorHarness) -> None:
    harness.risk(
        max_order_notional=None,
        max_leverage=None,
        daily_loss_alert_pct=None,
        daily_loss_pause_pct=None,
        daily_loss_halt_pct=None,
    )
    text = shown(harness)
    assert "an order NO LIMIT" in text
    assert "leverage NO LIMIT" in text
    assert "loss of a day: NO LIMIT" in text


@pytest.mark.parametrize(
    ("sizing", "words"),
    [
        ({"sizing": "fixed_quantity", "quantity": Decimal("0.5")}, "0.5 coins in a position"),
        ({"sizing": "equal_weight"}, "equal_weight, at most 30% of equity in a symbol"),
    ],
)
def test_other_sizings(harness: DoctorHarness, sizing: dict[str, object], words: str) -> None:
    harness.portfolio(**sizing)
    assert words in shown(harness)


def test_the_words_are_the_exchange_that_is_traded_on(harness: DoctorHarness) -> None:
    assert phrase_of(harness.venues()) == "binance live"


def test_a_strategy_that_trades_another_symbol_is_shown_with_that(harness: DoctorHarness) -> None:
    harness.set(
        symbols=("BTCUSDT", "ETHUSDT"),
        strategies=(
            StrategyInstance(
                name="s", strategy="ema-cross", symbols=("BTCUSDT",), trades="ETHUSDT"
            ),
        ),
    )
    assert "s, ema-cross, on ETHUSDT" in shown(harness)


async def test_on_a_terminal_the_banner_is_framed(
    harness: DoctorHarness, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    await approve(harness, Typed("binance live\n"))
    err = capsys.readouterr().err
    assert "\x1b[" in err
    assert "╭" in err
    assert "REAL MONEY" in err
