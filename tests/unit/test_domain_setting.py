"""A setting's bounds and words, as they stand beside its field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import pytest
from msgspec import Struct

from tests.fixtures.rows import each_row
from tradectl.config.settings import FeedSettings, OrchestratorConfig, Settings
from tradectl.domain.errors import ConfigError
from tradectl.domain.events import KINDS
from tradectl.domain.setting import Bounds, expected, fields_of, is_struct
from tradectl.portfolio.portfolio_settings import PortfolioSettings


def tables_in(kind: Any) -> list[type[Struct]]:
    return [inner for inner in (kind, *get_args(kind)) if is_struct(inner)]


TABLES = [table for field in fields_of(Settings).values() for table in tables_in(field.kind)]


@each_row(
    ("bounds", "words", "inside", "outside"),
    [
        (Bounds(), "", [-1, 0, 10**9], []),
        (Bounds(ge=1), "from 1 up", [1, 2], [0]),
        (Bounds(gt=0), "above 0", [Decimal("1e-9")], [0, -1]),
        (Bounds(ge=0, le=1), "from 0 to 1", [0, 0.5, 1], [-0.1, 1.1]),
        (Bounds(ge=0, lt=1), "from 0 to below 1", [0, Decimal("0.99")], [1]),
        (Bounds(gt=-2, lt=2), "above -2 to below 2", [-1, 1], [-2, 2]),
        (Bounds(ge=1, le=9, off=0), "from 1 to 9, or 0 for off", [0, 1, 9], [0.5, 10]),
    ],
)
def test_bounds_in_numbers_and_in_words(
    bounds: Bounds, words: str, inside: list[Any], outside: list[Any]
) -> None:
    assert bounds.described() == words
    assert all(map(bounds.admit, inside))
    assert not any(map(bounds.admit, outside))


def test_every_setting_says_what_it_means() -> None:
    assert len(TABLES) == 21
    for fields in map(fields_of, (Settings, *TABLES)):
        plain = {name: field for name, field in fields.items() if not tables_in(field.kind)}
        assert [name for name, field in plain.items() if not field.help] == []


@each_row("value", [True, "5", None, float("nan"), float("inf"), 0.0, 86_401])
def test_a_value_in_code_is_held_to_its_bounds(value: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"^orchestrator\.shutdown_timeout_seconds: expected a num"
    ):
        OrchestratorConfig(shutdown_timeout_seconds=value)


def test_what_money_is_multiplied_with_is_exact() -> None:
    with pytest.raises(ConfigError, match=r"expected a Decimal, a number above 0 .*, got 0\.2"):
        PortfolioSettings(fraction=0.2)  # type: ignore[arg-type]


def test_a_whole_number_is_a_number() -> None:
    assert FeedSettings(stale_after_seconds=5).stale_after_seconds == 5


@each_row(
    ("key", "words"),
    [
        ("max_failures", "a whole number from 1 up"),
        ("max_leverage", 'a number above 0 to below 1e15, or "none" for off'),
        ("durability", 'one of "batched", "strict"'),
        ("symbols", "a list of texts"),
        ("strategies", "a list of tables"),
        ("channels", 'a list, each one of "trades", "quotes", "book"'),
        ("parameters", "a table"),
    ],
)
def test_what_is_expected_is_said_in_one_way(key: str, words: str) -> None:
    field = next(fields_of(t)[key] for t in (Settings, *TABLES) if key in fields_of(t))
    assert expected(field.kind, field.bounds) == words


def test_a_start_compiles_no_types_out_of_texts() -> None:
    """Of what every run reads: settings, and the events of a journal."""
    for struct in [*TABLES, *KINDS]:
        own = [c.__annotations__ for c in struct.__mro__ if "__annotations__" in vars(c)]
        texts = [name for types in own for name, kind in types.items() if isinstance(kind, str)]
        assert not texts, struct
