"""Live trading as a user goes about it: from the doctor to the replay, with the commands as they are
typed, against the loopback exchange run by hand.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from tests.fixtures.command import PATIENCE_S, environment, journals, running
from tests.fixtures.documents import as_json
from tests.fixtures.live_harness import live_harness
from tests.fixtures.live_trader import QUICK, SPOT, Trader, protected, settings_for, trading
from tests.fixtures.run_inputs import Character, Typed, look, replayed, written
from tradectl.domain.events import Acceptance, TargetComputed
from tradectl.domain.states import TradingState
from tradectl.exchange.base import Accepted
from tradectl.journal.reader import read_header
from tradectl.portfolio.steering import Steering
from tradectl.runtime.in_process_reconcile import reconcile
from tradectl.storage.directory import StateDir
from tradectl.testkit import loopback_thread

HALTED = 6
UNSENT = "are being compared|the same order"
"""Why risk denies what a busy computer sees before the first comparison, or a strategy asks for twice."""
RESTING = ", order_type = 'limit', limit_offset_bps = 50, min_trade_notional = 1000"


@contextmanager
def by_hand(*words: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """`python -m tradectl.testkit`: its address, the keys that it says to export, its lines of TOML."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "tradectl.testkit", "--port", "0", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        assert process.stdout is not None
        said = ""
        while "By hand" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        keys = dict(re.findall(r"export (\S+)=(\S+)", said))
        toml = re.search(r"\[\[exchanges\]\].*?\n\n", said, re.DOTALL)
        url = re.search(r"http://\S+", said)
        assert url
        assert toml
        yield url.group(), keys, toml.group()
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def truth(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/loopback/truth", timeout=5) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def compared_clean(typed: Typed, keys: dict[str, str]) -> None:
    """Asked until no order is just on its way."""
    deadline = time.monotonic() + PATIENCE_S
    while (answer := typed("reconcile --json", **keys)).code != 0:
        assert time.monotonic() < deadline, answer
    assert answer.document()["clean"]


@pytest.mark.slow
def test_a_day_of_a_live_trader(tmp_path: Path, typed: Typed) -> None:
    """Every command of a live account, once."""
    folder = tmp_path / "state"
    with by_hand("--ticks-per-second", "50") as (url, keys, exchanges):
        settings = f'mode = "live"\nsymbols = ["BTCUSDT"]\n{exchanges}'
        config = written(tmp_path, Character.CHATTER, settings=settings)
        config.chmod(0o600)

        fit = typed(f"doctor --json -c {config}", **keys).document()
        assert fit["ok"]
        assert {finding["verdict"] for finding in fit["findings"]} == {"passed", "warned"}

        words = ("--live", "--yes", "-c", config)
        with running(folder, *words, live=True, **keys) as run:
            assert any("REAL MONEY" in line for line in run.lines)
            run.line("FILL buy")
            run.line("FILL sell")
            assert typed("pause --json", **keys).document()["state"] == "PAUSED"
            status = typed("status --json").document()
            assert (status["mode"], status["state"]) == ("live", "PAUSED")
            assert typed("resume --json", **keys).document()["state"] == "RUNNING"
            run.line("FILL buy")
            assert len(typed("fills --json").document()) >= 3
            orders = [
                o for o in typed("orders --json").document() if not re.search(UNSENT, o["reason"])
            ]
            assert {order["status"] for order in orders} <= {
                "filled", "submitted", "accepted", "partially_filled",
            }  # fmt: skip
            compared_clean(typed, keys)
            receipt = typed("emergency-stop --flatten --json", **keys).document()
            assert receipt["confirmed"], receipt
            assert run.end().code == HALTED
        there = truth(url)
        assert [o for o in there["orders"] if o["status"] in ("NEW", "PARTIALLY_FILLED")] == []
        assert there["duplicates"] == []
        coins = Decimal(there["accounts"]["main"]["spot"].get("BTC", "0"))
        assert coins < Decimal("0.00001")
        sent = [order["client_id"] for order in there["orders"]]
        # an intent that a busy machine kept waiting for too long is in the books, and was never sent
        named = [o.client_order_id for o in look(folder).orders() if o.venue_order_id]
        assert sorted(sent) == sorted(named)

        again = f"run --headless --live --yes -c {config}"
        assert typed(again, **keys).code == HALTED
        assert typed("clear-halt --confirm").code == 0
        summary = typed(f"{again} --duration 0.5 --json", **keys).document()
        assert (summary["mode"], summary["exit_code"]) == ("live", 0)
        assert typed("reconcile --json", **keys).document()["clean"]
        for path in journals(folder):
            assert typed(f"replay {path} --json --trust").document()["verified"]


@pytest.mark.slow
def test_public_data_is_traded_on_paper_without_a_key(tmp_path: Path, typed: Typed) -> None:
    """With a configuration for paper, and with one for live by --paper."""
    with live_harness(tmp_path, Character.CHATTER) as live:
        live.exchange.start_walking(50)
        paper = live.config.with_name("paper.toml")
        paper.write_text(live.config.read_text().replace('mode = "live"', 'mode = "paper"'))
        for words in (f"-c {paper}", f"-c {live.config} --paper"):
            run = f"run --headless --json --duration 1.5 --state-dir {live.folder} {words}"
            summary = typed(run).document()
            assert (summary["mode"], summary["source"]) == ("paper", "exchange")
            assert summary["fills"] > 0
            assert typed(f"replay {summary['journal']} --json --trust").document()["verified"]
        assert live.exchange.truth.ours() == []
        signed = [e for e in live.exchange.truth.requests() if "signature" in e.detail["params"]]
        assert signed == []


@pytest.mark.slow
def test_resting_orders_are_adopted_by_the_next_run(tmp_path: Path) -> None:
    with live_harness(tmp_path, Character.KEEN, portfolio=RESTING) as live:
        with live.running(sigma="0.00001") as run:
            run.line("ORDER approved")
            live.exchange.until(live.exchange.truth.open_orders)
            run.kill()
        [order] = live.exchange.truth.open_orders()
        live.exchange.print_trade(SPOT, order.price, order.quantity / 2)
        with live.running(sigma="0.00001") as run:
            run.line(" FILL ")
            live.exchange.print_trade(SPOT, order.price, order.quantity)
            run.line(" FILL ")
            assert live.tradectl("stop").code == 0
            assert run.end().code == 0
        assert len(live.exchange.truth.ours()) == 1
        statuses = [str(row.status) for row in look(live.folder).orders()]
        assert statuses.count("filled") == 1
        assert {*statuses} <= {"filled", "denied"}, "a signal that came before the comparison"
        [position] = look(live.folder).status().positions
        assert Decimal(position.size) == live.position
        assert live.replayed().verified
        header = read_header(journals(live.folder)[-1])
        assert header.continues == journals(live.folder)[0].stem


# --- reconcile -----------------------------------------------------------------------------------


@pytest.fixture
def exchange() -> Iterator[Any]:
    with loopback_thread(seed=1) as made:
        yield made


def row_of(found: dict[str, Any], symbol: str = SPOT) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in found["symbols"] if row["symbol"] == symbol)
    return row


