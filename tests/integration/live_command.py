"""The real command against the loopback exchange, which runs in a thread beside it.

    with house(tmp_path, Character.KEEN) as live:
        with live.running() as run:                    `tradectl run --live --yes --headless`
            run.line(" FILL ")
        live.tradectl("status", "--json").document()
        live.exchange.truth.open_orders()

The market stands still until a run is started. A wish that comes before the first comparison is denied,
and taken up again within half a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.integration.command import Answer, Running, journals, running, tradectl
from tests.integration.desk import Character, written
from tests.integration.live_trader import KEYS, SPOT
from tests.loopback import loopback_thread
from tradectl.replay.replay import Replay, ReplayResult

EXCHANGE = """
mode = "live"
symbols = ["BTCUSDT"]
portfolio = {{ fraction = 0.1{portfolio} }}
orchestrator.portfolio_rebalance_interval_seconds = 0.5

[[exchanges]]
id = "binance"
url = "{url}"
market = "{market}"
timeout_seconds = {timeout}
reconcile_seconds = 0.5
not_found_seconds = 2
dead_man_seconds = {dead_man}
{more}
"""


class House:
    """A state directory, a configuration, an exchange. `env` is what the commands are told beside it."""

    def __init__(self, exchange: Any, folder: Path, config: Path, market: str) -> None:
        self.exchange = exchange
        self.folder = folder
        self.config = config
        self.market = market
        self.env = dict(KEYS)

    def tradectl(self, *words: object, **env: str) -> Answer:
        told: dict[str, Any] = {**self.env, **env}
        return tradectl(self.folder, *words, **told)

    @contextmanager
    def running(self, *words: object, sigma: str = "0.0002") -> Iterator[Running]:
        """A live run, started, on a market that moves by `sigma` fifty times a second."""
        self.exchange.start_walking(50, sigma=sigma)
        live = ("--live", "--yes", "-c", self.config, *words)
        with running(self.folder, *live, **self.env) as run:
            yield run

    @property
    def position(self) -> Decimal:
        held: Decimal = (
            self.exchange.balance("BTC") if self.market == "spot" else self.exchange.position(SPOT)
        )
        return held

    def replayed(self, number: int = -1) -> ReplayResult:
        return asyncio.run(Replay(journals(self.folder)[number]).run())


@contextmanager
def house(
    tmp_path: Path,
    *characters: Character,
    market: str = "spot",
    dead_man: float = 0,
    more: str = "",
    portfolio: str = "",
    parameters: str = "{}",
    timeout: float = 1.0,
    url: str = "",
) -> Iterator[House]:
    """`more` are lines about the exchange, `portfolio` is added to its settings (`, key = value`),
    `parameters` are those of the strategies."""
    with loopback_thread(seed=1) as exchange:
        kind = "spot" if market == "spot" else "perpetual"
        settings = EXCHANGE.format(
            url=url or exchange.url,
            market=kind,
            dead_man=dead_man,
            more=more,
            portfolio=portfolio,
            timeout=timeout,
        )
        config = written(tmp_path, *characters, settings=settings, parameters=parameters)
        config.chmod(0o600)
        yield House(exchange, tmp_path / "state", config, market)


__all__ = ["House", "house"]
