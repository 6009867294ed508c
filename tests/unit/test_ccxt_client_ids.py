"""Our client order ids in the form that an exchange wants, and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.domain.orders import client_order_id, tag_of
from tradectl.exchange.ccxt_venue.client_ids import AS_THEY_ARE, ClientIds, HexClientIds

HEX = HexClientIds()


def test_as_they_are_and_with_a_beginning() -> None:
    assert (AS_THEY_ARE.theirs("abc"), AS_THEY_ARE.ours("abc")) == ("abc", "abc")
    assert (ClientIds("t-").theirs("abc"), ClientIds("t-").ours("t-abc")) == ("t-abc", "abc")
    assert ClientIds("t-").ours("somebody's") == "somebody's"


def test_as_a_number() -> None:
    assert HEX.theirs("z") == "0x7adec701" + "0" * 22 + "23"
    assert HEX.theirs("0010") == "0x7adec704" + "0" * 22 + "24"
    assert HEX.ours("0x7ADEC704" + "0" * 22 + "24") == "0010"


@given(st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=18))
def test_none_is_lost_on_the_way_there_and_back(ours: str) -> None:
    theirs = HEX.theirs(ours)
    assert len(theirs) == 34
    assert int(theirs, 16) < 2**128
    assert HEX.ours(theirs) == ours


def test_one_of_an_order_is_one_of_ours_when_it_comes_back() -> None:
    ours = client_order_id("account", "run-1-2")
    assert tag_of(HEX.ours(HEX.theirs(ours))) == tag_of(ours) != ""


@each_row("theirs", ["", "0x" + "a" * 32, "0x1234", "0x7adec7ff" + "0" * 24])
def test_what_is_somebody_elses_stays_as_it_is(theirs: str) -> None:
    assert HEX.ours(theirs) == theirs
