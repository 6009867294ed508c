"""What a user writes: a small class that reads like its idea.

    class EmaCross(Strategy):
        \"\"\"Long while the fast average is above the slow one.\"\"\"

        fast: int = 10
        slow: int = 30

        def start(self) -> None:
            self._fast, self._slow = Ema(self.fast), Ema(self.slow)

        def on_trade(self, trade: MarketDataEvent) -> Signal | None:
            ...

The annotated public attributes with a default are its parameters. There is one object per symbol, so
that a strategy need not keep tables; it sees events in their order, keeps what state it likes, and says
what it wants (`self.long()`, `self.short()`, `self.flat()`). How much of it is bought is not its affair.
It must not look at the clock or at anything outside: the same events must give the same signals, or
a replay diverges.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from msgspec import Struct

from tradectl.domain.errors import UsageError
from tradectl.domain.events import BarEvent, MarketDataEvent, QuoteEvent, SignalAction
from tradectl.domain.text import harmless, suggest
from tradectl.strategy.bars import parse_timeframe

Value = bool | int | float | str

KINDS: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
CALLBACKS = ("on_trade", "on_quote", "on_bar")


class Signal(Struct, frozen=True, gc=False):
    """What a strategy wants of the symbol whose event it was given; strengths are 0 to 1."""

    action: SignalAction
    strength: float = 1.0
    confidence: float = 1.0
    reason: str = ""


class Parameter(NamedTuple):
    """A parameter's type (`bool`, `int`, `float` or `str`) and its default."""

    type: str
    default: Value


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

    _parameters: ClassVar[dict[str, Parameter]] = {}
    _noted: dict[str, object] | None = None
    _noted_at: int = 0
    _moment: Callable[[], int] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._parameters = _collect(cls)

    def __init__(self, symbol: str = "", /, **parameters: object) -> None:
        known = self._parameters
        for name in parameters:
            if name not in known:
                what = f"{type(self).__name__} has no parameter {harmless(name, 40)!r}"
                raise UsageError(f"{what}: {suggest(name, known)}")
        self.symbol = symbol
        for name, (kind, default) in known.items():
            value = parameters.get(name, default)
            setattr(self, name, _checked(f"{type(self).__name__}.{name}", kind, value))
        try:
            if "timeframe" in known:
                parse_timeframe(self.timeframe)
            self.check()
        except (ValueError, UsageError) as error:
            raise UsageError(f"{type(self).__name__}: {error}") from error

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

    def warm_up(self) -> int:
        """How many bars it must see before it is itself, or trades where it hears no bars, or quotes.

        By default as many as the slowest of our indicators among its attributes; a strategy that keeps
        other state says it here, and does not trade before: of its signals only `flat` counts until
        then. After a restart it is shown as many out of the run before, and in a backtest out of the
        data before `--from`. Asked once, after `start`.
        """
        needs = (getattr(value, "warm_up", 0) for value in vars(self).values())
        return max((need for need in needs if type(need) is int), default=0)

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        """A trade; where the data is candles, each candle as a trade at its close. It has `symbol`,
        `price`, `volume`, `side` (the taker's, or None) and `ts` (ns UTC)."""
        return None

    def on_quote(self, quote: QuoteEvent) -> Signal | None:
        """The best bid and ask. It has `symbol`, `bid`, `ask`, `bid_size`, `ask_size`, `price` (the
        middle) and `ts` (ns UTC)."""
        return None

    def on_bar(self, bar: BarEvent) -> Signal | None:
        """A finished bar of `timeframe`, made from trades or shorter bars where need be. It has `symbol`,
        `open`, `high`, `low`, `price` (its close), `volume`, `ts` (when it closed, ns UTC) and `interval`
        (ns)."""
        return None

    def long(self, strength: float = 1.0, confidence: float = 1.0, reason: str = "") -> Signal:
        return Signal(SignalAction.BUY, strength, confidence, reason)

    def short(self, strength: float = 1.0, confidence: float = 1.0, reason: str = "") -> Signal:
        """Be short, or out where one cannot be short."""
        return Signal(SignalAction.SELL, strength, confidence, reason)

    def flat(self, reason: str = "") -> Signal:
        return Signal(SignalAction.CLOSE, reason=reason)

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


def _collect(cls: type[Strategy]) -> dict[str, Parameter]:
    """The parameters of `cls`, its bases' first. Raises UsageError for one that cannot be."""
    kinds: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base is Strategy:
            if "on_bar" in cls.callbacks():
                kinds["timeframe"] = "str"
            continue
        for name, annotation in inspect.get_annotations(base).items():
            kind = _spelled(annotation)
            if "ClassVar" in kind.partition("[")[0]:
                kinds.pop(name, None)
            elif not name.startswith("_"):
                kinds[name] = kind
    return {
        name: Parameter(kind, _default(cls, name, kind))
        for name, kind in kinds.items()
        if hasattr(cls, name)
    }


def _spelled(annotation: object) -> str:
    """An annotation is text already where its module postpones them; text is all that is needed."""
    if isinstance(annotation, str):
        return annotation
    return annotation.__name__ if isinstance(annotation, type) else repr(annotation)


def _default(cls: type[Strategy], name: str, kind: str) -> Value:
    where = f"{cls.__name__}.{name}"
    if name in vars(Strategy) and name != "timeframe":
        raise UsageError(f"{where}: a parameter of this name hides Strategy.{name}: rename it")
    if kind not in KINDS:
        raise UsageError(
            f"{where}: a parameter is a bool, int, float or str, not {kind}: "
            "begin the name with _ or annotate it as ClassVar if it is none"
        )
    return _checked(where, kind, getattr(cls, name))


def _checked(where: str, kind: str, value: object) -> Value:
    """`value` as a `kind`; whole numbers pass as floats, and nothing else as what it is not."""
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) <= sys.float_info.max:  # false for NaN, too
            return float(value)
    elif isinstance(value, bool | int | float | str) and type(value) is KINDS[kind]:
        return value
    expected = "a finite float" if kind == "float" else f"a value of type {kind}"
    raise UsageError(f"{where}: expected {expected}, got {harmless(repr(value), 40)}")
