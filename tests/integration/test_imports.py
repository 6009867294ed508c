"""What is not needed is not loaded: ccxt takes a second and a hundred megabytes, every module a bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import typer
from typer.main import get_group

from tests.fixtures.command import PATIENCE_S
from tests.fixtures.rows import each_row
from tradectl.cli.commands.table import MODULES

ASKING = """
import json, sys
from tradectl.cli.app import main
needless = {"ccxt", "aiohttp", "pydantic", "pydantic_settings", "keyring", "numpy", "scipy", "clarabel"}
needless |= {"tradectl.exchange.live.live_exchange", "tradectl.feeds.live.live_feed"}
for words in json.loads(sys.argv[1]):
    sys.argv = ["tradectl", *words]
    try:
        main()
    except SystemExit as ended:
        print("ended:", words[0], ended.code, *sorted(needless & {*sys.modules}), file=sys.stderr)
"""


def test_nothing_of_ccxt_is_loaded_without_an_exchange(tmp_path: Path) -> None:
    """One after the other in one process: the first that is told with it has loaded it."""
    state = ["--state-dir", str(tmp_path / "state")]
    commands = [
        ["--version"],
        ["status", "--json", *state],
        ["orders", *state],
        ["run", "--headless", "--duration", "0.1", *state],
        ["emergency-stop", *state],
    ]
    command = [sys.executable, "-c", ASKING, json.dumps(commands)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    told = [line for line in done.stderr.splitlines() if line.startswith("ended:")]
    assert told == [f"ended: {words[0]} 0" for words in commands], done.stderr


def test_importing_the_exchanges_room_loads_no_ccxt() -> None:
    code = "import sys, tradectl.exchange.ccxt_venue; sys.exit('ccxt' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, timeout=PATIENCE_S).returncode
        == 0
    )


def test_what_tells_people_and_watches_a_live_market_is_no_part_of_a_backtest() -> None:
    code = "import sys, tradectl.runtime.backtest, tradectl.runtime.run; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    needless = (
        "dispatcher",
        "outbox",
        "webhook",
        "stall_report",
        "anomaly_watch",
        "half_space_trees",
    )
    loaded = {name.rpartition(".")[2] for name in done.stdout.split()}
    assert not loaded & {*needless}


def test_a_command_loads_no_other_commands_module(tmp_path: Path) -> None:
    code = (
        "import sys; from tradectl.cli.app import app; app(['runs'], standalone_mode=False); "
        "print(*[name for name in sys.modules if name.startswith('tradectl.cli.commands.')])"
    )
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "TRADECTL_STATE_DIR": str(tmp_path)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == [
        "tradectl.cli.commands.table",
        "tradectl.cli.commands.account",
    ]


@each_row("name", MODULES)
def test_the_table_names_the_module_that_has_the_command(name: str) -> None:
    app = typer.Typer()
    import_module(f"tradectl.cli.commands.{MODULES[name]}").register(app)
    assert name in get_group(app).commands


def test_the_table_has_every_command_of_its_modules() -> None:
    app = typer.Typer()
    for module in {*MODULES.values()}:
        import_module(f"tradectl.cli.commands.{module}").register(app)
    assert {*get_group(app).commands} == {*MODULES}
