"""The trading system: core, books, engines and a gateway, put together in one way for every purpose.

Live, on recorded data, in a replay, in a recovery, for an emergency stop and for a recording these are
the same parts in the same order. A system has no directory, thread, task or clock of its own: it does
nothing until something drives it, and a thousand of them fit into one process.

    live loop          `bus.start()`: inputs are taken as they come, in turns of the event loop
    recorded data      `apply` each event, `end_of_data`
    a recorded log     `system.follower`: decide again and compare, or fold what was decided
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tradectl.adapters import ExecutionAdapter, PortfolioAdapter, RiskAdapter, StrategyAdapter
from tradectl.adapters.gateway import Gateway, NoGateway
from tradectl.adapters.own_allocator import SETTING, OwnAllocator
from tradectl.adapters.paper_gateway import PaperGateway
from tradectl.adapters.portfolio import REBALANCE_TIMER
from tradectl.adapters.weights_worker import WeightsWorker
from tradectl.bus.clock import Clock, WallClock
from tradectl.bus.components import Component
from tradectl.bus.core import Core, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.config.settings import OrchestratorConfig, Settings
from tradectl.documents.reasons import Untraded
from tradectl.domain.brackets import NO_BRACKET
from tradectl.domain.errors import DataError
from tradectl.domain.events import Event, Record, SettingsChanged
from tradectl.domain.plans import ExecutionPlan
from tradectl.domain.text import harmless
from tradectl.domain.time import HOUR, MILLISECOND, SECOND
from tradectl.domain.timers import RISK_TIMER
from tradectl.exchange.paper.funding_rates import FundingRate, FundingRates
from tradectl.feeds.funding_file import read_funding
from tradectl.files.places import expanded
from tradectl.portfolio.allocation.allocator import MethodAllocator
from tradectl.portfolio.brackets import Brackets
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.order_making import PlanFor
from tradectl.portfolio.position_delta import PositionDelta
from tradectl.portfolio.strategy_shares import base_shares
from tradectl.risk.engine import RiskEngine
from tradectl.state.account import Account
from tradectl.state.baselines import is_settled
from tradectl.state.books import Books
from tradectl.storage.latch import HaltSwitch
from tradectl.storage.lease import Lease
from tradectl.storage.manager import attach_books
from tradectl.strategy.base import Strategy
from tradectl.strategy.best_exchange import BestExchange
from tradectl.strategy.catalog import find, fingerprint, modules_of
from tradectl.strategy.engine import StrategyEngine
from tradectl.strategy.user_files import hashes_of
from tradectl.system.tally import OutcomeTally

AT_ONCE = 1_000
"""Inputs that are queued before they are taken: fewer than a queue holds."""

MOST_NAMED = 5

Find = Callable[[str], type[Strategy]]
MakeGateway = Callable[[EventBus, Books], Gateway]


def no_gateway(_bus: EventBus, _books: Books) -> Gateway:
    return NoGateway()


class BookkeepingSystem:
    """A core with its books and nobody who decides: what a recording or a recovery needs.

    `account` is what it starts from. `projected`: a database takes what changes in the books.
    """

    def __init__(
        self,
        settings: Settings,
        account: Account,
        run_id: str,
        clock: Clock,
        *,
        projected: bool = False,
        max_queue_size: int = 10_000,
    ) -> None:
        if account.applied:
            from tradectl.config.reload import patched  # hardly ever

            settings = patched(settings, account.applied)
        self.settings = settings
        self.bus = EventBus(max_queue_size, clock=clock, core=Core(run_id))
        account.configured = tuple(strategy.name for strategy in settings.strategies)
        account.history = settings.begun_history(account.history)
        instruments = settings.all_instruments()
        self.books = Books(account, instruments, limits=settings.risk_limits(), projected=projected)
        attach_books(self.bus.core, self.books)

    def apply(self, *inputs: Event, at: int = 0) -> list[Record]:
        """Inputs in their order, at `at` (ns) or as their times say: the records of all that followed by
        then, the gateway's answers and what was due before them included. Raises what broke the bus."""
        self.bus.clock.stamp(at)
        records: list[Record] = []
        for first in range(0, len(inputs), AT_ONCE):
            for event in inputs[first : first + AT_ONCE]:
                self.bus.post(event)
            records += self.bus.run_dry()
            if self.bus.failure is not None:
                raise self.bus.failure
        return records

    def repeat(self, record: Record) -> list[Record]:
        """Apply an input out of a log, with the number and the time that it had; the records of its step.
        Nothing comes between: what was due then is in the log."""
        self.bus.clock.stamp(record.at)
        records: list[Record] = []
        self.bus.core.repeat(record, records)
        return records

    def fold(self, *records: Record) -> None:
        """Records out of a log, inputs and derived ones, as they happened: nobody decides anything."""
        self.bus.core.fold(*records)
        self.books.last_seq = self.bus.core.seq

    def end_of_data(self) -> list[Record]:
        """Recorded data has ended: the records of the answers that were still under way."""
        self.bus.end_of_data()
        return self.bus.run_dry()

    @property
    def last_seq(self) -> int:
        return self.bus.core.seq

    def state_hash(self) -> str:
        """SHA-256 of the state: equal for equal state on every machine."""
        return self.books.state_hash(self.bus.core.run_id)


