"""A journal's market under another configuration: what would have been decided first, and the result."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.documents.operations import (
    Counterfactual,
    DecisionDifference,
    ResultDifference,
    TradingResult,
)
from tradectl.domain.events import (
    MarketDataEvent,
    OrderDenied,
    OrderInitialized,
    Record,
    StrategySignalEvent,
    WarmUpReceived,
)
from tradectl.domain.money import decimal_text
from tradectl.domain.time import iso
from tradectl.feeds.whole_log import read_log
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.system.trading_system import BookkeepingSystem, TradingSystem, on_paper

MARKET = (MarketDataEvent, WarmUpReceived)
DECISIONS = (StrategySignalEvent, OrderInitialized, OrderDenied)


def counterfactual(path: Path, settings: Settings) -> Counterfactual:
    """Trade the market data of the journal `path` on paper, from its starting state, by `settings`."""
    with read_log(path) as log:
        header = log.header
        recorded = BookkeepingSystem(
            Settings.load(header.config), Account.load(header.state), header.run_id, DataClock()
        )
        simulated = TradingSystem(
            settings,
            Account.load(header.state),
            header.run_id,
            DataClock(),
            gateway=on_paper(settings),
        )
        then: list[Record] = []
        now: list[Record] = []
        simulated.open()
        for group in log.groups():
            for record in group:
                recorded.fold(record)
            then += decisions_in(group)
            market = [r.event for r in group if isinstance(r.event, MARKET)]
            now += decisions_in(simulated.apply(*market))
        now += decisions_in(simulated.end_of_data())
        return Counterfactual(
            journal=str(path),
            run_id=header.run_id,
            events=log.position,
            first_difference=_first_difference(then, now),
            recorded=_result(recorded.books),
            simulated=_result(simulated.books),
            difference=ResultDifference(
                pnl=decimal_text(simulated.books.equity() - recorded.books.equity()),
                fees=decimal_text(simulated.books.fees() - recorded.books.fees()),
            ),
        )


def decisions_in(records: list[Record]) -> list[Record]:
    return [record for record in records if isinstance(record.event, DECISIONS)]


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
        fees=decimal_text(books.fees()),
        pnl=decimal_text(books.profit()),
    )
