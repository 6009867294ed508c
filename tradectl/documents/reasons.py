"""Why nothing was traded, as documents: a reason for each strategy and symbol without a fill."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct


class ReasonCode(StrEnum):
    """The more important first: what is nearer to a fault is said before what is nearer to the market."""

    QUARANTINED = "quarantined"
    NO_DATA = "no_data"
    TIMEFRAME = "timeframe"
    HALTED = "halted"
    PAUSED = "paused"
    RESTRICTED = "restricted"
    REFUSED = "refused"
    DENIED = "denied"
    TOO_SMALL = "too_small"
    NOT_FILLED = "not_filled"
    WARM_UP = "warm_up"
    NO_SIGNAL = "no_signal"
    NOT_WANTED = "not_wanted"


class Untraded(Struct, kw_only=True, frozen=True):
    """Why `strategy` has traded nothing in `symbol`; both are empty where it holds for all of them."""

    code: ReasonCode
    strategy: str
    symbol: str
    text: str


def by_importance(reasons: Iterable[Untraded]) -> list[Untraded]:
    order = list(ReasonCode)
    return sorted(reasons, key=lambda reason: order.index(reason.code))
