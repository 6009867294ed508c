"""How an order is worked: at once, or as a plan of child orders over time.

An order with a plan never leaves itself. Risk approves it as an envelope, it counts in every limit once,
and what leaves are its children: each is an order of its own, names its parent, and stays within what
the parent has left. A plan is a part of its order and is journalled with it: what a run began, the next
one goes on with, whatever the configuration says by then.
"""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from tradectl.domain.money import ZERO


class Algorithm(StrEnum):
    TWAP = "twap"
    """equal parts, one at each interval"""
    VWAP = "vwap"
    """parts in proportion to the volume that each interval usually has"""
    ARRIVAL = "arrival"
    """most of it early: what waits may move away from the price of now (Almgren and Chriss)"""
    POV = "pov"
    """a share of what the market trades"""
    ICEBERG = "iceberg"
    """a part rests at a price, and the next one once it is filled"""
    PEG = "peg"
    """it rests at the best price of its own side and follows it; what is left at the end is taken"""


class Rest(StrEnum):
    """What becomes of that which was refused, or not filled, when the time is over."""

    SENT = "sent"
    """one more order takes it"""
    LEFT = "left"
    """it is not done"""


class ExecutionPlan(Struct, frozen=True, gc=False, omit_defaults=True):
    """An `algorithm` and its parameters. It begins when its order was made, looks at what is to be done
    every `interval` and ends after `horizon`, both in ns.

    `volumes` are the usual ones of equal parts of a day, UTC (vwap), `urgency` is kappa x horizon of
    Almgren and Chriss (arrival), `participation` a share of the market's volume (pov), `visible` the
    part in coins that rests (iceberg). `slowed_at` and `stopped_at`: a slippage against the arrival
    price, in hundredths of a percent, over which every second interval is left out, or the plan ends;
    `arrival` is that price. `slowed_at_mid` and `stopped_at_mid`: the same of what its fills cost against
    the middle of the market as each child was made.
    """

    algorithm: Algorithm
    horizon: int
    interval: int
    rest: Rest = Rest.SENT
    volumes: tuple[Decimal, ...] = ()
    urgency: Decimal = ZERO
    participation: Decimal = ZERO
    visible: Decimal = ZERO
    slowed_at: Decimal | None = None
    stopped_at: Decimal | None = None
    arrival: Decimal | None = None
    slowed_at_mid: Decimal | None = None
    stopped_at_mid: Decimal | None = None

    @property
    def watches_mid(self) -> bool:
        return self.slowed_at_mid is not None or self.stopped_at_mid is not None

    @property
    def intervals(self) -> int:
        """How many begin before it ends."""
        return max(1, self.horizon // self.interval)


__all__ = ["Algorithm", "ExecutionPlan", "Rest"]
