"""A run as documents: its status while it trades, its summary at the end, its row in the list of runs."""

from __future__ import annotations

from msgspec import Struct

from tradectl.documents.account import (
    AccountStatus,
    AllocationStatus,
    Availability,
    FillRow,
    Halt,
    Paused,
    PortfolioTotals,
    StrategyRow,
)
from tradectl.documents.market import EventLag
from tradectl.documents.reasons import Untraded
from tradectl.documents.values import Amount, Time
from tradectl.domain.event import SignalAction
from tradectl.domain.states import AlertSeverity, AlertStatus, ComponentStatus


class ComponentRow(Struct, kw_only=True, frozen=True):
    """`breaker` is closed, open (it failed, and waits for its restart, or was given up) or half_open (it
    was restarted, and has to run for a while); `restarts` is how often it was."""

    status: ComponentStatus
    last_heartbeat: Time | None = None
    error_count: int = 0
    message: str = ""
    breaker: str = "closed"
    restarts: int = 0


class HandlerFigures(Struct, kw_only=True, frozen=True):
    """One observer of the bus: events handled, and microseconds that they took. `breaker` is open while
    it keeps failing and gets nothing, half_open when it may try one more."""

    handled: int
    failures: int
    dropped: int
    missed: int
    waiting: int
    mean_us: float
    max_us: float
    breaker: str = "closed"


class StageFigures(Struct, frozen=True):
    """Of one stage of the core's steps, in a sample of them: microseconds, and how much of a step's time
    it takes, in percent."""

    p50_us: float = 0.0
    p99_us: float = 0.0
    share_pct: float = 0.0


class BusFigures(Struct, kw_only=True, frozen=True):
    """Events since the start, latencies of a step in microseconds; `stages` by name."""

    published: int = 0
    processed: int = 0
    failed: int = 0
    dropped: int = 0
    queue_depth: int = 0
    latency_p50_us: float = 0.0
    latency_p99_us: float = 0.0
    stages: dict[str, StageFigures] = {}
    handlers: dict[str, HandlerFigures] = {}


class RunBusFigures(BusFigures, kw_only=True, frozen=True):
    """With the `rate` of the run in events a second."""

    rate: float = 0.0


class CallFigures(Struct, kw_only=True, frozen=True):
    """Requests to an exchange since the start of the run: how many it answered, if only to refuse, how
    many `failed` without an answer, in percent of all, and why the last one did; how long answers took,
    in milliseconds."""

    answered: int = 0
    failed: int = 0
    error_pct: float = 0.0
    last_error: str = ""
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


class BreakerFigures(Struct, kw_only=True, frozen=True):
    """A circuit breaker: `state` is closed, open (entries wait) or half_open (it is asked whether it can
    be closed). `failures` came in a row, `opened` is how often it did, `probes` how often it was asked;
    `retry_in_s` seconds until it is next."""

    state: str = "closed"
    failures: int = 0
    opened: int = 0
    probes: int = 0
    retry_in_s: float = 0.0


class ExchangeStatus(Struct, kw_only=True, frozen=True):
    """What an exchange was last seen to have that the books do not know: orders of others, and how many
    of ours have an unknown outcome; the tags of other tradectls that trade on the same account
    (`other_bots`); what does not work there (`problems`); and by symbol whether its
    dead-man switch is armed, or why not, where it has one. `clock_offset_ms` is how far its clock was
    ahead of this machine's, when it was asked last."""

    name: str
    symbols: tuple[str, ...]
    problems: tuple[str, ...]
    foreign_orders: tuple[str, ...]
    unknown_orders: int
    dead_man: dict[str, str] = {}
    other_bots: tuple[str, ...] = ()
    clock_offset_ms: float | None = None
    breaker: BreakerFigures | None = None
    calls: CallFigures | None = None


class Status(AccountStatus, kw_only=True, frozen=True):
    """`tradectl status`: the account, and the run that trades it or traded it last.

    `state` is RUNNING, PAUSED, HALTED, STOPPED, NOT RESPONDING or a step of starting and stopping. What
    only an ended run has (`ended_at`, `end_reason`) is null while it runs. `standing_by` is the process
    that tells on of a halt after its run, null where none does. `event_lag` is by exchange.
    """

    running: bool = False
    mode: str = "paper"
    source: str = ""
    state: str = "STOPPED"
    run_id: str | None = None
    account_id: str = ""
    started_at: Time | None = None
    ended_at: Time | None = None
    end_reason: str | None = None
    elapsed_s: float = 0.0
    journal: str = ""
    data_age_s: dict[str, float] = {}
    event_lag: dict[str, EventLag] = {}
    slippage_bps: Amount | None = None
    exchanges: list[ExchangeStatus] = []
    components: dict[str, ComponentRow] = {}
    bus: RunBusFigures = RunBusFigures()
    standing_by: int | None = None


class SignalRow(Struct, kw_only=True, frozen=True):
    time: Time
    symbol: str
    action: SignalAction
    strategy: str
    strength: float


class AlertRow(Struct, kw_only=True, frozen=True):
    """`count` is how often the condition was seen, from `created_at` to `updated_at`, by run `run_id`."""

    id: str
    run_id: str
    type: str
    severity: AlertSeverity
    message: str
    component: str
    created_at: Time
    updated_at: Time
    status: AlertStatus
    count: int


