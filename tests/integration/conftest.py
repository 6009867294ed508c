"""What several integration tests ask for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TextIO

import pytest

from tests.contracts import check_output
from tests.fixtures import in_process
from tests.fixtures.answer import Answer
from tests.fixtures.command import PATIENCE_S
from tests.fixtures.live_trader import KEYS
from tests.fixtures.run_inputs import Typed
from tradectl.testkit import LoopbackExchange


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """`typed("status --json")`: the command line in this process, for what there is a lot of."""
    for name in [name for name in os.environ if name.startswith("TRADECTL")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRADECTL_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("NO_COLOR", "1")

    def run(words: str, stdin: TextIO | None = None, **env: str) -> Answer:
        answer = in_process.run(
            words.split(), {**os.environ, **env}, within=PATIENCE_S, stdin=stdin
        )
        check_output(words.split(), answer.out)
        return answer

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
