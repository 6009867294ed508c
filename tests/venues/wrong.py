"""What may be wrong with a request, in nobody's words."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from tradectl.testkit.errors import ApiError


class Wrong(StrEnum):
    FUNDS = "not enough money or margin"
    DUPLICATE = "an open order has this id"
    POST_ONLY = "it would take"
    AT_ONCE = "a stop that its price has passed"
    REDUCE_ONLY = "there is nothing to reduce"
    RULES = "against the rules of the symbol"
    NOT_FOUND = "no such order"
    OVER = "no such order is open"
    SYMBOL = "no such symbol"
    CLOSED = "the symbol takes no orders"
    HEDGE = "the account is in hedge mode"
    TOO_OFTEN = "too many requests"
    BANNED = "banned for too many requests"
    UNAVAILABLE = "unavailable: nothing is known"
    TIMEOUT = "no answer from within: nothing is known"
    CLOCK = "signed with a wrong time"
    KEY = "no such key"
    SIGNATURE = "a wrong signature"


class Said(NamedTuple):
    """In an exchange's words. `status` is that of HTTP."""

    code: str
    text: str
    status: int = 200


_BY_CODE = {
    -2013: Wrong.NOT_FOUND,
    -2011: Wrong.OVER,
    -2019: Wrong.FUNDS,
    -2018: Wrong.FUNDS,
    -4116: Wrong.DUPLICATE,
    -2021: Wrong.AT_ONCE,
    -5022: Wrong.POST_ONLY,
    -2022: Wrong.REDUCE_ONLY,
    -1121: Wrong.SYMBOL,
    -4108: Wrong.CLOSED,
    -4061: Wrong.HEDGE,
    -1000: Wrong.UNAVAILABLE,
    -1001: Wrong.UNAVAILABLE,
    -1006: Wrong.TIMEOUT,
    -1007: Wrong.TIMEOUT,
    -1008: Wrong.TOO_OFTEN,
    -1015: Wrong.TOO_OFTEN,
    -1021: Wrong.CLOCK,
    -2014: Wrong.KEY,
    -2015: Wrong.KEY,
    -1022: Wrong.SIGNATURE,
}
_BY_TEXT = {
    "insufficient balance": Wrong.FUNDS,
    "Duplicate": Wrong.DUPLICATE,
    "match and take": Wrong.POST_ONLY,
    "trigger immediately": Wrong.AT_ONCE,
    "Market is closed": Wrong.CLOSED,
}


def wrong_of(error: ApiError) -> Wrong:
    """What the loopback exchange's own error comes to; the symbol's rules where it is none of these."""
    if error.status in (418, 429):
        return Wrong.BANNED if error.status == 418 else Wrong.TOO_OFTEN
    by_text = (wrong for text, wrong in _BY_TEXT.items() if text in error.message)
    return _BY_CODE.get(error.code) or next(by_text, Wrong.RULES)
