"""Who lives through the week: a run with money, on a computer that is put to sleep, killed and switched
on again, and the person who does that.

The run is `runtime.trade.trade`, from the lock to the footer of its journal, with ccxt as it is; its
strategy trades by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

from tests.schedules.invariant_checker import InvariantChecker
from tests.schedules.plans import LIMIT
from tests.simulated_os.patches import nothing_left_behind, run_on
from tests.simulated_os.system import EPOCH_S, Process, SimulatedOS
from tests.week.alerts import AlertLog
from tests.week.ledger import differences
from tests.week.world import HOUR_S, World
from tradectl.config.settings import FeedSettings, OrchestratorConfig, Settings
from tradectl.domain.events import Acceptance, Command, CommandReceived
from tradectl.exchange.base import Accepted
from tradectl.exchange.ccxt_venue import client
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.monitoring.alert_rules import RULES
from tradectl.notification.notification_settings import MonitoringSettings
from tradectl.notification.threshold_settings import Threshold
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.runtime.in_process_reconcile import compare
from tradectl.runtime.run import TradingRun
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.trade import trade
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader
from tradectl.strategy.configured import StrategyInstance
from tradectl.testkit import KEY, SECRET, Fees, LoopbackExchange
from tradectl.testkit.orders import Order

Plan = Callable[["LiveTrader"], None]
KEYS = {"TRADECTL_BINANCE_API_KEY": KEY, "TRADECTL_BINANCE_API_SECRET": SECRET}
SYMBOLS = ("BTCUSDT", "ETHUSDT")
PING_MS = 900_000
UNWATCHED = tuple(
    Threshold(reading=reading, raised_at=0)
    for reading in ("loop_lag_ms", "cpu_pct", "rss_mb", "threads", "step_p99_ms")
)
"""A week passes in seconds on whatever machine: how busy that is tells nothing."""
"""A connection is asked so often whether it lives: timers may be that coarse."""


def settings_of(market: str, url: str, *, step_s: float, reconcile_s: float) -> Settings:
    exchange = ExchangeSettings(
        id="binance",
        market="spot" if market == "spot" else "perpetual",
        url=url,
        reconcile_seconds=reconcile_s,
        timeout_seconds=5.0,
        dead_man_seconds=0.0,
        silent_stream_seconds=600.0,
        stall_seconds=300.0,
    )
    strategy = StrategyInstance(
        name="crossing", strategy="ema-cross", parameters={"fast": 1, "slow": 4, "band_bps": 5.0}
    )
    limits = RiskLimits(
        max_position_notional=Decimal(LIMIT),
        max_leverage=Decimal(10),
        daily_loss_pause_pct=None,
        daily_loss_halt_pct=None,
        drawdown_pause_pct=None,
        drawdown_halt_pct=None,
    )
    return Settings(
        mode="live",
        symbols=SYMBOLS,
        strategies=(strategy,),
        exchanges=(exchange,),
        monitoring=MonitoringSettings(anomaly_score=0),  # a made market is unlike itself by chance
        thresholds=UNWATCHED,
        feed=FeedSettings(stale_after_seconds=max(4 * step_s, 1200.0)),
        portfolio=PortfolioSettings(fraction=Decimal("0.08"), stop_loss_pct=Decimal(3)),
        risk=limits,
        orchestrator=OrchestratorConfig(
            risk_check_interval_seconds=600.0,
            portfolio_rebalance_interval_seconds=600.0,
            health_check_interval_seconds=600.0,
            store_interval_seconds=1800.0,
        ),
    )


@dataclass
class Lived:
    """`wrong` is what was seen that must not be, `explained` the alerts that each cause explained."""

    wrong: list[str]
    explained: dict[str, set[str]]
    counts: dict[str, int]


def live_through(plan: Plan, market: str, folder: Path, **how: Any) -> Lived:
    """The whole week, in no time; `plan` puts into it what happens."""
    with nothing_left_behind(), mock.patch.dict(os.environ, KEYS), _patient():
        return _lived(plan, market, folder, how)


def _lived(plan: Plan, market: str, folder: Path, how: dict[str, Any]) -> Lived:
    trader = LiveTrader(market, folder, **how)
    run_on(trader.system, trader.week(plan))
    return Lived([*trader.checker.wrong], trader.alerts.seen, trader.counts())


class LiveTrader:
    """`wrong` is what was seen that must not be."""

    def __init__(
        self,
        market: str,
        folder: Path,
        *,
        seed: int = 1,
        step: float = 1.0,
        reconcile: float = 1.0,
        hour_s: float = HOUR_S,
    ) -> None:
        self.market = market
        self.folder = folder
        self.system = SimulatedOS(seed)
        self.exchange = LoopbackExchange(seed, fees=Fees(asset="received"))
        self.world = World(self.system, self.exchange, market, SYMBOLS, step, hour_s)
        self.checker = InvariantChecker(self.system, self.exchange, market, folder)
        self.checker.lowest = {
            s: r.price * Decimal("0.8")
            for s, r in self.exchange.engines[market].rules.items()
            if s in SYMBOLS
        }
        self.alerts = AlertLog(self.world.hour, self.checker.wrong)
        self.run: TradingRun | None = None
        self.process: Process | None = None
        self.runs = 0
        self.ends: list[str] = []
        self.theirs: list[Order] = []
        """by which somebody else got what is theirs"""
        self._settings = {"step_s": step * hour_s, "reconcile_s": reconcile * hour_s}
        self._acts: set[asyncio.Future[Any]] = set()

    async def week(self, plan: Plan) -> None:
        async with self.exchange:
            plan(self)
            for symbol in SYMBOLS:
                self.world.move(symbol, Decimal(0))
            self.switch_on()
            await self.world.go_on()
            await self.settled()
            self.alerts.open_now(self.run.alerts.get_active_alerts() if self.run else ())
            await self.ended()
            self.alerts.stored(StateReader(self.folder / "state.db").alerts(), self._hour_of)
            await self.checker.journals.replayed()
        self.checker.wrong += [f"nobody heard of this: {error}" for error in self.system.errors]

    # --- the computer -----------------------------------------------------------------------------

    def switch_on(self) -> None:
        assert self.process is None or self.process.dead
        self.runs += 1
        self.process = self.system.process(f"run {self.runs}")
        self.process.start(self._main())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.run = self.checker.run = None
        self.ends.append("killed")
        self.checker.journals.recovered()

    def terminate(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    async def _main(self) -> None:
        url = self.exchange.url
        settings = settings_of(self.market, url, **self._settings)
        options = RunOptions(settings=settings, state_dir=StateDir(self.folder))
        try:
            await trade(options, self)
            self.ends.append("ended")
        except Exception as error:  # nothing may ever fall out of it in such a week
            self.checker.say(f"the run broke: {type(error).__name__}: {error}")
        self.run = self.checker.run = None

    # --- its screen -------------------------------------------------------------------------------

    async def start(self, run: TradingRun) -> None:
        self.run = self.checker.run = run
        run.bus.observe(RULES, self.alerts.heard, name="week")

    async def stop(self) -> None: ...

    def held(self, symbol: str) -> Decimal:
        """By our fills, as the books have it."""
        assert self.run is not None
        return self.run.books.position(symbol).quantity

    def notional(self, symbol: str) -> Decimal:
        return abs(self.held(symbol)) * self.world.price(symbol)

    # --- the operator -----------------------------------------------------------------------------

    def begin(self, work: Any) -> None:
        """In the process, beside all else."""
        assert self.process is not None
        task = self.process.run(asyncio.ensure_future, work)
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)

    def compares(self) -> None:
        """`tradectl reconcile`, whatever comes of it."""
        assert self.run is not None
        self.begin(compare(self.run))

    def accept(self, kind: Acceptance) -> None:
        """`tradectl reconcile --accept KIND --confirm`, and on."""
        assert self.run is not None
        self.begin(self._accept(self.run, Accepted(kind)))

    async def _accept(self, run: TradingRun, accepted: Accepted) -> None:
        await compare(run, accepted, confirm=True)
        run.bus.post(CommandReceived(source_component="week", command=Command.RESUME))

    def read(self, kind: str) -> None:
        """An alert that ends when somebody says so."""
        assert self.run is not None
        for alert in self.run.alerts.get_active_alerts():
            if alert.type == kind:
                self.run.alerts.resolve(alert.id)

    async def settled(self) -> None:
        """A comparison finds nothing any more."""
        assert self.run is not None
        assert self.process is not None
        told = await self.process.run(asyncio.ensure_future, compare(self.run))
        if not told.clean:
            self.checker.say(f"the reconciliation is not clean: {told}")
        books = self.run.books
        self.checker.wrong += differences(self.exchange, self.market, SYMBOLS, books, self.theirs)
        self.checker.compare(books)
        self.checker.protection.compare([*SYMBOLS], books)

    def counts(self) -> dict[str, int]:
        truth = self.exchange.truth
        return {
            "runs": self.runs,
            "orders": len(truth.ours()),
            "fills": len(truth.fills()),
            "requests": len(truth.requests()),
            "callbacks": self.system.loop.count,
        }

    async def ended(self) -> None:
        assert self.process is not None
        self.terminate()
        await self.process.gone.wait()
        self.checker.journals.recovered()

    def _hour_of(self, at: str) -> float:
        return (datetime.fromisoformat(at).timestamp() - EPOCH_S) / self.world.hour_s


@contextlib.contextmanager
def _patient() -> Iterator[None]:
    """Connections may be silent for as long as coarse timers are."""
    with mock.patch.object(client, "KEEP_ALIVE_MS", PING_MS):
        yield


__all__ = ["SYMBOLS", "LiveTrader"]
