"""What an error of ccxt means for us: one table, and the few things that it cannot say.

ccxt sorts errors by what the exchange called them. We need another order: was the thing done? Nothing
is guessed: what is not known to be refused, or known to be harmless, has an unknown outcome, for a write;
a read may simply be asked again. What a table by class cannot see is looked at first: whether a request
left at all, whether a connection stood, the exchange's own error code, and the HTTP status. Rows are by
the class's name, so that ccxt need not be loaded to read them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tradectl.bus.clock import ComputerClock
from tradectl.domain.errors import (
    AccessLost,
    NotExecuted,
    OutcomeUnknown,
    TradectlError,
    VenueRefusal,
)
from tradectl.domain.refusals import RefusalCause
from tradectl.domain.time import SECOND
from tradectl.exchange.ccxt_venue import causes
from tradectl.exchange.ccxt_venue.error_codes import ErrorCodes, Outcome


class Row(NamedTuple):
    outcome: Outcome
    why: str


R, N, U, A = Outcome.REFUSED, Outcome.NOT_EXECUTED, Outcome.UNKNOWN, Outcome.ACCESS_LOST

TABLE: dict[str, Row] = {
    # refused: the exchange, or ccxt before it, said no to this request as it is
    "InsufficientFunds": Row(R, "judged before the book: nothing was placed"),
    "InvalidOrder": Row(R, "a filter said no; a duplicate of our id is told apart below"),
    "OrderImmediatelyFillable": Row(R, "post-only, or a stop beyond its price: not placed"),
    "OrderNotFillable": Row(R, "fill-or-kill that could not be: not placed"),
    "ContractUnavailable": Row(R, "the contract is not traded"),
    "OrderNotFound": Row(R, "no such order: nothing to act on"),
    "OrderNotCached": Row(R, "ccxt's own, raised before anything is sent"),
    "BadRequest": Row(R, "the request is malformed: it was read and not acted on"),
    "BadSymbol": Row(R, "no such market"),
    "ArgumentsRequired": Row(R, "ccxt's own, raised before anything is sent"),
    "OperationRejected": Row(R, "understood and refused"),
    "NoChange": Row(R, "it is so already: nothing was done"),
    "MarginModeAlreadySet": Row(R, "it is so already: nothing was done"),
    "MarketClosed": Row(R, "the market takes no orders"),
    "InvalidAddress": Row(R, "withdrawals only: we make none"),
    "AddressPending": Row(R, "withdrawals only: we make none"),
    "NotSupported": Row(R, "the exchange or ccxt does not offer it"),
    "InvalidProxySettings": Row(R, "ccxt's own, raised before anything is sent"),
    # not executed: turned away for a reason that passes
    "RateLimitExceeded": Row(N, "counted and turned away"),
    "DDoSProtection": Row(N, "turned away before it is read"),
    "InvalidNonce": Row(N, "the request's time is off: turned away before it is read"),
    "ExchangeClosedByUser": Row(N, "we closed: nothing leaves any more"),
    # unknown: it may have been done
    "BaseError": Row(U, "no more is known"),
    "ExchangeError": Row(U, "a code that ccxt does not know, or an answer cut short"),
    "OperationFailed": Row(U, "failed inside the exchange, at an unknown step"),
    "NetworkError": Row(U, "the line failed while it was under way"),
    "ExchangeNotAvailable": Row(U, "a gateway answered, not the exchange behind it"),
    "OnMaintenance": Row(U, "going down: what it did with the last ones is not known"),
    "RequestTimeout": Row(U, "no answer in time says nothing about the order"),
    "DuplicateOrderId": Row(U, "our order may be there already: only asking for it tells"),
    "BadResponse": Row(U, "the answer cannot be read"),
    "NullResponse": Row(U, "the answer is empty"),
    "CancelPending": Row(U, "asked for, and not yet done"),
    "ChecksumError": Row(U, "of an order book's stream: never of a request"),
    "UnsubscribeError": Row(U, "of a stream: never of a request"),
    # access lost: no request of ours will do any better
    "AuthenticationError": Row(A, "the keys do not work"),
    "PermissionDenied": Row(A, "the keys may not do this"),
    "AccountNotEnabled": Row(A, "the account may not do this"),
    "AccountSuspended": Row(A, "the account is closed to us"),
    "ManualInteractionNeeded": Row(A, "a human must act at the exchange first"),
    "RestrictedLocation": Row(A, "not from here"),
}
NOT_CCXT = Row(U, "not an error of ccxt: a parser fell over an answer")

NEVER_CONNECTED = causes.PROXY | causes.NO_NAME | causes.NO_CONNECTION
"""Causes that say that no connection was made, so that nothing can have been sent."""

_DUPLICATE = re.compile(
    r"duplicat|client.?(order)?.?id.{0,40}(exist|used|in use|repeat)", re.IGNORECASE
)
_UNKNOWN_INSIDE = re.compile(r"unknown error|internal error|unable to process", re.IGNORECASE)
_BANNED_UNTIL = re.compile(r"banned until ([0-9]{13})")
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_MILLISECONDS = re.compile(r"[0-9]{1,13}")
FIRST_TIME_MS = 10**12
"""A number above it is a time, not how long something takes."""
TURNED_AWAY = frozenset({418, 429})


@dataclass(slots=True)
class Reply:
    """What is known of one call beside what it returned or raised."""

    privileged: bool = False
    """may use the part of the rate limit that is kept back"""
    sent: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    garbled: bool = False
    """an answer was empty, cut, or not JSON"""
    is_page: bool = False
    """it was a page for people"""
    sent_at: float = 0.0
    """monotonic s"""
    is_counted: bool = False
    """that it was answered"""
    mistimed: bool = False
    """turned away for the time that it was signed with"""
    pre_send_check: Callable[[], None] | None = None
    """asked when the request is about to leave; what it raises keeps it back"""


def wall_seconds() -> float:
    return ComputerClock.wall() / SECOND


@dataclass(frozen=True, slots=True)
class ErrorRules:
    """How the errors of one exchange are read: its own codes, and how to make its texts harmless."""

    codes: ErrorCodes = field(default_factory=ErrorCodes)
    clean: Callable[[str], str] = str
    now: Callable[[], float] = wall_seconds
    """the exchange's clock, s: the end of a ban is given as a time"""
    clock: Callable[[], str] = str
    """how far this machine's clock is off, in words; empty if it is right"""