POSITION = Accepted(Acceptance.POSITION)


@pytest.mark.usefixtures("key_environment")
@pytest.mark.parametrize("market", ["spot", "futures"])
async def test_what_the_owner_bought_is_external_until_he_says_that_it_is_ours(
    market: str, exchange: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    settings = settings_for(exchange, market=market)
    async with trading(exchange, folder, settings=settings, market=market) as trader:
        await trader.orders_done(trader.buy("0.1"))
        await trader.quiet()
        ours = trader.held
        exchange.outside_trade("main", SPOT, "BUY", "0.2", market=market)
        await trader.until(lambda: external_of(trader) > 0)

        found = await asked(folder)
        row = row_of(found)
        assert row["journal"] == row["database"] == row["at_exchange"] == plain(ours)
        assert (row["external"], row["difference"]) == (plain(external_of(trader)), "0")
        assert "mismatch" not in row["restricted"]
        external = external_of(trader)
        assert external in (Decimal("0.2"), Decimal("0.1998"))

        shown = await asked(folder, POSITION, confirm=False)
        [booking] = [b for b in shown["proposal"]["bookings"] if b["symbol"] == SPOT]
        assert (booking["ours_before"], booking["ours_after"]) == (
            plain(ours),
            plain(ours + external),
        )
        assert shown["proposal"]["orders"] == []
        assert trader.held == ours, "looking settles nothing"
        assert not shown["accepted"]

        settled = await asked(folder, POSITION)
        assert settled["accepted"]
        assert trader.held == exchange_s(trader, market) == ours + external
        assert trader.run.books.trading_state is TradingState.PAUSED
        denied = await trader.orders_done(trader.buy("0.1"))
        assert denied.status == "denied"
        whole = trader.run.books.instrument(SPOT).floor_quantity(trader.held)
        out = trader.sell(str(whole), reduce_only=True)
        assert (await trader.orders_done(out)).status == "filled"


def external_of(trader: Trader) -> Decimal:
    return trader.run.books.account.at_exchange().external.get(SPOT, Decimal(0))


def exchange_s(trader: Trader, market: str) -> Decimal:
    if market == "spot":
        return trader.exchange.balance("BTC")
    return trader.exchange.position(SPOT)


async def asked(
    folder: Path, accepted: Accepted | None = None, *, confirm: bool | None = None
) -> dict[str, Any]:
    """What is `accepted` is confirmed, where nothing else is said."""
    books = accepted is not None if confirm is None else confirm
    found = await asyncio.to_thread(reconcile, StateDir(folder), accepted, confirm=books)
    answer: dict[str, Any] = as_json(found)
    return answer


def plain(value: Decimal) -> str:
    return str(value.normalize())


@pytest.mark.usefixtures("key_environment")
async def test_what_the_owner_sold_while_no_process_ran_is_found_in_the_history(
    exchange: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    foreign = exchange.outside_order("main", SPOT, "BUY", "0.01", "50000")
    async with trading(exchange, folder) as trader:
        await trader.orders_done(trader.buy("0.1"))
        resting = trader.buy("0.1", "59900")
        await trader.in_status(resting, "accepted")
        client_id = trader.client_id(resting)
    exchange.outside_trade("main", SPOT, "SELL", "0.05")

    found = await asked(folder)
    assert found["clean"], found
    assert (row_of(found)["journal"], row_of(found)["external"]) == ("0.0499", "0")
    orders = {row["client_order_id"]: row for row in found["orders"]}
    assert (orders[client_id]["ours"], orders[client_id]["ok"]) == (True, True)
    assert (orders[foreign.client_id]["ours"], orders[foreign.client_id]["ok"]) == (False, True)
    [manual] = [fill for fill in look(folder).fills() if fill.strategy == "manual"]
    assert (manual.side, manual.quantity) == ("sell", "0.05")
    assert len(exchange.truth.open_orders()) == 2
    async with trading(exchange, folder) as trader:
        assert trader.held == Decimal("0.0499")
        assert trader.status(resting) == "accepted"
        trader.cancel(resting)
        await trader.quiet()


@pytest.mark.usefixtures("key_environment")
async def test_a_comparison_of_an_account_that_was_killed_finds_what_it_missed(
    exchange: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    async with trading(exchange, folder) as trader:
        resting = trader.buy("0.1", "59900")
        await trader.in_status(resting, "accepted")
    exchange.print_trade(SPOT, "59900", "0.1")
    found = await asked(folder)
    assert found["clean"], found
    assert Decimal(row_of(found)["journal"]) == Decimal("0.0999")
    [row] = look(folder).orders()
    assert row.status == "filled"


@pytest.mark.usefixtures("key_environment")
async def test_a_comparison_trades_for_no_strategy(exchange: Any, tmp_path: Path) -> None:
    """What one wanted as its run ended, before anything was ordered, it gets when it runs again."""
    folder, settings = tmp_path / "state", protected(exchange, "spot", stop_loss_pct=None)
    go = Steering._go

    def no_exit(*given: Any) -> Any:
        events = go(*given)
        return events if given[1].target else events[:1]

    with mock.patch.object(Steering, "_go", no_exit):
        async with trading(exchange, folder, settings=settings) as trader:
            trader.signal("buy")
            await trader.until(lambda: trader.held)
            trader.signal("close")
            await trader.until(lambda: len(trader.events(TargetComputed)) == 2)
    found = await asked(folder)
    assert found["clean"], found
    assert len(exchange.truth.ours()) == 1
    assert replayed(folder).verified
    async with trading(exchange, folder, settings=settings) as trader:
        await trader.until(lambda: not trader.run.books.positions())


@pytest.mark.usefixtures("key_environment")
async def test_the_exchange_s_word_on_an_order_of_unknown_fate_is_taken_at_the_operator_s(
    exchange: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    patient = msgspec.structs.replace(QUICK, not_found_seconds=60)
    async with trading(exchange, folder, settings=settings_for(exchange, at=patient)) as trader:
        exchange.misbehave("reset", method="POST", path="order", placed=False)
        order = trader.buy("0.1", "59900")
        await trader.in_status(order, "unknown")
        assert not (await asked(folder))["clean"]
        assert trader.status(order) == "unknown"
        assert (await asked(folder, POSITION))["clean"]
        assert trader.status(order) == "expired"
        await trader.quiet()
    assert exchange.truth.ours() == []


@pytest.mark.usefixtures("key_environment")
async def test_an_exchange_that_does_not_answer_is_told_of(exchange: Any, tmp_path: Path) -> None:
    async with trading(exchange, tmp_path / "state") as trader:
        exchange.misbehave("503", path="account", count=-1)
        found = await asked(tmp_path / "state")
        assert not found["clean"]
        assert found["unreachable"][0]["exchange"] == "binance"
        exchange.behave()
        await trader.clean()
