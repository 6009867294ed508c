"""Whatever a strategy raises, returns or says becomes one line that is the same in every process."""

from __future__ import annotations

import operator
import re
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradectl.domain.errors import Interrupted
from tradectl.domain.events import BarEvent, MarketDataEvent, QuoteEvent, Record
from tradectl.domain.text import LONGEST_LINE
from tradectl.strategy import containment
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]")
PIECES = st.one_of(
    st.text(st.characters(), max_size=20),
    st.integers(0, 1 << 64).map(lambda n: f"<object at {n:#x}>"),
    st.sampled_from([" at 0x", "\udcff", "\n", "x" * 190]),
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
ERRORS = st.sampled_from([ValueError, KeyError, SystemExit, KeyboardInterrupt, GeneratorExit])


def is_good(line: str) -> bool:
    return len(line) <= LONGEST_LINE and line.isprintable() and not ADDRESS.search(line)


@given(TEXTS)
def test_a_text_can_be_written_down_and_repeated(text: str) -> None:
    assert is_good(containment.line(text))


@given(TEXTS, st.integers(0, 1 << 48), st.integers(0, 1 << 48))
def test_where_an_object_lies_makes_no_difference(text: str, here: int, there: int) -> None:
    lines = {containment.line(f"{text[:150]} <C object at {n:#014x}>") for n in (here, there)}
    assert len(lines) == 1


@given(ERRORS, TEXTS)
def test_so_can_what_is_said_of_an_error(kind: type[BaseException], text: str) -> None:
    for error in (kind(text), kind(object(), text), kind()):
        assert is_good(containment.failure(error))
        assert containment.failure(error).startswith(kind.__name__)


@given(st.recursive(TEXTS | st.binary() | st.builds(object), st.lists, max_leaves=8))
def test_so_can_what_is_said_of_an_answer(value: object) -> None:
    assert is_good(containment.line(f"got {containment.returned(value)}"))


class Raising(Strategy):
    """Raises at its second trade, and would buy at each."""

    raised: ClassVar[BaseException] = SystemExit(3)
    _trades = 0

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        self._trades += 1
        if self._trades == 2:
            raise self.raised
        return self.long()


def kinds_said(engine: StrategyEngine, trades: int) -> list[str]:
    event = MarketDataEvent(symbol="BTC", price=1, volume=1, ts=1)  # type: ignore[arg-type]
    said = [
        out
        for n in range(trades)
        for out in engine.on_market(event, Record(0, n * 10**9, event)) or ()
    ]
    return [getattr(each, "kind", "signal") for each in said]


def raising() -> StrategyEngine:
    return StrategyEngine(
        [StrategyInstance(name="a", strategy="x")], find={"x": Raising}.__getitem__
    )


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_asks_for_an_end_gets_its_own_at_once(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Raising, "raised", error)
    engine = raising()
    assert not engine.nothing_trades()
    assert kinds_said(engine, 4) == ["signal", "strategy_failed", "strategy_quarantined"]
    assert engine.nothing_trades()
    assert engine.quarantined()["a"].startswith(f"on_trade raised {type(error).__name__}")
    engine.release("a")
    assert (engine.nothing_trades(), engine.quarantined()) == (False, {})


def test_the_operators_own_interrupt_goes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raising, "raised", Interrupted())
    with pytest.raises(Interrupted):
        kinds_said(raising(), 2)


def test_without_strategies_nothing_is_missing() -> None:
    assert not StrategyEngine([]).nothing_trades()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (MarketDataEvent, "a trade has price, volume"),
        (QuoteEvent, "a quote has bid, ask"),
        (BarEvent, "a bar has open, high, low, price (its close)"),
    ],
)
def test_who_asks_an_event_for_what_it_lacks_is_told_what_it_has(
    event: type[MarketDataEvent], words: str
) -> None:
    more = dict.fromkeys(("bid", "ask", "open", "high", "low", "interval"), 1)
    given = {n: more[n] for n in event.__struct_fields__ if n in more}
    tick = event(source_component="t", symbol="S", price=1, volume=1, **given)  # type: ignore[arg-type]
    with pytest.raises(AttributeError) as raised:
        operator.attrgetter("close")(tick)
    said = containment.failure(raised.value, Raising)
    assert f"no attribute 'close'; {words}" in said
    assert len(said) <= LONGEST_LINE - len("30 failures in a row of on_quote: ")
    has = containment.failure(raised.value).split(" has ")[-1]
    named = re.findall(r"\b[a-z_]+(?=,| \(|$)", has)
    assert all(hasattr(tick, name) for name in named)
