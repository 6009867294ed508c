"""What an exchange moves money for by itself, out of its income histories.

A history is asked for in windows, and in each page by page, in the way that the exchange has for it
(`income_rules`). Rows of one moment may be torn apart by the end of a page, and rows come late: who has
been seen already is told by the id, never by the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from tradectl.domain.errors import NotExecuted, VenueRefusal
from tradectl.domain.money import ZERO
from tradectl.domain.text import harmless
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.decimals import InvalidResponse, exact, listed, positive
from tradectl.exchange.ccxt_venue.income_rules import IncomeRules, Paging, Path, Subject
from tradectl.exchange.ccxt_venue.markets import Markets
from tradectl.exchange.venue import VenueIncome

MOST_PAGES = 2_000
SECOND_MS = 1_000


class Page(NamedTuple):
    """`rows` are all that it has, `told` those that count; `last` is what the next one is asked by."""

    rows: int
    told: list[VenueIncome]
    newest_ms: int
    last: str
    is_last: bool


class IncomeQueries:
    """`symbols` are those of the run: some histories are asked for by market, or by currency, others by
    the name of the `account`."""

    def __init__(
        self,
        client: Any,
        caller: Caller,
        markets: Markets,
        histories: Sequence[IncomeRules],
        symbols: Sequence[str],
        clock: Callable[[], int],
        *,
        account: str = "",
    ) -> None:
        self._client = client
        self._caller = caller
        self._markets = markets
        self._histories = tuple(histories)
        self._symbols = tuple(symbols)
        self._clock = clock
        self._account = account

    @property
    def is_told(self) -> bool:
        return bool(self._histories) and all(
            hasattr(self._client, rules.method) for rules in self._histories
        )

    async def income(self, since: int, until: int) -> list[VenueIncome]:
        if not self.is_told:
            raise VenueRefusal("it does not tell what it moved money for")
        found: dict[str, VenueIncome] = {}
        for rules in self._histories:
            for subject in self._subjects(rules):
                await self._history(rules, subject, since, until, found)
        return sorted(found.values(), key=lambda row: (row.ts, row.income_id))

    def _subjects(self, rules: IncomeRules) -> list[str]:
        markets = [self._markets[symbol] for symbol in self._symbols]
        if rules.subject is Subject.MARKET:
            return sorted({market.id for market in markets})
        if rules.subject is Subject.SETTLE:
            return sorted({market.instrument.quote.lower() for market in markets})
        return [""]

    async def _history(
        self,
        rules: IncomeRules,
        subject: str,
        since: int,
        until: int,
        found: dict[str, VenueIncome],
    ) -> None:
        oldest = self._clock() // MILLISECOND - rules.history_ms
        begin, end = max(since // MILLISECOND, oldest, 1), until // MILLISECOND
        while begin <= end:
            last = min(begin + rules.window_ms - 1, end)
            by_pages = self._by_time if rules.paging is Paging.BY_TIME else self._one_by_one
            await by_pages(rules, subject, begin, last, found)
            begin = last + 1

    async def _by_time(
        self,
        rules: IncomeRules,
        subject: str,
        begin: int,
        end: int,
        found: dict[str, VenueIncome],
    ) -> None:
        before: list[VenueIncome] = []
        number = 1
        for _ in range(MOST_PAGES):
            page = await self._page(rules, subject, begin, end, str(number) if number > 1 else "")
            found.update((row.income_id, row) for row in page.told)
            if page.rows < rules.limit:
                return
            if page.newest_ms > begin:
                begin, number = page.newest_ms, 1
            elif number > 1 and page.told == before:
                break  # it does not number its pages
            else:
                number += 1
            before = page.told
        raise NotExecuted("its income: more of one moment than it tells")

    async def _one_by_one(
        self,
        rules: IncomeRules,
        subject: str,
        begin: int,
        end: int,
        found: dict[str, VenueIncome],
    ) -> None:
        """Page after page, until one is the last, or empty."""
        after, seen = "", 0
        for _ in range(MOST_PAGES):
            page = await self._page(rules, subject, begin, end, after)
            found.update((row.income_id, row) for row in page.told)
            seen += page.rows
            following = str(seen) if rules.paging is Paging.BY_COUNT else page.last
            if page.is_last or not page.rows or following in ("", after):
                return
            after = following
        raise NotExecuted(f"its income: more than {MOST_PAGES} pages")

    async def _page(
        self, rules: IncomeRules, subject: str, begin: int, end: int, page: str
    ) -> Page:
        unit = SECOND_MS if rules.in_seconds else 1
        asked: dict[str, Any] = {
            **rules.asked,
            rules.start: begin // unit,
            rules.end: end // unit,
        }
        if rules.limit_key:
            asked[rules.limit_key] = rules.limit
        if rules.account:
            asked[rules.account] = self._account
        if subject:
            asked[rules.subject_key] = subject
        if page and rules.page:
            asked[rules.page] = page
        is_old = begin < self._clock() // MILLISECOND - rules.recent_ms
        name = rules.archive if rules.archive and is_old else rules.method
        method = getattr(self._client, name)
        return await self._caller.ask(
            "its income",
            lambda: method(asked),
            lambda raw: self._read_page(raw, rules, subject),
            privileged=True,
        )

    def _read_page(self, raw: Any, rules: IncomeRules, subject: str) -> Page:
        raws = listed(_at(raw, rules.at))
        rows = [self._read(each, rules, subject) for each in raws]
        told = [row for row, counts in rows if counts]
        last = ""
        if rules.paging is Paging.BY_ROW and raws:
            last = str(raws[-1].get(rules.row_key) or "")
        elif rules.paging is Paging.BY_CURSOR:
            last = str(_at(raw, rules.cursor) or "")
        has_more = _at(raw, rules.more) if rules.more else None
        is_last = has_more is False if rules.more else len(raws) < rules.limit
        if rules.paging is Paging.BY_CURSOR:
            is_last = not last
        newest = max((row.ts for row, _ in rows), default=0) // MILLISECOND
        return Page(len(raws), told, newest, last, is_last)

    def _read(self, raw: Any, rules: IncomeRules, subject: str) -> tuple[VenueIncome, bool]:
        """A row, and whether it counts. Raises InvalidResponse."""
        raw = _flat(raw, rules, self._account)
        if not isinstance(raw, Mapping) or any(raw.get(k) in (None, "") for k in rules.id_keys):
            raise InvalidResponse("a row of income without an id")
        told, known = _kind_of(raw, rules)
        amount = _sum(raw, rules.amount_keys)
        market_id = str(raw.get(rules.symbol_key) or "")
        market = self._markets.by_id(market_id, rules.market_key) if market_id else None
        parts = (told, *(str(raw[key]) for key in rules.id_keys), market_id)
        currency = str(raw.get(rules.currency_key) or "") if rules.currency_key else subject.upper()
        unit = SECOND_MS if rules.in_seconds else 1
        row = VenueIncome(
            income_id=harmless(":".join((*parts, currency)), 200),
            kind=rules.kinds.get(known),
            amount=-abs(amount) if known in rules.outward else amount,
            currency=harmless(currency, 20),
            ts=int(positive(raw.get(rules.time_key)) * unit) * MILLISECOND,
            symbol=market.symbol if market is not None else harmless(market_id, 40),
            told=harmless(told, 60),
        )
        is_done = not rules.status or raw.get(rules.status) in rules.done
        return row, is_done and bool(amount) and known not in rules.trades


def _flat(raw: Any, rules: IncomeRules, account: str) -> Any:
    try:
        return rules.row(raw, account)
    except (LookupError, TypeError, ValueError):
        raise InvalidResponse("a row of income that is none") from None


def _kind_of(raw: Mapping[str, Any], rules: IncomeRules) -> tuple[str, str]:
    """What the row calls itself in full, and as much of it as is known."""
    if rules.name:
        return rules.name, rules.name
    first = str(raw.get(rules.kind_keys[0]))
    full = "/".join(str(raw.get(key) or "") for key in rules.kind_keys).rstrip("/") or first
    return full, full if full in rules.kinds or full in rules.trades else first


def _sum(raw: Mapping[str, Any], keys: tuple[str, ...]) -> Decimal:
    """The first must be there."""
    return exact(raw.get(keys[0])) + sum((exact(raw.get(key) or "0") for key in keys[1:]), ZERO)


def _at(raw: Any, path: Path) -> Any:
    """What is at the end of a path. Raises InvalidResponse where there is no such path."""
    for step in path:
        try:
            raw = raw[step]
        except (LookupError, TypeError):
            raise InvalidResponse(f"an answer without {step!r}") from None
    return raw


__all__ = ["IncomeQueries"]
