"""The loopback exchange's sessions, as the real ccxt meets them: keys that run out, connections that end,
doors that are shut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tradectl.testkit import KEY, SECRET, LoopbackExchange, point_at

ccxt = pytest.importorskip("ccxt.pro")

MARKET = {"spot": "BTC/USDT", "swap": "BTC/USDT:USDT"}

pytestmark = pytest.mark.virtual_time(lasting=36_000)


@pytest.fixture
async def exchange() -> AsyncIterator[LoopbackExchange]:
    async with LoopbackExchange(seed=1) as made:
        yield made


@pytest.fixture
async def client(exchange: LoopbackExchange) -> AsyncIterator[Any]:
    """A ccxt of the perpetuals that nobody looks after."""
    made = ccxt.binance(
        {
            "apiKey": KEY,
            "secret": SECRET,
            "enableRateLimit": False,
            "options": {
                "defaultType": "swap",
                "defaultSubType": "linear",
                "fetchCurrencies": False,
                "fetchMarkets": {"types": ["linear"]},
            },
        }
    )
    yield point_at(made, exchange.url)
    await made.close()


def puts(exchange: LoopbackExchange) -> int:
    return sum(entry.detail["method"] == "PUT" for entry in exchange.truth.entries("request"))


async def test_ccxt_keeps_a_listen_key_alive_once_and_never_again(
    exchange: LoopbackExchange, client: Any
) -> None:
    """Why we do it ourselves. A quiet account hears nothing of its stream's end."""
    watching = asyncio.ensure_future(client.watch_orders())
    await asyncio.sleep(3 * 3600)
    assert puts(exchange) == 1
    assert exchange.accounts["main"].listen_key == ""
    assert not watching.done()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_listen_key_that_ran_out_is_a_wrong_credential_to_ccxt(
    exchange: LoopbackExchange, client: Any
) -> None:
    watching = asyncio.ensure_future(client.watch_orders())
    await asyncio.sleep(5)
    exchange.expire_listen_key()
    with pytest.raises(ccxt.AuthenticationError, match="-1125"):
        await watching


async def test_a_listen_key_lives_for_an_hour_after_it_was_kept_alive(
    exchange: LoopbackExchange,
) -> None:
    account = exchange.accounts["main"]
    key = exchange.sessions.make_listen_key(account)
    await asyncio.sleep(3500)
    assert exchange.sessions.make_listen_key(account) == key
    await asyncio.sleep(3500)
    assert exchange.sessions.keep_listen_key(account) == key
    await asyncio.sleep(3700)
    assert account.listen_key == ""
    assert exchange.sessions.make_listen_key(account) != key


async def test_connections_end_as_they_do_after_a_day(
    exchange: LoopbackExchange, client: Any
) -> None:
    watching = asyncio.ensure_future(client.watch_trades(MARKET["swap"]))
    await asyncio.sleep(5)
    assert exchange.end_connections() == 1
    with pytest.raises(ccxt.NetworkError, match="closing code 1001"):
        await watching


async def test_doors_are_shut_and_opened(exchange: LoopbackExchange, client: Any) -> None:
    exchange.ban(60)
    with pytest.raises(ccxt.DDoSProtection, match="IP banned until"):
        await client.fetch_time()
    await asyncio.sleep(61)
    await client.load_markets()
    exchange.refuse_access(60)
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        await client.fetch_balance()
    exchange.maintain(502)
    with pytest.raises(ccxt.ExchangeNotAvailable, match="502 Bad Gateway"):
        await client.fetch_time()
    exchange.behave()
    assert (await client.fetch_balance())["total"]["USDT"]


async def test_orders_that_an_account_or_a_symbol_does_not_take(
    exchange: LoopbackExchange, client: Any
) -> None:
    exchange.set_hedge_mode(True)
    with pytest.raises(ccxt.OperationRejected, match="-4061"):
        await client.create_order(MARKET["swap"], "market", "buy", 0.01)
    exchange.set_hedge_mode(False)
    exchange.close_symbol("BTCUSDT", market="futures")
    with pytest.raises(ccxt.ExchangeError, match="-4108"):
        await client.create_order(MARKET["swap"], "market", "buy", 0.01)
    exchange.reopen_symbol("BTCUSDT", market="futures")
    assert (await client.create_order(MARKET["swap"], "market", "buy", 0.01))["id"]
