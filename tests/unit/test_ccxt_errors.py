"""The table of verdicts: every error of ccxt has a row, and what a class cannot say is asked first."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import ccxt
import pytest

from tests.fixtures.rows import each_row
from tradectl.domain.errors import (
    AccessLost,
    NotExecuted,
    OutcomeUnknown,
    TradectlError,
    VenueRefusal,
)
from tradectl.exchange.ccxt_venue.error_codes import Outcome
from tradectl.exchange.ccxt_venue.errors import (
    NOT_CCXT,
    TABLE,
    ErrorRules,
    Reply,
    is_not_found,
    row_of,
    translate,
)
from tradectl.exchange.ccxt_venue.tables import table_of

BINANCE = table_of("binance").codes
READING = ErrorRules(BINANCE, str, now=lambda: 1_660_090_400.0)


def family(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


def reported(
    error: Exception,
    *,
    status: int | None = None,
    write: bool = True,
    headers: dict[str, str] | None = None,
) -> TradectlError:
    reply = Reply(sent=True, status=status, headers=headers or {})
    return translate(error, "order a", reply, READING, write=write, submit=write)


def test_every_error_of_ccxt_has_a_row_of_its_own_with_a_reason() -> None:
    """And no row is about an error that ccxt does not have."""
    assert set(TABLE) == {kind.__name__ for kind in family(ccxt.BaseError)}
    assert [name for name, row in TABLE.items() if len(row.why) <= 10] == []


def test_a_network_error_is_of_unknown_fate_unless_a_row_says_why_not() -> None:
    certain = {
        kind.__name__
        for kind in family(ccxt.NetworkError)
        if TABLE[kind.__name__].outcome is not Outcome.UNKNOWN
    }
    assert certain == {"RateLimitExceeded", "DDoSProtection", "InvalidNonce"}


def test_an_error_that_is_not_of_ccxt_is_of_unknown_fate() -> None:
    assert row_of(KeyError("orderId")) is NOT_CCXT
    assert isinstance(reported(ValueError("no number")), OutcomeUnknown)


def body(code: int, message: str) -> str:
    return f'binance {{"code":{code},"msg":"{message}"}}'


BALANCE = "Account has insufficient balance for requested action."
CASES: list[tuple[Exception, int | None, type[TradectlError], type[TradectlError]]] = [
    # the error, its HTTP status, as the answer to a write, and to a read
    (ccxt.RequestTimeout("binance POST"), None, OutcomeUnknown, NotExecuted),
    (ccxt.RequestTimeout(body(-1007, "Timeout waiting")), 503, OutcomeUnknown, NotExecuted),
    (ccxt.OperationFailed(body(-1006, "unexpected response")), 500, OutcomeUnknown, NotExecuted),
    (ccxt.OperationFailed(body(-1000, "unknown error")), 503, OutcomeUnknown, NotExecuted),
    (ccxt.OperationFailed(body(-1001, "Internal error")), 400, OutcomeUnknown, NotExecuted),
    (ccxt.OperationFailed(body(-1008, "overloaded")), 503, NotExecuted, NotExecuted),
    (ccxt.ExchangeNotAvailable("<html>502 Bad Gateway</html>"), 502, OutcomeUnknown, NotExecuted),
    (ccxt.ExchangeNotAvailable("504"), 504, OutcomeUnknown, NotExecuted),
    (ccxt.ExchangeNotAvailable("Server disconnected"), None, OutcomeUnknown, NotExecuted),
    (ccxt.ExchangeError("payload cut short"), None, OutcomeUnknown, NotExecuted),
    (ccxt.NullResponse("empty"), 200, OutcomeUnknown, NotExecuted),
    (ccxt.InvalidNonce(body(-1021, "Timestamp ahead")), 400, NotExecuted, NotExecuted),
    (ccxt.DDoSProtection(body(-1003, "Too many requests")), 429, NotExecuted, NotExecuted),
    (ccxt.DDoSProtection(body(-1003, "IP banned")), 418, NotExecuted, NotExecuted),
    (
        ccxt.RateLimitExceeded(body(-1003, "Unknown error, please check your request.")),
        400,
        OutcomeUnknown,
        NotExecuted,
    ),
    (ccxt.InsufficientFunds(BALANCE), 400, VenueRefusal, VenueRefusal),
    (ccxt.InvalidOrder(body(-1013, "Filter failure: LOT_SIZE")), 400, VenueRefusal, VenueRefusal),
    (ccxt.ExchangeError(body(-4321, "a code that is new")), 400, VenueRefusal, VenueRefusal),
    (ccxt.OperationFailed(body(-4321, "a code that is new")), 200, OutcomeUnknown, NotExecuted),
    (ccxt.InvalidOrder(body(-2010, "Duplicate order sent.")), 400, OutcomeUnknown, VenueRefusal),
    (
        ccxt.InvalidOrder(body(-4116, "ClientOrderId is duplicated.")),
        400,
        OutcomeUnknown,
        VenueRefusal,
    ),
    (ccxt.DuplicateOrderId("clOrdId"), 200, OutcomeUnknown, NotExecuted),
    (ccxt.AuthenticationError(body(-2014, "API-key format invalid.")), 401, AccessLost, AccessLost),
    (ccxt.DDoSProtection(body(-2015, "Invalid API-key")), 401, AccessLost, AccessLost),
    (ccxt.AuthenticationError(body(-1022, "Signature")), 400, AccessLost, AccessLost),
    (ccxt.PermissionDenied("no"), 200, AccessLost, AccessLost),
    (ccxt.NotSupported("no"), None, VenueRefusal, VenueRefusal),
    (KeyError("price"), 200, OutcomeUnknown, NotExecuted),
]


@each_row(("error", "status", "write", "read"), CASES)
def test_verdicts(
    error: Exception,
    status: int | None,
    write: type[TradectlError],
    read: type[TradectlError],
) -> None:
    assert type(reported(error, status=status)) is write
    assert type(reported(error, status=status, write=False)) is read


def test_what_never_left_is_refused_and_never_of_unknown_fate() -> None:
    for error in (ccxt.RequestTimeout("x"), ccxt.InvalidOrder("x"), TypeError("x")):
        reply = Reply(sent=False)
        assert isinstance(translate(error, "order", reply, READING, write=True), VenueRefusal)
    missing = translate(ccxt.AuthenticationError("apiKey"), "order", Reply(), READING, write=True)
    assert isinstance(missing, AccessLost)


@pytest.mark.parametrize("name", ["ClientConnectorError", "ConnectionTimeoutError", "gaierror"])
def test_without_a_connection_nothing_was_done(name: str) -> None:
    error = ccxt.ExchangeNotAvailable("binance POST")
    error.__cause__ = type(name, (OSError,), {})("no route")
    assert type(reported(error)) is NotExecuted


def test_a_reset_connection_may_have_carried_the_order() -> None:
    error = ccxt.ExchangeNotAvailable("binance POST")
    error.__cause__ = ConnectionResetError("reset by peer")
    assert type(reported(error)) is OutcomeUnknown


def test_an_empty_answer_that_ccxt_blames_on_the_keys_is_not_lost_access() -> None:
    reply = Reply(sent=True, status=200, garbled=True)
    error = ccxt.AuthenticationError("received an empty listenKey")
    assert isinstance(translate(error, "news", reply, READING, write=False), NotExecuted)


@each_row(
    ("text", "headers", "seconds"),
    [
        ("429", {"Retry-After": "7"}, 7.0),
        ("429", {"retry-after": "0.5"}, 0.5),
        ("429", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ("429", {"Retry-After": "9" * 400}, 0.0),
        ("IP banned until 1660090423228. Please use", {}, 23.228),
        ("IP banned until 1660090423228.", {"Retry-After": "60"}, 60.0),
        ("IP banned until 1660090423228.", {"Retry-After": "5"}, 5.0),
        ("IP banned until 1000000000000.", {}, 0.0),
    ],
)
def test_the_pause_that_is_asked_for(text: str, headers: dict[str, str], seconds: float) -> None:
    error = reported(ccxt.DDoSProtection(text), status=429, headers=headers)
    assert isinstance(error, NotExecuted)
    assert error.retry_after == pytest.approx(seconds, abs=1e-3)


def test_an_order_that_is_not_known_is_recognised_by_class_and_by_code() -> None:
    codes = BINANCE
    assert is_not_found(ccxt.OrderNotFound("x"), "x", codes)
    text = body(-2013, "Order does not exist.")
    assert is_not_found(ccxt.ExchangeError(text), text, codes)
    assert not is_not_found(ccxt.ExchangeError("x"), "x", codes)


def test_errors_of_ours_pass_unchanged() -> None:
    ours = NotExecuted("wait", 3.0)
    assert reported(ours) is ours


def test_a_message_is_cleaned_and_names_what_was_asked() -> None:
    reading = ErrorRules(clean=lambda text: text.replace("SECRET", "***"))
    error = translate(
        ccxt.ExchangeError("url?signature=SECRET"), "order a", Reply(sent=True), reading, write=True
    )
    assert str(error) == "order a: ExchangeError: url?signature=***"
    assert "SECRET" not in "".join(traceback.format_exception(error))
