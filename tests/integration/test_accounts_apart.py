"""Recorded data touches nothing of the account, and the account nothing of it.

Not the latch, the alerts, the pause, the status, the lock or the emergency stop; nor the other way
round, whatever either of them dies of. Any run is shown by `--run`.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.fixtures.command import journals, running, tradectl, wait_until
from tests.fixtures.run_inputs import Character, look, replayed, trades, waves, written
from tradectl.operations.emergency_stop import emergency_stop
from tradectl.operations.inspector import Inspector
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader

HALTED, WRONG_USAGE, NOT_RUNNING = 6, 2, 4

LOSES = range(60_000, 30_000, -200)
"""Bought at the top: a loss beyond every limit, reading after reading."""

SOON_STALLED = "monitoring.stall_seconds = 0.1"
ALL_IN = """
portfolio = { fraction = 0.9, max_weight = 1 }

[risk]
max_order_notional = 1000000
max_position_notional = 1000000
max_gross_notional = 1000000
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def keen(tmp_path: Path) -> Path:
    return written(tmp_path, Character.KEEN)


@pytest.fixture
def slow(tmp_path: Path, keen: Path) -> tuple[object, ...]:
    """The words of a run on recorded data that holds a position, and is far from its end."""
    data = trades(tmp_path / "slow.csv", {"BTCUSDT": waves(2000)})
    return ("-c", keen, "--data", data, "--speed", "1")


@pytest.fixture
def quick(tmp_path: Path, keen: Path) -> tuple[object, ...]:
    """The words of one that is over soon."""
    data = trades(tmp_path / "quick.csv", {"BTCUSDT": waves(500)})
    return ("-c", keen, "--data", data)


def ids(folder: Path) -> list[str]:
    return [run["run_id"] for run in tradectl(folder, "runs", "--json").document()]


def kinds_and_ends(folder: Path) -> list[tuple[str, str]]:
    return [(run.account_kind, run.status) for run in look(folder).runs()]


# --- what a recorded run leaves ----------------------------------------------------------------------


def test_a_losing_one_halts_itself_and_not_the_account(tmp_path: Path, folder: Path) -> None:
    data = trades(tmp_path / "a.csv", {"BTCUSDT": LOSES}, every_ms=2000)
    config = written(tmp_path, Character.KEEN, settings=ALL_IN)
    lost = tradectl(folder, "run", "--headless", "--json", "-c", config, "--data", data)
    assert lost.code == HALTED
    (run,) = ids(folder)
    assert StateDir(folder).latch.read() is None
    status = tradectl(folder, "status", "--json").document()
    assert (status["run_id"], status["halt"], status["state"]) == (None, None, "STOPPED")
    assert "`tradectl runs`" in tradectl(folder, "fills").out
    assert tradectl(folder, "alerts", "--all", "--json").document() == []
    assert tradectl(folder, "run", "--headless", "--duration", "0.3", "-c", config).code == 0

    shown = tradectl(folder, "status", "--json", "--run", run).document()
    assert (shown["run_id"], shown["running"], shown["source"]) == (run, False, "recorded")
    assert shown["halt"]["reason"]
    assert tradectl(folder, "alerts", "--json", "--run", run).document()
    assert "clear-halt" not in tradectl(folder, "status", "--run", run).out


def test_its_alerts_are_of_the_time_of_the_data(tmp_path: Path, folder: Path) -> None:
    """Those that an event makes, and what is said at the end: the same however often it is run."""
    data = trades(tmp_path / "a.csv", {"BTCUSDT": [*LOSES, "", *LOSES]}, every_ms=2000)
    config = written(tmp_path, Character.KEEN, settings=SOON_STALLED + ALL_IN)
    for _ in range(2):
        run = tradectl(folder, "run", "--headless", "-c", config, "--data", data)
        told = [line for line in run.err.splitlines() if " ALERT " in line]
        assert told
        assert all(line.startswith("2023-11-14T22:") for line in told)
    first, second = (
        [
            (row["type"], row["created_at"], row["updated_at"], row["count"])
            for row in tradectl(folder, "alerts", "--all", "--json", "--run", run).document()
        ]
        for run in ids(folder)
    )
    assert first == second
    assert {"feed_bad_rows", "DRAWDOWN", "DAILY_LOSS"} & {kind for kind, *_ in first}
    for _, created, updated, _ in first:
        assert "2023-11-14T22:13:20" <= created <= updated < "2023-11-14T22:24"


