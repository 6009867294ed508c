"""What came of an order, a cancel, a close by hand, for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output import columns, figures
from tradectl.cli.output.cells import BAD, BOLD, DIM, GOOD
from tradectl.cli.output.listing import Listing
from tradectl.cli.output.why import CHECKS
from tradectl.documents.by_hand import HandCancel, HandClose, HandOrder, HandPlan
from tradectl.domain.orders import OrderStatus
from tradectl.domain.plans import Algorithm, Rest
from tradectl.domain.text import harmless

NOT_TAKEN = (OrderStatus.REJECTED, OrderStatus.EXPIRED)


def order(answer: HandOrder) -> RenderableType:
    at = "at market" if answer.price is None else f"at {figures.price(answer.price)} or better"
    by = f", by {harmless(answer.algorithm)}" if answer.algorithm else ""
    asked = f"{answer.side.upper()} {figures.quantity(answer.quantity)} {harmless(answer.symbol)}"
    worth = "" if answer.notional is None else f", about {figures.money(answer.notional)}"
    parts: list[RenderableType] = [Text(f"{asked} {at}{by}{worth}", BOLD)]
    if answer.plan is not None:
        parts.append(Text(_worked(answer.plan, answer.algorithm)))
    if answer.denied is not None:
        code, message = harmless(answer.denied.code), harmless(answer.denied.message)
        parts.append(Text(f"DENIED by {code}: {message}", BAD))
    if answer.order is not None:
        if answer.denied is None:
            row = answer.order
            price = f" at {figures.price(row.average_price)}" if row.average_price else ""
            word = f"{row.status.replace('_', ' ')}{price}"
            why = f": {harmless(row.reason)}" if row.status in NOT_TAKEN else ""
            parts.append(Text(f"{word}{why}", BAD if why else GOOD))
        parts.append(Text(f"order {harmless(answer.order.order_id)}", DIM))
    if not answer.confirmed:
        parts.append(Listing(CHECKS, answer.checks, "it was not judged"))
        if answer.denied is None:
            parts.append(Text("nothing was ordered: --confirm does it"))
    return Group(*parts)


def _worked(plan: HandPlan, algorithm: str) -> str:
    """`over 5m: 10 parts, 30.0 s apart; what is left is sent at the end`."""
    over, interval = figures.took(plan.horizon_s), figures.took(plan.interval_s)
    if plan.parts is None:
        how = f"it follows the price every {interval}"
    elif algorithm == Algorithm.ICEBERG:
        how = f"{figures.counted(plan.parts, 'part')}, one after the other"
    else:
        most = "at most " if algorithm == Algorithm.POV else ""
        how = f"{most}{figures.counted(plan.parts, 'part')}, {interval} apart"
    left = "is sent at the end" if plan.rest == Rest.SENT else "stays undone"
    return f"over {over}: {how}; what is left {left}"


def cancel(answer: HandCancel) -> RenderableType:
    row = answer.order
    said = f"order {harmless(row.order_id)} of {harmless(row.symbol)} is {row.status}"
    return Text(said.replace("_", " "))


def close(answer: HandClose) -> RenderableType:
    head = Text(f"closing {figures.quantity(answer.size)} {harmless(answer.symbol)}", BOLD)
    if not answer.orders:
        return Group(head, Text("its order follows: what binds it is cancelled first"))
    return Group(head, Listing(columns.ORDERS, answer.orders, ""))


__all__ = ["cancel", "close", "order"]
