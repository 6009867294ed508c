"""Kraken, spot. Its perpetuals have a table of their own (`krakenfutures`), and keys of their own.

An order is acknowledged by its id, and asked for at once. It is not looked up by our id: lists of open
and of closed orders take it, and tell of that order alone. Fills are told of all symbols together, 50 at
a time, newest first. Its dead-man switch cancels the orders of the whole account, those of others too,
and is not used. Of its user stream ccxt reads the fills; orders come without their symbol there. Requests
are numbered: one that was overtaken is turned away, and made once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradectl.domain.orders import OrderType
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.error_codes import A, ErrorCodes, N, R, U
from tradectl.exchange.ccxt_venue.paging import Next, Pages
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable, Fence


def _row_by_row(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Of executions ccxt takes all for what the first is."""
    rows = message.get("data")
    if message.get("channel") != "executions" or not isinstance(rows, list):
        return [message]
    return [{**message, "data": [row]} for row in rows]


def _refused(message: Mapping[str, Any]) -> str:
    """What it will not be subscribed to: ccxt tells it to nobody."""
    is_refused = message.get("method") == "subscribe" and message.get("success") is False
    return str(message.get("error")) if is_refused else ""


def _each(what: RefusalCause, *codes: str) -> dict[str, RefusalCause]:
    return dict.fromkeys(codes, what)


TABLE = ExchangeTable(
    fence=Fence(
        "deadline (RFC 3339), in an order, not sent by ccxt; 2 to 60 s ahead: the bounds in copies of "
        "its documents alone",
        "krakenfx/kraken-cli, agents/tool-catalog.json",
    ),
    elsewhere={"perpetual": "krakenfutures"},
    quirks=Quirks(
        cancel_id_param="clientOrderId",
        original_id_keys=("cl_ord_id",),
        searched=(
            ("fetch_open_orders", "clientOrderId"),
            ("fetch_closed_orders", "clientOrderId"),
        ),
        # ccxt sends a `triggerPrice` on as it is, with an order that trades at once
        stop_params={"spot": "stopLossPrice"},
        stops=frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT}),
        reasons={"reason": frozenset({"User requested", "None"})},
        fills_of_all=frozenset({"spot"}),
        fills_pages={"spot": Pages("ofs", Next.COUNT)},
        streamed=frozenset({"fills"}),
        split=_row_by_row,
        over=_refused,
        is_of_before=lambda message: message.get("type") == "snapshot",
    ),
    codes=ErrorCodes(
        patterns=(r'"(E[A-Za-z]+:[^":]{1,60})',),
        outcomes={
            "EAPI:Invalid nonce": N,
            "EAPI:Invalid signature": A,
            "EAPI:Invalid key": A,
            "EAPI:Feature disabled": A,
            "EAPI:Rate limit exceeded": N,
            "EOrder:Rate limit exceeded": N,
            "EGeneral:Too many requests": N,
            "EGeneral:Temporary lockout": N,  # for wrong signatures: it ends after a quarter of an hour
            "EService:Deadline elapsed": N,
            "EService:Timeout": U,
            "EService:Market in cancel_only mode": R,
            "EService:Market in post_only mode": R,
            "EService:Market in limit_only mode": R,
        },
        causes={
            "EAPI:Invalid nonce": causes.CLOCK,
            "EAPI:Invalid signature": causes.SIGNATURE,
            "EAPI:Invalid key": causes.NO_KEY,
            "EGeneral:Permission denied": "the API key may not do this",
            "EGeneral:Temporary lockout": "locked out for a while, for too many wrong signatures",
            "EAPI:Rate limit exceeded": causes.TOO_OFTEN,
            "EOrder:Rate limit exceeded": causes.TOO_OFTEN,
            "EGeneral:Too many requests": causes.TOO_OFTEN,
            "ETrade:User Locked": "the account is locked",
        },
        refusals={
            **_each(
                RefusalCause.FUNDS,
                "EOrder:Insufficient funds",
                "EOrder:Insufficient margin",
                "EOrder:Insufficient initial margin",
                "EOrder:Margin allowance exceeded",
            ),
            **_each(
                RefusalCause.RULES,
                "EOrder:Order minimum not met",
                "EOrder:Cost minimum not met",
                "EOrder:Tick size check failed",
                "EOrder:Invalid price",
                "EGeneral:Invalid arguments",
            ),
            **_each(
                RefusalCause.CLOSED,
                "EService:Market in cancel_only mode",
                "EService:Market in post_only mode",
                "EService:Market in limit_only mode",
                "EQuery:Unknown asset pair",
                "EQuery:Invalid asset pair",
            ),
            **_each(RefusalCause.REDUCE_ONLY, "EOrder:Reduce only"),
            **_each(
                RefusalCause.OTHER,
                "EOrder:Post only order",
                "EOrder:Orders limit exceeded",
                "EOrder:Positions limit exceeded",
                "EOrder:Trading agreement required",
            ),
        },
        refusing="EOrder:.*",
        not_found=frozenset({"EOrder:Unknown order", "EOrder:Invalid order"}),
    ),
)

__all__ = ["TABLE"]
