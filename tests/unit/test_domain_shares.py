"""Shares add up to the whole, nobody gets more than it wanted, the last takes what rounding leaves."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.domain.shares import fitted, part_of, shared_out

D = Decimal
LOT = D("0.001")
LOTS = st.integers(-5_000, 5_000).map(lambda n: n * LOT)
WANTS = st.lists(LOTS, min_size=1, max_size=5).map(
    lambda lots: {f"s{n}": lot for n, lot in enumerate(lots)}
)


@each_row(
    ("whole", "weights", "shares"),
    [
        ("1", ["1", "1", "1"], ["0.333", "0.333", "0.334"]),
        ("1", ["2", "1", "1"], ["0.5", "0.25", "0.25"]),
        ("-1", ["1", "2"], ["-0.333", "-0.667"]),
        ("2", ["3", "-1"], ["3", "-1"]),
        ("0", ["1", "2"], ["0", "0"]),
        ("0.0004", ["1", "1"], ["0", "0.0004"]),
    ],
)
def test_the_last_takes_what_rounding_leaves(
    whole: str, weights: list[str], shares: list[str]
) -> None:
    named = {f"s{n}": D(weight) for n, weight in enumerate(weights)}
    assert [*shared_out(D(whole), named, LOT).values()] == [D(share) for share in shares]


@given(WANTS.filter(lambda w: sum(w.values()) != 0), st.integers(0, 1000))
def test_a_part_of_wishes_is_never_more_than_a_wish(wants: dict[str, D], percent: int) -> None:
    whole = sum(wants.values(), D(0))
    net = (whole * percent / 1000 / LOT).to_integral_value() * LOT
    shares = part_of(wants, net, LOT)
    assert sum(shares.values(), D(0)) == net
    for name, share in shares.items():
        assert abs(share) <= abs(wants[name])
        assert share * wants[name] >= 0


@given(WANTS, LOTS)
def test_what_is_fitted_adds_up_to_what_can_be_had(wants: dict[str, D], net: D) -> None:
    bought = sum((want for want in wants.values() if want > 0), D(0))
    sold = sum((want for want in wants.values() if want < 0), D(0))
    shares = fitted(wants, net, LOT)
    assert sum(shares.values(), D(0)) == min(max(net, sold), bought)
    assert list(shares) == [name for name in wants if name in shares]
    for name, share in shares.items():
        assert 0 < abs(share) <= abs(wants[name])
        assert share * wants[name] > 0


@each_row(
    ("net", "shares"),
    [
        ("0", {"a": "2", "b": "-3", "c": "1"}),
        ("-1", {"a": "1.333", "b": "-3", "c": "0.667"}),
        ("-3", {"b": "-3"}),
        ("1", {"a": "2.667", "b": "-3", "c": "1.333"}),
        ("3", {"a": "4", "b": "-3", "c": "2"}),
        ("4", {"a": "4", "b": "-2", "c": "2"}),
    ],
)
def test_only_one_side_is_cut(net: str, shares: dict[str, str]) -> None:
    wants = {"a": D(4), "b": D(-3), "c": D(2)}
    assert fitted(wants, D(net), LOT) == {name: D(share) for name, share in shares.items()}
