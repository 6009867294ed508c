"""On which side Bitget traded, of an account in hedge mode: its documents say it another way for the
channel of fills than for orders and for the fills that are asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.ccxt_markets import markets
from tests.fixtures.rows import each_row
from tradectl.domain.events import CloseCause
from tradectl.domain.money import Side
from tradectl.exchange.ccxt_venue.report_parser import ReportParser
from tradectl.exchange.ccxt_venue.tables import table_of
from tradectl.exchange.holdings import PositionSide
from tradectl.exchange.venue import VenueFill

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
BUY, SELL = Side.BUY, Side.SELL
LIQUIDATION, ADL, SETTLEMENT = CloseCause.LIQUIDATION, CloseCause.ADL, CloseCause.SETTLEMENT
PARSER = ReportParser(markets("perpetual"), table_of("bitget").quirks)


def fill(side: str, trade_side: str, *, pushed: bool) -> VenueFill:
    raw: dict[str, Any] = {
        "id": "t", "order": "o", "symbol": "BTC/USDT:USDT", "side": side, "amount": "0.01",
        "price": "60000", "takerOrMaker": "taker", "timestamp": 1,
        "fee": {"cost": "0.1", "currency": "USDT"},
        "info": {"side": side, "tradeSide": trade_side, "posMode": "hedge_mode"},
    }  # fmt: skip
    return PARSER.fill(raw, pushed=pushed)


@each_row(
    ("told", "trade_side", "pushed", "traded"),
    [
        ("buy", "open", False, BUY),
        ("buy", "open", True, BUY),
        ("buy", "close", False, SELL),
        ("sell", "close", True, SELL),
        ("sell", "close", False, BUY),
        ("buy", "close", True, BUY),
        ("sell", "sell_single", False, SELL),
    ],
)
def test_a_fill_that_closes(told: str, trade_side: str, pushed: bool, traded: Side) -> None:
    assert fill(told, trade_side, pushed=pushed).side is traded


@each_row("pushed", [False, True])
@each_row(
    ("trade_side", "traded", "cause", "of"),
    [
        ("burst_close_long", SELL, LIQUIDATION, LONG),
        ("reduce_close_short", BUY, LIQUIDATION, SHORT),
        ("offset_close_long", SELL, LIQUIDATION, LONG),
        ("dte_sys_adl_close_short", BUY, ADL, SHORT),
        ("delivery_close_long", SELL, SETTLEMENT, LONG),
    ],
)
def test_what_it_closes_by_itself(
    trade_side: str, traded: Side, cause: CloseCause, of: PositionSide, pushed: bool
) -> None:
    told = fill(traded.value, trade_side, pushed=pushed)
    assert (told.side, told.forced, told.position_side) == (traded, cause, of)


@pytest.mark.parametrize("told", ["buy", "sell"])
def test_an_order_that_closes_is_on_the_side_that_its_position_says(told: str) -> None:
    raw: dict[str, Any] = {
        "id": "o", "symbol": "BTC/USDT:USDT", "side": told, "amount": "0.01", "filled": "0",
        "price": "60000", "type": "limit", "status": "open", "timestamp": 1,
        "info": {"side": told, "tradeSide": "close", "posSide": "long", "posMode": "hedge_mode"},
    }  # fmt: skip
    order = PARSER.order(raw)
    assert (order.side, order.position_side, order.reduce_only) == (SELL, LONG, True)
