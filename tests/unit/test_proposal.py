"""What accepting would book is shown before it is booked, and what would not be, and why."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.books import PERP, SPOT, Ledger, tick
from tradectl.config.settings import Settings
from tradectl.domain.errors import UsageError
from tradectl.domain.events import Acceptance
from tradectl.domain.shares import StrategyTarget
from tradectl.exchange.base import Accepted, Proof
from tradectl.runtime.proposal import propose


@pytest.mark.parametrize("kind", [Acceptance.FILL, Acceptance.POSITION])
def test_without_a_price_the_proposal_asks_for_one(kind: Acceptance) -> None:
    books = Ledger().trade("o1", "buy 2@100").books
    there = [Proof(exchange="venue", symbols=(SPOT,), held={SPOT: Decimal(1)}, cash=books.cash)]
    found = propose(books, there, Accepted(kind), Settings())
    assert found.bookings == []
    (why,) = found.refused
    assert f"no price known: say it: `--accept {kind} --symbol {SPOT} --price PRICE`" in why
    found = propose(books, there, Accepted(kind, (SPOT,), Decimal(90)), Settings())
    assert [row.price for row in found.bookings if row.symbol] == ["90"]
    assert found.refused == []


def test_it_is_said_where_sizes_follow_another_equity() -> None:
    ledger = Ledger().trade("o1", "buy 2@100")
    ledger.tell(tick("110"))
    one, cash = Decimal(1), ledger.books.cash
    ledger.books.account.targets[SPOT] = {"s": StrategyTarget("s", one, one, Decimal(2))}
    for more in (0, 500):
        there = [
            Proof(exchange="venue", symbols=(SPOT,), held={SPOT: Decimal(2)}, cash=cash + more)
        ]
        found = propose(ledger.books, there, Accepted(Acceptance.TRANSFER), Settings())
        assert found.resizes == bool(more)


def test_it_is_said_what_follows_where_nobody_knows_what_an_external_perpetual_cost() -> None:
    books = Ledger().trade("o1", "buy 2@100", PERP).books
    there = [Proof(exchange="venue", symbols=(PERP,), held={PERP: Decimal(3)}, cash=books.cash)]
    found = propose(books, there, Accepted(Acceptance.EXTERNAL), Settings())
    [later] = found.follows
    assert f"--accept external --symbol {PERP} --price PRICE" in later
    priced = Accepted(Acceptance.EXTERNAL, (PERP,), Decimal(90))
    found = propose(books, there, priced, Settings())
    assert found.follows == []
    assert [(row.external_after, row.price) for row in found.bookings] == [("1", "90")]
    assert found.orders == []


def test_coins_on_spot_have_no_price_that_matters() -> None:
    books = Ledger().trade("o1", "buy 2@100").books
    there = [Proof(exchange="venue", symbols=(SPOT,), held={SPOT: Decimal(3)}, cash=books.cash)]
    with pytest.raises(UsageError, match="leave --price out"):
        propose(books, there, Accepted(Acceptance.EXTERNAL, (SPOT,), Decimal(90)), Settings())
