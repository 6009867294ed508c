"""What is kept comes in turn: each part at some commit, and not all lists at the same."""

from __future__ import annotations

import pytest

from tests.profiles import COMMIT, FAST, PROFILE, in_turn

KEPT = range(12)


def test_each_part_has_its_turn_and_only_lists_of_one_name_keep_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PROFILE, FAST)
    met, apart = set[int](), 0
    for commit in range(80):
        monkeypatch.setenv(COMMIT, str(commit))
        one, same = in_turn(KEPT, 4), in_turn(KEPT[::-1], 4)
        assert one == in_turn(KEPT, 4)
        assert same == [11 - n for n in one]
        met.update(one)
        apart += one != in_turn(KEPT, 4, name="another")
    assert met == {*KEPT}
    assert 40 <= apart < 80
