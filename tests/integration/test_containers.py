"""A state directory that containers share: numbers of processes mean others in each of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.fixtures.command import PATIENCE_S, environment

IN_A_CONTAINER = ["unshare", "--pid", "--fork", "--mount-proc"]
NUMBER = 7001
AS_NUMBER = f"echo {NUMBER - 1} > /proc/sys/kernel/ns_last_pid; "
TRADES = AS_NUMBER + '"$@" & wait'
STOPS = AS_NUMBER + 'sleep 1000 & bystander=$!; "$@"; kill $bystander && echo "$bystander lived"'


def containers_can_be_made() -> bool:
    try:
        made = subprocess.run([*IN_A_CONTAINER, "true"], capture_output=True, check=False)
    except OSError:
        return False
    return made.returncode == 0


pytestmark = pytest.mark.skipif(
    not containers_can_be_made(), reason="a namespace of process numbers takes root, and unshare"
)


def in_a_container(script: str, folder: Path, *words: str) -> list[str]:
    """A process that starts another as number `NUMBER` of its container."""
    tradectl = [sys.executable, "-m", "tradectl", *words, "--state-dir", str(folder)]
    return [*IN_A_CONTAINER, "sh", "-c", script, "sh", *tradectl]


@contextmanager
def trader(folder: Path) -> Iterator[int]:
    """One that is process `NUMBER` of a container of its own; what number it has out here."""
    with subprocess.Popen(
        in_a_container(TRADES, folder, "run", "--headless"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stderr
        next(line for line in process.stderr if "FILL" in line)
        number = _last_descendant(process.pid)
        try:
            yield number
        finally:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
            process.wait(PATIENCE_S)  # its container ends with it


def _last_descendant(process: int) -> int:
    while children := Path(f"/proc/{process}/task/{process}/children").read_text().split():
        process = int(children[0])
    return process


@pytest.mark.parametrize("state", ["it hangs", "it answers"])
def test_a_bystander_with_the_number_of_the_trader_in_another_container_lives(
    tmp_path: Path, state: str
) -> None:
    folder = tmp_path / "state"
    with trader(folder) as number:
        if state == "it hangs":
            os.kill(number, signal.SIGSTOP)
        stop = in_a_container(STOPS, folder, "emergency-stop", "--json")
        done = subprocess.run(stop, capture_output=True, text=True, env=environment(), check=False)
    document, _, rest = done.stdout.partition("\n}\n")
    receipt = json.loads(document + "}")
    assert rest == f"{NUMBER} lived\n", done.stderr
    assert (receipt["latched"], receipt["killed"]) == (True, None)
    if state == "it answers":
        assert (receipt["confirmed"], receipt["method"]) == (True, "control")
        return
    assert not receipt["confirmed"]
    assert f"process {NUMBER} was not ended: it runs in another container" in receipt["error"]
