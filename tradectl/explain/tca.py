"""Transaction cost analysis of a run: each order's fills against the price when it was asked for, and
against the middle of the market at each fill. Read once from the journal.

Implementation shortfall (Perold, "The implementation shortfall: paper versus reality", 1988) of what was
filled: side x (fill price - arrival price) x quantity. What was not filled costs nothing here.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from tradectl.analysis.run_analysis import RunAnalysis
from tradectl.documents.tca import OrderCost, TradingCosts
from tradectl.domain.events import OrderFilled, OrderInitialized, Record
from tradectl.domain.money import BPS, ZERO, decimal_text, plain
from tradectl.domain.orders import Order, OrderSpec
from tradectl.domain.time import SECOND, iso
from tradectl.explain.order_trail import mid
from tradectl.feeds.whole_log import read_log
from tradectl.state.books import Books


class _Cost(Struct):
    """An order, with what an earlier run did of it. Sums in the quote currency: `against_arrival` is of
    `known` notional at the arrival, `against_mid` of `known_mid`."""

    spec: OrderSpec
    made_at: int
    arrival: Decimal | None = None
    mid: Decimal | None = None
    children: int = 0
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fees: Decimal = ZERO
    against_arrival: Decimal = ZERO
    known: Decimal = ZERO
    against_mid: Decimal = ZERO
    known_mid: Decimal = ZERO
    last_at: int = 0


class CostAnalysis:
    """Takes the records of a run in their order."""

    def __init__(self, analysis: RunAnalysis) -> None:
        self._analysis = analysis
        self._costs: dict[str, _Cost] = {}
        self._parents: dict[str, str] = {}
        books = analysis.books
        self._before = {o.spec.order_id: _begun_before(o) for o in books.working_orders()}
        """Orders that an earlier run made; a row once something becomes of them in this one."""

    def take(self, record: Record) -> None:
        event, books = record.event, self._analysis.books
        middle = mid(books, event.symbol) if isinstance(event, OrderFilled) else None
        self._analysis.take(record)
        if isinstance(event, OrderInitialized):
            self._made(event.order, record.at, books)
        elif isinstance(event, OrderFilled):
            self._filled(event, record.at, middle)

    def _made(self, spec: OrderSpec, at: int, books: Books) -> None:
        if spec.parent_id:
            self._parents[spec.order_id] = spec.parent_id
            parent = self._of(spec.parent_id)
            if parent is not None:
                parent.children += 1
            return
        arrival = _own_arrival(spec) or books.mark(spec.symbol)
        self._costs[spec.order_id] = _Cost(spec, at, arrival, mid(books, spec.symbol))

    def _of(self, order_id: str) -> _Cost | None:
        """An order of a run before this one is known by the books."""
        found = self._costs.get(order_id)
        known = self._analysis.books.order(order_id) if found is None else None
        if known is not None and known.spec.parent_id:
            self._parents[order_id] = known.spec.parent_id
            return self._of(known.spec.parent_id)
        if known is not None:
            found = self._before.get(order_id) or _Cost(known.spec, known.created_at)
            self._costs[order_id] = found
        return found

    def _filled(self, fill: OrderFilled, at: int, middle: Decimal | None) -> None:
        cost = self._of(self._parents.get(fill.order_id, fill.order_id))
        if cost is None:
            return
        quantity = fill.quantity
        cost.filled += quantity
        cost.cost += quantity * fill.price
        cost.fees += fill.fee
        cost.last_at = at
        if cost.arrival is not None:
            cost.known += quantity * cost.arrival
            cost.against_arrival += fill.side.signed(quantity) * (fill.price - cost.arrival)
        if middle is not None:
            cost.known_mid += quantity * middle
            cost.against_mid += fill.side.signed(quantity) * (fill.price - middle)

    def costs(self) -> list[_Cost]:
        """Oldest first."""
        return [*self._costs.values()]


def trading_costs(path: Path, newest: int = 0) -> TradingCosts:
    """Of the run of the journal `path`; with `newest`, so many of its orders are listed. Raises
    JournalError."""
    with read_log(path) as log:
        header = log.header
        analysis = CostAnalysis(RunAnalysis(header))
        for record in log.records():
            analysis.take(record)
    costs = analysis.costs()
    shortfall = sum((cost.against_arrival for cost in costs), ZERO)
    return TradingCosts(
        run_id=header.run_id,
        journal=str(path),
        orders=[_row(cost) for cost in costs[-newest:]],
        filled=sum(bool(cost.filled) for cost in costs),
        notional=decimal_text(sum((cost.cost for cost in costs), ZERO)),
        fees=decimal_text(sum((cost.fees for cost in costs), ZERO)),
        slippage=decimal_text(shortfall),
        slippage_bps=_bps(shortfall, sum((cost.known for cost in costs), ZERO)),
        slippage_mid_bps=_bps(
            sum((cost.against_mid for cost in costs), ZERO),
            sum((cost.known_mid for cost in costs), ZERO),
        ),
    )


def _own_arrival(spec: OrderSpec) -> Decimal | None:
    """What the order says itself of the price that it is measured against: one that waits for a price
    was asked for at that."""
    if spec.type.is_stop:
        return spec.stop_price
    if spec.is_target:
        return spec.price
    return None if spec.plan is None else spec.plan.arrival


def _begun_before(order: Order) -> _Cost:
    spec, arrival = order.spec, _own_arrival(order.spec)
    past = _Cost(
        spec, order.created_at, arrival, filled=order.filled, cost=order.cost, fees=order.fees
    )
    if arrival is not None:
        past.known = order.filled * arrival
        past.against_arrival = spec.side.signed(order.cost - past.known)
    return past


def _row(cost: _Cost) -> OrderCost:
    spec, filled = cost.spec, cost.filled
    return OrderCost(
        order_id=spec.order_id,
        symbol=spec.symbol,
        side=spec.side,
        algorithm="" if spec.plan is None else spec.plan.algorithm,
        children=cost.children,
        strategy=spec.entered_by,
        quantity=plain(spec.quantity),
        filled=plain(filled),
        arrival=None if cost.arrival is None else decimal_text(cost.arrival),
        mid=None if cost.mid is None else decimal_text(cost.mid),
        average_price=decimal_text(cost.cost / filled) if filled else None,
        slippage=decimal_text(cost.against_arrival) if cost.known else None,
        slippage_bps=_bps(cost.against_arrival, cost.known),
        slippage_mid_bps=_bps(cost.against_mid, cost.known_mid),
        fees=decimal_text(cost.fees),
        created_at=iso(cost.made_at),
        duration_s=round((cost.last_at - cost.made_at) / SECOND, 6) if filled else None,
    )


def _bps(cost: Decimal, notional: Decimal) -> str | None:
    return decimal_text(cost / notional / BPS) if notional else None


__all__ = ["CostAnalysis", "trading_costs"]
