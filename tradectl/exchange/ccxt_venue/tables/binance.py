"""Binance: spot, and USD-M futures with a book of conditional orders of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradectl.domain.event import IncomeKind
from tradectl.domain.events import CloseCause
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.error_codes import A, ErrorCodes, N, U, each
from tradectl.exchange.ccxt_venue.income_rules import DAY_MS, IncomeRules, by_name
from tradectl.exchange.ccxt_venue.quirks import (
    NEVER_MS,
    HedgeMode,
    ListenKey,
    PositionRow,
    Quirks,
)
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable, Fence
from tradectl.exchange.holdings import PositionSide

_SIDES = {"LONG": PositionSide.LONG, "SHORT": PositionSide.SHORT}


def _positions(raw: Any) -> list[PositionRow]:
    return [
        PositionRow(row["symbol"], row["positionAmt"], _SIDES.get(row.get("positionSide", "BOTH")))
        for row in raw["positions"]
    ]


def _money_reason(message: Mapping[str, Any]) -> str:
    inner = message.get("event")
    message = inner if isinstance(inner, Mapping) else message
    if message.get("e") == "balanceUpdate":
        return "balance update"
    update = message.get("a")
    if message.get("e") != "ACCOUNT_UPDATE" or not isinstance(update, Mapping):
        return ""
    reason = str(update.get("m") or "")
    return "" if reason == "ORDER" else reason


_OVER = frozenset({"listenKeyExpired", "eventStreamTerminated"})


def _over(message: Mapping[str, Any]) -> str:
    inner = message.get("event")
    told = str((inner if isinstance(inner, Mapping) else message).get("e"))
    return told if told in _OVER else ""


TABLE = ExchangeTable(
    fence=Fence(
        "recvWindow (ms), a parameter of every signed request, sent: as long as an answer is waited for. "
        "Turned away once it is older, with code -1021; 5000 where it is not sent, 60000 at most",
        "binance/binance-spot-api-docs, rest-api.md, Timing security (that of futures was not to be had)",
    ),
    also=("binanceus", "binanceusdm"),
    quirks=Quirks(
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
        trade_client_id_keys=("c",),
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
        positions={"perpetual": _positions},
        money_reason=_money_reason,
        hedge_mode=HedgeMode(
            "fapiPrivateGetPositionSideDual",
            lambda raw: raw["dualSidePosition"] in (True, "true"),
            sides={"positionSide": _SIDES, "ps": _SIDES},
        ),
        position_modes=("one-way", "hedge"),
        dead_man={"perpetual": "fapiPrivatePostCountdownCancelAll"},
        permissions="sapiGetAccountApiRestrictions",
        permission_keys={
            "spot": ("enableSpotAndMarginTrading", "enableWithdrawals"),
            "perpetual": ("enableFutures", "enableWithdrawals"),
        },
        over=_over,
        listen_key={
            "perpetual": ListenKey(option="linear", keep_alive="fapiPrivatePutListenKey"),
        },
        forget_orders=True,
    ),
    codes=ErrorCodes(
        outcomes={
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
            "-1022": causes.SIGNATURE,
            "-2014": "the API key is not one of this exchange",
            "-2015": causes.KEY,
            "-2017": "the API keys of this account are locked",
            "-3022": "trading is forbidden for this account",
            "-4061": causes.HEDGE_MODE,
            "-4087": causes.REDUCE_ONLY_ACCOUNT,
            "-4088": "the account may place no orders at present",
            "-4108": causes.CLOSED,
            "-4140": causes.CLOSED,
            "-1121": "the exchange lists no such symbol any more",
        },
        refusals={
            **each(
                RefusalCause.RULES,
                "-1013 -1111 -4003 -4004 -4005 -4013 -4014 -4016 -4023 -4024 -4029 -4030 "
                "-4131 -4164",
            ),
            **each(RefusalCause.FUNDS, "-2018 -2019"),
            **each(RefusalCause.REDUCE_ONLY, "-2022 -4118"),
            **each(RefusalCause.POSITION_SIDE, "-4061 -4062"),
            **each(RefusalCause.CLOSED, "-4108 -4140 -4141 -1121"),
        },
        not_found=frozenset({"-2011", "-2013", "-1125"}),
        refuses_by_4xx=True,
    ),
    balances={
        "perpetual": BalanceRules(
            ("assets",), "asset", ("walletBalance",), ("marginBalance",), ("availableBalance",)
        )
    },
    # USD-M futures, "Get Income History": an id is unique among the rows of a kind
    income=(
        IncomeRules(
            method="fapiPrivateGetIncome",
            limit=1000,
            window_ms=7 * DAY_MS,
            history_ms=89 * DAY_MS,
            id_keys=("tranId",),
            kind_keys=("incomeType",),
            amount_keys=("income",),
            currency_key="asset",
            time_key="time",
            symbol_key="symbol",
            kinds=by_name(
                {
                    IncomeKind.FUNDING: ("FUNDING_FEE", "SPECIAL_FUNDING_FEE"),
                    IncomeKind.INSURANCE: ("INSURANCE_CLEAR",),
                    IncomeKind.INTEREST: ("POSITION_LIMIT_INCREASE_FEE",),
                    IncomeKind.REBATE: (
                        "API_REBATE",
                        "BFUSD_REWARD",
                        "COMMISSION_REBATE",
                        "CONTEST_REWARD",
                        "FEE_RETURN",
                        "REFERRAL_KICKBACK",
                        "WELCOME_BONUS",
                    ),
                    IncomeKind.TRANSFER: (
                        "COIN_SWAP_DEPOSIT",
                        "COIN_SWAP_WITHDRAW",
                        "CROSS_COLLATERAL_TRANSFER",
                        "INTERNAL_TRANSFER",
                        "STRATEGY_UMFUTURES_TRANSFER",
                        "TRANSFER",
                    ),
                }
            ),
            trades=frozenset({"COMMISSION", "REALIZED_PNL"}),
        ),
    ),
)

__all__ = ["TABLE"]
