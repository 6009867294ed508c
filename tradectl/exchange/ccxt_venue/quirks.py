"""What is true of one exchange and not of the others: the only place that knows their names.

Everything else in this package goes by what ccxt unifies. A row says where that is not enough. An
exchange without a row works with the defaults: it is asked, never assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from tradectl.domain.errors import VenueRefusal
from tradectl.domain.events import CloseCause
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.errors import Outcome
from tradectl.exchange.ccxt_venue.income_rules import BINANCE_FUTURES, IncomeRules

R, N, U, A = Outcome.REFUSED, Outcome.NOT_EXECUTED, Outcome.UNKNOWN, Outcome.ACCESS_LOST
NEVER_MS = 365 * 86_400_000
"""how far ccxt's own keep-alive is put off"""


class ListenKey(Struct, frozen=True, kw_only=True):
    """A key of the account's stream that runs out: where ccxt keeps it, and the method that keeps it
    alive, every so many seconds of those that it lives."""

    option: str
    keep_alive: str
    every_s: float = 1200.0
    lives_s: float = 3600.0


class Quirks(Struct, frozen=True, kw_only=True):
    options: Mapping[str, Any] = {}
    """of ccxt, for every market"""
    kind_options: Mapping[str, Mapping[str, Any]] = {}
    """the same by kind of market: spot, perpetual"""
    pins: Mapping[str, Mapping[str, Any]] = {}
    """methods of ccxt's object that are to give a fixed answer, by kind of market"""
    rate: Mapping[str, float] = {}
    """what it allows a second, in the weights that ccxt gives its calls, by kind of market"""
    codes: Mapping[str, Outcome] = {}
    """its own error codes, where ccxt's class says too little or the wrong thing"""
    delisting_key: str = ""
    """in a market: when it ends, ms; far away where that is not known"""
    refusals: Mapping[str, RefusalCause] = {}
    """what its codes of refused orders come to"""
    causes: Mapping[str, str] = {}
    """what its codes mean in plain words, where ccxt's class does not say it"""
    not_found: frozenset[str] = frozenset()
    """codes for an order, or a listen key, that it does not know"""
    refuses_by_4xx: bool = False
    client_id_param: str = ""
    """what `fetch_order` takes to find an order by our id; empty: lists are searched"""
    cancel_id_param: str = ""
    """the same for `cancel_order`"""
    original_id_keys: tuple[str, ...] = ()
    """where an answer hides our id when it is not in its usual place"""
    trade_client_id_key: str = ""
    """our order's id in a fill of the user stream"""
    reason_keys: tuple[str, ...] = ()
    """why an order was rejected"""
    stop_id_keys: tuple[str, ...] = ()
    """marks an order of the book of stops, which has ids of its own"""
    stop_became_keys: tuple[str, ...] = ()
    """the id of the order that a triggered stop became"""
    whole_position_keys: tuple[str, ...] = ()
    """marks an order that closes whatever there is, and so has no quantity"""
    forced_ids: Mapping[str, CloseCause] = {}
    """how the client ids begin of orders that are the exchange's own, by which it closes positions"""
    forced_keys: Mapping[str, Mapping[str, CloseCause]] = {}
    """the same by what stands in an order or a fill, by its key"""
    stop_direction: bool = False
    """a stop must say from which side its price is reached"""
    fills_from_id: str = ""
    """asks for fills from an id on"""
    fills_window_ms: Mapping[str, int] = {}
    """the longest time that one request for fills spans, by kind of market"""
    fills_history_ms: Mapping[str, int] = {}
    """how far back it tells fills"""
    fills_limit: int | None = None
    trades_params: Mapping[str, Mapping[str, Any]] = {}
    """for recent trades whose ids are those of the stream, by kind of market"""
    trades_limit: int | None = None
    positions: Mapping[str, Callable[[Any], dict[str, str]]] = {}
    """reads signed quantities by the market's id out of the answer that has the balances, by kind of
    market: both are of one moment then"""
    income: Mapping[str, IncomeRules] = {}
    """its income history, by kind of market"""
    money_reason: Callable[[Mapping[str, Any]], str] = lambda _: ""
    """of a message of the user stream: why money moved without a fill, empty where none did"""
    dead_man: Mapping[str, str] = {}
    """the method that cancels a symbol's orders after a while, by kind of market"""
    permissions: str = ""
    """the method that tells what a key may do"""
    permission_keys: Mapping[str, tuple[str, str]] = {}
    """in its answer: may trade, may withdraw, by kind of market"""
    lost_events: frozenset[str] = frozenset()
    """messages of the user stream that say that it is over, which ccxt does not act on"""
    listen_key: Mapping[str, ListenKey] = {}
    """the key of the user stream that must be kept alive, by kind of market"""
    forget_orders: bool = False
    """the cache of orders breaks on a second fill of an order: empty it after each message"""


