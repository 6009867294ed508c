"""Books that a test talks to in short words, with or without a bus."""

from __future__ import annotations

from decimal import Decimal

from tradectl.bus.clock import DataClock
from tradectl.bus.core import Core, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import (
    CancelRequested,
    Event,
    ExecutionEvent,
    MarketDataEvent,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    Record,
)
from tradectl.domain.instruments import Instrument, InstrumentKind, Instruments
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, Trigger
from tradectl.state.account import Account
from tradectl.state.books import FOLD, Books
from tradectl.state.manager import StateManager

SPOT, PERP = "COINUSDT", "COINUSDT_PERP"
RUN = "run1"
CASH = Decimal(10_000)


def instruments() -> Instruments:
    step = Decimal("0.001")
    return Instruments(
        [
            Instrument(SPOT, "USDT", step, step, Decimal(5)),
            Instrument(PERP, "USDT", step, step, Decimal(5), InstrumentKind.PERPETUAL, Decimal(10)),
        ],
        known=True,
    )


def open_books(account: Account | None = None) -> Books:
    return Books(account or Account.opened(RUN, "USDT", CASH), instruments())


def amounts(*texts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, texts))


# --- words for events --------------------------------------------------------------------------------


def intent(order_id: str, words: str, symbol: str = SPOT, strategy: str = "s") -> OrderInitialized:
    """`buy 2`"""
    side, quantity = words.split()
    spec = OrderSpec(order_id, symbol, Side(side), Decimal(quantity), strategy=strategy)
    return OrderInitialized(order=spec, reason="because")


def approved(order_id: str) -> OrderApproved:
    return OrderApproved(order_id=order_id)


def denied(order_id: str, symbol: str = SPOT) -> OrderDenied:
    return OrderDenied(order_id=order_id, symbol=symbol, code="too_big", message="by far")


def cancel(order_id: str, symbol: str = SPOT) -> CancelRequested:
    return CancelRequested(order_id=order_id, symbol=symbol)


def report(
    order_id: str, kind: Trigger, symbol: str = SPOT, venue: str = "", reason: str = ""
) -> ExecutionEvent:
    return ExecutionEvent(
        order_id=order_id, symbol=symbol, kind=kind, venue_order_id=venue, reason=reason
    )


def fill(
    trade_id: str, order_id: str, words: str, symbol: str = SPOT, fee: str = "0", venue: str = ""
) -> OrderFilled:
    """`buy 2@100`"""
    side, traded = words.split()
    quantity, price = traded.split("@")
    return OrderFilled(
        order_id=order_id,
        symbol=symbol,
        trade_id=trade_id,
        side=Side(side),
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(fee),
        fee_currency="USDT",
        venue_order_id=venue,
    )


def tick(price: str, symbol: str = SPOT, ts: int = 0) -> MarketDataEvent:
    return MarketDataEvent(symbol=symbol, price=Decimal(price), volume=Decimal(1), ts=ts)


# --- books without a bus -----------------------------------------------------------------------------


class Ledger:
    """Books and the next sequence number. `tell` raises what the books raise."""

    def __init__(self, account: Account | None = None) -> None:
        self.books = open_books(account)
        self.seq = 0
        self.at = 1_000

    def tell(self, *events: Event) -> list[Event]:
        answers: list[Event] = []
        for event in events:
            self.seq += 1
            record = Record(self.seq, self.at, event)  # type: ignore[arg-type]
            said = FOLD[type(event)](self.books, record)
            answers += said if isinstance(said, list) else []
        return answers

    def work(self, order_id: str, words: str, symbol: str = SPOT, strategy: str = "s") -> Ledger:
        """An order that risk has let pass."""
        self.tell(intent(order_id, words, symbol, strategy), approved(order_id))
        return self

    def trade(
        self, order_id: str, words: str, symbol: str = SPOT, fee: str = "0", strategy: str = "s"
    ) -> Ledger:
        """An order and the one fill that ends it: `buy 2@100`."""
        self.work(order_id, words.split("@", maxsplit=1)[0], symbol, strategy)
        self.tell(fill(f"{order_id}.1", order_id, words, symbol, fee))
        return self

    def hash(self) -> str:
        return self.books.state_hash(RUN)


# --- books on a bus ----------------------------------------------------------------------------------


class LiveRun:
    """A state manager on a bus on recorded time, and a risk officer who denies orders above 5."""

    def __init__(self, account: Account | None = None) -> None:
        self.bus = EventBus(clock=DataClock(), core=Core(RUN), history=1_000_000)
        self.state = StateManager(self.bus, books=open_books(account))
        self.bus.attach(OrderInitialized, self._judge, Stage.RISK)

    @staticmethod
    def _judge(record: Record) -> list[Event]:
        event = record.event
        assert isinstance(event, OrderInitialized)
        if event.order.quantity > 5:
            return [denied(event.order.order_id, event.order.symbol)]
        return [approved(event.order.order_id)]

    async def start(self) -> LiveRun:
        await self.state.start()
        return self

    def play(self, *events: Event) -> LiveRun:
        for event in events:
            self.bus.post(event)
            self.bus.turn()
        return self

    @property
    def records(self) -> list[Record]:
        return self.bus.history()

    def hash(self) -> str:
        return self.state.state_hash()
