"""Kraken's perpetuals, those of several collaterals (`PF_...`), quoted and settled in USD.

An order that is over is known for five seconds more, and then by its fills alone: they carry our id, and
are told of all symbols together, the last hundred before a time. What a fill cost is worked out by ccxt
from a usual rate; the user stream tells it. Of that stream ccxt reads the fills, and not the orders.
There is no hedge mode. The dead-man switch cancels the whole account's orders, and is not used.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tradectl.domain.events import CloseCause
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.error_codes import ErrorCodes, N, R, U, each
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable


def _before(ms: int) -> dict[str, Any]:
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return {"lastFillTime": at.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


TABLE = ExchangeTable(
    fence="unknown: processBefore is told of, and was not found in its documents",
    quirks=Quirks(
        position_modes=("one-way",),
        # lists by our id tell of the order alone; what is open for longer is among the open ones
        searched=(("fetch_orders", "cliOrdIds"), ("fetch_open_orders", "")),
        in_force={"IOC": "ioc"},
        not_in_force=frozenset({"FOK"}),
        price_at=(("limitPrice",), ("order", "limitPrice")),
        statuses=dict.fromkeys(("REJECTED", "TRIGGER_ACTIVATION_FAILURE"), "rejected"),
        trade_client_id_key="cliOrdId",
        fills_of_all=frozenset({"perpetual"}),
        fills_before=_before,
        forced_keys={
            "fillType": dict.fromkeys(("liquidation", "assignee"), CloseCause.LIQUIDATION),
        },
        streamed=frozenset({"fills"}),
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
)  # fmt: skip

__all__ = ["TABLE"]
