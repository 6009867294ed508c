"""By which algorithm, with which parameters, orders are worked in a plan."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradectl.execution.execution_settings import ExecutionSettings

ALGORITHMS: dict[str, dict[str, Any]] = {
    "twap": {},
    "vwap": {"volume_profile": tuple(Decimal(1 + hour % 3) for hour in range(24))},
    "arrival": {},
    "pov": {"participation": Decimal("0.5")},
    "iceberg": {"visible_share": Decimal("0.3")},
    "peg": {},
}


def worked_by(algorithm: str, interval: str, parts: int, **more: Any) -> ExecutionSettings:
    """A few seconds long; without an algorithm orders leave whole."""
    return ExecutionSettings(
        algorithm=algorithm or "none",  # type: ignore[arg-type]  # one of the above
        interval_seconds=Decimal(interval),
        horizon_seconds=Decimal(interval) * parts,
        **ALGORITHMS.get(algorithm, {}),
        **more,
    )


__all__ = ["ALGORITHMS", "worked_by"]
