"""The bars that strategies hear, made again of the market data: a journal has the data alone.

Of strategies whose bars' length is known without running anybody's code: those that come with tradectl,
and those whose configuration says it.
"""

from __future__ import annotations

from collections.abc import Iterable

from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent, QuoteEvent
from tradectl.strategy.bars import BarBuilder, parse_timeframe
from tradectl.strategy.catalog import BUILT_IN, find
from tradectl.strategy.configured import StrategyInstance


class HeardBars:
    """Takes market data; has the newest finished bar of each strategy and symbol."""

    def __init__(self, instances: Iterable[StrategyInstance]) -> None:
        self._lengths: dict[str, int] = {}
        self._instances: dict[str, StrategyInstance] = {}
        self.are_heard_by(instances)
        self._builders: dict[tuple[str, int], BarBuilder] = {}
        self._newest: dict[tuple[str, int], BarEvent] = {}

    def are_heard_by(self, instances: Iterable[StrategyInstance]) -> None:
        """These, from now on."""
        self._lengths.clear()
        for each in instances:
            length = _length(each)
            if length:
                self._lengths[each.name] = length
                self._instances[each.name] = each

    def take(self, event: MarketDataEvent, at: int) -> None:
        if isinstance(event, QuoteEvent | BarOpened):
            return
        for length in dict.fromkeys(self._lengths.values()):
            key = event.symbol, length
            builder = self._builders.get(key)
            if builder is None:
                builder = self._builders[key] = BarBuilder(length)
            for bar in builder.update(event, at):
                self._newest[key] = bar

    def are_known_of(self, strategy: str) -> bool:
        """Those that the strategy hears."""
        return strategy in self._lengths

    def newest(self, strategy: str, symbol: str) -> BarEvent | None:
        """The last one that the strategy had heard as it spoke of the symbol; None where it hears none
        that are known."""
        length = self._lengths.get(strategy)
        if length is None:
            return None
        hears = self._instances[strategy].hears(symbol) or (symbol,)
        return self._newest.get((hears[0], length))


def _length(instance: StrategyInstance) -> int:
    """In ns; 0 where it hears no bars, or it is not known."""
    said = instance.parameters.get("timeframe")
    if instance.strategy in BUILT_IN:
        cls = find(instance.strategy)
        if "on_bar" not in cls.callbacks():
            return 0
        said = said or cls.timeframe
    return parse_timeframe(said) if isinstance(said, str) else 0


__all__ = ["HeardBars"]
