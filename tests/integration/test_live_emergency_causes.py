"""An emergency stop where the clock is wrong, the address banned, the account in hedge mode, a symbol
closed: whoever carries it out, what the receipt says is so, and it names what is in the way.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import wait_until
from tests.fixtures.live_harness import LiveHarness, live_harness
from tests.fixtures.live_trader import SPOT, settings_for, trading
from tests.fixtures.run_inputs import Character, look
from tests.integration.test_live_emergency import PATIENT_S, answered, is_safe, killed, stop
from tests.profiles import in_turn, is_deep
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.testkit import LoopbackExchange, loopback_thread

Receipt = dict[str, Any]
D = Decimal
FUTURES = "futures"
NOT_CONFIRMED = 5


def by_way(*rows: tuple[Any, ...]) -> list[Any]:
    """What a run in this process answers takes no time: it shares its virtual loop with the exchange."""
    marks = [[pytest.mark.virtual_time] if "control" in row else [] for row in rows]
    return [pytest.param(*row, marks=mark) for row, mark in zip(rows, marks, strict=True)]


EITHER = [(market, way) for market in ("spot", FUTURES) for way in ("control", "direct")]
WAITING = pytest.mark.parametrize(
    ("market", "way"),
    by_way(*(EITHER if is_deep() else [("spot", "direct"), (FUTURES, "control")])),
)
"""A stop that is refused tries again as long as its time allows."""
CLOCKS = pytest.mark.parametrize(
    ("seconds", "way", "market"),
    by_way(
        *(
            product((-3, 3, 30, -30, 5_400, -5_400), ("control", "direct"), ("spot", FUTURES))
            if is_deep()
            else in_turn(
                [
                    *product((3,), ("control", "direct"), ("spot", FUTURES)),
                    *product((-30,), ("direct", "control"), (FUTURES, "spot")),
                ],
                4,
            )
        )
    ),
)
"""How far the exchange's clock is ahead of ours: each clock, way and market with each commit."""

pytestmark = pytest.mark.usefixtures("key_environment")


