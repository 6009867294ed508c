"""What operations on a system answer: receipts, comparisons, verifications, findings."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tradectl.documents.compare import Comparison
from tradectl.documents.reasons import Untraded
from tradectl.documents.values import Amount, Time
from tradectl.domain.event import Acceptance, RestrictionKind
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderStatus, OrderType


class ProtectiveStop(Struct, kw_only=True, frozen=True):
    """A resting stop that can only reduce the symbol's position; quantity in coins. `confirmed`: by the
    exchange, just now; else by our books alone."""

    symbol: str
    order_id: str
    stop_price: Amount | None
    quantity: Amount
    confirmed: bool


class ByBooks(Struct, kw_only=True, frozen=True):
    """An exchange that could not be asked: what is told of it is by our books, which were compared with
    it at `compared_at` (by its clock, where it tells its time), `age_s` before; null for never."""

    exchange: str
    compared_at: Time | None
    age_s: float | None


class StopReport(Struct, kw_only=True, frozen=True):
    """What one system did to stop, and what is left by the exchange's word. Orders are named by our ids
    where they are ours, positions by their symbols; `dust` is too little to be sold. `protection` stays
    on purpose and is not among the orders left; `unprotected` are positions that no stop covers whole.
    `foreign_orders` are those of others that are open in our symbols: they may bind coins or margin.
    `by_books` are exchanges that could not be asked at the end. `confirmed`: nothing is left that should
    not be. `error` says why something could not be done or proven; `journal` is the file name of the run
    that did it."""

    confirmed: bool = True
    cancelled: list[str] = []
    closed: list[str] = []
    open_orders_left: list[str] = []
    positions_left: list[str] = []
    protection: list[ProtectiveStop] = []
    unprotected: list[str] = []
    dust: list[str] = []
    foreign_orders: list[str] = []
    by_books: list[ByBooks] = []
    error: str | None = None
    journal: str | None = None

    def without_confirmation(self, why: str) -> StopReport:
        errors = [error for error in (self.error, why) if error]
        return replace(self, confirmed=False, error="; ".join(errors))

    def with_other(self, other: StopReport) -> StopReport:
        """Two systems' reports as one."""
        errors = [report.error for report in (self, other) if report.error]
        return StopReport(
            confirmed=self.confirmed and other.confirmed,
            cancelled=[*self.cancelled, *other.cancelled],
            closed=[*self.closed, *other.closed],
            open_orders_left=[*self.open_orders_left, *other.open_orders_left],
            positions_left=[*self.positions_left, *other.positions_left],
            protection=[*self.protection, *other.protection],
            unprotected=[*self.unprotected, *other.unprotected],
            dust=[*self.dust, *other.dust],
            foreign_orders=[*self.foreign_orders, *other.foreign_orders],
            by_books=[*self.by_books, *other.by_books],
            error="; ".join(errors) or None,
            journal=self.journal or other.journal,
        )


class Receipt(StopReport, kw_only=True, frozen=True):
    """`emergency-stop`: all systems together. `latched_ms` and `confirmed_ms` count from the command's
    start; `method` is control (the running process did it) or direct; `killed` is the process that had to
    be ended for it."""

    reason: str
    flatten: bool
    drop_protection: bool
    latched: bool
    latched_ms: float
    confirmed_ms: float
    method: str
    killed: int | None = None


# --- replay ---------------------------------------------------------------------------------------


class Divergence(Struct, kw_only=True, frozen=True):
    """Where a replay first says something else: the two records; null stands for nothing said."""

    seq: int
    recorded: dict[str, Any] | None
    replayed: dict[str, Any] | None


class ReplayReport(Struct, kw_only=True):
    """`verified` is null when nothing was to be verified (`--no-verify`). `signed` is about who wrote
    it: yes (by your key), no (by nobody), no key (that of somebody else) or forged. `clean`: the journal
    has its end; `truncated_tail`: its last record is torn. `notes` say why a divergence might be no
    fault."""

    journal: str
    run_id: str
    events: int = 0
    inputs: int = 0
    compared: int = 0
    divergences: int = 0
    first_divergence: Divergence | None = None
    state_hash: str = ""
    recorded_state_hash: str | None = None
    verified: bool | None = None
    signed: str = "no"
    truncated_tail: bool = False
    clean: bool = False
    elapsed_s: float = 0.0
    events_per_s: int = 0
    notes: list[str] = []
    fills: int = 0
    untraded: list[Untraded] = []


