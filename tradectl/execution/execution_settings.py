"""How orders are worked: all at once, or by an algorithm; for all, for one strategy, for one symbol."""

from decimal import Decimal
from typing import Annotated, Literal

from tradectl.domain.errors import ConfigError
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO, plain
from tradectl.domain.plans import Algorithm, ExecutionPlan, Rest
from tradectl.domain.setting import Bounds, Reload, Section
from tradectl.domain.time import SECOND

AlgorithmName = Literal["none", "twap", "vwap", "arrival", "pov", "iceberg", "peg"]
Seconds = Annotated[Decimal, Bounds(ge=Decimal("0.1"), le=604_800)]
Basis = Annotated[Decimal | None, Bounds(gt=0, lt=10_000)]
MOST_CHILDREN = 10_000


class HowOrdersAreWorked(Section, frozen=True, kw_only=True, omit_defaults=True):
    """The algorithm of some orders, and its parameters."""

    section = "execution"
    reload = Reload(refused="orders that are being worked are worked by it")

    algorithm: Annotated[
        AlgorithmName,
        "none: an order leaves whole. twap: equal parts; vwap: by the usual volume; arrival: early; pov: "
        "a share of the market's volume; iceberg: a part rests; peg: rests at the best price, then takes",
    ] = "none"
    horizon_seconds: Annotated[Seconds, "from the first child order to the end"] = Decimal(60)
    interval_seconds: Annotated[Seconds, "from one child order to the next"] = Decimal(5)
    rest: Annotated[
        Literal["sent", "left"],
        "what was refused or not filled by the end: one more order takes it, or it is left (of pov that "
        "may be most of it: `left` keeps to the share)",
    ] = "sent"
    exits: Annotated[
        bool,
        "orders that reduce a position are worked by it, too; on spot not where stops are set, which "
        "would be away meanwhile. Without it a turn is worked as two_orders (portfolio.turn): the one "
        "that closes leaves whole. Protective stops never are",
    ] = False
    min_notional: Annotated[
        Decimal, Bounds(ge=0), "quote currency; a smaller order leaves whole"
    ] = ZERO
    volume_profile: Annotated[
        tuple[Decimal, ...],
        "vwap: the usual volume of equal parts of a day (UTC), such as 24 numbers for its hours, as "
        "`tradectl data volume FILE` tells it",
    ] = ()
    urgency: Annotated[
        Decimal,
        Bounds(ge=0, le=50),
        "arrival: kappa x horizon of Almgren and Chriss; 0 is twap, 3 does 78% in the first half",
    ] = Decimal(3)
    participation: Annotated[
        Decimal, Bounds(gt=0, le=1), "pov: the share of what the market trades (0.1 is 10%)"
    ] = Decimal("0.1")
    visible_share: Annotated[
        Decimal, Bounds(gt=0, le=1), "iceberg: the part of the order that rests at one time"
    ] = Decimal("0.1")
    slow_at_bps: Annotated[
        Basis,
        "slippage from the price as the order was made over which every second interval is left out",
    ] = None
    stop_at_bps: Annotated[Basis, "the same over which it ends"] = None
    slow_at_mid_bps: Annotated[
        Basis,
        "what its fills cost against the middle of the market as each child was made, over which every "
        "second interval is left out: the spread and our own impact, whatever the market did since",
    ] = None
    stop_at_mid_bps: Annotated[Basis, "the same over which it ends"] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.interval_seconds > self.horizon_seconds:
            raise ConfigError(
                f"{self.section}.interval_seconds: expected no more than horizon_seconds "
                f"({self.horizon_seconds}), got {self.interval_seconds}"
            )
        if self.horizon_seconds / self.interval_seconds > MOST_CHILDREN:
            raise ConfigError(
                f"{self.section}.interval_seconds: expected at most {MOST_CHILDREN:,} of them in "
                f"horizon_seconds ({self.horizon_seconds}), got {self.interval_seconds}"
            )
        self._check_budget("slow_at_bps", "stop_at_bps")
        self._check_budget("slow_at_mid_bps", "stop_at_mid_bps")
        profile = self.volume_profile
        if self.algorithm == "vwap" and (not profile or min(profile) <= 0):
            raise ConfigError(
                f"{self.section}.volume_profile: vwap needs the usual volume of equal parts of a day, "
                "each above 0, such as 24 numbers"
            )

    def _check_budget(self, slows: str, stops: str) -> None:
        slow, stop = getattr(self, slows), getattr(self, stops)
        if slow is not None and stop is not None and slow >= stop:
            raise ConfigError(
                f"{self.section}.{slows}: expected less than {stops} ({plain(stop)}), at which it ends, "
                f"got {plain(slow)}"
            )

    def plan(
        self, quantity: Decimal, mark: Decimal, instrument: Instrument, *, reduces: bool
    ) -> ExecutionPlan | None:
        """For an order of `quantity` coins at a price of `mark`; None where it leaves whole."""
        if self.algorithm == "none" or (reduces and not self.exits):
            return None
        if quantity * mark < self.min_notional:
            return None
        algorithm, visible = Algorithm(self.algorithm), ZERO
        if algorithm is Algorithm.ICEBERG:
            visible = instrument.floor_quantity(quantity * self.visible_share)
            visible = min(max(visible, _smallest(instrument, mark)), quantity)
        return ExecutionPlan(
            algorithm=algorithm,
            horizon=int(self.horizon_seconds * SECOND),
            interval=int(self.interval_seconds * SECOND),
            rest=Rest(self.rest),
            volumes=self.volume_profile if algorithm is Algorithm.VWAP else (),
            urgency=self.urgency if algorithm is Algorithm.ARRIVAL else ZERO,
            participation=self.participation if algorithm is Algorithm.POV else ZERO,
            visible=visible,
            slowed_at=None if reduces else self.slow_at_bps,
            stopped_at=None if reduces else self.stop_at_bps,
            arrival=mark,
            slowed_at_mid=None if reduces else self.slow_at_mid_bps,
            stopped_at_mid=None if reduces else self.stop_at_mid_bps,
        )


