"""Market data of several venues as one feed that goes on for ever.

    venue.stream ─► trades: each once, in order, gaps filled ─► tick filter ─► conflator ─► deliver
                    quotes, books ─────────────────────────────────┘

Every channel of every venue is kept up by itself, so that one which is lost hurts no other. What comes
is filtered, gathered and handed on; a symbol whose data is old, or whose book is broken, is restricted
before anything old is handed on. Whatever is left out is counted by the name of its rule: what was
received and what was handed on add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal

from tradectl.bus.clock import ComputerClock, Sleep
from tradectl.domain.errors import NotExecuted
from tradectl.domain.events import (
    BookEvent,
    Event,
    MarketDataEvent,
    QuoteEvent,
    SystemEvent,
    SystemEventKind,
)
from tradectl.domain.text import harmless
from tradectl.exchange.clock_offset import follow_clock
from tradectl.exchange.tasks import run_together
from tradectl.exchange.venue import Channel, Venue
from tradectl.feeds.live.backfill import PATIENCE_S, Backfill
from tradectl.feeds.live.book_restrictions import BookRestrictions
from tradectl.feeds.live.conflator import CONFLATED, DELIVERED, Conflator
from tradectl.feeds.live.event_lag import LagMeter
from tradectl.feeds.live.named_trades import sequencer_for
from tradectl.feeds.live.staleness import SOURCE, StalenessMonitor
from tradectl.feeds.live.stream import Stream
from tradectl.feeds.live.tick_filter import TickFilter
from tradectl.feeds.live.trade_sequencer import (
    BACKFILLED,
    DUPLICATES,
    GAPS,
    LATE,
    UNFILLED,
    SequencerState,
    TradeSequencer,
)
from tradectl.feeds.price_band import NOTHING
from tradectl.feeds.quality import RowError, TickFault

RECEIVED, RECONNECTS = "received", "reconnects"
ALWAYS = (
    RECEIVED, DELIVERED, DUPLICATES, LATE, CONFLATED, BACKFILLED, GAPS, UNFILLED, RECONNECTS,
)  # fmt: skip
"""Counted from the start; a fault, once it has occurred."""
CLOCK_EVERY_S = 60.0
"""How far an exchange's clock is from ours is asked for."""
STEADY_AFTER_S = 5.0
"""A connection on which data has come for so long is back."""
POLLS = 3
"""Missed polls in a row before polled data is stale."""


