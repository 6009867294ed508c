"""The live panel as a terminal shows it, and the plain lines where there is no terminal."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.fixtures.command import (
    PATIENCE_S,
    environment,
    events_of,
    journals,
    running,
    times_busier,
    tradectl,
    wait_until,
)
from tests.fixtures.processes import TRADECTL
from tests.fixtures.run_inputs import Character, replayed, written
from tests.profiles import in_turn
from tradectl.domain.events import CommandReceived

SIZES = [(80, 24), (160, 50)]
SECONDS_TO_THE_FIRST_FILL = 15.0
"""It is about five."""


UP, DOWN = b"\x1b[?1049h", b"\x1b[?1049l"
SHELL = ("bash", "--norc", "--noprofile", "-i")


class Terminal:
    """A terminal of `width` x `height` in which a command of tradectl runs, or another `program`."""

    def __init__(
        self, width: int, height: int, *words: object, program: Sequence[str] = TRADECTL
    ) -> None:
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        env = {k: v for k, v in environment(TERM="xterm-256color").items() if k != "NO_COLOR"}
        self.process: pexpect.spawn[bytes] = pexpect.spawn(
            program[0], [*program[1:], *map(str, words)], dimensions=(height, width), env=env
        )

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def shows(self, *patterns: str) -> list[str]:
        """Wait until every pattern stands on the screen; its lines."""
        deadline = time.monotonic() + PATIENCE_S
        while not all(re.search(p, "\n".join(self.lines), re.MULTILINE) for p in patterns):
            assert time.monotonic() < deadline, "\n".join(self.lines)
            self._read()
        return self.lines

    def types(self, line: str, then: bytes) -> bytes:
        """What the terminal is sent from the line on until `then` is."""
        seen = len(self.raw)
        self.process.sendline(line)
        return self.sent(then, seen)

    def sent(self, what: bytes, since: int) -> bytes:
        deadline = time.monotonic() + PATIENCE_S
        while what not in self.raw[since:]:
            assert time.monotonic() < deadline, self.raw[since:]
            self._read()
        return self.raw[since:]

    def ends(self) -> int | None:
        """Everything to the end, and the exit code."""
        while self._read():
            pass
        self.process.wait()
        code: int | None = self.process.exitstatus
        return code

    def _read(self) -> bool:
        try:
            data = self.process.read_nonblocking(65536, timeout=PATIENCE_S)
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True


@contextmanager
def terminal(
    width: int, height: int, *words: object, program: Sequence[str] = TRADECTL
) -> Iterator[Terminal]:
    """Whatever happens in it ends with it."""
    made = Terminal(width, height, *words, program=program)
    try:
        yield made
    finally:
        made.process.close(force=True)


@pytest.mark.parametrize(("width", "height"), in_turn(SIZES, 2))
def test_the_panel_shows_the_run_and_gives_the_terminal_back(
    width: int, height: int, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    words = ("run", "-c", written(tmp_path, Character.KEEN), "--state-dir", folder)
    with terminal(width, height, *words) as screen:
        lines = screen.shows(
            r"^  RUNNING  PAPER · SIMULATED   run \d{8}T",
            r"^ Equity +\d+,\d{3}\.\d\d .*Drawdown",
            r"^  BTCUSDT +long +0\.\d+ ",
            r"^ Bus .*queue 0",
            r"^ Health all \d+ components well",
        )
        assert len(lines) == height
        screen.process.sendintr()
        assert screen.ends() == 0
    shown, _, after = screen.raw.rpartition(b"\x1b[?1049l")
    assert shown.count(b"\x1b[?1049h") == 1
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")
    summary = re.sub(r"\x1b\[[0-9;]*m", "", after.decode())
    assert summary.startswith("STOPPED  PAPER · SIMULATED  run ")
    assert re.search(r"^ended +interrupted\r$", summary, re.MULTILINE)
    assert re.search(r"^tradectl replay .*\.jsonl\r$", summary, re.MULTILINE)
    assert replayed(folder).verified


def test_a_halt_from_another_terminal_ends_the_panel_with_its_code(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    words = ("run", "-c", written(tmp_path, Character.KEEN), "--state-dir", folder)
    with terminal(80, 24, *words) as screen:
        screen.shows("RUNNING", "long")
        assert tradectl(folder, "pause").code == 0
        screen.shows(r"^  PAUSED ")
        assert tradectl(folder, "emergency-stop", "--flatten").code == 0
        assert screen.ends() == 6
    assert b"halted" in screen.raw.rpartition(b"\x1b[?1049l")[2]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no shell with job control")
def test_ctrl_z_gives_the_terminal_back_and_in_the_background_nothing_is_drawn(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "state"
    with terminal(80, 24, program=SHELL) as screen:
        screen.types(shlex.join([*TRADECTL, "run", "--state-dir", str(folder)]), b"RUNNING")
        seen = len(screen.raw)
        screen.process.sendcontrol("z")
        assert DOWN in screen.sent(b"Stopped", seen).partition(b"Stopped")[0]
        screen.types("bg", b"&")
        since = last_seq(folder)
        wait_until(lambda: last_seq(folder) > since + 50, every=0.2)  # many sheets long
        told = screen.types("echo $((6 * 7))", b"42")
        assert re.search(rb"\x1b\[H|\x1b\[\?1049|RUNNING", told) is None
        told = screen.types("fg", b"RUNNING")
        assert UP in told
        seen = len(screen.raw)
        screen.process.sendintr()
        told = screen.sent(b"to recompute every decision", seen)
        assert told.count(DOWN) == 1
        assert b"interrupted" in told
        screen.types("exit", b"exit")
        assert screen.ends() == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no shell with job control")
def test_what_is_watched_in_the_background_is_not_drawn_over_the_shell(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with running(folder), terminal(80, 24, program=SHELL) as screen:
        watch = shlex.join([*TRADECTL, "status", "--watch", "--state-dir", str(folder)])
        screen.types(watch, b"RUNNING")
        seen = len(screen.raw)
        screen.process.sendcontrol("z")
        screen.sent(b"Stopped", seen)
        screen.types("bg", b"&")
        since = last_seq(folder)
        wait_until(lambda: last_seq(folder) > since + 150, every=0.2)  # it looks again each second
        told = screen.types("echo $((6 * 7))", b"42")
        assert b"RUNNING" not in told
        screen.types("fg", b"RUNNING")
        screen.process.sendintr()
        screen.types("exit", b"exit")


def last_seq(folder: Path) -> int:
    found: int = tradectl(folder, "status", "--json").document()["last_seq"]
    return found


@pytest.mark.parametrize("number", in_turn([signal.SIGQUIT, signal.SIGABRT, signal.SIGUSR1], 3))
def test_a_signal_that_ends_the_run_gives_the_terminal_back_first(
    number: signal.Signals, tmp_path: Path
) -> None:
    with terminal(80, 24, "run", "--state-dir", tmp_path / "state") as screen:
        screen.shows("RUNNING")
        if number == signal.SIGQUIT:
            screen.process.sendcontrol("\\")
        else:
            screen.process.kill(number)
        screen.ends()
        assert screen.process.signalstatus == number
    assert screen.raw.count(DOWN) == 1
    assert b"RUNNING" not in screen.raw.rpartition(DOWN)[2]


def test_a_terminal_that_obeys_nothing_gets_plain_lines(tmp_path: Path) -> None:
    with terminal(
        80, 24, "run", "--headless", "--duration", "1", "--state-dir", tmp_path
    ) as screen:
        assert screen.ends() == 0
    assert b"\x1b[?1049h" not in screen.raw
    assert b" on the simulated market, journal " in screen.raw


def test_under_a_pipe_the_default_run_fills_within_seconds_and_speaks_plain_lines(
    tmp_path: Path,
) -> None:
    """With nothing set: the simulated market and the default strategy."""
    started = time.monotonic()
    with running(tmp_path / "state") as run:
        run.line(" FILL ")
        assert time.monotonic() - started < SECONDS_TO_THE_FIRST_FILL * times_busier()
        run.send(signal.SIGINT)
        answer = run.end()
    assert answer.code == 0
    assert "\x1b" not in answer.out + answer.err
    plain = re.compile(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (SIGNAL|ORDER|FILL|ALERT|SYSTEM|STATUS) .+"
    )
    first, *others = answer.err.splitlines()
    assert first.startswith("run ")
    assert [line for line in others if not plain.fullmatch(line)] == []


# --- keys ----------------------------------------------------------------------------------------------


def pasted(text: str) -> str:
    """As a terminal hands over what is pasted, which the panel asks it to mark."""
    return f"\x1b[200~{text}\x1b[201~"


def stop(shown: Terminal) -> None:
    """For good, letter by letter."""
    shown.process.send("e")
    for n, letter in enumerate("stop"):
        shown.shows(f"Enter: {'stop'[:n]}_")
        shown.process.send(letter)
    shown.shows("Enter: stop_")
    shown.process.send("\r")


def test_keys_look_pause_and_stop_and_what_is_pasted_is_none(tmp_path: Path) -> None:
    with terminal(120, 40, "run", "--state-dir", tmp_path) as shown:
        shown.shows("^ \\? keys  overview")
        assert b"\x1b[?2004h" in shown.raw
        for key, line in (
            ("2", "^ \\? keys  positions"), ("4", "^─ Strategies 1"), ("5", "daily_loss_halt_pct"),
            ("7", "^─ Components"), ("8", "SIGNAL"), ("?", "emergency stop: halts for good"),
        ):  # fmt: skip
            shown.process.send(key)
            shown.shows(line)
        shown.process.send(pasted("1pestop\r"))
        shown.process.send("3")
        assert "RUNNING" in shown.shows("^ \\? keys  orders")[0]
        shown.process.send("p")
        assert "PAUSED" in shown.shows("^ pause: it is PAUSED", "by the panel")[0]
        shown.process.send("r")
        shown.shows("^ Resume trading\\?")
        shown.process.send("n")
        assert "PAUSED" in shown.shows("^ \\? keys  orders")[0]
        shown.process.send("r")
        shown.shows("^ Resume trading\\?")
        shown.process.send("y")
        assert "RUNNING" in shown.shows("^ resume: it is RUNNING")[0]
        stop(shown)
        assert shown.ends() == 6
        assert b"\x1b[?2004l" in shown.raw
    by = {e.source_component for e in events_of(journals(tmp_path)[0], CommandReceived)}
    assert by == {"panel"}
    assert tradectl(tmp_path, "status", "--json").document()["halt"]["reason"] == "by the panel"


def test_top_shows_it_from_elsewhere_and_stops_what_hangs(tmp_path: Path) -> None:
    with running(tmp_path) as run, terminal(80, 24, "top", "--state-dir", tmp_path) as shown:
        shown.shows("RUNNING", "^ \\? keys  overview")
        shown.process.send("q")
        assert shown.ends() == 0
        assert run.process.poll() is None
        with terminal(60, 12, "top", "--state-dir", tmp_path) as small:
            small.shows("^ \\? keys  overview  e emergency stop  no room for ")
            run.send(signal.SIGSTOP)
            small.shows("NOT RESPONDING")
            with terminal(80, 24, "top", "--state-dir", tmp_path) as late:
                late.shows("NOT RESPONDING", "^ \\? keys")
            stop(small)
            assert small.ends() == 0
            assert b"confirmed" in small.raw
    assert tradectl(tmp_path, "run", "--headless").code == 6


def test_top_of_nothing_says_so(tmp_path: Path) -> None:
    with terminal(80, 24, "top", "--state-dir", tmp_path) as shown:
        assert shown.ends() == 4
        assert b"nothing is running here" in shown.raw
    assert "needs a terminal" in tradectl(tmp_path, "top").complaint()
