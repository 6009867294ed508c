"""Bybit, API v5: one account for coins and perpetuals, stops among the other orders."""

from __future__ import annotations

from tradectl.domain.event import IncomeKind
from tradectl.domain.events import CloseCause
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.error_codes import ErrorCodes, N, R, U, each
from tradectl.exchange.ccxt_venue.income_rules import DAY_MS, IncomeRules, Paging, by_name
from tradectl.exchange.ccxt_venue.paging import Next, Pages
from tradectl.exchange.ccxt_venue.quirks import HedgeMode, Quirks, StopBook
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable, Fence
from tradectl.exchange.holdings import PositionSide

_BALANCES = BalanceRules(
    ("result", "list", 0, "coin"),
    "coin",
    ("walletBalance",),
    ("equity",),
    ("equity", "-locked", "-totalPositionIM", "-totalOrderIM"),
)

_PAGES = Pages("cursor", Next.CURSOR, "nextPageCursor")

TABLE = ExchangeTable(
    fence=Fence(
        "recv_window (ms), header X-BAPI-RECV-WINDOW of every signed request, sent. Taken while "
        "server_time - recv_window <= timestamp < server_time + 1000; 5000 where it is not sent",
        "bybit-exchange/docs, docs/v5/guide.mdx",
    ),
    also=("bybiteu", "bybitid"),
    quirks=Quirks(
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
        hedge_mode=HedgeMode(
            # of a symbol it tells positions of nothing, too: one, or one of each side
            "privateGetV5PositionList",
            lambda raw: any(str(row["positionIdx"]) != "0" for row in raw["result"]["list"]),
            {"category": "linear"},
            "symbol",
            by_symbol=True,
            sides={"positionIdx": {"1": PositionSide.LONG, "2": PositionSide.SHORT}},
        ),
        position_modes=("one-way", "hedge"),
        stop_direction=frozenset({"perpetual"}),
        stop_book={"spot": StopBook.LIST, "perpetual": StopBook.NONE},
        fills_pages={"spot": _PAGES, "perpetual": _PAGES},
        open_pages={"spot": _PAGES, "perpetual": _PAGES},
    ),
    codes=ErrorCodes(
        patterns=(r'"ret_?[cC]ode"\s*:\s*"?(-?[0-9]{1,9})"?',),
        outcomes={
            "-1021": N,
            "10002": N,
            "10009": N,  # a ban of the address, which ends: ccxt blames the keys
            "10018": N,
            "170005": N,  # orders come too fast
            "10029": R,  # the symbol, not the key
            "5004": U,
            "10000": U,
            "10016": U,
            "170001": U,
            "170007": U,
            "170032": U,
            "170146": U,  # created too late, or not
        },
        causes={
            "-1021": causes.CLOCK,
            "10002": causes.CLOCK,
            "10003": causes.NO_KEY,
            "10004": causes.SIGNATURE,
            "10005": "the API key may not do this",
            "10006": causes.TOO_OFTEN,
            "10009": "this machine's IP address is banned by the exchange for a while",
            "10010": "this machine's IP address is not one that the API key allows",
            "10018": causes.TOO_OFTEN,
            "10024": "the exchange's rules for where the account is do not allow it",
            "10027": "trading is forbidden for this account",
            "10029": causes.NOT_HERE,
            "110023": "the symbol may only be reduced",
            "110042": "the symbol may only be reduced",
            "110063": "the symbol is being settled",
        },
        refusals={
            **each(
                RefusalCause.RULES,
                "170132 170133 170134 170135 170136 170137 170140 170148 110003 110094",
            ),
            **each(RefusalCause.REDUCE_ONLY, "110017 110034 110022"),
            **each(
                RefusalCause.CLOSED,
                "10029 110023 110042 110063 110066 110070 110074 170121 170151 170157 170031",
            ),
            **each(RefusalCause.FUNDS, "110011 110039 110040"),
            **each(RefusalCause.POSITION_SIDE, "110025 110029"),
            **each(
                RefusalCause.OTHER,
                "110005 110009 110020 110021 110030 110035 110072 110092 110093 170141 170149",
            ),
        },
        refusing="1[17]0[0-9]{3}",
        not_found=frozenset(
            {
                "110001",
                "110008",
                "110010",
                "170139",
                "170142",
                "170143",
                "170190",
                "170213",
            }
        ),
        reset_header="x-bapi-limit-reset-timestamp",
    ),
    balances={"spot": _BALANCES, "perpetual": _BALANCES},
    # the transaction log of a unified account, newest first
    income=(
        IncomeRules(
            method="privateGetV5AccountTransactionLog",
            asked={"accountType": "UNIFIED"},
            limit=50,
            window_ms=7 * DAY_MS,
            history_ms=700 * DAY_MS,
            paging=Paging.BY_CURSOR,
            page="cursor",
            cursor=("result", "nextPageCursor"),
            at=("result", "list"),
            id_keys=("id",),
            kind_keys=("type",),
            amount_keys=("change",),
            currency_key="currency",
            time_key="transactionTime",
            symbol_key="symbol",
            kinds=by_name(
                {
                    IncomeKind.FUNDING: ("SETTLEMENT",),
                    IncomeKind.INTEREST: ("INTEREST",),
                    IncomeKind.REBATE: ("AIRDROP", "BONUS", "BONUS_RECOLLECT", "FEE_REFUND"),
                    IncomeKind.TRANSFER: (
                        "BONUS_TRANSFER_IN",
                        "BONUS_TRANSFER_OUT",
                        "TRANSFER_IN",
                        "TRANSFER_OUT",
                    ),
                }
            ),
            trades=frozenset({"TRADE", "LIQUIDATION", "ADL", "DELIVERY"}),
        ),
    ),
)

__all__ = ["TABLE"]
