"""Fills, asked for page by page: all that there are, or none is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from tests.fixtures.ccxt_markets import markets, reports
from tests.fixtures.rows import each_row
from tradectl.domain.errors import NotExecuted
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.ccxt_venue.account_queries import AccountQueries
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.position_modes import PositionModes
from tradectl.exchange.ccxt_venue.quirks import Quirks

SYMBOL, PAGE = "BTCUSDT", 10
NOW = 1_700_000_000_000
"""ms"""


class Asked:
    async def ask(
        self,
        _what: str,
        make: Callable[[], Awaitable[Any]],
        read: Callable[[Any], Any],
        **_how: bool,
    ) -> Any:
        return read(await make())


class Exchange:
    """It has made `count` fills, a second apart, the last just now; `late` more after it was first asked.
    A page has the newest since the time that is asked for, or the oldest; with `back` those up to one."""

    def __init__(
        self, count: int, *, newest_first: bool, back: bool = False, late: int = 0
    ) -> None:
        self._newest_first, self._late, self._count = newest_first, late, count
        features = {"limit": PAGE, "untilDays": 1 if back else None}
        self.features = {"spot": {"fetchMyTrades": features}}
        self._told = [self._fill(n) for n in range(1 - count, 1)]

    @staticmethod
    def _fill(n: int) -> dict[str, Any]:
        number = str(1_000 + n)
        return {
            "id": number, "order": number, "symbol": "BTC/USDT", "side": "buy", "price": "100",
            "amount": "1", "timestamp": NOW + n * 1_000, "info": {},
        }  # fmt: skip

    async def fetch_my_trades(
        self, _symbol: str, since: int, _limit: int | None, params: dict[str, Any]
    ) -> list[dict[str, Any]]:
        until = params.get("until", NOW * 2)
        page = [fill for fill in self._told if since <= fill["timestamp"] <= until]
        self._told += [self._fill(n + 1) for n in range(self._late)]
        self._late = 0
        return page[-PAGE:] if self._newest_first else page[:PAGE]

    async def fills(self) -> int:
        queries = AccountQueries(
            self, cast(Caller, Asked()), markets(), reports(), Quirks(),
            modes=PositionModes(self, cast(Caller, Asked()), markets(), None, ()),
            kind="spot", clock=lambda: NOW * MILLISECOND + 1,
        )  # fmt: skip
        return len(await queries.fills(SYMBOL, 0))


@each_row("count", [0, 1, PAGE - 1, PAGE + 1, 3 * PAGE, 3 * PAGE + 1])
@each_row(("newest_first", "back"), [(False, False), (False, True), (True, True)])
async def test_none_is_missed_from_whichever_end_pages_begin(
    count: int, newest_first: bool, back: bool
) -> None:
    assert await Exchange(count, newest_first=newest_first, back=back).fills() == count


@each_row("late", [0, 1])
@each_row("count", [PAGE, PAGE + 1, 3 * PAGE])
async def test_where_there_is_no_way_back_from_a_full_page_of_the_newest_nothing_is_told(
    count: int, late: int
) -> None:
    """Nor where more is traded while it is asked: that is no sign that pages begin with the oldest."""
    with pytest.raises(NotExecuted, match="a page of 10 is full, and those before it cannot be"):
        await Exchange(count, newest_first=True, late=late).fills()


@pytest.mark.parametrize("count", [0, PAGE - 1])
async def test_a_page_that_is_not_full_is_all_of_them(count: int) -> None:
    assert await Exchange(count, newest_first=True).fills() == count
