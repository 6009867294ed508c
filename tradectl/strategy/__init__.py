"""Strategies: what a user needs to write one. The engine and the catalog are modules beside these."""

from __future__ import annotations

from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.indicators import Donchian, Ema, EwmVolatility, Rsi

__all__ = ["Donchian", "Ema", "EwmVolatility", "Rsi", "Signal", "Strategy"]
