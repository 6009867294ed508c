"""A strategy that is told symbols by its parameters is not run without them, nor on what cannot
be sold short."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.risk_system import BTC, ETH, perpetual
from tradectl.config.settings import Settings
from tradectl.domain.errors import UsageError
from tradectl.domain.instruments import Instrument
from tradectl.runtime.named_symbols import refuse_absent_symbols
from tradectl.runtime.run_options import RunOptions
from tradectl.storage.directory import StateDir
from tradectl.strategy.configured import StrategyInstance

BOTH = (perpetual(BTC), perpetual(ETH))


def options(folder: Path, instruments: tuple[Instrument, ...], **parameters: str) -> RunOptions:
    chosen = StrategyInstance(name="p", strategy="pairs", parameters=dict(parameters))
    settings = Settings(symbols=(BTC, ETH), strategies=(chosen,), instruments=instruments)
    return RunOptions(settings=settings, state_dir=StateDir(folder))


def test_pairs_of_two_perpetuals_that_are_traded_run(tmp_path: Path) -> None:
    refuse_absent_symbols(options(tmp_path, BOTH, first=BTC, second=ETH), (BTC, ETH))


@pytest.mark.parametrize(
    ("instruments", "second", "told"),
    [
        (
            BOTH,
            "SOLUSDT",
            "p: second = 'SOLUSDT' is not traded: name a perpetual of those that are",
        ),
        (BOTH[:1], ETH, "p: second = 'ETHUSDT' is no perpetual, and cannot be sold short"),
    ],
)
def test_others_are_refused_as_the_run_begins(
    tmp_path: Path, instruments: tuple[Instrument, ...], second: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        refuse_absent_symbols(options(tmp_path, instruments, first=BTC, second=second), (BTC, ETH))
