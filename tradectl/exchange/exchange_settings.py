"""Settings of the exchanges: how kind the paper one is, and how a real one is reached."""

import contextlib
import re
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from msgspec.structs import replace

from tradectl.domain.errors import ConfigError
from tradectl.domain.money import ONE, ZERO
from tradectl.domain.setting import Bounds, Percent, Reload, Section, Share

Slippage = Annotated[Decimal, Bounds(ge=0, le=5000)]
Milliseconds = Annotated[int, Bounds(ge=0, le=3_600_000)]

_NAME = re.compile(r"[a-z][a-z0-9]{0,30}")
_PROXY = re.compile(r"(https?|socks5h?)://[A-Za-z0-9.\-\[\]:]{1,200}")
_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,200}")


class PaperExchangeSettings(Section, frozen=True, kw_only=True, omit_defaults=True):
    """An exchange of its own on paper, beside that of the symbols without a name. What it does not say is
    as [paper] has it."""

    section = "paper.exchanges"

    name: Annotated[str, "what its symbols are prefixed with: name:SYMBOL"]
    cash: Annotated[
        Decimal | None,
        Bounds(ge=0),
        "what is there of account.cash at the start; those that do not say share the rest equally",
    ] = None
    maker_fee: Annotated[Decimal | None, Bounds(ge=-1, le=1), "as paper.maker_fee"] = None
    taker_fee: Annotated[Decimal | None, Bounds(ge=0, le=1), "as paper.taker_fee"] = None
    slippage_bps: Annotated[Decimal | None, Bounds(ge=0, le=5000), "as paper.slippage_bps"] = None
    latency_ms: Annotated[int | None, Bounds(ge=0, le=3_600_000), "as paper.latency_ms"] = None
    latency_jitter_ms: Annotated[
        int | None, Bounds(ge=0, le=3_600_000), "as paper.latency_jitter_ms"
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"paper.exchanges.name: expected lower case letters and digits, got {self.name!r:.60}"
            )


OF_AN_EXCHANGE = ("maker_fee", "taker_fee", "slippage_bps", "latency_ms", "latency_jitter_ms")


