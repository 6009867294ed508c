"""Whatever happens, brackets hold: what trails never loosens, a position that is to have a stop keeps
one, and the strategies' figures go on adding up to the account's.

Strategies of a random character, each with a bracket of its own, trade spot and a perpetual together;
signals bring brackets, too. Runs are killed in the middle and go on from what the books kept; each is
replayed.
"""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.profiles import in_turn
from tests.unit.test_strategies_add_up import (
    START,
    Checked,
    dice_file,
    killed,
    replayed,
    settings_of,
    ticks,
)
from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.brackets import Bracket
from tradectl.domain.events import (
    BracketTriggered,
    OrderFilled,
    Record,
    TrailMoved,
)
from tradectl.domain.orders import Leg, OrderStatus
from tradectl.domain.protection import unprotected
from tradectl.domain.time import SECOND
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.system.trading_system import TradingSystem, on_paper

D = Decimal
BRACKETS = (
    Bracket(),
    Bracket(stop_loss_pct=D("0.5"), take_profit_pct=D("0.6")),
    Bracket(trailing_pct=D("0.4")),
    Bracket(stop_loss_pct=D(1), trailing_pct=D("0.3"), activate_pct=D("0.3")),
    Bracket(take_profit_pct=D("0.4")),
    Bracket(stop_loss_pct=D("0.3"), trailing_pct=D("0.6"), trail_step_bps=D(0)),
)


@pytest.fixture(scope="module")
def strategy(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"{dice_file(tmp_path_factory)}:Bracketed"


def bracketed(dice: random.Random, strategy: str) -> Settings:
    settings = settings_of(dice, strategy)
    strategies = tuple(replace(s, bracket=dice.choice(BRACKETS)) for s in settings.strategies)
    return replace(settings, strategies=strategies)


class Held:
    """What was seen of trailing stops, record by record."""

    def __init__(self) -> None:
        self.trails: dict[tuple[str, str], tuple[bool, D]] = {}
        self.legs: set[Leg] = set()

    def look(self, record: Record, books: Books) -> None:
        event = record.event
        if isinstance(event, TrailMoved):
            key = event.symbol, event.strategy
            long = books.holdings(event.symbol)[event.strategy].quantity > 0
            before = self.trails.get(key)
            if before is not None and before[0] is long:
                assert event.price > before[1] if long else event.price < before[1]
            self.trails[key] = long, event.price
            self.legs.add(Leg.TRAILING_STOP)
        for key in [*self.trails]:
            state = books.account.brackets.get(key[0], {}).get(key[1])
            if state is None or state.trail is None:
                del self.trails[key]  # the position is over
            else:
                assert (state.trail.long, state.trail.price) == self.trails[key]
        if isinstance(event, OrderFilled) and (order := books.order(event.order_id)) is not None:
            self.legs |= {order.spec.leg} if order.spec.leg else set()
        if isinstance(event, BracketTriggered):
            self.legs.add(event.leg)


def bare(books: Books) -> set[str]:
    """Of what is held, what should have a stop and has none at rest."""
    return {
        position.symbol
        for position in books.positions()
        if unprotected(position, books) and _should_have(books, position.symbol)
    }


def naked(books: Books) -> set[str]:
    """Neither is one on its way, nor an exit."""
    found = set()
    for symbol in bare(books):
        working, position = books.working_in(symbol), books.position(symbol)
        stops = [o for o in working.stops.values() if o.status is not OrderStatus.PENDING_CANCEL]
        leaving = working.on(position.closing_side)
        cancelled = [o for o in working if o.status is OrderStatus.PENDING_CANCEL]
        if not (stops or leaving or cancelled or books.restrictions(symbol)):
            found.add(symbol)
    return found


def _should_have(books: Books, symbol: str) -> bool:
    """Somebody's trailing stop, or one of their own words, asks for it."""
    return any(
        (state := books.account.brackets.get(symbol, {}).get(name)) is not None
        and own.quantity * books.position(symbol).quantity > 0
        and state.trail_of(own) is not None
        and not books.is_dust(symbol, own.quantity, books.mark(symbol))
        for name, own in books.holdings(symbol).items()
    )


def run(seed: int, strategy: str) -> Held:
    """A run begins with no position that the one before it left better protected, and sees to those that
    it left bare with its first price of them."""
    dice, seen, left_bare = random.Random(seed), Held(), set[str]()
    settings = bracketed(dice, strategy)
    account, at = Account.open("", "USDT", D(100_000)), START
    for number in range(2):
        run_id = f"20240808T23541534{number}-0a1b"
        started = Account.load(account.dump())
        made = TradingSystem(settings, account, run_id, DataClock(), gateway=on_paper(settings))
        checked = Checked(settings, started, run_id)
        made.open()
        records: list[Record] = []
        for tick in ticks(dice, dice.randint(100, 250), at):
            new = made.apply(tick)
            records += new
            for record in new:
                checked.take([record])
                seen.look(record, checked.system.books)
            left_bare = {symbol for symbol in left_bare if made.books.data_time(symbol) is None}
            assert naked(made.books) <= left_bare
        at += 1_000 * SECOND
        assert checked.system.state_hash() == made.state_hash()
        replayed(settings, started, run_id, records)
        account, left_bare = killed(made, settings), bare(made.books)
    return seen


FOUND = 6
"""A stop of a bracket made room for an exit, and an entry of another strategy went out in its place."""


@pytest.mark.parametrize("seed", in_turn(range(80), 80))
def test_at_every_record_brackets_hold(seed: int, strategy: str) -> None:
    run(seed, strategy)


def test_so_they_do_where_it_was_found_out_and_every_leg_is_met(strategy: str) -> None:
    assert run(FOUND, strategy).legs == {*Leg}
