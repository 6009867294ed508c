"""The limits that each order is asked: what it may be, how often one may come, and what it may make of
the account. And how far back, and at which shocks, people look.
"""

from decimal import Decimal
from typing import Annotated, Self

import msgspec
from msgspec import field

from tradectl.domain.errors import ConfigError
from tradectl.domain.money import is_sane
from tradectl.domain.setting import (
    EITHER_MAY_LOOSEN,
    HIGHER_IS_LOOSER,
    HOT,
    LOWER_IS_LOOSER,
    Bounds,
    Limit,
    Reload,
    Section,
)
from tradectl.domain.time import SECOND

KEPT_FROM_THE_START = Reload(
    refused="what it looks at is kept, or read, from the start of a run on"
)


class Budget(Section, frozen=True, kw_only=True):
    """What the positions of some `symbols`, or of some `strategies`, may come to, long and short added
    up, working orders counted as filled."""

    section = "risk.budgets"

    name: Annotated[str, "as it is shown"]
    symbols: Annotated[tuple[str, ...], "whose positions it counts"] = ()
    strategies: Annotated[tuple[str, ...], "whose own positions it counts, of all symbols"] = ()
    max_pct: Annotated[Decimal, Bounds(gt=0), "of equity"]

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.symbols) == bool(self.strategies):
            raise ConfigError(
                f"risk.budgets: {self.name!r:.60}: expected either symbols or strategies"
            )


