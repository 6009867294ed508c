"""Each answer of a playback venue names where its shape comes from."""

from __future__ import annotations

from dataclasses import replace

from tests.fixtures.rows import each_row
from tests.venues import acts, dialect, spoken
from tests.venues.acts import Act
from tests.venues.dialect import Dialect
from tests.venues.shapes import Shape, fields_of, snake

PLAYED = [pair for pair in spoken() if not dialect(*pair).is_native]
ASKED_BY: dict[Act, tuple[str, ...]] = {
    acts.PLACE: ("createOrder",),
    acts.PLACE_STOP: ("createOrder",),
    acts.CANCEL: ("cancelOrder", "cancelOrders"),
    acts.CANCEL_STOP: ("cancelOrder",),
    acts.FIND: ("fetchOrder",),
    acts.FIND_STOP: ("fetchOrder",),
    acts.LOOK: ("fetchOrder",),
    acts.OPEN: ("fetchOpenOrders",),
    acts.OPEN_STOPS: ("fetchOpenOrders",),
    acts.OVER: ("fetchClosedOrders",),
    acts.LISTED: ("fetchOrders", "fetchClosedOrders"),
    acts.LISTED_STOPS: ("fetchOpenOrders",),
    acts.FILLS: ("fetchMyTrades",),
    acts.ACCOUNT: ("fetchBalance",),
    acts.POSITIONS: ("fetchPositions",),
    acts.INCOME: ("fetchLedger", "fetchFundingHistory"),
    acts.MARKETS: ("fetchMarkets",),
    acts.BOOK: ("fetchOrderBook",),
    acts.TRADES: ("fetchTrades",),
}
"""ccxt's method, or one of them, that an act is asked for by."""


def unnamed(spoken_there: Dialect) -> set[str]:
    """Acts that no shape is named of."""
    routed = {route.act for route in spoken_there.routes.values()}
    return {
        "/".join(methods)
        for act, methods in ASKED_BY.items()
        if act in routed and not spoken_there.shapes.keys() & set(methods)
    }


@each_row(("name", "kind"), PLAYED)
def test_each_answer_names_its_case_or_the_code_that_quotes_it(name: str, kind: str) -> None:
    spoken_there = dialect(name, kind)
    assert not unnamed(spoken_there)
    assert [str(shape) for shape in spoken_there.shapes.values() if not shape.is_there] == []


def test_a_fixture_that_names_nothing_is_told() -> None:
    spoken_there = dialect(*PLAYED[0])
    fewer = {name: shape for name, shape in spoken_there.shapes.items() if name != "createOrder"}
    assert unnamed(replace(spoken_there, shapes=fewer)) == {"createOrder"}


def test_a_shape_is_told_with_its_file() -> None:
    shape = Shape("kraken", "fetchOrder", "closed market order")
    assert str(shape) == "static/response/kraken.json fetchOrder 'closed market order'"
    assert str(Shape("kraken", "fetchMyTrades")) == "kraken.py fetch_my_trades"
    assert not Shape("kraken", "fetchNothing").is_there
    assert snake("createMarketBuyOrderWithCost") == "create_market_buy_order_with_cost"


def test_the_fields_of_an_answer_are_not_its_data() -> None:
    assert fields_of({"list": [{"ordId": 1, "USDT": {"eq": 2}}], "O1-2": ()}) == {
        "list",
        "ordId",
        "eq",
    }
