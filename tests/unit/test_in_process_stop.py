"""What a receipt takes an exchange's word for."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from tests.fixtures.books import SPOT, Ledger
from tests.fixtures.fake_venue import FakeTime
from tradectl.exchange.base import Cancelled, Compared, Proof
from tradectl.runtime.in_process_stop import Stop, proven


class Holding:
    """A gateway to an exchange that holds a coin; the books take it for external when it was compared
    twice."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.compared = 0

    async def cancel_all(self, **_: Any) -> list[Cancelled]:
        return []

    async def proof(self, **_: Any) -> list[Proof]:
        return [Proof(exchange="venue", symbols=(SPOT,), held={SPOT: Decimal(1)})]

    async def reconcile(self) -> list[Compared]:
        self.compared += 1
        if self.compared == 2:
            self.ledger.books.account.at_exchange().external[SPOT] = Decimal(1)
        return [Compared(exchange="venue")]


class Time(FakeTime):
    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


async def _written() -> None:
    pass


async def test_coins_that_no_two_reports_agree_on_are_asked_about_again() -> None:
    for wait, settled in ((30.0, True), (0.0, False)):
        ledger = Ledger()
        gateway = Holding(ledger)
        session: Any = SimpleNamespace(
            gateway=gateway,
            books=ledger.books,
            bus=SimpleNamespace(clock=Time(), written=_written),
        )
        _, _, told = await proven(session, Stop(flatten=True), wait, keep_protection=False)
        assert told == settled
        assert gateway.compared == (2 if settled else 0)
