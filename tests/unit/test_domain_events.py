"""Every event is frozen, belongs to a family, and comes back from its JSON as it went."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.domain.brackets import Bracket
from tradectl.domain.errors import (
    AlreadyRunning,
    ConfigError,
    CoreError,
    Halted,
    JournalDamaged,
    JournalFailed,
    NotRunning,
    TradectlError,
    UsageError,
)
from tradectl.domain.events import (
    AnyEvent,
    BarEvent,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    EventPriority,
    EventType,
    ExecutionEvent,
    LimitBreached,
    MarketDataEvent,
    OrderEvent,
    OrderFilled,
    PortfolioEvent,
    QuoteEvent,
    QuotesWanted,
    Record,
    RiskEvent,
    SignalAction,
    StrategySignalEvent,
    TimerFired,
)
from tradectl.domain.orders import NEXT

KINDS: tuple[type[Event], ...] = get_args(AnyEvent)
ENCODER = msgspec.json.Encoder(decimal_format="string")
DECODER = msgspec.json.Decoder(Record)

LEGS: dict[str, Any] = {
    "stop_loss_pct": st.none() | st.decimals("0.001", 99, places=3),
    "take_profit_price": st.none() | st.decimals("0.001", 10**9, places=3),
}
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
    Bracket: st.builds(Bracket, **LEGS)
    | st.builds(
        Bracket,
        **LEGS,
        trailing_pct=st.decimals("0.001", 99, places=3),
        trail_step_bps=st.decimals(0, 9_000, places=1),
    ),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Anything that a field of this type may hold."""
    if hint in PLAIN:
        return PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return built(hint)
    if get_origin(hint) is dict:
        key, value = get_args(hint)
        return st.dictionaries(values(key), values(value), max_size=3)
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        if parts[-1] is Ellipsis:
            return st.lists(values(parts[0]), max_size=3).map(tuple)
        return st.tuples(*map(values, parts))
    return st.one_of([values(part) for part in get_args(hint)])


def built(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{name: values(hints[name]) for name in kind.__struct_fields__})


EVENTS = st.one_of([built(kind) for kind in KINDS])


@given(EVENTS, st.integers(1, 2**62), st.integers(0, 2**62), st.integers(0, 2**62))
def test_a_record_comes_back_from_its_json_equal_and_of_the_same_kind(
    event: Any, seq: int, at: int, cause: int
) -> None:
    record = Record(seq, at, event, cause)
    line = ENCODER.encode(record)
    back = DECODER.decode(line)
    assert back == record
    assert type(back.event) is type(event)
    assert ENCODER.encode(back) == line
    assert b"\n" not in line


def test_every_event_says_its_family_and_its_priority() -> None:
    for kind in KINDS:
        assert kind.event_type in EventType, kind
        assert kind.priority in EventPriority, kind


def test_events_are_frozen_and_not_tracked_by_the_collector() -> None:
    for kind in KINDS:
        assert kind.__struct_config__.frozen, kind
        assert not kind.__struct_config__.gc, kind


def test_each_event_has_a_name_of_its_own_on_the_wire() -> None:
    tags = [kind.__struct_config__.tag for kind in KINDS]
    assert len(set(tags)) == len(tags)
    assert {kind.__struct_config__.tag_field for kind in KINDS} == {"type"}


def test_the_seven_families_all_have_events() -> None:
    assert {kind.event_type for kind in KINDS} == set(EventType)


def test_the_classes_go_before_each_other_as_promised() -> None:
    """emergency > command > execution > risk > timer > market data"""
    ranked = [
        EmergencyStopReceived,
        CommandReceived,
        ExecutionEvent,
        LimitBreached,
        TimerFired,
        MarketDataEvent,
    ]
    priorities = [kind.priority for kind in ranked]  # type: ignore[attr-defined]
    assert priorities == sorted(EventPriority)
    assert OrderFilled.priority is ExecutionEvent.priority
    assert QuoteEvent.priority is BarEvent.priority is MarketDataEvent.priority


