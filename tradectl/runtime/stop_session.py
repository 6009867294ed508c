"""An emergency stop in a process that has the exchange: the running one, or the one that finishes for it.

The latch is set already. Here every order is cancelled and, if that is asked for, every position closed;
then the exchange itself is asked what is left, and the receipt tells its word, not ours.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from msgspec import Struct

from tradectl.adapters.links import LiveLink
from tradectl.domain.errors import ExchangeError
from tradectl.domain.money import ZERO
from tradectl.domain.orders import client_order_id
from tradectl.exchange.live import LiveExchange
from tradectl.runtime.session import Session
from tradectl.runtime.settle import is_dust, settled
from tradectl.state.books import Books

ASK_AGAIN_S = 0.1


class Stop(Struct, frozen=True, kw_only=True):
    """What to do beyond halting: close positions, cancel the orders of others, too."""

    flatten: bool = False
    everything: bool = False


async def stop_session(
    session: Session, reason: str, stop: Stop, deadline: float
) -> dict[str, Any]:
    """Stop, wait until it is done, and tell what was cancelled, closed and left. `deadline` is
    monotonic seconds."""
    books, link = session.books, session.link
    if isinstance(link, LiveLink):  # fills that we have not heard of are positions to be closed
        await _within(deadline, _reconciled(link, session))
    orders = [order.spec.order_id for order in books.working_orders()]
    symbols = [position.symbol for position in books.positions()] if stop.flatten else []
    await session.orchestrator.emergency_stop(reason, flatten=stop.flatten)
    confirmed = await settled(books, max(0.5, deadline - time.monotonic()))
    held = books.positions()
    left = {
        "open_orders_left": [order.spec.order_id for order in books.working_orders()],
        "positions_left": [p.symbol for p in held if not is_dust(p, books)],
        "dust": [p.symbol for p in held if is_dust(p, books)],
    }
    receipt = {
        **left,
        "confirmed": confirmed,
        "cancelled": [order_id for order_id in orders if order_id not in left["open_orders_left"]],
        "closed": [symbol for symbol in symbols if symbol not in left["positions_left"]],
    }
    if isinstance(link, LiveLink):
        for exchange in link.exchanges:
            receipt = await _proven(receipt, exchange, books, stop, deadline)
    return receipt


async def _reconciled(link: LiveLink, session: Session) -> None:
    await asyncio.gather(*(exchange.reconcile() for exchange in link.exchanges))
    await session.bus.dispatched()


async def _proven(
    receipt: dict[str, Any], exchange: LiveExchange, books: Books, stop: Stop, deadline: float
) -> dict[str, Any]:
    """The receipt as the exchange itself signs it."""
    receipt = dict(receipt)
    try:
        async with asyncio.timeout(max(1.0, deadline - time.monotonic())):
            others = await exchange.cancel_others(everything=stop.everything)
            receipt["cancelled"] = [*receipt["cancelled"], *others]
            open_orders, held = await exchange.proof(everything=stop.everything)
            while open_orders and time.monotonic() < deadline:
                await asyncio.sleep(ASK_AGAIN_S)
                open_orders, held = await exchange.proof(everything=stop.everything)
    except (ExchangeError, TimeoutError) as error:
        why = f"{exchange.name}: {error or 'it did not answer in time'}"
        return {**receipt, "confirmed": False, "error": why}
    account_id, live = books.account.account_id, books.account.at_exchange()
    told = {client_order_id(account_id, o): o for o in receipt["open_orders_left"]}
    receipt["open_orders_left"] = [*told.values(), *(o for o in open_orders if o not in told)]
    for symbol, quantity in held.items():
        ours = quantity - live.outside.get(symbol, ZERO)
        differs = ours != books.position(symbol).quantity
        if differs and symbol not in receipt["positions_left"]:
            receipt["positions_left"] = [*receipt["positions_left"], symbol]
        receipt["confirmed"] = receipt["confirmed"] and not (differs and stop.flatten)
    receipt["confirmed"] = receipt["confirmed"] and not open_orders
    return receipt


async def _within(deadline: float, work: Any) -> None:
    """For as long as half of the time that is left: cancelling must not wait for more."""
    try:
        async with asyncio.timeout(max(0.5, (deadline - time.monotonic()) / 2)):
            await work
    except TimeoutError:
        return


__all__ = ["Stop", "stop_session"]
