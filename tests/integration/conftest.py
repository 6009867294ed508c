"""What several integration tests ask for."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contracts import check_output
from tests.fixtures.command import Answer
from tests.fixtures.live_trader import KEYS
from tests.fixtures.run_inputs import Typed
from tradectl.cli.app import main
from tradectl.testkit import LoopbackExchange


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Typed:
    """`typed("status --json")`: the command line in this process, for what there is a lot of."""
    for name in [name for name in os.environ if name.startswith("TRADECTL")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRADECTL_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("NO_COLOR", "1")

    def run(words: str, **env: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["tradectl", *words.split()])
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        out, err = capfd.readouterr()
        check_output(words.split(), out)
        return Answer(ended.value.code, out, err)

    return run


@pytest.fixture
async def exchange() -> AsyncIterator[LoopbackExchange]:
    """The loopback exchange, on the loop of the test and of the run that trades on it."""
    async with LoopbackExchange() as made:
        yield made


@pytest.fixture
def key_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of the loopback exchange, where a user has his own."""
    for name, text in KEYS.items():
        monkeypatch.setenv(name, text)