class DecisionDifference(Struct, kw_only=True, frozen=True):
    """The first decision that another configuration takes otherwise; `seq` of the recorded one."""

    seq: int | None
    recorded: dict[str, Any] | None
    simulated: dict[str, Any] | None


class TradingResult(Struct, kw_only=True, frozen=True):
    """`pnl` is net of fees."""

    orders: int
    denied: int
    fills: int
    fees: Amount
    pnl: Amount


class ResultDifference(Struct, kw_only=True, frozen=True):
    pnl: Amount
    fees: Amount


class Counterfactual(Struct, kw_only=True, frozen=True):
    """`replay -c OTHER_CONFIG`; `first_difference` is null when every decision is the same. The results
    are of the run; `comparison` has the recorded one as A and the simulated one as B."""

    journal: str
    run_id: str
    events: int
    first_difference: DecisionDifference | None
    recorded: TradingResult
    simulated: TradingResult
    difference: ResultDifference
    comparison: Comparison


# --- reconciliation -------------------------------------------------------------------------------


class SymbolComparison(Struct, kw_only=True, frozen=True):
    """A position by the journal, the database and the exchange, all signed. `at_exchange` is without
    what is `external` there; `restricted` names the restrictions of the symbol."""

    symbol: str
    exchange: str
    journal: Amount
    database: Amount
    at_exchange: Amount
    external: Amount
    difference: Amount
    restricted: list[RestrictionKind]
    ok: bool


class CashComparison(Struct, kw_only=True, frozen=True):
    currency: str
    journal: Amount
    at_exchange: Amount
    difference: Amount
    ok: bool


class OrderComparison(Struct, kw_only=True, frozen=True):
    """An order's status by the journal and by the exchange; null where one does not know it as open."""

    client_order_id: str
    symbol: str
    ours: bool
    journal: OrderStatus | None
    at_exchange: OrderStatus | None
    ok: bool


class Unreachable(Struct, kw_only=True, frozen=True):
    exchange: str
    error: str


class ProposedBooking(Struct, kw_only=True, frozen=True):
    """Of a symbol, or of the cash (`symbol` null): what is ours and what is external, before and after,
    and the price that it is booked at."""

    symbol: str | None
    ours_before: Amount
    ours_after: Amount
    external_before: Amount
    external_after: Amount
    price: Amount | None


class ProposedOrder(Struct, kw_only=True, frozen=True):
    """What would be traded once trading goes on; a `stop` rests until the market comes to it."""

    symbol: str
    side: Side
    quantity: Amount
    type: OrderType


class Proposal(Struct, kw_only=True, frozen=True):
    """What `reconcile --accept` books: the result of it that is `profit` or loss, what of it is
    `transferred`, what would be traded then, what stays as it is, and why, and what `follows` from it
    later. Where equity is another by
    it (`resizes`), what strategies want is sized by that once trading resumes."""

    accept: Acceptance
    bookings: list[ProposedBooking]
    profit: Amount
    transferred: Amount
    orders: list[ProposedOrder]
    resizes: bool
    refused: list[str]
    follows: list[str]


class Reconciliation(Struct, kw_only=True, frozen=True):
    """`reconcile`: `clean` when all agree and every exchange answered. `proposal` is what `--accept`
    books, and it is booked where `accepted`; `left_out` is what of it was confirmed and could not be, and
    why."""

    clean: bool
    accepted: bool
    proposal: Proposal | None
    left_out: list[str]
    symbols: list[SymbolComparison]
    cash: CashComparison
    orders: list[OrderComparison]
    unreachable: list[Unreachable]


# --- doctor ---------------------------------------------------------------------------------------


class Verdict(StrEnum):
    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"


class Finding(Struct, frozen=True):
    """`check` names what was looked at; `mend` says what to do, empty where nothing is to be done."""

    check: str
    verdict: Verdict
    message: str
    mend: str = ""


class DoctorReport(Struct, kw_only=True, frozen=True):
    """`ok`: nothing failed."""

    ok: bool
    findings: list[Finding]


class ControlRow(Struct, kw_only=True, frozen=True):
    """One of the controls that regulators ask for. `settings` are the keys it is set by, with their
    present values (`off` where one switches it off); none where it is always on."""

    number: int
    name: str
    on: bool
    settings: dict[str, str]
    does: str


class Controls(Struct, kw_only=True, frozen=True):
    controls: list[ControlRow]


class ChannelTest(Struct, kw_only=True, frozen=True):
    """`alerts test`: whether the other end took the message, after how long (s), else why not."""

    channel: str
    kind: str
    delivered: bool
    elapsed_s: float
    error: str | None = None
