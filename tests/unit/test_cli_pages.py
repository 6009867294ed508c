"""Long listings: what is printed is what was asked for, and no more is held than that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import typer
from msgspec import Struct

from tests.fixtures.rows import each_row
from tradectl.cli import pages
from tradectl.cli.options import print_json
from tradectl.cli.pages import print_page
from tradectl.storage.reader import Page

ROWS = 120


class Row(Struct):
    number: int
    name: str = "a"


class Asked:
    """Rows as a database has them, oldest first; `page` is what was wanted of them, `given` how many of
    them were taken."""

    page = Page()
    given = 0

    def __call__(self, page: Page) -> Iterator[Row]:
        self.page = page
        last = ROWS - page.skip
        first = max(0, last - page.limit) if page.limit is not None else 0
        for number in range(first, last):
            self.given += 1
            yield Row(number)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """What was laid out together."""
    shown: list[list[int]] = []
    monkeypatch.setattr(
        pages, "print_data", lambda rows, as_json, how: shown.append([r.number for r in rows])
    )
    return shown


def test_a_table_has_the_newest_rows_and_says_how_to_see_the_others(
    tables: list[list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    print_page(Asked(), False, "render.fills", None, 0, None)
    assert tables == [[*range(ROWS - 50, ROWS)]]
    assert capsys.readouterr().err == "older ones: --skip 50, or -n 0 for all\n"


@pytest.mark.parametrize(("limit", "skip"), [(120, 0), (20, 100)])
def test_where_there_are_no_others_nothing_is_said(
    limit: int, skip: int, tables: list[list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    print_page(Asked(), False, "render.fills", limit, skip, None)
    assert tables == [[*range(ROWS - skip)]]
    assert capsys.readouterr().err == ""


def test_all_of_them_are_laid_out_some_at_a_time(
    tables: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "AT_ONCE", 50)
    print_page(Asked(), False, "render.fills", 0, 0, None)
    assert [len(rows) for rows in tables] == [50, 50, 20]


def test_nothing_is_a_table_of_nothing(tables: list[list[int]]) -> None:
    for limit in (0, 50):
        print_page(Asked(), False, "render.fills", limit, ROWS, None)
    assert tables == [[], []]


@pytest.mark.parametrize("skip", [0, 119, 120])
def test_json_is_that_of_the_list(skip: int, capsys: pytest.CaptureFixture[str]) -> None:
    print_page(Asked(), True, "render.fills", None, skip, None)
    streamed = capsys.readouterr().out
    print_json([Row(number) for number in range(ROWS - skip)])
    assert streamed == capsys.readouterr().out


def test_a_time_is_utc_unless_it_says_otherwise() -> None:
    parse = pages.parse_moment
    assert parse("2026-11-29") == "2026-11-29T00:00:00.000000Z"
    assert parse("2026-11-29T08:30+02:00") == "2026-11-29T06:30:00.000000Z"


def test_what_is_wanted_since_may_be_so_long_ago() -> None:
    assert pages.parse_since("2026-11-29") == "2026-11-29T00:00:00.000000Z"
    now = datetime.now(UTC)
    for text, ago in (("90s", timedelta(seconds=90)), ("2h", timedelta(hours=2))):
        since = datetime.fromisoformat(pages.parse_since(text))
        assert timedelta() <= since - (now - ago) < timedelta(minutes=1)
    with pytest.raises(typer.BadParameter, match=r"a day or a time .* or how long ago such as 30s"):
        pages.parse_since("5 minutes")


@each_row(
    "text",
    [
        "yesterday",
        "",
        "0001-01-01T00:00+05:00",
        "9999-12-31T23:59-10:00",
        "2026-13-01",
        "20260101-20260201",
    ],
)
def test_what_is_no_time_of_ours_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected a day or a time such as"):
        pages.parse_moment(text)
