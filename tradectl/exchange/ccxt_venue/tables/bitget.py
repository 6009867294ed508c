"""Bitget, API v2: classic accounts. Its stops are left alone: ccxt looks up none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradectl.domain.event import IncomeKind
from tradectl.domain.events import CloseCause
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderType
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.error_codes import ErrorCodes, N, U, each
from tradectl.exchange.ccxt_venue.income_rules import DAY_MS, IncomeRules, Paging, by_name
from tradectl.exchange.ccxt_venue.paging import Next, Pages
from tradectl.exchange.ccxt_venue.quirks import HedgeMode, Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable, Fence
from tradectl.exchange.holdings import PositionSide

_ORDERS = Pages("idLessThan", Next.LEAST, "orderId", most=100)
_FILLS = Pages("idLessThan", Next.LEAST, "tradeId", most=100)
_KINDS = ("spot", "perpetual")


_FORCED = {
    "reduce": CloseCause.LIQUIDATION, "burst": CloseCause.LIQUIDATION, "offset": CloseCause.LIQUIDATION,
    "dte_sys_adl": CloseCause.ADL, "delivery": CloseCause.SETTLEMENT,
}  # fmt: skip
_SIDES = {"long": PositionSide.LONG, "short": PositionSide.SHORT}
_CLOSED = {f"{why}_close_{name}": side for why in _FORCED for name, side in _SIDES.items()}
"""By which names it closes positions of hedge mode by itself, and of which side."""


def _traded(row: Mapping[str, Any], side: Side, is_pushed_fill: bool) -> Side:
    """In hedge mode what closes is told with the side of the position, a long is closed by a `buy`; but
    its channel of fills tells the side of the trade, and so does what it closes by itself."""
    what = str(row.get("tradeSide") or "").lower()
    of = _SIDES.get(str(row.get("posSide"))) if what == "close" else _CLOSED.get(what)
    if of is not None:
        return of.closed_by
    return side.opposite if what == "close" and not is_pushed_fill else side


TABLE = ExchangeTable(
    fence=Fence(
        "on spot receiveWindow (ms) beside requestTime, in an order, not sent by ccxt: as others quote "
        "its documents. On futures unknown"
    ),
    quirks=Quirks(
        # ccxt takes any failure of the question for a classic account
        options={"uta": False},
        kind_options={
            "spot": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
            "perpetual": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap"},
        },
        client_id_param="clientOrderId",
        cancel_id_param="clientOrderId",
        bounded={"spot": frozenset({OrderType.MARKET})},
        no_stops=frozenset(_KINDS),
        open_pages={"spot": _ORDERS, "perpetual": _ORDERS, "stops": _ORDERS},
        fills_pages={"spot": _FILLS, "perpetual": _FILLS},
        fills_window_ms={"spot": 90 * DAY_MS, "perpetual": 7 * DAY_MS},
        fills_history_ms=dict.fromkeys(_KINDS, 90 * DAY_MS),
        forced_keys={
            "tradeSide": {
                "burst_buy_single": CloseCause.LIQUIDATION,
                "burst_sell_single": CloseCause.LIQUIDATION,
                "reduce_buy_single": CloseCause.LIQUIDATION,
                "reduce_sell_single": CloseCause.LIQUIDATION,
                "dte_sys_adl_buy_in_single_side_mode": CloseCause.ADL,
                "dte_sys_adl_sell_in_single_side_mode": CloseCause.ADL,
                "delivery_buy_single": CloseCause.SETTLEMENT,
                "delivery_sell_single": CloseCause.SETTLEMENT,
                **{f"{why}_close_{name}": _FORCED[why] for why in _FORCED for name in _SIDES},
            },
        },
        filled_key="accBaseVolume",
        position_modes=("one-way", "hedge"),
        hedge_mode=HedgeMode(
            "privateMixGetV2MixAccountAccount",
            lambda raw: raw["data"]["posMode"] == "hedge_mode",
            {"productType": "USDT-FUTURES", "marginCoin": "USDT"},
            "symbol",
            sides={"posSide": _SIDES, "tradeSide": _CLOSED},
            traded=_traded,
        ),
    ),
    codes=ErrorCodes(
        outcomes={"40008": N, "40725": U, "40015": U, "40200": U, "429": N},
        causes={
            "40006": causes.NO_KEY,
            "40008": causes.CLOCK,
            "40009": causes.SIGNATURE,
            "40774": causes.HEDGE_MODE,
            "429": causes.TOO_OFTEN,
        },
        refusals={
            **each(RefusalCause.FUNDS, "43012 40762"),
            **each(RefusalCause.REDUCE_ONLY, "22002"),
            **each(RefusalCause.POSITION_SIDE, "40774"),
            **each(RefusalCause.CLOSED, "45035"),
            **each(RefusalCause.RULES, "40808 45110"),
        },
        not_found=frozenset({"40109", "43001", "40768", "43025"}),
        refuses_by_4xx=True,
    ),
    balances={
        "perpetual": BalanceRules(
            (),
            "marginCoin",
            ("accountEquity", "-unrealizedPL"),
            ("accountEquity",),
            ("available",),
        )
    },
    # the bills of an account, newest first
    income=(
        IncomeRules(
            method="privateMixGetV2MixAccountBill",
            asked={"productType": "USDT-FUTURES"},
            limit=100,
            window_ms=30 * DAY_MS,
            history_ms=89 * DAY_MS,
            paging=Paging.BY_ROW,
            page="idLessThan",
            row_key="billId",
            at=("data", "bills"),
            id_keys=("billId",),
            kind_keys=("businessType",),
            amount_keys=("amount",),
            currency_key="coin",
            time_key="cTime",
            symbol_key="symbol",
            kinds=by_name(
                {
                    IncomeKind.FUNDING: ("contract_settle_fee",),
                    IncomeKind.REBATE: ("bonus_issue",),
                    IncomeKind.TRANSFER: ("trans_from_exchange", "trans_to_exchange"),
                }
            ),
            trades=frozenset(
                {
                    *(f"{how}_{side}" for how in ("open", "close") for side in ("long", "short")),
                    *(f"{how}_{side}" for how in ("force", "burst") for side in ("buy", "sell")),
                    "buy",
                    "sell",
                }
            ),
        ),
    ),
)

__all__ = ["TABLE"]
