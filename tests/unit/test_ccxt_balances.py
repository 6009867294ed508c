"""What each exchange means by a balance: the wallet is told from the equity, wherever ccxt puts them.

The answers are those of the exchanges' own descriptions, with a position that would yield something.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.rows import each_row
from tradectl.exchange.ccxt_venue.balances import read_balances
from tradectl.exchange.ccxt_venue.decimals import InvalidResponse
from tradectl.exchange.ccxt_venue.tables import table_of
from tradectl.exchange.holdings import Balance

ANSWERS: dict[tuple[str, str], Any] = {
    ("binance", "perpetual"): {
        "assets": [
            {
                "asset": "USDT",
                "walletBalance": "1000.00000000",
                "unrealizedProfit": "-40.00000000",
                "marginBalance": "960.00000000",
                "availableBalance": "800.00000000",
            }
        ],
        "positions": [],
    },
    ("okx", "perpetual"): {
        "code": "0",
        "data": [
            {
                "totalEq": "960",
                "details": [
                    {
                        "ccy": "USDT",
                        "cashBal": "1000",
                        "eq": "960",
                        "availEq": "800",
                        "availBal": "800",
                        "frozenBal": "160",
                        "upl": "-40",
                    }
                ],
            }
        ],
    },
    ("kucoin", "perpetual"): {
        "code": "200000",
        "data": {
            "accountEquity": "960",
            "unrealisedPNL": "-40",
            "marginBalance": "1000",
            "positionMargin": "160",
            "orderMargin": "0",
            "frozenFunds": "0",
            "availableBalance": "800",
            "currency": "USDT",
        },
    },
    ("bybit", "perpetual"): {
        "retCode": 0,
        "result": {
            "list": [
                {
                    "accountType": "UNIFIED",
                    "totalEquity": "960",
                    "coin": [
                        {
                            "coin": "USDT",
                            "walletBalance": "1000",
                            "equity": "960",
                            "unrealisedPnl": "-40",
                        }
                    ],
                }
            ]
        },
    },
    ("bitget", "perpetual"): [
        {
            "marginCoin": "USDT",
            "available": "800",
            "accountEquity": "960",
            "unrealizedPL": "-40",
            "maxTransferOut": "800",
        }
    ],
    ("gate", "perpetual"): [
        {
            "order_margin": "0",
            "unrealised_pnl": "-40",
            "total": "1000",
            "available": "800",
            "currency": "USDT",
            "position_margin": "160",
        }
    ],
    ("bingx", "perpetual"): {
        "code": 0,
        "data": [
            {
                "asset": "USDT",
                "balance": "1000",
                "equity": "960",
                "unrealizedProfit": "-40",
                "availableMargin": "800",
                "usedMargin": "160",
            }
        ],
    },
    ("htx", "perpetual"): {
        "code": 200,
        "data": {
            "equity": "960",
            "details": [
                {
                    "currency": "USDT",
                    "equity": "960",
                    "profit_unreal": "-40",
                    "available_margin": "800",
                }
            ],
        },
    },
    ("mexc", "perpetual"): {
        "code": 0,
        "data": [
            {
                "currency": "USDT",
                "equity": "960",
                "unrealized": "-40",
                "availableBalance": "800",
                "cashBalance": "1000",
            }
        ],
    },
}


def read(exchange: str, kind: str, info: Any, total: str = "960") -> dict[str, Balance]:
    raw = {"info": info, "total": {"USDT": total}, "free": {"USDT": "800"}}
    return read_balances(raw, table_of(exchange).balances.get(kind), str)[0]


@each_row(("exchange", "kind"), ANSWERS)
def test_the_wallet_has_no_unrealized_profit_in_it_and_the_equity_has(
    exchange: str, kind: str
) -> None:
    balance = read(exchange, kind, ANSWERS[exchange, kind])["USDT"]
    assert balance.wallet == 1000
    assert balance.equity == 960
    if exchange != "bybit":  # it does not say
        assert balance.free == 800
        assert balance.used == 160


@pytest.mark.parametrize("exchange", ["okx", "bybit"])
def test_an_account_for_coins_and_perpetuals_has_a_wallet_for_coins_too(exchange: str) -> None:
    answer = ANSWERS[exchange, "perpetual"]
    assert read(exchange, "spot", answer)["USDT"].wallet == 1000


def test_the_purse_of_an_isolated_position_is_part_of_the_wallet() -> None:
    """It tells what the purse is worth, and what of it the position would yield."""
    row = {"ccy": "USDT", "cashBal": "840", "isoEq": "120", "isoUpl": "-40", "eq": "960",
           "availEq": "800", "availBal": "800", "upl": "-40"}  # fmt: skip
    assert read("okx", "perpetual", {"data": [{"details": [row]}]})["USDT"].wallet == 1000


@pytest.mark.parametrize(
    ("exchange", "info"),
    [
        ("kucoin", {"data": {"accounts": [{"currencies": [
            {"currency": "USDT", "equity": "960", "available": "800"}]}]}}),
        ("gate", [{"balances": {"USDT": {"equity": "960", "available": "800"}}}]),
        ("hyperliquid", {"balances": [{"coin": "USDT", "total": "960", "hold": "160"}]}),
    ],
)  # fmt: skip
def test_an_account_for_everything_tells_no_wallet(exchange: str, info: Any) -> None:
    raw = {"info": info, "total": {}, "free": {}}
    found, is_known = read_balances(raw, table_of(exchange).balances["perpetual"], str)
    assert not is_known
    assert (found["USDT"].equity, found["USDT"].free) == (Decimal(960), Decimal(800))


def test_what_ccxt_has_is_taken_where_there_is_no_rule() -> None:
    balance = read("kraken", "spot", {"USDT": "1000"}, "1000")["USDT"]
    assert balance == Balance(Decimal(1000), Decimal(1000), Decimal(800), Decimal(200))


@each_row("name", ["kucoinfutures", "myokx", "okxus", "binanceusdm", "bybiteu"])
def test_an_exchange_is_known_by_its_other_names(name: str) -> None:
    assert table_of(name).balances.get("perpetual") is not None


@each_row("info", [None, {}, [], {"data": None}, {"data": "x"}, "html"])
@each_row("exchange", ["okx", "kucoin", "binance"])
def test_an_answer_without_balances_is_none(exchange: str, info: Any) -> None:
    with pytest.raises(InvalidResponse):
        read(exchange, "perpetual", info)
