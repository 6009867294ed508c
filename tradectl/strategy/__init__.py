"""Strategies: what a user needs to write one. The engine and the catalog are modules beside these.

The indicators, and what is built on a strategy, are loaded when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tradectl.strategy.base import Answer, Signal, Strategy
from tradectl.strategy.own_events import Fill, OrderUpdate, Timer
from tradectl.strategy.parameters import param

if TYPE_CHECKING:
    from tradectl.strategy.indicators import (
        Adx,
        Atr,
        Bollinger,
        Donchian,
        Ema,
        EwmVolatility,
        Keltner,
        LinearRegression,
        Macd,
        Obv,
        Rsi,
        Sma,
        Stochastic,
        Supertrend,
        Volatility,
        Vwap,
        Wilder,
        Wma,
        ZScore,
    )
    from tradectl.strategy.two_legs import TwoLegs

__all__ = [
    "Adx",
    "Answer",
    "Atr",
    "Bollinger",
    "Donchian",
    "Ema",
    "EwmVolatility",
    "Fill",
    "Keltner",
    "LinearRegression",
    "Macd",
    "Obv",
    "OrderUpdate",
    "Rsi",
    "Signal",
    "Sma",
    "Stochastic",
    "Strategy",
    "Supertrend",
    "Timer",
    "TwoLegs",
    "Volatility",
    "Vwap",
    "Wilder",
    "Wma",
    "ZScore",
    "param",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "two_legs" if name == "TwoLegs" else "indicators"
    return getattr(import_module(f"{__name__}.{module}"), name)
