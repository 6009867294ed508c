"""A key is seen by the exchange and by nobody else: a canary in its place is looked for wherever
something is written or shown, with everything logged and everything failing.
"""

from __future__ import annotations

import json
import logging
import signal
import socket
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pexpect
import pytest

from tests.fixtures.command import PATIENCE_S, environment
from tests.fixtures.live_harness import LiveHarness, live_harness
from tests.fixtures.live_trader import QUICK
from tests.fixtures.processes import TRADECTL
from tests.fixtures.run_inputs import Typed, private
from tests.profiles import in_turn
from tradectl.doctor import examination, probe
from tradectl.domain.errors import AccessLost, ExchangeError
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec
from tradectl.exchange.ccxt_venue import CcxtVenue
from tradectl.exchange.credentials import Credentials
from tradectl.storage.directory import StateDir
from tradectl.testkit import FOREVER, LoopbackExchange

KEY = "CanaryKeyCanaryKeyCanaryKey0000000000000000000000000000000000001"
SECRET = "CanarySecretCanarySecretCanarySecret0000000000000000000000000002"
CANARIES = (KEY, SECRET)
ENVIRONMENT = {"TRADECTL_BINANCE_API_KEY": KEY, "TRADECTL_BINANCE_API_SECRET": SECRET}
PLACING: dict[str, Any] = {"method": "POST", "path": "order"}

TALKATIVE = '''
import logging
import sys

from tradectl.strategy import Strategy

logging.basicConfig(filename={log!r}, level=logging.DEBUG, force=True)
for name in [*logging.root.manager.loggerDict]:
    logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger(name).disabled = False
logging.getLogger("asyncio").setLevel(logging.DEBUG)


class Talkative(Strategy):
    """Has everything logged, and changes its mind with every tenth trade."""

    heard = 0

    def on_trade(self, trade):
        self.heard += 1
        return (self.long() if self.heard // 10 % 2 else self.flat()) if self.heard % 10 == 0 else None
'''


def betrays(text: str | bytes) -> list[str]:
    """The canaries that `text` has in it, whole or the telling half of them."""
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return [canary for canary in CANARIES if canary in shown or canary[:32] in shown]


def nothing_in(folder: Path) -> int:
    """No file below has a canary in it; how many were looked through."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if betrays(path.read_bytes())] == []
    return len(files)


@pytest.fixture
def live(account: LiveHarness) -> Iterator[LiveHarness]:
    """The account; whatever a test made go wrong there is over with it."""
    yield account
    account.exchange.behave()
    directory = StateDir(account.folder)
    if (halt := directory.latch.read()) is not None:
        directory.cleared_halt.note(halt)
    directory.latch.clear()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHarness]:
    """An account whose key is the canary, and a strategy that has everything logged."""
    folder = tmp_path_factory.mktemp("secrets")
    with live_harness(folder, timeout=30.0) as made:
        made.exchange.accounts["main"].key, made.exchange.accounts["main"].secret = CANARIES
        made.env = {**ENVIRONMENT, "TRADECTL_DEBUG": "1", "PYTHONASYNCIODEBUG": "1"}
        log = str(folder / "everything.log")
        file = private(folder / "talkative.py", TALKATIVE.format(log=log))
        table = f'[[strategies]]\nname = "t"\nstrategy = "{file}:Talkative"\n'
        made.config.write_text(made.config.read_text() + table)
        yield made


def command_lines(pid: int) -> str:
    """Of the process and of its children."""
    told = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if pid in (int(process.name), int(parent)):
                told.append((process / "cmdline").read_text())
        except OSError:
            continue  # it has ended meanwhile
    assert told
    return "".join(told)


def asked(folder: Path, command: str, **arguments: Any) -> str:
    """What the control socket answers, to the letter."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(PATIENCE_S)
        asking.connect(str(folder / "control.sock"))
        asking.sendall(json.dumps({"v": 1, "command": command, **arguments}).encode() + b"\n")
        with asking.makefile() as answers:
            return answers.readline()


@pytest.mark.slow
def test_a_canary_is_nowhere_with_everything_logged_and_everything_failing(
    live: LiveHarness, typed: Typed
) -> None:
    exchange = live.exchange
    at = f"--state-dir {live.folder}"
    with live.running() as run:
        run.line(" FILL ")
        reading = [(run.process.pid, command_lines(run.process.pid))]
        exchange.misbehave("reset", **PLACING)
        exchange.misbehave("html", skip=1, **PLACING)
        exchange.misbehave("error", code=-2010, skip=2, text=f"no, {KEY} {SECRET}", **PLACING)
        for word in ("ORDER unknown", "ORDER rejected"):
            run.line(word)
        exchange.behave()
        exchange.stop_walking()  # it is logged well enough; access is found lost without it
        said = [
            asked(live.folder, command)
            for command in ("status", "reconcile", "flush", "pause", "resume", "nonsense")
        ]
        for words in ("status", "orders", "fills", "alerts --all", "reconcile"):
            answer = typed(f"{words} --json {at}", **live.env)
            said += [answer.out, answer.err]
        exchange.misbehave("error", code=-2015, status=401, text=f"{KEY} is bad", count=FOREVER)
        run.line("ACCESS_LOST")
        ended = run.end()
    assert ended.code == 6
    exchange.behave()
    for text in (*said, ended.out, ended.err, reading[0][1]):
        assert betrays(text) == []
    assert nothing_in(live.folder.parent) > 5
    log = (live.folder.parent / "everything.log").read_text()
    assert "DEBUG" in log
    assert live.replayed().verified


