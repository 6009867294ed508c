"""What `tradectl exchanges` says of them is what the tests prove, and nothing more."""

from __future__ import annotations

import pytest

from tests.fixtures.rows import each_row
from tests.venues import spoken
from tests.venues.__main__ import PATH, text
from tradectl.domain.errors import UsageError
from tradectl.exchange.ccxt_venue.described import exchange_detail, exchange_rows
from tradectl.exchange.ccxt_venue.tables import described_exchanges, table_of


def test_what_is_written_down_is_what_is_proven() -> None:
    """`python -m tests.venues` writes it anew."""
    assert PATH.read_text() == text()


def test_whoever_is_played_back_has_a_table() -> None:
    assert {name for name, _ in spoken()} <= set(described_exchanges())


@pytest.mark.parametrize("name", sorted({name for name, _ in spoken()}))
def test_one_is_told_with_what_it_cannot_and_that_it_was_not_tried(name: str) -> None:
    found = exchange_detail(name)
    assert found.described
    assert found.tested_by
    assert "untested with the real exchange" in found.note
    kinds = {k for n, k in spoken() if n == name} | table_of(name).elsewhere.keys()
    assert sorted(kind.kind for kind in found.proven) == sorted(kinds)
    assert all(kind.cases and kind.source for kind in found.proven)


@each_row("name", sorted({name for name, _ in spoken()}))
def test_how_long_an_order_may_live_is_read_in_its_document_or_said_to_be_hearsay(
    name: str,
) -> None:
    """A stand-by goes by it: whether an order that was signed before may still arrive."""
    fence = table_of(name).fence
    assert fence.read_in or any(word in fence.rule for word in ("unknown", "copies", "others"))
    found = exchange_detail(name)
    assert (found.fence, found.fence_read_in) == (fence.rule, fence.read_in)


def test_a_kind_that_has_another_name_is_told_with_its_proofs() -> None:
    found, other = exchange_detail("kraken"), exchange_detail("krakenfutures")
    assert (found.spot, found.perpetual, found.funding_history) == (True, True, True)
    assert found.stops == ["spot", "perpetual"]
    assert set(other.tested_by) < set(found.tested_by)
    assert "its perpetual is krakenfutures to ccxt: other keys" in found.note
    assert "krakenfutures to ccxt" not in other.note


def test_the_described_come_first_and_the_others_claim_nothing() -> None:
    rows = exchange_rows()
    described = [row.described for row in rows]
    assert described.index(False) == sum(described[: described.index(False)])
    undescribed = next(row for row in rows if not row.described)
    assert undescribed.tested_by == []
    assert undescribed.position_modes == []
    assert "nothing is proven" in exchange_detail(undescribed.id).note


def test_a_name_that_there_is_not_is_told_with_those_near_it() -> None:
    with pytest.raises(UsageError, match="did you mean binance"):
        exchange_detail("binanc")


def test_another_name_of_an_exchange_has_its_table() -> None:
    assert table_of("binanceusdm") is table_of("binance")
