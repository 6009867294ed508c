"""What the engines may ask of the books: questions only, no way to change an answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Protocol

from tradectl.domain.account_sums import AccountSums
from tradectl.domain.allocation import Allocated
from tradectl.domain.brackets import BracketState
from tradectl.domain.events import RestrictionKind
from tradectl.domain.exposure_tally import ExposureTally
from tradectl.domain.instruments import Instrument
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.money import Side
from tradectl.domain.orders import Order
from tradectl.domain.positions import Position
from tradectl.domain.quotes import QuoteSet
from tradectl.domain.refusals import Refusal
from tradectl.domain.risk_memory import RiskMemory
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.states import TradingState
from tradectl.domain.working_orders import WorkingOrders


class AccountView(Protocol):
    """The account as of the event being handled. Money in `currency`; quantities signed."""

    @property
    def currency(self) -> str: ...
    @property
    def trading_state(self) -> TradingState: ...
    @property
    def protection_dropped(self) -> bool:
        """An emergency stop cancelled the protective stops as well: none is placed again."""
        ...

    @property
    def lifted_stops(self) -> Mapping[str, Decimal]:
        """By symbol the price of the stop that was cancelled to make room for an exit, as long as
        something is held."""
        ...

    @property
    def brackets(self) -> Mapping[str, Mapping[str, BracketState]]:
        """By symbol and strategy what signals said of exits, and how far those trailed."""
        ...

    @property
    def closing(self) -> Mapping[str, str]:
        """By symbol why a position is being closed by hand: nothing else is done about it before."""
        ...

    @property
    def cash(self) -> Decimal: ...
    def exchange_of(self, symbol: str) -> str:
        """The name of the exchange that it is traded at."""
        ...

    def cash_at(self, exchange: str) -> Decimal:
        """What of it can be spent at the exchange of that name: all, where there is only one."""
        ...

    def cash_for(self, symbol: str) -> Decimal:
        """What an order in the symbol may spend."""
        ...

    @property
    def peak_equity(self) -> Decimal:
        """Highest equity seen at a risk check, since the account was opened or limits began anew."""
        ...

    @property
    def limit_peak(self) -> Decimal:
        """The same as far as readings agree on it: what a drawdown's limits measure from."""
        ...

    def confirmed_equity(self) -> Decimal | None:
        """The equity that readings agree it has fallen to (`state.readings`), if they do: what limits
        pause and halt by."""
        ...

    def at_stake(self) -> ExposureTally:
        """What positions come to on each side, and in each budget."""
        ...

    @property
    def risk(self) -> RiskMemory:
        """What limits remember of the time before; nobody changes it but the books."""
        ...

    def paused_at(self, cause: str) -> int | None:
        """When trading was paused by this cause, ns UTC; None where it is not."""
        ...

    @property
    def day_start_equity(self) -> Decimal:
        """Equity at the first risk check of the UTC day."""
        ...

    def knows(self, symbol: str) -> bool: ...
    def instrument(self, symbol: str) -> Instrument:
        """Raises UsageError for a symbol that `knows` denies."""
        ...

    def mark(self, symbol: str) -> Decimal | None:
        """Last price seen, or None before the first."""
        ...

    def spread(self, symbol: str) -> Decimal:
        """Between bid and ask, as a share of the price; 0 where the last data has none."""
        ...

    @property
    def history(self) -> MarketHistory | None:
        """How prices moved; None where nothing looks at that."""
        ...

    @property
    def allocation(self) -> Allocated | None:
        """The weights by which symbols share the equity; None before they were asked for."""
        ...

    def best(self, symbol: str, side: Side) -> Decimal | None:
        """The best price on that side of the market; one step from the mark where no quotes are told."""
        ...

    def awaits_open(self, symbol: str) -> bool:
        """Its candle has closed, and the open of the next one will be told."""
        ...

    def has_opens(self, symbol: str) -> bool:
        """What comes of it are recorded candles, each with its open."""
        ...

    def position(self, symbol: str) -> Position:
        """Flat when there is none."""
        ...

    def open_quantity(self, symbol: str) -> Decimal:
        """Our position as decisions see it, signed: what is less than the smallest order is dust, and
        counts as closed."""
        ...

    def refusal(self, symbol: str, *, exits: bool) -> Refusal | None:
        """Of an exit, or of an entry, that its exchange would not take and that is still wanted."""
        ...

    def rules_since(self, symbol: str) -> int:
        """Since when (ns UTC) it is traded by the rules of now; 0 where they are those of the start."""
        ...

    @property
    def anything_refused(self) -> bool:
        """There is one of the `refused_symbols`."""
        ...

    def refused_symbols(self) -> Collection[str]:
        """Those that there is a refusal of."""
        ...

    def external(self, symbol: str) -> Decimal:
        """What its exchange holds that is not ours, signed."""
        ...

    def there(self, symbol: str) -> Decimal:
        """How much of our position its exchange holds, signed: less than ours where reports agree that
        a part of it is gone. An exit cannot close more."""
        ...

    def free(self, symbol: str) -> Decimal:
        """The part of that which no order of others binds; all of it where they bind all: it is tried."""
        ...

    def positions(self) -> Collection[Position]:
        """Those that are not flat."""
        ...

    def holdings(self, symbol: str) -> Mapping[str, Position]:
        """The strategies' virtual positions in the symbol, by configuration; they add up to the
        account's."""
        ...

    def targets(self, symbol: str) -> Mapping[str, StrategyTarget]:
        """What strategies want of the symbol."""
        ...

    def quotes(self, symbol: str) -> Mapping[str, QuoteSet]:
        """What strategies want to rest in the symbol, less what was filled of it."""
        ...

    def quoted(self) -> Collection[str]:
        """The symbols that strategies have ever wanted something to rest in."""
        ...

    def targeted(self) -> Collection[str]:
        """The symbols that strategies have spoken of."""
        ...

    def wanted(self) -> Collection[str]:
        """The symbols that a strategy wants to hold something of."""
        ...

    def working_orders(self, symbol: str = "") -> Collection[Order]:
        """Orders that may still trade, of one symbol or of all."""
        ...

    def working_in(self, symbol: str) -> WorkingOrders:
        """Those of one symbol, sorted and added up."""
        ...

    def working_count(self) -> int:
        """How many orders may still trade."""
        ...

    def sums(self) -> AccountSums:
        """What all symbols add up to, at their newest prices."""
        ...

    def equity(self) -> Decimal:
        """Cash, and what every position is worth at its mark."""
        ...

    def exposure(self) -> Decimal:
        """Gross: the absolute notional of all positions at their marks."""
        ...

    def funded_until(self, symbol: str) -> int:
        """Up to when (ns UTC) a perpetual's funding is settled, or else since when it is held; 0 if that
        is not known."""
        ...

    def order(self, order_id: str) -> Order | None:
        """A working order, or one of the newest finished ones."""
        ...

    def restrictions(self, symbol: str) -> Mapping[RestrictionKind, str]:
        """Why trading in the symbol is restricted, with a message; empty where it is not."""
        ...

    def data_time(self, symbol: str) -> int | None:
        """When the newest market data of this run was made, ns UTC; 0 where it does not say, None
        where there is none yet: the mark is from before, then."""
        ...

    def seen(self, order_id: str) -> bool:
        """An order of this id has been judged before."""
        ...
