"""Our orders into ccxt's arguments: checked, and rounded toward safety."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.ccxt_markets import QUIRKS, client, markets
from tests.fixtures.rows import each_row
from tradectl.domain.errors import VenueRefusal
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType, TimeInForce
from tradectl.exchange.ccxt_venue.markets import SIGNIFICANT_DIGITS, TICK_SIZE, Markets
from tradectl.exchange.ccxt_venue.orders import Arguments, arguments
from tradectl.exchange.ccxt_venue.tables import table_of

SPOT = markets()["BTCUSDT"]
PERPETUAL = markets("perpetual")["BTCUSDT"]


def spec(quantity: str, price: str | None = None, *, side: str = "buy", **more: Any) -> OrderSpec:
    given_price = None if price is None else Decimal(price)
    kind = more.pop("type", OrderType.MARKET if price is None else OrderType.LIMIT)
    return OrderSpec("o", "BTCUSDT", Side(side), Decimal(quantity), kind, given_price, **more)


def made(order: OrderSpec, market: Any = SPOT) -> Arguments:
    return arguments(order, "cid", market, QUIRKS)


def test_market_and_limit() -> None:
    assert made(spec("0.5")) == ("BTC/USDT", "market", "buy", "0.5", None, {"clientOrderId": "cid"})
    assert made(spec("0.5", "60000.5", side="sell")) == (
        "BTC/USDT", "limit", "sell", "0.5", "60000.5", {"clientOrderId": "cid"},
    )  # fmt: skip


@each_row(
    ("order", "params"),
    [
        (spec("1", "9", time_in_force=TimeInForce.IOC), {"timeInForce": "IOC"}),
        (spec("1", "9", time_in_force=TimeInForce.FOK), {"timeInForce": "FOK"}),
        (spec("1", "9", post_only=True), {"postOnly": True}),
        (spec("1", reduce_only=True), {}),
        (
            spec("1", type=OrderType.STOP_MARKET, stop_price=Decimal("9.5")),
            {"triggerPrice": "9.5"},
        ),
        (
            spec("1", "9", type=OrderType.STOP_LIMIT, stop_price=Decimal("9.5"), post_only=True),
            {"triggerPrice": "9.5"},
        ),
    ],
)
def test_params_on_spot(order: OrderSpec, params: dict[str, Any]) -> None:
    assert made(order).params == {"clientOrderId": "cid", **params}


def test_post_only_is_left_out_where_the_exchange_has_none() -> None:
    order = spec("1", "9", post_only=True)
    assert arguments(order, "cid", SPOT, QUIRKS, has_post_only=False).params == {
        "clientOrderId": "cid"
    }


def test_reduce_only_is_said_where_there_are_positions() -> None:
    assert made(spec("1", reduce_only=True), PERPETUAL).params["reduceOnly"] is True


def test_a_stop_says_its_side_where_the_exchange_wants_to_know() -> None:
    for side, direction in (("buy", "ascending"), ("sell", "descending")):
        order = spec("20", side=side, type=OrderType.STOP_MARKET, stop_price=Decimal(9))
        params = arguments(order, "cid", PERPETUAL, table_of("bybit").quirks).params
        assert params["triggerDirection"] == direction


@each_row(
    ("order", "amount", "price", "stop"),
    [
        (spec("0.123456789", "100.019"), "0.12345", "100.01", None),
        (spec("0.123456789", "100.011", side="sell"), "0.12345", "100.02", None),
        (spec("0.1", "100.01", side="sell"), "0.1", "100.01", None),
        (
            spec("1", side="sell", type=OrderType.STOP_MARKET, stop_price=Decimal("99.999")),
            "1", None, "100",
        ),
        (
            spec("1", side="buy", type=OrderType.STOP_MARKET, stop_price=Decimal("100.009")),
            "1", None, "100",
        ),
    ],
)  # fmt: skip
def test_rounding_is_toward_safety(
    order: OrderSpec, amount: str, price: str | None, stop: str | None
) -> None:
    args = made(order)
    assert (args.amount, args.price, args.params.get("triggerPrice")) == (amount, price, stop)


@each_row(
    "order",
    [
        spec("0"),
        spec("-1"),
        spec("NaN"),
        spec("Infinity"),
        spec("1e22"),
        spec("0.000009"),
        spec("9001", "10"),
        spec("98"),  # a market order has a lower most
        spec("1", "0"),
        spec("1", "-5"),
        spec("1", "NaN"),
        spec("1", "0.001"),
        spec("1", "1e15"),
        spec("0.001", "100"),  # below the least notional
        spec("1", type=OrderType.STOP_MARKET),
        spec("1", type=OrderType.LIMIT),
    ],
)
def test_what_cannot_be_sent_is_refused_here(order: OrderSpec) -> None:
    with pytest.raises(VenueRefusal):
        made(order)


def test_closing_is_not_stopped_by_the_least_notional() -> None:
    assert made(spec("0.001", "100", reduce_only=True), PERPETUAL).amount == "0.001"
    with pytest.raises(VenueRefusal, match="least notional of 100 USDT"):
        made(spec("0.001", "100"), PERPETUAL)


def contracts(size: str, lot: str) -> Any:
    raw = dict(client("perpetual").markets["BTC/USDT:USDT"])
    raw |= {"contractSize": size, "precision": {"amount": lot, "price": "0.1"}, "limits": {}}
    return Markets({"BTC/USDT:USDT": raw}, TICK_SIZE, "perpetual", {"BTCUSDT": "BTCUSDT"})[
        "BTCUSDT"
    ]


@pytest.mark.parametrize(
    ("size", "lot", "quantity", "amount"),
    [("0.01", "1", "0.129", "12"), ("10", "0.1", "25.5", "2.5"), ("1000", "1", "3999", "3")],
)
def test_coins_become_contracts(size: str, lot: str, quantity: str, amount: str) -> None:
    assert made(spec(quantity), contracts(size, lot)).amount == amount


def test_prices_of_so_many_digits() -> None:
    raw = dict(client("perpetual").markets["BTC/USDT:USDT"])
    raw |= {"precision": {"amount": "3", "price": "5"}, "limits": {}}
    market = Markets({"BTC/USDT:USDT": raw}, SIGNIFICANT_DIGITS, "perpetual", {"S": "BTCUSDT"})["S"]
    assert made(spec("1", "60123.7"), market).price == "60123"
    assert made(spec("1", "60123.1", side="sell"), market).price == "60124"
    assert made(spec("1", "0.123451", side="sell"), market).price == "0.12346"


@given(
    st.decimals("0.00001", 9000, places=9, allow_nan=False),
    st.decimals("1", 900_000, places=6, allow_nan=False),
    st.sampled_from(["buy", "sell"]),
)
def test_never_more_than_was_meant_nor_at_a_worse_price(
    quantity: Decimal, price: Decimal, side: str
) -> None:
    try:
        args = made(spec(str(quantity), str(price), side=side))
    except VenueRefusal:
        return
    amount, limit = Decimal(args.amount), Decimal(args.price or "0")
    assert 0 <= quantity - amount < Decimal("0.00001")
    worse = limit > price if side == "buy" else limit < price
    assert not worse
    assert abs(limit - price) < Decimal("0.01")
    # and ccxt's own rounding, applied after ours, changes nothing
    assert CCXT.amount_to_precision("BTC/USDT", args.amount) == args.amount
    assert Decimal(CCXT.price_to_precision("BTC/USDT", args.price)) == limit


CCXT = client()