def translate(
    error: Exception,
    what: str,
    reply: Reply,
    error_rules: ErrorRules,
    *,
    write: bool,
    submit: bool = False,
) -> TradectlError:
    """The error to raise in place of `error`. It carries no part of the original but its cleaned text:
    raise it outside of the `except`, so that no context is printed either."""
    if isinstance(error, TradectlError):
        return error
    text = str(error)
    outcome = judge(error, text, reply, error_rules, submit=submit)
    if outcome is U and not write:
        outcome = N
    pause = retry_after(error, text, reply, error_rules)
    said = f"{type(error).__name__}: {error_rules.clean(text)}"
    cause = cause_of(error, text, reply, error_rules, pause)
    refused_for = _refused_for(error, text, error_rules) if outcome is R else None
    if refused_for is not None and reply.sent:
        cause = cause or causes.BY_REFUSAL.get(refused_for, "")
    message = f"{what}: {cause} ({said})" if cause else f"{what}: {said}"
    if outcome is N:
        return NotExecuted(message, pause)
    if refused_for is not None:
        return VenueRefusal(message, refused_for)
    return (AccessLost if outcome is A else OutcomeUnknown)(message)


def _refused_for(error: Exception, text: str, error_rules: ErrorRules) -> RefusalCause:
    names = tuple(kind.__name__ for kind in type(error).__mro__)
    codes = error_rules.codes
    return causes.of_refusal(names, codes.code_of(text), text, codes.refusals)


def cause_of(
    error: Exception, text: str, reply: Reply, error_rules: ErrorRules, pause: float
) -> str:
    """Why, in plain words; empty where no more is known than the error itself says."""
    named = frozenset(name for cause in _causes(error) for name in _names(cause))
    kinds = tuple(kind.__name__ for kind in type(error).__mro__)
    ends = int((error_rules.now() + pause) * SECOND)
    return (
        causes.of_connection(named)
        or causes.of_status(reply.status, is_page=reply.is_page, pause=pause, ends=ends)
        or causes.of_error(
            () if reply.garbled else kinds,
            error_rules.codes.code_of(text),
            error_rules.codes.causes,
            error_rules.clock,
        )
    )


