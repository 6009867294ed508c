"""Through the real ccxt: the exchange's time, listen keys, what errors are said to be, proxies, names
that cannot be looked up."""

from __future__ import annotations

import asyncio
import base64
import socket
import time
from typing import Any

import pytest

from tests.fixtures.loopback_venue import KINDS, SYMBOL, News, VenueHarness, stopped, user_stream
from tests.fixtures.loopback_venue import venue_harness as opened
from tests.fixtures.proxy import Proxy
from tradectl.domain.errors import (
    AccessLost,
    ConfigError,
    ExchangeError,
    NotExecuted,
    UsageError,
    VenueRefusal,
)
from tradectl.domain.time import SECOND
from tradectl.exchange.ccxt_venue import CcxtVenue, Credentials
from tradectl.exchange.ccxt_venue.calls import NotFound
from tradectl.exchange.ccxt_venue.exchange_clock import ExchangeClock
from tradectl.exchange.ccxt_venue.listen_key import keep_alive
from tradectl.exchange.ccxt_venue.quirks import ListenKey
from tradectl.exchange.ccxt_venue.tables import table_of
from tradectl.exchange.credentials import read_proxy, redacted
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.testkit import FOREVER, LoopbackExchange

ccxt = pytest.importorskip("ccxt")

BOTH = pytest.mark.parametrize("kind", KINDS)


# --- the exchange's time ----------------------------------------------------------------------------


class Clocks:
    """Ours, of which the wall clock may be wrong, and the exchange's."""

    def __init__(self) -> None:
        self.seconds, self.off = 1000.0, 0.0
        self.clock = ExchangeClock(self.wall, lambda: self.seconds)

    def wall(self) -> int:
        return int((self.seconds + self.off) * SECOND)

    def ask(self, theirs: float, took: float = 0.0, back: float = 0.0) -> None:
        """They answer after `took`, of which `back` went by on the way to us."""
        asked_at = self.seconds
        self.seconds += took
        self.clock.learn(int((self.seconds + theirs - back) * SECOND), asked_at)

    @property
    def ahead(self) -> float:
        return round((self.clock.now() - self.seconds * SECOND) / SECOND, 3)


def test_until_it_was_asked_it_is_the_time_of_this_machine() -> None:
    clocks = Clocks()
    clocks.off = 30.0
    assert clocks.ahead == 30.0
    assert clocks.clock.offset() == 0


def test_it_goes_on_though_this_machines_clock_is_set() -> None:
    clocks = Clocks()
    clocks.ask(-5.0)
    clocks.off, clocks.seconds = 3600.0, clocks.seconds + 500
    assert clocks.ahead == -5.0
    assert clocks.clock.offset() == -3605 * SECOND


def test_it_is_never_ahead_and_answers_narrow_it_down() -> None:
    clocks = Clocks()
    clocks.ask(7.0, took=2.0, back=1.5)
    assert clocks.ahead == 5.5
    clocks.ask(7.0, took=0.4, back=0.1)
    assert clocks.ahead == 6.9
    clocks.ask(7.0, took=3.0, back=2.9)
    assert clocks.ahead == 6.9


def test_an_answer_that_does_not_agree_is_believed() -> None:
    clocks = Clocks()
    clocks.ask(7.0, took=0.2, back=0.1)
    clocks.ask(-20.0, took=0.2, back=0.1)
    assert clocks.ahead == -20.1


def test_small_corrections_do_not_put_it_back() -> None:
    clocks = Clocks()
    clocks.ask(7.0)
    before = clocks.clock.now_ms()
    clocks.ask(6.8)
    assert clocks.clock.now_ms() == before
    clocks.ask(-7.0)
    assert clocks.clock.now_ms() < before - 13_000


def test_a_time_that_may_be_ours_or_theirs_is_the_earlier_one() -> None:
    clocks = Clocks()
    assert clocks.clock.earlier_of_both(50 * SECOND) == 50 * SECOND
    clocks.ask(-30.0)
    assert clocks.clock.earlier_of_both(50 * SECOND) == 20 * SECOND
    clocks.ask(30.0)
    assert clocks.clock.earlier_of_both(50 * SECOND) == 50 * SECOND


@BOTH
@pytest.mark.parametrize("seconds", [-3, 3, 30, -30, 7200, -7200])
async def test_all_that_is_signed_goes_by_the_exchanges_clock(kind: str, seconds: float) -> None:
    """From the first request on, in the account's stream, too."""
    async with LoopbackExchange(seed=1) as exchange:
        exchange.skew_clock(seconds)
        harness = VenueHarness(exchange, kind)
        await harness.venue.open()
        try:
            harness.quote("59990", "60010")
            news = News()
            stream = await user_stream(harness, news)
            await harness.submit("buy", "0.5")
            await exchange.until(lambda: news.fills)
            fills = await harness.venue.fills(SYMBOL, time.time_ns() - 60 * SECOND)
            assert [fill.client_order_id or fill.venue_order_id for fill in fills]
            assert await harness.venue.cancel(SYMBOL, "none", "") is None
            offset = await harness.venue.clock_offset()
            assert offset / SECOND == pytest.approx(seconds, abs=0.5)
            await stopped(stream)
        finally:
            await harness.venue.close()
        wrong = [e for e in exchange.truth.log if "-1021" in str(e.detail)]
        assert wrong == []


