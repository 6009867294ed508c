"""tradectl: an automated crypto trading system whose runs can be replayed, stopped and explained.

The names below are the public API. They are loaded when first used, so that a command which needs none
of them starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tradectl.version import __version__

_HOMES = {
    "EventBus": "tradectl.bus.event_bus",
    "OrchestratorConfig": "tradectl.config.settings",
    "StateManager": "tradectl.storage.manager",
    "TradingOrchestrator": "tradectl.runtime.orchestrator",
    "backtest": "tradectl.runtime.backtest_api",
    "ExecutionEvent": "tradectl.events",
    "EventPriority": "tradectl.events",
    "EventType": "tradectl.events",
    "MarketDataEvent": "tradectl.events",
    "OrderEvent": "tradectl.events",
    "PortfolioEvent": "tradectl.events",
    "RiskEvent": "tradectl.events",
    "StrategySignalEvent": "tradectl.events",
    "SystemEvent": "tradectl.events",
}

__all__ = [
    "EventBus",
    "EventPriority",
    "EventType",
    "ExecutionEvent",
    "MarketDataEvent",
    "OrchestratorConfig",
    "OrderEvent",
    "PortfolioEvent",
    "RiskEvent",
    "StateManager",
    "StrategySignalEvent",
    "SystemEvent",
    "TradingOrchestrator",
    "__version__",
    "backtest",
]

if TYPE_CHECKING:
    from tradectl.bus.event_bus import EventBus
    from tradectl.config.settings import OrchestratorConfig
    from tradectl.events import (
        EventPriority,
        EventType,
        ExecutionEvent,
        MarketDataEvent,
        OrderEvent,
        PortfolioEvent,
        RiskEvent,
        StrategySignalEvent,
        SystemEvent,
    )
    from tradectl.runtime.backtest_api import backtest
    from tradectl.runtime.orchestrator import TradingOrchestrator
    from tradectl.storage.manager import StateManager


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tradectl' has no attribute {name!r}")