def _binance_positions(raw: Any) -> dict[str, str]:
    positions: dict[str, str] = {}
    for row in raw["positions"]:
        amount = row["positionAmt"]
        if row.get("positionSide", "BOTH") != "BOTH":
            raise VenueRefusal(causes.HEDGE_MODE)
        positions[row["symbol"]] = amount
    return positions


def _binance_money_reason(message: Mapping[str, Any]) -> str:
    inner = message.get("event")
    message = inner if isinstance(inner, Mapping) else message
    if message.get("e") == "balanceUpdate":
        return "balance update"
    update = message.get("a")
    if message.get("e") != "ACCOUNT_UPDATE" or not isinstance(update, Mapping):
        return ""
    reason = str(update.get("m") or "")
    return "" if reason == "ORDER" else reason


_BINANCE = Quirks(
    delisting_key="deliveryDate",
    options={
        "fetchMargins": False,
        "fetchOpenOrders": {"warnWithoutSymbol": False},
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        "watchPositions": {"fetchPositionsSnapshot": False, "awaitPositionsSnapshot": False},
        "disableFuturesSandboxWarning": True,
    },
    kind_options={
        "spot": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
        "perpetual": {
            "fetchMarkets": {"types": ["linear"]},
            "defaultType": "swap",
            "defaultSubType": "linear",
            "listenKeyRefreshRate": NEVER_MS,
        },
    },
    # it tells spot from futures by an address, and ours may be another
    pins={"spot": {"is_spot_url": True}, "perpetual": {"is_spot_url": False}},
    rate={"spot": 20, "perpetual": 40},
    codes={
        "-1000": U,  # unknown error while processing
        "-1001": U,  # disconnected: unable to process, or to tell
        "-1003": N,  # too many requests; "unknown error" under this code is told apart
        "-1006": U,  # unexpected response from the message bus: execution status unknown
        "-1007": U,  # timeout waiting for the backend: send and execution status unknown
        "-1008": N,  # overloaded: turned away by system-level protection
        "-1015": N,  # too many orders
        "-1016": N,  # the service is shutting down
        "-1021": N,  # the request's time is outside of its window
        "-5028": N,  # the same, found out by the matching engine: not placed
        "-1125": N,  # a listen key that ran out: a lost stream, and ccxt blames the credentials
        "-1022": A,
        "-1002": A,
        "-2008": A,
        "-2014": A,
        "-2015": A,  # ccxt takes it for a ban once a key has worked; a halt is the safe reading
    },
    causes={
        "-1021": causes.CLOCK,
        "-5028": causes.CLOCK,
        "-1125": "the key of the account's stream ran out",
        "-1002": causes.KEY,
        "-1022": "the signature is wrong: is the API secret the one that belongs to the key?",
        "-2014": "the API key is not one of this exchange",
        "-2015": causes.KEY,
        "-2017": "the API keys of this account are locked",
        "-3022": "trading is forbidden for this account",
        "-4061": causes.HEDGE_MODE,
        "-4087": "the account may only reduce its positions",
        "-4088": "the account may place no orders at present",
        "-4108": causes.CLOSED,
        "-4140": causes.CLOSED,
        "-1121": "the exchange lists no such symbol any more",
    },
    refusals={
        **dict.fromkeys(
            (
                "-1013",
                "-1111",
                "-4003",
                "-4004",
                "-4005",
                "-4013",
                "-4014",
                "-4016",
                "-4023",
                "-4024",
                "-4029",
                "-4030",
                "-4131",
                "-4164",
            ),
            RefusalCause.RULES,
        ),
        **dict.fromkeys(("-2018", "-2019"), RefusalCause.FUNDS),
        **dict.fromkeys(("-2022", "-4118"), RefusalCause.REDUCE_ONLY),
        **dict.fromkeys(("-4061", "-4062"), RefusalCause.POSITION_SIDE),
        **dict.fromkeys(("-4108", "-4140", "-4141", "-1121"), RefusalCause.CLOSED),
    },
    not_found=frozenset({"-2011", "-2013", "-1125"}),
    refuses_by_4xx=True,
    client_id_param="clientOrderId",
    cancel_id_param="clientOrderId",
    original_id_keys=("origClientOrderId",),
    trade_client_id_key="c",
    reason_keys=("r", "rm", "rejectReason"),
    stop_id_keys=("algoId", "aid"),
    stop_became_keys=("actualOrderId", "ai"),
    whole_position_keys=("closePosition", "cp"),
    forced_ids={
        "autoclose-": CloseCause.LIQUIDATION,
        "adl_autoclose": CloseCause.ADL,
        "settlement_autoclose-": CloseCause.SETTLEMENT,
        "delivery_autoclose-": CloseCause.SETTLEMENT,
    },
    fills_from_id="fromId",
    fills_window_ms={"perpetual": 7 * 86_400_000},
    fills_history_ms={"perpetual": 89 * 86_400_000},
    fills_limit=1000,
    trades_params={
        "spot": {"fetchTradesMethod": "publicGetTrades"},
        "perpetual": {"fetchTradesMethod": "fapiPublicGetTrades"},
    },
    trades_limit=1000,
    positions={"perpetual": _binance_positions},
    income={"perpetual": BINANCE_FUTURES},
    money_reason=_binance_money_reason,
    dead_man={"perpetual": "fapiPrivatePostCountdownCancelAll"},
    permissions="sapiGetAccountApiRestrictions",
    permission_keys={
        "spot": ("enableSpotAndMarginTrading", "enableWithdrawals"),
        "perpetual": ("enableFutures", "enableWithdrawals"),
    },
    lost_events=frozenset({"listenKeyExpired", "eventStreamTerminated"}),
    listen_key={
        "perpetual": ListenKey(option="linear", keep_alive="fapiPrivatePutListenKey"),
    },
    forget_orders=True,
)

