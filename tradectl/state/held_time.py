"""For how long entries were held back, as an account remembers it."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace


class HeldTime(Struct, omit_defaults=True):
    """For how long (ns) entries were `held` back, and by which cause how long, up to `at` (ns UTC); `ran`
    is how long the account's runs before took."""

    at: int = 0
    held: int = 0
    by_cause: dict[str, int] = {}
    ran: int = 0

    def copy(self) -> HeldTime:
        return replace(self, by_cause=dict(self.by_cause))

    def add(self, cause: str, passed: int) -> None:
        self.by_cause[cause] = self.by_cause.get(cause, 0) + passed


__all__ = ["HeldTime"]
