"""Exits inside a candle, as freqtrade's table of cases has them: those of a stop and of signals alone.

What is signalled in one candle trades at the open of the next. A stop comes before what the next open
would do, and what trades at an open comes before a stop behind it; a stop that the market has jumped over
fills at the open. A stop behind an entry is watched in the entry's own candle, too. Who was stopped and
wants the same again says so by being out in between. Results are shares of what was entered, without
fees.

A target rests beside the stop and comes after it. A trailing stop is tightened by a candle's high for
the candle after it: where freqtrade lets it end in the same candle, the case says so.

Of the other cases some need a price of one's own, or a target that changes with time; and one enters at
an open while the position that is stopped later in the same candle is still held.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from tradectl import backtest

BEGIN = datetime(2023, 11, 14, tzinfo=UTC)
HOUR = 3600 * 10**9
STRATEGY = '''
from tradectl.strategy import Strategy


class Table(Strategy):
    """Says after each candle what its letter asks for: L(ong), S(hort), X (out); a dot is nothing."""

    letters: str = ""
    target: float = 0.0
    trailing: float = 0.0
    activate: float = 0.0

    def start(self):
        self.seen = 0

    def on_bar(self, bar):
        letter = self.letters[self.seen]
        self.seen += 1
        self.exits = exits = {
            "take_profit_pct": self.target or None,
            "trailing_pct": self.trailing or None,
            "activate_pct": self.activate or None,
        }
        if letter in "LS":
            return (self.long if letter == "L" else self.short)(**exits)
        return self.flat() if letter == "X" else None

    def on_fill(self, fill):
        """What took its profit in a candle that says L is entered again at the next open: by another
        word, for the same one was stopped out with the position."""
        if fill.side == "sell" and self.letters[self.seen - 1] == "L":
            return self.long(0.99, **self.exits)
        return None
'''
CONFIG = """
symbols = ["UNITUSDT"]
account.cash = 1_000_000
portfolio = { fraction = 0.5, max_weight = 1, min_trade_notional = 0, drift = 1000, stop_loss_pct = STOP }
paper = { taker_fee = 0, maker_fee = 0, slippage_bps = 0 }

[risk]
max_order_notional = "none"
max_position_notional = "none"
max_gross_notional = "none"
price_collar_pct = 25
daily_loss_alert_pct = "none"
daily_loss_pause_pct = "none"
daily_loss_halt_pct = "none"
drawdown_alert_pct = "none"
drawdown_pause_pct = "none"
drawdown_halt_pct = "none"

