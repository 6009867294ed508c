"""What a day of the account has come to, over all runs in it, as the database knows.

A day begins with what the account had made when it was seen last before: in a snapshot, or as a run
ended. What changes while nothing runs counts for the day in which it is seen.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import Struct

from tradectl.domain.errors import StateError
from tradectl.domain.instruments import Instruments
from tradectl.domain.money import ZERO
from tradectl.domain.time import LocalDay, iso
from tradectl.journal.writer import SHORT
from tradectl.state.account import Account
from tradectl.state.books_view import BooksView
from tradectl.storage.reader import StateReader


class DaySoFar(Struct):
    """`before` is the profit that the account had as the day began, or as of `since` (ns UTC), where that
    is as far back as is known. One is not `whole` of which the database has let fills go."""

    day: LocalDay
    before: Decimal = ZERO
    fills: int = 0
    fees: Decimal = ZERO
    since: int = 0
    whole: bool = True


class AccountDays:
    """Of the runs of the account `account_id` before the run `run_id`. Raises StateError."""

    def __init__(
        self, reader: StateReader, account_id: str, run_id: str, instruments: Instruments
    ) -> None:
        self._reader, self._instruments = reader, instruments
        self._account, self._run = account_id, run_id

    def last_lived(self) -> int:
        """When the run before this one ended (ns UTC), but those that only help out; 0 without any."""
        return self._reader.last_end(self._account, self._run, SHORT)

    def so_far(self, day: LocalDay) -> DaySoFar:
        """What came of `day` before this run."""
        fills, fees, whole = self._reader.traded(self._account, iso(day.begin), iso(day.end))
        found = DaySoFar(day, fills=fills, fees=fees, whole=whole)
        found.before, since = self._profit_before(day)
        if since >= day.begin:
            found.since = since
        return found

    def _profit_before(self, day: LocalDay) -> tuple[Decimal, int]:
        """With the time that it is of. An account that was opened in the day had made nothing before."""
        seen = self._reader.last_profit(self._account, iso(day.begin))
        stored = self._reader.snapshot_around(self._account, day.begin)
        if seen is not None and (stored is None or not seen[1] < stored.taken_at < day.begin):
            return seen
        is_new = self._reader.began(self._account) >= day.begin
        return (
            (ZERO, 0) if stored is None or is_new else (self._profit(stored.body), stored.taken_at)
        )

    def _profit(self, body: str) -> Decimal:
        try:
            account = Account.load(msgspec.json.decode(body))
        except (msgspec.MsgspecError, ValueError) as error:
            raise StateError(f"a snapshot cannot be read: {error}") from error
        return BooksView(account, self._instruments).profit()


__all__ = ["AccountDays", "DaySoFar"]
