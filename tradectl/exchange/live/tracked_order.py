"""One order of ours at a venue, and its life there as a table.

`NEXT[state, trigger]` is the state after it. A venue may report anything at any time: late, twice, in the
wrong order. What the table does not have cannot happen, and `step` raises.

The books' `OrderStatus` is what was reported to the core; this is how far the venue's own reports are
understood. Two facts go beside the state, for they may be true in any of them: a cancel is wanted, and
the venue has counted more fills than it has reported.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct, field

from tradectl.domain.errors import IllegalTransition
from tradectl.domain.events import ExecutionEvent
from tradectl.domain.money import ZERO
from tradectl.domain.orders import OrderSpec


class TrackingState(StrEnum):
    SENDING = "sending"
    """about to be sent, or sent and not answered"""
    UNKNOWN = "unknown"
    """sent, and no answer came that can be believed: the venue is asked for the order"""
    FILLED_FIRST = "filled_first"
    """a fill was reported before the order itself"""
    OPEN = "open"
    """the venue has reported the order, working or filled"""
    ENDING = "ending"
    """over at the venue; its end is reported when the fills that were counted are there"""
    OVER = "over"
    """its end was reported, or it never left"""
    NOT_FOUND = "not_found"
    """reported expired because the venue knows no such order; a fill may prove it wrong"""
    RETURNED = "returned"
    """it was not found, and is there after all: it is cancelled, and its true end is reported"""


class TrackingTrigger(StrEnum):
    DENY = "deny"
    """we held it back: it did not leave"""
    REFUSE = "refuse"
    """the answer to the submission is no, for certain"""
    LOSE = "lose"
    """the answer to the submission is lost, or cannot be believed"""
    SEE = "see"
    """the venue reports the order under an id of its own"""
    FILL = "fill"
    """the venue reports a fill"""
    END = "end"
    """the venue reports it canceled, rejected or expired"""
    COMPLETE = "complete"
    """every counted fill is there, and it is filled or ended"""
    MISS = "miss"
    """the venue has said for long enough that it knows no such order"""


S, T = TrackingState, TrackingTrigger

NEXT: dict[tuple[TrackingState, TrackingTrigger], TrackingState] = {
    (S.SENDING, T.DENY): S.OVER,
    (S.SENDING, T.REFUSE): S.OVER,
    (S.SENDING, T.LOSE): S.UNKNOWN,
    (S.SENDING, T.SEE): S.OPEN,
    (S.SENDING, T.FILL): S.FILLED_FIRST,
    (S.SENDING, T.END): S.ENDING,
    # any report by the venue ends the uncertainty
    (S.UNKNOWN, T.SEE): S.OPEN,
    (S.UNKNOWN, T.FILL): S.FILLED_FIRST,
    (S.UNKNOWN, T.END): S.ENDING,
    (S.UNKNOWN, T.MISS): S.NOT_FOUND,
    # the stream was faster than the answer to the submission, which may still be lost
    (S.FILLED_FIRST, T.REFUSE): S.OVER,
    (S.FILLED_FIRST, T.LOSE): S.UNKNOWN,
    (S.FILLED_FIRST, T.SEE): S.OPEN,
    (S.FILLED_FIRST, T.FILL): S.FILLED_FIRST,
    (S.FILLED_FIRST, T.END): S.ENDING,
    (S.FILLED_FIRST, T.COMPLETE): S.OVER,
    (S.FILLED_FIRST, T.MISS): S.NOT_FOUND,
    # a lost answer costs nothing once the venue has reported the order in another way
    (S.OPEN, T.REFUSE): S.OVER,
    (S.OPEN, T.LOSE): S.OPEN,
    (S.OPEN, T.SEE): S.OPEN,
    (S.OPEN, T.FILL): S.OPEN,
    (S.OPEN, T.END): S.ENDING,
    (S.OPEN, T.COMPLETE): S.OVER,
    (S.OPEN, T.MISS): S.NOT_FOUND,
    (S.ENDING, T.REFUSE): S.OVER,
    (S.ENDING, T.LOSE): S.ENDING,
    (S.ENDING, T.SEE): S.ENDING,
    (S.ENDING, T.FILL): S.ENDING,
    (S.ENDING, T.END): S.ENDING,
    (S.ENDING, T.COMPLETE): S.OVER,
    (S.ENDING, T.MISS): S.NOT_FOUND,
    # over: a late fill is booked, and whatever else comes late changes nothing
    **{(S.OVER, late): S.OVER for late in (T.REFUSE, T.LOSE, T.SEE, T.FILL, T.END, T.MISS)},
    **{(S.NOT_FOUND, late): S.NOT_FOUND for late in (T.REFUSE, T.LOSE, T.FILL, T.MISS)},
    (S.NOT_FOUND, T.SEE): S.RETURNED,
    (S.NOT_FOUND, T.END): S.RETURNED,
    **{(S.RETURNED, late): S.RETURNED for late in (T.REFUSE, T.LOSE, T.SEE, T.FILL, T.END, T.MISS)},
    (S.RETURNED, T.COMPLETE): S.OVER,
}


class TrackedOrder(Struct, eq=False):
    """An order of ours at the venue. `counted` is what the venue says is filled, `filled` what the
    fills that it reported add up to; `ending` is the event that reports its end, with `reason`."""

    spec: OrderSpec
    client_id: str
    created_at: int
    state: TrackingState = TrackingState.SENDING
    venue_id: str = ""
    """empty until the venue has reported it: then its acceptance has been reported, too"""
    counted: Decimal = ZERO
    filled: Decimal = ZERO
    trades: set[str] = field(default_factory=set)
    ending: type[ExecutionEvent] | None = None
    reason: str = ""
    cancel_wanted: bool = False
    since_before: bool = False
    """it is from a run before this one, and has not been seen to be open in this one"""

    def step(self, trigger: TrackingTrigger) -> bool:
        """Go on; True where the state has changed. Raises IllegalTransition where there is no row."""
        before = self.state
        try:
            self.state = NEXT[before, trigger]
        except KeyError:
            raise IllegalTransition(
                f"order {self.client_id} at the venue: {before} does not take {trigger}"
            ) from None
        return self.state is not before

    @property
    def is_unresolved(self) -> bool:
        """Whether the venue has it is not known yet."""
        return self.state is TrackingState.SENDING or self.is_unknown

    @property
    def is_unknown(self) -> bool:
        return self.state is TrackingState.UNKNOWN

    @property
    def is_over(self) -> bool:
        """For the books."""
        return self.state in (TrackingState.OVER, TrackingState.NOT_FOUND, TrackingState.RETURNED)

    @property
    def awaits_its_end(self) -> bool:
        """The venue is to report it, or once more, where it was presumed."""
        return not self.is_over or self.state is TrackingState.RETURNED

    def lacks_fills(self) -> bool:
        """The venue has counted more than it has reported."""
        return self.counted > self.filled


__all__ = ["NEXT", "TrackedOrder", "TrackingState", "TrackingTrigger"]
