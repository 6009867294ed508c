"""What a user writes: a small class that reads like its idea.

    class EmaCross(Strategy):
        \"\"\"Long while the fast average is above the slow one.\"\"\"

        fast: int = 10
        slow: int = 30

        def start(self) -> None:
            self._fast, self._slow = Ema(self.fast), Ema(self.slow)

        def on_trade(self, trade: MarketDataEvent) -> Signal | None:
            ...

The annotated public attributes with a default are its parameters (`param` gives them a range). There is
one object per symbol, so that a strategy need not keep tables; or one for all (`per_symbol = False`). It
hears what it has a callback for, in its order: trades, quotes, the top of the book, bars of one length or
of several, its timer, its own fills and orders; it may ask what it holds, keeps what state it likes, and
says what it wants (`self.long()`, `self.short()`, `self.flat()`): how much of it is bought is not its
affair. Or it says what it wants to rest in the market, to the coin: `self.quote(bids, asks)`. It must not
look at the clock or at anything outside: the same events must give the same words, or a replay diverges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Protocol

from msgspec import Struct

from tradectl.domain.brackets import Bracket, bracket_of
from tradectl.domain.errors import UsageError
from tradectl.domain.events import BarEvent, BookEvent, MarketDataEvent, QuoteEvent, SignalAction
from tradectl.domain.money import ZERO
from tradectl.domain.positions import Position
from tradectl.strategy.bars import parse_interval, parse_timeframe
from tradectl.strategy.own_events import Fill, OrderUpdate, Timer
from tradectl.strategy.parameters import Parameter, checked, collect, known_or_refused
from tradectl.strategy.quote_words import Level, Quotes

Number = int | float | Decimal
CALLBACKS = ("on_trade", "on_quote", "on_book", "on_bar", "on_timer", "on_fill", "on_order")


class Signal(Struct, frozen=True, gc=False):
    """What a strategy wants of a symbol: of the one whose event it was given, unless it names another.
    Strengths are 0 to 1."""

    action: SignalAction
    strength: float = 1.0
    confidence: float = 1.0
    reason: str = ""
    symbol: str = ""
    bracket: Bracket | None = None


Answer = Signal | Quotes | Sequence[Signal | Quotes] | None
"""What a callback may return: one word, several (of several symbols, say), or none."""


class Holdings(Protocol):
    """What a strategy may ask of the account: its own part."""

    def position(self, symbol: str) -> Position: ...

    def can_short(self, symbol: str) -> bool: ...

    def under_way(self, symbol: str) -> tuple[Decimal, Decimal]: ...

    def budget(self) -> Decimal: ...


class Strategy:
    """Base of all strategies: override `start` and the callbacks you want; the others cost nothing.

    Raises UsageError for an unknown parameter, a value of a wrong type, or one that `check` refuses.
    """

    per_symbol: ClassVar[bool] = True
    """False: one object sees all its symbols, and `symbol` is empty. A signal is for the event's."""

    symbol: str = ""
    timeframe: str = "1m"
    """Length of the bars that `on_bar` gets; a parameter of the strategies that have one. Where it is
    not set, and cannot be made of a recording's candles, it is the candles' own."""
    every: str = "1m"
    """How often `on_timer` is called, at multiples of it since 1970 (UTC); a parameter of the strategies
    that have one: `30s`, `5m`, `1d`, `7d`."""

    _parameters: ClassVar[dict[str, Parameter]] = {}
    _holdings: Holdings | None = None
    _noted: dict[str, object] | None = None
    _noted_at: int = 0
    _moment: Callable[[], int] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        has, extra = cls.callbacks(), dict[str, str]()
        if "on_bar" in has:
            extra["timeframe"] = "str"
        if "on_timer" in has:
            extra["every"] = "str"
        cls._parameters = collect(cls, Strategy, extra)

    def __init__(self, symbol: str = "", /, **parameters: object) -> None:
        known, owner = self._parameters, type(self).__name__
        known_or_refused(owner, parameters, known)
        self.symbol = symbol
        for name, parameter in known.items():
            value = parameters.get(name, parameter.default)
            setattr(self, name, checked(f"{owner}.{name}", parameter, value))
        try:
            if "timeframe" in known:
                parse_timeframe(self.timeframe)
            if "every" in known:
                parse_interval(self.every)
            self.check()
        except (ValueError, UsageError) as error:
            raise UsageError(f"{owner}: {error}") from error

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        return dict(cls._parameters)

    @classmethod
    def callbacks(cls) -> tuple[str, ...]:
        """Those that this class overrides: the only ones that are called."""
        return tuple(n for n in CALLBACKS if getattr(cls, n) is not getattr(Strategy, n))

    def check(self) -> None:
        """Raise ValueError if the parameters contradict each other: `fast must be below slow`."""

    def start(self) -> None:
        """Make the indicators. Called once, before the first event; the parameters are set."""

    def timeframes(self) -> Sequence[str]:
        """The lengths of the bars that `on_bar` gets, told apart by `bar.interval` (ns): `timeframe` by
        default. Where several end at one moment they come in this order. Asked once, after `start`."""
        return (self.timeframe,)

    def warm_up(self) -> int:
        """How many bars it must see before it is itself, or trades where it hears no bars, or quotes.

        By default as many as the slowest of our indicators among its attributes, of the longest bars that
        it gets; they are counted in bars of `timeframe`. A strategy that keeps other state says it here,
        and does not trade before: of its signals only `flat` counts until then. After a restart it is
        shown as many out of the run before, and in a backtest out of the data before `--from`. Asked
        once, after `start`.
        """
        needs = (getattr(value, "warm_up", 0) for value in vars(self).values())
        most = max((need for need in needs if type(need) is int), default=0)
        lengths = [parse_interval(each) for each in self.timeframes()]
        if len(lengths) < 2:
            return most
        return most * -(-max(lengths) // parse_interval(self.timeframe))

    @property
    def position(self) -> Position:
        """What it holds of its symbol by itself: `quantity` (signed), `entry_price`, `realized`. Other
        strategies' parts of the account are not in it."""
        return self.position_in(self.symbol)

    def position_in(self, symbol: str) -> Position:
        """The same of another of its symbols."""
        if self._holdings is None:
            return Position(symbol)
        return self._holdings.position(symbol)

    def can_short(self, symbol: str) -> bool:
        """Whether one of its symbols can be sold without being held: a perpetual."""
        return self._holdings is not None and self._holdings.can_short(symbol)

    def under_way(self, symbol: str) -> tuple[Decimal, Decimal]:
        """What its own orders there may still buy and sell: those that are being cancelled, too."""
        return (ZERO, ZERO) if self._holdings is None else self._holdings.under_way(symbol)

    @property
    def budget(self) -> Decimal:
        """What its allocation comes to at the equity of now, in the account's currency."""
        return ZERO if self._holdings is None else self._holdings.budget()

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        """A trade; where the data is candles, each candle as a trade at its close. It has `symbol`,
        `price`, `volume`, `side` (the taker's, or None) and `ts` (ns UTC)."""
        return None

    def on_quote(self, quote: QuoteEvent) -> Answer:
        """The best bid and ask. It has `symbol`, `bid`, `ask`, `bid_size`, `ask_size`, `price` (the
        middle) and `ts` (ns UTC)."""
        return None

    def on_book(self, book: BookEvent) -> Answer:
        """The top of the order book: as a quote, and `bids` and `asks`, (price, quantity) each, best
        price first."""
        return None

    def on_bar(self, bar: BarEvent) -> Answer:
        """A finished bar of `timeframe`, or of one of its `timeframes`, made from trades or shorter bars
        where need be. It has `symbol`, `open`, `high`, `low`, `price` (its close), `volume`, `ts` (when
        it closed, ns UTC) and `interval` (ns)."""
        return None

    def on_timer(self, timer: Timer) -> Answer:
        """Every `every`, at each symbol that it has had data of; `ts` is the moment (ns UTC). A strategy
        that sees all its symbols is called once and names the symbol in its signals. Timers are recorded
        as data is: a replay calls at the same moments."""
        return None

    def on_fill(self, fill: Fill) -> Answer:
        """A fill of its own, or its part of one: `symbol`, `side`, `quantity`, `price`, `fee` (in the
        account's currency), `tag`, `order_id`, `ts` (ns UTC). Its position has it already."""
        return None

    def on_order(self, order: OrderUpdate) -> Answer:
        """Something became of an order of its own, or that it has a part in: `status`, `filled`,
        `remaining`, `reason` and what was ordered."""
        return None

    def long(
        self,
        strength: float = 1.0,
        confidence: float = 1.0,
        reason: str = "",
        *,
        symbol: str = "",
        **exits: Number | None,
    ) -> Signal:
        """Be long. `exits` are the legs of the position's bracket, instead of those of the strategy's
        configuration: `stop_loss_pct=2, take_profit_pct=5`, or as prices `stop_loss_price=...` and
        `take_profit_price=...`; `trailing_pct=1.5, activate_pct=1, trail_step_bps=10`."""
        return Signal(SignalAction.BUY, strength, confidence, reason, symbol, bracket_of(exits))

    def short(
        self,
        strength: float = 1.0,
        confidence: float = 1.0,
        reason: str = "",
        *,
        symbol: str = "",
        **exits: Number | None,
    ) -> Signal:
        """Be short, or out where one cannot be short; `exits` as in `long`."""
        return Signal(SignalAction.SELL, strength, confidence, reason, symbol, bracket_of(exits))

    def flat(self, reason: str = "", *, symbol: str = "") -> Signal:
        return Signal(SignalAction.CLOSE, reason=reason, symbol=symbol)

    def quote(
        self,
        bids: Iterable[Level] = (),
        asks: Iterable[Level] = (),
        *,
        post_only: bool = True,
        reason: str = "",
        symbol: str = "",
    ) -> Quotes:
        """All that it wants to rest in the market: (price, quantity) or (price, quantity, tag) each, in
        coins. What rests already as it is wanted stays, the rest is cancelled and placed; what is filled
        is not placed again before it says so. Risk judges all of it together, and its allocation is what
        a position may come to. `self.quote()` withdraws it. It holds a symbol by quotes or by signals,
        whichever it said last."""
        return Quotes(tuple(bids), tuple(asks), post_only, reason, symbol)

    def note(self, **values: object) -> None:
        """Name what you look at, `self.note(rsi=31.2)`: it is written down with the signal that is given
        at this event, if there is one, and `tradectl why` shows it. Numbers, texts, None; 32 at most."""
        now = self._moment() if self._moment is not None else 0
        if self._noted is None or self._noted_at != now:
            self._noted, self._noted_at = {}, now
        self._noted.update(values)

    def _take_notes(self) -> dict[str, object]:
        """Those of the event that is being handled."""
        noted, self._noted = self._noted, None
        if noted and self._moment is not None and self._noted_at != self._moment():
            return {}
        return noted or {}
