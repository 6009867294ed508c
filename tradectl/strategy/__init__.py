"""Strategies: what a user needs to write one. The engine and the catalog are modules beside these.

The indicators are loaded when they are first asked for.
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
    return getattr(import_module(f"{__name__}.indicators"), name)
