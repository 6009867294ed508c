"""`reconcile`: what the journal, the database and the exchange say of the same account, side by side.

The journal's word is the books, which are folded from it; the database's is the sum of its fills. The
running process compares when there is one; else a short run of its own does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from tradectl.control.client import ask
from tradectl.documents.operations import (
    CashComparison,
    OrderComparison,
    Reconciliation,
    SymbolComparison,
    Unreachable,
)
from tradectl.domain.errors import JournalForged, UsageError
from tradectl.domain.events import Acceptance
from tradectl.domain.money import ZERO, decimal_text
from tradectl.domain.orders import OrderStatus, client_order_id
from tradectl.exchange.base import MONEY, Accepted, Compared, OpenOrder, Proof
from tradectl.journal.writer import RECONCILE
from tradectl.recovery.recovery import LIVE_ACCOUNT, Recovered, recover
from tradectl.runtime.proposal import propose
from tradectl.runtime.session import Session
from tradectl.runtime.short_run import short_run
from tradectl.state.books import TAKES_MONEY, Books
from tradectl.state.reconciliation import CASH
from tradectl.storage.directory import StateDir
from tradectl.storage.migrate import migrated
from tradectl.storage.reader import StateReader

ANSWER_S = 30.0
AGREE_WITHIN_S = 5.0
COMPARED_WITHIN_S = 25.0
"""The pauses that a rate limit asks for among it."""
TRIES = 3
LEAST_FOR_PROOF_S = 3.0
LOOK_EVERY_S = 0.5
NO_ACCOUNT = "there is no live account here: `tradectl run --live` opens one"


def reconcile(
    state_dir: StateDir,
    accepted: Accepted | None = None,
    *,
    confirm: bool = False,
    trusting: bool = False,
) -> Reconciliation:
    """Compare, whether a process runs or not; what is `accepted` is shown, and booked with `confirm`.
    With `trusting` the books are those of a journal that nobody knows who wrote. Raises UsageError
    without a live account, ExchangeError."""
    state_dir.check()
    if not state_dir.journal_files():  # nor anything to lock
        raise UsageError(NO_ACCOUNT)
    if state_dir.owner() is not None:
        return ask(
            state_dir.socket,
            "reconcile",
            Reconciliation,
            timeout=ANSWER_S,
            accept=accepted.kind if accepted is not None else None,
            symbols=list(accepted.symbols) if accepted is not None else [],
            price=None if accepted is None or accepted.price is None else str(accepted.price),
            confirm=confirm,
        )
    with state_dir.owned():
        migrated(state_dir.db, state_dir.lease)
        recovered = _recovered(state_dir, trusting=trusting)
        if recovered is None:
            raise UsageError(NO_ACCOUNT)

        async def compared() -> Reconciliation:
            run = short_run(state_dir, recovered, source=RECONCILE, reason="reconciled")
            async with run as session:
                return await compare(session, accepted, confirm=confirm)

        return asyncio.run(compared())


def _recovered(state_dir: StateDir, *, trusting: bool) -> Recovered | None:
    """Raises JournalForged, ...: it says which exchange the account is at."""
    try:
        return recover(state_dir, LIVE_ACCOUNT, trusting=trusting)
    except JournalForged as error:
        raise JournalForged(f"no keys are sent: {error}") from error


async def compare(
    session: Session, accepted: Accepted | None = None, *, confirm: bool = False
) -> Reconciliation:
    """Compare now. What is `accepted` is shown as it would be booked; with `confirm` it is booked, and
    trading is left paused. Raises UsageError."""
    if not session.gateway.remote:
        raise UsageError("nothing to reconcile: this account is on paper")
    clock = session.bus.clock
    ends = clock.monotonic() + COMPARED_WITHIN_S
    await _reconciled(session)
    proposal, left_out = None, list[str]()
    if accepted is not None:
        _, reached = await _asked(session, ends)
        proposal = propose(session.books, reached, accepted, session.system.settings)
        if confirm:
            await session.orchestrator.pause(f"reconcile --accept {accepted.kind}")
            told = await session.gateway.reconcile(accepted=accepted, within=COMPARED_WITHIN_S)
            left_out = [*_left_out(told, accepted, session.books)]
            await _reconciled(session)
    proofs, reached = await _asked(session, ends)
    await session.state.flush()  # a fill may have been heard of while the exchange was asked
    stored = StateReader(session.state_dir.db).filled_quantities(session.books.account.account_id)
    symbols = [row for proof in reached for row in _symbols(proof, session.books, stored)]
    orders = [row for proof in reached for row in _orders(proof, session.books)]
    cash = _cash(reached, session.books)
    return Reconciliation(
        clean=cash.ok
        and len(reached) == len(proofs)
        and all(row.ok for row in symbols)
        and all(row.ok for row in orders)
        and not left_out,
        accepted=accepted is not None and confirm and not left_out,
        proposal=proposal,
        left_out=left_out,
        symbols=symbols,
        cash=cash,
        orders=orders,
        unreachable=[Unreachable(exchange=p.exchange, error=p.error) for p in proofs if p.error],
    )


def _left_out(told: Sequence[Compared], accepted: Accepted, books: Books) -> Iterator[str]:
    """What was not booked though it was confirmed, and why."""
    kind, any_perpetual = accepted.kind, books.instruments.any_perpetual
    moves = kind is not Acceptance.TRANSFER
    takes = kind in TAKES_MONEY and (any_perpetual or not moves)
    for each in told:
        if each.error:
            yield f"{each.exchange}: {each.error}"
            continue
        for what in each.left_out:
            if takes if what == MONEY else moves and what in (accepted.symbols or (what,)):
                yield f"{each.exchange}: {what}: something of ours is on its way there"


async def _asked(session: Session, ends: float) -> tuple[list[Proof], list[Proof]]:
    """What each exchange says itself, and of those the ones that answered. An order that is placed or
    over meanwhile may be missing in what they say: they are asked again."""
    for _ in range(TRIES):
        working = [order.spec.order_id for order in session.books.sent_orders()]
        left = max(LEAST_FOR_PROOF_S, ends - session.bus.clock.monotonic())
        proofs = await session.gateway.proof(everything=True, within=left)
        if working == [order.spec.order_id for order in session.books.sent_orders()]:
            break
    return proofs, [proof for proof in proofs if not proof.error]


class SharedComparison:
    """Whoever asks while a comparison is under way has its answer: a second one would only use up the
    rate limit of the first. One that changes the books is never shared."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._under_way: asyncio.Task[Reconciliation] | None = None

    async def compare(self, accepted: Accepted | None, *, confirm: bool) -> Reconciliation:
        if accepted is not None:
            return await compare(self._session, accepted, confirm=confirm)
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(compare(self._session))
        return await asyncio.shield(self._under_way)


