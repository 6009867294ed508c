"""Why an exchange says no, in plain words that also say what would mend it.

Its own text often hides the cause: a key that is refused, an address that changed and a permission that
is missing are one code, a ban is a number, a wrong clock a "recvWindow". Where the code says more than
ccxt's class it is asked first; the exchange's own codes are in its table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tradectl.domain.refusals import HEDGE_MODE, RefusalCause
from tradectl.domain.time import SECOND, iso

CLOCK = "the exchange takes the time of this request for wrong"
KEY = "the exchange refuses the API key, this machine's IP address, or what the key may do"
CLOSED = "the symbol takes no orders now"
TOO_OFTEN = "asked too often"
SIGNATURE = "the signature is wrong: is the API secret the one that belongs to the key?"
NO_KEY = "the API key is not one of this exchange, or of its other network"
PASSPHRASE = "the passphrase is not the one that belongs to the key"
REDUCE_ONLY_ACCOUNT = "the account may only reduce its positions"
ACCOUNT_MODE = "the account's mode does not allow it: set it to one for futures there"
MARGIN_MODE = "the account's margin mode for this symbol is another one: set it there"
NOT_HERE = "the exchange does not offer this symbol where the account is"
FUNDS = "there is not enough money or margin for it"

_R = RefusalCause
REFUSALS: dict[str, RefusalCause] = {
    "InsufficientFunds": _R.FUNDS,
    "MarketClosed": _R.CLOSED,
    "ContractUnavailable": _R.CLOSED,
    "BadSymbol": _R.CLOSED,
    "OrderImmediatelyFillable": _R.OTHER,
    "OrderNotFillable": _R.NOT_FILLED,
    "InvalidOrder": _R.RULES,
}
"""What a refused order comes to by the name of ccxt's class, where neither a code nor a word tells."""

SAYS_CLOSED = re.compile(
    r"market is closed|not open for trading|trading is (halted|suspended)", re.IGNORECASE
)
SAYS_HEDGE_MODE = re.compile(
    r"posside|position.?side|position idx|hedge.?mode|dual.?mode|one-way mode"
    # a position's side says what an order may only reduce: one that says it by itself names none
    r"|reduce.?only'? sent when not required",
    re.IGNORECASE,
)
SAYS_RULES = re.compile(
    r"filter failure|precision|notional|lot.?size|tick.?size|step.?size|minimum requirement|increment"
    r"|decimals?\b",
    re.IGNORECASE,
)


def of_refusal(
    kinds: tuple[str, ...], code: str | None, text: str, codes: Mapping[str, RefusalCause]
) -> RefusalCause:
    """What a refusal comes to: by its words where they are plain, by the exchange's code, by the class of
    the error and those that it descends from."""
    if SAYS_CLOSED.search(text):
        return _R.CLOSED
    if code is not None and code in codes:
        return codes[code]
    if SAYS_HEDGE_MODE.search(text):
        return _R.POSITION_SIDE
    if SAYS_RULES.search(text):
        return _R.RULES
    return next((REFUSALS[kind] for kind in kinds if kind in REFUSALS), _R.OTHER)


BY_CLASS: dict[str, str] = {
    "InvalidNonce": CLOCK,
    "MarketClosed": CLOSED,
    "ContractUnavailable": CLOSED,
    "PermissionDenied": "the API key may not do this",
    "AccountNotEnabled": "the account may not do this",
    "AccountSuspended": "the account is suspended",
    "ManualInteractionNeeded": "something must be done by hand at the exchange first",
    "RestrictedLocation": "the exchange does not serve this place",
    "AuthenticationError": KEY,
    "InsufficientFunds": FUNDS,
    "RateLimitExceeded": TOO_OFTEN,
    "OnMaintenance": "the exchange is in maintenance",
}
"""By the name of ccxt's class; that of the error itself goes before those that it descends from."""

BY_REFUSAL = {_R.CLOSED: CLOSED, _R.FUNDS: FUNDS, _R.POSITION_SIDE: HEDGE_MODE}
"""Where neither the code nor the class says it in words, by what the refusal comes to."""

PROXY = frozenset({"ClientProxyConnectionError", "ClientHttpProxyError", "ProxyError"})
NO_NAME = frozenset({"gaierror", "ClientConnectorDNSError"})
NO_CONNECTION = frozenset({"ClientConnectorError", "ConnectionTimeoutError"})
ONLINE = "is this machine online? `tradectl doctor` looks into it"
BANNED_STATUS, TOO_MANY_STATUS = 418, 429


def of_connection(causes: frozenset[str]) -> str:
    """Where there was none: by the names of the errors that led to this one."""
    if causes & PROXY:
        return "no connection through the proxy (exchanges.proxy)"
    if causes & NO_NAME:
        return f"its name could not be looked up: {ONLINE}"
    return f"no connection to it: {ONLINE}" if causes & NO_CONNECTION else ""


def of_error(
    kinds: tuple[str, ...], code: str | None, codes: Mapping[str, str], clock: Callable[[], str]
) -> str:
    """By the exchange's code, else by the class of the error and those that it descends from; `clock`
    says how far this machine's is off. Empty where nothing is known."""
    found = codes.get(code or "") or next(
        (BY_CLASS[kind] for kind in kinds if kind in BY_CLASS), ""
    )
    return f"{found}: {clock()}" if found == CLOCK and clock() else found


def of_status(status: int | None, *, is_page: bool, pause: float, ends: int) -> str:
    """By the HTTP status; `pause` in seconds, until `ends` (ns UTC of the exchange)."""
    if status == BANNED_STATUS:
        return banned_until(ends) if pause else "banned by the exchange"
    if status == TOO_MANY_STATUS:
        return f"asked too often: the exchange wants a pause of {pause:.0f} s"
    if is_page and status is not None:
        return f"a page of HTTP status {status} in place of an answer: maintenance, or something between"
    return ""


def banned_until(ends: int) -> str:
    return f"banned by the exchange until {iso(ends // SECOND * SECOND)}"


def off_by(offset: int) -> str:
    """How far (ns) the exchange's clock is from this machine's; empty within a tenth of a second."""
    seconds = abs(offset) / SECOND
    if seconds < 0.1:
        return ""
    return (
        f"this machine's clock is {seconds:.1f} s {'behind' if offset > 0 else 'ahead of'} its own"
    )


__all__ = [
    "ACCOUNT_MODE",
    "CLOCK",
    "CLOSED",
    "HEDGE_MODE",
    "KEY",
    "MARGIN_MODE",
    "NOT_HERE",
    "NO_KEY",
    "PASSPHRASE",
    "REDUCE_ONLY_ACCOUNT",
    "SIGNATURE",
    "TOO_OFTEN",
    "banned_until",
    "of_connection",
    "of_error",
    "of_refusal",
    "of_status",
    "off_by",
]
