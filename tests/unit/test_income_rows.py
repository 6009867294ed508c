"""Lines of the ledgers that tell more than a sum: what each moved on the account, in whose view."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.rows import each_row
from tradectl.domain.event import IncomeKind
from tradectl.exchange.ccxt_venue.decimals import InvalidResponse
from tradectl.exchange.ccxt_venue.income_queries import IncomeQueries
from tradectl.exchange.ccxt_venue.tables import table_of

K = IncomeKind
OURS, THEIRS = "0xA1", "0xb2"
LOG_LINE = {
    "asset": "usd", "booking_uid": "10ca", "contract": "pf_dogeusd", "fee": 0.0035, "id": 9,
    "date": "2026-08-11T19:55:24.251Z", "info": "futures trade", "margin_account": "flex",
    "new_balance": 0, "old_balance": 0.0077, "realized_funding": None, "realized_pnl": -0.0042,
}  # fmt: skip
"""ccxt, static/response/krakenfutures.json, fetchLedger."""


class NoMarkets:
    def by_id(self, *_: str) -> None:
        return None


def read(exchange: str, history: int, raw: dict[str, Any]) -> tuple[Any, ...] | None:
    """What is told of it; None where it does not count."""
    nothing: Any = NoMarkets()
    queries = IncomeQueries(None, nothing, nothing, (), (), lambda: 0, account=OURS)
    row, counts = queries._read(raw, table_of(exchange).income[history], "usdt")
    return (row.kind, row.amount, row.currency) if counts else None


@each_row(
    ("changed", "told"),
    [
        ({}, None),
        ({"asset": "pf_dogeusd", "old_balance": 100}, None),
        ({"realized_funding": -0.0002}, (K.FUNDING, Decimal("-0.0002"), "USD")),
        (
            {"info": "futures liquidation", "realized_funding": 0.5, "liquidation_fee": 2},
            (K.INSURANCE, Decimal("-1.5"), "USD"),
        ),
        (
            {"info": "funding rate change", "old_balance": 1068.0239, "new_balance": 1068.0355},
            (K.FUNDING, Decimal("0.0116"), "USD"),
        ),
        (
            {"info": "cross-exchange transfer", "asset": "usdt", "contract": None, "new_balance": 25,
             "old_balance": 0},
            (K.TRANSFER, Decimal(25), "USDT"),
        ),
        ({"info": "transfer", "asset": "xbt", "contract": None}, (K.TRANSFER, Decimal("-0.0077"), "BTC")),
        ({"info": "transfer", "margin_account": "cash"}, None),
        # collateral is turned into another: it stays a difference, by its name
        ({"info": "conversion", "contract": None}, (None, Decimal("-0.0077"), "USD")),
        ({"info": "kfee applied", "asset": "kfee"}, None),
    ],
)  # fmt: skip
def test_a_line_of_an_account_log(changed: dict[str, Any], told: tuple[Any, ...] | None) -> None:
    assert read("krakenfutures", 0, LOG_LINE | changed) == told


ROWS: dict[str, dict[str, Any]] = {
    "okx": {
        "billId": "1",
        "balChg": "-1.5",
        "posBalChg": "0",
        "ccy": "USDT",
        "ts": "1",
        "instId": "",
    },
    "bybit": {
        "id": "1",
        "change": "-1.5",
        "currency": "USDT",
        "transactionTime": "1",
        "symbol": "",
    },
    "gate": {"time": 1.5, "change": "-1.5", "balance": "7", "contract": ""},
    "bitget": {"billId": "1", "amount": "-1.5", "coin": "USDT", "cTime": "1", "symbol": ""},
}


@each_row(
    ("exchange", "named", "kind"),
    [
        ("okx", {"type": "8", "subType": "173"}, K.FUNDING),
        ("okx", {"type": "7", "subType": "9"}, K.INTEREST),
        ("okx", {"type": "5", "subType": "109"}, K.INSURANCE),
        ("okx", {"type": "1", "subType": "12"}, K.TRANSFER),
        ("okx", {"type": "27", "subType": "236"}, None),
        ("okx", {"type": "5", "subType": "100"}, "fills tell it"),
        ("bybit", {"type": "SETTLEMENT"}, K.FUNDING),
        ("bybit", {"type": "INTEREST"}, K.INTEREST),
        ("bybit", {"type": "FEE_REFUND"}, K.REBATE),
        ("bybit", {"type": "TRANSFER_OUT"}, K.TRANSFER),
        ("bybit", {"type": "CURRENCY_BUY"}, None),
        ("bybit", {"type": "LIQUIDATION"}, "fills tell it"),
        ("gate", {"type": "fund"}, K.FUNDING),
        ("gate", {"type": "refr"}, K.REBATE),
        ("gate", {"type": "dnw"}, K.TRANSFER),
        ("gate", {"type": "bonus_offset"}, None),
        ("gate", {"type": "pnl"}, "fills tell it"),
        ("bitget", {"businessType": "contract_settle_fee"}, K.FUNDING),
        ("bitget", {"businessType": "trans_to_exchange"}, K.TRANSFER),
    ],
)
def test_every_kind_is_told_as_what_it_is(
    exchange: str, named: dict[str, str], kind: IncomeKind | str | None
) -> None:
    told = read(exchange, 0, ROWS[exchange] | named)
    assert told == (None if kind == "fills tell it" else (kind, Decimal("-1.5"), "USDT"))


def delta(kind: str, **more: Any) -> dict[str, Any]:
    return {"time": 1724762307531, "hash": "0x62", "delta": {"type": kind, **more}}


@each_row(
    ("line", "amount"),
    [
        (delta("deposit", usdc="50.0"), "50"),
        (delta("withdraw", usdc="49.0", nonce=1, fee="1.0"), "-50"),
        (delta("accountClassTransfer", usdc="50.0", toPerp=True), "50"),
        (delta("accountClassTransfer", usdc="50.0", toPerp=False), "-50"),
        (delta("internalTransfer", usdc="5", user=THEIRS, destination="0xa1", fee="1"), "5"),
        (delta("internalTransfer", usdc="5", user="0xa1", destination=THEIRS, fee="1"), "-6"),
        (delta("subAccountTransfer", usdc="5", user="0xa1", destination=THEIRS), "-5"),
        (delta("send", user="0xa1", destination="0xa1", sourceDex="spot", destinationDex="",
               token="USDC", amount="7", fee="0"), "7"),
        (delta("send", user="0xa1", destination=THEIRS, sourceDex="", destinationDex="",
               token="USDC", amount="7", fee="1"), "-8"),
        (delta("send", user="0xa1", destination="0xa1", sourceDex="", destinationDex="spot",
               token="HYPE", amount="7", fee="0"), None),
        (delta("spotTransfer", token="USDC", amount="7", user=THEIRS, destination=OURS), None),
        (delta("vaultDeposit", vault="0x3", usdc="10"), "-10"),
        (delta("vaultWithdraw", vault="0x3", user="0xa1", netWithdrawnUsd="9"), "9"),
        (delta("liquidation", accountValue="10"), None),
        (delta("somethingNew", usdc="10"), None),
    ],
)  # fmt: skip
def test_a_line_of_a_wallet_s_ledger(line: dict[str, Any], amount: str | None) -> None:
    told = (K.TRANSFER, Decimal(amount), "USDC") if amount else None
    assert read("hyperliquid", 1, line) == told


def test_the_same_was_moved_twice_by_no_transaction_of_its_own() -> None:
    """What the chain itself does has a hash of zeros."""
    nothing: Any = NoMarkets()
    queries = IncomeQueries(None, nothing, nothing, (), (), lambda: 0, account=OURS)
    line = delta("vaultDistribution", vault="0x3", usdc="10") | {"hash": "0x" + 64 * "0"}
    rules = table_of("hyperliquid").income[1]
    ids = {
        queries._read(line | {"time": 1724762307531 + day * 86_400_000}, rules, "")[0].income_id
        for day in (0, 0, 1)
    }
    assert len(ids) == 2


def test_funding_is_told_by_coin_and_hour() -> None:
    line = delta("funding", coin="SOL", usdc="-75.635093", szi="1", fundingRate="0.1")
    assert read("hyperliquid", 0, line) == (K.FUNDING, Decimal("-75.635093"), "USDC")


@each_row("odd", [None, 7, {}, {"delta": None}, {"delta": {"type": "deposit"}}])
@each_row(("exchange", "history"), [("hyperliquid", 1), ("krakenfutures", 0)])
def test_a_line_that_is_none_is_no_answer(exchange: str, history: int, odd: Any) -> None:
    with pytest.raises(InvalidResponse):
        read(exchange, history, odd)