class TradingSystem(BookkeepingSystem):
    """With strategies, portfolio, risk and execution, and a gateway that orders go out by.
    `has_strategies` as the portfolio's engine has it; `find` gives the class of a strategy's name."""

    def __init__(
        self,
        settings: Settings,
        account: Account,
        run_id: str,
        clock: Clock,
        *,
        gateway: MakeGateway = no_gateway,
        halt_switch: HaltSwitch | None = None,
        lease: Lease | None = None,
        projected: bool = False,
        has_strategies: bool = True,
        find: Find = find,
    ) -> None:
        super().__init__(settings, account, run_id, clock, projected=projected)
        bus, settings = self.bus, self.settings
        self.gateway = gateway(bus, self.books)
        allocations: dict[str, Decimal] = {s.name: s.allocation for s in settings.strategies}
        limits = settings.risk_limits()
        engine = StrategyEngine(
            settings.strategies,
            max_failures=settings.engine.max_failures,
            max_signals_per_second=settings.engine.max_signals_per_second,
            moment=lambda: bus.core.seq,
            view=self.books,
            find=find,
            decides_on=settings.paper.decides_on_ms * MILLISECOND,
            best_exchange=best_exchange(settings, self.books),
        )
        risk = RiskEngine(limits)
        portfolio = PortfolioEngine(
            settings.portfolio,
            allocations,
            bus.core.new_id,
            would_deny=risk.would_deny,
            sized_at_open=settings.paper.sized_at_open,
            has_strategies=has_strategies,
            plan_for=planned_by(settings),
            brackets=Brackets(
                {s.name: s.bracket for s in settings.strategies}, settings.portfolio.stop_loss_pct
            ),
            allocation=settings.allocation,
            quotes_stale_after=limits.stale_after,
        )
        self.allocator = allocator_of(settings)
        if portfolio.weighting is not None:
            WeightsWorker(bus, self.allocator).bind()
        self.strategy = StrategyAdapter(bus, engine)
        shares = base_shares(settings.allocation, allocations)
        self.risk = RiskAdapter(bus, self, risk, allocations=shares)
        self.execution = ExecutionAdapter(
            bus, self, self.gateway, halt_switch=halt_switch, lease=lease
        )
        self.portfolio = PortfolioAdapter(bus, self, portfolio)
        for adapter in (self.strategy, self.risk, self.execution, self.portfolio):
            adapter.bind()
        bus.pass_over(RISK_TIMER, self._is_reviewed)
        bus.pass_over(REBALANCE_TIMER, self._is_balanced)
        self.changed_at = 0
        """the record at which settings changed last"""
        self.tally = OutcomeTally()
        self.tally.bind(bus.core)
        bus.attach(SettingsChanged, self._on_settings, Stage.STATE)

    def _on_settings(self, change: SettingsChanged, record: Record) -> list[Event]:
        """Whoever goes by a setting that is another one from here on is told, and what strategies say
        that begin anew by other parameters follows."""
        from tradectl.config.reload import patched  # only where somebody changes them

        before = self.settings.orchestrator
        self.settings = settings = patched(self.settings, change.values())
        self.changed_at = record.seq
        known = timers_of(before)
        for name, interval in timers_of(settings.orchestrator).items():
            if interval != known[name]:
                self.bus.at_another_pace(interval, name)
        if change.limits is not None:
            limits = settings.risk_limits()
            self.risk.change_limits(limits)
            self.portfolio.engine.quoting.stale_after = limits.stale_after
        if any(key.startswith("engine.") for key in change.values()):
            bounds = settings.engine
            self.strategy.engine.hold_to(bounds.max_failures, bounds.max_signals_per_second)
        if any(key.startswith("portfolio.") for key in change.values()):
            self.portfolio.engine.change_settings(settings.portfolio)
            routing = self.strategy.engine.best_exchange
            if routing is not None:
                routing.part = settings.portfolio.fraction
        return self.strategy.change_parameters(settings.strategies, change, record.at)

    def _is_reviewed(self, at: int) -> bool:
        """Nothing is held, and a risk check at `at` would find what the last one found."""
        books, history = self.books, self.books.history
        return (
            is_settled(books, at)
            and not (history is not None and history.is_due(at))
            and self.risk.engine.is_settled(books, at)
            and self.portfolio.is_settled()
        )

    def _is_balanced(self, at: int) -> bool:
        return self.portfolio.engine.is_balanced(self.books, self.bus.core.happened, at)

    def open(self) -> None:
        """For who drives it without a loop: let orders out, and set the timers."""
        self.execution.open()
        set_timers(self.bus, self.settings.orchestrator)
        self.strategy.set_timers()

    def untraded(self, symbols: tuple[str, ...] = ()) -> list[Untraded]:
        """Why nothing was traded, by strategy and symbol. `symbols` are those of the run; without any,
        those that there was data of."""
        return self.tally.untraded(
            self.settings.strategies, self.strategy.engine, self.books, symbols
        )

    def components(self) -> list[tuple[str, Component]]:
        """By name, in the order in which a live loop starts them."""
        return [
            ("strategy", self.strategy),
            ("risk", self.risk),
            ("execution", self.execution),
            ("portfolio", self.portfolio),
        ]


