"""The account as documents: the part of `tradectl status` that the books know, and rows of its tables."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Literal, NamedTuple

from tradectl.documents.account import (
    AccountStatus,
    AllocationStatus,
    Availability,
    Consistency,
    ExternalRow,
    FillRow,
    Halt,
    HeldBackBy,
    OrderRow,
    PauseCause,
    Paused,
    PortfolioTotals,
    PositionRow,
    RefusalRow,
    RestrictionRow,
    StrategyRow,
)
from tradectl.domain.margin import MarginAccount
from tradectl.domain.money import ZERO, decimal_text, plain
from tradectl.domain.orders import BY_HAND, Order, client_order_id, run_of
from tradectl.domain.positions import Position
from tradectl.domain.protection import is_dust
from tradectl.domain.refusals import Refusal
from tradectl.domain.time import SECOND, iso
from tradectl.state.account import Fill, StrategyTotals
from tradectl.state.availability import RunTime
from tradectl.state.booking import EXTERNAL
from tradectl.state.books import Books
from tradectl.state.held_time import HeldTime
from tradectl.state.manual_changes import MANUAL


def account_status(
    books: Books,
    run_id: str,
    last_seq: int,
    problems: list[str] | None = None,
    available: Availability | None = None,
) -> AccountStatus:
    """All that the books know, as of record `last_seq`; `problems` say what does not add up in them,
    `available` how much of the time entries could leave."""
    found = problems or []
    return AccountStatus(
        mode_reason=books.account.trading_state_reason,
        portfolio=portfolio_totals(books),
        max_drawdown_pct=max_drawdown_pct(books),
        positions=position_rows(books),
        open_orders=open_order_rows(books),
        strategies=strategy_rows(books),
        halt=halt(books),
        paused=paused(books),
        restrictions=restriction_rows(books),
        refused=refusal_rows(books),
        external=external_rows(books),
        cash_at={name: plain(cash) for name, cash in books.account.money_at.items()},
        allocation=allocation_status(books),
        availability=available,
        consistency=Consistency(ok=not found, problems=found),
        last_seq=last_seq,
        state_hash=books.state_hash(run_id),
    )


class RunStart(NamedTuple):
    """Where the account stood as a run began: what the run did is the difference."""

    orders: int
    fills: int
    profit: Decimal
    funding: Decimal
    insurance: Decimal
    time: RunTime

    @classmethod
    def of(cls, books: Books, at: int = 0) -> RunStart:
        """`at` is when it began (ns UTC; 0 where that is not known)."""
        account = books.account
        return cls(
            account.orders_count,
            account.fills_count,
            books.profit(),
            account.funding,
            account.insurance,
            RunTime.of(account, at),
        )

    def orders_since(self, books: Books) -> int:
        return books.account.orders_count - self.orders

    def fills_since(self, books: Books) -> int:
        return books.account.fills_count - self.fills

    def pnl_since(self, books: Books) -> str:
        """Net of fees, at the last prices."""
        return decimal_text(books.profit() - self.profit)

    def funding_since(self, books: Books) -> str:
        return decimal_text(books.account.funding - self.funding)

    def insurance_since(self, books: Books) -> str:
        return decimal_text(books.account.insurance - self.insurance)

    def availability(self, held: HeldTime) -> Availability | None:
        """Of the run and of the account, up to where `held` was counted; None where it is not known when
        the run began."""
        return availability(self.time, held) if self.time.start else None


def availability(run: RunTime, held: HeldTime) -> Availability:
    of_run, of_account = run.available(held), run.of_account(held)
    return Availability(
        available_pct=100 * of_run.share,
        time_s=round(of_run.time / SECOND, 3),
        held_back=[HeldBackBy(cause=cause, share=share) for cause, share in of_run.causes],
        account_pct=100 * of_account.share,
        account_time_s=round(of_account.time / SECOND, 3),
    )


def portfolio_totals(books: Books) -> PortfolioTotals:
    margin = books.margin()
    return PortfolioTotals(
        currency=books.account.currency,
        equity=plain(books.equity()),
        cash=plain(books.cash),
        realized_pnl=plain(books.realized()),
        unrealized_pnl=plain(books.unrealized()),
        fees=plain(books.fees()),
        funding=plain(books.account.funding),
        insurance=plain(books.account.insurance),
        interest=plain(books.account.interest),
        rebates=plain(books.account.rebates),
        margin_used=decimal_text(margin.initial()),
        maintenance_margin=decimal_text(margin.maintenance()),
        exposure=decimal_text(books.exposure()),
        drawdown_pct=decimal_text(min(books.drawdown(), books.max_drawdown()) * 100),
        max_drawdown_pct=max_drawdown_pct(books),
        initial_cash=decimal_text(books.account.initial_cash),
        transferred=decimal_text(books.account.invested - books.account.initial_cash),
        peak_equity=decimal_text(books.peak_equity),
        day_start_equity=decimal_text(books.day_start_equity),
        day_pnl=decimal_text(books.equity() - books.day_start_equity),
        turnover=decimal_text(books.account.turnover),
    )


def max_drawdown_pct(books: Books) -> str:
    return decimal_text(books.max_drawdown() * 100)


def position_rows(books: Books) -> list[PositionRow]:
    held = books.positions()
    at = {
        name: books.margin(name)
        for name in dict.fromkeys(books.exchange_of(p.symbol) for p in held)
    }
    return [position_row(books, p, at[books.exchange_of(p.symbol)]) for p in held]


def position_row(
    books: Books, position: Position, margin: MarginAccount | None = None
) -> PositionRow:
    """The account's position, or without `margin` a strategy's virtual one, at the last price seen;
    before the first at the account's entry price."""
    symbol, liquidation = position.symbol, None
    if margin is not None and symbol in margin.held:
        liquidation = margin.liquidation_price(symbol)
    mark = books.price_of(symbol)
    return PositionRow(
        symbol=position.symbol,
        side=position.side,
        size=decimal_text(abs(position.quantity)),
        entry_price=decimal_text(position.entry_price),
        current_price=decimal_text(mark),
        unrealized_pnl=plain(position.unrealized(mark)),
        realized_pnl=plain(position.realized),
        fees=plain(position.fees),
        liquidation_price=None if liquidation is None else decimal_text(liquidation),
        dust=is_dust(position, books),
    )


