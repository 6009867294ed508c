"""Recorded wire files: lines of a receive time (ns) and a message as it came: trades, quotes, depth.

Messages go out as they were recorded, and the symbol is fed by them alone from then on: its engine
follows the recorded best bid and ask, its trades are the recorded ones under their own ids, and the depth
that REST shows is the recorded book. Nothing is lost here: the player waits for a subscriber that
is behind.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tradectl.testkit.trades import Trade

if TYPE_CHECKING:
    from tradectl.testkit.exchange import LoopbackExchange

Json = dict[str, Any]
D = Decimal


class Recording:
    """The book that depth messages of one symbol build up."""

    def __init__(self) -> None:
        self._bids: dict[str, str] = {}
        self._asks: dict[str, str] = {}
        self._last = 0
        self._recent: deque[Json] = deque(maxlen=200)

    def begin(self, update_id: int) -> None:
        self._last = update_id

    def depth(self, message: Json) -> None:
        self._recent.append(message)
        self._apply(message)

    def _apply(self, message: Json) -> None:
        for side, changes in ((self._bids, message["b"]), (self._asks, message["a"])):
            for price, size in changes:
                if D(size):
                    side[price] = size
                else:
                    side.pop(price, None)
        self._last = message["u"]

    def whole(self, snapshot: Json) -> None:
        """A recorded snapshot, brought up to date with what had come by then."""
        self._bids = dict(snapshot["bids"])
        self._asks = dict(snapshot["asks"])
        self._last = snapshot["lastUpdateId"]
        for message in self._recent:
            if message["u"] > self._last:
                self._apply(message)

    def snapshot(self, limit: int) -> Json:
        bids = sorted(self._bids.items(), key=lambda level: -D(level[0]))
        asks = sorted(self._asks.items(), key=lambda level: D(level[0]))
        return {
            "lastUpdateId": self._last,
            "bids": [list(level) for level in bids[:limit]],
            "asks": [list(level) for level in asks[:limit]],
        }


def symbol_of(path: Path) -> str:
    return path.name.split("_")[1].upper()


def expect(exchange: LoopbackExchange, path: Path) -> Recording:
    """From now on the symbol is the recording's, though nothing is sent yet; an empty book that the
    first recorded step follows on is what REST shows."""
    symbol = symbol_of(path)
    if symbol in exchange.recorded:
        return exchange.recorded[symbol]
    recording = Recording()
    with gzip.open(path, "rb") as lines:
        first = next((line for line in lines if b"depthUpdate" in line), None)
    if first is not None:
        message = msgspec.json.decode(first.partition(b" ")[2])
        recording.begin(message["data"]["U"] - 1)
    exchange.record_speaks_for(symbol, recording)
    exchange.engines["spot"].trades[symbol].record()
    return recording


async def replay_wire(exchange: LoopbackExchange, path: Path, speed: float | None) -> int:
    decode = msgspec.json.Decoder().decode
    count, first_ns, started = 0, 0, time.monotonic_ns()
    symbol = symbol_of(path)
    recording = expect(exchange, path)
    with gzip.open(path, "rb") as lines:
        for line in lines:
            at, _, text = line.partition(b" ")
            first_ns = first_ns or int(at)
            if speed is not None:
                due = started + (int(at) - first_ns) / speed
                await asyncio.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
            message = decode(text)
            if "stream" in message:
                _take(exchange, recording, symbol, message)
                exchange.hub.publish("spot", message["stream"], message["data"])
            else:
                recording.whole(message)
            count += 1
            if count % 200 == 0:
                for socket in list(exchange.hub.sockets):
                    await socket.room()
                await asyncio.sleep(0)
    return count


def _take(exchange: LoopbackExchange, recording: Recording, symbol: str, message: Json) -> None:
    """The engine follows what was recorded."""
    data, engine = message["data"], exchange.engines["spot"]
    match message["stream"].partition("@")[2]:
        case "bookTicker":
            exchange.market_makers["spot"].quote(
                symbol, D(data["b"]), D(data["a"]), D(data["B"]), 1, D(data["A"])
            )
        case "trade":
            price, quantity = D(data["p"]), D(data["q"])
            engine.fill_through(symbol, price, "SELL" if data["m"] else "BUY", quantity)
            trade = Trade(data["t"], price, quantity, data["T"], data["m"])
            engine.trades[symbol].add(trade)
            engine.last[symbol] = price
            engine.settle_down(symbol)
        case "depth@100ms" | "depth":
            recording.depth(data)