def test_each_says_why_it_traded_nothing(folder: Path, tmp_path: Path, keen: Path) -> None:
    """One that ended, on recorded data or not, and one that was killed; one that traded does not."""
    data = trades(tmp_path / "short.csv", {"BTCUSDT": waves(3)})
    said = tradectl(folder, "run", "--headless", "--json", "--data", data).document()["untraded"]
    tradectl(folder, "run", "--headless", "-c", keen, "--data", data)
    with running(folder, "--set", "strategy.slow=100000") as run:
        wait_until(lambda: bool([*look(folder).runs()][-1].untraded))
        run.send(signal.SIGKILL)
        run.end()
    ended, traded, killed = tradectl(folder, "runs", "--json").document()
    assert ended["untraded"] == said
    assert (traded["run_fills"], traded["untraded"]) == (1, [])
    assert killed["status"] == "crashed"
    assert {reason["code"] for reason in killed["untraded"]} <= {"warm_up", "no_data"}
    shown = tradectl(folder, "runs").out
    assert f"no trades   {ended['run_id']}: BTCUSDT by ema-cross: needs 150 trades, saw 3" in shown
    assert f"no trades   {killed['run_id']}: " in shown
    assert f"no trades   {traded['run_id']}" not in shown


def test_one_that_is_over_is_shown_by_its_id_and_the_account_by_none(
    folder: Path, quick: tuple[object, ...], keen: Path
) -> None:
    with running(folder, "-c", keen) as run:
        run.line(" FILL ")
        account = {fill.order_id for fill in look(folder).fills()}
        run.send(signal.SIGTERM)
        run.end()
    summary = tradectl(folder, "run", "--headless", "--json", *quick).document()
    recorded = summary["run_id"]
    first, second = ids(folder)
    assert second == recorded
    assert kinds_and_ends(folder) == [("paper", "clean"), ("recorded", "clean")]

    def shown(name: str, *words: str) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = tradectl(folder, name, "--json", *words).document()
        return rows

    assert {row["order_id"] for row in shown("fills")} >= account
    for name in ("orders", "fills"):
        assert {row["run_id"] for row in shown(name)} == {first}
        own = shown(name, "--run", recorded)
        assert {row["run_id"] for row in own} == {recorded}
        assert len(own) == summary[f"run_{name}"] > 0
    assert tradectl(folder, "status", "--json").document()["run_id"] == first
    status = tradectl(folder, "status", "--json", "--run", recorded).document()
    assert status["portfolio"]["equity"] == summary["portfolio"]["equity"]
    assert shown("positions", "--run", recorded) == status["positions"] != []


def test_a_run_is_named_by_the_beginning_of_its_id(folder: Path, quick: tuple[object, ...]) -> None:
    tradectl(folder, "run", "--headless", *quick)
    tradectl(folder, "run", "--headless", *quick)
    one, other = ids(folder)
    length = next(n for n in range(len(one)) if one[n] != other[n]) + 1
    shown = tradectl(folder, "status", "--json", "--run", one[:length]).document()
    assert shown["run_id"] == one
    both = tradectl(folder, "fills", "--run", one[: length - 1])
    assert both.code == WRONG_USAGE
    assert both.complaint().endswith(f"one of them is {other}, `tradectl runs` lists them")
    for unknown in ("x", "%", "20_", "\x1b[2J"):
        for name in ("status", "positions", "orders", "fills", "alerts"):
            none = tradectl(folder, name, "--run", unknown)
            assert none.code == WRONG_USAGE
            assert "no run begins with " in none.complaint()
            assert "`tradectl runs`" in none.complaint()


def test_an_order_that_a_run_left_working_is_the_runs_that_made_it(
    folder: Path, tmp_path: Path
) -> None:
    resting = "portfolio = { order_type = 'limit', limit_offset_bps = 500 }"
    config = written(tmp_path, Character.KEEN, settings=resting)
    with running(folder, "-c", config) as run:
        run.line("ORDER approved")
        run.send(signal.SIGTERM)
        run.end()
    first = [*look(folder).orders()]
    assert tradectl(folder, "run", "--headless", "--duration", "0.2", "-c", config).code == 0
    assert {order.run_id for order in look(folder).orders()} >= {first[0].run_id}
    assert next(look(folder).orders()).run_id == first[0].run_id == ids(folder)[0]


# --- at the same time ---------------------------------------------------------------------------------


def test_recorded_runs_go_on_beside_the_account_and_each_other(
    folder: Path, quick: tuple[object, ...], slow: tuple[object, ...], keen: Path
) -> None:
    with (
        running(folder, *slow) as long,
        running(folder, "-c", keen) as account,
        running(folder, *quick) as one,
        running(folder, *quick) as other,
    ):
        assert one.end().code == other.end().code == 0
        account.line(" FILL ")
        assert kinds_and_ends(folder) == [
            ("recorded", "running"),
            ("paper", "running"),
            ("recorded", "clean"),
            ("recorded", "clean"),
        ]
        first, paper, *_ = ids(folder)
        status = tradectl(folder, "status", "--json").document()
        assert (status["run_id"], status["running"]) == (paper, True)
        wait_until(lambda: look_at(folder, first).status().portfolio is not None, every=0.05)
        assert look_at(folder, first).status().running
        assert tradectl(folder, "pause").code == 0
        assert look(folder).status().state == "PAUSED"
        assert look_at(folder, first).status().state == "RUNNING"
        assert tradectl(folder, "stop").code == 0
        assert account.end().code == 0
        assert tradectl(folder, "stop").code == NOT_RUNNING
        long.send(signal.SIGINT)
        assert long.end().code == 0
    for number in range(4):
        assert replayed(folder, number).verified
    assert look(folder).status().paused is not None