class Progress(Struct, kw_only=True, frozen=True):
    """How far recorded data has come: `fraction` from 0 to 1, `rate` in events a second."""

    fraction: float
    events: int
    rate: int
    eta_s: float | None
    bad_rows: int


class Resources(Struct, kw_only=True, frozen=True):
    """What the process uses: `cpu_pct` of one core, `open_files_pct` of those that it may open; and what
    is left of the disk that its state is on. `utc_offset_ms` is how far UTC is ahead of its clock. Null
    where the machine, or no time server, tells."""

    cpu_pct: float | None = None
    rss_mb: float | None = None
    open_files: int | None = None
    open_files_pct: float | None = None
    threads: int | None = None
    disk_free_mb: float | None = None
    journal_mb: float | None = None
    loop_lag_ms: float | None = None
    utc_offset_ms: float | None = None


class LiveStatus(Status, kw_only=True, frozen=True):
    """The status, and what only a live screen shows: the newest signals, fills and equity samples (newest
    last), active alerts, last prices, resources; progress where there is an end to come to."""

    equity_history: list[float] = []
    signals: list[SignalRow] = []
    fills: list[FillRow] = []
    alerts: list[AlertRow] = []
    prices: dict[str, Amount] = {}
    resources: Resources | None = None
    progress: Progress | None = None


class HeldBack(Struct, kw_only=True, frozen=True):
    """Trading was paused or halted by this cause (`operator`, a limit's code, REDUCING, FLATTENING,
    HALTED): since when at first and until when at last (null: it still is), why at last, and how much of
    the data passed meanwhile: trades, quotes or candles (`rows`), as a `share` of all (0 to 1, null where
    the data has no end), and in seconds of its own time."""

    cause: str
    reason: str
    since: Time
    until: Time | None
    times: int
    rows: int
    share: Amount | None
    span_s: float


class DeniedBy(Struct, kw_only=True, frozen=True):
    """How often a check of the risk limits denied an order of this run, and what it said at first."""

    code: str
    count: int
    example: str


class Summary(Struct, kw_only=True, frozen=True):
    """What a finished run has to say for itself. `pnl` is net of fees, `max_drawdown_pct` of the
    account since it was opened; `bad` counts rows that were not traded on, by what was wrong there.
    `held_back` has all that paused or halted trading in this run, `held_back_share` how much of recorded
    data passed under any of it, 0 to 1.
    `orders`, `fills`, `pnl` are the account's; `run_orders`, `run_fills`, `run_pnl` what this run added.
    `denied_by` says by which checks orders of this run were denied, the most frequent first.

    `funding_from` is where the funding of perpetuals came from: `file`, `rate` (a constant), `none`
    where it was not applied; null where no perpetual was traded. `funding_missing` says of each
    perpetual why a file has no rates for it, or not for all of the time.

    `quarantined` says why, by strategy, and `failed` how often one failed and how at last; when none is
    left that could trade, `nothing_trades` is true and `exit_code` is not 0. `untraded` says why, for
    each strategy and symbol without a fill, the most important first. `tradable_from` is when on
    recorded data the first strategy had seen what it needs and trading could begin; null while none
    has. `journal` is empty where none is kept. `not_worth_cost` is how often a rebalancing was held back
    for what it would have cost."""

    run_id: str
    mode: str
    source: str
    state: str
    reason: str
    elapsed_s: float
    events: int
    rate: int
    orders: int
    denied: int
    denied_by: list[DeniedBy]
    fills: int
    paused: Paused | None
    halt: Halt | None
    held_back: list[HeldBack]
    held_back_share: Amount | None
    portfolio: PortfolioTotals
    strategies: list[StrategyRow]
    pnl: Amount
    run_orders: int
    run_fills: int
    run_pnl: Amount
    max_drawdown_pct: Amount
    funding_from: str | None
    funding_missing: dict[str, str]
    slippage_bps: Amount
    bad_rows: int
    bad: dict[str, int]
    first_bad_rows: list[str]
    quarantined: dict[str, str]
    failed: dict[str, str]
    nothing_trades: bool
    untraded: list[Untraded]
    tradable_from: Time | None
    journal: str
    state_hash: str
    exit_code: int
    allocation: AllocationStatus | None = None
    availability: Availability | None = None
    not_worth_cost: int = 0


class RunRecord(Struct, kw_only=True, frozen=True):
    """A run as the database has it; `account_kind` is paper, live or recorded (an account of its own).
    `pnl` (net of fees) and `max_drawdown_pct` are the account's at its end, `run_orders`, `run_fills` and
    `run_pnl` what this run added, `run_funding` and `run_insurance` the parts of that from perpetuals
    alone. `ended_at` is null while it runs; of a crashed one it is when its journal was last written.
    `untraded` as in a summary, or as last stored; null where only the journal is left: replay it.
    """

    run_id: str
    account_id: str
    account_kind: str
    mode: str
    source: str
    started_at: Time
    ended_at: Time | None
    end_reason: str | None
    events: int
    pnl: Amount
    run_orders: int
    run_fills: int
    run_pnl: Amount
    run_funding: Amount
    run_insurance: Amount
    max_drawdown_pct: Amount
    untraded: list[Untraded] | None
    journal: str


class RunRow(RunRecord, kw_only=True, frozen=True):
    """`status` is clean, running, crashed (it left no word), broke off (it could not go on), or, of
    recorded data, interrupted before its end."""

    clean: bool
    status: str
