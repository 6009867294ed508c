"""Orders and requests that other exchanges refuse, through the real ccxt: what became of them, and why.

A row is what the exchange says, and what we make of it: a refusal of its cause, something that passes, an
order of unknown fate, or a lost access. Each row is one that ccxt's classes alone tell wrong, or too
little, or one of those that every exchange must be able to say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from tests.venues import dialect
from tests.venues.harness import SYMBOL, venue_at
from tests.venues.wrong import Said as Words
from tradectl.domain.errors import (
    AccessLost,
    ExchangeError,
    NotExecuted,
    OutcomeUnknown,
    VenueRefusal,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.ccxt_venue.report_parser import ReportParser
from tradectl.exchange.ccxt_venue.tables import table_of

C = RefusalCause
NO_MARKETS: Any = None
"""None of them is asked."""
Outcome = RefusalCause | type[ExchangeError]


class Said(NamedTuple):
    code: str
    message: str
    outcome: Outcome
    why: str = ""
    """must be in what we say"""


ORDERS: dict[str, tuple[Said, ...]] = {
    "okx": (
        Said("51008", "Order failed. Insufficient USDT margin in account", C.FUNDS, "not enough"),
        Said("51119", "Order placement failed due to insufficient balance", C.FUNDS),
        Said("51169", "Order failed because you have no positions to reduce", C.REDUCE_ONLY),
        Said("51023", "Position does not exist", C.REDUCE_ONLY),
        Said("51112", "Close order size exceeds your available size", C.REDUCE_ONLY),
        Said("51000", "Parameter posSide error", C.POSITION_SIDE, "one-way mode"),
        Said("51121", "Order quantity must be a multiple of the lot size", C.RULES),
        Said("51020", "Your order should meet or exceed the minimum amount", C.RULES),
        Said("51202", "Market order amount exceeds the max amount", C.RULES),
        Said("51006", "Order price is not within the price limit", C.RULES),
        Said("51022", "Contract suspended", C.CLOSED, "takes no orders"),
        Said("51030", "Funding fee is being settled", C.CLOSED),
        Said("51155", "You can't trade this pair due to local restrictions", C.CLOSED, "not offer"),
        Said("54072", "This contract is currently view-only", C.CLOSED),
        Said("51010", "The current account mode does not support this", AccessLost, "mode"),
        Said("51025", "Order count exceeds the limit", C.OTHER),
        Said("51280", "SL trigger price cannot be higher than the last price", C.OTHER),
        Said("51999", "a refusal that is new", C.OTHER),
        Said("50999", "an error that is new", OutcomeUnknown),
        Said("51016", "Duplicated client order ID", OutcomeUnknown),
        Said("50061", "You've reached the maximum order rate limit", NotExecuted, "too often"),
    ),
    "bybit": (
        Said("110007", "ab not enough for new order", C.FUNDS, "not enough"),
        Said("110012", "Available balance not enough", C.FUNDS),
        Said("110040", "Order will trigger forced liquidation", C.FUNDS),
        Said("110017", "orderQty will be truncated to zero", C.REDUCE_ONLY),
        Said("110034", "There is no net position", C.REDUCE_ONLY),
        Said("10001", "position idx not match position mode", C.POSITION_SIDE, "one-way mode"),
        Said("110094", "Order does not meet minimum order value 5USDT", C.RULES),
        Said("10001", "The number of contracts exceeds minimum limit: lot size", C.RULES),
        Said("110003", "Order price is out of permissible range", C.RULES),
        Said("110074", "This contract is not live", C.CLOSED, "takes no orders"),
        Said("110063", "Settlement in progress! not available for trades", C.CLOSED, "settled"),
        Said("110066", "No trading is allowed at the current time", C.CLOSED),
        Said("110023", "only supports position reduction operation", C.CLOSED, "only be reduced"),
        Said("10029", "The requested symbol is invalid, check whitelist", C.CLOSED, "not offer"),
        Said("110093", "expect Falling, but trigger_price >= current", C.OTHER),
        Said("110999", "a refusal that is new", C.OTHER),
        Said("180999", "an error that is new", OutcomeUnknown),
        Said("110072", "OrderLinkedID is duplicate", OutcomeUnknown),
        Said("10016", "Server error", OutcomeUnknown),
        Said("10006", "Too many visits!", NotExecuted, "too often"),
    ),
    "kucoin": (
        Said("300003", "Balance is not enough, please first deposit", C.FUNDS, "not enough"),
        Said("330008", "Your current margin and leverage have reached the maximum", C.FUNDS),
        Said("300009", "No open positions to close.", C.REDUCE_ONLY),
        Said("330012", "your account is set to Hedge Mode", C.POSITION_SIDE, "one-way mode"),
        Said("330005", "The order's margin mode does not match", C.OTHER, "margin mode"),
        Said("400100", "Order size below the minimum requirement.", C.RULES),
        Said("300005", "Max quantity per order for this symbol is 1000", C.RULES),
        Said("300012", "Order price cannot be lower than 100", C.RULES),
        Said("300002", "Order placement/cancellation suspended", C.CLOSED, "takes no orders"),
        Said("400200", "Forbidden to place an order", C.CLOSED),
        Said("300001", "Active order quantity limit exceeded", C.OTHER),
        Said("300999", "a refusal that is new", C.OTHER),
        Said("900999", "an error that is new", OutcomeUnknown),
        Said("300018", "clientOid parameter repeated", OutcomeUnknown),
        Said("408000", "Network timeout, please try again later", OutcomeUnknown),
        Said("429000", "Too many requests", NotExecuted, "too often"),
    ),
    "gate": (
        Said("INSUFFICIENT_AVAILABLE", "available not enough", C.FUNDS, "not enough"),
        Said("LIQUIDATE_IMMEDIATELY", "would be liquidated", C.FUNDS),
        Said("POSITION_EMPTY", "empty position", C.REDUCE_ONLY),
        Said("INCREASE_POSITION", "would increase", C.REDUCE_ONLY),
        Said("POSITION_DUAL_MODE", "in dual mode", C.POSITION_SIDE, "one-way mode"),
        Said("SIZE_TOO_LARGE", "size too large", C.RULES),
        Said("INVALID_PARAM_VALUE", "Your order size is too small", C.RULES),
        Said("PRICE_TOO_DEVIATED", "order price deviates", C.RULES),
        Said("CONTRACT_IN_DELISTING", "in delisting", C.CLOSED, "takes no orders"),
        Said("TRADE_RESTRICTED", "restricted", C.CLOSED, "restricted"),
        Said("CONTRACT_NO_COUNTER", "no counterparty", C.NOT_FILLED),
        Said("RISK_LIMIT_EXCEEDED", "limit 1000000", C.OTHER),
        Said("A_LABEL_THAT_IS_NEW", "whatever it is", C.OTHER),
        Said("REPEATED_CREATION", "client id is in use: duplicate", OutcomeUnknown),
        Said("POSITION_IN_LIQUIDATION", "liquidating", NotExecuted, "being liquidated"),
        Said("TOO_MANY_REQUESTS", "slow down", NotExecuted, "too often"),
    ),
}
REQUESTS: dict[str, tuple[Said, ...]] = {
    "okx": (
        Said("50102", "Timestamp request expired", NotExecuted, "time"),
        Said("50112", "Invalid OK-ACCESS-TIMESTAMP", NotExecuted, "time"),
        Said("50110", "Your IP is not included in your API key's whitelist", AccessLost, "IP address"),
        Said("50111", "Invalid OK-ACCESS-KEY", AccessLost, "API key"),
        Said("50113", "Invalid Sign", AccessLost, "secret"),
        Said("50105", "Request header OK-ACCESS-PASSPHRASE incorrect", AccessLost, "passphrase"),
        Said("50100", "API frozen", AccessLost, "frozen"),
        Said("50009", "Account is suspended due to ongoing liquidation", NotExecuted, "liquidated"),
        Said("50022", "The account is frozen due to liquidation", NotExecuted, "frozen"),
    ),
    "bybit": (
        Said("10002", "invalid request, please check your timestamp", NotExecuted, "time"),
        Said("10003", "API key is invalid.", AccessLost, "API key"),
        Said("10004", "Error sign, please check your signature", AccessLost, "secret"),
        Said("10010", "Unmatched IP, please check your API key's bound IP", AccessLost, "IP address"),
        Said("10009", "IP has been banned", NotExecuted, "banned"),
        Said("10027", "Transactions are banned.", AccessLost, "forbidden"),
        Said("10018", "Exceeded the IP Rate Limit", NotExecuted, "too often"),
    ),
    "kucoin": (
        Said("400002", "KC-API-TIMESTAMP Invalid", NotExecuted, "time"),
        Said("400003", "KC-API-KEY not exists", AccessLost, "API key"),
        Said("400004", "KC-API-PASSPHRASE error", AccessLost, "passphrase"),
        Said("400005", "Signature error", AccessLost, "secret"),
        Said("400006", "The requested ip address is not in the api whitelist", AccessLost, "IP address"),
        Said("400007", "Access denied --> require more permission", AccessLost, "may not do"),
        Said("411100", "User are frozen", AccessLost, "frozen"),
    ),
    "gate": (
        Said("REQUEST_EXPIRED", "gap between request Timestamp and server time", NotExecuted, "time"),
        Said("INVALID_KEY", "Invalid key provided", AccessLost, "API key"),
        Said("INVALID_SIGNATURE", "Signature mismatch", AccessLost, "secret"),
        Said("IP_FORBIDDEN", "IP not in whitelist", AccessLost, "IP address"),
        Said("READ_ONLY", "API key is read only", AccessLost, "only read"),
        Said("FORBIDDEN", "Request forbidden", AccessLost, "may not do"),
        Said("TOO_FAST", "too fast", NotExecuted, "too often"),
    ),
}  # fmt: skip


EXCHANGES = sorted(ORDERS)
OURS = "tcabcdefghijklmnop"


def words(said: Said, name: str) -> Words:
    return Words(said.code, said.message, 400 if name == "gate" else 200)


def order() -> OrderSpec:
    return OrderSpec("o", SYMBOL, Side.SELL, Decimal("0.01"), OrderType.MARKET, reduce_only=True)


async def raised(asked: Callable[[], Awaitable[Any]]) -> ExchangeError:
    with pytest.raises(ExchangeError) as caught:
        await asked()
    return caught.value


@pytest.mark.parametrize("name", EXCHANGES)
async def test_orders_that_are_refused(name: str) -> None:
    async with venue_at(dialect(name, "perpetual")) as at:
        for said in ORDERS[name]:
            at.refuse(words(said, name), orders_alone=True)
            before = len(at.exchange.truth.requests("POST", "/fapi/v1/order"))
            error = await raised(lambda: at.venue.submit(order(), OURS))
            assert len(at.exchange.truth.requests("POST", "/fapi/v1/order")) == before + 1, said
            if isinstance(said.outcome, RefusalCause):
                assert isinstance(error, VenueRefusal), (said, error)
                assert error.cause is said.outcome, (said, error)
            else:
                assert type(error) is said.outcome, (said, error)
            assert said.why in str(error), said
            assert said.message in str(error), "the exchange's own words are told, too"


@pytest.mark.parametrize("name", EXCHANGES)
async def test_requests_that_are_turned_away(name: str) -> None:
    async with venue_at(dialect(name, "perpetual")) as at:
        for said in REQUESTS[name]:
            at.refuse(words(said, name))
            for asked in (at.venue.holdings, lambda: at.venue.submit(order(), OURS)):
                error = await raised(asked)
                assert type(error) is said.outcome, (said, error)
                assert said.why in str(error), said


@pytest.mark.parametrize("name", EXCHANGES)
async def test_what_is_over_or_not_known_is_no_error(name: str) -> None:
    gone = {"okx": "51402", "bybit": "110010", "kucoin": "100004", "gate": "ORDER_FINISHED"}[name]
    async with venue_at(dialect(name, "perpetual")) as at:
        for venue_id in ("", "77", "stop:77"):
            assert await at.venue.find(SYMBOL, OURS, venue_id) is None
        at.refuse(words(Said(gone, "it is over", C.OTHER), name))
        assert await at.venue.cancel(SYMBOL, OURS, "77") is None


async def test_how_long_to_keep_away_is_read_where_the_exchange_tells_it() -> None:
    async with venue_at(dialect("kucoin", "perpetual")) as at:
        at.refuse(Words("429000", "Too many requests", 429), gw_ratelimit_reset="12500")
        error = await raised(at.venue.holdings)
        assert isinstance(error, NotExecuted)
        assert error.retry_after == 12.5


def test_an_id_that_had_to_begin_with_something_is_ours_again_without_it() -> None:
    parser = ReportParser(NO_MARKETS, table_of("gate").quirks)
    assert parser.client_id({"clientOrderId": "t-tcabcdefghijklmnop"}) == OURS
    assert parser.client_id({"clientOrderId": "web"}) == "web"
    assert parser.client_id({}) == ""


async def test_an_end_that_the_client_hands_on_in_the_exchange_s_words_is_an_end() -> None:
    """Without a word for it the order would be of unknown fate for ever."""
    usual = dialect("gate", "perpetual")
    ended = {"word": ""}
    asked = ("GET", "/api/v4/futures/usdt/orders/*")

    def cut(found: Any, about: Any) -> Any:
        return usual.routes[asked].show(found, about) | {"finish_as": ended["word"], "left": -4}

    routes = {**usual.routes, asked: usual.routes[asked]._replace(show=cut)}
    async with venue_at(replace(usual, routes=routes)) as at:
        sent = await at.submit("sell", "0.01")
        for word in ("reduce_out", "position_closed", "reduce_only", "stp"):
            ended["word"] = word
            found = await at.venue.find(SYMBOL, "", sent.venue_order_id)
            assert found is not None
            assert (found.status, found.filled) == (OrderStatus.CANCELED, Decimal("0.006")), word
