"""What is not needed is not loaded: ccxt takes a second and a hundred megabytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.command import PATIENCE_S

ASKING = """
import sys
from tradectl.cli.app import main
sys.argv = ["tradectl", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    code = ended.code
loaded = sorted(name for name in {"ccxt", "aiohttp", "pydantic_settings", "keyring"} & {*sys.modules})
print("loaded:", loaded, file=sys.stderr)
sys.exit(code)
"""


def loaded_by(state_dir: Path, *arguments: str) -> str:
    """The last line on stderr of the command, run with its modules listed."""
    command = [sys.executable, "-c", ASKING, *arguments, "--state-dir", str(state_dir)]
    if arguments == ("--version",):
        command = command[:-2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("status", "--json"),
        ("orders",),
        ("run", "--headless", "--duration", "0.3"),
        ("emergency-stop",),
    ],
    ids=lambda words: words[0],
)
def test_nothing_of_ccxt_is_loaded_without_an_exchange(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    assert loaded_by(tmp_path / "state", *arguments) == "loaded: []"


def test_importing_the_exchanges_room_loads_no_ccxt() -> None:
    code = "import sys, tradectl.exchange.ccxt_venue; sys.exit('ccxt' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, timeout=PATIENCE_S).returncode
        == 0
    )
