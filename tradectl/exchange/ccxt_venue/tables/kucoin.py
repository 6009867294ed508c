"""KuCoin: spot and futures are two accounts of two kinds of numbers."""

from __future__ import annotations

from tradectl.domain.event import IncomeKind
from tradectl.domain.events import CloseCause
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.error_codes import ErrorCodes, N, R, U, each
from tradectl.exchange.ccxt_venue.income_rules import DAY_MS, IncomeRules, Paging, Subject, by_name
from tradectl.exchange.ccxt_venue.paging import Next, Pages
from tradectl.exchange.ccxt_venue.quirks import HedgeMode, Quirks, StopBook
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable, Fence
from tradectl.exchange.holdings import PositionSide

TABLE = ExchangeTable(
    fence=Fence(
        "on spot allowMaxTimeWindow (ms) beside clientTimestamp, which is KC-API-TIMESTAMP, in an order: "
        "it fails when their sum is past; not sent by ccxt. On futures none. Every request is taken "
        "within 5 s of KC-API-TIMESTAMP",
        "Kucoin/kucoin-universal-sdk, spot/order/model_add_order_req.py; Kucoin/kucoin-api-docs, "
        "source/localizable/index.html.md",
    ),
    also=("kucoinfutures",),
    quirks=Quirks(
        kind_options={
            "spot": {"fetchMarkets": {"types": ["spot"], "fetchTickersFees": False}},
            "perpetual": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap"},
        },
        client_id_param="clientOrderId",
        cancel_id_param="clientOrderId",
        # with a `triggerPrice` ccxt does not say from which side, and a fall is meant
        stop_params={"spot": "stopLossPrice"},
        stop_book={"perpetual": StopBook.LIST},
        stop_triggered={"status": "TRIGGERED"},
        statuses={"cancelled": "canceled"},
        stop_lists={"spot": ({"hf": False},)},  # else ccxt wants a symbol
        open_symbols={"spot": ("privateGetHfOrdersActiveSymbols", ("data", "symbols"))},
        open_pages={
            "perpetual": Pages("currentPage", Next.PAGE, most=50),
            "stops": Pages("currentPage", Next.PAGE, most=500),
        },
        fills_pages={
            "spot": Pages("lastId", Next.LEAST, "id", most=100),
            "perpetual": Pages("currentPage", Next.PAGE),
        },
        streamed=frozenset({"orders"}),  # its fills come without their fees
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
        hedge_mode=HedgeMode(
            "futuresPrivateGetPositionGetPositionMode",
            lambda raw: str(raw["data"]["positionMode"]) == "1",
            sides={"positionSide": {"LONG": PositionSide.LONG, "SHORT": PositionSide.SHORT}},
        ),
        position_modes=("one-way", "hedge"),
    ),
    codes=ErrorCodes(
        outcomes={
            "408000": U,  # timed out: ccxt takes it for a refusal
            "200002": N,
            "400002": N,
            "429000": N,
            "100003": R,
            "100005": R,
        },
        causes={
            "200002": causes.TOO_OFTEN,
            "429000": causes.TOO_OFTEN,
            "400002": causes.CLOCK,
            "400003": causes.NO_KEY,
            "400004": causes.PASSPHRASE,
            "400005": causes.SIGNATURE,
            "400006": "this machine's IP address is not one that the API key allows",
            "400007": "the API key may not do this",
            "411100": "the account is frozen",
            "330005": causes.MARGIN_MODE,
        },
        refusals={
            **each(RefusalCause.FUNDS, "300003 330008 300006 300014 200004 126013"),
            **each(RefusalCause.REDUCE_ONLY, "300009"),
            **each(RefusalCause.POSITION_SIDE, "330012 330011"),
            **each(
                RefusalCause.CLOSED,
                "300002 300015 400200 400600 126004 126006 126007 126009 126015",
            ),
            **each(RefusalCause.RULES, "300005 300010 300011 300012 126003"),
            **each(
                RefusalCause.OTHER,
                "330005 300001 300004 300007 300008 300018 126011 126033 126044 126042",
            ),
        },
        refusing="(3[03]0|126)[0-9]{3}",
        not_found=frozenset({"100001", "100004", "126043"}),
        reset_header="gw-ratelimit-reset",
    ),
    balances={
        "perpetual": BalanceRules(
            ("data",),
            "currency",
            ("marginBalance",),
            ("accountEquity",),
            ("availableBalance",),
            unified=BalanceRules(
                ("data", "accounts", 0, "currencies"), "currency", (), ("equity",), ("available",)
            ),
        )
    },
    income=(
        IncomeRules(
            method="futuresPrivateGetFundingHistory",
            subject=Subject.MARKET,
            subject_key="symbol",
            start="startAt",
            end="endAt",
            limit_key="maxCount",
            limit=100,
            window_ms=30 * DAY_MS,
            history_ms=360 * DAY_MS,
            paging=Paging.BY_ROW,
            page="offset",
            row_key="id",
            at=("data", "dataList"),
            more=("data", "hasMore"),
            id_keys=("id",),
            name="funding",
            amount_keys=("funding",),
            currency_key="settleCurrency",
            time_key="timePoint",
            symbol_key="symbol",
            kinds={"funding": IncomeKind.FUNDING},
        ),
        # its rows of realised profit are sums of trades, fees and funding over eight hours: fills and
        # the funding history tell the same one by one
        IncomeRules(
            method="futuresPrivateGetTransactionHistory",
            start="startAt",
            end="endAt",
            limit_key="maxCount",
            limit=50,
            window_ms=1 * DAY_MS,
            history_ms=360 * DAY_MS,
            paging=Paging.BY_ROW,
            page="offset",
            row_key="offset",
            at=("data", "dataList"),
            more=("data", "hasMore"),
            id_keys=("offset",),
            kind_keys=("type",),
            amount_keys=("amount",),
            currency_key="currency",
            time_key="time",
            symbol_key="",
            status="status",
            done=frozenset({"Completed"}),
            outward=frozenset({"TransferOut", "Withdrawal"}),
            kinds=by_name(
                {
                    IncomeKind.TRANSFER: ("Deposit", "TransferIn", "TransferOut", "Withdrawal"),
                }
            ),
            trades=frozenset({"RealisedPNL"}),
        ),
    ),
)

__all__ = ["TABLE"]