def test_decimals_are_strings_on_the_wire_and_defaults_are_left_out() -> None:
    event = MarketDataEvent(symbol="BTCUSDT", price=Decimal("1.10"), volume=Decimal(2))
    assert ENCODER.encode(Record(1, 5, event)) == (
        b'{"seq":1,"at":5,"event":{"type":"market_data","symbol":"BTCUSDT","price":"1.10","volume":"2"}}'
    )


def snake_case(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def test_an_event_s_name_on_the_wire_is_that_of_its_class() -> None:
    for kind in KINDS:
        assert kind.__struct_config__.tag == snake_case(kind.__name__).removesuffix("_event")


@each_row(
    ("family", "base"),
    [
        (EventType.PORTFOLIO, PortfolioEvent),
        (EventType.ORDER, OrderEvent),
        (EventType.RISK, RiskEvent),
        (EventType.MARKET_DATA, MarketDataEvent),
        (EventType.STRATEGY_SIGNAL, StrategySignalEvent),
    ],
)
def test_a_family_is_what_is_derived_from_its_base(family: EventType, base: type[Event]) -> None:
    bases = (base, QuotesWanted) if base is StrategySignalEvent else base
    assert {k for k in KINDS if k.event_type is family} == {
        k for k in KINDS if issubclass(k, bases)
    }


def test_each_word_of_an_exchange_is_a_column_of_the_order_table_of_its_own() -> None:
    words = [kind for kind in KINDS if issubclass(kind, ExecutionEvent)]
    triggers = [kind.trigger for kind in words]
    assert len({*triggers}) == len(words) == 8
    assert {*triggers} <= {trigger for _, trigger in NEXT}


@each_row("base", [PortfolioEvent, OrderEvent, RiskEvent, ExecutionEvent, Event])
def test_the_base_of_a_family_is_nothing_that_a_journal_could_hold(base: type[Event]) -> None:
    assert base not in KINDS


@each_row(
    "line",
    [
        b'{"seq":1,"at":5,"event":{"type":"nonsense"}}',
        b'{"seq":1,"at":5,"event":{"symbol":"X"}}',
        b'{"seq":1,"at":5}',
        b'{"seq":"1","at":5,"event":{"type":"timer_fired","name":"risk"}}',
        b'{"seq":1,"at":5,"event":{"type":"market_data","symbol":"X","price":"abc","volume":"1"}}',
        b"[]",
        b"",
        b"[" * 100_000,
    ],
    ids=["unknown type", "no type", "no event", "text for a number", "words", "list", "", "deep"],
)
def test_what_is_not_an_event_is_refused(line: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        DECODER.decode(line)


@each_row("name", ["strength", "confidence"])
@each_row(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        "0.5",
        None,
        [],
        *map(Decimal, ("NaN", "sNaN", "Infinity")),
    ],
)
def test_a_signal_that_a_journal_could_not_give_back_cannot_be_made(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"finite number|NaN"):
        StrategySignalEvent(symbol="X", action=SignalAction.BUY, strategy="s", **{name: value})


@each_row("value", [0, 1, 2, 0.1, -0.5, 1e300, Decimal("0.25")])
def test_a_signal_of_any_finite_strength_comes_back_from_the_journal(value: Any) -> None:
    signal = StrategySignalEvent(
        symbol="X", action=SignalAction.BUY, strategy="s", strength=value, confidence=value
    )
    assert DECODER.decode(ENCODER.encode(Record(1, 5, signal))).event == signal


@each_row(
    ("error", "code"),
    [
        (TradectlError, 1),
        (UsageError, 2),
        (ConfigError, 2),
        (JournalFailed, 1),
        (NotRunning, 4),
        (Halted, 6),
        (AlreadyRunning, 7),
        (CoreError, 1),
    ],
)
def test_errors_carry_the_exit_code_of_the_command_line(
    error: type[TradectlError], code: int
) -> None:
    assert error.exit_code == code


def test_damage_names_the_first_record_that_cannot_be_trusted() -> None:
    assert JournalDamaged("broken", 7).seq == 7