@pytest.fixture
async def exchange(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """In a thread of its own where the stop has a loop of its own."""
    if request.node.get_closest_marker("virtual_time") is not None:
        async with LoopbackExchange(seed=1) as made:
            yield made
        return
    with loopback_thread(seed=1) as there:
        yield there


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def settings(exchange: Any, market: str) -> Any:
    portfolio = PortfolioSettings(stop_loss_pct=D(3))
    return settings_for(exchange, market=market, portfolio=portfolio)


def held(exchange: Any, market: str) -> D:
    found: D = exchange.balance("BTC") if market == "spot" else exchange.position(SPOT)
    return found


def resting(exchange: Any, market: str) -> list[Any]:
    return [o for o in exchange.truth.open_orders(market=market) if not o.foreign]


def is_true(exchange: Any, market: str, receipt: Receipt) -> None:
    """What it says is left, and what protects it, is what the exchange has."""
    is_held = held(exchange, market) > D("0.0001")
    assert receipt["positions_left"] == ([SPOT] if is_held else [])
    assert (SPOT in receipt["closed"]) is not is_held
    stops = [o for o in resting(exchange, market) if o.stop_price is not None]
    told = [(D(s["stop_price"]), D(s["quantity"])) for s in receipt["protection"]]
    if is_held:
        assert told == [(o.stop_price, o.remaining) for o in stops]
        assert all(stop["confirmed"] for stop in receipt["protection"]) or receipt["error"]
        assert receipt["unprotected"] == ([] if stops else [SPOT])
        assert not receipt["confirmed"]
    else:
        is_safe(exchange, receipt, market=market)


async def stopped(
    exchange: Any, folder: Path, market: str, way: str, trouble: Any, within: float = 5.0
) -> Receipt:
    """A position with its stop, the trouble, an emergency stop with flatten."""
    async with trading(
        exchange, folder, settings=settings(exchange, market), market=market
    ) as trader:
        await trader.orders_done(trader.buy("0.1"))
        await trader.until(lambda: len(resting(exchange, market)) == 1)
        await trader.quiet_but_for_stops()
        if way == "control":
            trouble()
            return await answered(trader, within=within)
        remains = await killed(trader, folder)
    trouble()
    return await stop(remains, timeout=within)


@CLOCKS
async def test_under_a_wrong_clock_everything_is_closed(
    seconds: float, way: str, market: str, exchange: Any, folder: Path
) -> None:
    receipt = await stopped(
        exchange, folder, market, way, lambda: exchange.skew_clock(seconds), PATIENT_S
    )
    is_true(exchange, market, receipt)
    assert receipt["closed"] == [SPOT]


@WAITING
async def test_under_a_ban_nothing_is_done_and_its_end_is_named(
    way: str, market: str, exchange: Any, folder: Path
) -> None:
    receipt = await stopped(exchange, folder, market, way, lambda: exchange.ban(120))
    assert "banned" in receipt["error"]
    assert "until" in receipt["error"]
    assert not receipt["confirmed"]
    assert receipt["positions_left"] == [SPOT]
    assert len(resting(exchange, market)) == 1
    assert len(receipt["protection"]) + len(receipt["unprotected"]) == 1
    assert not any(stop["confirmed"] for stop in receipt["protection"])
    [told] = receipt["by_books"]
    assert told["exchange"] == "binance"
    assert told["compared_at"] > "20"
    assert 0 <= told["age_s"] < 120


async def test_a_stop_that_nobody_could_look_up_is_not_said_to_protect(
    exchange: Any, folder: Path
) -> None:
    """The user has cancelled it, and the exchange cannot be asked."""

    def trouble() -> None:
        for order in resting(exchange, FUTURES):
            exchange.engines[FUTURES].cancel(order)
        exchange.ban(120)

    receipt = await stopped(exchange, folder, FUTURES, "direct", trouble)
    assert [stop["confirmed"] for stop in receipt["protection"]] == [False]


@pytest.mark.parametrize(
    ("trouble", "market"),
    in_turn([*product(("ban", "refuse_access", "maintenance"), ("spot", FUTURES))], 2),
)
async def test_with_no_process_what_passes_in_time_is_waited_for(
    trouble: str, market: str, exchange: Any, folder: Path
) -> None:
    def passes() -> None:
        if trouble == "maintenance":
            exchange.maintain(503)
            threading.Timer(1.5, exchange.maintain, (0,)).start()
        else:
            getattr(exchange, trouble)(1.5)

    receipt = await stopped(exchange, folder, market, "direct", passes, PATIENT_S)
    is_true(exchange, market, receipt)
    assert receipt["closed"] == [SPOT]


@pytest.mark.parametrize(
    ("way", "cancels"),
    by_way(
        *in_turn([("control", False), ("control", True), ("direct", True), ("direct", False)], 2)
    ),
)
async def test_in_hedge_mode_what_is_ours_is_closed_and_the_other_side_stays(
    cancels: bool, way: str, exchange: Any, folder: Path
) -> None:
    def trouble() -> None:
        exchange.set_hedge_mode(True, cancels=cancels)
        exchange.outside_order("main", SPOT, "sell", "0.1", market=FUTURES, position_side="SHORT")

    receipt = await stopped(exchange, folder, FUTURES, way, trouble)
    is_true(exchange, FUTURES, receipt)
    assert receipt["closed"] == [SPOT]
    assert exchange.accounts["main"].futures.beside[SPOT].amount == D("-0.1")


@WAITING
async def test_with_the_symbol_closed_it_is_named_and_stays_protected(
    way: str, market: str, exchange: Any, folder: Path
) -> None:
    trouble = lambda: exchange.close_symbol(SPOT, market=market)  # noqa: E731  one of several
    receipt = await stopped(exchange, folder, market, way, trouble)
    is_true(exchange, market, receipt)
    assert receipt["positions_left"] == [SPOT]
    assert f"{SPOT} was not closed" in receipt["error"]
    assert "the symbol takes no orders now" in receipt["error"]
    assert all(stop["confirmed"] for stop in receipt["protection"])


@WAITING
async def test_with_a_key_that_is_refused_the_key_is_named(
    way: str, market: str, exchange: Any, folder: Path
) -> None:
    receipt = await stopped(exchange, folder, market, way, lambda: exchange.refuse_access(120))
    assert "API key" in receipt["error"]
    assert not receipt["confirmed"]
    assert receipt["positions_left"] == [SPOT]
    assert len(resting(exchange, market)) == 1


@WAITING
async def test_during_maintenance_the_page_is_named(
    way: str, market: str, exchange: Any, folder: Path
) -> None:
    receipt = await stopped(exchange, folder, market, way, lambda: exchange.maintain(503))
    assert "503" in receipt["error"]
    assert not receipt["confirmed"]
    assert receipt["positions_left"] == [SPOT]
    assert len(resting(exchange, market)) == 1


# --- the command, and real processes ----------------------------------------------------------------


TROUBLES: dict[str, tuple[Any, str]] = {
    "a clock 3 s ahead": (lambda exchange: exchange.skew_clock(-3), ""),
    "a clock 30 s behind": (lambda exchange: exchange.skew_clock(30), ""),
    "a ban": (lambda exchange: exchange.ban(600), "banned by the exchange until"),
    "hedge mode": (lambda exchange: exchange.set_hedge_mode(True), ""),
    "one symbol closed": (
        lambda exchange: exchange.close_symbol(SPOT, market=FUTURES),
        f"{SPOT} was not closed",
    ),
}
"""What is done to the exchange, and what the receipt names; empty where everything is closed."""
MORE = {
    "a clock and a symbol that is closed": ("a clock 30 s behind", "one symbol closed"),
    "a clock and hedge mode": ("a clock 3 s ahead", "hedge mode"),
    "a clock and a ban": ("a clock 30 s behind", "a ban"),
    "a ban and hedge mode": ("hedge mode", "a ban"),
    "hedge mode and a symbol that is closed": ("one symbol closed", "hedge mode"),
}
"""Two at once: what the receipt names is that of the second."""
PROCESSES = ("running", "stopped", "none")
CAUSES = (
    [*product((*TROUBLES, *MORE), PROCESSES)]
    if is_deep()
    else in_turn([*zip((*TROUBLES, *[*MORE][:2]), cycle(PROCESSES), strict=False)], 4)
)


@pytest.mark.slow
@pytest.mark.parametrize(("trouble", "process"), CAUSES)
def test_the_receipt_of_the_command_is_true(trouble: str, process: str, tmp_path: Path) -> None:
    troubles = [TROUBLES[one] for one in MORE.get(trouble, (trouble,))]
    named = troubles[-1][1]
    protected = ", stop_loss_pct = 3"
    with live_harness(
        tmp_path, Character.KEEN, market=FUTURES, portfolio=protected, timeout=2.0
    ) as live:
        with live.running() as run:
            run.line(" FILL ")
            wait_until(lambda: stop_is_known(live))
            live.exchange.stop_walking()
            if process == "stopped":
                run.send(signal.SIGSTOP)
            elif process == "none":
                run.kill()
            for begin, _ in troubles:
                begin(live.exchange)
            answer = live.tradectl("emergency-stop", "--flatten", "--json", "--timeout", "10")
        receipt: Receipt = json.loads(answer.out)
        is_true(live.exchange, FUTURES, receipt)
        assert receipt["latched"]
        assert answer.code == (NOT_CONFIRMED if named else 0)
        assert named in (receipt["error"] or "")
        assert "did not answer in time" not in (receipt["error"] or "")


BESIDE: dict[str, Any] = {
    "nothing": lambda _: None,
    "a clock 30 s behind": lambda exchange: exchange.skew_clock(30),
    "a ban that ends": lambda exchange: exchange.ban(2),
    "the symbol closed": lambda exchange: exchange.close_symbol(SPOT),
}
"""What happens beside the owner's order that locks the coins."""
LOCKED = (
    [*product(BESIDE, PROCESSES, (False, True))]
    if is_deep()
    else in_turn(
        [
            ("nothing", "stopped", True),
            ("a ban that ends", "running", True),
            ("the symbol closed", "none", False),
        ],
        3,
    )
)


@pytest.mark.slow
@pytest.mark.parametrize(("beside", "process", "everything"), LOCKED)
def test_the_receipt_of_the_command_is_true_where_coins_are_locked(
    beside: str, process: str, everything: bool, tmp_path: Path
) -> None:
    more = ("--all", "--yes") if everything else ()
    protected = ", stop_loss_pct = 3"
    with live_harness(tmp_path, Character.KEEN, portfolio=protected, timeout=2.0) as live:
        with live.running() as run:
            run.line(" FILL ")
            wait_until(lambda: stop_is_known(live))
            live.exchange.stop_walking()
            if process == "stopped":
                run.send(signal.SIGSTOP)
            elif process == "none":
                run.kill()
            theirs = live.exchange.lock_coins("main", SPOT, "66000")
            BESIDE[beside](live.exchange)
            words = ("emergency-stop", "--flatten", "--json", "--timeout", "12", *more)
            answer = live.tradectl(*words)
        receipt: Receipt = json.loads(answer.out)
        is_true(live.exchange, "spot", receipt)
        closed = everything and beside != "the symbol closed"
        assert answer.code == (0 if closed else NOT_CONFIRMED), answer
        assert (theirs.client_id in receipt["cancelled"]) is everything
        assert receipt["foreign_orders"] == ([] if everything else [theirs.client_id])
        assert (theirs.status == "CANCELED") is everything
        assert f"{SPOT} was not closed" in (receipt["error"] or "") or closed


def stop_is_known(live: LiveHarness) -> bool:
    """To the process, and written down."""
    orders = look(live.folder).status().open_orders
    return any("stop" in order.type and order.status == "accepted" for order in orders)
