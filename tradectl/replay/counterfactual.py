"""A journal's market under another configuration: what would have been decided first, and the result."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from tradectl.adapters.paper_gateway import PaperGateway
from tradectl.bus.clock import DataClock
from tradectl.bus.core import Core, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.config.settings import Settings
from tradectl.documents.operations import (
    Counterfactual,
    DecisionDifference,
    ResultDifference,
    TradingResult,
)
from tradectl.domain.events import (
    Event,
    MarketDataEvent,
    OrderDenied,
    OrderInitialized,
    Record,
    StrategySignalEvent,
)
from tradectl.domain.time import iso
from tradectl.journal.event_log import read_log
from tradectl.runtime.orchestrator import TradingOrchestrator
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.state.manager import StateManager
from tradectl.state.status import money
from tradectl.system.trading_system import TradingSystem, make_books

DECISIONS = (StrategySignalEvent, OrderInitialized, OrderDenied)
BATCH = 512


class CounterfactualRun:
    """A whole paper system of its own that is fed ticks, and remembers what it decided."""

    def __init__(self, settings: Settings, account: Account, run_id: str) -> None:
        self.bus = EventBus(clock=DataClock(), core=Core(run_id))
        self.books = make_books(settings, account)
        self.decisions: list[Record] = []
        self._orchestrator = TradingOrchestrator(
            settings.orchestrator, bus=self.bus, state=StateManager(self.bus, books=self.books)
        )
        gateway = PaperGateway(self.bus, self.books.instruments, settings.paper, settings.seed)
        trading = TradingSystem(settings, self.bus, self._orchestrator.state_manager, gateway)
        for name, component in trading.components():
            self._orchestrator.add(name, component)
        for kind in DECISIONS:
            self.bus.attach(kind, self._note, Stage.STATE)

    def _note(self, _decision: Event, record: Record) -> None:
        self.decisions.append(record)

    async def start(self) -> None:
        await self._orchestrator.start()

    async def stop(self) -> None:
        await self._orchestrator.stop()

    async def feed(self, ticks: list[MarketDataEvent]) -> None:
        for first in range(0, len(ticks), BATCH):
            self.bus.post_market(ticks[first : first + BATCH])
            await self.bus.dispatched()

    async def end_of_data(self) -> None:
        self.bus.settle()
        await self.bus.dispatched()


async def counterfactual(path: Path, settings: Settings) -> Counterfactual:
    """Trade the market data of the journal `path` on paper, from its starting state, by `settings`."""
    with read_log(path) as journal:
        header = journal.header
        recorded = make_books(Settings.load(header.config), Account.load(header.state))
        decided: list[Record] = []
        rerun = CounterfactualRun(settings, Account.load(header.state), header.run_id)
        await rerun.start()
        try:
            for group in journal.groups():
                recorded.fold(group)
                decided += [r for r in group if isinstance(r.event, DECISIONS)]
                await rerun.feed([r.event for r in group if isinstance(r.event, MarketDataEvent)])
            await rerun.end_of_data()
        finally:
            await rerun.stop()
        return Counterfactual(
            journal=str(path),
            run_id=header.run_id,
            events=journal.position,
            first_difference=_first_difference(decided, rerun.decisions),
            recorded=_result(recorded),
            simulated=_result(rerun.books),
            difference=ResultDifference(
                pnl=money(rerun.books.equity() - recorded.equity()),
                fees=money(rerun.books.fees() - recorded.fees()),
            ),
        )


def _first_difference(recorded: list[Record], made: list[Record]) -> DecisionDifference | None:
    for then, now in zip_longest(recorded, made):
        if then is None or now is None or _decision(then) != _decision(now):
            return DecisionDifference(
                seq=then.seq if then is not None else None,
                recorded=_decision(then) if then is not None else None,
                simulated=_decision(now) if now is not None else None,
            )
    return None


def _decision(record: Record) -> dict[str, Any]:
    """The decision without the numbers that depend on what came between."""
    decision: dict[str, Any] = msgspec.to_builtins(record.event)
    decision.pop("order_id", None)
    decision.get("order", {}).pop("order_id", None)
    return {"at": iso(record.at), **decision}


def _result(books: Books) -> TradingResult:
    account = books.account
    return TradingResult(
        orders=account.orders_count,
        denied=account.denied_count,
        fills=account.fills_count,
        fees=money(books.fees()),
        pnl=money(books.profit()),
    )
