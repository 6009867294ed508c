"""An emergency stop in a process that has the exchange: the running one, or the one that finishes for it.

The latch is set already. Here every order is cancelled and, if that is asked for, every position closed;
then the exchange itself is asked what is left, and the receipt tells its word, not ours.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

from msgspec import Struct

from tradectl.adapters.gateway import LiveGateway
from tradectl.domain.errors import ExchangeError
from tradectl.domain.money import ZERO
from tradectl.domain.orders import client_order_id
from tradectl.exchange.live.live_exchange import LiveExchange
from tradectl.runtime.await_orders_done import is_dust, settled
from tradectl.runtime.session import Session
from tradectl.state.books import Books

ASK_AGAIN_S, LONGEST_PAUSE_S = 0.1, 1.0


class Stop(Struct, frozen=True, kw_only=True):
    """What to do beyond halting: close positions, cancel the orders of others, too."""

    flatten: bool = False
    everything: bool = False


class Proof(Struct, frozen=True, kw_only=True):
    """An exchange's own word after a stop: ids of the orders that are open there, and what it holds of
    each symbol; or why it could not be asked."""

    exchange: str
    cancelled: list[str] = []
    open_orders: list[str] = []
    held: dict[str, Decimal] = {}
    error: str = ""


async def stop_session(
    session: Session, reason: str, stop: Stop, deadline: float
) -> dict[str, Any]:
    """Stop, wait until it is done, and tell what was cancelled, closed and left. `deadline` is
    monotonic seconds."""
    books, gateway = session.books, session.gateway
    orders = [order.spec.order_id for order in books.working_orders()]
    if isinstance(gateway, LiveGateway):
        # cancels wait for nothing; what is held there is asked after them, and closed
        await session.orchestrator.emergency_stop(reason)
        for exchange in gateway.exchanges:
            exchange.leave_switch_armed()
        await _within(deadline, _reconciled(gateway, session))
    symbols = [p.symbol for p in books.positions() if not is_dust(p, books)] if stop.flatten else []
    await session.orchestrator.emergency_stop(reason, flatten=stop.flatten)
    settles = await settled(books, max(0.5, deadline - time.monotonic()))
    if not isinstance(gateway, LiveGateway):
        return {**_told(books, orders, symbols), "confirmed": settles}
    proofs = await asyncio.gather(*(_proof(e, stop, deadline) for e in gateway.exchanges))
    receipt = {**_told(books, orders, symbols), "confirmed": not books.working_orders()}
    if stop.flatten and receipt["positions_left"]:
        receipt["confirmed"] = False
    for proof in proofs:
        receipt = _signed(receipt, proof, books, stop)
    return receipt


async def _reconciled(gateway: LiveGateway, session: Session) -> None:
    await asyncio.gather(*(exchange.reconcile() for exchange in gateway.exchanges))
    await session.bus.dispatched()


def _told(books: Books, orders: list[str], symbols: list[str]) -> dict[str, Any]:
    """The receipt by our books: what of `orders` was cancelled and of `symbols` closed. Dust cannot be
    closed, and is no position that was left."""
    open_orders = [order.spec.order_id for order in books.working_orders()]
    dust = [position.symbol for position in books.positions() if is_dust(position, books)]
    held = [p.symbol for p in books.positions() if p.symbol not in dust]
    return {
        "cancelled": [order_id for order_id in orders if order_id not in open_orders],
        "closed": [symbol for symbol in symbols if symbol not in held],
        "open_orders_left": open_orders,
        "positions_left": held,
        "dust": dust,
    }


async def _proof(exchange: LiveExchange, stop: Stop, deadline: float) -> Proof:
    """Cancel what our books do not know, then ask until nothing is open or the time is up."""
    cancelled: list[str] = []
    pause = ASK_AGAIN_S
    try:
        async with asyncio.timeout(max(1.0, deadline - time.monotonic())):
            cancelled = await exchange.cancel_others(everything=stop.everything)
            open_orders, held = await exchange.proof(everything=stop.everything)
            while open_orders and time.monotonic() < deadline:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
                open_orders, held = await exchange.proof(everything=stop.everything)
    except (ExchangeError, TimeoutError) as error:
        why = f"{exchange.name}: {error or 'it did not answer in time'}"
        return Proof(exchange=exchange.name, cancelled=cancelled, error=why)
    return Proof(exchange=exchange.name, cancelled=cancelled, open_orders=open_orders, held=held)


def _signed(receipt: dict[str, Any], proof: Proof, books: Books, stop: Stop) -> dict[str, Any]:
    """The receipt as the exchange itself signs it."""
    receipt = {**receipt, "cancelled": [*receipt["cancelled"], *proof.cancelled]}
    if proof.error:
        errors = [*filter(None, [receipt.get("error")]), proof.error]
        return {**receipt, "confirmed": False, "error": "; ".join(errors)}
    account_id, external = books.account.account_id, books.account.at_exchange().external
    known = {client_order_id(account_id, order_id) for order_id in receipt["open_orders_left"]}
    unknown = [order for order in proof.open_orders if order not in known]
    differing = [
        symbol
        for symbol, quantity in proof.held.items()
        if quantity - external.get(symbol, ZERO) != books.position(symbol).quantity
    ]
    left = [symbol for symbol in differing if symbol not in receipt["positions_left"]]
    proven = not proof.open_orders and not (differing and stop.flatten)
    return {
        **receipt,
        "open_orders_left": [*receipt["open_orders_left"], *unknown],
        "positions_left": [*receipt["positions_left"], *left],
        "confirmed": receipt["confirmed"] and proven,
    }


async def _within(deadline: float, work: Any) -> None:
    """For as long as half of the time that is left: cancelling must not wait for more."""
    try:
        async with asyncio.timeout(max(0.5, (deadline - time.monotonic()) / 2)):
            await work
    except TimeoutError:
        return


__all__ = ["Stop", "stop_session"]
