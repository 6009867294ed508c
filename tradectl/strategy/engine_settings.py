"""How much a strategy may get wrong, and how fast it may speak."""

from __future__ import annotations

from msgspec import Struct

from tradectl.domain.errors import ConfigError


class EngineSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds on every strategy. Raises ConfigError for an impossible value."""

    max_failures: int = 3
    """failures in a row of one callback that put a strategy out of the game"""
    max_signals_per_second: int = 20
    """per strategy and symbol; of those that come faster the last is said when it may be"""

    def __post_init__(self) -> None:
        for name in ("max_failures", "max_signals_per_second"):
            if getattr(self, name) < 1:
                raise ConfigError(f"engine.{name}: expected at least 1")
