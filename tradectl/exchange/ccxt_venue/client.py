"""ccxt's object for an exchange: made, held where its requests leave and its answers arrive, closed.

ccxt is loaded here and nowhere else, when an exchange is opened. The object is set so that it does
nothing behind our back: no retries, no broker's mark on our orders, no logging, no loading of what was
not asked for, no numbers but texts. Four of its methods are wrapped on the object itself: a request
waits for our limiter before it is signed, and what is known of its answer is noted in the `Reply` of the
call at hand, so that nobody has to guess afterwards whether anything left or came back.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import functools
import importlib
import importlib.util
import logging
import re
import ssl
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from tradectl.bus.clock import ComputerClock
from tradectl.domain.errors import UsageError
from tradectl.exchange.ccxt_venue.errors import Reply
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.rate_limiter import RateLimiter
from tradectl.exchange.ccxt_venue.tables import ccxt_name
from tradectl.exchange.credentials import Credentials
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.venue import PATIENCE

CACHED = 100_000
"""trades and orders that ccxt keeps for us between two reads"""
BURST_SECONDS = 20.0
SAFE_PART = 0.65
"""Limits are counted by the minute: a burst, and this part of the rate after it, stay below one."""
RESERVED = 0.25
KEEP_ALIVE_MS = 15_000
LONGEST_DIAL_PAUSE = 5.0
CLOSE_SECONDS = 2.0

CALL: ContextVar[Reply | None] = ContextVar("ccxt_call", default=None)

_NONE: dict[str, Any] = {}
_PAGE = re.compile(r"<!doctype html|<html", re.IGNORECASE)
_BEGINNING = 500
_HOST = re.compile(r"^(https?|wss?)://[^/]+")
_SECURE = {"https": "wss", "http": "ws"}


async def load_ccxt() -> None:
    """Loading takes a second or more: not in the loop's own thread."""
    await asyncio.to_thread(importlib.import_module, "ccxt.pro")


def load_ahead() -> None:
    """Load ccxt before it is needed, from a thread."""
    with contextlib.suppress(ImportError):  # whoever needs it says so
        importlib.import_module("ccxt.pro")


def make_client(settings: ExchangeSettings, credentials: Credentials | None, quirks: Quirks) -> Any:
    """ccxt's object for an exchange, nothing asked of it yet. Raises UsageError for an unknown id."""
    if credentials is not None and (why := quirks.not_traded.get(settings.market)):
        raise UsageError(
            f"exchanges.market: {settings.market} is not traded at {settings.id}: {why}"
        )
    client = _class_of(ccxt_name(settings.id, settings.market))(
        _config(settings, credentials, quirks)
    )
    client.logger = _silent()
    for name in ("fetchCurrencies", *quirks.unused):
        client.has[name] = False
    client.verbose = False
    client.ssl_context = _tls(client.cafile)
    _keep_watch(client)
    if settings.testnet:
        _use_testnet(client, settings)
    if settings.url:
        client.urls["api"] = _redirected(client.urls["api"], settings.url)
    if settings.url.startswith("http://"):
        client.timeout_on_exit = 0  # the pause is for TLS to say goodbye
    for name, answer in quirks.pins.get(settings.market, {}).items():
        setattr(client, name, _fixed(answer))
    for name, answer in quirks.awaited_pins.items():
        setattr(client, name, _fixed_later(answer))
    return client


@functools.cache
def _tls(cafile: str) -> ssl.SSLContext:
    """As ccxt makes it, once for all clients: a hundred certificates are read for it."""
    return ssl.create_default_context(cafile=cafile)


def use_proxy(client: Any, url: str) -> None:
    """For requests and streams alike. Raises UsageError for one that needs what is not installed."""
    if url.startswith("socks"):
        if importlib.util.find_spec("aiohttp_socks") is None:
            raise UsageError("exchanges.proxy: a socks proxy needs `pip install aiohttp_socks`")
        client.socksProxy = client.wsSocksProxy = url
    elif url:
        client.httpsProxy = client.wssProxy = url


