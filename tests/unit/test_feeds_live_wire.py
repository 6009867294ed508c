"""Recorded messages, through the real ccxt's parser, the feed, the bus and a strategy, at full speed."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.profiles import in_turn
from tests.real_data import real_data
from tradectl.adapters import StrategyAdapter
from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.ccxt_venue import CcxtVenue
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.venue import Channel
from tradectl.feeds.live.live_feed import LiveFeed
from tradectl.strategy import Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine
from tradectl.testkit import LoopbackExchange

pytestmark = pytest.mark.virtual_time

SAMPLE = Path(__file__).parents[1] / "data" / "spot_btcusdt_wire.gz"
FORGOTTEN = 3600
WIRES = [f"spot_{s}_2024080{d}" for s in ("btcusdt", "ethusdt") for d in (8, 9)]
PARTS = 8
PIECES = [(name, number) for name in WIRES for number in range(PARTS)]
DROPPED_BY_RULE = (
    "late", "bad_symbol", "in_the_future", "not_a_time", "not_finite", "not_positive", "price_spike",
    "not_a_number",
)  # fmt: skip


def trades_in(path: Path) -> list[tuple[str, int]]:
    """Id and time (ns) of every recorded trade, as the recorder wrote them."""
    found = []
    with gzip.open(path, "rb") as lines:
        for line in lines:
            if b"@trade" in line:
                data = msgspec.json.decode(line.partition(b" ")[2])["data"]
                found.append((str(data["t"]), data["T"] * MILLISECOND))
    return found


class Noted(Strategy):
    """Hears every trade and wants nothing."""

    heard: list[str]

    def start(self) -> None:
        self.heard = HEARD

    def on_trade(self, trade: MarketDataEvent) -> None:
        self.heard.append(trade.trade_id)


HEARD: list[str] = []


async def played(path: Path, *channels: Channel) -> LiveFeed:
    """Play the file to a feed; what the strategy heard is in HEARD."""
    HEARD.clear()
    symbol = path.name.split("_")[1].upper()
    trades = trades_in(path)
    then = trades[-1][1]
    clock: Callable[[], int] = lambda: then  # noqa: E731 - the present of the recording
    bus = EventBus(100_000)
    instance = StrategyInstance(name="noted", strategy="noted")
    strategy = StrategyAdapter(bus, StrategyEngine([instance], find=lambda _: Noted))
    await strategy.start()
    await bus.start()
    async with LoopbackExchange(seed=1) as exchange:
        exchange.expect_wire(path)
        settings = ExchangeSettings(id="binance", url=exchange.url)
        venue = CcxtVenue(settings, {symbol: symbol}, now=clock)
        await venue.open()
        feed = LiveFeed(
            {"binance": venue},
            {symbol: "binance"},
            {"binance": channels},
            bus.post_market,
            bus.post,
            stale_after=FORGOTTEN,
            now=clock,
        )
        running = asyncio.ensure_future(feed.run())
        await exchange.until(
            lambda: len(exchange.hub.streams("spot", symbol.lower())) == len(channels)
        )
        await exchange.play_wire(path)
        await exchange.until(
            lambda: len(HEARD) + sum(feed.counts[r] for r in DROPPED_BY_RULE) >= len(trades), 60
        )
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await venue.close()
    await bus.stop()
    await strategy.stop()
    assert bus.get_metrics()["dropped"] == 0
    assert not venue.dropped
    return feed


async def test_a_sample_of_all_channels_comes_through_without_a_loss() -> None:
    feed = await played(SAMPLE, Channel.TRADES, Channel.QUOTES, Channel.BOOK)
    assert [trade_id for trade_id, _ in trades_in(SAMPLE)] == HEARD
    assert sum(feed.counts[rule] for rule in DROPPED_BY_RULE) == 0
    assert feed.counts["gaps"] == feed.counts["reconnects"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), in_turn(PIECES, len(PIECES)))
async def test_every_recorded_trade_is_heard_once_or_dropped_by_a_named_rule(
    name: str, number: int, tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.gz"
    lines = gzip.decompress(real_data(f"wire/{name}.gz").read_bytes()).splitlines(keepends=True)
    part = len(lines) // PARTS
    path.write_bytes(gzip.compress(b"".join(lines[number * part :][:part]), 1))
    feed = await played(path, Channel.TRADES, Channel.QUOTES)
    recorded = [trade_id for trade_id, _ in trades_in(path)]
    assert len(set(HEARD)) == len(HEARD)
    dropped = sum(feed.counts[rule] for rule in DROPPED_BY_RULE)
    assert len(HEARD) + dropped == len(recorded)
    assert set(HEARD) <= set(recorded)
    assert dropped == 0
