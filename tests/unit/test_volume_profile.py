"""`data volume`: shares of a day's volume that `vwap` takes as they are."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.command import command
from tradectl.config.settings import Settings
from tradectl.domain.errors import DataError
from tradectl.execution.execution_settings import ExecutionSettings
from tradectl.operations.data_check import DataOptions
from tradectl.operations.volume_profile import volume_profiles

BEGIN_MS = 1_735_689_600_000  # 2025-01-01
HOUR_MS = 3_600_000
NOW = (BEGIN_MS + 30 * 24 * HOUR_MS) * 1_000_000


def trades(path: Path, hours: list[int]) -> Path:
    """Two days; in each hour as many coins as it says."""
    rows = ["timestamp,price,amount"]
    for day in range(2):
        for hour, coins in enumerate(hours):
            at = BEGIN_MS + (day * 24 + hour) * HOUR_MS + 60_000
            rows += [f"{at},100,{coins}"] if coins else []
    path.write_text("\n".join(rows) + "\n")
    return path


def test_the_shares_are_those_of_the_parts(tmp_path: Path) -> None:
    path = trades(tmp_path / "BTCUSDT.csv", [1, 3] * 12)
    (hours,) = volume_profiles([path], DataOptions(settings=Settings(), now=NOW), 24)
    assert (hours.symbol, hours.days) == ("BTCUSDT", 2)
    assert hours.shares == ["0.020833", "0.0625"] * 12
    (halves,) = volume_profiles([path], DataOptions(settings=Settings(), now=NOW), 2)
    assert halves.shares == ["0.5", "0.5"]
    profile = tuple(Decimal(share) for share in hours.shares)
    assert ExecutionSettings(algorithm="vwap", volume_profile=profile)


def test_a_part_without_volume_is_refused(tmp_path: Path) -> None:
    path = trades(tmp_path / "BTCUSDT.csv", [1] * 23 + [0])
    with pytest.raises(DataError, match="part 24 of 24 of the day has no volume"):
        volume_profiles([path], DataOptions(settings=Settings(), now=NOW), 24)


def test_it_is_printed_as_a_line_of_the_configuration(tmp_path: Path) -> None:
    path = trades(tmp_path / "BTCUSDT.csv", [1, 3] * 12)
    shown = command("data", "volume", path, "--parts", "4")
    assert shown.out == "# BTCUSDT, 2 days\nvolume_profile = [0.25, 0.25, 0.25, 0.25]\n"
    told = json.loads(command("data", "volume", path, "--json").out)
    assert [each["symbol"] for each in told] == ["BTCUSDT"]