def published_rate(client: Any, market: str, quirks: Quirks) -> float:
    """What the exchange allows a second, in the weights that ccxt gives its calls."""
    return quirks.rate.get(market) or 1000 / max(float(client.rateLimit), 1.0)


def make_rate_limiter(published: float, settings: ExchangeSettings) -> RateLimiter:
    """Below the `published` rate, or at that of the settings; waits end with the longest of an answer."""
    rate = settings.requests_per_second or published * SAFE_PART
    capacity = max(rate / SAFE_PART * BURST_SECONDS, 4.0)
    return RateLimiter(rate, capacity, capacity * RESERVED, patience=settings.timeout_seconds)


def hook(
    client: Any,
    limiter: RateLimiter,
    monotonic: Callable[[], float] = ComputerClock.monotonic,
    *,
    words: frozenset[str] = frozenset(),
) -> None:
    """Hold back every request for the rate limiter, and note what became of it. `words` are answers that
    are whole with nothing else."""
    send, ask = client.fetch, client.fetch2
    from tradectl.exchange.ccxt_venue.bounded_answers import bound  # aiohttp is slow to load

    read, parse = client.on_rest_response, client.parse_json

    async def limited(
        path: str,
        api: Any = "public",
        method: str = "GET",
        params: Any = _NONE,
        config: Any = _NONE,
    ) -> Any:
        cost = float(client.calculate_rate_limiter_cost(api, method, path, params, config))
        call = CALL.get()
        privileged = call is not None and call.privileged
        await limiter.take(cost, privileged=privileged, patience=PATIENCE.get())
        return await ask(path, api, method, params, config)

    async def sent(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        call = CALL.get()
        if call is not None:
            if call.pre_send_check is not None:
                call.pre_send_check()
            call.sent, call.status, call.sent_at = True, None, monotonic()
        client.open(lazy=True)
        bound(client.session)
        return await send(url, method, headers, body)

    def answered(status: int, reason: str, url: str, method: str, headers: Any, *rest: Any) -> Any:
        call = CALL.get()
        if call is not None:
            call.status, call.headers = status, headers
        return read(status, reason, url, method, headers, *rest)

    def parsed(text: str) -> Any:
        try:
            document = parse(text)
        except RecursionError:  # nested too deeply for anything that an exchange says
            document = None
        call = CALL.get()
        is_whole = isinstance(document, dict | list) or text.strip().strip('"') in words
        if call is not None and (not is_whole or document == {}):
            call.garbled = True
            call.is_page = bool(_PAGE.search(text[:_BEGINNING]))
        return document

    client.fetch2, client.fetch = limited, sent
    client.on_rest_response, client.parse_json = answered, parsed


async def close_client(client: Any) -> None:
    """Bounded in time, and nothing is left open: a WebSocket's goodbye waits for an answer that a failing
    exchange does not give, and then the connections are dropped without one."""
    try:
        await asyncio.wait_for(client.close(), CLOSE_SECONDS)
    except Exception:  # it is thrown away: only what it left open matters
        await _drop(client)


async def _drop(client: Any) -> None:
    for connection in list((client.clients or {}).values()):
        if connection.ping_looper:
            connection.ping_looper.cancel()
    client.clients = {}
    session, client.session = client.session, None
    connector, client.tcp_connector = client.tcp_connector, None
    for part in (session, connector):
        if part is not None:
            try:
                await asyncio.wait_for(part.close(), CLOSE_SECONDS)
            except Exception:  # nothing more can be done about it
                continue


def _class_of(exchange_id: str) -> Any:
    pro = importlib.import_module("ccxt.pro")
    plain = importlib.import_module("ccxt.async_support")
    for module in (pro, plain):
        if exchange_id in module.exchanges:
            return getattr(module, exchange_id)
    near = difflib.get_close_matches(exchange_id.lower(), plain.exchanges, 3)
    hint = f": did you mean {', '.join(near)}?" if near else ""
    raise UsageError(f"ccxt knows no exchange {exchange_id!r}{hint}")


def _config(
    settings: ExchangeSettings, credentials: Credentials | None, quirks: Quirks
) -> dict[str, Any]:
    timeout = int(settings.timeout_seconds * 1000)
    options: dict[str, Any] = {
        "defaultType": "spot" if settings.market == "spot" else "swap",
        "maxRetriesOnFailure": 0,
        "tradesLimit": CACHED,
        "ordersLimit": CACHED,
        # what arrives later than we wait for it is to be turned away
        "recvWindow": min(timeout, 10_000),
        **quirks.options,
        **quirks.kind_options.get(settings.market, {}),
    }
    config: dict[str, Any] = {
        "enableRateLimit": False,  # `hook` does that
        "number": str,
        "timeout": timeout,
        "newUpdates": True,
        "options": options,
    }
    if credentials is not None:
        config |= _login(settings, credentials, quirks)
    return config


def _login(settings: ExchangeSettings, credentials: Credentials, quirks: Quirks) -> dict[str, str]:
    """Raises UsageError for credentials of another form, without showing them."""
    names = {"api_key": "apiKey", "api_secret": "secret", "passphrase": "password"}
    # a key of several lines is one line in an environment
    found = {part: getattr(credentials, part).replace("\\n", "\n") for part in names}
    for part, expected in quirks.login.items():
        names[part] = expected.name
        if not re.fullmatch(expected.form, found[part]):
            variable = f"TRADECTL_{settings.prefix.upper()}_{part.upper()}"
            raise UsageError(f"{variable}: expected {expected.words}")
    return {names[part]: value for part, value in found.items()}


def _keep_watch(client: Any) -> None:
    """Notice a dead line within half a minute, and come back soon: ccxt waits for minutes, and then for
    half a minute more before it dials again."""
    beat = client.streaming.get("keepAlive") or KEEP_ALIVE_MS
    client.streaming = {**client.streaming, "keepAlive": min(beat, KEEP_ALIVE_MS)}
    pause = client.ws_dial_delay
    client.ws_dial_delay = lambda url: min(pause(url), LONGEST_DIAL_PAUSE)


def _use_testnet(client: Any, settings: ExchangeSettings) -> None:
    if "test" not in client.urls:
        raise UsageError(f"{settings.id} has no test network that ccxt knows")
    client.set_sandbox_mode(True)


def _redirected(urls: Any, url: str) -> Any:
    """The same addresses at another host, their paths kept; ws where they were ws."""
    if isinstance(urls, dict):
        return {key: _redirected(value, url) for key, value in urls.items()}
    if not isinstance(urls, str) or not (found := _HOST.match(urls)):
        return urls
    target = urlsplit(url)
    scheme = _SECURE[target.scheme] if found.group(1) in ("ws", "wss") else target.scheme
    return f"{scheme}://{target.netloc}{urls[found.end() :]}"


def _fixed(answer: Any) -> Callable[..., Any]:
    return lambda *_args, **_kwargs: answer


def _fixed_later(answer: Any) -> Callable[..., Awaitable[Any]]:
    async def fixed(*_args: Any, **_kwargs: Any) -> Any:
        return answer

    return fixed


def feature(client: Any, kind: str, method: str, name: str) -> Any:
    """What ccxt says of a method's parameter for this kind of market."""
    features = getattr(client, "features", None) or {}
    of_kind = features.get("spot") if kind == "spot" else (features.get("swap") or {}).get("linear")
    return ((of_kind or {}).get(method) or {}).get(name)


def _silent() -> logging.Logger:
    """ccxt logs requests with their key at debug level."""
    logger = logging.Logger("ccxt-silent", logging.CRITICAL)
    logger.disabled = True
    return logger


__all__ = [
    "CALL",
    "close_client",
    "feature",
    "hook",
    "load_ahead",
    "load_ccxt",
    "make_client",
    "make_rate_limiter",
    "published_rate",
    "use_proxy",
]
