"""What of brackets is watched or moved here is said of the simulated market, too."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.perpetuals import perpetual
from tradectl.config.settings import Settings
from tradectl.doctor.bracketed import simulated_brackets
from tradectl.domain.brackets import Bracket
from tradectl.strategy.configured import StrategyInstance

D = Decimal


def said(symbols: tuple[str, ...], **legs: Any) -> dict[str, str]:
    settings = Settings(
        symbols=symbols,
        instruments=(perpetual("PERP"),),
        strategies=(StrategyInstance(name="s", strategy="ema-cross", bracket=Bracket(**legs)),),
    )
    return {finding.check: finding.message for finding in simulated_brackets(settings)}


@pytest.mark.parametrize(
    ("symbols", "names"),
    [
        (("BTCUSDT",), ["paper spot: take-profits"]),
        (("PERP",), ["paper perpetuals: take-profits"]),
        (("PERP", "BTCUSDT"), ["paper spot: take-profits", "paper perpetuals: take-profits"]),
    ],
)
def test_targets_rest_or_are_watched(symbols: tuple[str, ...], names: list[str]) -> None:
    found = said(symbols, take_profit_pct=D(3))
    assert list(found) == names
    assert all("watched here" in text for name, text in found.items() if "spot" in name)
    assert all("rest at the" in text for name, text in found.items() if "perpetuals" in name)


def test_a_trailing_stop_is_moved_by_us_and_without_legs_there_is_nothing_to_say() -> None:
    assert "moved by us" in said(("BTCUSDT",), trailing_pct=D(3))["paper spot: trailing stops"]
    assert said(("BTCUSDT",)) == {}
