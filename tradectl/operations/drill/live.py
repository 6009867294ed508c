"""What an exchange does to a live run, and what an operator has there: on the exchange of the testkit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradectl.operations.drill.paper import CHATTER, NO_LIMITS, check_stopped, replay, stop
from tradectl.operations.drill.trial import Run, Trial
from tradectl.testkit import FOREVER, KEY, SECRET, loopback_thread

SYMBOL, COIN = "BTCUSDT", "BTC"
SILENT_S = 1.5
TIMERS = 4
"""Records that come without data: a clock that goes on."""
KEEN = '''
from tradectl.strategy import Strategy


class Keen(Strategy):
    """Long with the first trade, and silent ever after."""

    silent = False

    def on_trade(self, trade):
        if self.silent:
            return None
        self.silent = True
        return self.long()
'''
SETTINGS = """
mode = "live"
symbols = ["BTCUSDT"]
portfolio = {{ fraction = 0.1, stop_loss_pct = {stop} }}
orchestrator.portfolio_rebalance_interval_seconds = 0.5
feed.stale_after_seconds = {silent}

[risk]
duplicate_window_ms = 0
{no_limits}
[[exchanges]]
id = "binance"
url = "{url}"
market = "spot"
timeout_seconds = 1
reconcile_seconds = 0.5
not_found_seconds = 2
dead_man_seconds = 0

[[strategies]]
name = "drill"
strategy = "{file}"
"""
LIES = ("no-reply", "empty", "truncated", "reset", "html")
PLACING: dict[str, Any] = {"method": "POST", "path": "order"}


class Live:
    """A trial beside an exchange that keeps the truth."""

    def __init__(self, trial: Trial, exchange: Any, config: Path) -> None:
        self.trial, self.exchange, self._config = trial, exchange, config

    @contextmanager
    def running(self) -> Iterator[Run]:
        words = ("--live", "--yes", "-c", self._config)
        self.exchange.start_walking(20)
        with self.trial.running(*words) as run:
            yield run

    @property
    def sent(self) -> int:
        """Orders of ours that it ever took."""
        return len(self.exchange.truth.ours())

    @property
    def held(self) -> Decimal:
        held: Decimal = self.exchange.balance(COIN)
        return held

    def until(self, what: str, holds: Any) -> None:
        self.trial.until(what, holds)

    def booked(self) -> Decimal:
        rows = self.trial.status().positions
        return sum((Decimal(row.size) for row in rows if row.symbol == SYMBOL), Decimal(0))


@contextmanager
def live(trial: Trial, strategy: str, code: str, *, stop: str = '"none"') -> Iterator[Live]:
    with loopback_thread(seed=1) as exchange:
        file = trial.write("strategy.py", code)
        text = SETTINGS.format(
            url=exchange.url, file=f"{file}:{strategy}", stop=stop, silent=SILENT_S,
            no_limits=NO_LIMITS,
        )  # fmt: skip
        trial.env |= {"TRADECTL_BINANCE_API_KEY": KEY, "TRADECTL_BINANCE_API_SECRET": SECRET}
        yield Live(trial, exchange, trial.write("live.toml", text))


def dead_feed(trial: Trial) -> None:
    with live(trial, "Chatter", CHATTER) as at, at.running():
        at.until("orders are sent", lambda: at.sent > 3)
        at.exchange.misbehave("stall", stream="*", count=FOREVER)
        at.until("it is noticed", lambda: "STALE" in trial.tradectl("alerts").out.upper())
        before = at.sent
        trial.check("silence is an alert", True)
        at.exchange.stop_walking()
        later = trial.status().last_seq + TIMERS
        trial.until("its clock goes on", lambda: trial.status().last_seq > later)
        trial.check("nothing is entered on old prices", at.sent == before)
        at.exchange.behave()
        at.exchange.restart_streams()
        at.exchange.start_walking(20)
        at.until("it trades again", lambda: at.sent > before)
        trial.check("it trades again once data comes", True)


def lying_exchange(trial: Trial) -> None:
    with live(trial, "Chatter", CHATTER) as at, at.running():
        at.exchange.misbehave(LIES, count=FOREVER, probability=0.5, placed=True, **PLACING)
        at.exchange.misbehave(
            ("duplicate", "reorder"), stream="user", count=FOREVER, probability=0.5
        )
        at.until("it lies about some", lambda: at.sent > 8)
        at.exchange.behave()
        trial.tradectl("pause", "--reason", "a drill")
        at.until("the books are the exchange's", lambda: at.booked() == at.held)
        lied = at.exchange.truth.entries("fault")
        trial.check(f"{len(lied)} answers were lies or silence, over {at.sent} orders", lied)
        trial.check("no intent became two orders", not at.exchange.truth.duplicates())
        trial.check(f"the books have what the exchange has: {at.held} {COIN}", True)
        check_stopped(trial, stop(trial))
    trial.check("its journal replays", replay(trial, 0).verified)


def wrong_clock(trial: Trial) -> None:
    with live(trial, "Keen", KEEN, stop="3") as at, at.running():
        at.until("it holds a position", lambda: at.held > 0)
        at.exchange.skew_clock(30)
        receipt = stop(trial, "--flatten", "--timeout", "20")
        trial.check("by a clock 30 s behind the exchange's: latched", receipt.latched)
        trial.check("closed and proven", receipt.confirmed and not receipt.positions_left)
        trial.check("nothing of ours is left there", not at.exchange.truth.open_orders())
        at.until("it is sold", lambda: at.held < Decimal("0.001"))


def halt_with_a_stop(trial: Trial) -> None:
    with live(trial, "Keen", KEEN, stop="3") as at, at.running():
        at.until("a stop rests", lambda: at.held > 0 and at.exchange.truth.open_orders())
        held = at.held
        receipt = stop(trial)
        check_stopped(trial, receipt)
        resting = at.exchange.truth.open_orders()
        covered = sum((order.quantity for order in resting), Decimal(0))
        trial.check(f"the position of {held} {COIN} stays", at.held == held)
        trial.check(f"and so does its stop, for {covered}", len(resting) == 1 and covered > 0)
        trial.check(
            "the receipt names it", len(receipt.protection) == 1 and not receipt.unprotected
        )


def coins_of_the_user(trial: Trial) -> None:
    mine = Decimal("0.5")
    with live(trial, "Keen", KEEN, stop="3") as at:
        at.exchange.outside_transfer("main", COIN, mine)
        with at.running():
            at.until("it buys", lambda: at.held > mine)
            bought = at.held - mine
            receipt = stop(trial, "--flatten", "--timeout", "20")
            trial.check("closed and proven", receipt.confirmed)
            at.until("its own are sold", lambda: at.held < mine + bought / 2)
            trial.check(f"the {mine} {COIN} that were there are there", at.held >= mine)
            trial.check(
                f"of the {bought} that it bought none is left", at.held - mine < bought / 10
            )
