"""A request as the handlers see it, by REST or by the WebSocket API, and who may make it.

A route names its handler, the market it speaks of, what it asks of the caller (nothing, a key, a
signature) and what it weighs. Signatures are checked over the very bytes that were sent.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tradectl.testkit import errors
from tradectl.testkit.accounts import Account
from tradectl.testkit.errors import ApiError
from tradectl.testkit.symbols import Rules

if TYPE_CHECKING:
    from tradectl.testkit.engine import Engine
    from tradectl.testkit.exchange import LoopbackExchange


class Security(StrEnum):
    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


@dataclass
class Call:
    exchange: LoopbackExchange
    market: str
    method: str
    path: str
    params: Mapping[str, str]
    caller: Account | None = None
    word: Callable[[ApiError], Any] | None = None
    """makes the answer to what is wrong, where it is not the usual one"""

    @property
    def account(self) -> Account:
        assert self.caller is not None, "a route without a key has no account"
        return self.caller

    @property
    def engine(self) -> Engine:
        return self.exchange.engines[self.market]

    @property
    def rules(self) -> Rules:
        """Of the symbol that the call names. Raises ApiError without one."""
        found = self.engine.rules.get(self.text("symbol"))
        if found is None:
            raise errors.no_such_symbol()
        return found

    def text(self, name: str) -> str:
        value = self.params.get(name, "")
        if not value:
            raise errors.missing(name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        if not (text := self.params.get(name)):
            return None
        try:
            return Decimal(text)
        except InvalidOperation:
            raise self._illegal(name) from None

    def integer(self, name: str) -> int | None:
        if not (text := self.params.get(name)):
            return None
        try:
            return int(text)
        except ValueError:
            raise self._illegal(name) from None

    def limit(self, default: int, most: int) -> int:
        return max(1, min(self.integer("limit") or default, most))

    def flag(self, name: str) -> bool:
        return self.params.get(name, "").lower() == "true"

    def _illegal(self, name: str) -> ApiError:
        return ApiError(-1100, f"Illegal characters found in parameter '{name}'.")


@dataclass(frozen=True)
class Route:
    handler: Callable[[Call], Any]
    market: str
    security: Security = Security.NONE
    weight: int = 1


Routes = dict[tuple[str, str], Route]


def sign(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def authenticate(accounts: Mapping[str, Account], key: str | None) -> Account:
    if not key:
        raise errors.key_malformed()
    for account in accounts.values():
        if account.key == key:
            return account
    raise errors.key_refused()


def check_signature(account: Account, payload: str, params: Mapping[str, str], now_ms: int) -> None:
    """`payload` is what was signed, without the signature. Raises ApiError."""
    signature = params.get("signature")
    if not signature:
        raise errors.missing("signature")
    if not hmac.compare_digest(sign(account.secret, payload), signature):
        raise errors.bad_signature()
    try:
        timestamp = int(params["timestamp"])
        window = min(int(float(params.get("recvWindow", "5000"))), 60_000)
    except (KeyError, ValueError):
        raise errors.missing("timestamp") from None
    if timestamp >= now_ms + 1000:
        raise errors.ahead_of_time()
    if now_ms - timestamp > window:
        raise errors.outside_window()
