"""One input runs to completion before the next, and who is called when is written down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.bus import (
    Listener,
    core_with,
    label,
    labels,
    note,
    risk,
    run_step,
    submit,
    tick,
    timer,
)
from tradectl.bus.core import Core, Stage
from tradectl.domain.errors import CoreError
from tradectl.domain.events import (
    Event,
    LimitBreached,
    MarketDataEvent,
    OrderApproved,
    QuoteEvent,
    Record,
    SystemEvent,
)

INPUT = 0


def causes(records: list[Record]) -> list[tuple[int, str, int]]:
    return [(record.seq, label(record.event), record.cause) for record in records]


def test_an_input_gets_the_next_number_the_given_time_and_no_cause() -> None:
    core = Core()
    run_step(core, note("first"), at=5)
    assert run_step(core, note("second"), at=9) == [Record(2, 9, note("second"), INPUT)]
    assert (core.seq, core.at) == (2, 9)


def test_handlers_are_called_in_the_order_of_their_stages_whoever_came_first() -> None:
    log: list[str] = []
    stages = [Stage.PORTFOLIO, Stage.STATE, Stage.EXECUTION, Stage.STRATEGY, Stage.RISK]
    core = core_with(*[(stage, SystemEvent, Listener(stage.name, log)) for stage in stages])
    run_step(core, note("x"))
    assert log == ["STATE:x", "STRATEGY:x", "RISK:x", "EXECUTION:x", "PORTFOLIO:x"]


def test_handlers_of_one_stage_are_called_in_the_order_of_attachment() -> None:
    log: list[str] = []
    core = core_with(*[(Stage.STRATEGY, SystemEvent, Listener(name, log)) for name in "cab"])
    run_step(core, note("x"))
    assert log == ["c:x", "a:x", "b:x"]


def test_a_handler_of_a_kind_sees_its_subclasses_and_nothing_else() -> None:
    market, quotes, everything = Listener(), Listener(), Listener()
    core = core_with(
        (Stage.STATE, MarketDataEvent, market),
        (Stage.STATE, QuoteEvent, quotes),
        (Stage.STATE, Event, everything),
    )
    quote = QuoteEvent(symbol="X", price=tick().price, volume=tick().volume)
    for event in (tick(), quote, note("x")):
        run_step(core, event)
    assert [len(seen.log) for seen in (market, quotes, everything)] == [2, 1, 3]


def test_a_handler_attached_or_detached_later_counts_from_the_next_step() -> None:
    early, late = Listener(), Listener()
    core = core_with((Stage.STATE, SystemEvent, early))
    run_step(core, note("a"))
    core.attach(SystemEvent, late, Stage.STATE)
    run_step(core, note("b"))
    core.detach(early)
    run_step(core, note("c"))
    assert (early.log, late.log) == (["a", "b"], ["b", "c"])


def test_what_handlers_say_is_drained_first_in_first_out_with_its_cause() -> None:
    talker = Listener(
        a=[note("b"), note("c")], b=[note("d"), note("e")], c=[note("f")], d=[note("g")]
    )
    core = core_with((Stage.STATE, SystemEvent, talker))
    assert causes(run_step(core, note("a"))) == [
        (1, "a", INPUT),
        (2, "b", 1),
        (3, "c", 1),
        (4, "d", 2),
        (5, "e", 2),
        (6, "f", 3),
        (7, "g", 4),
    ]


def test_all_handlers_see_an_event_before_what_the_first_of_them_said() -> None:
    log: list[str] = []
    core = core_with(
        (Stage.STATE, SystemEvent, Listener("first", log, a=[note("b")])),
        (Stage.RISK, SystemEvent, Listener("second", log)),
    )
    run_step(core, note("a"))
    assert log == ["first:a", "second:a", "first:b", "second:b"]


def test_a_derived_event_happens_at_the_time_of_its_input() -> None:
    core = core_with((Stage.STATE, SystemEvent, Listener(a=[note("b")])))
    assert [record.at for record in run_step(core, note("a"), at=42)] == [42, 42]


def test_a_failing_handler_is_named_and_the_others_go_on() -> None:
    def broken(event: Event, record: Record) -> None:
        if label(record.event) == "a":
            raise ValueError("no \x1b[31mway")

    after = Listener(a=[note("b")])
    core = core_with((Stage.STATE, SystemEvent, broken), (Stage.RISK, SystemEvent, after))
    _, failure, answer = run_step(core, note("a"))
    assert isinstance(failure.event, SystemEvent)
    assert failure.event.kind == "component_failed"
    assert failure.event.component.endswith("broken")
    assert failure.event.message.endswith("broken: ValueError: no ?[31mway")
    assert label(answer.event) == "b"
    assert after.log == ["a", "component_failed", "b"]


def test_a_core_error_halts_with_its_reason() -> None:
    def strict(event: Event, record: Record) -> None:
        if isinstance(record.event, MarketDataEvent):
            raise CoreError("overfilled")

    core = core_with((Stage.STATE, Event, strict))
    halt = run_step(core, tick())[1]
    assert isinstance(halt.event, LimitBreached)
    assert (halt.event.code, halt.event.action, halt.cause) == ("core_error", "halt", 1)
    assert "overfilled" in halt.event.message


def test_a_failure_in_the_middle_of_a_cascade_is_told_in_its_place() -> None:
    def broken(event: Event, record: Record) -> None:
        if label(record.event) == "b":
            raise ValueError("no")

    talker = Listener(a=[note("b"), note("c")])
    core = core_with((Stage.STATE, SystemEvent, talker), (Stage.RISK, SystemEvent, broken))
    assert causes(run_step(core, note("a"))) == [
        (1, "a", INPUT),
        (2, "b", 1),
        (3, "c", 1),
        (4, "component_failed", 2),
    ]


def test_a_handler_written_as_a_generator_may_fail_like_any_other() -> None:
    def broken(event: Event, record: Record) -> Iterator[Event]:
        if label(record.event) == "a":
            yield note("b")
            raise ValueError("no")

    core = Core()
    core.attach(SystemEvent, broken, Stage.STATE)
    assert "component_failed" in labels(run_step(core, note("a")))


def test_a_handler_that_returns_a_bare_event_fails_alone() -> None:
    core = Core()
    core.attach(MarketDataEvent, lambda _, __: note("b"), Stage.STATE)  # type: ignore[arg-type,return-value]
    assert "component_failed" in labels(run_step(core, tick()))


@pytest.mark.parametrize("nothing", [None, "words", 5])
def test_a_handler_that_emits_what_is_no_event_fails_alone(nothing: object) -> None:
    core = Core()
    core.attach(MarketDataEvent, lambda _, __: [nothing], Stage.STATE)  # type: ignore[list-item]
    records = run_step(core, tick())
    assert all(isinstance(record.event, Event) for record in records)
    assert "component_failed" in labels(records)


# --- runaway cascades --------------------------------------------------------------------------------


SHORT = 50


def test_a_runaway_cascade_ends_in_a_halt_and_the_next_input_is_handled() -> None:
    core = core_with((Stage.STATE, SystemEvent, Listener(echo=[note("echo")])), max_cascade=SHORT)
    records = run_step(core, note("echo"))
    assert len(records) == 1 + 50 + 1
    halt = records[-1]
    assert isinstance(halt.event, LimitBreached)
    assert (halt.event.code, halt.event.action) == ("runaway_cascade", "halt")
    assert halt.cause == records[-2].cause
    assert labels(run_step(core, note("quiet"))) == ["quiet"]


def test_the_books_hear_of_the_halt_of_a_runaway_cascade() -> None:
    books = Listener()
    core = core_with(
        (Stage.STATE, LimitBreached, books),
        (Stage.STRATEGY, SystemEvent, Listener(echo=[note("echo"), note("echo")])),
        max_cascade=SHORT,
    )
    run_step(core, note("echo"))
    assert books.log == ["runaway_cascade"]


def test_nothing_that_a_runaway_cascade_asked_of_an_exchange_leaves() -> None:
    core = Core(max_cascade=SHORT)

    def orders_for_ever(event: Event, record: Record) -> list[Event]:
        core.outbox.append(submit(f"o{record.seq}"))
        return [note("again")]

    core.attach(SystemEvent, orders_for_ever, Stage.STRATEGY)
    run_step(core, note("go"))
    assert core.outbox == []


@pytest.mark.parametrize("length", [1, 49])
def test_a_cascade_shorter_than_the_bound_is_left_alone(length: int) -> None:
    core = core_with(
        (Stage.STATE, SystemEvent, Listener(a=[note("b")] * length)), max_cascade=SHORT
    )
    assert labels(run_step(core, note("a"))) == ["a"] + ["b"] * length


def test_what_is_said_to_the_halt_of_a_runaway_cascade_is_heard() -> None:
    cancels = Listener(runaway_cascade=[note("cancel")])
    core = core_with(
        (Stage.STRATEGY, SystemEvent, Listener(echo=[note("echo")])),
        (Stage.EXECUTION, LimitBreached, cancels),
        max_cascade=SHORT,
    )
    assert labels(run_step(core, note("echo")))[-2:] == ["runaway_cascade", "cancel"]


def test_a_halt_that_runs_away_itself_comes_to_an_end_too() -> None:
    core = core_with(
        (Stage.STRATEGY, SystemEvent, Listener(echo=[note("echo")])),
        (Stage.EXECUTION, LimitBreached, Listener(runaway_cascade=[note("echo")])),
        max_cascade=SHORT,
    )
    records = run_step(core, note("echo"))
    assert len(records) < 1 + 2 * 50 + 2
    assert labels(records).count("runaway_cascade") == 1
    assert labels(run_step(core, note("quiet"))) == ["quiet"]


# --- identifiers -------------------------------------------------------------------------------------


def test_identifiers_are_made_of_the_run_the_input_and_a_count() -> None:
    core = core_with((Stage.STATE, SystemEvent, lambda _, __: None))
    run_step(core, note("a"))
    assert [core.new_id(), core.new_id()] == ["r-1-1", "r-1-2"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_no_identifier_is_ever_given_twice(script: list[tuple[int, int]]) -> None:
    """Whatever is asked for inside a step, in its cascade, or between two steps."""
    core = Core("r")
    given_out: list[str] = []
    asked = 0

    def asks(event: Event, record: Record) -> list[Event]:
        given_out.extend(core.new_id() for _ in range(asked))
        return [timer("x")] if isinstance(record.event, SystemEvent) else []

    core.attach(Event, asks, Stage.STRATEGY)
    for inside, between in script:
        asked = inside
        run_step(core, note("a"))
        given_out.extend(core.new_id() for _ in range(between))
    assert len(set(given_out)) == len(given_out)


@given(st.lists(st.sampled_from("abcd"), max_size=15))
def test_the_same_inputs_give_the_same_records_in_every_run(words: list[str]) -> None:
    def run() -> list[Record]:
        core = core_with(
            (Stage.STRATEGY, SystemEvent, Listener(a=[note("b"), risk("c")], b=[risk("d")])),
            (Stage.RISK, LimitBreached, Listener(c=[note("e")])),
        )
        return [record for word in words for record in run_step(core, note(word))]

    assert run() == run()


@given(st.lists(st.sampled_from("abcd"), max_size=15))
def test_numbers_have_no_gap_and_every_cause_lies_before(words: list[str]) -> None:
    core = core_with((Stage.STRATEGY, SystemEvent, Listener(a=[note("b"), note("c")])))
    records = [record for word in words for record in run_step(core, note(word))]
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    assert all(record.cause < record.seq for record in records)


def test_what_is_at_once_goes_before_what_waits_and_nothing_else_does() -> None:
    """The next order is judged when the books have the last approval."""
    log: list[str] = []
    approval = OrderApproved(order=submit("o1").order)
    leads_to: dict[str, list[Event]] = {
        "x": [note("first"), note("second")],
        "first": [note("later"), approval],
    }

    def judged(event: SystemEvent, _record: Record) -> list[Event]:
        log.append(event.kind)
        return leads_to.get(event.kind, [])

    core = core_with(
        (Stage.RISK, SystemEvent, judged),
        (Stage.STATE, OrderApproved, lambda event, _record: log.append(event.order_id)),
    )
    run_step(core, note("x"))
    assert log == ["x", "first", "o1", "second", "later"]
