"""A run brought to a point: the whole system as it was there, strategies and all, to be asked anything.

Each input is decided again, as a replay does it. Where the journal names code of somebody's own that is
not to be run, or code that has changed since, its records are folded instead: then all is known but what
goes on inside of strategies.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.errors import UsageError
from tradectl.domain.events import Record
from tradectl.domain.time import iso
from tradectl.explain.last_known import LastKnown
from tradectl.explain.state_at import Point, is_past
from tradectl.feeds.whole_log import read_log
from tradectl.journal.event_log import LogReader
from tradectl.journal.writer import SHORT, Header
from tradectl.portfolio.brackets import Brackets
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.state.account import Account
from tradectl.strategy.catalog import names_a_file
from tradectl.system.follower import Deciding, Folding
from tradectl.system.trading_system import TradingSystem

Judge = Callable[[Settings], Settings]
"""Gives the settings whose strategies may be run. Raises UsageError."""
Watch = Callable[[TradingSystem, Record], None]

OTHERWISE = "decided again, by strategies or a tradectl that have changed, it comes out otherwise"
FOLDED = "strategies of one's own are run with --trust alone: what they wait for is not known"


class SystemAt(NamedTuple):
    """The `system` after record `seq`, at `at` (ns UTC; 0 before the first); `note` says why its
    strategies were not run, empty where they were. `is_last`: there is nothing after it."""

    system: TradingSystem
    header: Header
    last: LastKnown
    seq: int
    at: int
    is_last: bool
    note: str


def nobody_watches(_system: TradingSystem, _record: Record) -> None:
    pass


def only_ours(settings: Settings) -> Settings:
    """No file that a journal names is run."""
    own_code = any(names_a_file(each.strategy) for each in settings.strategies)
    if own_code or settings.allocation.allocator:
        raise UsageError(FOLDED)
    return settings


def decide_to(
    path: Path, point: Point | None, judge: Judge = only_ours, watch: Watch = nobody_watches
) -> SystemAt:
    """The journal's run at `point`, or at its end. Raises JournalError, UsageError. `watch` hears of
    record 1 again where all of it is read once more."""
    with read_log(path) as log:
        header, recorded = log.header, Settings.load(log.header.config)
        try:
            system, why = _system(judge(recorded), header), ""
        except UsageError as error:
            why = str(error)
        else:
            parted = Parted()
            found = _follow(log, system, Deciding(system, parted), point, watch)
            if not parted.seq:
                return found
            why = f"{OTHERWISE} from record {parted.seq} on: what strategies wait for is not known"
    with read_log(path) as log:
        system = _without_strategies(recorded, header)
        found = _follow(log, system, Folding(system), point, watch)
        return found._replace(note=why)


class Parted:
    """Hears where what is decided now is not what was recorded."""

    def __init__(self) -> None:
        self.seq = 0

    def __call__(self, recorded: Record | None, decided: Record | None) -> None:
        self.seq = self.seq or next(each.seq for each in (recorded, decided) if each is not None)


def _follow(
    log: LogReader,
    system: TradingSystem,
    follower: Deciding | Folding,
    point: Point | None,
    watch: Watch,
) -> SystemAt:
    header = log.header
    last, seq, at = LastKnown(), 0, 0
    is_last = True
    for record in log.records():
        if is_past(record, point):
            if not seq:
                begins = f"its first record is of {iso(record.at)}"
                raise UsageError(f"nothing had happened by then in run {header.run_id}: {begins}")
            is_last = False
            break
        follower.take(record)
        last.take(record)
        watch(system, record)
        seq, at = record.seq, record.at
    if isinstance(follower, Deciding) and is_last and log.footer is not None:
        follower.end()
    return SystemAt(system, header, last, seq, at, is_last, "")


def _system(settings: Settings, header: Header) -> TradingSystem:
    return TradingSystem(
        settings,
        Account.begun_with(header.state, header.run_id),
        header.run_id,
        DataClock(),
        has_strategies=header.source not in SHORT,
    )


def _without_strategies(recorded: Settings, header: Header) -> TradingSystem:
    system = _system(replace(recorded, strategies=()), header)
    system.books.account.configured = tuple(each.name for each in recorded.strategies)
    system.portfolio.engine = _portfolio(recorded, system)
    return system


def _portfolio(recorded: Settings, system: TradingSystem) -> PortfolioEngine:
    """That of the strategies that are not run."""
    return PortfolioEngine(
        recorded.portfolio,
        {each.name: each.allocation for each in recorded.strategies},
        system.bus.core.new_id,
        would_deny=system.risk.engine.would_deny,
        sized_at_open=recorded.paper.fill == "next-open",
        brackets=Brackets(
            {each.name: each.bracket for each in recorded.strategies},
            recorded.portfolio.stop_loss_pct,
        ),
        allocation=recorded.allocation,
    )


__all__ = ["Judge", "SystemAt", "Watch", "decide_to", "nobody_watches", "only_ours"]
