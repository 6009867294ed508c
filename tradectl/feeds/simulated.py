"""A market that is invented, and says so: to try tradectl at once, offline, the same way twice.

Prices are random walks that look alive: one common force moves all symbols together, volatility
comes in clusters (a large move makes the next ones larger), bursts of momentum make trends, and
now and then a price jumps. A slow pull toward the start keeps a long run in bounds. It is livelier
than the real thing, and a strategy that earns here need not earn there.

Everything follows from the seed, the symbols, the prices to begin with and the numbers of the ticks that
were made: tick k lies at exactly start + k * interval, and brings one quote or one trade of each symbol.

What is listed at several exchanges is one thing: its price elsewhere is that of the plain symbol, and
drifts away from it and back by some hundredths of a percent.

A run that goes on with an account goes on with its market: prices begin where they stopped, by other
chances than those that led there. They never jump between two runs, which would be profit out of nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from random import Random

from tradectl.domain.currencies import coin_in, is_known_coin, quote_in
from tradectl.domain.errors import UsageError
from tradectl.domain.events import MarketDataEvent, QuoteEvent
from tradectl.domain.instruments import BUILT_IN, Instrument
from tradectl.domain.money import ZERO, Side
from tradectl.domain.text import harmless, suggest
from tradectl.domain.time import SECOND
from tradectl.exchange.symbols import without_exchange
from tradectl.feeds.base import BATCH_SIZE

SOURCE = "simulated"
CATCH_UP = 1_000
"""Most ticks made at once after a pause: the newest; those before them are skipped."""

START_PRICES = {
    "BTCUSDT": 60_000.0,
    "ETHUSDT": 3_000.0,
    "SOLUSDT": 150.0,
    "XRPUSDT": 0.6,
    "DOGEUSDT": 0.12,
}
OTHER_START_PRICE = 100.0
NEARLY = 0.66
"""How alike names are, 0 to 1, of which one is the other with a letter more, less, wrong or misplaced."""

DEVIATION = 1.2 / math.sqrt(365 * 86_400)
"""Of the log price in a second: 120% a year by shocks alone, 150% with bursts and jumps."""
COMMON_SHARE = 0.6
"""Part of the variance that all symbols share."""
SHOCK_WEIGHT, MEMORY = 0.08, 0.90
"""GARCH(1,1), Bollerslev 1986: weights of the last squared shock and of the last variance."""
BURSTS_PER_SECOND, BURST_SECONDS, BURST_DRIFT = 0.02, 20.0, 0.4
"""How often a burst begins, how fast it fades, and its first drift in deviations a second."""
JUMPS_PER_SECOND, JUMP = 1 / 600, 0.002
PULL_SECONDS = 86_400.0
ELSEWHERE, ELSEWHERE_SECONDS = 0.0010, 20.0
"""How far off the price elsewhere is, as the deviation of its logarithm, and how fast that fades."""
SPREAD = 0.00005
QUOTE_NOTIONAL, TRADE_NOTIONAL, SIZE_SPREAD = 8_000.0, 800.0, 1.2
"""Median sizes in the quote currency, and the deviation of their logarithm."""
FOLLOWERS = 0.2
"""Takers follow the last move this much more often than they go against it."""


def check_simulated(symbols: Iterable[str], exchanges: Collection[str] = ()) -> None:
    """Anything can be invented, and what is only mistyped should not be: a symbol is a coin and its quote
    currency, in capitals, and a coin that nobody knows is not nearly one of those built in. Raises
    UsageError."""
    for named in symbols:
        symbol = without_exchange(named, exchanges)
        if quote_in(symbol) is None or symbol != symbol.upper() or _is_mistyped(coin_in(symbol)):
            raise UsageError(
                f"the simulated market has no {harmless(symbol)!r}: "
                f"{suggest(symbol.upper(), BUILT_IN)}; expected a coin in capitals with what it is "
                "quoted in, or one that is described under instruments"
            )


def unknown_coins(symbols: Iterable[str]) -> str:
    """Of which symbols the coin is not known, and what becomes of them; empty where there are none."""
    unknown = [symbol for symbol in symbols if not is_known_coin(coin_in(symbol))]
    if not unknown:
        return ""
    return (
        f"{', '.join(map(harmless, unknown))}: no coin of that name is known here, so the price is "
        f"invented from the start, at {OTHER_START_PRICE:g}; describe it under instruments if it is right"
    )


def _is_mistyped(coin: str) -> bool:
    if is_known_coin(coin):
        return False
    from difflib import get_close_matches  # only for what is not known, never at start-up

    return bool(get_close_matches(coin, map(coin_in, BUILT_IN), 1, NEARLY))


def start_price(symbol: str, left_at: Mapping[str, Decimal]) -> float:
    """Where it was left, else where it always begins, however it is spelled: BTC/USDT, BTC-USDT."""
    known = left_at.get(symbol)
    plain = "".join(filter(str.isalnum, symbol.partition(":")[0]))
    return float(known) if known else START_PRICES.get(plain, OTHER_START_PRICE)


_NEW: Mapping[str, Decimal] = {}


class SimulatedMarket:
    """A paced feed of `symbols`; tick 0 is at `start_ns`. `left_at` are prices to go on from."""

    name = SOURCE
    simulated = True

    def __init__(
        self,
        symbols: Iterable[str],
        seed: int,
        start_ns: int,
        ticks_per_second: int = 10,
        left_at: Mapping[str, Decimal] = _NEW,
        exchanges: Collection[str] = (),
    ) -> None:
        self.symbols = tuple(dict.fromkeys(symbols))
        if not self.symbols:
            raise UsageError("a simulated market needs at least one symbol")
        if not 1 <= ticks_per_second <= SECOND:
            raise UsageError(f"{ticks_per_second} ticks a second: expected at least one")
        known = {symbol: left_at[symbol] for symbol in self.symbols if symbol in left_at}
        random = Random(f"{seed} from {known}") if known else Random(seed)
        self._start = start_ns
        self._interval = SECOND // ticks_per_second
        self._next = 0
        self._common = _Force(random, 1 / ticks_per_second)
        walks: dict[str, _Walk] = {}
        for symbol in sorted(self.symbols, key=lambda s: without_exchange(s, exchanges) != s):
            own, seconds = without_exchange(symbol, exchanges), 1 / ticks_per_second
            start = start_price(own, known) if symbol not in known else float(known[symbol])
            if own != symbol and own in walks:
                apart = Random(f"{seed} {symbol}")
                walks[symbol] = _Elsewhere(symbol, own, apart, seconds, start, walks[own])
            else:
                walks[symbol] = _Walk(symbol, own, random, seconds, start)
        self._walks = [*walks.values()]

    def advance(self, now_ns: int) -> list[MarketDataEvent]:
        """The events due up to and including `now_ns`, of the last CATCH_UP ticks at most."""
        due = (now_ns - self._start) // self._interval + 1
        self._next = max(self._next, due - CATCH_UP)
        return [event for _ in range(self._next, due) for event in self._tick()]

    def batches(self, count: int) -> Iterator[list[MarketDataEvent]]:
        """The next `count` events at full speed, in lists of at most the batch size."""
        events = islice(self._forever(), count)
        while batch := list(islice(events, BATCH_SIZE)):
            yield batch

    def _forever(self) -> Iterator[MarketDataEvent]:
        while True:
            yield from self._tick()

    def _tick(self) -> list[MarketDataEvent]:
        ts = self._start + self._next * self._interval
        self._next += 1
        push = self._common.push()
        return [walk.tick(push, ts) for walk in self._walks]


class _Force:
    """What moves prices: shocks whose size comes in clusters, and bursts of momentum.

    Shocks have variance 1 a second in the long run.
    """

    def __init__(self, random: Random, seconds: float) -> None:
        self._random = random
        self._shock_scale = math.sqrt(seconds)
        self._variance = 1.0
        self._burst_chance = BURSTS_PER_SECOND * seconds
        self._burst_drift = BURST_DRIFT * seconds
        self._fading = math.exp(-seconds / BURST_SECONDS)
        self._drift = 0.0

    def push(self) -> float:
        """The push of one tick, in deviations of a second."""
        shock = self._random.gauss(0.0, math.sqrt(self._variance))
        calm = 1.0 - SHOCK_WEIGHT - MEMORY
        self._variance = calm + SHOCK_WEIGHT * shock * shock + MEMORY * self._variance
        self._drift *= self._fading
        if self._random.random() < self._burst_chance:
            self._drift = self._random.choice((-self._burst_drift, self._burst_drift))
        return shock * self._shock_scale + self._drift


class _Walk:
    """One symbol: its log price relative to the start, and the market around it."""

    def __init__(self, symbol: str, own: str, random: Random, seconds: float, start: float) -> None:
        """`own` is how it is spelled at its exchange."""
        instrument = BUILT_IN.get(own) or Instrument.guess(own)
        self._symbol = symbol
        self._random = random
        self._own = _Force(random, seconds)
        self._jump_chance = JUMPS_PER_SECOND * seconds
        self._staying = math.exp(-seconds / PULL_SECONDS)
        self._tick_size, self._lot_size = instrument.tick_size, instrument.lot_size
        self._start_ticks = start / float(self._tick_size)
        self._lot_value = start * float(self._lot_size)
        self._log = 0.0

    def tick(self, common: float, ts: int) -> MarketDataEvent:
        push = self._move(common)
        bid, ask = self._around(self._start_ticks * math.exp(self._log))
        if self._random.random() < 0.5:
            return self._quote(bid, ask, ts)
        buys = 0.5 + (FOLLOWERS / 2 if push > 0 else -FOLLOWERS / 2)
        side = Side.BUY if self._random.random() < buys else Side.SELL
        return self._trade(ask if side is Side.BUY else bid, side, ts)

    def _move(self, common: float) -> float:
        """To the price of this tick; what pushed it there."""
        push = math.sqrt(COMMON_SHARE) * common + math.sqrt(1.0 - COMMON_SHARE) * self._own.push()
        self._log = self._log * self._staying + DEVIATION * push
        if self._random.random() < self._jump_chance:
            self._log += self._random.gauss(0.0, JUMP)
        return push

    @property
    def log_price(self) -> float:
        return math.log(self._start_ticks * float(self._tick_size)) + self._log

    def _around(self, middle: float) -> tuple[int, int]:
        """Best bid and ask around `middle`, in ticks: at least one apart, the bid above zero."""
        half = middle * SPREAD / 2 * (0.5 + self._random.random())
        bid = max(1, math.floor(middle - half))
        return bid, max(bid + 1, math.ceil(middle + half))

    def _quote(self, bid_ticks: int, ask_ticks: int, ts: int) -> QuoteEvent:
        bid, ask = bid_ticks * self._tick_size, ask_ticks * self._tick_size
        return QuoteEvent(
            source_component=SOURCE,
            symbol=self._symbol,
            price=(bid + ask) / 2,
            volume=ZERO,
            bid=bid,
            ask=ask,
            bid_size=self._size(QUOTE_NOTIONAL),
            ask_size=self._size(QUOTE_NOTIONAL),
            ts=ts,
        )

    def _trade(self, ticks: int, side: Side, ts: int) -> MarketDataEvent:
        return MarketDataEvent(
            source_component=SOURCE,
            symbol=self._symbol,
            price=ticks * self._tick_size,
            volume=self._size(TRADE_NOTIONAL),
            side=side,
            ts=ts,
        )

    def _size(self, notional: float) -> Decimal:
        value = notional * math.exp(self._random.gauss(0.0, SIZE_SPREAD))
        return max(1, round(value / self._lot_value)) * self._lot_size


class _Elsewhere(_Walk):
    """The same thing at another exchange."""

    def __init__(
        self,
        symbol: str,
        own: str,
        random: Random,
        seconds: float,
        start: float,
        plain: _Walk,
    ) -> None:
        super().__init__(symbol, own, random, seconds, start)
        self._plain = plain
        self._begun = math.log(start)
        self._off = self._begun - plain.log_price
        self._fading = math.exp(-seconds / ELSEWHERE_SECONDS)
        self._drift = ELSEWHERE * math.sqrt(1.0 - self._fading * self._fading)

    def _move(self, common: float) -> float:
        self._off = self._off * self._fading + self._random.gauss(0.0, self._drift)
        before = self._log
        self._log = self._plain.log_price + self._off - self._begun
        return self._log - before