async def _reconciled(session: Session) -> None:
    """Until the account reports agree with the books, or clearly do not."""
    clock = session.bus.clock
    deadline = clock.monotonic() + AGREE_WITHIN_S
    while True:
        await session.gateway.reconcile(within=COMPARED_WITHIN_S)
        await session.bus.written()
        live = session.books.account.reconciliation
        in_question = live is not None and not all(
            s.is_believed for s in live.discrepancies.values()
        )
        if not in_question or clock.monotonic() > deadline:
            return
        await clock.sleep(LOOK_EVERY_S)


def _symbols(proof: Proof, books: Books, stored: Mapping[str, Decimal]) -> list[SymbolComparison]:
    """`stored`: what the database's fills add up to."""
    live = books.account.at_exchange()
    rows = []
    for symbol, there in proof.held.items():
        ours, external = books.position(symbol).quantity, live.external.get(symbol, ZERO)
        in_database = stored.get(symbol, ZERO)
        rows.append(
            SymbolComparison(
                symbol=symbol,
                exchange=proof.exchange,
                journal=decimal_text(ours),
                database=decimal_text(in_database),
                at_exchange=decimal_text(there - external),
                external=decimal_text(live.external_of(symbol)),
                difference=decimal_text(there - external - ours),
                restricted=list(books.restrictions(symbol)),
                ok=there - external == ours == in_database,
            )
        )
    return rows


def _cash(proofs: list[Proof], books: Books) -> CashComparison:
    """By what was asked just now; the last account report may be from before an order whose fate is not
    known, and says nothing of cash as long as it is not."""
    live = books.account.at_exchange()
    there = live.cash_at | {p.exchange: p.cash for p in proofs if p.cash is not None}
    stated = sum(there.values(), ZERO) - live.external_cash
    return CashComparison(
        currency=books.currency,
        journal=decimal_text(books.cash),
        at_exchange=decimal_text(stated),
        difference=decimal_text(stated - books.cash),
        ok=CASH not in live.discrepancies,
    )


def _orders(proof: Proof, books: Books) -> list[OrderComparison]:
    """Those that work by our books, and those that are open at the exchange, of anybody."""
    account_id, rows = books.account.account_id, []
    open_there = {order.known_as: order for order in proof.open_orders}
    for order in books.sent_orders():
        if order.spec.symbol in proof.symbols:
            known_as = client_order_id(account_id, order.spec.order_id)
            found = open_there.pop(known_as, None)
            rows.append(_order(known_as, order.spec.symbol, order.status, found, ours=True))
    for known_as, found in open_there.items():
        rows.append(_order(known_as, found.symbol, None, found, ours=found.ours))
    return rows


def _order(
    known_as: str, symbol: str, status: OrderStatus | None, found: OpenOrder | None, *, ours: bool
) -> OrderComparison:
    return OrderComparison(
        client_order_id=known_as,
        symbol=symbol,
        ours=ours,
        journal=status,
        at_exchange=found.status if found is not None else None,
        ok=not ours or (status is not None and found is not None),
    )


__all__ = ["SharedComparison", "compare", "reconcile"]
