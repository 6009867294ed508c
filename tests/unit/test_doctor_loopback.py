"""The doctor and a real client, over a wire: an exchange in a loop, and what is wrong with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tradectl.config.settings import Settings
from tradectl.doctor.examination import diagnose
from tradectl.documents.operations import Finding, Verdict
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.storage.directory import StateDir
from tradectl.testkit import FOREVER
from tradectl.testkit.exchange import LoopbackExchange

pytestmark = pytest.mark.virtual_time

PASSED, WARNED, FAILED = Verdict.PASSED, Verdict.WARNED, Verdict.FAILED
MAIN = "main"


@pytest.fixture
async def exchange(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LoopbackExchange]:
    async with LoopbackExchange(7) as exchange:
        monkeypatch.setenv("TRADECTL_BINANCE_API_KEY", exchange.key)
        monkeypatch.setenv("TRADECTL_BINANCE_API_SECRET", exchange.secret)
        exchange.start_walking(50)
        yield exchange


async def diagnosed(
    exchange: LoopbackExchange, folder: Path, market: str = "spot", **settings: object
) -> dict[str, Finding]:
    there = ExchangeSettings(
        id="binance", url=exchange.url, market="spot" if market == "spot" else "perpetual"
    )
    asked = Settings(
        mode="live",
        symbols=("BTCUSDT", "ETHUSDT"),
        exchanges=(there,),
        **settings,  # type: ignore[arg-type]
    )
    found = await diagnose(asked, StateDir(folder / "state"), connect_s=15)
    assert exchange.key not in repr(found)
    assert exchange.secret not in repr(found)
    return {finding.check.removeprefix("binance: "): finding for finding in found}


def not_passed(found: dict[str, Finding]) -> dict[str, Verdict]:
    return {name: f.verdict for name, f in found.items() if f.verdict is not PASSED}


@pytest.mark.parametrize(
    ("market", "wrong"), [("spot", {"dead-man switch": WARNED}), ("perpetual", {})]
)
async def test_an_exchange_that_is_well(
    exchange: LoopbackExchange, tmp_path: Path, market: str, wrong: dict[str, Verdict]
) -> None:
    found = await diagnosed(exchange, tmp_path, market)
    assert not_passed(found) == wrong
    assert {"keys", "permissions", "balance", "data", "clock"} <= set(found)
    assert "of what it allows" in found["rate limit"].message


async def test_a_clock_that_is_off_and_a_key_that_may_withdraw(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    exchange.skew_clock(0.6)
    exchange.accounts[MAIN].may_withdraw = True
    found = await diagnosed(exchange, tmp_path)
    assert found["clock"].verdict is WARNED
    assert found["permissions"].verdict is FAILED


@pytest.mark.parametrize("seconds", [3.0, 30.0, -3.0, -25.0, 5_400.0])
@pytest.mark.parametrize("market", ["spot", "futures"])
async def test_a_clock_that_is_far_off_and_known_keeps_nobody_from_trading(
    market: str, seconds: float, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    exchange.skew_clock(seconds)
    found = await diagnosed(exchange, tmp_path, market)
    assert set(not_passed(found)) <= {"clock", "dead-man switch"}
    assert found["clock"].verdict is WARNED
    assert f"{abs(seconds) * 1000:,.0f} ms" in found["clock"].message


async def test_a_clock_by_which_all_data_is_old_keeps_a_run_from_its_start(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    exchange.skew_clock(-40)
    found = await diagnosed(exchange, tmp_path)
    assert found["clock"].verdict is FAILED
    assert "nothing be entered" in found["clock"].message


async def test_a_clock_that_cannot_be_compared_keeps_a_run_from_its_start(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    exchange.misbehave("503", path="time", count=FOREVER)
    found = await diagnosed(exchange, tmp_path)
    assert found["clock"].verdict is FAILED


async def test_coins_and_orders_of_somebody_else(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    exchange.outside_trade(MAIN, "BTCUSDT", "BUY", "0.1")
    exchange.outside_order(MAIN, "ETHUSDT", "BUY", "0.1", "2500")
    found = await diagnosed(exchange, tmp_path)
    assert found["holdings"].verdict is WARNED
    assert "BTCUSDT 0.0999" in found["holdings"].message
    assert "1 in ETHUSDT" in found["open orders"].message


async def test_a_secret_that_is_wrong_is_one_failure(
    exchange: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADECTL_BINANCE_API_SECRET", "a-canary-of-a-secret")
    found = await diagnosed(exchange, tmp_path)
    assert not_passed(found) == {"keys": FAILED}
    assert "canary" not in repr(found)