def open_order_rows(books: Books) -> list[OrderRow]:
    account_id = books.account.account_id
    working = [*books.working_orders(), *books.working_children()]
    return [order_row(order, account_id) for order in working]


def order_row(order: Order, account_id: str) -> OrderRow:
    spec, average = order.spec, order.average_price
    return OrderRow(
        order_id=spec.order_id,
        client_order_id=client_order_id(account_id, spec.order_id),
        venue_order_id=order.venue_order_id,
        account_id=account_id,
        run_id=run_of(spec.order_id),
        symbol=spec.symbol,
        side=spec.side,
        type=spec.type,
        quantity=plain(spec.quantity),
        filled=plain(order.filled),
        price=None if spec.price is None else plain(spec.price),
        stop_price=None if spec.stop_price is None else plain(spec.stop_price),
        average_price=None if average is None else decimal_text(average),
        status=order.status,
        strategy=spec.entered_by,
        reason=order.reason,
        fees=plain(order.fees),
        reduce_only=spec.reduce_only,
        created_at=iso(order.created_at),
        updated_at=iso(order.updated_at),
        parent_id=spec.parent_id,
        algorithm="" if spec.plan is None else spec.plan.algorithm,
        tag=spec.tag,
        leg="" if spec.leg is None else spec.leg.value,
    )


def fill_row(fill: Fill, account_id: str, run_id: str) -> FillRow:
    """As run `run_id` booked it."""
    report = fill.report
    fee = plain(report.fee)
    return FillRow(
        trade_id=report.trade_id,
        order_id=report.order_id,
        client_order_id=client_order_id(account_id, report.order_id),
        account_id=account_id,
        run_id=run_id,
        symbol=report.symbol,
        side=report.side,
        quantity=plain(report.quantity),
        price=plain(report.price),
        fee=plain(report.fee_paid) if report.fee_paid else fee,
        fee_currency=report.fee_currency,
        fee_value=fee,
        liquidity=report.liquidity,
        strategy=fill.strategy,
        time=iso(fill.at),
    )


def halt(books: Books) -> Halt | None:
    account = books.account
    if not account.trading_state.is_halt:
        return None
    return Halt(
        reason=account.trading_state_reason,
        since=iso(account.state_since),
        state=account.trading_state,
    )


