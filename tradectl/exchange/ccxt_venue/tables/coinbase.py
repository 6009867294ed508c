"""Coinbase, Advanced Trade, spot.

An order is acknowledged by its id and asked for at once; it is neither looked up nor cancelled by our id,
so that one whose answer was lost is searched among the open ones and the last that were. A market buy
takes money and no quantity, and no stop is a market order: a bought quantity and a stop go out with a
limit a little worse. ccxt's client id, if it is not given in the exchange's word, is one of its own.

No perpetuals: ccxt sends a reducing order as a market close of all that there is, without a quantity.
A request is signed for 120 s.
"""

from __future__ import annotations

from tradectl.domain.orders import OrderType
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.error_codes import A, ErrorCodes, N, each
from tradectl.exchange.ccxt_venue.paging import Next, Pages
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable, Fence

TABLE = ExchangeTable(
    fence=Fence(
        "none in an order; the token that a request is signed with ends after two minutes",
        "docs.cdp.coinbase.com/get-started/authentication/jwt-authentication; "
        "coinbase/coinbase-advanced-py, coinbase/jwt_generator.py",
    ),
    quirks=Quirks(
        # by default ccxt asks for wallets, which do not tell what orders hold
        options={"fetchBalance": "v3PrivateGetBrokerageAccounts"},
        unused=frozenset({"fetchBidsAsks"}),  # it takes a key
        not_traded={
            "perpetual": "ccxt sends what reduces as a close of all that there is, without our id; "
            'Coinbase International is another exchange to it, exchanges.id = "coinbaseinternational", '
            "of which nothing is proven here"
        },
        submit_id_param="client_order_id",
        # ccxt's direction of a `triggerPrice` is that of a profit
        stop_params={"spot": "stopLossPrice"},
        stops=frozenset({OrderType.STOP_LIMIT}),
        bounded={"spot": frozenset({OrderType.MARKET, OrderType.STOP_MARKET})},
        # of these ccxt cannot read the quantity back
        not_in_force=frozenset({"FOK"}),
        statuses={
            **dict.fromkeys(("PENDING", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED"), "open"),
        },
        reasons={"reject_reason": frozenset({"REJECT_REASON_UNSPECIFIED"})},
        fills_pages={"spot": Pages("cursor", Next.CURSOR, "cursor")},
        open_pages={"spot": Pages("cursor", Next.CURSOR, "cursor")},
        whole_is_sum=True,
        # a channel without news for a minute is closed, unless these are
        said_first={"type": "subscribe", "channel": "heartbeats", "product_ids": []},
    ),
    codes=ErrorCodes(
        patterns=(
            "(request timestamp expired)",
            r'"preview_failure_reason"\s*:\s*"(PREVIEW_[A-Z_]{1,80})"',
            r'"error"\s*:\s*"([A-Za-z_]{3,80})"',
            r'"id"\s*:\s*"([a-z_]{1,60})"',
            r"(cancelOrders\(\) has failed)",
        ),
        outcomes={
            "request timestamp expired": N,  # ccxt blames the keys
            "rate_limit_exceeded": N,
            "resource_exhausted": N,
            "unauthorized": A,
            "Unauthorized": A,
            "authentication_error": A,
        },
        causes={
            "request timestamp expired": causes.CLOCK,
            "rate_limit_exceeded": causes.TOO_OFTEN,
            "unauthorized": causes.KEY,
            "Unauthorized": causes.KEY,
            "PERMISSION_DENIED": "the API key may not do this",
        },
        refusals={
            **each(RefusalCause.FUNDS, "INSUFFICIENT_FUND PREVIEW_INSUFFICIENT_FUND"),
            **each(
                RefusalCause.RULES,
                "INVALID_LIMIT_PRICE INVALID_SIZE_PRECISION INVALID_PRICE_PRECISION "
                "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL PREVIEW_INVALID_BASE_SIZE_TOO_LARGE "
                "PREVIEW_INVALID_LIMIT_PRICE PREVIEW_INVALID_SIZE_PRECISION "
                "PREVIEW_INVALID_PRICE_PRECISION",
            ),
            **each(
                RefusalCause.CLOSED,
                "INVALID_PRODUCT_ID ORDER_ENTRY_DISABLED INELIGIBLE_PAIR PREVIEW_ORDER_ENTRY_DISABLED",
            ),
            **each(
                RefusalCause.OTHER,
                "INVALID_LIMIT_PRICE_POST_ONLY PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY "
                "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE",
            ),
        },
        refusing="[A-Z][A-Z_]+",
        not_found=frozenset({"NOT_FOUND", "cancelOrders() has failed", "not_found"}),
    ),
)

__all__ = ["TABLE"]
