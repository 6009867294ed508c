"""A run's market data once more, on paper: by its own configuration, a backtest of what it lived through,
or by another one.

It begins with the account that the run began with, and is fed what the run was fed, at full speed. What
the operator and the exchange did by themselves is not among it: that is what the comparison shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec.structs import replace

from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.documents.compare import Comparison
from tradectl.domain.events import (
    Event,
    MarketDataEvent,
    Record,
    SettingsChanged,
    SuccessorShown,
    WarmUpReceived,
)
from tradectl.explain.compare import comparison, records_of, together
from tradectl.explain.compared_run import ComparedRun
from tradectl.explain.decided_again import Judge
from tradectl.feeds.whole_log import read_log
from tradectl.journal.writer import Header
from tradectl.state.account import Account
from tradectl.system.trading_system import TradingSystem, on_paper, strategy_hashes

FED = (MarketDataEvent, WarmUpReceived)
"""What the simulated run gets of the recorded one."""
CHANGES = (SettingsChanged, SuccessorShown)
FED_AS_IT_WAS = (*FED, *CHANGES)
"""... where it goes by the same settings, which were others from some record on."""


def simulated(
    path: Path, settings: Settings, fed: tuple[type[Event], ...] = FED
) -> Iterator[Record]:
    """All that comes of it, as it is made."""
    with read_log(path) as log:
        header = log.header
        system = TradingSystem(
            settings,
            Account.begun_with(header.state, header.run_id),
            header.run_id,
            DataClock(),
            gateway=on_paper(settings),
        )
        system.open()
        for group in log.groups():
            for events in _in_order(group, fed):
                yield from system.apply(*events)
        yield from system.end_of_data()


def _in_order(group: Iterable[Record], fed: tuple[type[Event], ...]) -> Iterator[list[Event]]:
    """The events to be fed; a change of settings, which goes before market data that waits, by itself."""
    waiting: list[Event] = []
    for record in group:
        event = record.event
        if not isinstance(event, fed):
            continue
        if isinstance(event, CHANGES):
            yield waiting
            yield [event]
            waiting = []
        else:
            waiting.append(event)
    yield waiting


def compare_with(path: Path, settings: Settings, fed: tuple[type[Event], ...] = FED) -> Comparison:
    """The run of the journal `path` (A) and its market under `settings` (B). Raises JournalError."""
    with read_log(path) as log:
        header = log.header
        other = _header(header, settings)
        one, two = ComparedRun(header), ComparedRun(other)
        decisions = together((one, log.records()), (two, simulated(path, settings, fed)))
        one.end(log.footer)
        two.end()
    return comparison(
        (one, str(path), lambda: records_of(path)),
        (two, "", lambda: simulated(path, settings, fed)),
        decisions,
    )


def compare_with_backtest(path: Path, judge: Judge) -> Comparison:
    """The run and a backtest of its own data by its own configuration."""
    with read_log(path) as log:
        settings = judge(Settings.load(log.header.config))
    return compare_with(path, settings, FED_AS_IT_WAS)


def _header(header: Header, settings: Settings) -> Header:
    """As the journal of the simulated run would begin."""
    return replace(
        header,
        mode="paper",
        source="recorded",
        config=settings.dump(),
        config_hash=settings.fingerprint(),
        strategies=strategy_hashes(settings),
        continues="",
    )


__all__ = ["compare_with", "compare_with_backtest", "simulated"]
