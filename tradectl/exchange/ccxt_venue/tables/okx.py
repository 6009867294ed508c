"""OKX, API v5: one account for coins and perpetuals, stops in a book of algo orders."""

from __future__ import annotations

from tradectl.domain.event import IncomeKind
from tradectl.domain.events import CloseCause
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.error_codes import BY_NUMBER, A, ErrorCodes, N, R, U, each
from tradectl.exchange.ccxt_venue.income_rules import DAY_MS, IncomeRules, Paging, by_name
from tradectl.exchange.ccxt_venue.paging import Next, Pages
from tradectl.exchange.ccxt_venue.quirks import HedgeMode, Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable, Fence
from tradectl.exchange.holdings import PositionSide

_BALANCES = BalanceRules(
    # isolated positions have purses of their own
    ("data", 0, "details"),
    "ccy",
    ("cashBal", "isoEq", "-isoUpl"),
    ("eq",),
    ("availBal",),
)

TABLE = ExchangeTable(
    fence=Fence(
        "expTime (ms UTC), header of requests that place or amend orders, not sent by ccxt; without it a "
        "request is turned away 30 s after its timestamp: in copies of its documents alone"
    ),
    also=("myokx", "okxus"),
    quirks=Quirks(
        kind_options={
            "spot": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
            "perpetual": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap"},
        },
        client_id_param="clOrdId",
        cancel_id_param="clOrdId",
        reasons={"cancelSource": frozenset({"1"})},
        hedge_mode=HedgeMode(
            "privateGetAccountConfig",
            lambda raw: raw["data"][0]["posMode"] == "long_short_mode",
            sides={"posSide": {"long": PositionSide.LONG, "short": PositionSide.SHORT}},
        ),
        position_modes=("one-way", "hedge"),
        # what a triggered stop became names the stop too
        stop_id_keys=("actualSide",),
        stop_became_keys=("ordId",),
        order_id_key="ordId",
        original_id_keys=("algoClOrdId",),
        trade_client_id_keys=("clOrdId",),
        fees_below_zero=True,
        # a trigger order, of the two that a stop may be, is never reduce-only
        stop_params={"perpetual": "stopLossPrice"},
        stop_id_param="algoClOrdId",
        stop_lists=dict.fromkeys(
            ("spot", "perpetual"),
            tuple({"ordType": kind} for kind in ("conditional,oco", "trigger", "move_order_stop")),
        ),
        open_pages={
            "spot": Pages("after", Next.LEAST, "ordId"),
            "perpetual": Pages("after", Next.LEAST, "ordId"),
            "stops": Pages("after", Next.LEAST, "algoId"),
        },
        fills_pages=dict.fromkeys(("spot", "perpetual"), Pages("after", Next.LEAST, "billId")),
        fills_history_ms=dict.fromkeys(("spot", "perpetual"), 89 * DAY_MS),
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
    codes=ErrorCodes(
        # an order's own code stands inside of an answer whose code says no more than "failed"
        patterns=(r'"sCode"\s*:\s*"([1-9][0-9]{0,8})"', BY_NUMBER),
        outcomes={
            "50004": U,  # timed out: says nothing about the order
            "50009": N,  # blocked while a position is being liquidated: it passes
            **dict.fromkeys(("50017", "50018", "50019", "50020", "50021", "50022", "50023"), N),
            "50061": N,  # orders come too fast
            "50102": N,
            "50112": N,  # its time cannot be right: ccxt blames the keys
            "50100": A,  # the key is frozen
            **dict.fromkeys(
                (
                    "50010",
                    "50012",
                    "50015",
                    "50016",
                    "50025",
                    "50028",
                    "50062",
                    "51155",
                ),
                R,
            ),
        },
        causes={
            "50009": "the account is blocked while a position of it is being liquidated",
            **dict.fromkeys(
                ("50017", "50018", "50019"), "frozen while positions are deleveraged (ADL)"
            ),
            **dict.fromkeys(("50020", "50021", "50022"), "frozen while a position is liquidated"),
            "50023": "frozen while funding is settled",
            "50027": causes.REDUCE_ONLY_ACCOUNT,
            "50061": causes.TOO_OFTEN,
            "50100": "the API key is frozen: ask the exchange",
            "50101": causes.NO_KEY,
            "50102": causes.CLOCK,
            "50112": causes.CLOCK,
            "50105": causes.PASSPHRASE,
            "50110": "this machine's IP address is not one that the API key allows",
            "50111": causes.NO_KEY,
            "50113": causes.SIGNATURE,
            "51010": causes.ACCOUNT_MODE,
            "51155": causes.NOT_HERE,
        },
        refusals={
            **each(RefusalCause.FUNDS, "51008 51119 51127 51131 51502 51736 51764 51004"),
            **each(RefusalCause.REDUCE_ONLY, "51023 51112 51134 51169 51170 51205 51115 51126"),
            **each(RefusalCause.CLOSED, "51155 54072 51110 51124"),
            **each(
                RefusalCause.OTHER,
                "51010 51016 51025 51102 51117 51174 51261 51277 51278 51279 51280 54008",
            ),
        },
        refusing="5[1-9][0-9]{3}",
        not_found=frozenset(
            {"51400", "51401", "51402", "51405", "51503", "51509", "51510", "51603"}
        ),
        refuses_by_4xx=True,
    ),
    balances={"spot": _BALANCES, "perpetual": _BALANCES},
    # bills of the trading account, newest first: of a liquidation the fills tell all but its fees (109)
    # and what the insurance fund took or gave (110, 111)
    income=(
        IncomeRules(
            method="privateGetAccountBills",
            archive="privateGetAccountBillsArchive",
            recent_ms=6 * DAY_MS,
            start="begin",
            end="end",
            limit=100,
            window_ms=30 * DAY_MS,
            history_ms=89 * DAY_MS,
            paging=Paging.BY_ROW,
            page="after",
            row_key="billId",
            at=("data",),
            id_keys=("billId",),
            kind_keys=("type", "subType"),
            # an isolated position has a purse of its own: what goes from one into the other is nothing
            amount_keys=("balChg", "posBalChg"),
            currency_key="ccy",
            time_key="ts",
            symbol_key="instId",
            kinds=by_name(
                {
                    IncomeKind.FUNDING: ("8",),
                    IncomeKind.INSURANCE: ("10", "5/109", "5/110", "5/111"),
                    IncomeKind.INTEREST: ("7",),
                    IncomeKind.TRANSFER: ("1",),
                }
            ),
            trades=frozenset({"2", "3", "5", "6", "9", "14", "24"}),
        ),
    ),
)

__all__ = ["TABLE"]
