"""How much of a position is ours: by our orders at the exchange, and by what others did to it.

The operator may make ours what others traded, and others may close what is ours: the books say so, and
what they say beside our own fills is added to what our orders did.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from tradectl.domain.events import CloseCause, Event, OrderApproved, PositionLiquidated
from tradectl.domain.money import ZERO
from tradectl.domain.positions import Position
from tradectl.journal.reader import JournalReader, NotBegun
from tradectl.recovery.recovery import LIVE_ACCOUNT, last_journal, recover_from
from tradectl.state.account import Account
from tradectl.state.booking import EXTERNAL
from tradectl.state.books import Books
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader
from tradectl.testkit import LoopbackExchange
from tradectl.testkit.exchange_acts import ADL, LIQUIDATION

E = TypeVar("E", bound=Event)


def _named(kind: type[Event]) -> bytes:
    """As it stands in a record's line."""
    return f'"{kind.__struct_config__.tag}"'.encode()


class OwnPositions:
    """Of the account in `folder`; `books` are those of the run that trades now, if any."""

    def __init__(
        self,
        exchange: LoopbackExchange,
        market: str,
        folder: Path,
        books: Callable[[], Books | None],
    ) -> None:
        self._exchange = exchange
        self._market = market
        self._folder = folder
        self._books = books
        self.operator_accepted = self.accepted_at_the_end = False

    def held(self, symbol: str) -> Decimal:
        return self._exchange.truth.net(symbol, market=self._market) + self._moved(symbol)

    def others_traded(self) -> bool:
        return any(o.foreign and o.fills for o in self._exchange.truth.orders)

    def recorded(self, kinds: type[E] | tuple[type[E], ...]) -> Iterator[E]:
        """Events of these kinds in the journals of all runs; one that holds none is not read through."""
        named = [_named(kind) for kind in (kinds if isinstance(kinds, tuple) else (kinds,))]
        for path in sorted((self._folder / "journals").glob("*.jsonl")):
            text = path.read_bytes()
            if not any(name in text for name in named):
                continue
            with contextlib.suppress(NotBegun), JournalReader(path) as journal:
                for record in journal.records():
                    if isinstance(record.event, kinds):
                        yield record.event

    def closed_untold(self, symbol: str, side: str, order_id: str) -> Decimal:
        """What the exchange itself had closed by that side, and no book knew of yet when the order was
        approved."""
        known = set[str]()
        for event in self.recorded((OrderApproved, PositionLiquidated)):
            if isinstance(event, PositionLiquidated):
                known.add(event.liquidation_id.partition(":")[2])
            elif isinstance(event, OrderApproved) and event.order_id == order_id:
                break
        forced = [
            order
            for order in self._exchange.truth.orders
            if order.client_id.startswith((ADL, LIQUIDATION)) and order.market == self._market
            if (order.symbol, order.side) == (symbol, side)
        ]
        fills = [fill for order in forced for fill in order.fills if str(fill.id) not in known]
        return sum((fill.quantity for fill in fills), ZERO)

    def _moved(self, symbol: str) -> Decimal:
        """What became of it otherwise than by our orders and by the exchange's own."""
        accepted = self.operator_accepted or self.accepted_at_the_end
        if not (accepted or self.others_traded()):
            return ZERO
        account = self._account()
        if account is None:
            return ZERO
        filled = [
            order.spec.side.signed(order.filled)
            for order in [*account.finished, *account.orders]
            if order.spec.symbol == symbol and not order.spec.order_id.startswith(EXTERNAL)
            if order.spec.plan is None  # whose fills are its children's
        ]
        closed = [
            event.side.signed(event.quantity)
            for event in self.recorded(PositionLiquidated)
            if event.symbol == symbol and event.cause is not CloseCause.MANUAL
        ]
        position = account.positions.get(symbol, Position(symbol))
        return position.quantity - sum([*filled, *closed], ZERO)

    def _account(self) -> Account | None:
        """Of the run that trades now, or as the next one would find it."""
        books = self._books()
        if books is not None:
            return books.snapshot()
        path = last_journal(StateDir(self._folder), LIVE_ACCOUNT)
        if path is None:
            return None
        return recover_from(path, StateReader(self._folder / "state.db")).account


__all__ = ["OwnPositions"]