class PaperSettings(Section, frozen=True, kw_only=True):
    """How kind the paper exchange is. The defaults are those of a spot account without discounts, and
    lean to the pessimistic side: takers slip a little, and a resting order trades only when the market
    has gone through its price."""

    section = "paper"
    reload = Reload(refused="the paper exchange is made by it")

    maker_fee: Annotated[
        Decimal,
        Bounds(ge=-1, le=1),
        "part of the notional paid by an order that rested; below zero is a rebate",
    ] = Decimal("0.0010")
    taker_fee: Annotated[Share, "part of the notional paid by an order that took"] = Decimal(
        "0.0010"
    )
    slippage_bps: Annotated[
        Slippage, "how much worse than the market a taker trades, in 1/10,000 of the price"
    ] = ONE
    impact_bps: Annotated[
        Slippage,
        "the same again for every multiple of the last traded quantity that is taken at once",
    ] = ZERO
    slippage_jitter_bps: Annotated[
        Slippage, "up to so much more, drawn evenly from the run's seed for each fill"
    ] = ZERO
    fill: Annotated[
        Literal["next-open", "close", "intrabar"],
        "recorded data: what takes trades at the open of the next candle, at the next trade or quote; "
        "or as the market stands when it comes, at the close of the candle that it was decided on; or "
        "the longest candles are decided on, and orders meet the finer data beside them",
    ] = "next-open"
    decides_on_ms: Annotated[
        int, Bounds(ge=0), "with fill = intrabar, and set by the run: how long its candles are"
    ] = 0
    finer: Annotated[
        Literal["candles", "ticks"], "with fill = intrabar, and set by the run: what orders meet"
    ] = "candles"
    same_bar_stop: Annotated[
        Literal["worst", "next"],
        "a stop behind an entry inside a candle: the candle's high and low are taken to come after the "
        "entry, or the stop is looked at from the next candle on",
    ] = "worst"
    limit_fill: Annotated[
        Literal["through", "touch"],
        "a resting limit order trades when a trade goes beyond its price, or already at its price",
    ] = "through"
    market_fill: Annotated[
        Literal["full", "bounded"],
        "what takes is filled whole at once, or per event by no more than was quoted or traded: by "
        "nothing where a trade or candle has no volume",
    ] = "full"
    quote_max_age_ms: Annotated[
        Milliseconds, "a quote older than the last trade by more than this is not traded on"
    ] = 1000
    latency_ms: Annotated[
        Milliseconds,
        "time from us to the exchange and back: half for the order, half for the report",
    ] = 0
    latency_jitter_ms: Annotated[
        Milliseconds, "up to so much more for both ways together, drawn evenly from the run's seed"
    ] = 0
    funding_rate: Annotated[
        Decimal,
        Bounds(gt=-1, lt=1),
        "what a long perpetual pays each time, as a part of its worth; a short gets it, below zero the "
        "other way round. Usual is 0.0001; 0 is none, and the summary says so",
    ] = ZERO
    funding_interval_hours: Annotated[
        int, Bounds(ge=1, le=168), "paid at its multiples, 00:00, 08:00 and 16:00 UTC for 8"
    ] = 8
    funding_file: Annotated[
        str, "published rates instead: a CSV of time, symbol and rate; for the symbols that it has"
    ] = ""
    exchanges: tuple[PaperExchangeSettings, ...] = ()

    def at(self, name: str) -> Self:
        """As they are at the exchange of that name."""
        for own in self.exchanges:
            if own.name == name:
                said = {key: getattr(own, key) for key in OF_AN_EXCHANGE}
                return replace(self, **{k: value for k, value in said.items() if value is not None})
        return self

    @property
    def waits_for_next(self) -> bool:
        """An order meets the next event, and not the one that it was decided on."""
        return self.fill != "close"

    @property
    def sized_at_open(self) -> bool:
        """An order is made as the next candle opens."""
        return self.fill == "next-open" or (self.fill == "intrabar" and self.finer == "candles")

    @property
    def funding_from(self) -> str:
        """`file`, `rate` or `none`."""
        return "file" if self.funding_file else "rate" if self.funding_rate else "none"


