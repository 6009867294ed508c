"""What a strategy looked at is written down with its signal, the same in every replay, and kept small."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradectl.bus.clock import DataClock
from tradectl.config.load import load_settings
from tradectl.domain.events import (
    Event,
    MarketDataEvent,
    Record,
    SignalAction,
    StrategySignalEvent,
    SystemEvent,
)
from tradectl.domain.notes import MOST_NOTES, sane_notes
from tradectl.domain.time import SECOND
from tradectl.state.account import Account
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine
from tradectl.system.follower import Deciding
from tradectl.system.trading_system import TradingSystem, on_paper

START = 1_720_886_400 * SECOND


class Noting(Strategy):
    """Notes with each trade, and speaks with every second one."""

    def start(self) -> None:
        self._seen = 0
        self.note(begun="before the first event")

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        self._seen += 1
        self.note(price=trade.price, seen=self._seen)
        if self._seen % 2:
            self.note(odd=True)
            return None
        self.note(half=self._seen / 2, rsi=None)
        return self.long()


class Silent(Noting):
    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        return self.long()


def heard(cls: type[Strategy], trades: int) -> list[Event]:
    """All that comes of so many trades; each has a number."""
    seq = 0
    engine = StrategyEngine(
        [StrategyInstance(name="mine", strategy="x")], find=lambda _: cls, moment=lambda: seq
    )
    events: list[Event] = []
    for seq in range(1, trades + 1):
        at = START + seq * SECOND
        trade = MarketDataEvent(symbol="A", price=Decimal(seq), volume=Decimal(1), ts=at)
        events += engine.on_market(trade, Record(seq, at, trade)) or ()
    return events


def test_a_signal_has_what_was_noted_at_its_event_and_nothing_older() -> None:
    second, fourth = heard(Noting, 4)
    assert isinstance(second, StrategySignalEvent)
    assert isinstance(fourth, StrategySignalEvent)
    assert second.notes == {"price": "2", "seen": 2, "half": 1.0, "rsi": None}
    assert fourth.notes == {"price": "4", "seen": 4, "half": 2.0, "rsi": None}


def test_where_nothing_is_noted_nothing_is_written() -> None:
    (signal,) = heard(Silent, 1)
    assert b"notes" not in msgspec.json.encode(signal)


@pytest.mark.parametrize("wrong", [{"x": object()}, {"x": [1]}, {f"n{n}": n for n in range(40)}])
def test_what_is_no_note_is_a_failure_of_the_strategy(wrong: dict[str, Any]) -> None:
    class Wrong(Strategy):
        def on_trade(self, trade: MarketDataEvent) -> Signal | None:
            self.note(**wrong)
            return self.long()

    (failure,) = heard(Wrong, 1)
    assert isinstance(failure, SystemEvent)
    assert failure.kind == "strategy_failed"
    assert "note" in failure.message


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=300),
    st.decimals(allow_nan=True),
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=60), VALUES, max_size=MOST_NOTES))
def test_json_gives_back_what_was_written(notes: dict[str, Any]) -> None:
    signal = StrategySignalEvent(
        symbol="A", action=SignalAction.BUY, strategy="s", notes=sane_notes(notes)
    )
    written = msgspec.json.encode(Record(1, 1, signal))
    read = msgspec.json.decode(written, type=Record)
    assert read.event == signal
    assert msgspec.json.encode(read) == written
    assert len(written) < 20_000
    for name, value in signal.notes.items():
        assert name.isprintable()
        assert not isinstance(value, str) or value.isprintable()


def test_notes_are_the_same_in_a_replay() -> None:
    """With the default strategy, which names its averages."""
    settings = load_settings(None)
    trades = [
        MarketDataEvent(
            symbol="BTCUSDT",
            price=Decimal(60_000 + (n % 40) * (1 if n // 40 % 2 else -1) * 5),
            volume=Decimal(1),
            ts=START + n * SECOND,
        )
        for n in range(200)
    ]
    run = TradingSystem(
        settings, Account.open("a", "USDT", Decimal(100_000)), "run", DataClock(),
        gateway=on_paper(settings),
    )  # fmt: skip
    run.open()
    records = run.apply(*trades) + run.end_of_data()
    signals = [r.event for r in records if isinstance(r.event, StrategySignalEvent)]
    assert signals
    assert all({*signal.notes} == {"fast", "slow"} for signal in signals)
    journalled = msgspec.json.decode(msgspec.json.encode(records), type=list[Record])
    again = TradingSystem(settings, Account.open("a", "USDT", Decimal(100_000)), "run", DataClock())
    differences: list[Any] = []
    follower = Deciding(again, lambda recorded, decided: differences.append((recorded, decided)))
    for record in journalled:
        follower.take(record)
    follower.end()
    assert not differences
