"""The trading part of a system, put together in one way for every purpose.

Live, on recorded data, in a replay and for an emergency stop these are the same adapters and engines in
the same order; only the clock, the journal and the gateway to an exchange differ.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.adapters import ExecutionAdapter, PortfolioAdapter, RiskAdapter, StrategyAdapter
from tradectl.adapters.gateway import Gateway
from tradectl.bus.event_bus import EventBus
from tradectl.config.settings import Settings
from tradectl.domain.instruments import Instruments
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.risk.engine import RiskEngine
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.state.latch import HaltSwitch
from tradectl.state.manager import StateManager
from tradectl.strategy.catalog import find, fingerprint
from tradectl.strategy.engine import StrategyEngine
from tradectl.system.component import Component


def make_books(settings: Settings, account: Account) -> Books:
    return Books(account, Instruments(settings.instruments))


class TradingSystem:
    """The four adapters with their engines, on `bus` and `state`."""

    def __init__(
        self,
        settings: Settings,
        bus: EventBus,
        state: StateManager,
        gateway: Gateway,
        latch: HaltSwitch | None = None,
    ) -> None:
        allocations: dict[str, Decimal] = {s.name: s.allocation for s in settings.strategies}
        limits = settings.risk.with_at_most(settings.orchestrator.max_concurrent_orders)
        engine = StrategyEngine(
            settings.strategies,
            max_failures=settings.engine.max_failures,
            max_signals_per_second=settings.engine.max_signals_per_second,
        )
        self.strategy = StrategyAdapter(bus, engine)
        self.risk = RiskAdapter(bus, state, RiskEngine(limits))
        self.execution = ExecutionAdapter(bus, state, gateway, latch=latch)
        portfolio = PortfolioEngine(settings.portfolio, allocations, bus.core.new_id)
        self.portfolio = PortfolioAdapter(bus, state, portfolio)

    def components(self) -> list[tuple[str, Component]]:
        """By name, in the order in which they are started."""
        return [
            ("strategy", self.strategy),
            ("risk", self.risk),
            ("execution", self.execution),
            ("portfolio", self.portfolio),
        ]


def strategy_hashes(settings: Settings) -> dict[str, str]:
    """Name -> hash of the source that decides under it. Raises UsageError for an unknown strategy."""
    return {s.name: fingerprint(find(s.strategy)) for s in settings.strategies}
