"""The paper exchange on recorded markets, against answers worked out in another way."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

from tests.fixtures.paper_exchange import settings
from tests.real_data import real_data
from tradectl.domain.commands import ApprovedOrder, CancelOrder, SubmitOrder
from tradectl.domain.events import (
    BarEvent,
    Event,
    ExecutionEvent,
    Liquidity,
    MarketDataEvent,
    OrderFilled,
    QuoteEvent,
    Record,
)
from tradectl.domain.instruments import Instruments
from tradectl.domain.money import BPS, Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.exchange.paper.paper_exchange import PaperExchange

SPOT = "binance_spot_BTCUSDT_20240808T2354_20240809T0005.csv.gz"
CANDLES = "candles/binance_1m_20210420_20210520/BTCUSDT.csv.gz"
TICK = Decimal("0.01")


def rows(path: Path, count: int) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as lines:
        yield from islice(csv.DictReader(lines), count)


def trades(count: int) -> Iterator[MarketDataEvent]:
    for row in rows(real_data(f"trades/{SPOT}"), count):
        yield MarketDataEvent(
            symbol=row["symbol"],
            price=Decimal(row["price"]),
            volume=Decimal(row["qty"]),
            side=Side(row["side"]),
            ts=int(row["ts_ms"]) * MILLISECOND,
        )


def quotes(count: int) -> Iterator[QuoteEvent]:
    for row in rows(real_data(f"quotes/{SPOT}"), count):
        bid, ask = Decimal(row["bid"]), Decimal(row["ask"])
        yield QuoteEvent(
            symbol=row["symbol"],
            price=(bid + ask) / 2,
            volume=Decimal(0),
            bid=bid,
            ask=ask,
            bid_size=Decimal(row["bid_qty"]),
            ask_size=Decimal(row["ask_qty"]),
            ts=int(row["ts_ms"]) * MILLISECOND,
        )


def bars(count: int) -> Iterator[BarEvent]:
    minute = 60_000 * MILLISECOND
    for row in rows(real_data(CANDLES), count):
        yield BarEvent(
            symbol=row["symbol"],
            price=Decimal(row["close"]),
            volume=Decimal(row["volume"]),
            open=Decimal(row["open"]),
            high=Decimal(row["high"]),
            low=Decimal(row["low"]),
            interval=minute,
            ts=int(row["ts_ms"]) * MILLISECOND + minute,
        )


class Venue:
    """A paper exchange and what it reported."""

    def __init__(self, chosen: PaperSettings) -> None:
        self.reports: list[ExecutionEvent] = []
        self.exchange = PaperExchange(chosen, Instruments(), self._report, seed=1)

    def see(self, event: MarketDataEvent, at: int) -> None:
        self.exchange.on_market(event, Record(1, at, event))

    def _report(self, event: Event, due_at: int) -> None:
        assert isinstance(event, ExecutionEvent)
        self.reports.append(event)

    def fills(self) -> list[OrderFilled]:
        return [report for report in self.reports if isinstance(report, OrderFilled)]

    def filled(self, order_id: str) -> Decimal:
        return sum((f.quantity for f in self.fills() if f.order_id == order_id), Decimal(0))


def submit(
    order_id: str, symbol: str, side: Side, quantity: Decimal, price: Decimal | None = None
) -> SubmitOrder:
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    return SubmitOrder(ApprovedOrder(OrderSpec(order_id, symbol, side, quantity, kind, price), 0))


def test_market_orders_cost_a_basis_point_and_less_than_a_tick() -> None:
    venue = Venue(PaperSettings())
    last: dict[str, Decimal] = {}
    for n, event in enumerate(trades(4_000)):
        venue.see(event, event.ts)
        if n % 22 == 0:
            side = Side.SELL if n % 44 else Side.BUY
            last[f"o{n}"] = event.price
            venue.exchange.send(submit(f"o{n}", event.symbol, side, Decimal("0.5")), event.ts)
    fills = venue.fills()
    assert len(fills) == len(last) == len(venue.reports)
    for fill in fills:
        price = last[fill.order_id]
        slip = fill.side.signed(fill.price - price)
        assert price * BPS <= slip < price * BPS + TICK
        assert fill.price % TICK == 0
        assert fill.fee == (fill.price * fill.quantity / 1000).quantize(Decimal("1e-8"))


def test_a_resting_bid_gets_exactly_what_was_traded_below_it() -> None:
    """One order at a time, a little below the market, each left alone for 200 trades."""
    venue = Venue(settings())
    market = list(trades(6_000))
    quantity, partly = Decimal(2), 0
    for start in range(0, len(market), 200):
        first, *later = market[start : start + 200]
        bid = first.price - Decimal("0.50")
        order_id = f"o{start}"
        venue.see(first, first.ts)
        venue.exchange.send(submit(order_id, first.symbol, Side.BUY, quantity, bid), first.ts)
        for event in later:
            venue.see(event, event.ts)
        venue.exchange.send(CancelOrder(order_id, first.symbol), later[-1].ts)
        below = sum((e.volume for e in later if e.price < bid), Decimal(0))
        assert venue.filled(order_id) == min(quantity, below)
        partly += Decimal(0) < below < quantity
    assert partly > 0
    assert all(fill.liquidity is Liquidity.MAKER for fill in venue.fills())


def test_with_quotes_a_taker_pays_the_ask_and_gets_the_bid() -> None:
    venue = Venue(settings())
    merged: list[MarketDataEvent] = [*trades(1_000), *quotes(4_000)]
    merged.sort(key=lambda event: event.ts)
    expected: list[Decimal | None] = []
    best: QuoteEvent | None = None
    for n, event in enumerate(merged):
        venue.see(event, event.ts)
        best = event if isinstance(event, QuoteEvent) else best
        if n % 50 == 0 and best is not None:
            side = Side.BUY if n % 100 else Side.SELL
            venue.exchange.send(submit(f"o{n}", event.symbol, side, Decimal("0.1")), event.ts)
            expected.append(best.ask if side is Side.BUY else best.bid)
    assert len(expected) > 50
    assert [fill.price for fill in venue.fills()] == expected


def test_on_candles_a_bid_is_filled_by_the_first_low_below_it_and_never_above_its_price() -> None:
    venue = Venue(settings())
    market = list(bars(2_000))
    filled = 0
    for start in range(0, len(market), 20):
        first, *later = market[start : start + 20]
        bid, order_id = first.price * Decimal("0.999"), f"o{start}"
        venue.see(first, first.ts)
        command = submit(order_id, first.symbol, Side.BUY, Decimal("0.001"), bid)
        venue.exchange.send(command, first.ts)
        for event in later:
            venue.see(event, event.ts)
        venue.exchange.send(CancelOrder(order_id, first.symbol), later[-1].ts)
        through = next((bar for bar in later if bar.low < bid), None)
        fill = next((f for f in venue.fills() if f.order_id == order_id), None)
        assert (fill is None) == (through is None)
        if fill is not None and through is not None:
            assert (fill.ts, fill.price) == (through.ts, min(bid, through.open))
            filled += 1
    assert filled > 20