def test_nor_in_what_commands_say_when_the_keys_are_refused(
    live: LiveHarness, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # with everything logged a doctor takes its time
    monkeypatch.setitem(examination.diagnose.__kwdefaults__ or {}, "connect_s", PATIENCE_S)
    monkeypatch.setattr(probe, "ASK_S", PATIENCE_S)
    if not StateDir(live.folder).journal_files():  # whichever test comes first
        with live.running() as run:
            run.send(signal.SIGTERM)
            assert run.end().code == 0
    live.exchange.start_walking(50)
    text = f"key {KEY}, secret {SECRET}, https://x/y?signature=abc&apiKey={KEY}"
    live.exchange.misbehave("error", code=-2015, status=401, text=text, count=FOREVER)
    at = f"--state-dir {live.folder}"
    typed(f"clear-halt --confirm {at}")
    for words in (
        f"doctor --json -c {live.config}",
        f"doctor -c {live.config}",
        f"run --live --yes --headless -c {live.config}",
        "reconcile --json",
        "emergency-stop --flatten --json --timeout 8",
    ):
        answer = typed(f"{words} {at}", **live.env)
        assert answer.code in (1, 5), words
        assert "***" in answer.out + answer.err, words
        assert betrays(answer.out + answer.err) == []
    live.exchange.behave()
    typed(f"clear-halt --confirm {at}")
    nothing_in(live.folder.parent)


@pytest.mark.slow
def test_nor_on_the_panel(live: LiveHarness) -> None:
    live.exchange.start_walking(50)
    words = ["run", "--live", "--yes", "-c", live.config, "--state-dir", live.folder]
    env = {
        k: v for k, v in environment(TERM="xterm-256color", **live.env).items() if k != "NO_COLOR"
    }
    shown = pexpect.spawn(
        TRADECTL[0],
        [*TRADECTL[1:], *map(str, words)],
        dimensions=(40, 140),
        env=env,
        timeout=PATIENCE_S,
    )
    try:
        shown.expect("Fills")
        shown.expect("BTCUSDT")
        screen = _seen(shown)
        shown.sendintr()
        shown.expect(pexpect.EOF)
        screen += _seen(shown)
        assert b"LIVE" in screen
        assert betrays(screen) == []
    finally:
        shown.close(force=True)


def _seen(terminal: Any) -> bytes:
    seen: bytes = terminal.before or b""
    return seen


FAULTS = ("no-reply", "reset", "cut", "empty", "truncated", "html", "429", "418", "503", "error")


@pytest.mark.parametrize("fault", in_turn(FAULTS, 3))
async def test_nor_in_a_traceback(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """With all that led to it, and with what a debugger would print of the objects at hand."""
    caplog.set_level(logging.DEBUG)
    async with LoopbackExchange(seed=1) as exchange:
        exchange.accounts["main"].key, exchange.accounts["main"].secret = CANARIES
        at = msgspec.structs.replace(QUICK, url=exchange.url)
        venue = CcxtVenue(at, {"BTCUSDT": "BTCUSDT"}, Credentials(KEY, SECRET))
        await venue.open()
        try:
            text = f"{KEY} {SECRET}"
            exchange.misbehave(fault, code=-1022, text=text, seconds=1, count=FOREVER)
            spec = OrderSpec("o1", "BTCUSDT", Side.BUY, quantity=exchange.balance("USDT") / 1000)
            for call in (
                lambda: venue.submit(spec, "tcabc0123456789abc"),
                lambda: venue.cancel("BTCUSDT", "tcabc0123456789abc", ""),
                venue.holdings,
                lambda: venue.fills("BTCUSDT", 0),
                venue.permissions,
            ):
                with pytest.raises(ExchangeError) as raised:
                    await call()
                error = raised.value
                told = traceback.TracebackException.from_exception(error, capture_locals=False)
                assert betrays("".join(told.format())) == []
                assert betrays(repr(error)) == []
                if fault == "error":
                    assert isinstance(error, AccessLost)
            assert betrays(repr(venue)) == []
            assert betrays(repr(Credentials(KEY, SECRET))) == []
        finally:
            exchange.behave()
            await venue.close()
    assert betrays(caplog.text) == []


def test_the_environment_is_the_only_way_in(typed: Typed) -> None:
    """No option takes a key, so that none can stand in a process list or in a shell's history."""
    for command in ("run", "doctor", "reconcile", "emergency-stop"):
        shown = typed(f"{command} --help").out.lower()
        assert "secret" not in shown
        assert "api-key" not in shown
