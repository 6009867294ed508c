"""What an account is made of: plain data that can be dumped, restored and hashed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from tradectl.domain.allocation import Allocated
from tradectl.domain.brackets import BracketState
from tradectl.domain.canonical import canonical_hash
from tradectl.domain.errors import JournalError
from tradectl.domain.events import OrderFilled
from tradectl.domain.instruments import Instrument
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import Order, OrderSpec
from tradectl.domain.positions import Position
from tradectl.domain.quotes import QuoteSet
from tradectl.domain.refusals import Refusal
from tradectl.domain.risk_memory import RiskMemory
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.states import TradingState
from tradectl.domain.text import harmless
from tradectl.state.held_time import HeldTime
from tradectl.state.readings import Readings
from tradectl.state.reconciliation import ReconciliationState

OPERATOR = "operator"
"""The cause of a pause by command."""

IDS = frozenset({"order_id", "parent_id", "trades"})

INCOME = ("funding", "insurance", "interest", "rebates")
"""The lines of profit and loss that no fill makes, of an account and of its strategies."""


class StrategyTotals(Struct, omit_defaults=True):
    """How many orders and fills a strategy had a part in, and its part of the account's `funding`,
    `insurance`, `interest` and `rebates`."""

    orders: int = 0
    fills: int = 0
    funding: Decimal = ZERO
    insurance: Decimal = ZERO
    interest: Decimal = ZERO
    rebates: Decimal = ZERO

    def income(self) -> Decimal:
        """What no fill made of its profit."""
        return sum((getattr(self, line) for line in INCOME), ZERO)


class DayStart(Struct, frozen=True):
    """What the account was worth (`equity`) as a day (UTC, counted from 1970) began; `until` (ns UTC) it
    was measured in it."""

    day: int
    equity: Decimal
    until: int


class Pause(Struct, frozen=True):
    """Why, and since when (ns UTC), there are no new entries."""

    reason: str
    since: int


class ChangedRules(Struct, frozen=True):
    """Since when (ns UTC) a symbol is traded by other rules than those that the run began with."""

    instrument: Instrument
    since: int


class Account(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Money in `currency`. `orders` are the working ones, `finished` the newest of those that are over
    (a late report may still concern them), `marks` the last prices. `reconciliation` is
    there once a real exchange has had to do with it. `max_drawdown` is the largest share of `high_water`,
    the highest equity since the account was opened, that was lost, as it was measured, 0 to 1; limits
    have a `peak_equity` of their own, and `measured_equity` is that of the last risk check, at
    `measured_at` (ns UTC). `other_days` are the starts of a few that came before `day`, should a clock
    name one once more.
    `state_since` is when the trading state came about (ns UTC; 0 while RUNNING), and `protection_dropped`
    that an emergency stop was to cancel protective stops, too. `lifted_stops` are, by symbol, the prices
    of those that were cancelled to make room for an exit, as long as something is held.
    `closing` are, by symbol, the positions that are being closed by hand, and why.
    `pauses` are by their cause, OPERATOR or a limit's code: trading is paused as long as there is one.
    `funding` is what perpetuals were paid (+) or paid for being held, `insurance` what exchanges bore of
    losses beyond the collateral, less what went to their insurance funds; `interest` is what was got (+)
    or paid for borrowed money, and charges for the account itself, `rebates` what exchanges gave back
    of fees or as a bonus. `funded_until` (ns UTC, by symbol) is up to when funding is settled, or
    else since when the position is held.
    `opened_at` is when recorded candles opened last (ns UTC), and `candles` are of each symbol whether
    its newest is open still, or has closed and waits for the next one's open.

    `holdings` are the strategies' virtual positions, by symbol and strategy: they add up to `positions`.
    `targets` are what strategies want, by symbol and strategy, and `brackets` what their signals said of
    exits and how far those trailed. `configured` are the run's strategies in
    the order of the configuration: what rounding leaves goes to the last of them.

    `quotes` are what strategies want to rest, by symbol and strategy, less what was filled of it.

    `rules` are, by symbol, those that became others in this run. `refused_exits` and `refused_entries`
    are, by symbol, orders that an exchange would not take and that are tried again.

    `applied` are, by key, the settings that were changed while this run traded, as plain data.

    `history` is there where something looks at how prices moved, `allocation` where symbols share the
    equity by weights.
    `risk` is what limits remember of the time before, `held_time` how long entries were held back.

    `account_id` is the run that opened the account: later runs continue it under the same name.
    """

    account_id: str
    currency: str
    initial_cash: Decimal
    cash: Decimal
    positions: dict[str, Position] = {}
    orders: list[Order] = []
    finished: list[Order] = []
    marks: dict[str, Decimal] = {}
    strategies: dict[str, StrategyTotals] = {}
    configured: tuple[str, ...] = ()
    holdings: dict[str, dict[str, Position]] = {}
    targets: dict[str, dict[str, StrategyTarget]] = {}
    quotes: dict[str, dict[str, QuoteSet]] = {}
    trading_state: TradingState = TradingState.RUNNING
    trading_state_reason: str = ""
    pauses: dict[str, Pause] = {}
    state_since: int = 0
    protection_dropped: bool = False
    lifted_stops: dict[str, Decimal] = {}
    brackets: dict[str, dict[str, BracketState]] = {}
    closing: dict[str, str] = {}
    high_water: Decimal = ZERO
    max_drawdown: Decimal = ZERO
    peak_equity: Decimal = ZERO
    day_start_equity: Decimal = ZERO
    day: int = 0
    other_days: tuple[DayStart, ...] = ()
    measured_equity: Decimal = ZERO
    measured_at: int = 0
    readings: Readings | None = None
    orders_count: int = 0
    denied_count: int = 0
    fills_count: int = 0
    duplicates: int = 0
    turnover: Decimal = ZERO
    funding: Decimal = ZERO
    insurance: Decimal = ZERO
    interest: Decimal = ZERO
    rebates: Decimal = ZERO
    funded_until: dict[str, int] = {}
    opened_at: int = 0
    candles: dict[str, bool] = {}
    rules: dict[str, ChangedRules] = {}
    applied: dict[str, Any] = {}
    refused_exits: dict[str, Refusal] = {}
    refused_entries: dict[str, Refusal] = {}
    reconciliation: ReconciliationState | None = None
    history: MarketHistory | None = None
    allocation: Allocated | None = None
    risk: RiskMemory = field(default_factory=RiskMemory)
    held_time: HeldTime = field(default_factory=HeldTime)

    def refusals(self, exits: bool) -> dict[str, Refusal]:
        return self.refused_exits if exits else self.refused_entries

    def has_open(self, symbol: str) -> bool:
        """A position, or an order that works."""
        held = self.positions.get(symbol)
        return (held is not None and bool(held.quantity)) or any(
            order.spec.symbol == symbol for order in self.orders
        )

    def say_refusals_again(self) -> None:
        """Alerts are a run's own: what is refused still is said by the next one, too."""
        for kept in (self.refused_exits, self.refused_entries):
            kept.update((symbol, replace(known, said=False)) for symbol, known in kept.items())

    @property
    def invested(self) -> Decimal:
        """What was put in: profit is what the account is worth beyond it."""
        return self.initial_cash + (
            self.reconciliation.transferred if self.reconciliation is not None else ZERO
        )

    def at_exchange(self) -> ReconciliationState:
        """What trading at a real exchange adds; made when it is first needed."""
        if self.reconciliation is None:
            self.reconciliation = ReconciliationState()
        return self.reconciliation

    def cash_at(self, exchange: str, *, of_several: bool) -> Decimal:
        """The money that can be spent there: all of it, where there is only one exchange; `of_several`
        one that has told nothing yet has nothing."""
        known = self.reconciliation
        if known is None or not known.cash_at:
            return self.cash
        if len(known.cash_at) < 2 and (exchange in known.cash_at or not of_several):
            return self.cash
        there = known.cash_at.get(exchange, ZERO)
        if not known.external_cash:
            return there
        return min(self.cash, max(there - known.external_cash_at.get(exchange, ZERO), ZERO))

    @property
    def money_at(self) -> Mapping[str, Decimal]:
        """What each of several exchanges has; empty where there is one."""
        known = self.reconciliation
        return known.cash_at if known is not None and len(known.cash_at) > 1 else {}

    @property
    def main_exchange(self) -> str:
        """Whose money is meant where nobody says so."""
        return next(iter(self.money_at), "")

    def own(self, symbol: str, owned: Mapping[str, Position]) -> None:
        """Virtual positions of strategies become these. What was told of them before stays as it was:
        whoever works something out of it knows by that whether it has changed."""
        self.holdings[symbol] = {**self.holdings.get(symbol, {}), **owned}

    def book_cash(self, cash: Decimal, exchange: str) -> None:
        """It has so much from now on, by what happened at the exchange."""
        known = self.reconciliation
        if known is not None and len(known.cash_at) > 1 and exchange in known.cash_at:
            known.cash_at[exchange] += cash - self.cash
        self.cash = cash

    def hold_from(self, symbol: str, at: int) -> None:
        """A perpetual is held from `at` (ns), or its funding is settled up to there."""
        self.funded_until[symbol] = max(self.funded_until.get(symbol, 0), at)

    def lift(self, stop: OrderSpec) -> None:
        """It makes room for an exit. Of several the one that is reached first counts."""
        price, known = stop.stop_price, self.lifted_stops.get(stop.symbol)
        if price is not None:
            nearest = max if stop.side is Side.SELL else min
            self.lifted_stops[stop.symbol] = price if known is None else nearest(price, known)

    @classmethod
    def open(cls, account_id: str, currency: str, cash: Decimal) -> Account:
        """A new account with nothing but cash."""
        return cls(
            account_id, currency, cash, cash,
            high_water=cash, peak_equity=cash, day_start_equity=cash, measured_equity=cash,
        )  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """As JSON-ready data; decimals are strings."""
        dumped: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return dumped

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> Account:
        """The account that `dump` described. Raises msgspec.ValidationError for anything else."""
        return msgspec.convert(dumped, cls)

    @classmethod
    def begun_with(cls, dumped: dict[str, Any], run_id: str) -> Account:
        """The same of what the journal of a run begins with. Raises JournalError."""
        try:
            return cls.load(dumped)
        except (msgspec.ValidationError, RecursionError) as error:
            raise JournalError(
                harmless(f"run {run_id} does not begin with an account of tradectl's: {error}")
            ) from error

    def hash(self, run_id: str) -> str:
        """SHA-256 over everything in the account, equal for equal accounts on every machine.

        What changes from run to run is left out: `run_id` at the start of the ids made in this run, the
        account's own id, and for how long its runs held entries back.
        """
        hashed = {name: getattr(self, name) for name in self.__struct_fields__}
        hashed["account_id"] = hashed["held_time"] = ""
        return canonical_hash(hashed, without=f"{run_id}-", named=IDS)


class Fill(Struct, frozen=True, gc=False):
    """A fill in the books: the report, whose order it was, and when (ns UTC) it was booked.

    `kept` is the quantity that the exchange kept as its fee, on spot, of the coins that were traded.
    """

    report: OrderFilled
    strategy: str
    at: int
    kept: Decimal = ZERO
