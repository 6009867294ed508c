"""Following a breakout: a price not seen for n bars is the start of something (Donchian; the Turtles)."""

from __future__ import annotations

from tradectl.domain.events import BarEvent
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.indicators import Donchian
from tradectl.strategy.parameters import param


class DonchianBreakout(Strategy):
    """Long when a bar goes above the high of the `entry` bars before it, out below the low of `exit`.

    Short in the mirror: below the low of `entry` bars, out above the high of `exit`. A bar that goes
    beyond both begins nothing.

    Most breakouts come to nothing: in a market that goes sideways each of them is a small loss, and it
    needs the few that run.
    """

    entry: int = param(20, 1, 10_000, "bars whose high or low is broken to enter")
    exit: int = param(10, 1, 10_000, "bars whose low or high is broken to leave")

    def check(self) -> None:
        if self.exit > self.entry:
            raise ValueError(
                f"exit, {self.exit}, must not be above entry, {self.entry}: lower exit"
            )

    def start(self) -> None:
        self._entry = Donchian(self.entry)
        self._exit = Donchian(self.exit)
        self._side = 0

    def on_bar(self, bar: BarEvent) -> Signal | None:
        before, leave = self._entry.value, self._exit.value
        high, low = float(bar.high), float(bar.low)
        self._entry.update(high, low)
        self._exit.update(high, low)
        if before is None or leave is None:
            return None
        return self._judge(high, low, before, leave)

    def _judge(
        self, high: float, low: float, before: tuple[float, float], leave: tuple[float, float]
    ) -> Signal | None:
        side, above, below = self._side, high > before[0], low < before[1]
        if above and not below and side <= 0:
            self._turn(1, high, low, before)
            return self.long(reason=f"above the high of {self.entry} bars")
        if below and not above and side >= 0:
            self._turn(-1, high, low, before)
            return self.short(reason=f"below the low of {self.entry} bars")
        if side > 0 and low < leave[1]:
            self._turn(0, high, low, leave)
            return self.flat(reason=f"below the low of {self.exit} bars")
        if side < 0 and high > leave[0]:
            self._turn(0, high, low, leave)
            return self.flat(reason=f"above the high of {self.exit} bars")
        return None

    def _turn(self, side: int, high: float, low: float, channel: tuple[float, float]) -> None:
        self._side = side
        self.note(high=high, low=low, channel_high=channel[0], channel_low=channel[1])
