"""What a live run must survive that is no fault of the exchange: its own process's end, its operator, and
those who mean it ill. The numbers are those of the list of faults.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest

from tests.fixtures.command import PATIENCE_S, environment, tradectl
from tests.fixtures.live_harness import live_harness
from tests.fixtures.live_trader import (
    KEYS,
    QUICK,
    SPOT,
    settings_for,
    trading,
)
from tests.fixtures.run_inputs import Character, look
from tradectl.cli.commands.live_approval import approval
from tradectl.domain.errors import StateError, TradectlError, UsageError
from tradectl.domain.events import RestrictionKind
from tradectl.monitoring.alert import Alert
from tradectl.testkit import FOREVER, LoopbackExchange, loopback_thread

USAGE, HALTED = 2, 6
APPROVED = approval(True, None)
PLACING: dict[str, Any] = {"method": "POST", "path": "order"}

pytestmark = pytest.mark.usefixtures("key_environment")


@pytest.fixture
def exchange() -> Iterator[Any]:
    with loopback_thread(seed=1) as made:
        yield made


@pytest.fixture
async def nearby() -> AsyncIterator[LoopbackExchange]:
    """One in the loop of the run, so that both live in virtual time."""
    async with LoopbackExchange(seed=1) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


# --- the process ---------------------------------------------------------------------

BEFORE_THE_SEND = """
import os
from tradectl.exchange.live.live_exchange import LiveExchange
LiveExchange.send = lambda *_: os._exit(9)
from tradectl.cli.app import main
main()
"""
"""The command line in a process that ends in place of its first send."""


@pytest.mark.slow
async def test_an_intent_that_was_never_sent_is_found_not_to_exist(tmp_path: Path) -> None:
    with live_harness(tmp_path, Character.KEEN) as live:
        live.exchange.start_walking(50)
        words = ["run", "--headless", "--live", "--yes", "-c", live.config]
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", BEFORE_THE_SEND, *map(str, words)],
            env=environment(TRADECTL_STATE_DIR=str(live.folder), **KEYS),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ended.returncode == 9, ended.stderr
        live.exchange.stop_walking()
        async with trading(live.exchange, live.folder) as trader:
            [order] = [order for order in trader.orders() if order.status != "denied"]
            assert order.status == "expired"
            assert live.exchange.truth.requests("POST", "/order") == []
            await trader.quiet()
            assert (await trader.orders_done(trader.buy("0.01"))).status == "filled"


@pytest.mark.slow
async def test_what_was_sent_before_the_end_is_adopted(tmp_path: Path) -> None:
    with live_harness(tmp_path, Character.KEEN) as live:
        live.exchange.misbehave("no-reply", **PLACING)
        live.exchange.misbehave("drop", stream="user", count=FOREVER)
        with live.running() as run:
            await asyncio.to_thread(live.exchange.until, live.exchange.truth.ours)
            run.kill()
        live.exchange.stop_walking()
        live.exchange.behave()
        async with trading(live.exchange, live.folder) as trader:
            [order] = [order for order in trader.orders() if order.status != "denied"]
            assert (order.status, order.filled) == ("filled", order.spec.quantity)
            assert len(live.exchange.truth.requests("POST", "/order")) == 1
            await trader.quiet()
            assert trader.held == live.position


@pytest.mark.virtual_time
async def test_a_restart_adopts_what_rests_and_cancels_what_was_being_cancelled(
    nearby: LoopbackExchange, folder: Path
) -> None:
    async with trading(nearby, folder) as trader:
        stays, goes = trader.buy("0.01", "59900"), trader.buy("0.01", "59800")
        for order in (stays, goes):
            await trader.in_status(order, "accepted")
        nearby.misbehave("reset", method="DELETE", path="order", placed=False, count=FOREVER)
        trader.cancel(goes)
        await trader.in_status(goes, "pending_cancel")
    assert len(nearby.truth.open_orders()) == 2
    nearby.behave()
    async with trading(nearby, folder) as trader:
        await trader.orders_done(goes)
        assert (trader.status(stays), trader.status(goes)) == ("accepted", "canceled")
        nearby.print_trade(SPOT, "59900", "0.01")
        assert (await trader.orders_done(stays)).status == "filled"
        await trader.quiet()
    assert len(nearby.truth.requests("POST", "/order")) == 2


async def test_after_a_standstill_a_comparison_comes_before_the_next_order(
    exchange: Any, folder: Path
) -> None:
    impatient = msgspec.structs.replace(QUICK, stall_seconds=0.5)
    async with trading(
        exchange, folder, settings=settings_for(exchange, at=impatient, stale_after=0.6)
    ) as trader:
        exchange.start_walking(50)
        at = len(exchange.truth.log)
        time.sleep(1.5)  # noqa: ASYNC251  the fault itself: nothing of this process goes on
        early = trader.buy("0.01")
        assert (await trader.orders_done(early)).status in ("denied", "rejected")
        order = await trader.first_entry()
        assert trader.status(order) == "filled"
        asked = [
            (e.detail["method"], e.detail["path"].rpartition("/")[2])
            for e in exchange.truth.log[at:]
            if e.kind == "request"
        ]
        before = asked[: asked.index(("POST", "order"))]
        assert {("GET", "openOrders"), ("GET", "myTrades"), ("GET", "account")} <= {*before}
        assert {RestrictionKind.STALE, RestrictionKind.UNRECONCILED} <= trader.held_for()
        await trader.quiet()


@pytest.mark.virtual_time
async def test_what_has_no_answer_when_it_ends_is_kept_as_unknown(
    nearby: LoopbackExchange, folder: Path
) -> None:
    async with trading(nearby, folder) as trader:
        nearby.misbehave("drop", stream="user", count=FOREVER)
        nearby.misbehave("no-reply", **PLACING)
        for path in ("order", "openOrders"):
            nearby.misbehave("reset", method="GET", path=path, count=FOREVER)
        sent = trader.buy("0.1")
        await trader.until(trader.exchange.truth.ours)
        started = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        summary = await trader.task
        assert time.monotonic() - started < 3
        assert (summary.reason, summary.exit_code) == ("terminated", 0)
    [row] = look(folder).orders()
    assert (row.order_id, row.status) == (sent, "unknown")
    nearby.behave()
    async with trading(nearby, folder) as trader:
        assert [order.status for order in trader.orders()] == ["filled"]
        await trader.quiet()
    assert len(nearby.truth.requests("POST", "/order")) == 1


# --- the operator ---------------------------------------------------------------------


def test_live_by_mistake_is_refused(tmp_path: Path, typed: Any) -> None:
    with live_harness(tmp_path) as live:
        for words, complaint in (
            (f"run --headless -c {live.config}", "add --live"),
            (f"run --headless --live -c {live.config}", "add --yes"),
            ("run --headless --live --yes", "paper"),
        ):
            answer = typed(words, **KEYS)
            assert answer.code == USAGE
            assert complaint in answer.complaint()
        answer = typed("run --headless", TRADECTL__MODE="live", **KEYS)
        assert answer.code == USAGE
        assert live.exchange.truth.requests() == []


class Typing(io.StringIO):
    """A terminal on which something is typed."""

    def isatty(self) -> bool:
        return True


@pytest.mark.virtual_time
async def test_other_words_than_those_asked_for_start_nothing(
    nearby: LoopbackExchange, folder: Path
) -> None:
    nearby.start_walking(50, sigma="0.00001")
    approve = approval(False, None, answers=Typing("yes\n"))
    with pytest.raises(UsageError):
        async with trading(nearby, folder, approve=approve):
            raise AssertionError("it trades")
    assert nearby.truth.ours() == []


@pytest.mark.virtual_time
async def test_an_alert_sink_that_is_dead_holds_nothing_up(
    nearby: LoopbackExchange, folder: Path
) -> None:
    async with trading(nearby, folder) as trader:
        heard: list[str] = []

        async def hangs(_: Alert) -> None:
            await asyncio.Event().wait()

        def raises(_: Alert) -> None:
            raise OSError("nobody there")

        for number, sink in enumerate((hangs, raises, lambda alert: heard.append(alert.type))):
            trader.run.alerts.add_notification_handler(sink, name=f"sink-{number}")
        nearby.misbehave("drop", stream="user", count=FOREVER)
        nearby.misbehave("no-reply", **PLACING)
        order = trader.buy("0.1")
        assert (await trader.orders_done(order)).status == "filled"
        await trader.until(lambda: "order_unknown" in heard)
        assert trader.said("order_unknown")
        await trader.until(lambda: trader.said("order_unknown_over"))
        await trader.quiet()


@pytest.mark.virtual_time
async def test_another_configuration_at_a_restart_is_told_and_written_down(
    nearby: LoopbackExchange, folder: Path
) -> None:
    async with trading(nearby, folder) as trader:
        await trader.run.bus.dispatched()
    async with trading(nearby, folder) as trader:
        assert "changed" not in trader.alerts()
    other = msgspec.structs.replace(settings_for(nearby), seed=7)
    async with trading(nearby, folder, settings=other) as trader:
        await trader.until(lambda: "changed" in trader.alerts())
        assert "seed" in trader.alerts()["changed"].message
        [told] = trader.said("changed")
        assert "seed" in told


# --- 53 to 56: those who mean it ill --------------------------------------------------------------


def test_a_key_in_the_configuration_is_refused_and_not_shown(tmp_path: Path, typed: Any) -> None:
    with live_harness(tmp_path, more="api_secret = 'canary-in-a-file'") as live:
        answer = typed(f"run --headless --live --yes -c {live.config}", **KEYS)
        assert answer.code == USAGE
        assert "canary" not in answer.out + answer.err
        assert "api_secret" in answer.complaint()


@pytest.mark.virtual_time
async def test_a_state_directory_that_is_a_link_is_refused(
    nearby: LoopbackExchange, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="symbolic link"):
        async with trading(nearby, link):
            raise AssertionError("it trades")
    assert nearby.truth.requests() == []


ASK_AS_NOBODY = """
import os, socket, sys
os.setgid(65534), os.setuid(65534)
with socket.socket(socket.AF_UNIX) as asking:
    try:
        asking.connect(sys.argv[1])
    except PermissionError:
        sys.exit("no way in")
    try:
        asking.sendall(b'{"v":1,"command":"emergency_stop","reason":"from outside"}\\n')
    except BrokenPipeError:
        pass  # it was answered, and closed, before it had asked
    print(asking.recv(4096).decode())