def look_at(folder: Path, run: str) -> Inspector:
    return Inspector(StateDir(folder), run)


def test_an_emergency_stop_is_the_accounts_and_recorded_runs_go_on(
    folder: Path, slow: tuple[object, ...], quick: tuple[object, ...]
) -> None:
    """Whatever state they are in: they hold no money, and leave nothing to be finished."""
    with running(folder, *slow) as run:
        run.line(" FILL ")
        run.send(signal.SIGSTOP)
        receipt = emergency_stop(StateDir(folder), "now", flatten=True, timeout=5)
        assert (receipt.confirmed, receipt.killed, receipt.closed) == (True, None, [])
        assert run.process.poll() is None
        run.send(signal.SIGCONT)
        assert tradectl(folder, "run", "--headless", *quick).code == 0
        assert tradectl(folder, "run", "--headless", "--duration", "0.2").code == HALTED
        run.send(signal.SIGINT)
        assert run.end().code == 0
    assert kinds_and_ends(folder) == [("recorded", "interrupted"), ("recorded", "clean")]
    assert len(journals(folder)) == 2


@pytest.mark.parametrize("killed", ["recorded", "account"])
def test_one_that_is_killed_leaves_nothing_that_hinders_the_other(
    folder: Path, slow: tuple[object, ...], keen: Path, killed: str
) -> None:
    with running(folder, "-c", keen) as account, running(folder, *slow) as recorded:
        account.line(" FILL ")
        recorded.line(" FILL ")
        ends, goes_on = (recorded, account) if killed == "recorded" else (account, recorded)
        ends.kill()
        goes_on.send(signal.SIGTERM)
        assert goes_on.end().code == 0
    expected = {
        "paper": "clean",
        "recorded": "interrupted",  # before its data was played
        killed.replace("account", "paper"): "crashed",
    }
    assert dict(kinds_and_ends(folder)) == expected
    again = tradectl(folder, "run", "--headless", "--json", "--duration", "0.2", "-c", keen)
    assert again.document()["fills"] > 0
    assert look(folder).status().consistency.ok
    assert replayed(folder).verified


# --- the database that they share ----------------------------------------------------------------------


def test_a_lost_database_is_not_made_anew_under_the_account_that_trades(
    folder: Path, quick: tuple[object, ...], keen: Path
) -> None:
    """Nor is what is lost hidden by the one that comes next."""
    with running(folder, "-c", keen) as account:
        account.line(" FILL ")
        account.send(signal.SIGTERM)
        account.end()
    for file in folder.glob("state.db*"):
        file.unlink()
    assert tradectl(folder, "run", "--headless", *quick).code == 0
    assert kinds_and_ends(folder) == [("paper", "clean"), ("recorded", "clean")]
    assert look(folder).status().positions


def test_the_accounts_snapshots_outlive_recorded_runs(
    folder: Path, quick: tuple[object, ...], keen: Path
) -> None:
    assert tradectl(folder, "run", "--headless", "--duration", "0.2", "-c", keen).code == 0
    reader, (paper,) = StateReader(folder / "state.db"), ids(folder)
    before = [*reader.snapshots(paper)]
    assert tradectl(folder, "run", "--headless", *quick).code == 0
    assert [*reader.snapshots(paper)] == before != []
    assert not [*reader.snapshots(ids(folder)[-1])]


def test_a_recorded_journal_that_is_damaged_or_gone_hinders_nobody(
    folder: Path, quick: tuple[object, ...], keen: Path
) -> None:
    assert tradectl(folder, "run", "--headless", "--duration", "0.2", "-c", keen).code == 0
    for damage in (lambda path: path.write_bytes(b"junk\n"), Path.unlink):
        assert tradectl(folder, "run", "--headless", *quick).code == 0
        damage(journals(folder)[-1])
        again = tradectl(folder, "run", "--headless", "--json", "--duration", "0.2", "-c", keen)
        assert again.document()["run_fills"] == 0 < again.document()["fills"]
        receipt = emergency_stop(StateDir(folder), "now", flatten=False, timeout=5)
        assert (receipt.confirmed, receipt.error) == (True, None)
        assert tradectl(folder, "clear-halt", "--confirm").code == 0
