"""What an exchange moves money for by itself, out of its income history.

The history is asked for in windows, and in each page by page from the time of the last row on. Rows of
one moment may be torn apart by the end of a page, and rows come late: who has been seen already is told
by the id, never by the time. A page full of one moment is followed by its number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tradectl.domain.errors import NotExecuted, VenueRefusal
from tradectl.domain.text import harmless
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.decimals import InvalidResponse, exact, listed, positive
from tradectl.exchange.ccxt_venue.income_rules import IncomeRules
from tradectl.exchange.ccxt_venue.markets import Markets
from tradectl.exchange.venue import VenueIncome

MOST_PAGES = 2_000


class IncomeQueries:
    def __init__(
        self,
        client: Any,
        caller: Caller,
        markets: Markets,
        rules: IncomeRules | None,
        clock: Callable[[], int],
    ) -> None:
        self._client = client
        self._caller = caller
        self._markets = markets
        self._rules = rules
        self._clock = clock

    @property
    def is_told(self) -> bool:
        return self._rules is not None and hasattr(self._client, self._rules.method)

    async def income(self, since: int, until: int) -> list[VenueIncome]:
        if self._rules is None or not self.is_told:
            raise VenueRefusal("it does not tell what it moved money for")
        rules = self._rules
        oldest = self._clock() // MILLISECOND - rules.history_ms
        begin, end = max(since // MILLISECOND, oldest, 1), until // MILLISECOND
        found: dict[str, VenueIncome] = {}
        while begin <= end:
            last = min(begin + rules.window_ms - 1, end)
            await self._window(rules, begin, last, found)
            begin = last + 1
        return sorted(found.values(), key=lambda row: (row.ts, row.income_id))

    async def _window(
        self, rules: IncomeRules, begin: int, end: int, found: dict[str, VenueIncome]
    ) -> None:
        before: list[VenueIncome] = []
        number = 1
        for _ in range(MOST_PAGES):
            page = await self._page(rules, begin, end, number)
            found.update((row.income_id, row) for row in page if row.told not in rules.trades)
            if len(page) < rules.limit:
                return
            newest = max(row.ts for row in page) // MILLISECOND
            if newest > begin:
                begin, number = newest, 1
            elif number > 1 and page == before:
                break  # it does not number its pages
            else:
                number += 1
            before = page
        raise NotExecuted("its income: more of one moment than it tells")

    async def _page(
        self, rules: IncomeRules, begin: int, end: int, number: int
    ) -> list[VenueIncome]:
        asked: dict[str, Any] = {rules.start: begin, rules.end: end, "limit": rules.limit}
        if number > 1:
            asked[rules.page] = number
        method = getattr(self._client, rules.method)
        return await self._caller.ask(
            "its income",
            lambda: method(asked),
            lambda raws: [self._read(raw, rules) for raw in listed(raws)],
            privileged=True,
        )

    def _read(self, raw: Any, rules: IncomeRules) -> VenueIncome:
        """Raises InvalidResponse."""
        if not isinstance(raw, Mapping) or any(raw.get(k) in (None, "") for k in rules.id_keys):
            raise InvalidResponse("a row of income without an id")
        told, market_id = str(raw.get(rules.kind_key)), str(raw.get(rules.symbol_key) or "")
        market = self._markets.by_id(market_id) if market_id else None
        parts = (told, *(str(raw[key]) for key in rules.id_keys), market_id)
        currency = str(raw.get(rules.currency_key) or "")
        return VenueIncome(
            income_id=harmless(":".join((*parts, currency)), 200),
            kind=rules.kinds.get(told),
            amount=exact(raw.get(rules.amount_key)),
            currency=harmless(currency, 20),
            ts=int(positive(raw.get(rules.time_key))) * MILLISECOND,
            symbol=market.symbol if market is not None else harmless(market_id, 40),
            told=harmless(told, 60),
        )


__all__ = ["IncomeQueries"]
