"""Kraken's perpetuals, those of several collaterals (`PF_...`), quoted and settled in USD.

An order that is over is known for five seconds more, and then by its fills alone: they carry our id, and
are told of all symbols together, the last hundred before a time. What a fill cost is worked out by ccxt
from a usual rate; the user stream tells it. Of that stream ccxt reads the fills, and not the orders.
Funding is settled by the hour, and by each trade: the account log tells of it, and of what was moved. Of
it a trade has two lines, one in its contract, which is no money. There is no hedge mode. The dead-man
switch cancels the whole account's orders, and is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tradectl.domain.event import IncomeKind
from tradectl.domain.events import CloseCause
from tradectl.domain.money import ZERO
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.decimals import exact, maybe
from tradectl.exchange.ccxt_venue.error_codes import ErrorCodes, N, R, U, each
from tradectl.exchange.ccxt_venue.income_rules import DAY_MS, IncomeRules, by_name
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable, Fence


def _before(ms: int) -> dict[str, Any]:
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return {"lastFillTime": at.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


_TRADES = frozenset({
    "futures trade", "futures liquidation", "futures partial liquidation", "futures assignor",
    "futures assignee", "futures unwind counterparty", "futures unwind bankrupt", "futures_unwind",
    "covered liquidation", "settlement",
})  # fmt: skip
_FUNDING, _FEE = "funding rate change", "liquidation fee"
_NAMES = {"XBT": "BTC", "XDG": "DOGE"}


def _logged(row: Mapping[str, Any], _: str) -> dict[str, Any]:
    """What a line of the account log moved beside the profit and the fee of a fill."""
    asset, contract = str(row["asset"]).upper(), str(row["contract"] or "").upper()
    kind, extra = str(row["info"]), ZERO
    if asset == contract:
        moved = ZERO
    elif kind in _TRADES:
        extra = maybe(row.get("liquidation_fee")) or ZERO
        moved = (maybe(row["realized_funding"]) or ZERO) - extra
    else:
        moved = exact(row["new_balance"]) - exact(row["old_balance"])
    return {
        "uid": row["booking_uid"], "kind": (_FEE if extra else _FUNDING) if kind in _TRADES else kind,
        "amount": moved, "currency": _NAMES.get(asset, asset), "contract": contract,
        "ms": datetime.fromisoformat(str(row["date"])).timestamp() * 1000,
        "account": row["margin_account"],
    }  # fmt: skip


_FORCED = {
    **dict.fromkeys(
        ("liquidation", "partialLiquidation", "assignor", "unwindBankrupt"), CloseCause.LIQUIDATION
    ),
    "unwindCounterparty": CloseCause.ADL,
}


def _refused(message: Mapping[str, Any]) -> str:
    """A challenge that it does not give: ccxt tells it to nobody."""
    return str(message.get("message")) if message.get("event") == "error" else ""


TABLE = ExchangeTable(
    fence=Fence(
        "unknown: its own command line (krakenfx/kraken-cli) sends nothing of the kind with orders"
    ),
    quirks=Quirks(
        position_modes=("one-way",),
        # lists by our id tell of the order alone; what is open for longer is among the open ones
        searched=(("fetch_orders", "cliOrdIds"), ("fetch_open_orders", "")),
        in_force={"IOC": "ioc"},
        not_in_force=frozenset({"FOK"}),
        price_at=(("limitPrice",), ("order", "limitPrice")),
        statuses=dict.fromkeys(("REJECTED", "TRIGGER_ACTIVATION_FAILURE"), "rejected"),
        trade_client_id_keys=("cliOrdId", "cli_ord_id"),
        fills_of_all=frozenset({"perpetual"}),
        fills_before=_before,
        forced_keys={"fillType": _FORCED, "fill_type": _FORCED},
        streamed=frozenset({"fills"}),
        over=_refused,
        is_of_before=lambda message: str(message.get("feed", "")).endswith("_snapshot"),
    ),
    codes=ErrorCodes(
        patterns=(
            r"failed due to ([A-Za-z]{1,60})",
            r'"error"\s*:\s*"([A-Za-z ]{1,60})"',
            r'"message"\s*:\s*"([A-Z_]{1,60})"',
        ),
        outcomes={
            **dict.fromkeys(
                (
                    "selfFill", "tooManySmallOrders", "wouldNotReducePosition",
                    "maxPositionViolation", "marketSuspended", "marketInactive",
                    "INSUFFICIENT_MARGIN", "insufficientFunds",
                ),
                R,
            ),
            **dict.fromkeys(("nonceBelowThreshold", "nonceDuplicate", "apiLimitExceeded"), N),
            "unavailable": U,
            "unknownError": U,
        },
        causes={
            "nonceBelowThreshold": causes.CLOCK,
            "apiLimitExceeded": causes.TOO_OFTEN,
            "authenticationError": causes.KEY,
            "accountInactive": "there is no futures account yet: move money to it there",
        },
        refusals={
            **each(RefusalCause.FUNDS, "insufficientAvailableFunds INSUFFICIENT_MARGIN"),
            **each(RefusalCause.REDUCE_ONLY, "wouldNotReducePosition"),
            **each(RefusalCause.RULES, "invalidSize invalidPrice outsidePriceCollar"),
            **each(RefusalCause.CLOSED, "marketSuspended marketInactive contractNotFound"),
            **each(RefusalCause.NOT_FILLED, "iocWouldNotExecute selfFill"),
            **each(
                RefusalCause.OTHER, "postWouldExecute tooManySmallOrders maxPositionViolation"
            ),
        },
        not_found=frozenset({"notFound", "filled"}),
    ),
    balances={
        "perpetual": BalanceRules(
            ("accounts", "flex", "currencies"), "", ("quantity",), ("quantity",), ("available",)
        )
    },
    income=(
        IncomeRules(
            method="historyGetAccountLog",
            asked={"sort": "asc"},
            start="since",
            end="before",
            limit_key="count",
            limit=500,
            # whether its end counts is not said: there is but one window
            window_ms=400 * DAY_MS,
            history_ms=400 * DAY_MS,
            page="",
            at=("logs",),
            row=_logged,
            id_keys=("uid",),
            kind_keys=("kind",),
            amount_keys=("amount",),
            currency_key="currency",
            time_key="ms",
            symbol_key="contract",
            status="account",
            done=frozenset({"flex"}),
            kinds=by_name(
                {
                    IncomeKind.FUNDING: (_FUNDING,),
                    IncomeKind.INSURANCE: (_FEE,),
                    IncomeKind.INTEREST: (
                        "interest payment", "tax withheld", "futures tax withheld", "tax refund",
                        "futures tax refund",
                    ),
                    IncomeKind.TRANSFER: (
                        "transfer", "subaccount transfer", "cross-exchange transfer",
                        "admin transfer",
                    ),
                }
            ),
            # fees that were paid with points
            trades=frozenset({"kfee applied"}),
        ),
    ),
)  # fmt: skip

__all__ = ["TABLE"]
