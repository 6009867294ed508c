"""What an exchange would not take: why, how often, and when it is tried again.

An order that was refused is still wanted. Asked for again at once it would be refused again, for ever, so
every refusal in a row doubles the pause before the next try. The cause says what may be mended meanwhile.
An entry that rested and was cancelled by hand, twice, is the owner's word: it is held until its target
changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.event import ReasonCode
from tradectl.domain.resilience import pause_after
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.time import SECOND

HEDGE_MODE = "the account is in hedge mode: set it to one-way mode there"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


class RefusalCause(StrEnum):
    """Why an exchange did not do what an order asked for."""

    RULES = "rules"
    """it does not fit the symbol's rules: step, smallest order, price"""
    CLOSED = "closed"
    """the symbol takes no orders"""
    FUNDS = "funds"
    """there is not enough money, margin, or coins that are free"""
    REDUCE_ONLY = "reduce_only"
    """there is less to be reduced, or nothing"""
    POSITION_SIDE = "position_side"
    """the account is in hedge mode"""
    TURNED_AWAY = "turned_away"
    """for a reason that passes, or before it was read"""
    NOT_FILLED = "not_filled"
    """taken, and over before all of it was filled: nobody to trade with, or only ourselves"""
    BY_HAND = "by_hand"
    """it rested, and was cancelled at the exchange, and not by us"""
    OTHER = "other"


REMEDIES = {
    RefusalCause.RULES: "its rules are read anew, and it is rounded by them",
    RefusalCause.CLOSED: "it goes out as soon as the symbol takes orders",
    RefusalCause.FUNDS: "what is there is compared, and our own entries give way",
    RefusalCause.REDUCE_ONLY: "positions are compared, and it is cut to what is there",
    RefusalCause.POSITION_SIDE: "set the account to one-way mode at the exchange",
}
"""What is tried, or has to be done; the other causes pass by themselves."""

HELD_AFTER = 2
"""So often in a row an entry is cancelled by hand before it is held."""
BY_ANOTHER_TYPE = (RefusalCause.RULES, RefusalCause.OTHER)


class Refusal(Struct, frozen=True):
    """The newest of `count` in a row, by the exchange, or by us as it was tried again; the first of them
    at `since`, the next try at `due` (ns UTC). `said`: there is an alert about it."""

    cause: RefusalCause
    reason: str
    count: int
    since: int
    due: int
    said: bool

    @property
    def is_held(self) -> bool:
        """It is not tried again: whoever cancelled it does not want it."""
        return self.cause is RefusalCause.BY_HAND and self.count >= HELD_AFTER

    @property
    def at(self) -> int:
        """When it came, ns UTC, unless something made it due before its time."""
        return self.due - _pause(self.count)

    @property
    def forgotten_at(self) -> int:
        """From then on it is over, if nothing of the kind is wanted any more: whoever changes their mind
        with every price does not begin anew with every price."""
        return self.due + _pause(self.count)

    @property
    def wants_another_type(self) -> bool:
        """Every second try is with another type of order, where that may help."""
        return self.cause in BY_ANOTHER_TYPE and self.count % 2 == 1


def next_refusal(known: Refusal | None, cause: RefusalCause, reason: str, at: int) -> Refusal:
    """One more at `at`, in a row with what was `known`. Cancels by hand are a row of their own."""
    by_hand = RefusalCause.BY_HAND
    if known is not None and cause is by_hand and known.cause is not by_hand:
        known = replace(known, count=0)
    count = 1 if known is None else known.count + 1
    since, said = (at, False) if known is None else (known.since, known.said)
    return Refusal(cause, reason, count, since, at + _pause(count), said)


NOTHING_LEFT = (
    ReasonCode.ON_TARGET, ReasonCode.TOO_SMALL, ReasonCode.COST, ReasonCode.NO_WEIGHT,
)  # fmt: skip


def is_wanted(
    code: ReasonCode | None, targets: Iterable[StrategyTarget], held: Decimal, *, exits: bool
) -> bool:
    """Whether an exit from what is `held`, dust apart, or an entry may still be asked for where the
    portfolio answers with `code`, None as it orders something. Not where nothing, or too little for an
    order, is left to do; nor do strategies that were stopped out ask for anything."""
    if code is None:
        return True
    if code in NOTHING_LEFT:
        return False
    return any((held if exits else each.size) and not each.stopped for each in targets)


def _pause(count: int) -> int:
    """After so many in a row, ns."""
    return int(pause_after(count, FIRST_PAUSE_S, LONGEST_PAUSE_S) * SECOND)


__all__ = ["HEDGE_MODE", "REMEDIES", "Refusal", "RefusalCause", "is_wanted", "next_refusal"]
