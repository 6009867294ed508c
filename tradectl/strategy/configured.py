"""A strategy as it is configured: which one, on what, with which share of the equity."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Struct

from tradectl.domain.brackets import NO_BRACKET, Bracket
from tradectl.domain.errors import UsageError
from tradectl.domain.money import ONE, is_sane
from tradectl.domain.setting import HOT, Reload, Share
from tradectl.domain.text import harmless
from tradectl.strategy.base import Strategy
from tradectl.strategy.parameters import Value

WARMED_BY = ("on_bar", "on_trade", "on_quote", "on_book", "on_timer")
"""The callback whose calls count, of those that a strategy has: the rarest of those for data."""

AS_IT_BEGAN = Reload(refused="it says what the strategy is, and that stays while a run trades")
SIZED_BY = Reload(refused="positions that are there were sized by it")
EXITS = Reload(refused="exits that rest were placed by it")


class StrategyInstance(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One strategy to run."""

    name: Annotated[str, "what it is called in orders, statistics and alerts", AS_IT_BEGAN]
    strategy: Annotated[
        str, "a name that `tradectl strategies` lists, or path/to/file.py:ClassName", AS_IT_BEGAN
    ]
    symbols: Annotated[
        tuple[str, ...],
        "those whose data it gets and that it trades; none means every symbol",
        AS_IT_BEGAN,
    ] = ()
    trades: Annotated[
        str,
        "the symbol that its signals are about, where that is not the one whose data it gets",
        AS_IT_BEGAN,
    ] = ""
    routed: Annotated[
        bool,
        "of those exchanges where its symbol is listed (as name:SYMBOL among the run's symbols) an entry "
        "goes to the one that is best by price, fee and depth, and an exit where the position is",
        AS_IT_BEGAN,
    ] = False
    parameters: Annotated[
        dict[str, Value], "by name, as `tradectl strategies` lists them", HOT
    ] = {}
    allocation: Annotated[Share, "share of the equity", SIZED_BY] = ONE
    bracket: Annotated[
        Bracket,
        "exits of its positions: `stop_loss_pct`, `take_profit_pct`, `trailing_pct`, ...",
        EXITS,
    ] = NO_BRACKET

    def reach(self, symbols: tuple[str, ...]) -> tuple[str, ...]:
        """Those of a run's `symbols` that its signals may be about."""
        if self.routed and symbols:
            return tuple(s for s in symbols if self.hears(s)[0] in self.symbols)
        return (self.trades,) if self.trades else self.symbols or symbols

    def hears(self, symbol: str) -> tuple[str, ...]:
        """By the data of which symbols it speaks of this one."""
        if self.routed:
            return next(((s,) for s in self.symbols if is_listed(s, symbol)), (symbol,))
        return self.symbols if self.trades else (symbol,)


def is_listed(symbol: str, elsewhere: str) -> bool:
    """`elsewhere` is the symbol itself, or the same at an exchange that it names."""
    return elsewhere == symbol or elsewhere.endswith(f":{symbol}")


def listings_of(symbol: str, symbols: Iterable[str]) -> tuple[str, ...]:
    """The symbol and the same of other exchanges, of a run's `symbols`, in their order."""
    return tuple(each for each in symbols if is_listed(symbol, each))


DEFAULT_STRATEGY = StrategyInstance(name="ema-cross", strategy="ema-cross")
"""What trades where nobody has chosen."""


def check(config: StrategyInstance, cls: type[Strategy]) -> None:
    """Raises UsageError for what cannot be run."""
    where = f"strategy {harmless(config.name, 60)!r}"
    if not config.name or harmless(config.name, 100) != config.name:
        raise UsageError(f"{where}: expected a name of 1 to 100 printable characters")
    if not (is_sane(config.allocation) and config.allocation >= 0):
        raise UsageError(f"{where}: allocation must not be negative, got {config.allocation}")
    if not cls.callbacks():
        raise UsageError(f"{where}: {cls.__name__} has none of on_trade, on_quote and on_bar")
    if not set(WARMED_BY).intersection(cls.callbacks()):
        raise UsageError(
            f"{where}: {cls.__name__} hears of its orders alone: give it on_trade, on_quote, on_bar or "
            "on_timer"
        )


__all__ = [
    "DEFAULT_STRATEGY",
    "WARMED_BY",
    "StrategyInstance",
    "check",
    "is_listed",
    "listings_of",
]
