"""The strategy that `tradectl new strategy` writes to begin with, and its tests: both work as they are.

They are Python as it stands, of a strategy `MyStrategy` in `my_strategy.py`; the names are put in.
"""

from __future__ import annotations

STRATEGY = '''\
"""A strategy to begin with: change it bit by bit, and run its tests (`pytest test_my_strategy.py`).

    tradectl backtest --data FILE --strategy my_strategy.py:MyStrategy
    tradectl run --strategy my_strategy.py:MyStrategy                # paper money
"""

from __future__ import annotations

from tradectl.events import BarEvent
from tradectl.strategy import Atr, Signal, Sma, Strategy, param


class MyStrategy(Strategy):
    """Long once the price closes well above its average, out once it closes well below it."""

    # Parameters: annotated, with a default, a range and a word on what they are. `--set
    # strategy.length=50` sets one, and so does the configuration; what is out of its range is refused
    # before anything runs. `timeframe`, the length of the bars, is one as well: `--set
    # strategy.timeframe=1h`. What contradicts each other is for `check` to refuse.
    length: int = param(20, 1, 1_000, "bars in the average, and in the usual range")
    band: float = param(0.5, 0, 100, "how far is well above or below, in usual ranges of a bar")

    def start(self) -> None:
        """Called once, for each symbol. Before it trades it is shown as much as its indicators need."""
        self._average = Sma(self.length)
        self._range = Atr(self.length)
        self._is_long = False

    def on_bar(self, bar: BarEvent) -> Signal | None:
        """A finished bar; `on_trade` and `on_quote` would get trades and quotes, `on_timer` the time, and
        `on_fill` what was bought or sold for it. What it holds is `self.position`.

        Say what you want to hold: `self.long()`, `self.short()`, `self.flat()`, or None for no change.
        How much of it is bought is decided by portfolio and risk. Decide by nothing but the events: no
        clock, no files, no random numbers, or the run cannot be replayed.
        """
        close = float(bar.price)
        average = self._average.update(close)
        usual = self._range.update(float(bar.high), float(bar.low), close)
        if average is None or usual is None:
            return None  # too few bars so far
        margin = self.band * usual
        self.note(average=average, margin=margin)  # for `tradectl why`
        if not self._is_long and close > average + margin:
            self._is_long = True
            return self.long(reason="well above its average")
        if self._is_long and close < average - margin:
            self._is_long = False
            return self.flat(reason="well below its average")
        return None
'''

TESTS = '''\
"""What MyStrategy does, on candles made up for it: `pytest test_my_strategy.py`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tradectl import backtest
from tradectl.domain.errors import UsageError
from tradectl.events import BarEvent
from tradectl.strategy import Signal, Strategy
from tradectl.strategy.catalog import find

MINUTE_MS = 60_000
CHOSEN = f"{Path(__file__).with_name('my_strategy.py')}:MyStrategy"

UP = [float(price) for price in range(100, 130)]
DOWN = [float(price) for price in range(130, 90, -1)]


def strategy(**parameters: object) -> Strategy:
    """Loaded as a run loads it."""
    made = find(CHOSEN)("BTCUSDT", **parameters)
    made.start()
    return made


def actions(made: Strategy, closes: list[float]) -> list[str]:
    """What it says, in order."""
    said = []
    for close in closes:
        price = Decimal(str(close))
        answer = made.on_bar(
            BarEvent(
                symbol="BTCUSDT",
                open=price,
                high=price + 1,
                low=price - 1,
                price=price,
                volume=Decimal(1),
                interval=MINUTE_MS * 1_000_000,
            )
        )
        if isinstance(answer, Signal):
            said.append(answer.action.value)
    return said


def test_it_buys_what_rises_and_leaves_what_falls() -> None:
    assert actions(strategy(length=5), UP + DOWN + UP) == ["buy", "close", "buy"]


def test_it_says_nothing_before_it_knows_enough() -> None:
    assert actions(strategy(length=20), UP[:20]) == []


def test_a_parameter_out_of_its_range_is_refused() -> None:
    with pytest.raises(UsageError, match="length: expected a whole number from 1 to 1,000, got 0"):
        strategy(length=0)


def test_a_market_that_stands_still_is_left_alone() -> None:
    assert actions(strategy(length=5), [100.0] * 50) == []


def test_a_backtest_trades(tmp_path: Path) -> None:
    rows = ["ts_ms,symbol,open,high,low,close,volume"]
    for minute, close in enumerate((UP + DOWN) * 3):
        at = 1_700_000_040_000 + minute * MINUTE_MS
        rows.append(f"{at},BTCUSDT,{close},{close + 1},{close - 1},{close},1000")
    data = tmp_path / "candles.csv"
    data.write_text("\\n".join(rows) + "\\n")
    found = backtest(data, CHOSEN, parameters={"length": 5}, flatten_at_end=True)
    assert len(found.trades) == 3
    assert all(trade.symbol == "BTCUSDT" for trade in found.trades)
'''


def strategy_file(module: str, name: str) -> str:
    """The text of `module`.py with the class `name`."""
    return _named(STRATEGY, module, name)


def test_file(module: str, name: str) -> str:
    """The text of test_`module`.py beside it."""
    return _named(TESTS, module, name)


def _named(text: str, module: str, name: str) -> str:
    return text.replace("my_strategy", module).replace("MyStrategy", name)


__all__ = ["strategy_file", "test_file"]
