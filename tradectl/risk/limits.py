"""What the account may do, in numbers: the limits that every order and the whole account are held to."""

from decimal import Decimal
from typing import Annotated, Literal, Self

import msgspec
from msgspec import field

from tradectl.domain.errors import ConfigError
from tradectl.domain.events import RiskAction
from tradectl.domain.money import is_sane
from tradectl.domain.setting import Bounds, Limit, Section
from tradectl.domain.time import SECOND

Loss = Literal["daily_loss", "drawdown"]
PauseEnds = Literal["next-day", "resume"]
STEPS = ("alert", "pause", "halt")
OnHalt = Literal["reduce", "flatten"]


class RiskLimits(Section, frozen=True, kw_only=True, omit_defaults=True):
    """What the account may do, in numbers.

    The defaults suit a paper account of 10,000 to 100,000 USDT. "none" switches a limit off. Shares are
    in percent (5 is 5%), money in the account's currency."""

    section = "risk"

    max_order_notional: Annotated[Limit, "of one order that does more than reduce a position"] = (
        Decimal(50_000)
    )
    max_position_notional: Annotated[
        Limit, "of one symbol, its working orders counted as filled"
    ] = Decimal(50_000)
    max_gross_notional: Annotated[
        Limit, "of all positions, long and short added up, working orders counted as filled"
    ] = Decimal(200_000)
    max_leverage: Annotated[Limit, "the same as a multiple of equity"] = Decimal(2)
    max_order_quantity: Annotated[
        dict[str, Decimal],
        'coins in one order that does more than reduce a position, by symbol; "*" is of those not named',
    ] = field(default_factory=dict)
    min_equity: Annotated[
        Limit, "capital threshold: nothing is entered while equity is below it"
    ] = None
    restricted_symbols: Annotated[
        tuple[str, ...], "nothing is entered in these; what is held of them may be reduced"
    ] = ()
    self_match_prevention: Annotated[
        bool, "no entry at a price at which it would trade with a resting order of ours"
    ] = True
    price_collar_pct: Annotated[
        Limit,
        "how far a limit or stop price may be from the mark, in percent of the mark, either way",
    ] = Decimal(10)
    fee_margin_pct: Annotated[
        Decimal,
        Bounds(ge=0),
        "cash that a spot buy must leave for fees and slippage, in percent of its notional",
    ] = Decimal("0.2")

    max_orders_per_second: Annotated[
        int | None,
        Bounds(ge=1),
        "average over the window below; a burst may use all of the window's orders at once",
    ] = 10
    rate_window_seconds: Annotated[int, Bounds(ge=1), "length of that window"] = 10
    max_messages_per_second: Annotated[
        int | None,
        Bounds(ge=1),
        "orders and cancels together, over the same window; it holds back entries alone",
    ] = 20
    max_repeated_executions: Annotated[
        int | None,
        Bounds(ge=1, le=1000),
        "so many orders of one strategy, symbol and side that are executed within the time below pause "
        "trading until `tradectl resume`",
    ] = None
    repeated_window_seconds: Annotated[int, Bounds(ge=1), "that time"] = 60
    max_working_orders: Annotated[
        int | None,
        Bounds(ge=1),
        "orders that may still trade, this one not counted (`max_concurrent_orders`)",
    ] = 100
    duplicate_window_ms: Annotated[
        int,
        Bounds(ge=0),
        "an order that repeats the symbol's last one within this time is a mistake; 0: off",
    ] = 500

    max_data_age_seconds: Annotated[
        Limit,
        "no entry on market data older than this; a run on an exchange's data has it at "
        "`feed.stale_after_seconds` where it is off",
    ] = None

    history_days: Annotated[
        int,
        Bounds(ge=2, le=3650),
        "daily returns that value at risk looks at; the prices at the ends of days are kept so long",
    ] = 365
    history_files: Annotated[
        tuple[str, ...],
        "files of recorded candles or trades that a paper or live run takes the days before it from",
    ] = ()
    stress: Annotated[
        dict[str, dict[str, Decimal]],
        "shocks that `tradectl risk` reckons with, by their names: the move of each symbol's price in "
        'percent, "*" of those not named, such as crash = { BTCUSDT = -30, "*" = -20 }',
    ] = field(default_factory=dict)

    daily_loss_alert_pct: Annotated[Limit, "of the equity that the UTC day began with"] = Decimal(8)
    daily_loss_pause_pct: Annotated[Limit, "the same: trading pauses"] = Decimal(10)
    daily_loss_halt_pct: Annotated[Limit, "the same: trading halts"] = Decimal(12)
    drawdown_alert_pct: Annotated[Limit, "of the highest equity there was"] = Decimal(16)
    drawdown_pause_pct: Annotated[Limit, "the same: trading pauses"] = Decimal(20)
    drawdown_halt_pct: Annotated[Limit, "the same: trading halts"] = Decimal(24)
    on_halt: Annotated[
        OnHalt,
        "what a loss limit's halt does; reduce: nothing enters any more, exits and stops go on until all "
        "is flat; flatten: every position is closed at once",
    ] = "reduce"

    daily_pause_ends: Annotated[
        PauseEnds,
        "what ends a pause by the day's loss, beside `tradectl resume`; one by drawdown lasts until then",
    ] = "next-day"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_quantities()
        self._check_shocks()
        self._check_levels("daily_loss")
        self._check_levels("drawdown")

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

    def levels(self, loss: Loss) -> tuple[tuple[Decimal, RiskAction], ...]:
        """The (percent, action) that are on, mildest first."""
        halt = RiskAction.FLATTEN if self.on_halt == "flatten" else RiskAction.REDUCE
        actions = {"alert": RiskAction.ALERT, "pause": RiskAction.PAUSE, "halt": halt}
        return tuple((value, actions[step]) for step, value in self._steps(loss))

    def no_entries_from(self, loss: Loss) -> Decimal | None:
        """The percentage from which on no position is opened or enlarged."""
        return next(
            (value for value, action in self.levels(loss) if action is not RiskAction.ALERT), None
        )

    def with_at_most(self, orders: int | None) -> Self:
        """These limits with no more than so many working orders; None leaves them as they are."""
        own = self.max_working_orders
        if orders is None or (own is not None and own <= orders):
            return self
        return msgspec.structs.replace(self, max_working_orders=orders)

    def _steps(self, loss: Loss) -> list[tuple[str, Decimal]]:
        """Those that are on, by name."""
        found = [(step, getattr(self, f"{loss}_{step}_pct")) for step in STEPS]
        return [(step, value) for step, value in found if value is not None]

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

    def _check_levels(self, loss: Loss) -> None:
        before, milder = Decimal(0), ""
        for step, value in self._steps(loss):
            name = f"{loss}_{step}_pct"
            if value <= before:
                raise ConfigError(
                    f"risk.{name}: expected a percentage above the {before} of {milder}, got {value}"
                )
            before, milder = value, name