@pytest.mark.parametrize(
    ("trouble", "named"),
    [
        (lambda exchange: exchange.skew_clock(60), "takes the time of this request for wrong"),
        (lambda exchange: exchange.refuse_access(60), "the API key"),
    ],
)
async def test_a_stream_whose_login_is_refused_names_the_true_cause(
    trouble: Any, named: str
) -> None:
    """What ccxt throws then is a KeyError of its own."""
    async with LoopbackExchange(seed=1) as exchange:
        harness = VenueHarness(exchange, "spot")
        await harness.venue.open()
        try:
            trouble(exchange)
            with pytest.raises(ExchangeError, match=named) as raised:
                await harness.venue.stream_account(News())
            assert "KeyError" not in str(raised.value)
        finally:
            await harness.venue.close()


@BOTH
async def test_a_time_that_is_refused_twice_names_the_clock(kind: str) -> None:
    async with opened(kind) as harness:
        harness.exchange.misbehave("error", code=-1021, method="POST", path="order", count=FOREVER)
        with pytest.raises(NotExecuted, match="takes the time of this request for wrong"):
            await harness.submit("buy", "0.5", "59000")
        assert harness.exchange.truth.accepted("cid-1") == 0


# --- what errors are said to be ---------------------------------------------------------------------


@BOTH
async def test_a_ban_is_named_with_its_end_and_so_is_what_it_keeps_back(kind: str) -> None:
    async with opened(kind) as harness:
        harness.exchange.ban(600)
        with pytest.raises(NotExecuted, match=r"banned by the exchange until 20\d\d-.*Z") as raised:
            await harness.venue.open_orders()
        assert raised.value.retry_after == pytest.approx(600, abs=5)
        with pytest.raises(NotExecuted, match="banned by the exchange until"):
            await harness.submit("buy", "0.5", "59000")


async def test_hedge_mode_is_named() -> None:
    async with opened("perpetual") as harness:
        harness.exchange.set_hedge_mode(True)
        with pytest.raises(
            VenueRefusal, match="the account is in hedge mode: set it to one-way mode"
        ):
            await harness.submit("buy", "0.5")


@BOTH
async def test_a_symbol_that_is_closed_is_named_and_may_be_cancelled(kind: str) -> None:
    async with opened(kind) as harness:
        await harness.submit("buy", "0.5", "59000")
        harness.exchange.close_symbol(SYMBOL, market=harness.market)
        with pytest.raises(VenueRefusal, match="the symbol takes no orders now"):
            await harness.submit("buy", "0.5")
        assert await harness.venue.cancel(SYMBOL, "cid-1", "") is not None


@BOTH
async def test_a_key_that_is_refused_is_named_with_the_address_and_what_it_may_do(
    kind: str,
) -> None:
    async with opened(kind) as harness:
        harness.exchange.refuse_access(60)
        with pytest.raises(AccessLost, match="the API key, this machine's IP address, or what"):
            await harness.submit("buy", "0.5")


@BOTH
@pytest.mark.parametrize("status", [502, 503])
async def test_a_page_in_place_of_an_answer_is_named(kind: str, status: int) -> None:
    async with opened(kind) as harness:
        harness.exchange.maintain(status)
        with pytest.raises(NotExecuted, match=f"a page of HTTP status {status}"):
            await harness.venue.open_orders()
        harness.exchange.maintain(0)
        assert await harness.venue.open_orders() == []


