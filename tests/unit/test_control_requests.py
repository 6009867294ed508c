"""Whatever comes in over the control socket is checked before anything acts on it."""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from typer.testing import CliRunner

from tests.fixtures.rows import each_row
from tradectl.bus.clock import ComputerClock
from tradectl.cli.app import app
from tradectl.cli.commands import config
from tradectl.control.client import ControlError, ask
from tradectl.control.requests import COMMANDS, OF_ALL, VERSION, spell, understand
from tradectl.control.server import LONGEST_REQUEST, ControlServer
from tradectl.documents.control import Done
from tradectl.domain.errors import UsageError
from tradectl.domain.text import LONGEST
from tradectl.runtime.control_handlers import ControlHandlers
from tradectl.storage.directory import StateDir

PATIENCE_S = 30.0


class Listening(Struct):
    """A control server, and what its handlers were called with."""

    path: Path
    calls: list[tuple[str, dict[str, Any]]]

    def says(self, sent: bytes, *, half: bool = False) -> dict[str, Any] | None:
        """What it answers to these bytes, ended by a line break; with `half`, by our hanging up."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(self.path))
            try:
                connection.sendall(sent if half else sent + b"\n")
                connection.shutdown(socket.SHUT_WR)
                with connection.makefile("rb") as lines:
                    line = lines.readline()
            except ConnectionError:  # it had heard enough
                return None
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    found = Listening(tmp_path_factory.mktemp("c") / "s", [])
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    def handler(command: str) -> Any:
        async def handle(**arguments: Any) -> Done:
            found.calls.append((command, arguments))
            return Done()

        return handle

    async def serve() -> None:
        server, end = ControlServer(found.path, {c: handler(c) for c in COMMANDS}), asyncio.Event()
        await server.start()
        begun.set_result((asyncio.get_running_loop(), end))
        await end.wait()
        await server.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    loop, end = begun.result(PATIENCE_S)
    yield found
    loop.call_soon_threadsafe(end.set)
    thread.join(PATIENCE_S)


def request(command: object = "pause", **more: object) -> bytes:
    return json.dumps({"v": VERSION, "command": command, **more}).encode()


BAD = {
    b"": "one line of JSON",
    b"\xff\xfe\x00junk": "one line of JSON",
    b"[" * 60_000: "one line of JSON",
    b"pause": "one line of JSON",
    b'{"v":2e400,"command":"pause"}': "one line of JSON",
    b'{"v":4,"command":"pause","reason":-1e999}': "one line of JSON",
    b"[]": "expected an object",
    b'"pause"': "expected an object",
    b'{"command":"pause"}': "expected an object",
    b'{"v":1,"command":"pause"}': f"speaks version {VERSION}",
    b'{"v":4}': "expected one of the commands acknowledge_alert, ",
    request(7): "expected one of the commands",
    request("Pause"): "expected one of the commands",
    request("__init__"): "expected one of the commands",
    request(reason=7): "pause: reason: expected str, got int",
    request(reason=None): "pause: reason: expected str, got null",
    request(reason="x" * (LONGEST + 1)): f"pause: reason: expected str of length <= {LONGEST}",
    request(reason="\udcff"): "one line of JSON",
    b'{"v":4,"command":"pause","reason":"\xed\xb3\xbf"}': "one line of JSON",
    b'{"v":4,"command":"pause","reason":"\xff"}': "one line of JSON",
    request(reason="x", why="y"): "pause: object contains unknown field why",
    request("emergency_stop"): "emergency_stop: object missing required field reason",
    request("emergency_stop", reason="x", flatten="yes"): "emergency_stop: flatten: expected bool",
    request("resolve_alert", alert_id=""): "alert_id: expected str of length >= 1",
    request("resolve_alert", alert_id="x" * 101): "alert_id: expected str of length <= 100",
    request("status", v=[2]): f"speaks version {VERSION}",
}


@pytest.mark.parametrize("sent", BAD, ids=range(len(BAD)))
def test_what_is_no_good_request_is_refused_in_one_line(listening: Listening, sent: bytes) -> None:
    before = len(listening.calls)
    for half in (False, True):
        answer = listening.says(sent, half=half)
        assert answer is not None
        assert (answer["v"], answer["ok"]) == (VERSION, False)
        assert BAD[sent] in answer["error"]
        assert answer["error"].isprintable()
        assert len(answer["error"]) <= LONGEST
    assert len(listening.calls) == before


def test_a_huge_line_is_cut_off_and_the_next_asker_is_answered(listening: Listening) -> None:
    answer = listening.says(request(reason="x" * 8 * 1024 * 1024))
    assert answer is None or f"longer than {LONGEST_REQUEST}" in answer["error"]
    assert listening.says(request())["ok"]  # type: ignore[index]  # an answer came


def test_a_good_request_reaches_its_handler_with_its_arguments(listening: Listening) -> None:
    assert listening.says(request(reason="news at 2")) == {
        "v": VERSION, "ok": True, "result": {},
    }  # fmt: skip
    assert listening.calls[-1] == ("pause", {"reason": "news at 2", "by": ""})
    begun = ComputerClock.monotonic()
    ask(listening.path, "emergency_stop", Done, timeout=60, reason="x", flatten=True)
    command, stop = listening.calls[-1]
    assert float(stop.pop("deadline")) >= begun + 60  # so long it may take
    flags = {"flatten": True, "everything": False, "drop_protection": False}
    assert (command, stop) == ("emergency_stop", {"reason": "x", "by": "", **flags})


LATE = {"pause", "stop", "emergency_stop"}
"""What ends trading: it is done however late."""


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_what_is_handled_after_its_asker_gave_up_is_not_done(
    listening: Listening, command: str
) -> None:
    needed: dict[str, dict[str, Any]] = {
        "order": {"symbol": "BTCUSDT", "side": "buy", "quantity": "1", "confirm": True},
        "close": {"symbol": "BTCUSDT"},
        "cancel": {"order": "x"},
        "emergency_stop": {"reason": "x"},
        "acknowledge_alert": {"alert_id": "x"},
        "resolve_alert": {"alert_id": "x"},
        "web_refused": {"message": "x"},
    }
    fields = needed.get(command, {})
    now, before = ComputerClock.monotonic(), len(listening.calls)
    late = listening.says(request(command, deadline=now - 0.001, **fields))
    assert late is not None
    assert late["ok"] == (command in LATE)
    assert command in LATE or late["error"].startswith("it came too late")
    in_time = listening.says(request(command, deadline=now + PATIENCE_S, **fields))
    assert in_time is not None
    assert in_time["ok"]
    assert len(listening.calls) - before == 1 + (command in LATE)


@pytest.mark.parametrize(
    ("command", "then"),
    [
        ("close", "does not do it later; `tradectl orders` shows"),
        ("resume", "does not do it later; `tradectl status` shows"),
        ("pause", "it does it as soon as it goes on"),
    ],
)
def test_who_gives_up_is_told_what_becomes_of_it(tmp_path: Path, command: str, then: str) -> None:
    fields = {"symbol": "BTCUSDT"} if command == "close" else {}
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "s"))
        deaf.listen()
        with pytest.raises(TimeoutError, match=r"did not answer within 0\.01 s: .*" + then):
            ask(tmp_path / "s", command, Done, timeout=0.01, **fields)
        heard, _ = deaf.accept()
        with heard:
            _, sent = understand(heard.recv(65536))
    assert sent.deadline is not None
    assert sent.deadline <= ComputerClock.monotonic()


def test_a_process_that_hangs_is_not_asked_to_apply_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "ANSWERS_WITHIN_S", 0.01)
    state_dir = StateDir(tmp_path / "s")
    state_dir.create()
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(state_dir.socket))
        deaf.listen()
        words = ["config", "apply", "--state-dir", str(state_dir.path)]
        answer = CliRunner().invoke(app, words, standalone_mode=False)
        heard, _ = deaf.accept()
        with heard:
            assert understand(heard.recv(65536))[0] == "status"
    assert isinstance(answer.exception, TimeoutError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from(["v", "command", "reason", "flatten", "alert_id", "accept", "x"])
ALMOST = st.dictionaries(FIELDS, JSON | st.sampled_from([VERSION, True, "x", *COMMANDS]))


@given(st.binary(max_size=200) | st.one_of(JSON, ALMOST).map(lambda v: json.dumps(v).encode()))
def test_a_line_is_understood_as_what_can_be_written_down_or_refused(sent: bytes) -> None:
    try:
        command, found = understand(sent)
    except UsageError:
        return
    assert type(found) is COMMANDS[command]
    assert understand(spell(command, **found.arguments())) == (command, found)


@given(st.sampled_from(sorted(COMMANDS)), st.text(st.characters(), max_size=600))
def test_the_asking_side_refuses_what_would_be_refused(command: str, text: str) -> None:
    field = next(
        (name for name in ("reason", "alert_id") if name in COMMANDS[command].__struct_fields__),
        "x",
    )
    try:
        line = spell(command, **{field: text})
    except UsageError:
        return
    assert understand(line)[1].arguments()[field] == text


def test_the_asker_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    for reason in ("x\udcff", "x" * 501, 7):
        with pytest.raises(UsageError, match="pause: "):
            ask(tmp_path / "nobody", "pause", Done, reason=reason)


def test_a_refusal_by_the_process_is_an_error_of_its_own(listening: Listening) -> None:
    with pytest.raises(ControlError, match="speaks version"):
        ask(listening.path, "status", Done, v=1)


def test_every_request_has_a_handler_that_takes_its_arguments() -> None:
    handlers = ControlHandlers(Mock(), Mock(), Mock(), Mock(), Mock()).by_command()
    assert handlers.keys() == COMMANDS.keys()
    for command, handler in handlers.items():
        taken = inspect.signature(handler).parameters
        fields = [f for f in COMMANDS[command].__struct_fields__ if f not in OF_ALL]
        timed = ["deadline"] if command == "emergency_stop" else []
        assert list(taken) == [*fields, *timed], command


@each_row(
    ("said", "wrong"),
    [
        ({"accept": "fill", "symbols": ["COIN"], "price": "-5"}, "above zero"),
        ({"accept": "fill", "symbols": ["COIN"], "price": "0"}, "above zero"),
        ({"accept": "position", "symbols": ["COIN"], "price": "NaN"}, "above zero"),
        ({"accept": "fill", "symbols": ["COIN", "OTHER"], "price": "5"}, "one --symbol"),
        ({"accept": "transfer", "symbols": ["COIN"], "price": "5"}, "position or external"),
        ({"symbols": ["COIN"]}, "symbol: expected --accept"),
    ],
)
def test_what_may_be_said_beside_accept_is_the_same_for_everybody(
    said: dict[str, Any], wrong: str
) -> None:
    line = json.dumps({"v": VERSION, "command": "reconcile", **said}).encode()
    with pytest.raises(UsageError, match=wrong):
        understand(line)
