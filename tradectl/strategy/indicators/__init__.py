"""Indicators that remember only what they need. A room for each thought, loaded when first asked for:

averages        Sma, Ema, Wma, Wilder
momentum        Rsi, Macd, Stochastic, Adx
ranges          Atr, Donchian, Bollinger, Keltner, Supertrend
volume          Obv, Vwap
statistics      ZScore, LinearRegression, Volatility; EwmVolatility is the domain's
indicator       what they have in common: `update`, `value`, `ready`, `needs`, `warm_up`
moving_moments  mean, deviation and slope of the last n, behind most of them
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tradectl.domain.statistics import EwmVolatility

if TYPE_CHECKING:
    from tradectl.strategy.indicators.averages import Ema, Sma, Wilder, Wma
    from tradectl.strategy.indicators.momentum import Adx, Macd, Rsi, Stochastic
    from tradectl.strategy.indicators.ranges import Atr, Bollinger, Donchian, Keltner, Supertrend
    from tradectl.strategy.indicators.statistics import LinearRegression, Volatility, ZScore
    from tradectl.strategy.indicators.volume import Obv, Vwap

_HOMES = {
    "Ema": "averages",
    "Sma": "averages",
    "Wilder": "averages",
    "Wma": "averages",
    "Adx": "momentum",
    "Macd": "momentum",
    "Rsi": "momentum",
    "Stochastic": "momentum",
    "Atr": "ranges",
    "Bollinger": "ranges",
    "Donchian": "ranges",
    "Keltner": "ranges",
    "Supertrend": "ranges",
    "LinearRegression": "statistics",
    "Volatility": "statistics",
    "ZScore": "statistics",
    "Obv": "volume",
    "Vwap": "volume",
}

__all__ = [
    "Adx",
    "Atr",
    "Bollinger",
    "Donchian",
    "Ema",
    "EwmVolatility",
    "Keltner",
    "LinearRegression",
    "Macd",
    "Obv",
    "Rsi",
    "Sma",
    "Stochastic",
    "Supertrend",
    "Volatility",
    "Vwap",
    "Wilder",
    "Wma",
    "ZScore",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
