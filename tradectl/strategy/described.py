"""A strategy in full: its idea, its parameters with their ranges, what it hears, what it needs first."""

from __future__ import annotations

from inspect import cleandoc

from tradectl.documents.market import StrategyDescription, StrategyParameter
from tradectl.domain.text import harmless
from tradectl.strategy import catalog
from tradectl.strategy.bars import spell_timeframe
from tradectl.strategy.base import Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.instances import RunningStrategy
from tradectl.strategy.parameters import Parameter

HEARD = {
    "on_trade": "trades, or candles as trades at their close",
    "on_quote": "quotes: the best bid and ask",
    "on_book": "the top of the order book",
    "on_bar": "bars",
    "on_timer": "a timer",
    "on_fill": "its fills",
    "on_order": "its orders",
}
MEANING = {
    "timeframe": "length of the bars, as 5m, 1h or 1d",
    "every": "how often its timer comes, as 30s, 1h or 7d",
}
COUNTED = {"on_bar": "bars", "on_quote": "quotes", "on_book": "books", "on_timer": "times"}
LONGEST_IDEA = 40


def described(name: str) -> StrategyDescription:
    """All that there is to know of the strategy `name`, by its parameters' defaults. Raises as
    `catalog.find` does, and UsageError for one that cannot be built."""
    cls = catalog.find(name)
    running = RunningStrategy(StrategyInstance("described", name), cls)
    need = running.warm_up_need()
    timeframes = [spell_timeframe(each) for each in running.timeframes()]
    unit = COUNTED.get(need.callback, "trades")
    return StrategyDescription(
        name=name,
        idea=_lines(cls),
        parameters={each: _parameter(each, p) for each, p in cls.parameters().items()},
        data=[HEARD[callback] for callback in running.callbacks],
        timeframes=timeframes,
        warm_up=need.count,
        warm_up_of=f"{unit} of {timeframes[0]}" if timeframes else unit,
        several_symbols=not cls.per_symbol,
        origin=catalog.describe(name).origin,
    )


def _lines(cls: type[Strategy]) -> str:
    lines = cleandoc(cls.__doc__ or "").split("\n")[:LONGEST_IDEA]
    return "\n".join(harmless(line) for line in lines)


def _parameter(name: str, known: Parameter) -> StrategyParameter:
    return StrategyParameter(
        type=known.type,
        default=known.default,
        low=known.low,
        high=known.high,
        choices=list(known.choices),
        meaning=harmless(known.meaning or MEANING.get(name, "")),
    )


__all__ = ["described"]
