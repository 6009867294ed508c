"""What a real exchange moves money for by itself, booked once each, however often and late it is told.

Each row of an exchange's income history has an id. What was booked is remembered by it for as long as it
may be told again. Rows from before `since` are not ours to book: the cash that the account was opened
with, or that an operator took the exchange's word for, has them in it.

Funding is borne by those who held the position at the moment of settlement, and it is told of later. So
what the strategies held is kept for a while: the last of each hour, for exchanges settle at full hours,
and all of the last minutes, for a position that an exchange closes is told of a little later, too.

    07:40 a 2    07:59 a 2 b 1    08:00:00 settled    08:01 a 0 b 1    08:03 told: a bears 2/3, b 1/3
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct

from tradectl.domain.money import ZERO
from tradectl.domain.time import DAY, HOUR, SECOND

KEPT = 2 * DAY
"""How long before the newest that was asked for a row may be told again, or a position be asked for."""
RECENT, MOST_RECENT = 300 * SECOND, 100
LATE_BY = 20 * SECOND
"""Exchanges stamp a settlement at a full hour up to so much later."""


class HeldAt(Struct, frozen=True):
    """What strategies held of a symbol from `at` (ns UTC) on: those that were not flat."""

    at: int
    quantities: dict[str, Decimal]


class IncomeState(Struct, omit_defaults=True):
    """By exchange `since` and `until` when (ns UTC) its income is booked; `booked` are ids with their
    times; `held` is what strategies held, by symbol, oldest first."""

    since: dict[str, int] = {}
    until: dict[str, int] = {}
    booked: dict[str, int] = {}
    held: dict[str, tuple[HeldAt, ...]] = {}

    def is_new(self, exchange: str, income_id: str, ts: int) -> bool:
        """It is to be booked."""
        is_ours = ts >= self.since.get(exchange, 0)
        return is_ours and _key(exchange, income_id) not in self.booked

    def book(self, exchange: str, income_id: str, ts: int) -> None:
        self.booked[_key(exchange, income_id)] = ts

    def asked(self, exchange: str, until: int, *, accepted: bool) -> None:
        """All that `exchange` told of is booked `until` then; `accepted`: what it tells later of the time
        before is in the cash already."""
        self.until[exchange] = until = max(until, self.until.get(exchange, 0))
        self.since.setdefault(exchange, until)
        if accepted:
            self.since[exchange] = max(until, self.since.get(exchange, 0))
        if self.booked:
            oldest = min(self.until.values()) - KEPT
            self.booked = {key: ts for key, ts in self.booked.items() if ts >= oldest}

    def note_held(
        self, symbol: str, before: Mapping[str, Decimal], after: Mapping[str, Decimal], at: int
    ) -> None:
        """Strategies hold `after`, since `at`; fills may be told in another order than they happened."""
        moved = {name: held - before.get(name, ZERO) for name, held in after.items()}
        if any(moved.values()):
            self.held[symbol] = _noted(self.held.get(symbol, ()), before, moved, at)

    def held_at(self, symbol: str, moment: int) -> Mapping[str, Decimal] | None:
        """What they held when what is stamped `moment` was settled: at the full hour just before it, if
        anything was held then. None where nothing changed since."""
        late = moment % HOUR
        on_the_hour = moment - late if late < LATE_BY else moment
        found = self._held(symbol, on_the_hour)
        return found if found or found is None else self._held(symbol, moment)

    def _held(self, symbol: str, moment: int) -> Mapping[str, Decimal] | None:
        return next((h.quantities for h in self._newest_first(symbol) if h.at <= moment), None)

    def held_before(self, symbol: str, moment: int) -> Mapping[str, Decimal] | None:
        """What they held then, without a change at that very moment; None where nothing changed since."""
        return self._held(symbol, moment - 1)

    def last_held(self, symbol: str, moment: int) -> Mapping[str, Decimal]:
        """What they held last, up to then; empty where they never held anything."""
        held = (h.quantities for h in self._newest_first(symbol) if h.at <= moment)
        return next((quantities for quantities in held if quantities), {})

    def _newest_first(self, symbol: str) -> Iterable[HeldAt]:
        return reversed(self.held.get(symbol, ()))

    def copy(self) -> IncomeState:
        return IncomeState(
            dict(self.since), dict(self.until), dict(self.booked), dict(sorted(self.held.items()))
        )


def _key(exchange: str, income_id: str) -> str:
    return f"{exchange} {income_id}"


def _noted(
    known: tuple[HeldAt, ...],
    before: Mapping[str, Decimal],
    moved: Mapping[str, Decimal],
    at: int,
) -> tuple[HeldAt, ...]:
    """With a change at `at`: those that can still be asked for."""
    known = known or (HeldAt(0, {name: held for name, held in before.items() if held}),)
    earlier = [each for each in known if each.at <= at]
    later = [_plus(each, moved, each.at) for each in known if each.at > at]
    noted = [*earlier, _plus(earlier[-1], moved, at), *later]
    newest, first_recent = noted[-1].at, len(noted) - MOST_RECENT
    return tuple(
        each
        for n, (each, following) in enumerate(pairwise([*noted, None]))
        if each is not None
        if following is None
        or (n >= first_recent and each.at > newest - RECENT and following.at > each.at)
        or (following.at > newest - KEPT and _hour(following.at) > _hour(each.at))
    )


def _hour(at: int) -> int:
    """What is of a full hour belongs to the one that ends then."""
    return (at - 1) // HOUR


def _plus(held: HeldAt, moved: Mapping[str, Decimal], at: int) -> HeldAt:
    names = dict.fromkeys([*held.quantities, *moved])
    after = {name: held.quantities.get(name, ZERO) + moved.get(name, ZERO) for name in names}
    return HeldAt(at, {name: quantity for name, quantity in after.items() if quantity})


__all__ = ["HeldAt", "IncomeState"]
