"""What a risk check is: a small named object that lets an order pass, or says why not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import ClassVar, NamedTuple, Self

from msgspec import Struct

from tradectl.domain.money import plain
from tradectl.domain.orders import OrderSpec
from tradectl.risk.context import RiskContext


class Denial(Struct, frozen=True, gc=False):
    """Why an order may not leave: a `code` for programs, a `message` for people, and in figures the
    `limit` and the `actual` value (empty where there are none)."""

    code: str
    message: str
    limit: str = ""
    actual: str = ""


class Figures(NamedTuple):
    """The limit, and the actual value that may not go beyond it."""

    limit: Decimal
    actual: Decimal


class Check(ABC):
    """One rule. `code` names it; `check` answers None to let the context's order pass.

    A check asks, and changes nothing: the same context may be put to it twice.
    """

    code: ClassVar[str]

    @abstractmethod
    def check(self, context: RiskContext) -> Denial | None: ...

    def figures(self, context: RiskContext) -> Figures | None:
        """What an order is held against, for who asks why; None where nothing is compared. An exit passes
        whatever they are."""
        return None

    def deny(
        self, message: str, limit: Decimal | None = None, actual: Decimal | None = None
    ) -> Denial:
        return Denial(
            self.code,
            message,
            "" if limit is None else plain(limit),
            "" if actual is None else plain(actual),
        )


class RememberingCheck(Check):
    """A rule about an order and those before it: it is told of each order that every check let
    pass."""

    @abstractmethod
    def remember(self, order: OrderSpec, at: int) -> None: ...

    @abstractmethod
    def go_on_from(self, other: Self) -> None:
        """Know what `other`, of the limits before, remembers."""
