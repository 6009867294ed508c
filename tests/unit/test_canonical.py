"""One spelling for equal things: what hashes alike, and what does not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.fixtures.rows import each_row
from tradectl.domain.canonical import canonical_hash
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus


class Named(msgspec.Struct):
    order_id: str = ""
    status: str = ""
    words: tuple[str, ...] = ()
    ids: dict[str, None] = {}


def spec(quantity: str, side: Side = Side.BUY) -> OrderSpec:
    return OrderSpec("run-1-1", "BTCUSDT", side, Decimal(quantity))


@each_row(
    ("one", "other"),
    [
        pytest.param(spec("1.50"), spec("1.5"), id="a decimal without its zeros"),
        pytest.param(Named(status=OrderStatus.FILLED), Named(status="filled"), id="a word"),
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, id="whatever the order of the keys"),
        pytest.param(Named(words=("a", "b")), Named(words=["a", "b"]), id="a list"),  # type: ignore[arg-type]
    ],
)
def test_equal_things_hash_alike(one: Any, other: Any) -> None:
    assert canonical_hash(one) == canonical_hash(other)


def test_other_words_and_other_numbers_hash_differently() -> None:
    specs = [spec("1"), spec("1", Side.SELL), spec("10")]

    assert len({canonical_hash(each) for each in specs}) == 3


def test_only_the_named_fields_lose_what_they_begin_with() -> None:
    def hashed(value: Named, run: str) -> str:
        return canonical_hash(value, without=run, named=frozenset({"order_id", "words", "ids"}))

    of_a = hashed(Named("a-1", "filled", ("a-2",), {"a-4": None, "a-3": None}), "a-")

    assert of_a == hashed(Named("b-1", "filled", ("b-2",), {"b-4": None, "b-3": None}), "b-")
    assert of_a != hashed(Named("a-1", "filled", ("a-2",), {"a-3": None, "a-4": None}), "a-")
    assert hashed(Named(status="a-1"), "a-") != hashed(Named(status="b-1"), "b-")