TABLE: dict[str, Quirks] = {
    "binance": _BINANCE,
    "binanceus": _BINANCE,
    "binanceusdm": _BINANCE,
    "bybit": Quirks(
        kind_options={
            "spot": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
            "perpetual": {"fetchMarkets": {"types": ["linear"]}, "defaultType": "swap"},
        },
        forced_keys={
            "execType": {
                "AdlTrade": CloseCause.ADL,
                "BustTrade": CloseCause.LIQUIDATION,
                "Settle": CloseCause.SETTLEMENT,
                "Delivery": CloseCause.SETTLEMENT,
            },
        },
        stop_direction=True,
    ),
    "okx": Quirks(
        kind_options={
            "spot": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
            "perpetual": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap"},
        },
        client_id_param="clOrdId",
        cancel_id_param="clOrdId",
        stop_id_keys=("algoId",),
        forced_keys={
            "category": {
                "adl": CloseCause.ADL,
                "full_liquidation": CloseCause.LIQUIDATION,
                "partial_liquidation": CloseCause.LIQUIDATION,
                "delivery": CloseCause.SETTLEMENT,
            },
        },
    ),
    "bitget": Quirks(client_id_param="clientOrderId", cancel_id_param="clientOrderId"),
    "kucoin": Quirks(client_id_param="clientOrderId", cancel_id_param="clientOrderId"),
    "kraken": Quirks(
        cancel_id_param="clientOrderId",
    ),
}
NONE = Quirks()


def quirks_of(exchange_id: str) -> Quirks:
    return TABLE.get(exchange_id, NONE)


__all__ = ["ListenKey", "Quirks", "quirks_of"]
