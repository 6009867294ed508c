"""Indicators that remember only what they need. A room for each thought, loaded as it is first asked for:

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

if TYPE_CHECKING:
    from tradectl.domain.statistics import EwmVolatility as EwmVolatility
    from tradectl.strategy.indicators.averages import Ema as Ema
    from tradectl.strategy.indicators.averages import Sma as Sma
    from tradectl.strategy.indicators.averages import Wilder as Wilder
    from tradectl.strategy.indicators.averages import Wma as Wma
    from tradectl.strategy.indicators.momentum import Adx as Adx
    from tradectl.strategy.indicators.momentum import Macd as Macd
    from tradectl.strategy.indicators.momentum import Rsi as Rsi
    from tradectl.strategy.indicators.momentum import Stochastic as Stochastic
    from tradectl.strategy.indicators.ranges import Atr as Atr
    from tradectl.strategy.indicators.ranges import Bollinger as Bollinger
    from tradectl.strategy.indicators.ranges import Donchian as Donchian
    from tradectl.strategy.indicators.ranges import Keltner as Keltner
    from tradectl.strategy.indicators.ranges import Supertrend as Supertrend
    from tradectl.strategy.indicators.statistics import LinearRegression as LinearRegression
    from tradectl.strategy.indicators.statistics import Volatility as Volatility
    from tradectl.strategy.indicators.statistics import ZScore as ZScore
    from tradectl.strategy.indicators.volume import Obv as Obv
    from tradectl.strategy.indicators.volume import Vwap as Vwap

_HOMES = {
    "EwmVolatility": "tradectl.domain.statistics",
    "Ema": f"{__name__}.averages",
    "Sma": f"{__name__}.averages",
    "Wilder": f"{__name__}.averages",
    "Wma": f"{__name__}.averages",
    "Adx": f"{__name__}.momentum",
    "Macd": f"{__name__}.momentum",
    "Rsi": f"{__name__}.momentum",
    "Stochastic": f"{__name__}.momentum",
    "Atr": f"{__name__}.ranges",
    "Bollinger": f"{__name__}.ranges",
    "Donchian": f"{__name__}.ranges",
    "Keltner": f"{__name__}.ranges",
    "Supertrend": f"{__name__}.ranges",
    "LinearRegression": f"{__name__}.statistics",
    "Volatility": f"{__name__}.statistics",
    "ZScore": f"{__name__}.statistics",
    "Obv": f"{__name__}.volume",
    "Vwap": f"{__name__}.volume",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
