"""The files for a service and a container: what they name is there, and what reads them agrees."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.rows import each_row
from tradectl.cli.app import HELP
from tradectl.cli.commands.table import MODULES
from tradectl.config.load import load_settings

DEPLOY = Path(__file__).parents[2] / "configs" / "deploy"
SYSTEMD, CONTAINER = DEPLOY / "systemd", DEPLOY / "container"
UNITS = sorted(SYSTEMD.glob("*.service"))
TIMERS = sorted(SYSTEMD.glob("*.timer"))
PROGRAM = "/opt/tradectl/bin/tradectl"


def values(unit: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), flags=re.MULTILINE)


@each_row("unit", UNITS, ids=lambda path: path.stem)
def test_a_service_calls_a_command_that_there_is(unit: Path) -> None:
    (line,) = values(unit, "ExecStart")
    program, command, *_ = line.split()
    assert program == PROGRAM
    assert command in MODULES


def test_what_a_service_cannot_begin_without_is_put_in_its_place() -> None:
    """A line that begins with - names what may be missing."""
    told = (SYSTEMD / "tradectl.service").read_text()
    for unit in UNITS:
        needed = [Path(name) for name in values(unit, "EnvironmentFile") if name[0] != "-"]
        assert needed == [Path("/etc/tradectl/tradectl.env")]
    assert "cp configs/deploy/systemd/tradectl.env /etc/tradectl/" in told
    assert (SYSTEMD / "tradectl.env").is_file()


@pytest.mark.parametrize("timer", TIMERS, ids=lambda path: path.stem)
def test_a_timer_has_its_service(timer: Path) -> None:
    assert timer.with_suffix(".service") in UNITS


def test_what_a_person_must_look_at_is_not_started_again() -> None:
    (listed,) = values(SYSTEMD / "tradectl.service", "RestartPreventExitStatus")
    told = dict(re.findall(r"(\d+) ([^;.]+)", HELP.partition("Exit codes:")[2]))
    assert {told[code].split()[0] for code in listed.split()} == {
        "wrong", "replay", "emergency", "halted:", "another",
    }  # fmt: skip


@each_row("unit", UNITS, ids=lambda path: path.stem)
def test_every_service_is_fenced_in_alike(unit: Path) -> None:
    assert values(unit, "User") == ["tradectl"]
    assert values(unit, "ProtectSystem") == ["strict"]
    assert values(unit, "CapabilityBoundingSet") == [""]
    assert values(unit, "UMask") == ["0077"]
    assert values(unit, "StateDirectoryMode") == ["0700"]
    assert values(unit, "NoNewPrivileges") == ["yes"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_reads_them_without_a_complaint(tmp_path: Path) -> None:
    copies = [tmp_path / path.name for path in (*UNITS, *TIMERS)]
    for path, copy in zip((*UNITS, *TIMERS), copies, strict=True):
        copy.write_text(path.read_text().replace(PROGRAM, sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", *copies], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@each_row("file", sorted(CONTAINER.glob("*.y*ml")), ids=lambda path: path.name)
def test_what_is_mounted_is_there(file: Path) -> None:
    mounted = re.findall(r"^ +- (\.\.?/[^:\s]+):", file.read_text(), flags=re.MULTILINE)
    assert [path for path in mounted if not (CONTAINER / path).exists()] == []


def test_the_settings_of_the_compose_file_are_ours() -> None:
    text = (CONTAINER / "compose.yaml").read_text()
    ((name, port),) = re.findall(r"(TRADECTL__\w+): \"(\d+)\"", text)
    assert load_settings(environ={name: port}).monitoring.metrics_port == int(port)
    assert f"127.0.0.1:{port}" in (CONTAINER / "prometheus.yml").read_text()


def test_the_image_is_made_of_what_is_in_the_checkout_and_has_no_rights() -> None:
    text = (CONTAINER / "Dockerfile").read_text()
    assert re.search(r"^USER tradectl$", text, flags=re.MULTILINE)
    assert 'ENTRYPOINT ["tradectl"]' in text
    kept = (CONTAINER / "Dockerfile.dockerignore").read_text().splitlines()
    wanted = [line[1:] for line in kept if line.startswith("!")]
    assert [name for name in wanted if not (DEPLOY.parents[1] / name).exists()] == []
    assert "pyproject.toml" in wanted