def is_mistimed(error: Exception, text: str, reply: Reply, error_rules: ErrorRules) -> bool:
    """Turned away, before it was acted on, for the time that it was signed with."""
    codes = error_rules.codes
    code = codes.code_of(text) or ""
    named = codes.causes.get(code) == causes.CLOCK or "InvalidNonce" in _names(error)
    return reply.sent and named and codes.outcomes.get(code, N) is N


def judge(
    error: Exception, text: str, reply: Reply, error_rules: ErrorRules, *, submit: bool = False
) -> Outcome:
    outcome = row_of(error).outcome
    if not reply.sent:
        return outcome if outcome in (A, N) else R
    if any(_names(cause) & NEVER_CONNECTED for cause in _causes(error)):
        return N
    if reply.garbled and outcome is A:
        outcome = U  # ccxt misses something in an empty answer, and blames the keys
    codes = error_rules.codes
    code = codes.code_of(text)
    if code is not None and code in codes.outcomes:
        outcome = codes.outcomes[code]
        if outcome is N and _UNKNOWN_INSIDE.search(text):
            return U  # a code used for both "too many" and "we do not know"
        return _unless_duplicate(outcome, text, submit)
    if reply.status in TURNED_AWAY:
        return N
    if reply.status is not None and reply.status >= 500:
        return U
    client_fault = reply.status is not None and 400 <= reply.status < 500
    if outcome is U and client_fault and code is not None and codes.refuses_by_4xx:
        outcome = R
    if type(error).__name__ == "ExchangeError" and code and codes.refuses(code):
        outcome = R
    return _unless_duplicate(outcome, text, submit)


def _unless_duplicate(outcome: Outcome, text: str, submit: bool) -> Outcome:
    """A submit refused because its id is there already may be our own order, come twice."""
    return U if outcome is R and submit and _DUPLICATE.search(text) else outcome


def row_of(error: BaseException) -> Row:
    for kind in type(error).__mro__:
        if kind.__name__ in TABLE:
            return TABLE[kind.__name__]
    return NOT_CCXT


def the_exchanges_own(error: Exception) -> Exception:
    """The exchange's error that ccxt was at when it stumbled over itself: of a stream's login that was
    refused it throws a KeyError. Else the error as it is."""
    for found in _causes(error):
        if isinstance(found, Exception) and row_of(found) is not NOT_CCXT:
            return found
    return error


def is_not_found(error: Exception, text: str, codes: ErrorCodes) -> bool:
    """The exchange says that it knows no such order, or none that is not over."""
    return "OrderNotFound" in _names(error) or codes.code_of(text) in codes.not_found


def is_turned_away(error: BaseException, reply: Reply) -> bool:
    """For having asked too often."""
    return reply.status in TURNED_AWAY or "RateLimitExceeded" in _names(error)


def retry_after(error: Exception, text: str, reply: Reply, error_rules: ErrorRules) -> float:
    """Seconds to keep away: as the answer's header says, else until the end of the ban it names, which is
    a time by the exchange's clock and not by ours."""
    headers = {name.lower(): value.strip() for name, value in reply.headers.items()}
    now, asked = error_rules.now(), 0.0
    if _SECONDS.fullmatch(headers.get("retry-after", "")):
        asked = float(headers["retry-after"])
    reset = headers.get(error_rules.codes.reset_header, "")
    if not asked and _MILLISECONDS.fullmatch(reset) and is_turned_away(error, reply):
        asked = int(reset) / 1000 - (now if int(reset) > FIRST_TIME_MS else 0.0)
    banned = _BANNED_UNTIL.search(text)
    if banned and not asked:
        asked = int(banned.group(1)) / 1000 - now
    return max(asked, 0.0)


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


__all__ = [
    "NOT_CCXT",
    "TABLE",
    "ErrorRules",
    "Outcome",
    "Reply",
    "Row",
    "cause_of",
    "is_mistimed",
    "is_not_found",
    "is_turned_away",
    "judge",
    "retry_after",
    "row_of",
    "the_exchanges_own",
    "translate",
]