async def test_a_name_that_cannot_be_looked_up_is_named_and_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened("spot") as harness:
        client = harness.venue._at.client
        for part in ("public", "private"):
            client.urls["api"][part] = client.urls["api"][part].replace("127.0.0.1", "localhost")

        async def fails(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

        with monkeypatch.context() as down:
            down.setattr(asyncio.get_running_loop(), "getaddrinfo", fails)
            with pytest.raises(NotExecuted, match=r"name could not be looked up: .*online"):
                await harness.submit("buy", "0.5", "59000")
        await harness.submit("buy", "0.5", "58000")
        assert harness.exchange.truth.client_ids() == ["cid-2"]


# --- listen keys ------------------------------------------------------------------------------------


class Asked:
    """A caller that answers as it is told."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.at: list[float] = []
        self.seconds = 0.0

    async def ask(self, *_: Any, **__: Any) -> None:
        self.at.append(self.seconds)
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    async def kept(self) -> None:
        key = ListenKey(option="linear", keep_alive="put")
        client: Any = type("Client", (), {"put": None})
        caller: Any = self
        await keep_alive(key, client, caller, lambda: self.seconds, self.sleep)


async def test_a_keep_alive_without_an_answer_is_tried_again_soon() -> None:
    asked = Asked(None, NotExecuted("503"), NotExecuted("banned", 200.0), None, NotFound())
    with pytest.raises(NotExecuted, match="its key ran out"):
        await asked.kept()
    assert asked.at == [1200, 2400, 2415, 2615, 3815]


async def test_a_key_that_could_not_be_kept_alive_for_its_life_is_lost() -> None:
    asked = Asked(*[NotExecuted("503")] * 1000)
    with pytest.raises(NotExecuted, match="503"):
        await asked.kept()
    assert asked.seconds == pytest.approx(3600, abs=20)


async def test_the_key_of_a_new_stream_is_a_new_one() -> None:
    async with opened("perpetual") as harness:
        stream = await user_stream(harness, News())
        first = harness.exchange.accounts["main"].listen_key
        harness.exchange.expire_listen_key()
        with pytest.raises(NotExecuted):
            await stream
        again = await user_stream(harness, News())
        assert harness.exchange.accounts["main"].listen_key not in ("", first)
        await stopped(again)


def test_ccxts_own_keep_alive_is_put_off() -> None:
    quirks = table_of("binance").quirks
    assert quirks.kind_options["perpetual"]["listenKeyRefreshRate"] > 1000 * 86_400 * 300
    assert table_of("binance").codes.outcomes["-1125"].value == "not executed"


# --- proxies ----------------------------------------------------------------------------------------


def through(exchange: LoopbackExchange, kind: str, proxy: str, *, by_setting: bool) -> CcxtVenue:
    settings = ExchangeSettings(
        id="binance",
        market="spot" if kind == "spot" else "perpetual",
        url="http://127.7.7.7",
        timeout_seconds=30.0,
        proxy=proxy if by_setting else "",
    )
    credentials = Credentials(exchange.key, exchange.secret)
    found = proxy if not by_setting else ""
    return CcxtVenue(settings, {SYMBOL: SYMBOL}, credentials, proxy=found)


@BOTH
async def test_requests_and_streams_go_through_the_proxy(kind: str) -> None:
    """The exchange has no address but by it."""
    async with LoopbackExchange(seed=1) as exchange, Proxy(exchange.port) as proxy:
        harness = VenueHarness(exchange, kind)
        harness.venue = through(exchange, kind, proxy.url, by_setting=True)
        await harness.venue.open()
        try:
            harness.quote("59990", "60010")
            news = News()
            stream = await user_stream(harness, news)
            await harness.submit("buy", "0.5")
            await exchange.until(lambda: news.fills)
            await stopped(stream)
        finally:
            await harness.venue.close()
        assert proxy.asked
        assert all("127.7.7.7" in line for line in proxy.asked)


async def test_a_proxy_that_wants_a_password_is_shown_it() -> None:
    login = base64.b64encode(b"me:hush").decode()
    async with LoopbackExchange(seed=1) as exchange, Proxy(exchange.port, login=login) as proxy:
        at = proxy.url.replace("http://", "http://me:hush@")
        venue = through(exchange, "spot", at, by_setting=False)
        await venue.open()
        assert (await venue.holdings()).balances
        await venue.close()
        stranger = through(exchange, "spot", proxy.url, by_setting=True)
        with pytest.raises(NotExecuted) as raised:
            await stranger.open()
        assert "407" in str(raised.value)


async def test_a_proxy_that_is_not_there_is_named() -> None:
    async with LoopbackExchange(seed=1) as exchange:
        with socket.socket() as taken:  # and nobody listens there
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            venue = through(exchange, "spot", url, by_setting=True)
            with pytest.raises(NotExecuted, match="no connection through the proxy"):
                await venue.open()


@pytest.mark.parametrize(
    "proxy", ["http://me:hush@127.0.0.1:1", "ftp://127.0.0.1:1", "127.0.0.1:1"]
)
def test_a_proxy_in_the_settings_has_no_password(proxy: str) -> None:
    with pytest.raises(ConfigError, match=r"exchanges\.proxy") as raised:
        ExchangeSettings(id="binance", proxy=proxy)
    assert "hush" not in str(raised.value)


def test_the_environment_names_the_proxy_that_wants_a_password() -> None:
    settings = ExchangeSettings(id="binance", proxy="http://127.0.0.1:1")
    assert read_proxy(settings, {}) == "http://127.0.0.1:1"
    found = "socks5://me:hush@127.0.0.1:2"
    assert read_proxy(settings, {"TRADECTL_BINANCE_PROXY": found}) == found
    with pytest.raises(UsageError) as raised:
        read_proxy(settings, {"TRADECTL_BINANCE_PROXY": "me:hush@127.0.0.1:2"})
    assert "hush" not in str(raised.value)


def test_a_proxys_password_is_in_no_text() -> None:
    said = redacted("Cannot connect to http://me:hush@127.0.0.1:3128/x", None)
    assert "hush" not in said
    assert "127.0.0.1:3128" in said
