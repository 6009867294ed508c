"""A table as one test tells as much as a test for each row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.rows import each_row

TABLE = [(1, 1), (2, 3), pytest.param(4, 5, id="four"), (6, 6)]


@each_row("left, right", TABLE)
def equal(left: int, right: int, seen: list[int]) -> None:
    seen.append(left)
    assert left == right


@each_row(("left", "right"), TABLE)
async def equal_some_day(left: int, right: int, seen: list[int]) -> None:
    seen.append(left)
    assert left == right


@each_row("right", [1, 2])
@each_row("left", [1, 2])
def product(left: int, right: int, seen: list[tuple[int, int]]) -> None:
    seen.append((left, right))
    if left > right:
        pytest.fail("too much")


async def test_every_row_is_tried_and_all_that_fail_are_named() -> None:
    seen: list[int] = []
    with pytest.raises(BaseExceptionGroup, match="2 rows of 4") as caught:
        equal(seen=seen)  # type: ignore[call-arg]  # the table has the other arguments
    assert seen == [1, 2, 4, 6]
    named = [error.__notes__ for error in caught.value.exceptions]
    assert named == [["in row 2, left=2, right=3"], ["in row 3, four"]]
    with pytest.raises(BaseExceptionGroup, match="2 rows of 4"):
        await equal_some_day(seen=seen)  # type: ignore[call-arg]


def test_tables_that_are_stacked_are_a_product() -> None:
    seen: list[tuple[int, int]] = []
    with pytest.raises(pytest.fail.Exception, match="too much") as caught:
        product(seen=seen)  # type: ignore[call-arg]
    assert seen == [(1, 1), (2, 1), (1, 2), (2, 2)]
    assert caught.value.__notes__ == ["in row 2, left=2", "in row 1, right=1"]


@each_row("left", [1, 2])
def test_each_row_has_a_folder_of_its_own(left: int, tmp_path: Path) -> None:
    assert [*tmp_path.iterdir()] == []
    (tmp_path / "left").write_text(str(left))


def test_a_table_that_would_try_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a table of left, right has no rows"):
        each_row("left, right", [])
    with pytest.raises(ValueError, match="zip"):
        each_row("left, right", [(1, 2, 3)])
