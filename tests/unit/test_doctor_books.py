"""What the doctor finds at an exchange when there are books of ours: what is ours, what is not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.doctor import DoctorHarness, doctor_in, order
from tradectl.doctor import examination as doctor
from tradectl.documents.operations import Verdict
from tradectl.domain.errors import VenueRefusal
from tradectl.domain.orders import client_order_id
from tradectl.domain.positions import Position
from tradectl.exchange.holdings import Holdings
from tradectl.state.account import Account

PASSED, WARNED, FAILED = Verdict.PASSED, Verdict.WARNED, Verdict.FAILED


@pytest.fixture
def harness(tmp_path: Path) -> DoctorHarness:
    return doctor_in(tmp_path)


def coins(amount: str) -> Holdings:
    return Holdings({"USDT": Decimal(10_000), "BTC": Decimal(amount)})


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """Our account, as the last run left it: long half a coin, beside a quarter of somebody's."""
    account = Account.open("a-run", "USDT", Decimal(10_000))
    account.positions["BTCUSDT"] = Position("BTCUSDT", Decimal("0.5"), Decimal(25_000))
    account.at_exchange().external["BTCUSDT"] = Decimal("0.25")

    class Recovered:
        def __init__(self) -> None:
            self.account = account

    monkeypatch.setattr(doctor, "recover", lambda *_: Recovered())
    return account


@pytest.mark.parametrize(
    ("there", "verdict", "words"),
    [
        ("0.5", WARNED, ""),
        ("0.75", WARNED, "left alone: BTCUSDT 0.25 -> nothing"),
        ("0.7", WARNED, "left alone: BTCUSDT 0.2 -> nothing"),
        ("0.1", WARNED, "left alone: BTCUSDT -0.4 -> our books know of another"),
    ],
)
async def test_what_is_ours_is_told_from_what_is_not(
    harness: DoctorHarness, account: Account, there: str, verdict: Verdict, words: str
) -> None:
    if there == "0.5":
        account.at_exchange().external.clear()
        verdict = PASSED
    harness.venue.held = coins(there)
    finding = (await harness.findings())["holdings"]
    assert finding.verdict is verdict, finding
    assert words in f"{finding.message} -> {finding.mend}"


async def test_our_orders_and_coins_count_as_ours(harness: DoctorHarness, account: Account) -> None:
    harness.venue.held = coins("0.75")
    harness.venue.orders = [order(client_order_id=client_order_id("a-run", "an-order"))]
    found = await harness.findings()
    assert found["open orders"].verdict is PASSED
    assert "1 of ours" in found["open orders"].message
    assert "a full position is about 7,000.00" in found["BTCUSDT"].message  # of 35,000
    assert found["dead-man switch"].verdict is WARNED
    assert harness.venue.armed == []


async def test_an_account_that_cannot_be_read_fails(
    harness: DoctorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise VenueRefusal("the journal is damaged")

    monkeypatch.setattr(doctor, "recover", broken)
    assert (await harness.findings())["account"].verdict is FAILED
