"""Days and periods before a run, as its exchanges tell them: into the account, and nothing waits."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from tests.fixtures.fake_venue import SilentVenue
from tests.fixtures.rows import each_row
from tradectl.config.settings import HistorySettings, Settings
from tradectl.domain.errors import NotExecuted
from tradectl.domain.market_events import BarEvent
from tradectl.domain.positions import Position
from tradectl.domain.states import TradingState
from tradectl.domain.time import DAY, HOUR
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.daily_closes import read_closes, with_close
from tradectl.risk.limits import RiskLimits
from tradectl.runtime.fetched_history import fetch_history
from tradectl.state.account import Account

D = Decimal
TODAY = 20_000
NOW = TODAY * DAY + 5 * HOUR
SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Telling(SilentVenue):
    """Candles of all time, `page` at once; a price says when it was."""

    def __init__(self, page: int = 100) -> None:
        super().__init__()
        self.page = page
        self.asked: list[tuple[str, int, int]] = []

    async def candles(self, symbol: str, period: int, since: int) -> list[BarEvent]:
        self.asked.append((symbol, period, since))
        first = -(-since // period)
        return [
            BarEvent(
                symbol=symbol, price=D(n + 1), volume=D(1), open=D(1), high=D(n + 1), low=D(1),
                interval=period, ts=(n + 1) * period,
            )
            for n in range(first, first + self.page)
            if (n + 1) * period <= NOW
        ]  # fmt: skip


class Busy(SilentVenue):
    async def candles(self, symbol: str, period: int, since: int) -> list[BarEvent]:
        raise NotExecuted("it has too much to do")


def settings_of(
    from_exchange: Literal["needed", "always", "never"] = "needed",
    *,
    sizing: str = "allocation",
    **risk: Any,
) -> Settings:
    return Settings(
        symbols=SYMBOLS,
        portfolio=PortfolioSettings(sizing=sizing),  # type: ignore[arg-type]  # one of them
        history=HistorySettings(period_hours=4, length=10, from_exchange=from_exchange),
        risk=RiskLimits(history_days=30, **risk),
    )


async def fetched(venue: SilentVenue, settings: Settings, account: Account) -> str:
    venues: Any = SimpleNamespace(by_name={venue.name: venue}, places={venue.name: SYMBOLS})
    return await fetch_history(settings, venues, account, NOW)


async def test_the_days_and_periods_that_are_over_are_known() -> None:
    venue, account = Telling(page=7), Account.open("a", "USDT", D(1))
    assert await fetched(venue, settings_of(), account) == ""
    closes = read_closes(account.risk.closes["ETHUSDT"])
    assert list(closes) == [*range(TODAY - 31, TODAY)]
    assert closes[TODAY - 1] == TODAY
    assert account.history is not None
    assert account.history.next_period == NOW // (4 * HOUR)
    last = account.history.next_period * 4
    assert account.history.closes["BTCUSDT"] == tuple(D(last - 4 * n) for n in range(10, -1, -1))


async def test_what_was_noted_stays_and_only_the_gap_is_asked_for() -> None:
    venue, account = Telling(), Account.open("a", "USDT", D(1))
    settings = settings_of("always", sizing="fixed_fraction")
    for day in range(TODAY - 31, TODAY - 2):
        account.risk.closes["BTCUSDT"] = with_close(
            account.risk.closes.get("BTCUSDT", ""), day, D(5), 31
        )
    await fetched(venue, settings, account)
    assert venue.asked[0] == ("BTCUSDT", DAY, (TODAY - 2) * DAY)
    closes = read_closes(account.risk.closes["BTCUSDT"])
    assert [closes[day] for day in (TODAY - 3, TODAY - 2, TODAY - 1)] == [5, TODAY - 1, TODAY]
    venue.asked.clear()
    await fetched(venue, settings, account)
    assert venue.asked == []


@each_row(
    ("settings", "asks"),
    [
        (settings_of("never"), False),
        (settings_of(sizing="fixed_fraction"), False),
        (settings_of("always", sizing="fixed_fraction"), True),
        (settings_of(sizing="fixed_fraction", volatility_target_pct=D(20)), True),
        (settings_of(sizing="fixed_fraction", breaker_sigmas=D(4)), True),
    ],
)
async def test_it_is_asked_where_something_goes_by_it(settings: Settings, asks: bool) -> None:
    venue = Telling()
    await fetched(venue, settings, Account.open("a", "USDT", D(1)))
    assert bool(venue.asked) is asks


@pytest.mark.parametrize("state", [TradingState.RUNNING, TradingState.REDUCING])
async def test_nobody_is_asked_while_something_is_open_or_a_halt_goes_on(
    state: TradingState,
) -> None:
    venue, account = Telling(), Account.open("a", "USDT", D(1))
    account.trading_state = state
    if state is TradingState.RUNNING:
        account.positions["BTCUSDT"] = Position("BTCUSDT", quantity=D(1), cost=D(9))
        account.marks["BTCUSDT"] = D(9)
    settings = settings_of(sizing="fixed_fraction", breaker_sigmas=D(4))
    for asked in (settings_of(), settings):
        assert "not asked for" in await fetched(venue, asked, account)
    assert venue.asked == []
    for symbol in SYMBOLS:
        for day in range(TODAY - 31, TODAY):
            noted = account.risk.closes.get(symbol, "")
            account.risk.closes[symbol] = with_close(noted, day, D(5), 31)
    assert await fetched(venue, settings, account) == ""


async def test_one_that_does_not_tell_holds_nothing_up() -> None:
    account = Account.open("a", "USDT", D(1))
    for venue, why in (
        (Busy(), "it has too much to do"),
        (SilentVenue(), "it tells of no candles"),
    ):
        said = await fetched(venue, settings_of(), account)
        assert said == f"{venue.name}: the history before this run is not known: {why}"
    assert account.risk.closes == {}
