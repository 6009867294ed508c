"""A recorded public stream, message by message, through the real ccxt to what our feed is told.

Of the recordings that there are OKX's alone is in a protocol that ccxt still speaks (API v5, May 2022):
Bybit's, Coinbase's and Kraken's of April 2021 are in ones that ended since.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.real_data import real_data
from tests.venues import dialect
from tests.venues.harness import SYMBOL, VenueAt, venue_at
from tests.venues.pushed import Listening
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.venue import Channel

RECORDED = "wire/multi_exchange/OKX.ws.1.0"


def recorded(channel: str) -> Iterator[Any]:
    """What was said of BTC-USDT, in the order in which it came."""
    for line in real_data(RECORDED).read_text().splitlines():
        _, _, body = line.partition(": ")
        message = json.loads(body) if body.startswith('{"arg"') else {}
        if message.get("arg") == {"channel": channel, "instId": "BTC-USDT"}:
            yield message


async def told(at: VenueAt, channel: Channel, name: str, messages: list[Any]) -> list[Any]:
    async with Listening(at, lambda deliver: at.venue.stream(channel, [SYMBOL], deliver)) as market:
        await market.until(lambda: at.listens(name))
        (connection,) = at.connections()
        for number, message in enumerate(messages, 1):  # ccxt conflates prices that nobody took
            connection.socket.send_text(json.dumps(message))
            await market.until(partial(_told, market, number))
        return market.told


def _told(market: Listening, count: int) -> bool:
    return len(market.told) >= count


async def test_each_trade_of_a_recorded_stream_is_told_once_as_it_was() -> None:
    messages = list(recorded("trades"))
    rows = [row for message in messages for row in message["data"]]
    assert len(rows) > 50
    async with venue_at(dialect("okx", "spot"), streams=True) as at:
        events = await told(at, Channel.TRADES, "trades:BTC-USDT", messages)
    wanted = [
        (Decimal(row["px"]), Decimal(row["sz"]), int(row["ts"]) * MILLISECOND) for row in rows
    ]
    assert [(event.price, event.volume, event.ts) for event in events] == wanted


async def test_the_best_prices_of_a_recorded_stream_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They were recorded from the channel of tickers."""
    messages = list(recorded("tickers"))
    rows = [row for message in messages for row in message["data"]]
    assert len(rows) > 20
    async with venue_at(dialect("okx", "spot"), streams=True) as at:
        monkeypatch.setitem(at.venue._at.client.options, "watchBidsAsks", {"channel": "tickers"})
        events = await told(at, Channel.QUOTES, "tickers:BTC-USDT", messages)
    prices = [(Decimal(row["bidPx"]), Decimal(row["askPx"])) for row in rows]
    assert [(event.bid, event.ask) for event in events] == prices
