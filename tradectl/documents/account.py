"""An account as documents: what it is worth, its positions, orders and fills, and what restricts it.

Money is in the account's currency unless a field says otherwise; quantities are in coins.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tradectl.documents.values import Amount, Time
from tradectl.domain.event import Liquidity, RestrictionKind
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderStatus, OrderType
from tradectl.domain.refusals import RefusalCause
from tradectl.domain.states import TradingState


class PortfolioTotals(Struct, kw_only=True, frozen=True):
    """`equity` is cash and what the positions are worth at the last prices. Profit is `realized_pnl` +
    `unrealized_pnl` - `fees` + `funding` + `insurance` + `interest` + `rebates`: what perpetuals got
    (below zero: paid) for being held, what exchanges bore of liquidations, less what their insurance
    funds took, what borrowed money and the account itself cost, and what exchanges gave back of fees.
    `transferred` is what was put in (below zero: taken out) since `initial_cash`. `margin_used` is the
    initial margin of the perpetuals, `maintenance_margin` what their collateral must not fall to.
    `drawdown_pct` is from `peak_equity` to now and `max_drawdown_pct` the largest from a peak to a later
    trough, both in percent of the peak. `peak_equity` and `day_start_equity` (UTC) are what loss limits
    measure from: `resume` and `clear-halt` let them begin anew. `day_pnl` is the equity's change since
    the latter."""

    currency: str
    equity: Amount
    cash: Amount
    realized_pnl: Amount
    unrealized_pnl: Amount
    fees: Amount
    funding: Amount
    insurance: Amount
    margin_used: Amount
    maintenance_margin: Amount
    exposure: Amount
    drawdown_pct: Amount
    max_drawdown_pct: Amount
    initial_cash: Amount
    peak_equity: Amount
    day_start_equity: Amount
    day_pnl: Amount
    turnover: Amount
    interest: Amount = "0"
    rebates: Amount = "0"
    transferred: Amount = "0"


class PositionRow(Struct, kw_only=True, frozen=True):
    """`side` is long, short or flat; `size` has no sign; `current_price` is the last one seen.
    `liquidation_price` is a perpetual's, with the other symbols where they are now; null where no price
    is so bad. `dust` is less than its exchange takes as an order: it counts as closed."""

    symbol: str
    side: str
    size: Amount
    entry_price: Amount
    current_price: Amount
    unrealized_pnl: Amount
    realized_pnl: Amount
    fees: Amount
    liquidation_price: Amount | None = None
    dust: bool = False


class OrderRow(Struct, kw_only=True, frozen=True):
    """An order, working or over, that run `run_id` made. `client_order_id` is its name at the exchange,
    `venue_order_id` the exchange's own; `reason` says why it ended where there is a reason. One with an
    `algorithm` is not at its exchange: its children are, each of which names it as `parent_id`. `tag`
    is the level of a strategy's quotes that it is, `leg` what it is of a bracket: stop_loss,
    trailing_stop or take_profit."""

    order_id: str
    client_order_id: str
    venue_order_id: str
    account_id: str
    run_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Amount
    filled: Amount
    price: Amount | None
    stop_price: Amount | None
    average_price: Amount | None
    status: OrderStatus
    strategy: str
    reason: str
    fees: Amount
    reduce_only: bool
    created_at: Time
    updated_at: Time
    parent_id: str = ""
    algorithm: str = ""
    tag: str = ""
    leg: str = ""


class FillRow(Struct, kw_only=True, frozen=True):
    """As run `run_id` booked it. `fee` is in `fee_currency`; `fee_value` is what it was worth in the
    account's currency."""

    trade_id: str
    order_id: str
    client_order_id: str
    account_id: str
    run_id: str
    symbol: str
    side: Side
    quantity: Amount
    price: Amount
    fee: Amount
    fee_currency: str
    fee_value: Amount
    liquidity: Liquidity
    strategy: str
    time: Time


class StrategyRow(Struct, kw_only=True, frozen=True):
    """A strategy's part of the account: positions, cash flow (what its trades brought, fees apart), fees
    and total profit add up to the account's over all strategies. Profit that is realised need not: each
    has entry prices of its own. `warm`: it has seen as much of the market as it needs; null for one that
    does not run."""

    name: str
    orders: int = 0
    fills: int = 0
    positions: list[PositionRow] = []
    realized_pnl: Amount = "0"
    unrealized_pnl: Amount = "0"
    cash_flow: Amount = "0"
    fees: Amount = "0"
    funding: Amount = "0"
    insurance: Amount = "0"
    interest: Amount = "0"
    rebates: Amount = "0"
    total_pnl: Amount = "0"
    warm: bool | None = None


