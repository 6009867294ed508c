"""What the account may do, in numbers: the limits that every order and the whole account are held to."""

from decimal import Decimal
from typing import Annotated, Literal

from tradectl.domain.errors import ConfigError
from tradectl.domain.events import RiskAction
from tradectl.domain.money import ONE, ZERO, plain
from tradectl.domain.setting import (
    EITHER_MAY_LOOSEN,
    HIGHER_IS_LOOSER,
    LOWER_IS_LOOSER,
    Bounds,
    Limit,
    Percent,
    Section,
)
from tradectl.domain.time import MINUTE, SECOND
from tradectl.risk.order_limits import Budget, OrderLimits

Loss = Literal["daily_loss", "drawdown"]
PauseEnds = Literal["next-day", "resume"]
STEPS = ("alert", "pause", "halt")
OnHalt = Literal["reduce", "flatten"]


class SizeStep(Section, frozen=True, kw_only=True):
    """From a loss of `at_pct` percent on, positions are scaled by `size`."""

    section = "risk"

    at_pct: Annotated[Decimal, Bounds(gt=0, le=100), "of the loss"]
    size: Annotated[Decimal, Bounds(ge=0, lt=1), "what positions are scaled by; 0 closes them"]


class RiskLimits(OrderLimits, frozen=True, kw_only=True, omit_defaults=True):
    """What the account may do, in numbers.

    The defaults suit a paper account of 10,000 to 100,000 USDT. "none" switches a limit off. Shares are
    in percent (5 is 5%), money in the account's currency."""

    section = "risk"

    daily_loss_alert_pct: Annotated[
        Limit, "of the equity that the UTC day began with", HIGHER_IS_LOOSER
    ] = Decimal(8)
    daily_loss_pause_pct: Annotated[Limit, "the same: trading pauses", HIGHER_IS_LOOSER] = Decimal(
        10
    )
    daily_loss_halt_pct: Annotated[Limit, "the same: trading halts", HIGHER_IS_LOOSER] = Decimal(12)
    drawdown_alert_pct: Annotated[Limit, "of the highest equity there was", HIGHER_IS_LOOSER] = (
        Decimal(16)
    )
    drawdown_pause_pct: Annotated[Limit, "the same: trading pauses", HIGHER_IS_LOOSER] = Decimal(20)
    drawdown_halt_pct: Annotated[Limit, "the same: trading halts", HIGHER_IS_LOOSER] = Decimal(24)
    on_halt: Annotated[
        OnHalt,
        "what a loss limit's halt does; reduce: nothing enters any more, exits and stops go on until all "
        "is flat; flatten: every position is closed at once",
        EITHER_MAY_LOOSEN,
    ] = "reduce"

    daily_pause_ends: Annotated[
        PauseEnds,
        "what ends a pause by the day's loss, beside `tradectl resume`; one by drawdown lasts until then",
        EITHER_MAY_LOOSEN,
    ] = "next-day"

    daily_loss_sizes: Annotated[
        tuple[SizeStep, ...],
        "steps below these: positions are scaled as the day's loss grows, and back as it shrinks, such "
        "as { at_pct = 3, size = 0.5 }",
        EITHER_MAY_LOOSEN,
    ] = ()
    drawdown_sizes: Annotated[
        tuple[SizeStep, ...], "the same by the drawdown", EITHER_MAY_LOOSEN
    ] = ()

    volatility_target_pct: Annotated[
        Limit,
        "a position is scaled by this over its symbol's own volatility (of daily returns, a year of 365 "
        "days), within the bounds below; a symbol with too few days stays as it is",
        EITHER_MAY_LOOSEN,
    ] = None
    volatility_days: Annotated[
        int, Bounds(ge=2, le=3650), "daily returns that are measured", EITHER_MAY_LOOSEN
    ] = 30
    volatility_size_min: Annotated[
        Decimal, Bounds(gt=0, le=1), "the smallest scale", HIGHER_IS_LOOSER
    ] = Decimal("0.25")
    volatility_size_max: Annotated[
        Decimal,
        Bounds(ge=1, le=10),
        "the largest; above 1 also beyond `portfolio.max_weight`",
        HIGHER_IS_LOOSER,
    ] = ONE

    profit_lock_from_pct: Annotated[
        Limit,
        "once so much was made, a part of the most that was is locked in: back at that floor nothing is "
        "entered",
        HIGHER_IS_LOOSER,
    ] = None
    profit_lock_keep_pct: Annotated[Percent, "the part of it that is kept", LOWER_IS_LOOSER] = (
        Decimal(50)
    )
    profit_lock_of: Annotated[
        Literal["day", "run"],
        "the profit of the UTC day: the lock ends with the next; or of the run: it ends by `resume`",
        EITHER_MAY_LOOSEN,
    ] = "day"

    cooldown_losses: Annotated[
        int | None,
        Bounds(ge=1),
        "so many round trips in a row that lost money pause trading",
        HIGHER_IS_LOOSER,
    ] = None
    cooldown_loss_pct: Annotated[
        Limit, "the same once such trips in a row have lost so much of equity", HIGHER_IS_LOOSER
    ] = None
    cooldown_minutes: Annotated[
        int, Bounds(ge=1, le=100_000), "how long that lasts", LOWER_IS_LOOSER
    ] = 60

    breaker_move_pct: Annotated[
        Limit,
        "a symbol whose highest and lowest price of the window are further apart is not entered for a "
        "while, in percent of the lowest",
        HIGHER_IS_LOOSER,
    ] = None
    breaker_sigmas: Annotated[
        Limit,
        "the same in standard deviations of its daily returns (`volatility_days`), scaled to the window",
        HIGHER_IS_LOOSER,
    ] = None
    breaker_window_seconds: Annotated[
        int, Bounds(ge=10, le=86_400), "that window", EITHER_MAY_LOOSEN
    ] = 300
    breaker_minutes: Annotated[
        int,
        Bounds(ge=1, le=100_000),
        "how long it is not entered, from the last such move on",
        LOWER_IS_LOOSER,
    ] = 15

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_levels("daily_loss")
        self._check_levels("drawdown")
        self._check_sizes("daily_loss")
        self._check_sizes("drawdown")

    def sizes(self, loss: Loss) -> tuple[SizeStep, ...]:
        """Smallest loss first."""
        found: tuple[SizeStep, ...] = getattr(self, f"{loss}_sizes")
        return found

    @property
    def counts_trips(self) -> bool:
        return self.cooldown_losses is not None or self.cooldown_loss_pct is not None

    @property
    def breaks(self) -> bool:
        """There is a volatility breaker."""
        return self.breaker_move_pct is not None or self.breaker_sigmas is not None

    @property
    def breaker_window(self) -> int:
        """In ns."""
        return self.breaker_window_seconds * SECOND

    @property
    def breaker_time(self) -> int:
        """In ns."""
        return self.breaker_minutes * MINUTE

    @property
    def cooldown(self) -> int:
        """In ns."""
        return self.cooldown_minutes * MINUTE

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

    def _steps(self, loss: Loss) -> list[tuple[str, Decimal]]:
        """Those that are on, by name."""
        found = [(step, getattr(self, f"{loss}_{step}_pct")) for step in STEPS]
        return [(step, value) for step, value in found if value is not None]

    def _check_levels(self, loss: Loss) -> None:
        before, milder = Decimal(0), ""
        for step, value in self._steps(loss):
            name = f"{loss}_{step}_pct"
            if value <= before:
                raise ConfigError(
                    f"risk.{name}: expected a percentage above the {before} of {milder}, got {value}"
                )
            before, milder = value, name

    def _check_sizes(self, loss: Loss) -> None:
        before, size = ZERO, ONE
        for index, step in enumerate(self.sizes(loss)):
            if step.at_pct <= before or step.size >= size:
                raise ConfigError(
                    f"risk.{loss}_sizes[{index}]: expected a larger loss and a smaller size than the "
                    f"step before it ({before} and {size}), got {step.at_pct} and {step.size}"
                )
            before, size = step.at_pct, step.size
        halt = next((value for name, value in self._steps(loss) if name == "halt"), None)
        if halt is not None and before >= halt:
            raise ConfigError(
                f"risk.{loss}_sizes: expected steps below the {plain(halt)} of {loss}_halt_pct, at which "
                f"trading halts, got {plain(before)}"
            )


__all__ = ["Budget", "Loss", "RiskLimits", "SizeStep"]
