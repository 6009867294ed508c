"""A halt that nobody acknowledges is told on, although nobody trades any more; and who ends that."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import Running, running, tradectl, wait_until
from tests.fixtures.notices import OtherEnd, other_end
from tradectl.domain.states import AlertStatus
from tradectl.storage.directory import StateDir
from tradectl.storage.outbox_rows import OutboxRows
from tradectl.storage.reader import StateReader

CONFIG = """
[[alert_channels]]
name = "ops"
[[alert_channels]]
name = "boss"
[[alert_escalations]]
channels = ["boss"]
after_seconds = {after}
"""
HALTED, KILLED = 6, -9


class Setup:
    """A state directory with a configuration, and the other ends of its channels."""

    def __init__(self, folder: Path, ops: OtherEnd, boss: OtherEnd) -> None:
        self.state, self.ops, self.boss = folder / "state", ops, boss
        self.config = folder / "c.toml"
        self.env: dict[str, Any] = {
            "TRADECTL_CHANNEL_OPS_URL": ops.url,
            "TRADECTL_CHANNEL_BOSS_URL": boss.url,
        }

    def after(self, seconds: float) -> None:
        self.config.write_text(CONFIG.format(after=seconds))

    @contextmanager
    def standing_by(self) -> Iterator[Running]:
        """A run that was halted, and waits."""
        with running(self.state, "-c", self.config, **self.env) as run:
            assert tradectl(self.state, "emergency-stop", "--reason", "smoke").code == 0
            assert "acknowledges" in run.line("the halt is told on at")
            yield run

    def run(self) -> Any:
        return tradectl(self.state, "run", "--headless", "-c", self.config, **self.env)

    def alert(self) -> str:
        (stop,) = (a for a in StateReader(self.state / "state.db").alerts() if "stop" in a.type)
        assert stop.status is not AlertStatus.RESOLVED
        return stop.id

    def told_boss(self) -> list[str]:
        return [body["text"] for body in self.boss.posted]

    def steps_left(self) -> int:
        rows = OutboxRows(self.state / "state.db")
        try:
            return sum(row.step for row in rows.all())
        finally:
            rows.close()


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    with other_end() as ops, other_end() as boss:
        yield Setup(tmp_path, ops, boss)


def test_it_is_told_on_by_the_process_that_stays_and_the_account_is_free(setup: Setup) -> None:
    setup.after(1)
    with setup.standing_by() as run:
        assert StateDir(setup.state).owner() is None
        assert (
            f"process {run.process.pid} stays to tell of the halt"
            in tradectl(setup.state, "status").out
        )
        answer = run.end()
    assert answer.code == HALTED
    assert [body["severity"] for body in setup.ops.posted] == ["critical"]
    (text,) = setup.told_boss()
    assert text.startswith("nobody has acknowledged: CRITICAL ")
    assert "smoke" in text
    assert setup.steps_left() == 0
    begun = time.monotonic()
    assert setup.run().code == HALTED
    assert time.monotonic() - begun < 30
    assert len(setup.told_boss()) == 1


def acknowledged(setup: Setup, run: Running) -> None:
    assert tradectl(setup.state, "alerts", "ack", setup.alert()).code == 0


def cleared(setup: Setup, run: Running) -> None:
    told = json.loads(tradectl(setup.state, "clear-halt", "--confirm", "--json").out)
    (stop,) = StateReader(setup.state / "state.db").alerts()
    assert stop.status is AlertStatus.RESOLVED
    assert told["acknowledged"] == [stop.id]


def terminated(setup: Setup, run: Running) -> None:
    run.send(signal.SIGTERM)


@pytest.mark.parametrize("end", [acknowledged, cleared, terminated])
def test_who_takes_it_in_hand_ends_it(setup: Setup, end: Any) -> None:
    setup.after(3_600)
    with setup.standing_by() as run:
        end(setup, run)
        assert run.end().code == HALTED
    assert setup.told_boss() == []
    assert setup.steps_left() == (1 if end is terminated else setup.steps_left())


def test_what_a_killed_one_left_the_next_run_tells_although_it_is_refused(setup: Setup) -> None:
    setup.after(3_600)
    with setup.standing_by() as run:
        run.kill()
    rows = OutboxRows(setup.state / "state.db")
    rows.write([row._replace(due=1) for row in rows.all() if row.step], [])
    rows.close()
    setup.boss.status = 503
    with Running(setup.state, "-c", setup.config, **setup.env) as again:
        said = again.line("the halt is told on at")
        assert "smoke" in said
        wait_until(lambda: setup.boss.tried)
        assert setup.told_boss() == []
        setup.boss.status = 200
        assert again.end().code == HALTED
    assert len(setup.told_boss()) == 1


def test_systemd_is_asked_for_more_time(setup: Setup, tmp_path: Path) -> None:
    setup.after(3_600)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        manager.settimeout(60)
        setup.env["NOTIFY_SOCKET"] = str(tmp_path / "n")
        with setup.standing_by() as run:
            words = ""
            while "EXTEND_TIMEOUT_USEC=60000000" not in words:
                words = manager.recv(1_000).decode()
            assert "STATUS=halted: told on until somebody acknowledges" in words
            run.kill()
