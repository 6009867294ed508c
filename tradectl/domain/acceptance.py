"""What may be said beside the kind of `reconcile --accept`, wherever it is said: a price is above zero,
of one symbol, and beside what is booked at a price.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from tradectl.domain.event import Acceptance

PRICED = (Acceptance.FILL, Acceptance.POSITION, Acceptance.EXTERNAL)


def wrong_beside(
    accept: Acceptance | None, symbols: Collection[str], price: Decimal | None, *, confirm: bool
) -> tuple[str, str] | None:
    """The argument that is wrong, and what was expected of it; None where all is well."""
    if accept is None:
        said = {"price": price is not None, "symbol": bool(symbols), "confirm": confirm}
        wrong = next((name for name, is_said in said.items() if is_said), None)
        return None if wrong is None else (wrong, "expected --accept KIND beside it")
    if price is None:
        return None
    if accept not in PRICED or len(symbols) != 1:
        return "price", "expected beside --accept fill, position or external, and one --symbol"
    if not price.is_finite() or price <= 0:
        return "price", f"expected a price above zero, got {str(price)!r}"
    return None


__all__ = ["wrong_beside"]
