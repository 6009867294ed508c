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
from tradectl.exchange.ccxt_venue import causes

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
    delisting_key: str = ""
    """in a market: when it ends, ms; far away where that is not known"""
    client_id_param: str = ""
    """what `fetch_order` takes to find an order by our id; empty: lists are searched"""
    cancel_id_param: str = ""
    """the same for `cancel_order`"""
    client_id_prefix: str = ""
    """what client order ids must begin with there; ours have none of it anywhere else"""
    client_id_as_id: bool = False
    """our id may stand wherever its own does"""
    decimal_amounts: frozenset[str] = frozenset()
    """kinds of market for which ccxt compares an order's quantity with a number, and so takes no text"""
    original_id_keys: tuple[str, ...] = ()
    """where an answer hides our id when it is not in its usual place"""
    trade_client_id_key: str = ""
    """our order's id in a fill of the user stream"""
    reasons: Mapping[str, frozenset[str]] = {}
    """where it says why it rejected or cancelled an order, and by that key what it says where nothing was
    wrong, or the order's owner cancelled it"""
    stop_id_keys: tuple[str, ...] = ()
    """marks an order of the book of stops, which has ids of its own"""
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
    stop_direction: bool = False
    """a stop must say from which side its price is reached"""
    fills_from_id: str = ""
    """asks for fills from an id on"""
    fills_window_ms: Mapping[str, int] = {}
    """the longest time that one request for fills spans, by kind of market"""
    fills_history_ms: Mapping[str, int] = {}
    """how far back it tells fills"""
    fills_limit: int | None = None
    fills_until: frozenset[str] = frozenset()
    """kinds of market for which fills up to a time can be asked for, though ccxt does not say so"""
    fills_asked: Mapping[str, tuple[Mapping[str, Any], ...]] = {}
    """with what fills are asked for, each of it by itself: some are told only to who asks for their kind;
    by kind of market"""
    trades_params: Mapping[str, Mapping[str, Any]] = {}
    """for recent trades whose ids are those of the stream, by kind of market"""
    trades_limit: int | None = None
    positions: Mapping[str, Callable[[Any], dict[str, str]]] = {}
    """reads signed quantities by the market's id out of the answer that has the balances, by kind of
    market: both are of one moment then"""
    hedged: Mapping[str, frozenset[str]] = {}
    """in a position, by its key: that it is one of two that the account may hold at once, where ccxt does
    not say it"""
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
    client_id_param="clientOrderId",
    cancel_id_param="clientOrderId",
    original_id_keys=("origClientOrderId",),
    trade_client_id_key="c",
    reasons=dict.fromkeys(("r", "rm", "rejectReason"), frozenset({"NONE"})),
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

_KUCOIN = Quirks(
    kind_options={
        "spot": {"fetchMarkets": {"types": ["spot"], "fetchTickersFees": False}},
        "perpetual": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap"},
    },
    client_id_param="clientOrderId",
    cancel_id_param="clientOrderId",
    decimal_amounts=frozenset({"perpetual"}),
    fills_window_ms={"spot": 7 * 86_400_000, "perpetual": 7 * 86_400_000},
    fills_history_ms={"spot": 360 * 86_400_000, "perpetual": 360 * 86_400_000},
    forced_keys={
        "tradeType": {
            "adl": CloseCause.ADL,
            "liquidation": CloseCause.LIQUIDATION,
            "settlement": CloseCause.SETTLEMENT,
        },
    },
    hedged={"positionSide": frozenset({"LONG", "SHORT"})},
)
_GATE = Quirks(
    client_id_param="clientOrderId",
    client_id_prefix="t-",
    client_id_as_id=True,
    fills_until=frozenset({"perpetual"}),
    trade_client_id_key="text",
    reasons={
        "finish_as": frozenset({"open", "_new", "_update", "filled", "cancelled", "unknown", "-"}),
    },
    kind_options={
        "spot": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
        "perpetual": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap"},
    },
    statuses={
        "auto_deleveraged": "closed",
        **dict.fromkeys(("position_closed", "reduce_only", "reduce_out", "stp"), "canceled"),
    },
    forced_keys={
        "finish_as": {
            "auto_deleveraged": CloseCause.ADL,
            "liquidated": CloseCause.LIQUIDATION,
        },
        "is_liq": {"True": CloseCause.LIQUIDATION},
    },
    hedged={"mode": frozenset({"dual_long", "dual_short"})},
)

TABLE: dict[str, Quirks] = {
    "binance": _BINANCE,
    "binanceus": _BINANCE,
    "binanceusdm": _BINANCE,
    "bybit": Quirks(
        # an order is looked up among the open ones and the last 500 that are over
        options={"fetchOrder": {"acknowledged": True}},
        client_id_param="orderLinkId",
        cancel_id_param="orderLinkId",
        reasons={"cancelType": frozenset({"UNKNOWN", "CancelByUser"})},
        fills_window_ms={"spot": 7 * 86_400_000, "perpetual": 7 * 86_400_000},
        fills_history_ms={"spot": 700 * 86_400_000, "perpetual": 700 * 86_400_000},
        fills_asked={
            "perpetual": (
                {},
                {"execType": "AdlTrade"},
                {"execType": "BustTrade"},
                {"execType": "Settle"},
            ),
        },
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
            "createType": {
                "CreateByAdl_PassThrough": CloseCause.ADL,
                "CreateByLiq": CloseCause.LIQUIDATION,
                "CreateByTakeOver_PassThrough": CloseCause.LIQUIDATION,
                "CreateBySettle": CloseCause.SETTLEMENT,
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
        reasons={"cancelSource": frozenset({"1"})},
        stop_id_keys=("algoId",),
        forced_keys={
            # of a fill
            "subType": {
                **dict.fromkeys(map(str, range(100, 108)), CloseCause.LIQUIDATION),
                **dict.fromkeys(("112", "113"), CloseCause.SETTLEMENT),
                **dict.fromkeys(("125", "126", "127", "128"), CloseCause.ADL),
            },
            "category": {
                "adl": CloseCause.ADL,
                "full_liquidation": CloseCause.LIQUIDATION,
                "partial_liquidation": CloseCause.LIQUIDATION,
                "delivery": CloseCause.SETTLEMENT,
            },
        },
    ),
    "bitget": Quirks(client_id_param="clientOrderId", cancel_id_param="clientOrderId"),
    "kucoin": _KUCOIN,
    "kucoinfutures": _KUCOIN,
    "gate": _GATE,
    "gateeu": _GATE,
    "kraken": Quirks(cancel_id_param="clientOrderId", fills_until=frozenset({"spot"})),
    "mexc": Quirks(fills_until=frozenset({"spot"})),
    "hyperliquid": Quirks(
        fills_until=frozenset({"spot", "perpetual"}),
        reasons={"status": frozenset({"open", "triggered", "filled", "canceled"})},
        statuses={"scheduledCancel": "canceled"},
    ),
}
NONE = Quirks()


def quirks_of(exchange_id: str) -> Quirks:
    return TABLE.get(exchange_id, NONE)


__all__ = ["ListenKey", "Quirks", "quirks_of"]
