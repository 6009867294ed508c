"""What an exchange means by a balance, and how it is read: a part of its table.

    wallet   what was put in, less what was taken out, with all that is realised; our cash is compared
             with this one
    equity   the wallet, and what open positions would yield now
    used     what stands behind orders and positions
    free     what is left for new ones

ccxt calls one of the first two `total`, which of them depends on the exchange. On spot they are the same,
but on accounts that hold perpetuals too. Of an exchange whose table does not say the wallet is known only
while no perpetual is held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from tradectl.domain.money import ZERO
from tradectl.exchange.ccxt_venue.decimals import InvalidResponse, exact, listed
from tradectl.exchange.holdings import Balance

Code = Callable[[str], str]
"""ccxt's name of a currency, by the exchange's."""


class BalanceRules(Struct, frozen=True):
    """Where an account's answer has its rows (`at`, from the outermost), and each row its currency and
    its amounts: sums of what stands at several keys, less those with a `-` before. Where there is no key
    for the currency, rows stand at its name. A wallet that stands there as such is never worked out of
    the equity: that one is rounded, and moves with the price."""

    at: tuple[str | int, ...]
    currency: str
    wallet: tuple[str, ...]
    equity: tuple[str, ...]
    free: tuple[str, ...]
    made: Callable[[Any], Any] | None = None
    """makes the rows of an answer that has none: it is asked with what is found there"""
    unified: BalanceRules | None = None
    """those of an account for everything, whose answer has another shape: it does not tell the wallet
    from what open positions would yield, so that there is none"""


def read_balances(
    raw: Any, rules: BalanceRules | None, code: Code
) -> tuple[dict[str, Balance], bool]:
    """Out of ccxt's answer, by currency; without `rules` as ccxt has it. Also whether the wallets are
    known. Raises InvalidResponse."""
    info = raw.get("info") if isinstance(raw, Mapping) else None
    if not isinstance(info, dict | list) or not info:
        raise InvalidResponse("an answer without an account")
    if rules is None:
        found, is_known = {name: _unified(raw, name) for name in raw["total"]}, False
    else:
        rules = _fitting(info, rules)
        found, is_known = {}, bool(rules.wallet)
        for name, row in _rows(info, rules):
            found[code(name)] = _read(row, rules)
    held = {name: balance for name, balance in found.items() if balance.wallet or balance.equity}
    return held, is_known


def _fitting(info: Any, rules: BalanceRules) -> BalanceRules:
    """Those of an account for everything where the answer is one of it."""
    if rules.unified is None:
        return rules
    try:
        _rows(info, rules.unified)
    except InvalidResponse:
        return rules
    return rules.unified


def _rows(info: Any, rules: BalanceRules) -> list[tuple[str, Any]]:
    """Each with its currency."""
    for step in rules.at:
        try:
            info = info[step]
        except (LookupError, TypeError):
            if isinstance(info, list) and isinstance(step, str):
                continue  # ccxt has taken it out already
            raise InvalidResponse("an account without balances") from None
    if rules.made is not None:
        info = rules.made(_mapping(info))
    if not rules.currency:
        return list(_mapping(info).items())
    rows = [info] if isinstance(info, Mapping) else listed(info)
    return [(str(_mapping(row).get(rules.currency)), row) for row in rows]


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidResponse("an account without balances")
    return value


def _read(row: Any, rules: BalanceRules) -> Balance:
    equity, free = _sum(row, rules.equity), _sum(row, rules.free)
    wallet = _sum(row, rules.wallet) if rules.wallet else equity
    return Balance(wallet, equity, free, equity - free)


def _sum(row: Any, keys: tuple[str, ...]) -> Decimal:
    """The first of them must be there, and may be empty. Raises InvalidResponse."""
    if _mapping(row).get(keys[0]) is None:
        raise InvalidResponse(f"a balance without {keys[0]!r}")
    return sum(
        (-_amount(row, key[1:]) if key[0] == "-" else _amount(row, key) for key in keys), ZERO
    )


def _amount(row: Any, key: str) -> Decimal:
    value = row.get(key)
    return ZERO if value in (None, "") else exact(value)


def _unified(raw: Any, name: str) -> Balance:
    total = _amount(raw["total"], name)
    free = _amount(raw.get("free") or {}, name)
    return Balance(total, total, free, total - free)


__all__ = ["BalanceRules", "read_balances"]
