"""Adapters bind the pure engines to the bus and the books: wiring, a few lines each."""

from tradectl.adapters.execution import ExecutionAdapter
from tradectl.adapters.portfolio import PortfolioAdapter
from tradectl.adapters.risk import RiskAdapter
from tradectl.adapters.strategy import StrategyAdapter

__all__ = ["ExecutionAdapter", "PortfolioAdapter", "RiskAdapter", "StrategyAdapter"]
