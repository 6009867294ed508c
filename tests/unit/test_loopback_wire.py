"""The loopback exchange plays recorded messages, runs in a thread, and by hand."""

from __future__ import annotations

import asyncio
import gzip
import sys
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tradectl.testkit import LoopbackExchange, loopback_thread, point_at
from tradectl.testkit.clients import SPOT_SYMBOL as BTC
from tradectl.testkit.clients import spot_client

pytestmark = pytest.mark.virtual_time

ROOT = Path(__file__).parents[2]
FIRST = 50_000


def recorded(path: Path, trades: int) -> Path:
    """A file in the recorder's own form: per trade a quote, the trade, and a step of the book."""
    lines = []
    for n in range(trades):
        price = f"{60_000 + n % 7}.00000000"
        ms = 1_723_161_600_000 + n
        quote = {"u": n, "s": "BTCUSDT", "b": price, "B": "1.00000000", "A": "2.00000000"}
        quote["a"] = f"{60_000 + n % 7}.01000000"
        trade = {"e": "trade", "E": ms, "s": "BTCUSDT", "t": FIRST + n, "p": price}
        trade |= {"q": "0.50000000", "T": ms, "m": bool(n % 2), "M": True}
        step: dict[str, Any] = {"e": "depthUpdate", "E": ms, "s": "BTCUSDT", "U": 9001 + n}
        step |= {"u": 9001 + n, "b": [[price, f"{n + 1}.00000000"]], "a": []}
        for stream, data in (("bookTicker", quote), ("trade", trade), ("depth@100ms", step)):
            message = {"stream": f"btcusdt@{stream}", "data": data}
            lines.append(b"%d %s\n" % (ms * 1_000_000, msgspec.json.encode(message)))
    with gzip.open(path, "wb") as file:
        file.writelines(lines)
    return path


async def test_a_recording_is_played_without_a_loss(tmp_path: Path) -> None:
    path = recorded(tmp_path / "spot_btcusdt_x.gz", 3000)
    async with LoopbackExchange(seed=1) as exchange, spot_client(exchange) as client:
        exchange.expect_wire(path)
        seen: list[int] = []

        async def read() -> None:
            while len(seen) < 3000:
                seen.extend(int(trade["id"]) for trade in await client.watch_trades(BTC))

        reading = asyncio.create_task(read())
        book = asyncio.create_task(client.watch_order_book(BTC))
        await exchange.until(lambda: len(exchange.truth.entries("subscribed")) == 2)
        await book
        assert await exchange.play_wire(path) == 9000
        await reading
        assert seen == list(range(FIRST, FIRST + 3000))
        while client.orderbooks[BTC]["nonce"] < 9000 + 3000:
            await client.watch_order_book(BTC)
        shown = await client.fetch_order_book(BTC)
        assert shown["nonce"] == 12_000
        assert len(shown["bids"]) == 7


async def test_our_orders_trade_with_a_recording(tmp_path: Path) -> None:
    path = recorded(tmp_path / "spot_btcusdt_x.gz", 20)
    async with LoopbackExchange(seed=1) as exchange, spot_client(exchange) as client:
        exchange.quote("BTCUSDT", "60000", "60000.01", "1", levels=1)
        await client.create_order(BTC, "limit", "buy", "0.6", "59999.5")
        await exchange.play_wire(path)
        assert exchange.truth.fills() == []
        bought = await client.create_order(BTC, "market", "buy", "0.6")
        assert float(bought["average"]) == 60_005.01
        trades = await client.fetch_trades(BTC)
        assert [int(t["id"]) for t in trades] == list(range(FIRST, FIRST + 20))


async def test_its_own_timing_is_kept(tmp_path: Path) -> None:
    path = recorded(tmp_path / "spot_btcusdt_x.gz", 20)
    async with LoopbackExchange(seed=1) as exchange:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await exchange.play_wire(path, speed=0.5)
        assert loop.time() - started >= 0.038


def test_a_thread_of_its_own() -> None:
    async def ask(url: str) -> Any:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/api/v3/time") as answer:
            return await answer.json()

    with loopback_thread(seed=1) as exchange:
        exchange.quote("BTCUSDT", "60000", "60001", "2")
        order = exchange.outside_trade("main", "BTCUSDT", "buy", "1")
        assert order.status == "FILLED"
        assert len(exchange.truth.fills()) == 1
        assert "serverTime" in asyncio.run(ask(exchange.url))
        exchange.until(lambda: exchange.truth.requests("GET", "time"))
        assert exchange.key != exchange.secret


@pytest.mark.slow
@pytest.mark.virtual_time(False)
async def test_by_hand() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tradectl.testkit",
        "--port",
        "0",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    first = (await process.stdout.readline()).decode()
    url = first.split()[3]
    async with aiohttp.ClientSession() as session:
        fault = {"kind": "503", "path": "time"}
        async with session.post(f"{url}/loopback/fault", json=fault) as answer:
            assert (await answer.json())["armed"] == ["503"]
        async with session.post(f"{url}/loopback/fault", json={"kind": "nope"}) as answer:
            assert "expected one of no-reply, late, " in (await answer.json())["error"]
        async with session.get(f"{url}/api/v3/time") as answer:
            assert answer.status == 503
        wanted = {"symbol": "BTCUSDT", "side": "buy", "quantity": "0.1"}
        async with session.post(f"{url}/loopback/outside", json=wanted) as answer:
            assert (await answer.json())["status"] == "FILLED"
        async with session.post(f"{url}/loopback/quote", json={"nonsense": 1}) as answer:
            assert answer.status == 400
        async with session.get(f"{url}/loopback/truth") as answer:
            told = await answer.json()
    assert [o["foreign"] for o in told["orders"]] == [True]
    process.terminate()
    await process.communicate()
    assert process.returncode == 0


def test_addresses_keep_their_paths() -> None:
    class Client:
        urls: dict[str, Any] = {  # noqa: RUF012  a stand-in for ccxt's
            "api": {"public": "https://api.x.com/api/v3", "ws": {"spot": "wss://s.x.com:9443/ws"}},
            "www": "https://x.com",
        }

    urls = point_at(Client(), "http://127.0.0.1:8377").urls
    assert urls["api"]["public"] == "http://127.0.0.1:8377/api/v3"
    assert urls["api"]["ws"]["spot"] == "ws://127.0.0.1:8377/ws"
    assert urls["www"] == "https://x.com"
