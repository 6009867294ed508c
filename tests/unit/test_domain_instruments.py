"""Steps, limits and what is guessed about a symbol that nobody described."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fixtures.rows import each_row
from tradectl.domain.errors import UsageError
from tradectl.domain.instruments import BUILT_IN, Instrument, InstrumentKind, Instruments
from tradectl.domain.money import is_multiple

COIN = Instrument("COINUSDT", "USDT", Decimal("0.05"), Decimal("0.001"), Decimal(5))


@each_row(
    ("symbol", "quote", "min_notional"),
    [
        ("PEPEUSDT", "USDT", "5"),
        ("pepeusdc", "USDC", "5"),
        ("ETHBTC", "BTC", "0.0001"),
        ("LINKETH", "ETH", "0.001"),
        ("XFDUSD", "FDUSD", "5"),
        ("BTCEUR", "EUR", "5"),
        ("BTCUSDT_PERP", "USDT", "5"),
        ("BTC", "USDT", "5"),
        ("WHATEVER", "USDT", "5"),
        ("XBTUSD", "USD", "5"),
        ("DOTUSD", "USD", "5"),
        ("FOOTUSD", "USD", "5"),
        ("BTCTUSD", "TUSD", "5"),
        ("SHIBUSD", "USD", "5"),
        ("SHIBBUSD", "BUSD", "5"),
        ("FOOBUSD", "BUSD", "5"),
        ("BNBUSD", "USD", "5"),
        ("BTCBUSD", "BUSD", "5"),
        ("PYTHUSD", "USD", "5"),
        ("STGUSD", "USD", "5"),
        ("MINAEUR", "EUR", "5"),
        ("JPYUSD", "USD", "5"),
        ("BTCBRL", "BRL", "5"),
        ("BTCPEN", "PEN", "5"),
        ("BTC/USD:BTC", "USD", "5"),
        ("binance:BTC/EUR", "EUR", "5"),
        ("binance:BTCEUR", "EUR", "5"),
        ("BTCEUR.P", "EUR", "5"),
        ("BTC-EUR-240628", "EUR", "5"),
        ("BTCUSD_240628", "USD", "5"),
        ("FX_BTC_JPY", "JPY", "5"),
        ("BTCJPY", "JPY", "5"),
        ("BTC-USD", "USD", "5"),
        ("BTC/USDT:USDT", "USDT", "5"),
        ("BTC-USDT-SWAP", "USDT", "5"),
        ("KRW-BTC", "KRW", "5"),
        ("ETH-BTC", "BTC", "0.0001"),
        ("ETHXBT", "XBT", "0.0001"),
    ],
)
def test_the_quote_currency_is_read_from_the_end_of_the_symbol(
    symbol: str, quote: str, min_notional: str
) -> None:
    guessed = Instrument.guess(symbol)
    assert (guessed.symbol, guessed.quote) == (symbol, quote)
    assert guessed.min_notional == Decimal(min_notional)


def test_a_guessed_instrument_rounds_nothing_that_is_quoted_anywhere() -> None:
    guessed = Instrument.guess("PEPEUSDT")
    assert guessed.round_price(Decimal("0.00000123")) == Decimal("0.00000123")
    assert guessed.floor_quantity(Decimal("0.00000001")) == Decimal("0.00000001")


@each_row(
    ("price", "tick"),
    [("60000", "1e-8"), ("1", "1e-8"), ("0.1", "1e-8"), ("0.01", "1e-9"), ("4.5e-9", "1e-16")],
)
def test_a_guessed_price_step_follows_the_price(price: str, tick: str) -> None:
    assert Instrument.guess("PEPEUSDT").tick_at(Decimal(price)) == Decimal(tick)


@each_row(
    ("symbol", "price", "tick"),
    [
        ("BTCUSDT", "60000", "0.01"),
        ("SOLUSDT", "150", "0.01"),
        ("SOLUSDT", "1.5", "0.0001"),
        ("DOGEUSDT", "0.5", "0.00001"),
        ("DOGEUSDT", "0.003", "0.0000001"),
    ],
)
def test_a_built_in_price_step_was_finer_when_the_coin_was_cheaper(
    symbol: str, price: str, tick: str
) -> None:
    assert BUILT_IN[symbol].tick_at(Decimal(price)) == Decimal(tick)


@given(st.decimals("1e-12", "1e6", allow_nan=False), st.sampled_from(["PEPEUSDT", *BUILT_IN]))
def test_rounding_to_a_price_step_costs_next_to_nothing(price: Decimal, symbol: str) -> None:
    instrument = Instruments()[symbol]
    rounded = instrument.round_price(price)
    assert is_multiple(rounded, instrument.tick_at(rounded))
    assert abs(rounded - price) <= price * Decimal("0.00005")


@pytest.mark.parametrize("kind", list(InstrumentKind))
def test_one_can_be_short_in_a_perpetual_only(kind: InstrumentKind) -> None:
    assert Instrument.guess("BTCUSDT", kind).can_short is (kind is InstrumentKind.PERPETUAL)


@each_row("symbol", BUILT_IN)
def test_built_in_instruments_are_spot_with_finer_steps_than_their_limits(symbol: str) -> None:
    instrument = BUILT_IN[symbol]
    assert instrument.symbol == symbol
    assert not instrument.can_short
    assert 0 < instrument.tick_size < instrument.min_notional


@given(st.decimals("0.01", "100000", places=8), st.decimals("0.000001", "100000", places=8))
def test_prices_and_quantities_land_on_their_steps(price: Decimal, quantity: Decimal) -> None:
    assert is_multiple(COIN.round_price(price), COIN.tick_size)
    assert is_multiple(COIN.floor_quantity(quantity), COIN.lot_size)
    assert COIN.floor_quantity(quantity) <= quantity


def test_a_described_instrument_is_taken_to_the_letter() -> None:
    instruments = Instruments([COIN])
    assert instruments["COINUSDT"] is COIN


def test_an_undescribed_symbol_is_guessed_once_or_built_in() -> None:
    instruments = Instruments()
    assert "PEPEUSDT" in instruments
    assert instruments["PEPEUSDT"] is instruments["PEPEUSDT"]
    assert instruments["BTCUSDT"] is BUILT_IN["BTCUSDT"]
    assert [i.symbol for i in instruments.all()] == ["PEPEUSDT", "BTCUSDT"]


def test_a_run_limited_to_its_symbols_knows_no_other() -> None:
    instruments = Instruments([COIN], known=True)
    assert "BTCUSDT" not in instruments
    with pytest.raises(UsageError, match=r"unknown symbol 'BTCUSDT': not among \['COINUSDT'\]"):
        instruments["BTCUSDT"]


@each_row(
    ("most", "at_market", "size", "part", "waiting"),
    [
        ("0", "0", "90", "90", "90"),
        ("50", "0", "90", "50", "50"),
        ("0", "20", "90", "20", "90"),
        ("50", "20", "90", "20", "50"),
        ("50", "20", "20", "20", "20"),
        ("50", "20", "0.001", "0.001", "0.001"),
        ("50", "20.0007", "90", "20", "50"),
    ],
)
def test_one_order_has_no_more_than_the_exchange_takes(
    most: str, at_market: str, size: str, part: str, waiting: str
) -> None:
    limited = replace(COIN, max_quantity=Decimal(most), max_market_quantity=Decimal(at_market))
    assert limited.part(Decimal(size), at_market=True) == Decimal(part)
    assert limited.part(Decimal(size), at_market=False) == Decimal(waiting)
