"""Everything that can be set, as plain data: what a configuration file becomes, what a journal keeps.

Each room defines its own settings; this module only puts them side by side. Reading files, environment
and flags is `config`'s trade.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tradectl.domain import canonical
from tradectl.domain.errors import ConfigError
from tradectl.domain.instruments import Instrument
from tradectl.exchange.exchange_settings import ExchangeSettings, PaperSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.strategy.engine_settings import EngineSettings
from tradectl.strategy.instances import StrategyInstance


class OrchestratorConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the system as a whole behaves."""

    enable_paper_trading: bool = True
    """trade on paper; of no meaning with mode = "live", where the exchange trades"""
    max_concurrent_orders: int = 10
    """orders that may work at the same time"""
    risk_check_interval_seconds: float = 5.0
    """how often drawdown, daily loss and exposure are reviewed"""
    portfolio_rebalance_interval_seconds: float = 60.0
    """how often positions are compared with their targets"""
    health_check_interval_seconds: float = 5.0
    """how often components are checked"""
    enable_auto_recovery: bool = True
    """restart a component that failed, with growing pauses"""
    max_restarts: int = 5
    """restarts of one component before it is given up"""
    shutdown_timeout_seconds: float = 10.0
    """the longest that a graceful end may take"""

    def __post_init__(self) -> None:
        for name in (
            "risk_check_interval_seconds",
            "portfolio_rebalance_interval_seconds",
            "health_check_interval_seconds",
            "shutdown_timeout_seconds",
        ):
            if not 0.01 <= getattr(self, name) <= 86_400:
                raise ConfigError(f"orchestrator.{name}: expected 0.01 to 86400 seconds")
        if self.max_concurrent_orders < 1:
            raise ConfigError("orchestrator.max_concurrent_orders: expected at least 1")
        if self.max_restarts < 0:
            raise ConfigError("orchestrator.max_restarts: expected 0 or more")


class AccountSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The paper account as it is opened."""

    currency: str = "USDT"
    """the currency of cash, profit and fees; symbols must be quoted in it"""
    cash: Decimal = Decimal(100_000)
    """cash at the start"""

    def __post_init__(self) -> None:
        if not self.cash.is_finite() or self.cash <= 0:
            raise ConfigError(f"account.cash: expected an amount above 0, got {self.cash}")


class FeedSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Market data."""

    ticks_per_second: int = 20
    """ticks per symbol and second of the simulated market"""
    max_bad_share: float = 0.01
    """share of a recorded file's rows that may be bad before it is refused"""
    stale_after_seconds: float = 30.0
    """age of a symbol's newest data at which an alert is raised"""

    def __post_init__(self) -> None:
        if not 1 <= self.ticks_per_second <= 10_000:
            raise ConfigError("feed.ticks_per_second: expected 1 to 10000")
        if not self.stale_after_seconds > 0:
            raise ConfigError("feed.stale_after_seconds: expected more than 0 seconds")
        if not 0 <= self.max_bad_share <= 1:
            raise ConfigError("feed.max_bad_share: expected a share, 0 to 1")


class JournalSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How durable the journal is before anything leaves or is shown."""

    durability: Literal["batched", "strict"] = "batched"
    """batched: survives a crash of the process; strict: survives a power loss before an order leaves"""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run's settings."""

    mode: Literal["paper", "live"] = "paper"
    """paper, or with money: live needs `exchanges`, keys, `run --live` and your word"""
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    """of the simulated market or of the exchange, name:SYMBOL for one that is not the first's; a
    recorded file brings its own"""
    seed: int = 1
    """of the simulated market and of the paper exchange's chance"""
    account: AccountSettings = AccountSettings()
    engine: EngineSettings = EngineSettings()
    portfolio: PortfolioSettings = PortfolioSettings()
    risk: RiskLimits = RiskLimits()
    paper: PaperSettings = PaperSettings()
    feed: FeedSettings = FeedSettings()
    journal: JournalSettings = JournalSettings()
    orchestrator: OrchestratorConfig = OrchestratorConfig()
    strategies: tuple[StrategyInstance, ...] = (
        StrategyInstance(name="ema-cross", strategy="ema-cross"),
    )
    instruments: tuple[Instrument, ...] = ()
    exchanges: tuple[ExchangeSettings, ...] = ()

    def traded_symbols(self) -> tuple[str, ...]:
        """Those that orders may be about: a strategy may hear one and trade another. Without strategies,
        all of them."""
        if not self.strategies:
            return self.symbols
        meant = [symbol for s in self.strategies for symbol in s.reach(self.symbols)]
        return tuple(dict.fromkeys(meant))

    def dump(self) -> dict[str, Any]:
        """JSON-ready, as a journal's header keeps it."""
        dumped: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return dumped

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> Settings:
        """The settings that `dump` described. Raises ConfigError for anything else."""
        try:
            return msgspec.convert(dumped, cls)
        except msgspec.ValidationError as error:
            raise ConfigError(f"settings that this version does not understand: {error}") from error

    def fingerprint(self) -> str:
        """SHA-256 of all of it, defaults too: equal settings hash alike, however they were given."""
        return canonical.fingerprint(self)