"""


@pytest.fixture
def anywhere() -> Iterator[Path]:
    """A folder that everybody may enter. Those of pytest are shut, again by each session that begins."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("doors", ["shut", "open"])
async def test_another_user_is_not_listened_to(doors: str, exchange: Any, anywhere: Path) -> None:
    """Neither as things are, nor where somebody opened the way to the socket."""
    async with trading(exchange, anywhere / "state") as trader:
        address = trader.run.state_dir.socket
        if doors == "open":
            address.parent.chmod(0o755)
            address.chmod(0o666)
        asked = [sys.executable, "-c", ASK_AS_NOBODY, str(address)]
        done = await asyncio.to_thread(subprocess.run, asked, capture_output=True, text=True)
        refused = "no way in" if doors == "shut" else "for the user who started tradectl"
        assert refused in done.stdout + done.stderr
        await trader.run.bus.dispatched()
        assert trader.run.orchestrator.state == "RUNNING"


EVIL = "\x1b[2J\x1b]0;mine\x07 \u202etxet \u0301\u0301\r\nFILL buy 1"


async def test_what_an_exchange_says_is_shown_and_never_obeyed(exchange: Any, folder: Path) -> None:
    foreign = exchange.outside_order("main", SPOT, "BUY", "0.1", "50000")
    foreign.client_id = "web\x1b[31m\u202e"
    async with trading(exchange, folder) as trader:
        exchange.misbehave("error", code=-2010, text=EVIL, **PLACING)
        order = trader.buy("0.01")
        assert (await trader.orders_done(order)).status == "rejected"
        reason = trader.order(order).reason
        assert "mine" in reason
        assert reason.isprintable()
        exchange.misbehave("error", code=-1000, status=500, text=EVIL, count=FOREVER)
        await trader.until(lambda: "reconcile_failed" in trader.alerts())
        assert trader.alerts()["reconcile_failed"].message.isprintable()
        exchange.behave()
        await trader.quiet()
        shown = await asyncio.to_thread(tradectl, folder, "reconcile")
        assert "web" in shown.out
        as_json = await asyncio.to_thread(tradectl, folder, "reconcile", "--json")
        for text in (shown.out, as_json.out, shown.err):
            assert all(line.isprintable() for line in text.splitlines()), text


