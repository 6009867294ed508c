"""Gate, API v4: client ids begin with `t-`, times are in seconds."""

from __future__ import annotations

from tradectl.domain.event import IncomeKind
from tradectl.domain.events import CloseCause
from tradectl.domain.orders import OrderType
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.client_ids import ClientIds
from tradectl.exchange.ccxt_venue.error_codes import ErrorCodes, N, U, each
from tradectl.exchange.ccxt_venue.income_rules import DAY_MS, IncomeRules, Paging, Subject, by_name
from tradectl.exchange.ccxt_venue.paging import Next, Pages
from tradectl.exchange.ccxt_venue.quirks import AccountNumber, HedgeMode, Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable, Fence
from tradectl.exchange.holdings import PositionSide

TABLE = ExchangeTable(
    fence=Fence(
        "x-gate-exptime (ms UTC), header of requests that place, amend or cancel orders, not sent by "
        "ccxt. Turned away when it comes later; how long it lives without is not said there",
        "gateio/gateapi-python, docs/SpotApi.md, create_order; docs/FuturesApi.md, create_futures_order",
    ),
    also=("gateeu",),
    quirks=Quirks(
        client_id_param="clientOrderId",
        client_ids=ClientIds("t-"),
        client_id_as_id=True,
        hedge_mode=HedgeMode(
            "privateFuturesGetSettleAccounts",
            lambda raw: raw["in_dual_mode"] in (True, "true"),
            {"settle": "usdt"},
            names_side=False,  # without `reduce_only` the other side would be opened
            sides={"mode": {"dual_long": PositionSide.LONG, "dual_short": PositionSide.SHORT}},
            tells_of_orders=False,
        ),
        position_modes=("one-way", "hedge"),
        account_number={
            "perpetual": AccountNumber(
                "privateFuturesGetSettleAccounts", {"settle": "usdt"}, "user"
            )
        },
        # a market buy is by cost, and a stop on spot does not carry our id
        bounded={"spot": frozenset({OrderType.MARKET})},
        no_stops=frozenset({"spot"}),
        stops_by_own_id=frozenset({"perpetual"}),
        stop_id_keys=("trigger",),
        stop_became_keys=("trade_id",),
        open_pages={
            "spot": Pages("page", Next.PAGE, most=100),
            "perpetual": Pages("offset", Next.COUNT, most=100),
            "stops": Pages("offset", Next.COUNT, most=100),
        },
        fills_pages={
            "spot": Pages("page", Next.PAGE, most=1000),
            "perpetual": Pages("offset", Next.COUNT, most=1000),
        },
        fills_window_ms={"spot": 30 * DAY_MS},
        trade_client_id_keys=("text",),
        reasons={
            "finish_as": frozenset(
                {"open", "_new", "_update", "filled", "cancelled", "unknown", "-"}
            ),
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
    ),
    codes=ErrorCodes(
        patterns=(r'"label"\s*:\s*"([A-Za-z_]{1,60})"',),
        outcomes={
            "REQUEST_EXPIRED": N,  # ccxt blames the keys
            "POSITION_IN_LIQUIDATION": N,
            "POSITION_IN_CLOSE": N,
            "INTERNAL": U,
            "SERVER_ERROR": U,
            "TOO_BUSY": U,
        },
        causes={
            "REQUEST_EXPIRED": causes.CLOCK,
            "INVALID_KEY": causes.NO_KEY,
            "INVALID_CREDENTIALS": causes.NO_KEY,
            "INVALID_SIGNATURE": causes.SIGNATURE,
            "IP_FORBIDDEN": "this machine's IP address is not one that the API key allows",
            "READ_ONLY": "the API key may only read",
            "FORBIDDEN": "the API key may not do this",
            "ACCOUNT_LOCKED": "the account is locked",
            "USER_NOT_FOUND": "there is no futures account yet: move money to it there",
            "TRADE_RESTRICTED": "trading of this symbol is restricted for the account",
            "TOO_FAST": causes.TOO_OFTEN,
            "TOO_MANY_REQUESTS": causes.TOO_OFTEN,
            "POSITION_IN_LIQUIDATION": "the position is being liquidated",
            "POSITION_IN_CLOSE": "the position is being closed by the exchange",
        },
        refusals={
            **each(
                RefusalCause.REDUCE_ONLY,
                "POSITION_EMPTY INCREASE_POSITION REDUCE_EXCEEDED REDUCE_ONLY_FAIL",
            ),
            **each(
                RefusalCause.CLOSED,
                "TRADE_RESTRICTED CONTRACT_IN_DELISTING CONTRACT_NOT_FOUND INVALID_CURRENCY_PAIR",
            ),
            **each(RefusalCause.FUNDS, "LIQUIDATE_IMMEDIATELY QUANTITY_NOT_ENOUGH"),
            # of an order: a size or a price that is not to its rules; ccxt calls it a bad request
            **each(RefusalCause.RULES, "INVALID_PARAM_VALUE"),
            **each(RefusalCause.POSITION_SIDE, "POSITION_DUAL_MODE"),
            **each(RefusalCause.NOT_FILLED, "CONTRACT_NO_COUNTER"),
            **each(
                RefusalCause.OTHER,
                "RISK_LIMIT_EXCEEDED TOO_MANY_ORDERS LEVERAGE_TOO_HIGH LEVERAGE_TOO_LOW "
                "REPEATED_CREATION AUTO_TRIGGER_PRICE_LESS_LAST "
                "AUTO_TRIGGER_PRICE_GREATE_LAST",
            ),
        },
        not_found=frozenset(
            {
                "ORDER_NOT_FOUND",
                "CLIENT_ID_NOT_FOUND",
                "ORDER_FINISHED",
                "ORDER_CLOSED",
                "ORDER_CANCELLED",
                "AUTO_ORDER_NOT_FOUND",
            }
        ),
        refuses_by_4xx=True,
    ),
    balances={
        "perpetual": BalanceRules(
            (0,),
            "currency",
            ("total",),
            ("total", "unrealised_pnl"),
            ("available",),
            unified=BalanceRules((0, "balances"), "", (), ("equity",), ("available",)),
        )
    },
    # the account book of a currency, newest first: points pay fees, and are no money
    income=(
        IncomeRules(
            method="privateFuturesGetSettleAccountBook",
            subject=Subject.SETTLE,
            subject_key="settle",
            start="from",
            end="to",
            in_seconds=True,
            limit=1000,
            window_ms=30 * DAY_MS,
            history_ms=360 * DAY_MS,
            paging=Paging.BY_COUNT,
            page="offset",
            # rows have no id that all of them carry: the balance after it tells one from another
            id_keys=("time", "change", "balance"),
            kind_keys=("type",),
            amount_keys=("change",),
            time_key="time",
            symbol_key="contract",
            kinds=by_name(
                {
                    IncomeKind.FUNDING: ("fund",),
                    IncomeKind.REBATE: ("refr",),
                    IncomeKind.TRANSFER: ("dnw",),
                }
            ),
            trades=frozenset({"pnl", "fee", "point_dnw", "point_fee", "point_refr"}),
        ),
    ),
)

__all__ = ["TABLE"]