def allocator_of(settings: Settings) -> MethodAllocator | OwnAllocator:
    """Of the method that is set, or the user's own."""
    known = settings.allocation
    by_method = MethodAllocator(known, settings.portfolio)
    if not known.allocator:
        return by_method
    return OwnAllocator(
        known.allocator,
        by_method,
        may_sell_short=not known.long_only,
        max_failures=settings.engine.max_failures,
    )


def best_exchange(settings: Settings, books: Books) -> BestExchange | None:
    """Where routed strategies trade; None where none is. Its fees are those of paper, with money, too."""
    if not any(strategy.routed for strategy in settings.strategies):
        return None
    fees = {name: settings.paper.at(name).taker_fee for name in settings.exchange_names()}
    return BestExchange(
        settings.strategies,
        settings.symbols,
        books,
        lambda symbol: fees[books.exchange_of(symbol)],
        part=settings.portfolio.fraction,
        stale_after=int(settings.feed.stale_after_seconds * SECOND),
    )


def planned_by(settings: Settings) -> PlanFor | None:
    """How orders of the portfolio are worked; None where each leaves whole. On spot an exit does where a
    stop may bind the coins: it would be away for as long as the exit takes."""
    execution = settings.execution
    if execution.is_plain:
        return None
    stops = settings.portfolio.stop_loss_pct is not None or any(
        strategy.bracket != NO_BRACKET for strategy in settings.strategies
    )

    def plan_for(change: PositionDelta, owners: tuple[str, ...]) -> ExecutionPlan | None:
        instrument, reduces = change.instrument, not change.adds
        if reduces and stops and not instrument.can_short:
            return None
        how = execution.how(instrument.symbol, owners)
        return how.plan(abs(change.quantity), change.mark, instrument, reduces=reduces)

    return plan_for


def set_timers(bus: EventBus, config: OrchestratorConfig) -> None:
    for name, interval in timers_of(config).items():
        bus.every(interval, name)


def timers_of(config: OrchestratorConfig) -> dict[str, int]:
    """Name -> how often (ns)."""
    return {
        RISK_TIMER: int(config.risk_check_interval_seconds * SECOND),
        REBALANCE_TIMER: int(config.portfolio_rebalance_interval_seconds * SECOND),
    }


def on_paper(settings: Settings) -> MakeGateway:
    """The paper exchange that `settings` describe. Raises DataError for a file of funding rates that
    cannot be read."""
    rates = funding_rates(settings)

    def make(bus: EventBus, books: Books) -> Gateway:
        return PaperGateway(
            bus, books.instruments, settings.paper, settings.seed, view=books, rates=rates
        )

    return make


def funding_rates(settings: Settings) -> FundingRates:
    """What perpetuals on paper pay. Raises DataError for a file that has rates of none of them."""
    paper, published = settings.paper, list[FundingRate]()
    if paper.funding_file:
        path = expanded(paper.funding_file)
        published = read_funding(path, WallClock().wall())
        perpetuals = sorted(i.symbol for i in settings.instruments if i.can_short)
        found = sorted({rate.symbol for rate in published})
        if perpetuals and not set(found).intersection(perpetuals):
            raise DataError(
                harmless(f"{path}: rates of {_few(found)}; expected of {_few(perpetuals)}")
            )
    return FundingRates(paper.funding_rate, paper.funding_interval_hours * HOUR, published)


def _few(symbols: list[str]) -> str:
    return ", ".join(symbols[:MOST_NAMED]) + (", ..." if len(symbols) > MOST_NAMED else "")


def module_hashes(settings: Settings, find: Find = find) -> dict[str, str]:
    """Module -> hash of its source, of all that strategies, and an allocator of the user's own, load from
    the user's own folders; that allocator by what it is called. Raises the same."""
    hashes: dict[str, str] = {}
    for strategy in settings.strategies:
        hashes |= modules_of(find(strategy.strategy))
    if settings.allocation.allocator:
        hashes |= hashes_of(settings.allocation.allocator, SETTING)
    return dict(sorted(hashes.items()))


def strategy_hashes(settings: Settings, find: Find = find) -> dict[str, str]:
    """Name -> hash of the source that decides under it. Raises UsageError for an unknown strategy."""
    return {s.name: fingerprint(find(s.strategy)) for s in settings.strategies}
