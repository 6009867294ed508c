"""Texts from outside are made harmless; times are spelled in one way."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.domain.text import LONGEST, ascii_json, harmless
from tradectl.domain.time import DAY, MILLISECOND, SECOND, iso

WICKED = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x07\r\n\t\u202e\u2066\u200b\u0301\u0336\ufeff\ufe0f\u2028\x9b\udc80"),
    ),
    max_size=60,
)


@given(WICKED, st.integers(0, 80))
def test_a_harmless_text_is_one_printable_line_within_its_limit(text: str, limit: int) -> None:
    shown = harmless(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown)


@given(WICKED)
def test_a_harmless_text_can_be_written_anywhere(text: str) -> None:
    assert harmless(text).encode().decode() == harmless(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=LONGEST))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


@each_row(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "?[31mred?[0m"),
        ("two\nlines\r\n", "two lines  "),
        ("abc\u202edef", "abc?def"),
        ("zero\u200bwidth", "zero?width"),
        ("Z\u0336\u0301a\u0300\u0301\u0302\u0303lgo", "\u0179\u00e0lgo"),
        ("caf\u00e9 \u4ef7\u683c \u20ac", "caf\u00e9 \u4ef7\u683c \u20ac"),
        ("e\u0301", "\u00e9"),
        ("\udc80", "?"),
    ],
    ids=ascii,
)
def test_what_a_terminal_would_obey_is_taken_out(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_what_is_cut_says_so() -> None:
    assert harmless("a" * 600) == "a" * 497 + "..."
    assert harmless("abcdef", 5) == "ab..."
    assert [harmless("abcdef", n) for n in range(4)] == ["", ".", "..", "..."]


def test_anything_that_has_a_text_can_be_shown() -> None:
    assert harmless(ValueError("no\nway")) == "no way"
    assert harmless(None) == "None"


@each_row(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_723_161_255_342_000_999, "2024-08-08T23:54:15.342000Z"),
        (DAY - 1, "1970-01-01T23:59:59.999999Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (MILLISECOND, "1970-01-01T00:00:00.001000Z"),
    ],
)
def test_a_time_is_spelled_in_iso_8601(ns: int, text: str) -> None:
    assert iso(ns) == text


@given(st.integers(0, 4_000_000_000 * SECOND))
def test_a_spelled_time_reads_back_to_the_microsecond(ns: int) -> None:
    moment = datetime.fromisoformat(iso(ns))
    assert (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) == ns // 1000


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_spelled_times_sort_like_the_times(one: int, other: int) -> None:
    assert (iso(one) <= iso(other)) or one > other


@given(st.text())
def test_json_in_ascii_is_the_same_json(text: str) -> None:
    plain = ascii_json(json.dumps({"a": text}, ensure_ascii=False, indent=2))
    assert json.loads(plain) == {"a": text}
    assert all(c == "\n" or " " <= c <= "~" for c in plain)
