"""How each exchange tells of the money that it moves by itself: a table, a row for each of its histories.

What is not a kind of income here, nor a transfer, is booked by nobody: it stays a difference, with the
name that the exchange gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from tradectl.domain.event import IncomeKind

DAY_MS = 86_400_000
Path = tuple[str | int, ...]
"""The steps from an answer to what is looked for in it."""


class Paging(StrEnum):
    """How the next page of a history is asked for; `page` is the parameter."""

    BY_TIME = "by time"
    """oldest first: from the time of the last row on, and a page full of one moment by its number"""
    BY_ROW = "by row"
    """with the id of the last row, found at `row_key`"""
    BY_CURSOR = "by cursor"
    """with what the answer has at `cursor`, until that is empty"""
    BY_COUNT = "by count"
    """with the number of rows so far"""


class Subject(StrEnum):
    """What a history is asked for one by one."""

    MARKET = "market"
    SETTLE = "settle"
    """the currency that perpetuals are settled in, in lower case"""


class IncomeRules(Struct, frozen=True, kw_only=True):
    """A history of income: `method` is ccxt's, asked from `start` to `end`, times in ms or `in_seconds`,
    `limit` rows at most, for each `subject` by the parameter `subject_key`, and always with `asked`.
    Further back than `recent_ms` it is `archive` that is asked.

    The answer has its rows at `at`, and at `more` whether there are others. A row's kind is what stands
    at `kind_keys` with a `/` between, else at the first of them, or the `name` of a history that has
    but one; its amount is the sum of `amount_keys`. Kinds in `outward` tell without a sign what moved
    out. Where there is a `status` a row counts once that is among `done`. `trades` are kinds of rows that
    fills tell better, or that are no money of the account."""

    method: str
    archive: str = ""
    recent_ms: int = 0
    asked: Mapping[str, str] = {}
    subject: Subject | None = None
    subject_key: str = ""
    start: str = "startTime"
    end: str = "endTime"
    in_seconds: bool = False
    limit_key: str = "limit"
    limit: int
    window_ms: int
    history_ms: int
    paging: Paging = Paging.BY_TIME
    page: str = "page"
    row_key: str = ""
    cursor: Path = ()
    at: Path = ()
    more: Path = ()
    id_keys: tuple[str, ...]
    name: str = ""
    kind_keys: tuple[str, ...] = ()
    amount_keys: tuple[str, ...]
    currency_key: str = ""
    """empty: that of the subject"""
    time_key: str
    symbol_key: str
    status: str = ""
    done: frozenset[str] = frozenset()
    outward: frozenset[str] = frozenset()
    kinds: Mapping[str, IncomeKind]
    trades: frozenset[str] = frozenset()


def _by_name(table: Mapping[IncomeKind, tuple[str, ...]]) -> dict[str, IncomeKind]:
    return {name: kind for kind, names in table.items() for name in names}


_BINANCE = IncomeRules(
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
    kinds=_by_name({
        IncomeKind.FUNDING: ("FUNDING_FEE", "SPECIAL_FUNDING_FEE"),
        IncomeKind.INSURANCE: ("INSURANCE_CLEAR",),
        IncomeKind.INTEREST: ("POSITION_LIMIT_INCREASE_FEE",),
        IncomeKind.REBATE: (
            "API_REBATE", "BFUSD_REWARD", "COMMISSION_REBATE", "CONTEST_REWARD", "FEE_RETURN",
            "REFERRAL_KICKBACK", "WELCOME_BONUS",
        ),
        IncomeKind.TRANSFER: (
            "COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW", "CROSS_COLLATERAL_TRANSFER",
            "INTERNAL_TRANSFER", "STRATEGY_UMFUTURES_TRANSFER", "TRANSFER",
        ),
    }),
    trades=frozenset({"COMMISSION", "REALIZED_PNL"}),
)  # fmt: skip
"""USD-M futures, "Get Income History": an id is unique among the rows of a kind."""

_OKX = IncomeRules(
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
    kinds=_by_name({
        IncomeKind.FUNDING: ("8",),
        IncomeKind.INSURANCE: ("10", "5/109", "5/110", "5/111"),
        IncomeKind.INTEREST: ("7",),
        IncomeKind.TRANSFER: ("1",),
    }),
    trades=frozenset({"2", "3", "5", "6", "9", "14", "24"}),
)  # fmt: skip
"""Bills of the trading account, newest first. Of a liquidation the fills tell all but its fees (109) and
what the insurance fund took or gave (110, 111)."""

_BYBIT = IncomeRules(
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
    kinds=_by_name({
        IncomeKind.FUNDING: ("SETTLEMENT",),
        IncomeKind.INTEREST: ("INTEREST",),
        IncomeKind.REBATE: ("AIRDROP", "BONUS", "BONUS_RECOLLECT", "FEE_REFUND"),
        IncomeKind.TRANSFER: (
            "BONUS_TRANSFER_IN", "BONUS_TRANSFER_OUT", "TRANSFER_IN", "TRANSFER_OUT",
        ),
    }),
    trades=frozenset({"TRADE", "LIQUIDATION", "ADL", "DELIVERY"}),
)  # fmt: skip
"""The transaction log of a unified account, newest first."""

_KUCOIN_FUNDING = IncomeRules(
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
)
_KUCOIN_MOVES = IncomeRules(
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
    kinds=_by_name({
        IncomeKind.TRANSFER: ("Deposit", "TransferIn", "TransferOut", "Withdrawal"),
    }),
    trades=frozenset({"RealisedPNL"}),
)  # fmt: skip
"""Its rows of realised profit are sums of trades, fees and funding over eight hours: fills and the
funding history tell the same one by one."""

_GATE = IncomeRules(
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
    kinds=_by_name({
        IncomeKind.FUNDING: ("fund",),
        IncomeKind.REBATE: ("refr",),
        IncomeKind.TRANSFER: ("dnw",),
    }),
    trades=frozenset({"pnl", "fee", "point_dnw", "point_fee", "point_refr"}),
)  # fmt: skip
"""The account book of a currency, newest first. Points pay fees, and are no money."""

PERPETUAL: dict[str, tuple[IncomeRules, ...]] = {
    **dict.fromkeys(("binance", "binanceus", "binanceusdm"), (_BINANCE,)),
    **dict.fromkeys(("okx", "myokx", "okxus"), (_OKX,)),
    **dict.fromkeys(("bybit", "bybiteu", "bybitid"), (_BYBIT,)),
    **dict.fromkeys(("kucoin", "kucoinfutures"), (_KUCOIN_FUNDING, _KUCOIN_MOVES)),
    **dict.fromkeys(("gate", "gateeu"), (_GATE,)),
}


def income_of(exchange_id: str, kind: str) -> tuple[IncomeRules, ...]:
    return () if kind == "spot" else PERPETUAL.get(exchange_id, ())


__all__ = ["IncomeRules", "Paging", "Path", "Subject", "income_of"]
