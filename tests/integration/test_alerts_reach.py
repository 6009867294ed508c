"""Alerts reach a webhook from a real run: whatever becomes of the process in between, and once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import running, tradectl, wait_until
from tests.fixtures.monitoring import until
from tests.fixtures.notices import OtherEnd, other_end
from tests.fixtures.run_inputs import replayed
from tradectl.config.load import load_settings
from tradectl.monitoring.alert import Alert
from tradectl.runtime.run import TradingRun
from tradectl.runtime.run_options import RunOptions
from tradectl.storage.directory import StateDir

STRATEGY = """
from tradectl.strategy import Strategy


class Fails(Strategy):
    def on_trade(self, trade):
        raise ValueError("https://hooks.example.org/T0/s3cr3t-p4rt <b>")
"""
CONFIG = """
[[alert_channels]]
name = "phone"
[[alert_channels]]
name = "file"
kind = "log"
[[alert_routes]]
channels = ["phone"]
types = ["strategy_failed"]
[[alert_routes]]
channels = ["file"]
about = "trades"
"""


@pytest.fixture
def end() -> Iterator[OtherEnd]:
    with other_end() as end:
        yield end


def at(end: OtherEnd) -> dict[str, Any]:
    """The environment of a run whose channel leads there."""
    return {"TRADECTL_CHANNEL_PHONE_URL": end.url}


@pytest.mark.parametrize("stored", [True, False])
def test_an_alert_between_a_kill_and_a_restart_is_told_once(
    stored: bool, tmp_path: Path, end: OtherEnd
) -> None:
    """It may have been killed before there was more of it than its event. What it has sent by then may
    arrive later: at an end of its own, which refuses it."""
    (tmp_path / "fails.py").write_text(STRATEGY)
    (tmp_path / "c.toml").write_text(CONFIG)
    folder = tmp_path / "state"
    words = ("-c", tmp_path / "c.toml", "--symbol", "BTCUSDT")
    failing = ("--strategy", f"{tmp_path / 'fails.py'}:Fails")

    def waiting() -> list[str]:
        if not (folder / "state.db").exists():
            return []
        with closing(sqlite3.connect(folder / "state.db")) as db:
            return [key for (key,) in db.execute("SELECT key FROM outbox")]

    with other_end() as down:
        down.status = 503
        with running(folder, *words, *failing, **at(down)) as run:
            wait_until(waiting)
            run.kill()
    (key,) = waiting()
    assert key.endswith("/route0")
    if not stored:
        with closing(sqlite3.connect(folder / "state.db")) as db, db:
            db.execute("DELETE FROM outbox")
            db.execute("DELETE FROM alerts")
    ended = tradectl(folder, "run", *words, "--headless", "--duration", 0.5, "--json", **at(end))
    assert ended.code == 0, ended.err
    posted = [alert for body in end.posted for alert in body["alerts"]]
    told = posted[0]
    assert (told["id"] == key.partition("/")[0]) is stored
    assert told["type"] == "strategy_failed"
    assert told["message"].startswith("before the run was killed: ") is not stored
    assert [each["status"] for each in posted] == ["active", "resolved"] if stored else ["resolved"]
    assert posted[-1]["message"].endswith("; the run ended") or not stored
    assert waiting() == []
    assert replayed(folder, 0).verified
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"s3cr3t-t0ken" not in everything + json.dumps(ended.out).encode() + ended.err.encode()
    assert "s3cr3t-p4rt" not in json.dumps(end.posted)


@pytest.mark.parametrize("configured", ["by flag", "by the last run", "nowhere", "lost"])
def test_a_stop_that_no_process_tells_of_is_told_by_the_command_or_by_the_next_run(
    configured: str, tmp_path: Path, end: OtherEnd
) -> None:
    """The command has the channels of the configuration that it is given, or that the last run was."""
    config, folder = tmp_path / "c.toml", tmp_path / "state"
    config.write_text('[[alert_channels]]\nname = "phone"\n')
    words = ("-c", config)
    if configured in ("by the last run", "lost"):
        tradectl(folder, "run", *words, "--headless", "--duration", 0.1, **at(end))
        assert end.posted == []
    if configured == "lost":
        config.rename(tmp_path / "d.toml")
    stop = ("emergency-stop", "--reason", "smoke", "--json")
    stopped = tradectl(folder, *stop, *(words if configured == "by flag" else ()), **at(end))
    assert json.loads(stopped.out)["confirmed"]
    assert ("c.toml: there is no such file" in stopped.err) is (configured == "lost")
    assert len(end.posted) == (configured in ("by flag", "by the last run"))
    if configured == "lost":
        (tmp_path / "d.toml").rename(config)
    assert tradectl(folder, "clear-halt", "--confirm").code == 0
    tradectl(folder, "run", *words, "--headless", "--duration", 0.2, "--json", **at(end))
    (told,) = [
        alert
        for body in end.posted
        for alert in body["alerts"]
        if alert["type"] == "emergency_stop"
    ]
    assert told["severity"] == "critical"
    assert told["message"].startswith("stopped at 2")
    assert "smoke" in told["message"]


def test_a_run_without_a_configuration_leaves_none_for_a_stop(
    tmp_path: Path, end: OtherEnd
) -> None:
    config, folder = tmp_path / "c.toml", tmp_path / "state"
    config.write_text('[[alert_channels]]\nname = "phone"\n')
    for words in (("-c", config), ()):
        tradectl(folder, "run", *words, "--headless", "--duration", 0.1, **at(end))
        assert (folder / "configuration").exists() is bool(words)
    assert tradectl(folder, "emergency-stop", **at(end)).code == 0
    assert end.posted == []


async def test_that_a_run_fails_is_told_although_no_event_says_so(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path / "s")
    state_dir.create()
    channels = {"alert_channels": [{"name": "file", "kind": "log"}]}
    options = RunOptions(settings=load_settings(None, channels, {}), state_dir=state_dir)
    with state_dir.owned():
        run = TradingRun(options, None)
        await run.execute(Ending(run))
    (line,) = (tmp_path / "s" / "alerts.log").read_text().splitlines()
    assert line.endswith(
        "CRITICAL the run has ended: failed: as the test wants it (run, run_failed)"
    )


async def test_a_latch_that_cannot_be_read_is_shown_and_told(tmp_path: Path) -> None:
    """It denies every order, and no event says so."""
    state_dir = StateDir(tmp_path / "s")
    state_dir.create()
    often = ["orchestrator.health_check_interval_seconds=0.05"]
    options = RunOptions(settings=load_settings(None, {}, {}, often), state_dir=state_dir)
    with state_dir.owned():
        run = TradingRun(options, None)
        shown = Unreadable(run, state_dir.path / "halt")
        await run.execute(shown)
    assert shown.halts == [None, "the latch file is unreadable, which counts as set", None]


class Unreadable:
    """Ends its run once it is told that the latch cannot be read, and that it can be again."""

    def __init__(self, run: TradingRun, latch: Path) -> None:
        self.run, self.latch = run, latch
        self.halts: list[str | None] = []

    async def start(self, run: TradingRun) -> None:
        self.looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        self._note()
        was = self.latch.read_bytes()
        self.latch.write_bytes(b"{torn")
        await until(self._told)
        (alert,) = self._told()
        assert alert.severity == "critical"
        self._note()
        self.latch.write_bytes(was)
        await until(lambda: not self._told())
        self._note()
        self.run.end("it has been told")

    def _told(self) -> list[Alert]:
        return [a for a in self.run.alerts.get_active_alerts() if a.component == "halt-latch"]

    def _note(self) -> None:
        halt = self.run.status.now().halt
        self.halts.append(halt.reason if halt is not None else None)

    async def stop(self) -> None:
        await self.looking


class Ending:
    """Ends its run as soon as that has begun, as if something had failed."""

    def __init__(self, run: TradingRun) -> None:
        self.run = run

    async def start(self, run: TradingRun) -> None:
        run.end("failed: as the test wants it")

    async def stop(self) -> None:
        """There is nothing to close."""
