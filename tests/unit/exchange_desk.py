"""A trading desk for tests of the paper exchange: one symbol, short words, and a legal book.

Reports are told as words such as `fill 2@100 taker`, so that a test reads as a table; every one of
them is also put through the table of order states, which raises where a report is not legal.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tradectl.domain.commands import ApprovedOrder, CancelOrder, SubmitOrder
from tradectl.domain.events import (
    BarEvent,
    ExecutionEvent,
    MarketDataEvent,
    OrderFilled,
    QuoteEvent,
)
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.money import Side, plain
from tradectl.domain.orders import (
    WORKING,
    OrderSpec,
    OrderStatus,
    OrderType,
    TimeInForce,
    Trigger,
    step,
)
from tradectl.domain.time import SECOND
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.exchange.paper.matching_engine import MatchingEngine

COIN = Instrument("COINUSDT", "USDT", Decimal("0.01"), Decimal("0.001"), Decimal(5))
SYMBOL = COIN.symbol
NO_COST = {"maker_fee": "0", "taker_fee": "0", "slippage_bps": "0"}


def settings(**chosen: str | int) -> PaperSettings:
    """Paper settings without costs, but for those chosen; numbers as text."""
    given = {**NO_COST, **chosen}
    words = {"limit_fill", "market_fill"}
    return PaperSettings(
        **{k: v if isinstance(v, int) or k in words else Decimal(v) for k, v in given.items()}  # type: ignore[arg-type]
    )


def maybe(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def order(
    order_id: str,
    text: str,
    *,
    tif: str = "gtc",
    post_only: bool = False,
    reduce_only: bool = False,
    symbol: str = SYMBOL,
) -> SubmitOrder:
    """An order in words: `buy 2`, `sell 2 @99`, `buy 2 stop 101`, `buy 2 @102 stop 101`."""
    side, quantity, *rest = text.split()
    price = next((word[1:] for word in rest if word.startswith("@")), "")
    stop = rest[rest.index("stop") + 1] if "stop" in rest else ""
    kind = {
        (False, False): OrderType.MARKET,
        (True, False): OrderType.LIMIT,
        (False, True): OrderType.STOP_MARKET,
        (True, True): OrderType.STOP_LIMIT,
    }[bool(price), bool(stop)]
    spec = OrderSpec(
        order_id=order_id,
        symbol=symbol,
        side=Side(side),
        quantity=Decimal(quantity),
        type=kind,
        price=maybe(price),
        stop_price=maybe(stop),
        time_in_force=TimeInForce(tif),
        post_only=post_only,
        reduce_only=reduce_only,
    )
    return SubmitOrder(ApprovedOrder(spec, 0))


def trade(price: str, volume: str = "1", bid: str = "", ask: str = "") -> MarketDataEvent:
    return MarketDataEvent(
        symbol=SYMBOL,
        price=Decimal(price),
        volume=Decimal(volume),
        bid=maybe(bid),
        ask=maybe(ask),
    )


def quote(bid: str, ask: str, bid_size: str = "0", ask_size: str = "0") -> QuoteEvent:
    return QuoteEvent(
        symbol=SYMBOL,
        price=(Decimal(bid) + Decimal(ask)) / 2,
        volume=Decimal(0),
        bid=Decimal(bid),
        ask=Decimal(ask),
        bid_size=Decimal(bid_size),
        ask_size=Decimal(ask_size),
    )


def bar(text: str, volume: str = "10") -> BarEvent:
    """A bar in words: open, high, low, close."""
    opened, high, low, close = map(Decimal, text.split())
    return BarEvent(
        symbol=SYMBOL,
        price=close,
        volume=Decimal(volume),
        open=opened,
        high=high,
        low=low,
        interval=60 * SECOND,
    )


def word(report: ExecutionEvent) -> str:
    if isinstance(report, OrderFilled):
        kind = "fill" if report.kind is Trigger.FILL else "part"
        return f"{kind} {plain(report.quantity)}@{plain(report.price)} {report.liquidity}"
    return report.kind.value


class Desk:
    """A matching, the statuses of our orders as its reports make them, and all fills."""

    def __init__(self, *market: MarketDataEvent, seed: int = 7, **chosen: str | int) -> None:
        self.matching = MatchingEngine(settings(**chosen), Instruments([COIN], known=True), seed)
        self.now = 0
        self.status: dict[str, OrderStatus] = {}
        self.fills: list[OrderFilled] = []
        self.reports: list[ExecutionEvent] = []
        self.see(*market)

    def see(self, *market: MarketDataEvent, after_ms: int = 1) -> list[str]:
        told: list[str] = []
        for event in market:
            self.now += after_ms * 1_000_000
            told += self._told(self.matching.on_market(event, self.now) or ())
        return told

    def send(self, command: SubmitOrder) -> list[str]:
        self.status.setdefault(command.order.spec.order_id, OrderStatus.APPROVED)
        return self._told(self.matching.submit(command, self.now))

    def cancel(self, order_id: str) -> list[str]:
        status = self.status.get(order_id)
        if status is not None and status in WORKING:
            self.status[order_id] = step(status, Trigger.REQUEST_CANCEL)
        return self._told(self.matching.cancel(CancelOrder(order_id, SYMBOL)))

    def _told(self, reports: Iterable[ExecutionEvent]) -> list[str]:
        for report in reports:
            self.reports.append(report)
            if isinstance(report, OrderFilled):
                self.fills.append(report)
            status = self.status.get(report.order_id)
            if status is not None:
                self.status[report.order_id] = step(status, report.kind)
        return [word(report) for report in reports]