class LiveFeed:
    """`symbols` names each symbol's venue, `channels` what is streamed there. `deliver` gets market data,
    `post` symbol restrictions and system events on connections. Times are in seconds but for `now`, ns.

    `polls` is how often a venue is asked where it does not push. Without `conflate` every quote and book
    is handed on. `patience` is the longest that trades wait for those before them. `known` are the prices
    that were accepted before, by symbol. `heard` gets the exchange's time (ns). `wall` is the
    computer's clock, by which exchanges say theirs. `lags` has by exchange how late its data comes.
    """

    simulated = False

    def __init__(
        self,
        venues: Mapping[str, Venue],
        symbols: Mapping[str, str],
        channels: Mapping[str, Sequence[Channel]],
        deliver: Callable[[list[MarketDataEvent]], None],
        post: Callable[[Event], None],
        *,
        stale_after: float,
        polls: Mapping[str, float] | None = None,
        conflate: bool = True,
        monotonic: Callable[[], float] = ComputerClock.monotonic,
        now: Callable[[], int] = ComputerClock.wall,
        wall: Callable[[], int] = ComputerClock.wall,
        heard: Callable[[int], None] = lambda ts: None,
        sleep: Sleep = ComputerClock.sleep,
        patience: float = PATIENCE_S,
        known: Mapping[str, Decimal] = NOTHING,
    ) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(ALWAYS, 0))
        self.symbols = tuple(symbols)
        self.name = ", ".join(dict.fromkeys(symbols.values()))
        self._venues = {symbol: venues[name] for symbol, name in symbols.items()}
        self._post = post
        self._heard = heard
        self._sleep = sleep
        self._sequencers: dict[str, TradeSequencer] = {}
        self._lost: dict[Stream, float | None] = {}
        """since when data comes again, None where none does yet"""
        self._monotonic = monotonic
        self._tick_filter = TickFilter(now, known)
        slow = {name: max(stale_after, POLLS * every) for name, every in (polls or {}).items()}

        def silence(name: str, channel: Channel) -> float:
            return slow.get(name, stale_after) if _is_polled(venues[name], channel) else stale_after

        allowed = {
            symbol: min((silence(name, c) for c in channels[name]), default=stale_after)
            for symbol, name in symbols.items()
        }
        self._book_restrictions = BookRestrictions(post)
        self._staleness = StalenessMonitor(allowed, post, monotonic=monotonic, now=now)
        self._conflator = Conflator(deliver, self._staleness, self.counts, conflate=conflate)
        self.lags = {venue.name: LagMeter(now, wall, monotonic) for venue in venues.values()}
        self._backfill = Backfill(
            valid=self._valid_of, hand_on=self._hand_on, now=now, sleep=sleep, patience=patience
        )
        self._streams = [
            Stream(
                venues[name],
                channel,
                streamed,
                take=self._take,
                lost=self._on_lost,
                silence=silence(name, channel),
                sleep=sleep,
                monotonic=monotonic,
            )
            for name in venues
            if (streamed := [symbol for symbol, of in symbols.items() if of == name])
            for channel in channels[name]
        ]

    def ages(self) -> dict[str, float]:
        """Seconds since the newest data of each symbol; since the start where there was none."""
        return self._staleness.ages()

    async def run(self) -> None:
        """For ever; raises what no reconnecting mends. May be called again after that."""
        self._staleness.start()
        try:
            await run_together(
                *(stream.run() for stream in self._streams),
                *(
                    follow_clock(venue, self.lags[venue.name].clock_is, CLOCK_EVERY_S, self._sleep)
                    for venue in dict.fromkeys(self._venues.values())
                ),
                self._staleness.run(self._sleep),
            )
        finally:
            await self._end()

    async def _end(self) -> None:
        await self._backfill.stop()
        for trades in self._sequencers.values():
            self._hand_on(trades.release(answered=False))
            trades.stream_lost()
        self._conflator.flush()

    # --- what comes --------------------------------------------------------------------------------

    def _take(self, stream: Stream, events: Sequence[MarketDataEvent]) -> None:
        if stream in self._lost:
            self._comes_again(stream)
        self._listen(stream, events)
        for event in self._valid(stream.symbols, events):
            if isinstance(event, QuoteEvent):
                self._filter(event)
            else:
                self._take_trade(event)

    def _comes_again(self, stream: Stream) -> None:
        """It is back once data has come for a while: one that is lost again and again is one alert, with
        a count."""
        now, since = self._monotonic(), self._lost[stream]
        if since is None:
            self._lost[stream] = now
        elif now - since >= STEADY_AFTER_S:
            del self._lost[stream]
            self._post_system_event(stream, SystemEventKind.FEED_BACK, "data comes again")

    def _listen(self, stream: Stream, events: Sequence[MarketDataEvent]) -> None:
        """What time the exchange has: by its trades, for many quotes are dated by nobody but us. Also
        by those that are of the future: it is ours that may be behind."""
        if events and not isinstance(events[-1], QuoteEvent):
            self._heard(events[-1].ts)
            self.lags[stream.venue.name].came(stream, events)

    def _valid(
        self, symbols: Collection[str], events: Sequence[MarketDataEvent]
    ) -> list[MarketDataEvent]:
        """What was asked for, and has a time that can be."""
        self.counts[RECEIVED] += len(events)
        passed = []
        for event in events:
            if event.symbol not in symbols:
                self.counts[TickFault.SYMBOL] += 1
                continue
            try:
                self._tick_filter.check_time(event)
            except RowError as bad:
                self.counts[bad.fault] += 1
                continue
            passed.append(event)
        return passed

    def _valid_of(self, symbol: str, events: Sequence[MarketDataEvent]) -> list[MarketDataEvent]:
        return self._valid((symbol,), events)

    def _take_trade(self, event: MarketDataEvent) -> None:
        trades = self._sequencers.get(event.symbol)
        if trades is None:
            trades = self._sequencers[event.symbol] = sequencer_for(event, self.counts)
        self._hand_on(trades.take(event))
        if trades.state is SequencerState.GAP:
            self._backfill.ask(event.symbol, self._venues[event.symbol], trades)

    def _hand_on(self, trades: Sequence[MarketDataEvent]) -> None:
        for event in trades:
            self._filter(event)

    def _filter(self, event: MarketDataEvent) -> None:
        """Into the conflator, if it may be traded on."""
        is_book = isinstance(event, BookEvent)
        try:
            self._tick_filter.check(event)
        except RowError as bad:
            self.counts[bad.fault] += 1
            if is_book:
                self._book_restrictions.broken(event.symbol, f"its order book cannot be: {bad}")
            return
        if is_book:
            self._book_restrictions.whole(event.symbol)
        self._conflator.add(event)

    # --- connections ---------------------------------------------------------------------------------

    def _on_lost(self, stream: Stream, why: NotExecuted) -> None:
        self.counts[RECONNECTS] += 1
        self.lags[stream.venue.name].lost(stream)
        if stream.channel is Channel.BOOK:
            for symbol in stream.symbols:
                self._book_restrictions.broken(symbol, f"its order book was lost: {why}")
        if stream.channel is Channel.TRADES:
            self._begin_gap(stream)
        if self._lost.get(stream, 0.0) is not None:
            self._lost[stream] = None
            self._post_system_event(stream, SystemEventKind.FEED_LOST, str(why))

    def _begin_gap(self, stream: Stream) -> None:
        """The first trade that comes asks for those before it. Where none comes, ask all the same."""
        for symbol in stream.symbols:
            trades = self._sequencers.get(symbol)
            if trades is not None:
                trades.stream_lost()
                self._backfill.ask_if_quiet(symbol, stream.venue, trades)

    def _post_system_event(self, stream: Stream, kind: SystemEventKind, message: str) -> None:
        component = f"{SOURCE}:{stream.venue.name}:{stream.channel}"
        self._post(
            SystemEvent(
                source_component=SOURCE, kind=kind, component=component, message=harmless(message)
            )
        )


def _is_polled(venue: Venue, channel: Channel) -> bool:
    """What is polled is as old as the pause between polls."""
    return channel not in venue.abilities.channels


__all__ = ["LiveFeed"]
