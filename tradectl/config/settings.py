"""Everything that can be set, as plain data: what a configuration file becomes, what a journal keeps.

Each room defines its own settings; this module only puts them side by side. Reading files, environment
and flags is `config`'s trade.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import msgspec

from tradectl.domain.canonical import canonical_hash
from tradectl.domain.errors import ConfigError
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.setting import HIGHER_IS_LOOSER, HOT, LOWER_IS_LOOSER, Bounds, Reload, Section
from tradectl.domain.time import HOUR
from tradectl.exchange.exchange_settings import ExchangeSettings, PaperSettings
from tradectl.execution.execution_settings import ExecutionSettings
from tradectl.logs.log_settings import LogSettings
from tradectl.notification.notification_settings import (
    AlertChannel,
    AlertEscalation,
    AlertRoute,
    AlertSettings,
    MonitoringSettings,
)
from tradectl.notification.threshold_settings import Threshold
from tradectl.portfolio.allocation_settings import AllocationSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.strategy.configured import DEFAULT_STRATEGY, StrategyInstance
from tradectl.strategy.engine_settings import EngineSettings

PAPER = "paper"
"""The exchange on paper that no other one is named beside."""
Seconds = Annotated[float, Bounds(ge=0.01, le=86_400)]

ANOTHER_RUN = Reload(
    refused="a run keeps it from its beginning to its end: stop it, and start another"
)
OTHER_STRATEGIES = Reload(refused="strategies come and go as a run begins, and so does their order")
OPENED_AT_THE_START = Reload(refused="channels are opened as a run begins")
BY_ITS_DAYS = Reload(refused="profit and loss of the days so far were counted by it")

WATCHING = frozenset(
    (
        "monitoring",
        "log",
        "alerts",
        "alert_channels",
        "alert_routes",
        "alert_escalations",
        "thresholds",
    )
)
"""What decides nothing, and may have addresses in it that nobody is to see."""


class OrchestratorConfig(Section, frozen=True, kw_only=True):
    """How the system as a whole behaves."""

    section = "orchestrator"
    reload = HOT

    enable_paper_trading: Annotated[
        bool,
        'trade on paper; of no meaning with mode = "live", where the exchange trades',
        ANOTHER_RUN,
    ] = True
    max_concurrent_orders: Annotated[
        int, Bounds(ge=1), "orders that may work at the same time", HIGHER_IS_LOOSER
    ] = 10
    risk_check_interval_seconds: Annotated[
        Seconds, "how often drawdown, daily loss and exposure are reviewed", HIGHER_IS_LOOSER
    ] = 5.0
    portfolio_rebalance_interval_seconds: Annotated[
        Seconds, "how often positions are compared with their targets"
    ] = 60.0
    health_check_interval_seconds: Annotated[
        Seconds, "how often components are checked", HIGHER_IS_LOOSER
    ] = 5.0
    store_interval_seconds: Annotated[
        Seconds, "how often what `status` and the other commands read is brought up to date"
    ] = 0.75
    enable_auto_recovery: Annotated[
        bool, "restart a component that failed, with growing pauses", LOWER_IS_LOOSER
    ] = True
    max_restarts: Annotated[
        int, Bounds(ge=0), "restarts of one component before it is given up", LOWER_IS_LOOSER
    ] = 5
    shutdown_timeout_seconds: Annotated[Seconds, "the longest that a graceful end may take"] = 10.0


class AccountSettings(Section, frozen=True, kw_only=True):
    """The paper account as it is opened."""

    section = "account"
    reload = Reload(refused="it is of the account as it is opened")

    currency: Annotated[
        str, "the currency of cash, profit and fees; symbols must be quoted in it"
    ] = "USDT"
    cash: Annotated[Decimal, Bounds(gt=0), "cash at the start"] = Decimal(100_000)
    time_zone: Annotated[
        str,
        "whose days, weeks and months `pnl` counts by, and the day's summary; UTC, or a name such as "
        "Europe/Berlin",
        BY_ITS_DAYS,
    ] = "UTC"


class FeedSettings(Section, frozen=True, kw_only=True):
    """Market data."""

    section = "feed"
    reload = Reload(refused="the feed is opened by it")

    ticks_per_second: Annotated[
        int, Bounds(ge=1, le=10_000), "ticks per symbol and second of the simulated market"
    ] = 20
    max_bad_share: Annotated[
        float,
        Bounds(ge=0, le=1),
        "share of a recorded file's rows that may be bad before it is refused",
    ] = 0.01
    rows: Annotated[
        Literal["auto", "trades"],
        "recorded rows: not played where they look like a book's, orders or liquidations, or trades "
        "whatever they look like",
    ] = "auto"
    stale_after_seconds: Annotated[
        float, Bounds(gt=0), "age of a symbol's newest data at which an alert is raised"
    ] = 30.0


class HistorySettings(Section, frozen=True, kw_only=True, omit_defaults=True):
    """How prices moved, for what looks at more than the present: `portfolio.sizing = "allocation"`."""

    section = "history"
    reload = Reload(refused="prices are kept by it from the start of a run on")

    period_hours: Annotated[
        float,
        Bounds(ge=0.01, le=8_760),
        "one price of each symbol is kept for so long: 24 is daily",
    ] = 24.0
    length: Annotated[int, Bounds(ge=2, le=5_000), "returns kept of each symbol"] = 365
    from_exchange: Annotated[
        Literal["needed", "always", "never"],
        "a run on an exchange's prices asks it for candles of the time before, as it begins: where "
        "weights or limits go by them; always: for value at risk, too",
    ] = "needed"


class JournalSettings(Section, frozen=True, kw_only=True):
    """How durable the journal is before anything leaves or is shown."""

    section = "journal"
    reload = Reload(refused="the journal is opened by it")

    durability: Annotated[
        Literal["batched", "strict"],
        "batched: survives a crash of the process; strict: survives a power loss before an order leaves",
    ] = "batched"
    part_mb: Annotated[
        float | None,
        Bounds(ge=0.01),
        "a new file of the journal begins at this size; all of them are one journal",
        HOT,
    ] = None
    part_daily: Annotated[bool, "a new file of it begins with each day, UTC", HOT] = False
    pack_after_days: Annotated[
        float | None,
        Bounds(ge=0.01),
        "`vacuum` compresses journals of ended runs that are older; they are read as before",
        HOT,
    ] = 1.0
    keep_days: Annotated[
        float | None,
        Bounds(ge=1),
        "`vacuum` removes journals that are older, but what an account or an open order needs",
        HOT,
    ] = None
    keep_recorded_days: Annotated[
        float | None,
        Bounds(ge=0.01),
        "the same of runs on recorded data, and of kept results of backtests",
        HOT,
    ] = None


class Settings(Section, frozen=True, kw_only=True):
    """One run's settings."""

    mode: Annotated[
        Literal["paper", "live"],
        "paper, or with money: live needs `exchanges`, keys, `run --live` and your word",
        ANOTHER_RUN,
    ] = "paper"
    symbols: Annotated[
        tuple[str, ...],
        "of the simulated market or of the exchange, name:SYMBOL for one that is not the first's; a "
        "recorded file brings its own",
        ANOTHER_RUN,
    ] = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    seed: Annotated[
        int, "of the simulated market and of the paper exchange's chance", ANOTHER_RUN
    ] = 1
    account: AccountSettings = AccountSettings()
    engine: EngineSettings = EngineSettings()
    portfolio: PortfolioSettings = PortfolioSettings()
    allocation: AllocationSettings = AllocationSettings()
    history: HistorySettings = HistorySettings()
    risk: RiskLimits = RiskLimits()
    execution: ExecutionSettings = ExecutionSettings()
    paper: PaperSettings = PaperSettings()
    feed: FeedSettings = FeedSettings()
    journal: JournalSettings = JournalSettings()
    orchestrator: OrchestratorConfig = OrchestratorConfig()
    monitoring: MonitoringSettings = MonitoringSettings()
    log: LogSettings = LogSettings()
    alerts: AlertSettings = AlertSettings()
    strategies: Annotated[tuple[StrategyInstance, ...], OTHER_STRATEGIES] = (DEFAULT_STRATEGY,)
    instruments: Annotated[tuple[Instrument, ...], ANOTHER_RUN] = ()
    exchanges: Annotated[tuple[ExchangeSettings, ...], ANOTHER_RUN] = ()
    alert_channels: Annotated[tuple[AlertChannel, ...], OPENED_AT_THE_START] = ()
    alert_routes: Annotated[tuple[AlertRoute, ...], HOT] = ()
    alert_escalations: Annotated[tuple[AlertEscalation, ...], HOT] = ()
    thresholds: Annotated[tuple[Threshold, ...], HOT] = ()

    def risk_limits(self) -> RiskLimits:
        """With no more working orders than `orchestrator.max_concurrent_orders`."""
        return self.risk.with_at_most(self.orchestrator.max_concurrent_orders)

    def begun_history(self, known: MarketHistory | None) -> MarketHistory | None:
        """As a run begins: what is `known` goes on if it is of the same periods. None where nothing looks
        at it."""
        if self.portfolio.sizing != "allocation" and not self.allocation.follows_profits:
            return None
        period, length = int(self.history.period_hours * HOUR), self.history.length
        if known is not None and (known.period, known.length) == (period, length):
            return known
        return MarketHistory(period=period, length=length)

    def exchange_names(self) -> tuple[str, ...]:
        """Of all of them; symbols without a name are the first one's."""
        if self.exchanges:
            return tuple(exchange.prefix for exchange in self.exchanges)
        return (PAPER, *(exchange.name for exchange in self.paper.exchanges))

    def all_instruments(self) -> Instruments:
        """As the configuration describes them, at their exchanges."""
        return Instruments(self.instruments, exchanges=self.exchange_names())

    def undescribed(self, symbols: Iterable[str]) -> list[str]:
        """Those that no `instruments` describe."""
        described = {instrument.symbol for instrument in self.instruments}
        return [symbol for symbol in symbols if symbol not in described]

    def traded_symbols(self) -> tuple[str, ...]:
        """Those that orders may be about: a strategy may hear one and trade another. Without strategies,
        all of them."""
        if not self.strategies:
            return self.symbols
        meant = [symbol for s in self.strategies for symbol in s.reach(self.symbols)]
        return tuple(dict.fromkeys(meant))

    def dump(self) -> dict[str, Any]:
        """JSON-ready, as a journal's header keeps it: all that decides anything."""
        dumped: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return {name: value for name, value in dumped.items() if name not in WATCHING}

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> Self:
        """The settings that `dump` described. Raises ConfigError for anything else."""
        try:
            return msgspec.convert(dumped, cls)
        except msgspec.ValidationError as error:
            raise ConfigError(f"settings that this version does not understand: {error}") from error

    def fingerprint(self) -> str:
        """SHA-256 of all that decides anything, defaults too: equal settings hash alike, however they
        were given."""
        names = (name for name in self.__struct_fields__ if name not in WATCHING)
        return canonical_hash({name: getattr(self, name) for name in names})