def paused(books: Books) -> Paused | None:
    pauses = books.account.pauses
    if not pauses:
        return None
    causes = [
        PauseCause(cause=cause, reason=pause.reason, since=iso(pause.since))
        for cause, pause in pauses.items()
    ]
    reasons = "; ".join(cause.reason for cause in causes if cause.reason)
    return Paused(reason=reasons, since=min(cause.since for cause in causes), causes=causes)


def restriction_rows(books: Books) -> list[RestrictionRow]:
    """Why trading in which symbols is restricted, by symbol."""
    live = books.account.reconciliation
    return [
        RestrictionRow(symbol=symbol, kind=kind, message=message)
        for symbol, kinds in (sorted(live.restrictions.items()) if live is not None else ())
        for kind, message in kinds.items()
    ]


def refusal_rows(books: Books) -> list[RefusalRow]:
    """What exchanges would not take and is tried again: exits first, by symbol."""
    account = books.account
    kinds: tuple[tuple[Literal["exit", "entry"], dict[str, Refusal]], ...] = (
        ("exit", account.refused_exits),
        ("entry", account.refused_entries),
    )
    return [
        RefusalRow(
            symbol=symbol,
            kind=kind,
            cause=refusal.cause,
            reason=refusal.reason,
            count=refusal.count,
            since=iso(refusal.since),
            next_try=None if refusal.is_held else iso(refusal.due),
        )
        for kind, refused in kinds
        for symbol, refusal in sorted(refused.items())
    ]


def external_rows(books: Books) -> list[ExternalRow]:
    """What is not ours, by symbol, and the money."""
    live = books.account.reconciliation
    if live is None:
        return []
    symbols = sorted({*live.external, *live.beside})
    held = [*((s, live.external_of(s)) for s in symbols), (None, live.external_cash)]
    return [
        ExternalRow(symbol=symbol, quantity=decimal_text(quantity))
        for symbol, quantity in held
        if quantity
    ]


def allocation_status(books: Books) -> AllocationStatus | None:
    known = books.allocation
    if known is None:
        return None
    return AllocationStatus(
        weights={symbol: plain(weight) for symbol, weight in known.weights.items()},
        since=iso(known.at) if known.at else None,
        failure=known.failure,
        held_back=known.held_back,
        shares={name: plain(share) for name, share in known.shares.items()},
    )


def strategy_rows(books: Books) -> list[StrategyRow]:
    """By name; the figures add up to the account's (realised and open profit only taken together)."""
    account = books.account
    owned: dict[str, list[Position]] = {name: [] for name in account.strategies}
    for held in account.holdings.values():
        for name, own in held.items():
            owned.setdefault(name, []).append(own)
    return [
        strategy_row(books, name, account.strategies.get(name) or StrategyTotals(), owned[name])
        for name in sorted(owned)
    ]


def absent(books: Books) -> str:
    """What strategies hold that are not configured any more: `old holds 0.5 BTCUSDT, ...`."""
    configured = {*books.account.configured, EXTERNAL, MANUAL, BY_HAND, ""}
    return ", ".join(
        f"{name} holds {plain(own.quantity)} {symbol}"
        for symbol, held in sorted(books.account.holdings.items())
        for name, own in sorted(held.items())
        if own.quantity and name not in configured and not is_dust(own, books)
    )


def without_data(books: Books, symbols: Collection[str]) -> str:
    """What is held in others than `symbols`, dust left out: `0.5 BTCUSDT, ...`."""
    return ", ".join(
        f"{plain(position.quantity)} {position.symbol}"
        for position in sorted(books.positions(), key=lambda held: held.symbol)
        if position.symbol not in symbols and not is_dust(position, books)
    )


def strategy_row(
    books: Books, name: str, totals: StrategyTotals, owned: list[Position]
) -> StrategyRow:
    realized = sum((own.realized for own in owned), ZERO)
    unrealized = sum((own.unrealized(books.price_of(own.symbol)) for own in owned), ZERO)
    fees = sum((own.fees for own in owned), ZERO)
    return StrategyRow(
        name=name,
        orders=totals.orders,
        fills=totals.fills,
        positions=[position_row(books, own) for own in owned if own.quantity],
        realized_pnl=plain(realized),
        unrealized_pnl=plain(unrealized),
        cash_flow=plain(sum((own.cash_flow for own in owned), ZERO)),
        fees=plain(fees),
        funding=plain(totals.funding),
        insurance=plain(totals.insurance),
        interest=plain(totals.interest),
        rebates=plain(totals.rebates),
        total_pnl=plain(realized + unrealized - fees + totals.income()),
    )