class ExecutionRule(HowOrdersAreWorked, frozen=True, kw_only=True, omit_defaults=True):
    """Another one for the orders of a strategy, of a symbol, or of a strategy in a symbol."""

    section = "execution.rules"

    strategy: Annotated[str, "the strategy's name; without it, of every strategy"] = ""
    symbol: Annotated[str, "without it, of every symbol"] = ""


class ExecutionSettings(HowOrdersAreWorked, frozen=True, kw_only=True, omit_defaults=True):
    """How orders are worked: whole, or by an algorithm as child orders over time."""

    rules: Annotated[
        tuple[ExecutionRule, ...],
        "[[execution.rules]]: another algorithm for a strategy, a symbol, or both; the closest counts",
    ] = ()

    def how(self, symbol: str, owners: tuple[str, ...]) -> HowOrdersAreWorked:
        """The closest there is for an order of these strategies: for its strategy in the symbol, for the
        strategy, for the symbol, for all. An order of several strategies is nobody's own."""
        name = owners[0] if len(owners) == 1 else ""
        found: HowOrdersAreWorked = self
        closeness = 0
        for rule in self.rules:
            if rule.strategy not in ("", name) or rule.symbol not in ("", symbol):
                continue
            close = 1 + 2 * bool(rule.strategy) + bool(rule.symbol)
            if close > closeness:
                found, closeness = rule, close
        return found

    @property
    def is_plain(self) -> bool:
        """Every order leaves whole."""
        return self.algorithm == "none" and not self.rules


def _smallest(instrument: Instrument, mark: Decimal) -> Decimal:
    """The smallest order that the exchange takes, in lots."""
    least = instrument.min_quantity
    if mark > 0 and instrument.min_notional:
        least = max(least, instrument.min_notional / mark)
    floored = instrument.floor_quantity(least)
    return floored if floored >= least else floored + instrument.lot_size


__all__ = ["ExecutionRule", "ExecutionSettings", "HowOrdersAreWorked"]
