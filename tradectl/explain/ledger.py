"""The ledger of two runs: what each round trip of theirs has to do with the difference of their results.

Trips are matched by strategy, symbol, side and the time of the signal that entered them. Of a pair the
difference B - A is

    size      as if B had traded its size at A's result per coin: (qB / qA - 1) x pnl A
    spread, slippage, latency, exit
              prices beyond that: half the spread at each fill; the rest of what fills cost against the
              price when their order was asked for; and where the market had gone by then, or, where the
              trips were left by other signals, what that brought
    fees, funding
              beyond those of A's trip at B's size

What only one of the runs traded, and what came outside of any trip, are lines of their own. The lines
add up to the difference of the results, to the last digit: a quotient is rounded once, and what that
leaves is in the line that is worked out last.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import NamedTuple

from tradectl.analysis.round_trips import RoundTrip
from tradectl.domain.money import CENT_OF_A_SATOSHI, ZERO, less_exactly, plus_exactly, summed
from tradectl.domain.time import SECOND

NEAR = SECOND
"""Signals of one moment, by two clocks."""


class Origin(StrEnum):
    """Of a part of the difference: a line of the ledger, in its order."""

    SIZE = "size"
    LATENCY = "latency"
    SPREAD = "spread"
    SLIPPAGE = "slippage"
    EXIT = "exit"
    """the trips were left by other signals"""
    FEES = "fees"
    FUNDING = "funding"
    ONLY_A = "only_a"
    ONLY_B = "only_b"
    OUTSIDE = "outside"
    """of any round trip: funding while flat, what was left over"""


class SeenTrip(NamedTuple):
    """A round trip, and half the spread of the market at its fills, in money."""

    trip: RoundTrip
    spread: Decimal


class Pair(NamedTuple):
    a: SeenTrip
    b: SeenTrip
    lines: dict[Origin, Decimal]

    @property
    def difference(self) -> Decimal:
        return less_exactly(self.b.trip.pnl, self.a.trip.pnl)


class Matched(NamedTuple):
    pairs: list[Pair]
    only_a: list[SeenTrip]
    only_b: list[SeenTrip]


def matched(of_a: Sequence[SeenTrip], of_b: Sequence[SeenTrip]) -> Matched:
    """By strategy, symbol, side and the signal's time: the same, or else the nearest one within a
    second. Trips of no signal are matched by when they were entered."""
    left_b: dict[tuple[str, str, str], list[SeenTrip]] = {}
    for seen in sorted(of_b, key=_moment):
        left_b.setdefault(_key(seen), []).append(seen)
    pairs: list[Pair] = []
    only_a = _pair_off(of_a, left_b, pairs, 0)
    only_a = _pair_off(only_a, left_b, pairs, NEAR)
    left = {id(seen) for alone in left_b.values() for seen in alone}
    only_b = [seen for seen in of_b if id(seen) in left]
    pairs.sort(key=lambda pair: (_moment(pair.a), pair.a.trip.symbol, pair.a.trip.strategy))
    return Matched(pairs, only_a, only_b)


def _pair_off(
    of_a: Sequence[SeenTrip],
    left_b: dict[tuple[str, str, str], list[SeenTrip]],
    pairs: list[Pair],
    within: int,
) -> list[SeenTrip]:
    """Those of A that are left; of B they are sorted by their time."""
    alone = []
    for seen in of_a:
        candidates = left_b.get(_key(seen), [])
        place = _nearest(seen, candidates, within)
        if place is None:
            alone.append(seen)
        else:
            other = candidates.pop(place)
            pairs.append(Pair(seen, other, lines_of(seen, other)))
    return alone


def _nearest(seen: SeenTrip, candidates: list[SeenTrip], within: int) -> int | None:
    best, nearest, moment = None, within + 1, _moment(seen)
    for place in range(bisect_left(candidates, moment - within, key=_moment), len(candidates)):
        away = abs(_moment(candidates[place]) - moment)
        if away > within and _moment(candidates[place]) > moment:
            break
        if away < nearest and candidates[place].trip.carried == seen.trip.carried:
            best, nearest = place, away
    return best


def _key(seen: SeenTrip) -> tuple[str, str, str]:
    return seen.trip.strategy, seen.trip.symbol, seen.trip.side


def _moment(seen: SeenTrip) -> int:
    return seen.trip.signal_data_at or seen.trip.opened_at


def lines_of(a: SeenTrip, b: SeenTrip) -> dict[Origin, Decimal]:
    """Of a pair; they add up to the difference of their results."""
    one, two = a.trip, b.trip
    ratio = two.entered / one.entered if one.entered else ZERO

    def beyond(amount: Decimal, of_a: Decimal) -> Decimal:
        """Of B what is not of A's trip at B's size."""
        return less_exactly(amount, _rounded(of_a * ratio))

    lines = {
        Origin.SIZE: less_exactly(_rounded(one.pnl * ratio), one.pnl),
        Origin.SPREAD: -beyond(b.spread, a.spread),
        Origin.SLIPPAGE: -beyond(
            less_exactly(two.slippage, b.spread), less_exactly(one.slippage, a.spread)
        ),
        Origin.FEES: -beyond(two.fees, one.fees),
        Origin.FUNDING: beyond(two.funding, one.funding),
    }
    rest = less_exactly(two.pnl, one.pnl)
    for amount in lines.values():
        rest = less_exactly(rest, amount)
    left_alike = abs(one.exit_data_at - two.exit_data_at) <= NEAR
    lines[Origin.LATENCY if left_alike and one.is_open == two.is_open else Origin.EXIT] = rest
    return {line: lines[line] for line in Origin if line in lines}


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT_OF_A_SATOSHI, ROUND_HALF_EVEN)


def totals(found: Matched, outside: Decimal) -> dict[Origin, Decimal]:
    """All lines; `outside` is what came outside of trips in B less the same in A."""
    lines = dict.fromkeys(Origin, ZERO)
    for pair in found.pairs:
        for line, amount in pair.lines.items():
            lines[line] = plus_exactly(lines[line], amount)
    lines[Origin.ONLY_A] = -summed(seen.trip.pnl for seen in found.only_a)
    lines[Origin.ONLY_B] = summed(seen.trip.pnl for seen in found.only_b)
    lines[Origin.OUTSIDE] = outside
    return lines


__all__ = ["Matched", "Origin", "Pair", "SeenTrip", "lines_of", "matched", "totals"]
