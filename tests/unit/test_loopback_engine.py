"""The loopback exchange's bookkeeping, whatever is ordered: nothing is lost, locked twice or made up."""

from __future__ import annotations

import random
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from tests.profiles import in_turn
from tradectl.testkit import Fees, LoopbackExchange
from tradectl.testkit.errors import ApiError
from tradectl.testkit.orders import Order

D = Decimal
ZERO = D(0)


def an_order(draw: random.Random, market: str, n: int) -> Order:
    futures = market == "futures"
    symbol = draw.choice(["BTCUSDT", "ETHUSDT"])
    start = 60_000 if symbol == "BTCUSDT" else 3_000
    kind = draw.choice(["LIMIT", "LIMIT", "MARKET", "STOP_MARKET" if futures else "STOP_LOSS"])
    tick = "0.1" if futures else "0.01"
    price = D(start + draw.randint(-start // 100, start // 100)).quantize(D(tick))
    return Order(
        id=0,
        market=market,
        symbol=symbol,
        account="main",
        client_id=f"n-{n}",
        side=draw.choice(["BUY", "SELL"]),
        type=kind,
        quantity=D(draw.randint(1, 400)) / 100,
        price=price if kind == "LIMIT" else None,
        stop_price=price if kind.startswith("STOP") else None,
        time_in_force=draw.choice(["GTC", "GTC", "IOC", "FOK"]),
        reduce_only=futures and draw.random() < 0.3,
        algo=futures and kind == "STOP_MARKET",
    )


def some_day(seed: int, market: str, fees: Fees) -> LoopbackExchange:
    """Orders, cancels and a market that moves, all drawn from the seed."""
    draw = random.Random(seed)
    exchange = LoopbackExchange(seed, usdt=1_000_000, fees=fees)
    exchange.accounts["main"].spot.free.update(BTC=D(5), ETH=D(50), BNB=D(3))
    engine = exchange.engines[market]
    for n in range(150):
        step = draw.random()
        if step < 0.5:
            with suppress(ApiError):
                engine.place(an_order(draw, market, n))
        elif step < 0.7 and engine.live:
            engine.cancel(draw.choice(list(engine.live.values())))
        else:
            exchange.walk(market=market, symbols=["BTCUSDT", "ETHUSDT"], sigma="0.003")
    return exchange


def assert_book_is_sound(exchange: LoopbackExchange, market: str) -> None:
    engine = exchange.engines[market]
    for book in engine.books.values():
        bid, ask = book.top("BUY"), book.top("SELL")
        assert bid
        assert ask
        assert bid[0] < ask[0]
    for order in engine.orders.values():
        assert order.filled == sum((f.quantity for f in order.fills), ZERO) <= order.quantity
        assert (order.key in engine.live) == order.open
        assert order.open or order.locked == 0


@pytest.mark.parametrize("asset", ["received", "quote", "BNB"])
@pytest.mark.parametrize("seed", in_turn(range(80), 80))
def test_spot_money_is_conserved(seed: int, asset: Any) -> None:
    exchange = some_day(seed, "spot", Fees(asset=asset))
    assert_book_is_sound(exchange, "spot")
    expected = {"USDT": D(1_000_000), "BTC": D(5), "ETH": D(50), "BNB": D(3)}
    for fill in exchange.truth.fills(market="spot"):
        sign = 1 if fill.side == "BUY" else -1
        expected[fill.symbol.removesuffix("USDT")] += sign * fill.quantity
        expected["USDT"] -= sign * fill.quantity * fill.price
        expected[fill.fee_asset] -= fill.fee
    assert {a: exchange.balance(a) for a in expected} == expected
    spot = exchange.accounts["main"].spot
    locked = sum((o.locked for o in exchange.truth.open_orders(market="spot")), ZERO)
    assert sum(spot.locked.values(), ZERO) == locked
    assert min(spot.locked.values(), default=ZERO) >= 0
    assert exchange.truth.fills(market="spot")


@pytest.mark.parametrize("seed", in_turn(range(80), 80))
def test_futures_money_and_positions_are_conserved(seed: int) -> None:
    exchange = some_day(seed, "futures", Fees())
    assert_book_is_sound(exchange, "futures")
    ledger = exchange.accounts["main"].futures
    net = dict.fromkeys(("BTCUSDT", "ETHUSDT"), ZERO)
    cash = D(1_000_000)
    for fill in exchange.truth.fills(market="futures"):
        sign = 1 if fill.side == "BUY" else -1
        net[fill.symbol] += sign * fill.quantity
        cash -= sign * fill.quantity * fill.price + fill.fee
    assert {symbol: ledger.positions[symbol].amount for symbol in net} == net
    assert ledger.wallet == cash + sum((p.cost for p in ledger.positions.values()), ZERO)
    margin = sum((o.locked for o in exchange.truth.open_orders(market="futures")), ZERO)
    assert abs(ledger.order_margin - margin) < D("0.000001")
    assert exchange.truth.max_exposure("BTCUSDT", market="futures") >= abs(net["BTCUSDT"])