def test_a_symbol_that_is_a_command_to_a_terminal_is_refused_harmlessly(
    tmp_path: Path, typed: Any
) -> None:
    with live_harness(tmp_path) as live:
        words = f"run --headless --live --yes -c {live.config} --symbol BTC\x1b[2J\u202eUSDT"
        answer = typed(words, **KEYS)
        assert answer.code == USAGE
        assert answer.complaint().isprintable()
        assert live.exchange.truth.ours() == []


@pytest.mark.virtual_time
@pytest.mark.parametrize("allowed", [False, True])
async def test_a_key_that_may_withdraw_starts_nothing_unless_it_is_allowed_by_name(
    allowed: bool, nearby: LoopbackExchange, folder: Path
) -> None:
    nearby.start_walking(50, sigma="0.00001")
    nearby.accounts["main"].may_withdraw = True
    at = msgspec.structs.replace(QUICK, allow_withdraw_key=allowed)
    settings = settings_for(nearby, at=at)
    if not allowed:
        with pytest.raises(TradectlError, match="permissions failed"):
            async with trading(nearby, folder, settings=settings, approve=APPROVED):
                raise AssertionError("it trades")
        assert nearby.truth.ours() == []
        return
    async with trading(nearby, folder, settings=settings, approve=APPROVED) as trader:
        assert (await trader.orders_done(trader.buy("0.01"))).status == "filled"
        nearby.stop_walking()
        await trader.quiet()