[[instruments]]
symbol = "UNITUSDT"
quote = "USDT"
kind = "perpetual"
max_leverage = 10
tick_size = 0.01
lot_size = 0.001
min_notional = 0
"""


class Case(NamedTuple):
    """`candles` are open, high, low and close; `letters` what is signalled after each; `stop`, `target`,
    `trailing` and `activate` in percent; `trips` the candles of entry and exit, and `S` for a stop, `T`
    for a target, `R` for a trailing stop or `X` for a signal; `result` the sum of their returns."""

    candles: list[tuple[int, int, int, int]]
    letters: str
    stop: int
    trips: list[tuple[int, int, str]]
    result: float
    target: float = 0.0
    trailing: float = 0.0
    activate: float = 0.0


FLAT = (5000, 5025, 4975, 4987)
WIDE = (5000, 5050, 4950, 5000)
TAIL = [(4975, 5000, 4950, 4962), (4962, 4987, 4937, 4950), (4950, 4975, 4925, 4950)]
RISEN = [WIDE, (5000, 5100, 4950, 5100), (5100, 5251, 5100, 5100)]
SIGNALLED = [FLAT, FLAT, (4987, 5012, 4986, 4986)]
TURNED = [WIDE, (5000, 5000, 4951, 5000), (4910, 5150, 4910, 5100), (5100, 5100, 4950, 4950),
          (5000, 5100, 4950, 4950), (5000, 5100, 4950, 4950)]  # fmt: skip
CASES = {
    "0 exit by a signal": Case(
        [*SIGNALLED, (5010, 5010, 4980, 5010), (5010, 5011, 4977, 4995), (4995, 4995, 4950, 4950)],
        "L..X..", 1, [(1, 4, "X")], 0.002,
    ),
    "1 a stop of 1 %": Case(
        [FLAT, FLAT, (4987, 5012, 4600, 4600), (4975, 5000, 4975, 4977), (4977, 4995, 4977, 4995),
         (4995, 4995, 4950, 4950)],
        "L.....", 1, [(1, 2, "S")], -0.01,
    ),
    "2 a stop of 3 %, with a close above": Case(
        [FLAT, FLAT, (4987, 5012, 4962, 4975), (4975, 5000, 4800, 4962), *TAIL[1:]],
        "L.....", 3, [(1, 3, "S")], -0.03,
    ),
    "3 two entries, two stops": Case(
        [FLAT, FLAT, (4987, 5012, 4800, 4975), TAIL[0], TAIL[0], (4962, 4987, 4000, 4000),
         (4950, 4975, 4950, 4950)],
        "L.XL...", 2, [(1, 2, "S"), (4, 5, "S")], -0.04,
    ),
    "4 a stop, and 15 % up by the close": Case(
        [FLAT, FLAT, (4987, 5750, 4850, 5750), *TAIL], "L.....", 2, [(1, 2, "S")], -0.02
    ),
    "5 half a percent down, and a target of 3 %": Case(
        [(5000, 5025, 4980, 4987), (5000, 5025, 4980, 4987), (4987, 5025, 4975, 4987),
         (4975, 6000, 4975, 6000), (4962, 4987, 4962, 4972), (4950, 4975, 4925, 4950)],
        "L.....", 1, [(1, 3, "T")], 0.03, target=3,
    ),
    "7 six percent up, and a target of 3 %": Case(
        [FLAT, FLAT, (4987, 5300, 4950, 5050), (4975, 5000, 4950, 4962), (4962, 4987, 4950, 4950),
         (4950, 4975, 4925, 4950)],
        "L.....", 2, [(1, 2, "T")], 0.03, target=3,
    ),
    "13 entry and target in one candle": Case(
        [WIDE, (5000, 5100, 4950, 5100), (5100, 5251, 4850, 5100), (4850, 5050, 4750, 4750),
         (4750, 4950, 4750, 4750)],
        "L....", 10, [(1, 1, "T")], 0.01, target=1,
    ),
    "15 entry and target in one candle, entry and stop in the next": Case(
        [WIDE, (5000, 5100, 4900, 5100), (5100, 5251, 4650, 5100), (4850, 5050, 4750, 4750),
         (4750, 4950, 4350, 4750)],
        "LL...", 5, [(1, 1, "T"), (2, 2, "S")], -0.04, target=1,
    ),
    "29 a signal, and the target in its candle": Case(
        [*SIGNALLED, (5010, 5251, 4986, 5010), (5010, 5010, 4855, 4995), (4995, 4995, 4950, 4950)],
        "L..X..", 10, [(1, 3, "T")], 0.05, target=5,
    ),
    "8 a trailing stop of 10 %, tightened in the candle before": Case(
        [WIDE, WIDE, (5000, 5250, 4750, 4850), (4850, 5050, 4650, 4750), (4750, 4950, 4350, 4750)],
        "L....", 10, [(1, 3, "R")], -0.055, trailing=10,
    ),
    "10 one that is armed at 10 %, and never is": Case(
        [*RISEN, (4850, 5050, 4650, 4750), (4750, 4950, 4350, 4750)],
        "L....", 10, [(1, 4, "S")], -0.1, trailing=3, activate=10,
    ),
    "31 one of 3 % that is armed at 5 %, and a gap through it": Case(
        [*RISEN, (4850, 5050, 4650, 4750), (4750, 4950, 4350, 4750)],
        "L....", 10, [(1, 3, "R")], -0.03, trailing=3, activate=5,
    ),
    "32 the same, short": Case(
        [WIDE, (5000, 5050, 4890, 4890), (4890, 4890, 4749, 4890), (5150, 5350, 4950, 4950),
         (4750, 4950, 4350, 4750)],
        "S....", 10, [(1, 3, "R")], -0.03, trailing=3, activate=5,
    ),
    "33 one of 3 % from the entry on, without the high of the candle that it ends in": Case(
        [WIDE, (5000, 5050, 5000, 5000), (4900, 5250, 4500, 5100), (5100, 5100, 4650, 4750),
         (4750, 4950, 4350, 4750)],
        "L....", 10, [(1, 2, "R")], -0.02, trailing=3,
    ),
    # freqtrade takes the high of a candle to come before its low; here it moves a stop for the next one
    "9 tightened by the high of the candle in which freqtrade ends it, and over in the next": Case(
        [WIDE, WIDE, WIDE, (5000, 5200, 4550, 4850), (4750, 4950, 4350, 4750)],
        "L....", 10, [(1, 4, "R")], -0.064, trailing=10,
    ),
    "12 the same, and a gap through it": Case(
        [*RISEN[:2], (5100, 5251, 4650, 5100), (4850, 5050, 4650, 4750), (4750, 4950, 4350, 4750)],
        "L....", 10, [(1, 3, "R")], -0.03, trailing=3, activate=5,
    ),
    # freqtrade trades at the stop's price after a gap whose candle comes back to it; here at the open
    "11 a gap through it that freqtrade takes to be filled at its price": Case(
        [*RISEN, (5000, 5150, 4650, 4750), (4750, 4950, 4350, 4750)],
        "L....", 10, [(1, 3, "R")], 0.0, trailing=3, activate=5,
    ),
    "6 a stop, and 6 % up before the close": Case(
        [FLAT, FLAT, (4987, 5300, 4850, 5050), *TAIL], "L.....", 2, [(1, 2, "S")], -0.02
    ),
    "14 entry and stop in one candle": Case(
        [WIDE, (5000, 5100, 4600, 5100), (5100, 5251, 4850, 5100), (4850, 5050, 4750, 4750),
         (4750, 4950, 4350, 4750)],
        "L....", 5, [(1, 1, "S")], -0.05,
    ),
    "25 a stop in the candle of the signal": Case(
        [*SIGNALLED, (5010, 5010, 4855, 5010), (5010, 5010, 4977, 4995), (4995, 4995, 4950, 4950)],
        "L..X..", 1, [(1, 3, "S")], -0.01,
    ),
    "26 a signal, and the stop in the candle after": Case(
        [*SIGNALLED, (5010, 5010, 4986, 5010), (5010, 5010, 4855, 4995), (4995, 4995, 4950, 4950)],
        "L..X..", 1, [(1, 4, "X")], 0.002,
    ),
    "27 the same with a stop far away": Case(
        [*SIGNALLED, (5010, 5010, 4986, 5010), (5010, 5010, 4855, 4995), (4995, 4995, 4950, 4950)],
        "L..X..", 5, [(1, 4, "X")], 0.002,
    ),
    "28 the same, short": Case(
        [*SIGNALLED, (5010, 5010, 4986, 5010), (4990, 5010, 4855, 4995), (4995, 4995, 4950, 4950)],
        "S..X..", 5, [(1, 4, "X")], 0.002,
    ),
    "30 a signal, and 5 % up in the candle after": Case(
        [*SIGNALLED, (5010, 5012, 4986, 5010), (5010, 5251, 4855, 4995), (4995, 4995, 4950, 4950)],
        "L..X..", 10, [(1, 4, "X")], 0.002,
    ),
    "54 from long to short": Case(TURNED, "L..SX.", 10, [(1, 4, "X"), (4, 5, "X")], 0.0),
    "55 from short to long": Case(TURNED, "S.L.X.", 10, [(1, 3, "X"), (3, 5, "X")], -0.04),
}  # fmt: skip


TURNING = ("54 from long to short", "55 from short to long")


@pytest.mark.parametrize(
    ("name", "turn"),
    [*((name, "two_orders") for name in CASES), *((name, "one_order") for name in TURNING)],
)
def test_exits_inside_a_candle(tmp_path: Path, name: str, turn: str) -> None:
    case = CASES[name]
    rows = ["time,open,high,low,close,volume"]
    for number, prices in enumerate(case.candles):
        at = int((BEGIN + timedelta(hours=number)).timestamp() * 1000)
        rows.append(",".join(map(str, (at, *prices, 6172))))
    data = tmp_path / "UNITUSDT.csv"
    data.write_text("\n".join(rows) + "\n")
    (tmp_path / "table.py").write_text(STRATEGY)
    (tmp_path / "config.toml").write_text(CONFIG.replace("STOP", str(case.stop)))
    found = backtest(
        data,
        f"{tmp_path / 'table.py'}:Table",
        parameters={
            "letters": case.letters,
            "target": case.target,
            "trailing": case.trailing,
            "activate": case.activate,
        },
        config=tmp_path / "config.toml",
        settings={"portfolio.turn": turn},
    )
    begin = int(BEGIN.timestamp()) * 10**9
    trips = [
        (
            (t.opened_at - begin) // HOUR,
            _candle(t.closed_at - begin, t.exit_reason, t.exit_price, case.candles),
            _letter(t.exit_reason),
        )
        for t in found.trades
    ]
    assert trips == case.trips
    assert round(sum(trip.return_ for trip in found.trades), 3) == case.result


def _letter(reason: str) -> str:
    """T for a target, R for a trailing stop."""
    if reason.startswith("take profit"):
        return "T"
    if reason.startswith("trailing stop"):
        return "R"
    return "S" if reason.endswith("from the entry price") else "X"


def _candle(
    after: int, reason: str, price: Decimal, candles: list[tuple[int, int, int, int]]
) -> int:
    """A leg is told as its candle closes, when it is known; what a signal orders, and a stop behind a
    gap, trades at an open."""
    number = after // HOUR
    at_open = number < len(candles) and price == candles[number][0]
    return number if _letter(reason) == "X" or at_open else (after - 1) // HOUR
