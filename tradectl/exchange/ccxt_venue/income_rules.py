"""How each exchange tells of the money that it moves by itself: a table, a row for an exchange.

What is not a kind of income here, nor a transfer, is booked by nobody: it stays a difference, with the
name that the exchange gives it.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tradectl.domain.event import IncomeKind


class IncomeRules(Struct, frozen=True, kw_only=True):
    """How an exchange tells of income: `method` is ccxt's, asked from `start` to `end` (ms), `limit` rows
    at most, and `page` numbers those of one question. `keys` are where a row has its id's parts, kind,
    amount, currency, time and symbol. `trades` are kinds of rows that fills tell better."""

    method: str
    start: str = "startTime"
    end: str = "endTime"
    page: str = "page"
    limit: int
    window_ms: int
    history_ms: int
    id_keys: tuple[str, ...]
    kind_key: str
    amount_key: str
    currency_key: str
    time_key: str
    symbol_key: str
    kinds: Mapping[str, IncomeKind]
    trades: frozenset[str]


_BINANCE_KINDS: Mapping[IncomeKind, tuple[str, ...]] = {
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
}  # fmt: skip

BINANCE_FUTURES: IncomeRules = IncomeRules(
    method="fapiPrivateGetIncome",
    limit=1000,
    window_ms=7 * 86_400_000,
    history_ms=89 * 86_400_000,
    id_keys=("tranId",),
    kind_key="incomeType",
    amount_key="income",
    currency_key="asset",
    time_key="time",
    symbol_key="symbol",
    kinds={name: kind for kind, names in _BINANCE_KINDS.items() for name in names},
    trades=frozenset({"COMMISSION", "REALIZED_PNL"}),
)
"""Binance, USD-M futures, "Get Income History": an id is unique among the rows of a kind."""

__all__ = ["BINANCE_FUTURES", "IncomeRules"]
