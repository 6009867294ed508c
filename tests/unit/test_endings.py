"""How a run ended is told from the words that it left."""

from __future__ import annotations

from tests.fixtures.rows import each_row
from tradectl.domain.endings import Ending, ending, is_a_part


@each_row(
    ("source", "reason", "ended"),
    [
        ("recorded", "end of data", Ending.CLEAN),
        ("recorded", "halted", Ending.CLEAN),
        ("recorded", "duration is over", Ending.CLEAN),
        ("recorded", "interrupted", Ending.INTERRUPTED),
        ("recorded", "terminated", Ending.INTERRUPTED),
        ("recorded", "the terminal was closed", Ending.INTERRUPTED),
        ("recorded", "the journal failed", Ending.BROKE_OFF),
        ("exchange", "failed: no space left", Ending.BROKE_OFF),
        ("exchange", "interrupted", Ending.CLEAN),
        ("simulated", "stopped by command", Ending.CLEAN),
        ("recorded", "", Ending.CRASHED),
        ("exchange", None, Ending.CRASHED),
        ("exchange", "crashed", Ending.CRASHED),
    ],
)
def test_recorded_data_has_an_end_to_come_to(
    source: str, reason: str | None, ended: Ending
) -> None:
    assert ending(source, reason, goes_on=False) is ended
    assert (is_a_part(ended, reason or "", "2021-04-01") == "") is (ended is Ending.CLEAN)


def test_what_goes_on_has_not_ended() -> None:
    assert ending("exchange", None, goes_on=True) is Ending.RUNNING
    assert "still trades" in is_a_part(Ending.RUNNING, "", "2021-04-01")
