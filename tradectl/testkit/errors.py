"""Error answers, word for word as the exchange gives them: an HTTP status and a code with a message."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """What an answer other than a good one says."""

    def __init__(
        self, code: int, message: str, status: int = 400, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        return {"code": self.code, "msg": self.message}


HTML_502 = (
    "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad Gateway</h1>"
    "</center>\n<hr><center>nginx</center>\n</body>\n</html>"
)
HTML_503 = (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" '
    '"http://www.w3.org/TR/html4/loose.dtd">\n<HTML><HEAD><TITLE>ERROR: The request could not be '
    "satisfied</TITLE>\n</HEAD><BODY>\n<H1>503 ERROR</H1>\n<H2>The request could not be satisfied."
    '</H2>\n<HR noshade size="1px">\nThis distribution exceeded the limit on requests per second.\n'
)


def no_such_symbol() -> ApiError:
    return ApiError(-1121, "Invalid symbol.")


def missing(name: str) -> ApiError:
    return ApiError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def filter_failure(name: str) -> ApiError:
    return ApiError(-1013, f"Filter failure: {name}")


def unknown_order_sent() -> ApiError:
    return ApiError(-2011, "Unknown order sent.")


def no_such_order() -> ApiError:
    return ApiError(-2013, "Order does not exist.")


def insufficient_balance() -> ApiError:
    return ApiError(-2010, "Account has insufficient balance for requested action.")


def margin_insufficient() -> ApiError:
    return ApiError(-2019, "Margin is insufficient.")


def key_malformed() -> ApiError:
    return ApiError(-2014, "API-key format invalid.", 401)


def key_refused() -> ApiError:
    return ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def bad_signature() -> ApiError:
    return ApiError(-1022, "Signature for this request is not valid.")


def no_such_listen_key() -> ApiError:
    return ApiError(-1125, "This listenKey does not exist.")


def other_position_side() -> ApiError:
    return ApiError(-4061, "Order's position side does not match user's setting.")


def symbol_closed(*, futures: bool) -> ApiError:
    if futures:
        return ApiError(
            -4108, "Symbol is on delivering or delivered or settling or closed or pre-trading."
        )
    return ApiError(-1013, "Market is closed.")


def ahead_of_time() -> ApiError:
    return ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def outside_window() -> ApiError:
    return ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def too_many_requests(seconds: int) -> ApiError:
    return ApiError(
        -1003,
        "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use "
        "WebSocket Streams for live updates to avoid polling the API.",
        429,
        {"Retry-After": str(seconds)},
    )


def banned(seconds: int, now_ms: int) -> ApiError:
    return ApiError(
        -1003,
        f"Way too much request weight used; IP banned until {now_ms + seconds * 1000}. Please use "
        "WebSocket Streams for live updates to avoid bans.",
        418,
        {"Retry-After": str(seconds)},
    )


def unavailable() -> ApiError:
    return ApiError(-1000, "An unknown error occurred while processing the request.", 503)


def unexpected_response() -> ApiError:
    return ApiError(
        -1006,
        "An unexpected response was received from the message bus. Execution status unknown.",
        500,
    )


def backend_timeout() -> ApiError:
    return ApiError(
        -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status "
        "unknown.",
        503,
    )
