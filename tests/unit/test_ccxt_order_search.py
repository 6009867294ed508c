"""Orders looked for and listed: an answer that cannot be read is none, and pages end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.fixtures.ccxt_markets import markets, reports
from tests.fixtures.rows import each_row
from tradectl.domain.errors import ExchangeError, NotExecuted
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.client import CALL
from tradectl.exchange.ccxt_venue.errors import ErrorRules
from tradectl.exchange.ccxt_venue.order_search import MOST_PAGES, OrderSearch
from tradectl.exchange.ccxt_venue.paging import Next, Pages
from tradectl.exchange.ccxt_venue.quirks import Quirks, StopBook
from tradectl.exchange.ccxt_venue.rate_limiter import RateLimiter

SYMBOL, PAGE = "BTCUSDT", 2
PAGES = Pages("page", Next.PAGE, most=PAGE)


def row(number: int, **otherwise: Any) -> dict[str, Any]:
    return {
        "id": str(number), "clientOrderId": f"cid-{number}", "symbol": "BTC/USDT", "side": "buy",
        "type": "limit", "price": "100", "amount": "1", "filled": "0", "status": "open", "info": {},
        **otherwise,
    }  # fmt: skip


class Exchange:
    """It has these orders, told all at once or by pages."""

    features: Mapping[str, Any] = {}
    has: Mapping[str, Any] = {}

    def __init__(self, *rows: Any, knows_pages: bool = True) -> None:
        self._rows = list(rows)
        self._knows_pages = knows_pages
        self.asked = 0

    async def fetch_open_orders(
        self, _symbol: str | None, _since: None, limit: int | None, params: Mapping[str, Any]
    ) -> list[Any]:
        reply = CALL.get()
        assert reply is not None
        reply.sent = True
        self.asked += 1
        page = int(params.get("page", 1)) - 1 if self._knows_pages else 0
        return self._rows if limit is None else self._rows[page * limit : (page + 1) * limit]

    def search(self, pages: Pages | None = None) -> OrderSearch:
        quirks = Quirks(
            stop_book={"spot": StopBook.NONE}, open_pages={} if pages is None else {"spot": pages}
        )
        caller = Caller(RateLimiter(100, 100, 10), ErrorRules())
        return OrderSearch(self, caller, markets(), reports(), quirks, "spot")


ODD = {
    "a status that nobody knows": row(2, status="weird"),
    "no id": row(2, id=None),
    "no side": row(2, side=None),
    "more filled than ordered": row(2, filled="3"),
    "no order at all": "busy",
}


@each_row("pages", [None, PAGES])
@each_row("odd", ODD.values(), ids=ODD)
async def test_a_list_with_a_row_that_cannot_be_read_is_no_answer(
    odd: Any, pages: Pages | None
) -> None:
    with pytest.raises(ExchangeError, match="open orders"):
        await Exchange(row(1), odd).search(pages).open_orders()


async def test_what_is_found_and_cannot_be_read_is_no_answer() -> None:
    odd = Exchange(row(1, status="weird"), row(2))
    with pytest.raises(NotExecuted, match="search for cid-1"):
        await odd.search().find(SYMBOL, "cid-1", "")
    found = await odd.search().find(SYMBOL, "cid-2", "")
    assert found is not None
    assert found.venue_order_id == "2"


@each_row("count", [0, 1, PAGE, PAGE + 1, 3 * PAGE])
async def test_open_orders_are_all_told_whatever_the_pages(count: int) -> None:
    orders = [row(n) for n in range(count)]
    assert len(await Exchange(*orders).search(PAGES).open_orders()) == count


async def test_pages_that_bring_nothing_new_end() -> None:
    """Of an exchange that answers with its first page to whatever is asked."""
    exchange = Exchange(*(row(n) for n in range(PAGE)), knows_pages=False)
    assert len(await exchange.search(PAGES).open_orders()) == PAGE
    assert exchange.asked == 2


async def test_as_many_pages_as_are_asked_for_are_read() -> None:
    orders = [row(n) for n in range(PAGE * MOST_PAGES)]
    assert len(await Exchange(*orders[:-1]).search(PAGES).open_orders()) == len(orders) - 1
    with pytest.raises(NotExecuted, match=f"more than {MOST_PAGES} pages"):
        await Exchange(*orders).search(PAGES).open_orders()
