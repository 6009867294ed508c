"""Numbers that enter are finite and sane; numbers that leave lie on a step."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.domain.money import (
    LARGEST,
    ZERO,
    Side,
    floor_to,
    is_multiple,
    is_sane,
    number,
    plain,
    round_to,
    side_of,
)

STEPS = st.sampled_from(["1e-8", "0.00001", "0.01", "0.25", "0.3", "1", "5"]).map(Decimal)
AMOUNTS = st.decimals("-1000000", "1000000", places=8, allow_nan=False)


@each_row(
    ("text", "value"),
    [
        ("0", "0"),
        ("-0.5", "-0.5"),
        ("1e3", "1000"),
        ("00012.50", "12.5"),
        ("999999999999999.99999999", "999999999999999.99999999"),
    ],
)
def test_a_number_is_read_as_it_is_spelled(text: str, value: str) -> None:
    assert number(text) == Decimal(value)


@each_row(
    "text",
    ["", "abc", "1,5", "nan", "NaN", "sNaN", "-nan", "inf", "-Infinity", "1e15", "-1e15", "1e400"],
)
def test_what_is_not_a_finite_number_of_sane_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (finite )?number"):
        number(text)


def test_a_number_of_five_thousand_digits_is_refused_without_showing_them() -> None:
    with pytest.raises(ValueError, match="a number of 5000 characters") as refusal:
        number("1" * 5000)
    assert len(str(refusal.value)) < 100


@each_row("text", ["1_000", " 5 ", "5\n", "١٢", "1e-400"])
def test_a_number_is_spelled_in_plain_digits(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        number(text)


@each_row("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1e15", "-1e15", "1e99"])
def test_insane_values_are_told_apart_without_raising(text: str) -> None:
    assert not is_sane(Decimal(text))


@given(st.decimals(-LARGEST, LARGEST, allow_nan=False, allow_infinity=False))
def test_everything_below_the_largest_is_sane(value: Decimal) -> None:
    assert is_sane(value) is (value.copy_abs() < LARGEST)  # abs() would round


@given(AMOUNTS, STEPS)
def test_flooring_goes_toward_zero_by_less_than_a_step_and_lands_on_one(
    value: Decimal, step: Decimal
) -> None:
    floored = floor_to(value, step)
    assert is_multiple(floored, step)
    assert abs(floored) <= abs(value) < abs(floored) + step
    assert floored * value >= 0


@given(AMOUNTS, STEPS)
def test_rounding_lands_on_the_nearest_step(value: Decimal, step: Decimal) -> None:
    rounded = round_to(value, step)
    assert is_multiple(rounded, step)
    assert abs(rounded - value) <= step / 2


@given(AMOUNTS, STEPS)
def test_rounding_again_changes_nothing(value: Decimal, step: Decimal) -> None:
    assert floor_to(floor_to(value, step), step) == floor_to(value, step)
    assert round_to(round_to(value, step), step) == round_to(value, step)


@each_row(
    ("value", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("0E-8", "0"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("1.500", "1.5"),
        ("-2.0", "-2"),
        ("1E-8", "0.00000001"),
    ],
)
def test_plain_text_has_no_exponent_and_no_trailing_zeros(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@given(AMOUNTS, st.integers(0, 5))
def test_equal_numbers_give_equal_text_that_reads_back_equal(value: Decimal, zeros: int) -> None:
    padded = value.quantize(Decimal(1).scaleb(-8 - zeros))
    assert plain(padded) == plain(value)
    assert Decimal(plain(value)) == value


@pytest.mark.parametrize("side", list(Side))
def test_a_side_signs_quantities_and_is_read_from_their_sign(side: Side) -> None:
    assert side_of(side.signed(Decimal(3))) is side
    assert side.signed(Decimal(3)) == -side.opposite.signed(Decimal(3))
    assert side.opposite.opposite is side


def test_a_sum_of_sane_amounts_is_exact_to_the_last_satoshi() -> None:
    largest = Decimal("999999999999999.99999999")
    assert largest + Decimal("1e-8") - largest == Decimal("1e-8")
    assert ZERO + largest == largest
