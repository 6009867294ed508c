"""What came of a run adds up: round trips, and whichever way the result is looked at, are to the last
digit what the account gained.

Strategies of a random character trade spot and a perpetual that pays funding; a run goes on with what the
one before it held. The account is counted here by cash and marks alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.fixtures.journal import HEADER
from tests.profiles import in_turn
from tests.unit.test_strategies_add_up import START, commands, settings_of, strategy, ticks
from tradectl.analysis.attribution import KEYS
from tradectl.analysis.causes import FLAT_WITH_ALL
from tradectl.analysis.round_trips import LONG, SHORT, RoundTrip
from tradectl.analysis.run_analysis import RunAnalysis, RunFigures
from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.events import EmergencyStopReceived, Record
from tradectl.domain.money import ZERO, summed
from tradectl.domain.time import SECOND
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.state.account import Account
from tradectl.system.trading_system import TradingSystem, on_paper

D = Decimal

__all__ = ["strategy"]


def analysed(
    settings: Settings, started: Account, records: list[Record]
) -> tuple[RunFigures, list[RoundTrip]]:
    trips: list[RoundTrip] = []
    header = replace(HEADER, config=settings.dump(), state=started.dump())
    analysis = RunAnalysis(header, trips.append)
    for record in records:
        analysis.take(record)
    return analysis.end(), trips


def paying_funding(settings: Settings) -> Settings:
    paper: PaperSettings = replace(
        settings.paper, funding_rate=D("0.0003"), funding_interval_hours=1
    )
    return replace(settings, paper=paper)


@pytest.mark.parametrize("seed", in_turn(range(80), 80))
def test_all_that_the_account_gained_is_told(seed: int, strategy: str) -> None:
    for figures, trips in runs(seed, strategy):
        is_whole(figures, trips)


def runs(seed: int, strategy: str) -> Iterator[tuple[RunFigures, list[RoundTrip]]]:
    """Three, each of which goes on with the account of the one before; the last is flattened."""
    dice = random.Random(seed)
    settings = paying_funding(settings_of(dice, strategy))
    account, at = Account.open("", "USDT", D(100_000)), START - START % (3600 * SECOND)
    for run in range(3):
        started = Account.load(account.dump())
        made = TradingSystem(settings, account, f"r{run}", DataClock(), gateway=on_paper(settings))
        before = made.books.equity()
        made.open()
        records: list[Record] = []
        for tick in ticks(dice, dice.randint(100, 250), at + 3500 * SECOND):
            said = commands(dice)
            records += made.apply(*([said] if said else []), tick)
        at += 3600 * SECOND
        if run == 2:
            records += made.apply(EmergencyStopReceived(reason="dice", flatten=True))
        figures, trips = analysed(settings, started, records)
        assert figures.pnl == made.books.equity() - before
        yield figures, trips
        account = Account.load(made.books.snapshot().dump())


def is_whole(run: RunFigures, trips: list[RoundTrip]) -> None:
    """Each way of looking at it has all of it."""
    assert run.unexplained == ZERO
    for way in KEYS:
        assert summed(line.pnl for _, line in run.attribution.by(way)) == run.pnl, way
    total = run.attribution.total
    assert total.gross - total.fees - total.slippage + total.funding == run.pnl
    assert total.trips == len(trips) + len(run.open_trips)
    assert sum((day.pnl for day in run.curve.days), ZERO) == run.pnl
    assert run.curve.equity == run.curve.first + run.pnl
    for trip in trips:
        assert not trip.is_open
        assert trip.opened_at <= trip.closed_at
        assert trip.gross - trip.fees - trip.slippage + trip.funding == trip.pnl


def test_the_dice_fall_on_everything(strategy: str) -> None:
    """What the property is tried on."""
    trips: list[RoundTrip] = []
    for seed in range(3):
        for figures, ended in runs(seed, strategy):
            trips += [*ended, *figures.open_trips]
    assert {trip.side for trip in trips} == {LONG, SHORT}
    assert any(trip.carried for trip in trips)
    assert any(trip.is_open for trip in trips)
    assert any(trip.funding for trip in trips)
    assert any(trip.slippage for trip in trips)
    assert FLAT_WITH_ALL in {trip.exit_reason for trip in trips}
    assert any("from the entry price" in trip.exit_reason for trip in trips)
