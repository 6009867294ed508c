"""An order's life at a venue: every state takes every trigger by a row of the table, or refuses it."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from tradectl.domain.errors import IllegalTransition
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec
from tradectl.exchange.live.tracked_order import (
    NEXT,
    TrackedOrder,
    TrackingState,
    TrackingTrigger,
)

TABLE = """
              deny    refuse     lose       see   fill          end        complete  miss
sending       over    over       unknown    open  filled_first  ending     -         -
unknown       -       -          -          open  filled_first  ending     -         not_found
filled_first  -       over       unknown    open  filled_first  ending     over      not_found
open          -       over       open       open  open          ending     over      not_found
ending        -       over       ending     ending ending       ending     over      not_found
over          -       over       over       over  over          over       -         over
not_found     -       not_found  not_found  returned  not_found  returned  -         not_found
returned      -       returned   returned   returned  returned   returned  over      returned
"""


def order(state: TrackingState) -> TrackedOrder:
    return TrackedOrder(OrderSpec("o1", "BTCUSDT", Side.BUY, Decimal(1)), "client", 0, state)


def rows() -> dict[tuple[str, str], str]:
    head, *lines = TABLE.strip("\n").splitlines()
    triggers = head.split()
    return {
        (state, trigger): after
        for state, *cells in map(str.split, lines)
        for trigger, after in zip(triggers, cells, strict=True)
    }


def test_the_table_is_the_one_that_is_printed_here() -> None:
    printed = rows()
    assert set(printed) == {(s.value, t.value) for s, t in product(TrackingState, TrackingTrigger)}
    written = {(s.value, t.value): after.value for (s, t), after in NEXT.items()}
    assert written == {pair: after for pair, after in printed.items() if after != "-"}


def test_every_pair_is_a_row_or_is_refused() -> None:
    for state, trigger in product(TrackingState, TrackingTrigger):
        tracked = order(state)
        if (state, trigger) in NEXT:
            assert tracked.step(trigger) == (tracked.state is not state), (state, trigger)
            assert tracked.state is NEXT[state, trigger], (state, trigger)
        else:
            with pytest.raises(IllegalTransition, match=f"{state} does not take {trigger}"):
                tracked.step(trigger)
            assert tracked.state is state, trigger


def test_only_what_is_not_over_can_be_unresolved() -> None:
    for state in TrackingState:
        tracked = order(state)
        assert not (tracked.is_over and tracked.is_unresolved), state
        assert tracked.is_unresolved or not tracked.is_unknown, state


def test_nothing_that_is_over_begins_to_work_again() -> None:
    over = {state for state in TrackingState if order(state).is_over}
    assert all(after in over for (state, _), after in NEXT.items() if state in over)


def test_every_state_but_the_first_is_reached() -> None:
    assert {*NEXT.values()} == {*TrackingState} - {TrackingState.SENDING}