class ExchangeSettings(Section, frozen=True, kw_only=True):
    """An exchange to take market data from, and with mode = "live" to trade on. Credentials come from the
    environment alone: TRADECTL_NAME_API_KEY, TRADECTL_NAME_API_SECRET and, where the exchange has one,
    TRADECTL_NAME_PASSPHRASE, with its name in upper case."""

    section = "exchanges"

    id: Annotated[str, "as ccxt calls it; `tradectl exchanges` lists them"]
    name: Annotated[
        str,
        "what its symbols are prefixed with (name:SYMBOL) where several are used; the id if empty",
    ] = ""
    market: Annotated[Literal["spot", "perpetual"], "which of its markets a symbol belongs to"] = (
        "spot"
    )
    testnet: Annotated[bool, "its test network, with keys of that network"] = False
    url: Annotated[
        str, "scheme, host and port to speak to in place of its own, such as http://127.0.0.1:8080"
    ] = ""
    proxy: Annotated[
        str,
        "a proxy to reach it through, such as http://127.0.0.1:3128 or socks5://127.0.0.1:1080; one that "
        "wants a password is named, with it, by TRADECTL_NAME_PROXY in the environment",
    ] = ""
    channels: Annotated[
        tuple[Literal["trades", "quotes", "book"], ...], "what is streamed of each symbol"
    ] = ("trades", "quotes")
    timeout_seconds: Annotated[
        float,
        Bounds(ge=0.1, le=120),
        "the longest wait for an answer; an order without one is unknown after it",
    ] = 10.0
    poll_seconds: Annotated[
        float, Bounds(ge=0.05, le=3600), "how often it is asked where it does not push"
    ] = 2.0
    reconcile_seconds: Annotated[
        float,
        Bounds(ge=0.1, le=3600),
        "how often its orders, fills, positions and balances are compared with ours",
    ] = 30.0
    rules_seconds: Annotated[
        float,
        Bounds(ge=1, le=86_400),
        "how often the rules of its symbols are read anew: at once where it refuses an order for them",
    ] = 600.0
    dead_man_seconds: Annotated[
        float,
        Bounds(ge=1, le=3600, off=0),
        "it cancels our entries when we have not been in touch for so long",
    ] = 60.0
    not_found_seconds: Annotated[
        float,
        Bounds(ge=0.1, le=86_400),
        "an unknown order that it does not know either for so long is taken not to exist",
    ] = 60.0
    requests_per_second: Annotated[
        float | None,
        Bounds(gt=0, le=100_000),
        "how many requests of weight 1 it is sent at most; by default 65% of what it publishes",
    ] = None
    access_lost_answers: Annotated[
        int,
        Bounds(ge=1, le=100),
        "it must refuse our key so often in a row before trading halts for it",
    ] = 3
    access_lost_seconds: Annotated[
        float, Bounds(ge=0, le=86_400), "... and over so long a time, as while an address changes"
    ] = 10.0
    silent_stream_seconds: Annotated[
        float,
        Bounds(ge=1, le=3600, off=0),
        "the account's stream is asked for anew when it says nothing for so long, and there was news",
    ] = 10.0
    breaker_failures: Annotated[
        int,
        Bounds(ge=1, le=1_000, off=0),
        "after so many requests in a row without an answer nothing is entered there until it answers; "
        "exits, cancels, stops and an emergency stop go on",
    ] = 5
    breaker_seconds: Annotated[
        float,
        Bounds(ge=0.01, le=3600),
        "it is asked whether it answers after so long, then after twice that, and so on",
    ] = 5.0
    breaker_longest_seconds: Annotated[
        float, Bounds(ge=0.01, le=86_400), "the longest that it waits for the next such question"
    ] = 60.0
    drain_seconds: Annotated[
        float,
        Bounds(ge=0, le=60),
        "how long the end of a run waits for answers that are on their way",
    ] = 3.0
    stall_seconds: Annotated[
        float,
        Bounds(ge=0.1, le=300),
        "after this process stood still for so long, nothing is sent before the next comparison",
    ] = 5.0
    balance_tolerance_pct: Annotated[
        Percent,
        "how far its balance may be from our cash, in percent, before trading there is restricted",
    ] = Decimal("0.5")
    allow_withdraw_key: Annotated[bool, "trade live even with a key that may withdraw"] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _NAME.fullmatch(self.id):
            raise ConfigError(f"exchanges.id: expected a name such as binance, got {self.id!r:.60}")
        if self.name and not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"exchanges.name: expected lower case letters and digits, got {self.name!r:.60}"
            )
        if self.url and not _is_address(self.url):
            raise ConfigError(
                f"exchanges.url: expected one such as http://127.0.0.1:8080, got {self.url!r:.60}"
            )
        if is_plain(self.url) and not is_loopback(self.url):
            raise ConfigError(
                f"exchanges.url: plain http goes to this machine only, and {self.url!r:.60} is none of "
                "its addresses: expected https://..."
            )
        if self.proxy and not is_proxy(self.proxy):
            raise ConfigError(
                "exchanges.proxy: expected one such as http://127.0.0.1:3128 or socks5://127.0.0.1:1080, "
                "without a password"
            )
        if not self.channels:
            raise ConfigError("exchanges.channels: expected at least one")

    @property
    def prefix(self) -> str:
        return self.name or self.id


def is_proxy(url: str) -> bool:
    """One without a name and password in it."""
    return _is_address(url, _PROXY)


def is_plain(url: str) -> bool:
    """What is sent there can be read on the way."""
    return url.startswith("http://")


def is_loopback(url: str) -> bool:
    """It leads to this machine, by any of the names of its loopback."""
    host = urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _is_address(url: str, pattern: re.Pattern[str] = _URL) -> bool:
    try:
        return pattern.fullmatch(url) is not None and urlsplit(url).port != 0
    except ValueError:  # a port beyond the largest
        return False


__all__ = [
    "ExchangeSettings",
    "PaperExchangeSettings",
    "PaperSettings",
    "is_loopback",
    "is_plain",
    "is_proxy",
]
