"""Why nothing was traded, as documents: a reason for each strategy and symbol without a fill."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from tradectl.domain.event import ReasonCode


class Untraded(Struct, kw_only=True, frozen=True):
    """Why `strategy` has traded nothing in `symbol`; both are empty where it holds for all of them."""

    code: ReasonCode
    strategy: str
    symbol: str
    text: str


def by_importance(reasons: Iterable[Untraded]) -> list[Untraded]:
    order = list(ReasonCode)
    return sorted(reasons, key=lambda reason: order.index(reason.code))
