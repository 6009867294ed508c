"""A restart in which strategies know the market of the run before: by the commands that a user types."""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import (
    events_of,
    journals,
    records_of,
    reseal,
    running,
    tradectl,
    wait_until,
)
from tests.fixtures.run_inputs import Character, replayed, written
from tradectl.domain.events import MarketDataEvent, StrategySignalEvent, WarmUpReceived

SLOW = """
feed.ticks_per_second = 100
symbols = ["BTCUSDT"]

[[strategies]]
name = "slow"
strategy = "ema-cross"
parameters = { fast = 5, slow = 20, band_bps = 0.0 }
"""
NEED = 100
A_TICKS_MOVE = Decimal("0.0005")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "slow.toml"
    path.write_text(SLOW)
    return path


def slow(folder: Path) -> dict[str, Any]:
    rows = tradectl(folder, "status", "--json").document()["strategies"]
    return next(row for row in rows if row["name"] == "slow")


def warm_ups(path: Path) -> list[WarmUpReceived]:
    return [r.event for r in records_of(path) if isinstance(r.event, WarmUpReceived)]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_begins_with_what_the_run_before_recorded(
    tmp_path: Path, config: Path, ending: signal.Signals
) -> None:
    folder = tmp_path / "state"
    with running(folder, "-c", config) as run:
        assert slow(folder)["warm"] in (False, True)
        wait_until(lambda: slow(folder)["warm"])
        run.send(ending)
        run.end()
    with running(folder, "-c", config) as run:
        assert slow(folder)["warm"] is True
        assert "not warm" not in tradectl(folder, "status").out
        run.send(signal.SIGTERM)
        run.end()
    first, second = journals(folder)
    left_at = events_of(first, MarketDataEvent)[-1].price
    begun_at = events_of(second, MarketDataEvent)[0].price
    assert abs(begun_at / left_at - 1) < A_TICKS_MOVE  # the simulated market goes on, too
    assert warm_ups(first) == []
    [past] = warm_ups(second)
    assert past.run_id == first.stem
    recorded = [r.event for r in records_of(first)]
    assert [event.price for event in past.events] == [
        event.price for event in recorded if type(event) is type(past.events[0])
    ][-NEED:]
    records = records_of(second)
    signals = [r.seq for r in records if isinstance(r.event, StrategySignalEvent)]
    assert all(seq > 1 for seq in signals)
    assert isinstance(records[0].event, WarmUpReceived)
    for number in (0, 1):
        assert replayed(folder, number).verified


def test_a_run_that_has_not_seen_enough_says_so(tmp_path: Path) -> None:
    config, folder = tmp_path / "long.toml", tmp_path / "state"
    config.write_text(SLOW.replace("slow = 20", "slow = 100000"))
    with running(folder, "-c", config):
        assert slow(folder)["warm"] is False
        assert "not warm yet: slow" in tradectl(folder, "status").out


def test_another_market_is_no_past(tmp_path: Path, config: Path) -> None:
    """A fresh account, and one whose strategies hear other symbols, begin cold."""
    folder = tmp_path / "state"
    other = tmp_path / "other.toml"
    other.write_text(SLOW.replace("BTCUSDT", "ETHUSDT"))
    for words in (["-c", config], ["-c", config, "--fresh"], ["-c", other]):
        with running(folder, *words) as run:
            wait_until(lambda: slow(folder)["warm"])
            run.send(signal.SIGTERM)
            run.end()
    assert [len(warm_ups(path)) for path in journals(folder)] == [0, 0, 0]


def test_a_journal_that_says_it_continues_itself_leads_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    words = ("run", "--headless", "--duration", "0.2")
    assert tradectl(folder, *words).code == 0
    [path] = journals(folder)
    header, *others = path.read_bytes().splitlines()
    forged = header.replace(b'"source":"simulated"', b'"source":"reconcile"')
    forged = forged.replace(b'"continues":""', b'"continues":"%s"' % path.stem.encode())
    assert forged != header
    path.write_bytes(reseal([forged, *others]))
    assert tradectl(folder, *words, "--trust-journal").code == 0
    assert warm_ups(journals(folder)[-1]) == []


def test_a_position_that_a_run_has_no_data_of_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, Character.KEEN)
    state = tmp_path / "state"
    words = ("run", "--headless", "-c", path, "--duration", "1")
    assert " FILL " in tradectl(state, *words, "--symbol", "BTCUSDT").err
    other = tradectl(state, *words, "--symbol", "ETHUSDT")
    assert other.code == 0
    assert "ALERT ERROR" in other.err
    assert "BTCUSDT: held, and not among the symbols of this run" in other.err
    assert "not among the symbols" not in tradectl(state, *words).err
    assert replayed(state).verified