class Halt(Struct, kw_only=True, frozen=True):
    """Why and since when trading is not free, and what it is: REDUCING, FLATTENING or HALTED."""

    reason: str
    since: str
    state: TradingState = TradingState.HALTED


class PauseCause(Struct, kw_only=True, frozen=True):
    """One of the causes of a pause: `operator`, or the code of a limit."""

    cause: str
    reason: str
    since: Time


class Paused(Struct, kw_only=True, frozen=True):
    """Why there are no new entries, all reasons in one line, and since when; each cause beside it.

    It lasts over restarts until `resume`, which lifts all causes.
    """

    reason: str
    since: Time
    causes: list[PauseCause]


class ExternalRow(Struct, kw_only=True, frozen=True):
    """What an exchange holds that is not ours: a symbol's signed quantity, or money where `symbol` is
    null. It is compared, and never traded."""

    symbol: str | None
    quantity: Amount


class RestrictionRow(Struct, kw_only=True, frozen=True):
    """Why a symbol is not traded, or only towards a smaller position."""

    symbol: str
    kind: RestrictionKind
    message: str


class RefusalRow(Struct, kw_only=True, frozen=True):
    """An exit or an entry of a symbol that its exchange would not take, `count` times in a row since
    `since`; the next try is at `next_try`, none where it is held: somebody cancelled it by hand."""

    symbol: str
    kind: Literal["exit", "entry"]
    cause: RefusalCause
    reason: str
    count: int
    since: Time
    next_try: Time | None


class Consistency(Struct, kw_only=True, frozen=True):
    """Whether the books add up, and what does not."""

    ok: bool = True
    problems: list[str] = []


class AllocationStatus(Struct, kw_only=True, frozen=True):
    """How symbols and strategies share the equity: `weights` by symbol, in force `since` then, or the
    `failure` for which there are none new; `shares` by strategy, where they are worked out. What is
    `held_back` is not brought to its weight, and why: it is not worth its cost."""

    weights: dict[str, Amount]
    since: Time | None
    failure: str
    held_back: dict[str, str]
    shares: dict[str, Amount]


class BracketRow(Struct, kw_only=True, frozen=True):
    """The exits of a strategy's position: its `stop` is a stop_loss, or a trailing_stop once that is
    armed and nearer. What does not rest at the exchange is `watched`: an order of ours follows when a
    price has touched it."""

    symbol: str
    strategy: str
    side: str
    size: Amount
    entry_price: Amount
    stop: Amount | None
    stop_kind: str
    stop_watched: bool
    target: Amount | None
    target_watched: bool
    trailing_pct: Amount | None
    armed: bool


class HeldBackBy(Struct, kw_only=True, frozen=True):
    """Entries could not leave because of this cause (a pause's, a halt, a symbol's restriction) for this
    share of the time, 0 to 1; a symbol counts for its part of all."""

    cause: str
    share: float


class Availability(Struct, kw_only=True, frozen=True):
    """In how much of its `time_s` entries could leave in this run, in percent, and what held them back,
    the largest first: causes may overlap. `account_pct` is the same of all runs of the account
    (`account_time_s`); the time in which none ran is in neither."""

    available_pct: float
    time_s: float
    held_back: list[HeldBackBy]
    account_pct: float
    account_time_s: float


class AccountStatus(Struct, kw_only=True, frozen=True):
    """What the books know, as of record `last_seq`. All of it is empty for an account that never was.
    `cash_at` is what each exchange has of the cash, where there are several."""

    mode_reason: str = ""
    portfolio: PortfolioTotals | None = None
    max_drawdown_pct: Amount | None = None
    positions: list[PositionRow] = []
    open_orders: list[OrderRow] = []
    strategies: list[StrategyRow] = []
    halt: Halt | None = None
    paused: Paused | None = None
    restrictions: list[RestrictionRow] = []
    refused: list[RefusalRow] = []
    external: list[ExternalRow] = []
    cash_at: dict[str, Amount] = {}
    allocation: AllocationStatus | None = None
    brackets: list[BracketRow] = []
    availability: Availability | None = None
    consistency: Consistency = Consistency()
    last_seq: int = 0
    state_hash: str | None = None
