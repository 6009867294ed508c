"""Which market a symbol means, and its rules in coins."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.ccxt_markets import client, markets
from tests.fixtures.rows import each_row
from tradectl.domain.errors import UsageError
from tradectl.domain.instruments import InstrumentKind
from tradectl.exchange.ccxt_venue.decimals import ForeignMarket, InvalidResponse
from tradectl.exchange.ccxt_venue.markets import (
    DECIMAL_PLACES,
    SIGNIFICANT_DIGITS,
    TICK_SIZE,
    Markets,
)


@each_row("symbol", ["BTCUSDT", "BTC/USDT", "btcusdt", "BTC-USDT", "btc_usdt"])
def test_spot_by_any_spelling(symbol: str) -> None:
    found = markets(configured={symbol: symbol})[symbol]
    assert (found.symbol, found.unified, found.id) == (symbol, "BTC/USDT", "BTCUSDT")
    assert found.instrument.symbol == symbol
    assert found.instrument.kind is InstrumentKind.SPOT


@each_row("symbol", ["BTCUSDT", "BTC/USDT", "BTC/USDT:USDT", "btc-usdt-usdt"])
def test_perpetual_by_any_spelling(symbol: str) -> None:
    found = markets("perpetual", {symbol: symbol})[symbol]
    assert (found.symbol, found.unified) == (symbol, "BTC/USDT:USDT")
    assert found.instrument.kind is InstrumentKind.PERPETUAL


def test_the_run_may_call_it_otherwise() -> None:
    found = markets(configured={"kraken:BTC/USD": "ETH/BTC"})
    assert found["kraken:BTC/USD"].unified == "ETH/BTC"
    assert found.of("ETH/BTC").symbol == "kraken:BTC/USD"


@each_row(
    ("kind", "symbol", "near"),
    [
        ("spot", "BTC/USDT:USDT", "BTC/USDT"),  # a perpetual is never meant by a spot venue
        ("spot", "BTCUSD", "BTC/USDT"),
        ("perpetual", "BTCUSD_PERP", "BTC/USD"),
        ("perpetual", "BTCUSDT_260626", "BTC/USDT:USDT"),
        ("perpetual", "ETHBTC", ""),
    ],
)
def test_an_unknown_symbol_is_refused_and_near_ones_are_named(
    kind: str, symbol: str, near: str
) -> None:
    with pytest.raises(UsageError, match="unknown symbol") as raised:
        markets(kind, {symbol: symbol})
    assert near in str(raised.value)


def test_rules_of_a_spot_market() -> None:
    found = markets()["BTCUSDT"]
    rules = found.instrument
    assert (rules.base, rules.quote) == ("BTC", "USDT")
    assert (str(rules.tick_size), str(rules.lot_size)) == ("0.01", "0.00001")
    assert rules.min_notional == 5
    assert found.instrument.min_quantity == Decimal("0.00001")
    assert found.instrument.max_quantity == 9000
    assert found.instrument.max_market_quantity == Decimal("97.09521512")


def test_markets_that_nobody_configured_get_a_compact_name() -> None:
    found = markets()
    assert found.of("LTC/BTC").symbol == "LTCBTC"
    with pytest.raises(ForeignMarket):
        found.of("BTC/USDT:USDT")
    with pytest.raises(ForeignMarket):
        found.of(None)
    by_id = found.by_id("LTCBTC")
    assert by_id is not None
    assert by_id.symbol == "LTCBTC"
    assert found.by_id("NONE") is None


def test_a_market_bears_the_name_it_is_asked_by() -> None:
    found = markets()
    for symbol in ("LTC/BTC", "ltc-btc", "LTCBTC"):
        assert found[symbol].symbol == found[symbol].instrument.symbol == symbol
    assert found.of("LTC/BTC").symbol == "LTCBTC"


def test_two_symbols_for_one_market_are_one_too_many() -> None:
    with pytest.raises(UsageError, match="the same market"):
        markets(configured={"BTCUSDT": "BTCUSDT", "BTC/USDT": "BTC/USDT"})


def test_a_compact_name_never_takes_a_configured_one() -> None:
    found = markets(configured={"LTCBTC": "ETHBTC"})
    assert found.of("ETH/BTC").symbol == "LTCBTC"
    assert found.of("LTC/BTC").symbol == "LTC/BTC"


def test_the_list_says_what_cannot_be_traded_and_why() -> None:
    listed = {info.unified: info for info in markets("perpetual").all()}
    assert listed["BTC/USDT:USDT"].supported
    assert listed["BTC/USDT:USDT"].symbol == "BTCUSDT"
    assert listed["BTC/USDC:USDC"].symbol == "BTCUSDC"
    assert not listed["BTC/USD:BTC"].supported
    assert listed["BTC/USD:BTC"].note == "settled in the coin itself"
    assert not listed["BTC/USDT:USDT-260626"].supported
    assert "future" in listed["BTC/USDT:USDT-260626"].note


def raw(**changed: Any) -> dict[str, Any]:
    market: dict[str, Any] = dict(client("perpetual").markets["BTC/USDT:USDT"])
    return {"BTC/USDT:USDT": market | changed}


def test_contracts_are_coins_outside() -> None:
    limits = {"amount": {"min": "1", "max": "500"}, "cost": {"min": None}}
    precision = {"amount": "1", "price": "0.1"}
    given = raw(contractSize="0.01", limits=limits, precision=precision)
    found = Markets(given, TICK_SIZE, "perpetual", {"BTCUSDT": "BTCUSDT"})["BTCUSDT"]
    assert found.size == Decimal("0.01")
    assert found.instrument.lot_size == Decimal("0.01")
    assert (found.instrument.min_quantity, found.instrument.max_quantity) == (
        Decimal("0.01"),
        Decimal(5),
    )
    assert found.instrument.min_notional == 0


@each_row(
    ("mode", "precision", "tick", "lot", "digits"),
    [
        (TICK_SIZE, {"price": "0.5", "amount": "1e-3"}, "0.5", "0.001", None),
        (TICK_SIZE, {"price": None, "amount": None}, "1E-8", "1E-8", None),
        (DECIMAL_PLACES, {"price": 2, "amount": "0"}, "0.01", "1", None),
        (SIGNIFICANT_DIGITS, {"price": 5, "amount": 8}, "1E-8", "1E-8", 5),
    ],
)
def test_the_three_ways_of_saying_a_step(
    mode: int, precision: dict[str, Any], tick: str, lot: str, digits: int | None
) -> None:
    found = Markets(raw(precision=precision), mode, "perpetual", {"S": "BTCUSDT"})["S"]
    assert (found.instrument.tick_size, found.instrument.lot_size) == (Decimal(tick), Decimal(lot))
    assert found.price_digits == digits


def test_of_several_perpetuals_it_is_the_one_that_is_settled_in_what_it_is_quoted_in() -> None:
    in_usdc = raw()["BTC/USDT:USDT"] | {"settle": "USDC", "id": "other"}
    given = raw() | {"BTC/USDT:USDC": in_usdc}
    found = Markets(given, TICK_SIZE, "perpetual", {"btc-usdt": "btc-usdt"})
    assert found["btc-usdt"].unified == "BTC/USDT:USDT"


def test_a_symbol_that_may_be_two_markets_is_not_guessed() -> None:
    given = raw() | {"BTC/USDT:USDX": raw()["BTC/USDT:USDT"] | {"settle": "USDT", "id": "other"}}
    with pytest.raises(UsageError, match="may be any of"):
        Markets(given, TICK_SIZE, "perpetual", {"BTC-USDT": "BTC-USDT"})


def test_rules_that_cannot_be_read_leave_those_before_in_force() -> None:
    found = Markets(raw(), TICK_SIZE, "perpetual", {"S": "BTCUSDT"})
    before = found["S"].instrument
    absurd = raw(precision={"amount": 1e16, "price": 0.1})
    with pytest.raises(InvalidResponse, match=r"rules of S: .*stay in force"):
        found.renew(absurd)
    assert found["S"].instrument == before
