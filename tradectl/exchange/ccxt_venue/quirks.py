"""In what an exchange may differ from the others: everything that a table (`tables`) may say of it.

Everything else in this package goes by what ccxt unifies. An exchange without a table works with the
defaults: it is asked, never assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct

from tradectl.domain.events import CloseCause
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderType
from tradectl.exchange.ccxt_venue.client_ids import AS_THEY_ARE, ClientIds
from tradectl.exchange.ccxt_venue.income_rules import Path
from tradectl.exchange.ccxt_venue.paging import Pages
from tradectl.exchange.holdings import PositionSide

NEVER_MS = 365 * 86_400_000
"""how far ccxt's own keep-alive is put off"""


class ListenKey(Struct, frozen=True, kw_only=True):
    """A key of the account's stream that runs out: where ccxt keeps it, and the method that keeps it
    alive, every so many seconds of those that it lives."""

    option: str
    keep_alive: str
    every_s: float = 1200.0
    lives_s: float = 3600.0


class LoginPart(Struct, frozen=True):
    """A part of the credentials: ccxt's name of it, its form, and what it is in words."""

    name: str
    form: str
    words: str


class AccountNumber(Struct, frozen=True):
    """What the user stream is subscribed to with, besides the key: the method of ccxt that tells it, what
    it is asked with, and where its answer has it."""

    method: str
    asked: Mapping[str, str]
    key: str


class PositionRow(Struct, frozen=True):
    """The signed `quantity` (contracts) held of a market; `side` where it is one of two."""

    market_id: str
    quantity: str
    side: PositionSide | None = None


class StopBook(StrEnum):
    """Where stops are kept."""

    OWN = "own"
    """in a book of their own, with ids of their own: a triggered one becomes another order"""
    LIST = "list"
    """in a list of their own, by the ids that they keep when they are triggered"""
    NONE = "none"
    """among all other orders"""


class HedgeMode(Struct, frozen=True):
    """How an account tells that it holds long and short positions beside each other, an empty one too,
    and how an order names the side that it closes.

    `method` of ccxt is asked with `asked` and, at `symbol_key`, with the exchange's name of a market;
    `is_on` reads the answer. With `by_symbol` each symbol has a mode of its own, and is asked for.
    """

    method: str
    is_on: Callable[[Any], bool]
    asked: Mapping[str, str] = {}
    symbol_key: str = ""
    by_symbol: bool = False
    names_side: bool = True
    """what reduces names the side that it closes; elsewhere `reduceOnly` says all"""
    sides: Mapping[str, Mapping[str, PositionSide]] = {}
    """in a position, an order or a fill, by its key: which of the two it is about"""
    traded: Callable[[Mapping[str, Any], Side, bool], Side] = lambda _row, side, _pushed: side
    """on which side an order or a fill traded that is told to be on a side, where it may name that of its
    position; a fill of the user stream is told so"""
    tells_of_orders: bool = True
    """an order without a position's side is refused: elsewhere it is asked before each entry"""


