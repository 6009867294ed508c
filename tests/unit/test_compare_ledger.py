"""The ledger of two runs adds up to the difference of their results, exactly, whatever they did."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tradectl.analysis.round_trips import RoundTrip
from tradectl.domain.money import less_exactly, summed
from tradectl.domain.time import SECOND
from tradectl.explain.ledger import Origin, SeenTrip, lines_of, matched, totals

D = Decimal

AMOUNTS = st.decimals(-1_000_000, 1_000_000, places=8)
COSTS = st.decimals(0, 1_000, places=10)
SIZES = st.decimals("0.00000001", 1_000, places=8)


def trip(**fields: Any) -> RoundTrip:
    plain: dict[str, Any] = {
        "strategy": "s", "symbol": "BTCUSDT", "side": "long", "entered": D(1), "entry_value": D(100),
        "exited": D(1), "exit_value": D(110), "held": D(0), "mark": D(110), "pnl": D(10),
        "fees": D(0), "slippage": D(0), "funding": D(0), "opened_at": 0, "closed_at": 1,
        "signal_at": 0, "signal_data_at": 0, "exit_data_at": 0, "entry_seq": 3, "exit_seq": 4,
        "entry_reason": "", "exit_reason": "", "entry_order": "", "exit_order": "",
    }  # fmt: skip
    return RoundTrip(**plain | fields)


@st.composite
def seen(draw: st.DrawFn) -> SeenTrip:
    moment = draw(st.integers(0, 20)) * SECOND
    made = trip(
        strategy=draw(st.sampled_from("ab")),
        symbol=draw(st.sampled_from(["BTCUSDT", "ETHUSDT"])),
        side=draw(st.sampled_from(["long", "short"])),
        entered=draw(SIZES),
        pnl=draw(AMOUNTS),
        fees=draw(COSTS),
        slippage=draw(COSTS) - 500,
        funding=draw(COSTS) - 500,
        opened_at=moment,
        carried=draw(st.booleans()),
        is_open=draw(st.booleans()),
        signal_data_at=draw(st.sampled_from([0, moment, moment + 5])),
        exit_data_at=draw(st.integers(0, 3)) * 10 * SECOND,
    )
    return SeenTrip(made, draw(COSTS))


@given(st.lists(seen(), max_size=6), st.lists(seen(), max_size=6), AMOUNTS)
def test_the_lines_add_up_exactly(a: list[SeenTrip], b: list[SeenTrip], outside: Decimal) -> None:
    found = matched(a, b)
    assert len(found.pairs) * 2 + len(found.only_a) + len(found.only_b) == len(a) + len(b)
    difference = less_exactly(
        summed([*(s.trip.pnl for s in b), outside]), summed(s.trip.pnl for s in a)
    )
    assert summed(totals(found, outside).values()) == difference
    for pair in found.pairs:
        assert summed(pair.lines.values()) == pair.difference
        assert pair.a.trip.strategy == pair.b.trip.strategy
        assert pair.a.trip.side == pair.b.trip.side


def test_what_each_line_is() -> None:
    """B has twice the size, another fee, and paid a spread and more for its fills."""
    times = {"signal_data_at": 5, "exit_data_at": 9}
    twice = {"entered": D(2), "pnl": D(11), "fees": D(5), "slippage": D(3), "funding": D(-1)}
    a = SeenTrip(trip(pnl=D(8), fees=D(2), slippage=D(1), **times), D("0.4"))
    b = SeenTrip(trip(**times, **twice), D(1))
    assert lines_of(a, b) == {
        Origin.SIZE: D(8),
        Origin.LATENCY: D(-2),
        Origin.SPREAD: D("-0.2"),
        Origin.SLIPPAGE: D("-0.8"),
        Origin.FEES: D(-1),
        Origin.FUNDING: D(-1),
    }
    times["exit_data_at"] += 2 * SECOND
    otherwise_left = SeenTrip(trip(**times, **twice), D(1))
    assert lines_of(a, otherwise_left)[Origin.EXIT] == D(-2)


def given_at(moment: int, **fields: Any) -> SeenTrip:
    return SeenTrip(trip(signal_data_at=moment, **fields), D(0))


def test_trips_are_matched_by_their_signals_time() -> None:
    early, late = given_at(10), given_at(20 * SECOND)
    near, other = given_at(20 * SECOND + 1000), given_at(10, strategy="t")
    found = matched([early, late], [other, near])
    assert [(pair.a, pair.b) for pair in found.pairs] == [(late, near)]
    assert (found.only_a, found.only_b) == ([early], [other])
    (same,) = matched([early], [near, early]).pairs
    assert same.b is early
