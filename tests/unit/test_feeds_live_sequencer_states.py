"""The states of a symbol's trades: every one takes every trigger by a row of the table, or refuses it."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from tests.fixtures.fake_venue import trade
from tradectl.domain.errors import IllegalTransition
from tradectl.feeds.live.named_trades import NamedTradeSequencer
from tradectl.feeds.live.numbered_trades import NumberedTradeSequencer
from tradectl.feeds.live.trade_sequencer import NEXT, SequencerState, SequencerTrigger

TABLE = """
           trade      skip  lose   answer  meet    complete   release
empty      streaming  -     empty  -       -       -          empty
streaming  streaming  gap   lost   gap     -       -          streaming
lost       gap        -     lost   lost    -       -          silent
silent     gap        -     lost   lost    -       -          silent
gap        gap        -     lost   gap     joined  streaming  streaming
joined     joined     -     lost   gap     -       streaming  streaming
"""


def test_the_table_is_the_one_that_is_printed_here() -> None:
    head, *lines = TABLE.strip("\n").splitlines()
    printed = {
        (state, trigger): after
        for state, *cells in map(str.split, lines)
        for trigger, after in zip(head.split(), cells, strict=True)
    }
    pairs = product(SequencerState, SequencerTrigger)
    assert set(printed) == {(state.value, trigger.value) for state, trigger in pairs}
    written = {(s.value, t.value): after.value for (s, t), after in NEXT.items()}
    assert written == {pair: after for pair, after in printed.items() if after != "-"}


def test_every_pair_is_a_row_or_is_refused() -> None:
    for state, trigger in product(SequencerState, SequencerTrigger):
        sequencer = NamedTradeSequencer(Counter())
        sequencer.state = state
        if (state, trigger) in NEXT:
            sequencer.step(trigger)
            assert sequencer.state is NEXT[state, trigger], (state, trigger)
        else:
            with pytest.raises(IllegalTransition, match=f"{state} do not take {trigger}"):
                sequencer.step(trigger)


@pytest.mark.parametrize("kind", [NumberedTradeSequencer, NamedTradeSequencer])
def test_a_lost_stream_and_its_gap_go_through_the_states(
    kind: type[NumberedTradeSequencer | NamedTradeSequencer],
) -> None:
    sequencer = kind(Counter())
    seen = [sequencer.state.value]
    sequencer.take(trade(1))
    seen.append(sequencer.state.value)
    sequencer.stream_lost()
    seen.append(sequencer.state.value)
    assert sequencer.take(trade(4)) == []
    seen.append(sequencer.state.value)
    sequencer.backfill([trade(2), trade(3), trade(4)])
    seen.append(sequencer.state.value)
    assert [event.trade_id for event in sequencer.release(answered=True)] == ["2", "3", "4"]
    seen.append(sequencer.state.value)
    assert seen == ["empty", "streaming", "lost", "gap", "joined", "streaming"]


def test_what_was_missed_by_a_second_loss_is_not_taken_for_filled_in() -> None:
    sequencer = NumberedTradeSequencer(Counter())
    sequencer.take(trade(1))
    sequencer.stream_lost()
    sequencer.take(trade(4))
    sequencer.stream_lost()
    sequencer.take(trade(9))
    sequencer.backfill([trade(2), trade(3), trade(4), trade(5)])
    assert not sequencer.has_joined
    sequencer.backfill([trade(number) for number in range(6, 10)])
    assert sequencer.has_joined