class OrderLimits(Section, frozen=True, kw_only=True, omit_defaults=True):
    """See `RiskLimits`, of which these are the first part."""

    section = "risk"

    max_order_notional: Annotated[
        Limit, "of one order that does more than reduce a position", HIGHER_IS_LOOSER
    ] = Decimal(50_000)
    max_position_notional: Annotated[
        Limit, "of one symbol, its working orders counted as filled", HIGHER_IS_LOOSER
    ] = Decimal(50_000)
    max_gross_notional: Annotated[
        Limit,
        "of all positions, long and short added up, working orders counted as filled",
        HIGHER_IS_LOOSER,
    ] = Decimal(200_000)
    max_leverage: Annotated[Limit, "the same as a multiple of equity", HIGHER_IS_LOOSER] = Decimal(
        2
    )
    max_order_quantity: Annotated[
        dict[str, Decimal],
        'coins in one order that does more than reduce a position, by symbol; "*" is of those not named',
        HIGHER_IS_LOOSER,
    ] = field(default_factory=dict)
    min_equity: Annotated[
        Limit, "capital threshold: nothing is entered while equity is below it", LOWER_IS_LOOSER
    ] = None
    restricted_symbols: Annotated[
        tuple[str, ...],
        "nothing is entered in these, at any exchange, or as name:SYMBOL at that one; what is held of "
        "them may be reduced",
        LOWER_IS_LOOSER,
    ] = ()
    self_match_prevention: Annotated[
        bool,
        "no entry at a price at which it would trade with a resting order of ours",
        LOWER_IS_LOOSER,
    ] = True
    price_collar_pct: Annotated[
        Limit,
        "how far a limit or stop price may be from the mark, in percent of the mark, either way",
        HIGHER_IS_LOOSER,
    ] = Decimal(10)
    fee_margin_pct: Annotated[
        Decimal,
        Bounds(ge=0),
        "cash that a spot buy must leave for fees and slippage, in percent of its notional",
        LOWER_IS_LOOSER,
    ] = Decimal("0.2")

    max_orders_per_second: Annotated[
        int | None,
        Bounds(ge=1),
        "average over the window below; a burst may use all of the window's orders at once",
        HIGHER_IS_LOOSER,
    ] = 10
    rate_window_seconds: Annotated[
        int, Bounds(ge=1), "length of that window", EITHER_MAY_LOOSEN
    ] = 10
    max_messages_per_second: Annotated[
        int | None,
        Bounds(ge=1),
        "orders and cancels together, over the same window; it holds back entries alone",
        HIGHER_IS_LOOSER,
    ] = 20
    max_repeated_executions: Annotated[
        int | None,
        Bounds(ge=1, le=1000),
        "so many orders of one strategy, symbol and side that are executed within the time below pause "
        "trading until `tradectl resume`",
        HIGHER_IS_LOOSER,
    ] = None
    repeated_window_seconds: Annotated[int, Bounds(ge=1), "that time", LOWER_IS_LOOSER] = 60
    max_working_orders: Annotated[
        int | None,
        Bounds(ge=1),
        "orders that may still trade, this one not counted; none: `orchestrator.max_concurrent_orders`, "
        "which is the most it can be",
        HIGHER_IS_LOOSER,
    ] = None
    duplicate_window_ms: Annotated[
        int,
        Bounds(ge=0),
        "an order that repeats the symbol's last one within this time is a mistake; 0: off",
        LOWER_IS_LOOSER,
    ] = 500

    max_data_age_seconds: Annotated[
        Limit,
        "no entry on market data older than this; a run on an exchange's data has it at "
        "`feed.stale_after_seconds` where it is off",
        HIGHER_IS_LOOSER,
    ] = None

    max_same_direction: Annotated[
        int | None,
        Bounds(ge=1),
        "positions on one side, long or short, symbols with working entries counted",
        HIGHER_IS_LOOSER,
    ] = None
    max_same_direction_notional: Annotated[
        Limit, "of all positions on one side, working orders counted as filled", HIGHER_IS_LOOSER
    ] = None
    budgets: Annotated[
        tuple[Budget, ...],
        "how much of equity some symbols or strategies may have at work together, such as "
        '{ name = "majors", symbols = ["BTCUSDT", "ETHUSDT"], max_pct = 60 }',
        EITHER_MAY_LOOSEN,
    ] = ()
    history_days: Annotated[
        int,
        Bounds(ge=2, le=3650),
        "daily returns that value at risk looks at; the prices at the ends of days are kept so long",
        KEPT_FROM_THE_START,
    ] = 365
    history_files: Annotated[
        tuple[str, ...],
        "files of recorded candles or trades that a paper or live run takes the days before it from",
        KEPT_FROM_THE_START,
    ] = ()
    stress: Annotated[
        dict[str, dict[str, Decimal]],
        "shocks that `tradectl risk` reckons with, by their names: the move of each symbol's price in "
        'percent, "*" of those not named, such as crash = { BTCUSDT = -30, "*" = -20 }',
        HOT,
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_quantities()
        self._check_shocks()
        names = [budget.name for budget in self.budgets]
        if len({*names}) < len(names):
            raise ConfigError("risk.budgets: two have the same name: give one another")

    def most_coins(self, symbol: str) -> Decimal | None:
        """In one order of the symbol; None where there is no limit."""
        return self.max_order_quantity.get(symbol, self.max_order_quantity.get("*"))

    @property
    def stale_after(self) -> int | None:
        """Older market data is stale, ns."""
        age = self.max_data_age_seconds
        return None if age is None else int(age * SECOND)

    @property
    def message_window(self) -> tuple[int, int] | None:
        """How many messages may leave in how many ns; None where there is no limit."""
        if self.max_messages_per_second is None:
            return None
        seconds = self.rate_window_seconds
        return self.max_messages_per_second * seconds, seconds * SECOND

    @property
    def repeated_window(self) -> tuple[int, int] | None:
        """How many executions may be alike in how many ns; None where there is no limit."""
        if self.max_repeated_executions is None:
            return None
        return self.max_repeated_executions, self.repeated_window_seconds * SECOND

    def with_at_most(self, orders: int | None) -> Self:
        """These limits with no more than so many working orders; None leaves them as they are."""
        own = self.max_working_orders
        if orders is None or (own is not None and own <= orders):
            return self
        return msgspec.structs.replace(self, max_working_orders=orders)

    def _check_quantities(self) -> None:
        for symbol, most in self.max_order_quantity.items():
            if not isinstance(most, Decimal) or not is_sane(most) or most <= 0:
                raise ConfigError(
                    f"risk.max_order_quantity.{symbol:.60}: expected a number of coins above 0, "
                    f"got {most!s:.60}"
                )

    def _check_shocks(self) -> None:
        for name, moves in self.stress.items():
            for symbol, move in moves.items():
                if not isinstance(move, Decimal) or not is_sane(move) or move < -100:
                    raise ConfigError(
                        f"risk.stress.{name:.60}.{symbol:.60}: expected a move in percent, from -100 up, "
                        f"got {move!s:.60}"
                    )


__all__ = ["Budget", "OrderLimits"]
