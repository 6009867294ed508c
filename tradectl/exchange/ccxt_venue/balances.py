"""What each exchange means by a balance: a table, and how it is read.

    wallet   what was put in, less what was taken out, with all that is realised; our cash is compared
             with this one
    equity   the wallet, and what open positions would yield now
    used     what stands behind orders and positions
    free     what is left for new ones

ccxt calls one of the first two `total`, which of them depends on the exchange. On spot they are the same,
but on accounts that hold perpetuals too. Of an exchange that is not in the table the wallet is known only
while no perpetual is held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from tradectl.domain.money import ZERO
from tradectl.exchange.ccxt_venue.decimals import InvalidResponse, exact, listed
from tradectl.exchange.venue import Balance

Code = Callable[[str], str]
"""ccxt's name of a currency, by the exchange's."""


class BalanceRules(Struct, frozen=True):
    """Where an account's answer has its rows (`at`, from the outermost), and each row its currency and
    its amounts. Without a `wallet` it is the equity less the `unrealized` profit."""

    at: tuple[str | int, ...]
    currency: str
    equity: str
    wallet: str = ""
    unrealized: str = ""
    free: str = ""


_OKX = BalanceRules(("data", 0, "details"), "ccy", "eq", wallet="cashBal", free="availBal")
_BYBIT = BalanceRules(
    ("result", "list", 0, "coin"), "coin", "equity", wallet="walletBalance",
)  # fmt: skip
_KUCOIN = BalanceRules(
    ("data",), "currency", "accountEquity", unrealized="unrealisedPNL", free="availableBalance"
)

SPOT: dict[str, BalanceRules] = {"okx": _OKX, "bybit": _BYBIT}
"""Accounts of theirs hold coins and perpetuals side by side."""
PERPETUAL: dict[str, BalanceRules] = {
    "binance": BalanceRules(
        ("assets",), "asset", "marginBalance", wallet="walletBalance", free="availableBalance"
    ),
    "bingx": BalanceRules(
        ("data",), "asset", "equity", wallet="balance", free="availableMargin"
    ),
    "bitget": BalanceRules(
        ("data",), "marginCoin", "accountEquity", unrealized="unrealizedPL", free="available"
    ),
    "bybit": _BYBIT,
    "gate": BalanceRules(
        (), "currency", "", wallet="total", unrealized="unrealised_pnl", free="available"
    ),
    "htx": BalanceRules(
        ("data", "details"), "currency", "equity", unrealized="profit_unreal",
        free="available_margin",
    ),
    "kucoin": _KUCOIN,
    "mexc": BalanceRules(
        ("data",), "currency", "equity", unrealized="unrealized", free="availableBalance"
    ),
    "okx": _OKX,
}  # fmt: skip
ALSO = {
    "binanceusdm": "binance", "kucoinfutures": "kucoin", "myokx": "okx", "okxus": "okx",
    "bybiteu": "bybit", "gateeu": "gate",
}  # fmt: skip
"""The same exchange under another name."""


def rules_of(exchange_id: str, kind: str) -> BalanceRules | None:
    table = SPOT if kind == "spot" else PERPETUAL
    return table.get(ALSO.get(exchange_id, exchange_id))


def read_balances(raw: Any, rules: BalanceRules | None, code: Code) -> dict[str, Balance]:
    """Out of ccxt's answer, by currency; without `rules` as ccxt has it. Raises InvalidResponse."""
    info = raw.get("info") if isinstance(raw, Mapping) else None
    if not isinstance(info, dict | list) or not info:
        raise InvalidResponse("an answer without an account")
    if rules is None:
        found = {name: _unified(raw, name) for name in raw["total"]}
    else:
        found = {code(str(row[rules.currency])): _read(row, rules) for row in _rows(info, rules)}
    return {name: balance for name, balance in found.items() if balance.wallet or balance.equity}


def _rows(info: Any, rules: BalanceRules) -> list[Any]:
    for step in rules.at:
        try:
            info = info[step]
        except (LookupError, TypeError):
            if isinstance(info, list):
                continue  # ccxt has taken it out already
            raise InvalidResponse("an account without balances") from None
    return [info] if isinstance(info, Mapping) else listed(info)


def _read(row: Any, rules: BalanceRules) -> Balance:
    unrealized = _amount(row, rules.unrealized)
    wallet = _amount(row, rules.wallet) if rules.wallet else None
    equity = _amount(row, rules.equity) if rules.equity else None
    if wallet is None:
        wallet = (equity or ZERO) - unrealized
    if equity is None:
        equity = wallet + unrealized
    free = _amount(row, rules.free) if rules.free else equity
    return Balance(wallet, equity, free, equity - free)


def _amount(row: Any, key: str) -> Decimal:
    if not key:
        return ZERO
    value = row.get(key) if isinstance(row, Mapping) else None
    return ZERO if value in (None, "") else exact(value)


def _unified(raw: Any, name: str) -> Balance:
    total = _amount(raw["total"], name)
    free = _amount(raw.get("free") or {}, name)
    return Balance(total, total, free, total - free)


__all__ = ["BalanceRules", "read_balances", "rules_of"]