class Quirks(Struct, frozen=True, kw_only=True):
    options: Mapping[str, Any] = {}
    """of ccxt, for every market"""
    kind_options: Mapping[str, Mapping[str, Any]] = {}
    """the same by kind of market: spot, perpetual"""
    pins: Mapping[str, Mapping[str, Any]] = {}
    """methods of ccxt's object that are to give a fixed answer, by kind of market"""
    words: frozenset[str] = frozenset()
    """answers that are one word, and whole"""
    not_traded: Mapping[str, str] = {}
    """kinds of market that are not traded there, and why"""
    unused: frozenset[str] = frozenset()
    """what ccxt says that it has, and is not to be used: its way there is not open to all"""
    awaited_pins: Mapping[str, Any] = {}
    """the same of methods that are awaited, for every market"""
    rate: Mapping[str, float] = {}
    """what it allows a second, in the weights that ccxt gives its calls, by kind of market"""
    delisting_key: str = ""
    """in a market: when it ends, ms; far away where that is not known"""
    client_id_param: str = ""
    """what `fetch_order` takes to find an order by our id; empty: lists are searched"""
    cancel_id_param: str = ""
    """the same for `cancel_order`"""
    client_ids: ClientIds = AS_THEY_ARE
    """the form that our ids must have there"""
    submit_id_param: str = "clientOrderId"
    """what `create_order` takes our id by"""
    searched: tuple[tuple[str, str], ...] = ()
    """the lists that an order is searched in which is not looked up by our id, each with what it takes
    our id by, if it does; empty: the open ones, and the first list of the others that ccxt has"""
    client_id_as_id: bool = False
    """our id may stand wherever its own does"""
    stop_params: Mapping[str, str] = {}
    """what `create_order` takes a stop's price by, where it is no `triggerPrice`, by kind of market"""
    stop_id_param: str = ""
    """what `create_order` takes our id of a stop by, besides"""
    stop_lists: Mapping[str, tuple[Mapping[str, Any], ...]] = {}
    """with what open stops are asked for, each of it by itself; by kind of market"""
    open_symbols: Mapping[str, tuple[str, Path]] = {}
    """where open orders are told symbol by symbol alone: the method that names the symbols that have any,
    and where its answer has them, by kind of market"""
    open_pages: Mapping[str, Pages] = {}
    """how open orders are told page by page, by kind of market, and those in a book of `stops`"""
    order_id_key: str = ""
    """where an order that is no stop has its id, where ccxt may take that of the stop it came of"""
    stops: frozenset[OrderType] | None = None
    """the stops that it takes; None: what ccxt says of it"""
    no_stops: frozenset[str] = frozenset()
    """kinds of market in which it takes none that could be told to be ours"""
    stops_by_own_id: frozenset[str] = frozenset()
    """kinds of market in which a stop is looked up and cancelled by its own id alone"""
    in_force: Mapping[str, str] = {}
    """how IOC and FOK are written for it, where not so"""
    not_in_force: frozenset[str] = frozenset()
    """those of the two that it, or ccxt's way to it, does not know"""
    bounded: Mapping[str, frozenset[OrderType]] = {}
    """orders without a limit that it does not take, by kind of market, of market orders only those that
    buy: they go out with one, worse by a part (`beyond`) of what they would trade at"""
    beyond: Decimal = Decimal("0.02")
    wants_price: bool = False
    """an order without a limit must say at what price it is sent: ccxt makes a limit of it"""
    decimal_amounts: frozenset[str] = frozenset()
    """kinds of market for which ccxt compares an order's quantity with a number, and so takes no text"""
    original_id_keys: tuple[str, ...] = ()
    """where an answer hides our id when it is not in its usual place"""
    trade_client_id_keys: tuple[str, ...] = ()
    """our order's id in a fill, asked for or of the user stream"""
    price_at: tuple[tuple[str, ...], ...] = ()
    """where an answer has an order's limit, if ccxt leaves it out"""
    reasons: Mapping[str, frozenset[str]] = {}
    """where it says why it rejected or cancelled an order, and by that key what it says where nothing was
    wrong, or the order's owner cancelled it"""
    stop_id_keys: tuple[str, ...] = ()
    """marks an order of the book of stops, which has ids of its own"""
    stop_triggered: Mapping[str, str] = {}
    """what stands in a stop that was triggered, by its key, where ccxt takes it for cancelled"""
    stop_became_keys: tuple[str, ...] = ()
    """the id of the order that a triggered stop became"""
    whole_position_keys: tuple[str, ...] = ()
    """marks an order that closes whatever there is, and so has no quantity"""
    statuses: Mapping[str, str] = {}
    """ends of orders that ccxt hands on in the exchange's words, in its own"""
    forced_ids: Mapping[str, CloseCause] = {}
    """how the client ids begin of orders that are the exchange's own, by which it closes positions"""
    forced_keys: Mapping[str, Mapping[str, CloseCause]] = {}
    """the same by what stands in an order or a fill, by its key"""
    account_in: str = ""
    """where ccxt's object has the name of the account, if the exchange tells and asks by it"""
    liquidated_at: Path = ()
    """where a fill of a liquidation, which is told to both sides, names the account that it was of"""
    stop_direction: frozenset[str] = frozenset()
    """kinds of market for which a stop must say from which side its price is reached"""
    stop_book: Mapping[str, StopBook] = {}
    """by kind of market, where it is not a book of its own for those that ccxt has one for"""
    fills_from_id: str = ""
    """asks for fills from an id on"""
    fills_window_ms: Mapping[str, int] = {}
    """the longest time that one request for fills spans, by kind of market"""
    fills_history_ms: Mapping[str, int] = {}
    """how far back it tells fills"""
    fills_limit: int | None = None
    fills_of_all: frozenset[str] = frozenset()
    """kinds of market for which fills are told of all symbols together, and ccxt leaves out the others: a
    page without any of ours may have others before it"""
    fills_before: Callable[[int], Mapping[str, Any]] = lambda ms: {"until": ms}
    """asks for fills up to a time, ms"""
    fills_pages: Mapping[str, Pages] = {}
    """by kind of market; without it pages are asked for by time, which may be too coarse"""
    fills_until: frozenset[str] = frozenset()
    """kinds of market for which fills up to a time can be asked for, though ccxt does not say so"""
    fills_asked: Mapping[str, tuple[Mapping[str, Any], ...]] = {}
    """with what fills are asked for, each of it by itself: some are told only to who asks for their kind;
    by kind of market"""
    trades_params: Mapping[str, Mapping[str, Any]] = {}
    """for recent trades whose ids are those of the stream, by kind of market"""
    trades_params_of: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _: {}
    """of a market of ccxt: with what its last trades are asked for, where ccxt would tell of our own"""
    trades_limit: int | None = None
    positions: Mapping[str, Callable[[Any], Sequence[PositionRow]]] = {}
    """reads positions out of the answer that has the balances, by kind of market: both are of one moment
    then"""
    hedge_mode: HedgeMode | None = None
    """None where there is no such mode, or nothing that tells it of an empty account"""
    position_modes: tuple[str, ...] = ()
    """of its perpetuals; empty where that is not known"""
    money_reason: Callable[[Mapping[str, Any]], str] = lambda _: ""
    """of a message of the user stream: why money moved without a fill, empty where none did"""
    dead_man: Mapping[str, str] = {}
    """the method that cancels a symbol's orders after a while, by kind of market"""
    permissions: str = ""
    """the method that tells what a key may do"""
    permission_keys: Mapping[str, tuple[str, str]] = {}
    """in its answer: may trade, may withdraw, by kind of market"""
    streamed: frozenset[str] = frozenset({"orders", "fills"})
    """what of its user stream ccxt reads right; the other is asked for"""
    split: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda message: [message]
    """a message of its user stream in parts that ccxt takes one by one"""
    is_of_before: Callable[[Mapping[str, Any]], bool] = lambda _: False
    """a message of the user stream that tells what was before it began"""
    fee_currency: Callable[[Mapping[str, Any]], str] = lambda _: ""
    """of a fill, what its fee was paid in, where ccxt takes it for another"""
    fees_below_zero: bool = False
    """of a fill of the user stream: ccxt hands on as it is what was paid, which is below zero there"""
    took_key: str = ""
    """in a fill: whether it took, where ccxt does not say it"""
    filled_key: str = ""
    """in a pushed order: what is filled of it in all, where ccxt takes its last fill for that"""
    whole_is_sum: bool = False
    """of an order of the user stream ccxt takes what is filled for all: the rest comes on top"""
    login: Mapping[str, LoginPart] = {}
    """what ccxt calls the parts of the credentials, by what we call them, where not as usual"""
    said_first: Mapping[str, Any] | None = None
    """on each connection, where ccxt does not say it: what keeps a quiet one open"""
    over: Callable[[Mapping[str, Any]], str] = lambda _: ""
    """of a message of a stream: why nothing comes any more, where ccxt does not act on it; else empty"""
    account_number: Mapping[str, AccountNumber] = {}
    """by kind of market"""
    listen_key: Mapping[str, ListenKey] = {}
    """the key of the user stream that must be kept alive, by kind of market"""
    forget_orders: bool = False
    """the cache of orders breaks on a second fill of an order: empty it after each message"""


__all__ = [
    "NEVER_MS",
    "AccountNumber",
    "HedgeMode",
    "ListenKey",
    "PositionRow",
    "Quirks",
    "StopBook",
]
