"""Protection at a real exchange: our stops rest there whatever we do, and whatever becomes of us.

The loopback's countdown cancels every order of its symbol, as the real one does, and its spot account
locks what a stop is to sell. `Watch` reads its log: how much of the position no stop covered, and when.
"""

from __future__ import annotations

import shutil
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import wait_until
from tests.fixtures.live_harness import live_harness
from tests.fixtures.live_trader import SPOT, protected, trading
from tests.fixtures.run_inputs import Character
from tradectl.domain.orders import OrderType
from tradectl.exchange.base import Whose
from tradectl.testkit import LoopbackExchange
from tradectl.testkit.orders import STOPS, Order

FUTURES, OTHER = "futures", "ETHUSDT"
FOREVER = -1
WITHIN_S = 5.0
D = Decimal

pytestmark = pytest.mark.usefixtures("key_environment")


def stops(exchange: Any, market: str) -> list[Order]:
    """Those of ours that are open there, oldest first."""
    found = exchange.truth.open_orders(market=market)
    return [order for order in found if order.type in STOPS and not order.foreign]


def sizes(exchange: LoopbackExchange, market: str) -> list[D]:
    return [order.quantity for order in stops(exchange, market)]


def never_naked(exchange: LoopbackExchange, market: str) -> None:
    """From the first stop on, until the position was closed, a stop rested there at every moment."""
    resting: set[str] = set()
    net, guarded, began = D(0), False, False
    for entry in exchange.truth.log:
        told = entry.detail
        if told.get("market") != market or told.get("foreign"):
            continue
        if entry.kind == "accepted" and told["type"] in STOPS:
            resting.add(told["client_id"])
            began = True
        elif entry.kind in ("canceled", "expired", "finished", "rejected"):
            resting.discard(told["client_id"])
        elif entry.kind == "fill":
            net += told["quantity"] if told["side"] == "BUY" else -told["quantity"]
        guarded = bool(resting)
        assert guarded or not net or not began, entry


async def test_on_a_perpetual_a_new_stop_rests_before_the_old_one_is_cancelled(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, FUTURES)
    async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
        await trader.orders_done(trader.buy("0.02"))
        await trader.until(lambda: sizes(exchange, FUTURES) == [D("0.02")])
        await trader.orders_done(trader.buy("0.03"))
        await trader.until(lambda: sizes(exchange, FUTURES) == [D("0.05")])
        await trader.orders_done(trader.sell("0.01", reduce_only=True))
        await trader.until(lambda: sizes(exchange, FUTURES) == [D("0.04")])
        never_naked(exchange, FUTURES)
        await trader.orders_done(trader.sell("0.04", reduce_only=True))
        await trader.until(lambda: not stops(exchange, FUTURES))
        never_naked(exchange, FUTURES)


async def test_on_a_perpetual_the_old_stop_stays_where_the_new_one_is_refused(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, FUTURES)
    async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
        await trader.orders_done(trader.buy("0.02"))
        await trader.until(lambda: sizes(exchange, FUTURES) == [D("0.02")])
        refusing = exchange.misbehave(
            "error", method="POST", path="algoOrder", code=-2021, status=400, count=FOREVER
        )
        await trader.orders_done(trader.buy("0.03"))
        await trader.until(lambda: "stop_refused" in trader.alerts())
        assert sizes(exchange, FUTURES) == [D("0.02")]
        assert trader.alerts()["stop_refused"].severity.value == "critical"
        assert "an older one rests" in trader.said("stop_refused")[0]
        refusing.remove()
        await trader.until(lambda: sizes(exchange, FUTURES) == [D("0.05")])
        await trader.until(lambda: "stop_refused" not in trader.alerts())
        never_naked(exchange, FUTURES)


async def test_on_a_perpetual_a_stop_that_could_not_be_cancelled_stays_once_it_is_needed_again(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, FUTURES)
    async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
        await trader.orders_done(trader.buy("0.02"))
        await trader.until(lambda: len(stops(exchange, FUTURES)) == 1)
        (stop,) = stops(exchange, FUTURES)
        at_stops: dict[str, Any] = {"path": "algoOrder", "status": 400, "count": FOREVER}
        deaf = exchange.misbehave("error", method="DELETE", code=-1001, **at_stops)
        await trader.orders_done(trader.sell("0.02", reduce_only=True))
        await trader.until(lambda: "cancel_failed" in trader.alerts())
        refusing = exchange.misbehave("error", method="POST", code=-2021, **at_stops)
        await trader.orders_done(trader.buy("0.02"))
        await trader.until(lambda: "cancel_failed" not in trader.alerts())
        deaf.remove()
        refusing.remove()
        await trader.quiet_but_for_stops()
        assert stop in stops(exchange, FUTURES)
        never_naked(exchange, FUTURES)


@pytest.mark.parametrize("refusal", ["error", "reset"])
async def test_on_spot_the_stop_comes_back_where_the_exit_that_it_made_room_for_fails(
    refusal: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """Without an answer, as soon as the exchange has said that it knows no such order."""
    async with trading(exchange, tmp_path, settings=protected(exchange, "spot")) as trader:
        trader.signal("buy")
        await trader.until(lambda: len(stops(exchange, "spot")) == 1)
        (before,) = stops(exchange, "spot")
        exchange.misbehave(
            refusal, method="POST", path="*rder", params={"type": "MARKET", "side": "SELL"},
            placed=False, code=-2010, status=400,
        )  # fmt: skip
        trader.signal("close")
        await trader.until(lambda: not before.open)
        await trader.until(lambda: len(stops(exchange, "spot")) == 1)
        (after,) = stops(exchange, "spot")
        assert (after.quantity, after.stop_price) == (before.quantity, before.stop_price)


async def test_a_stop_that_made_room_for_an_exit_comes_back_though_the_run_is_killed_in_between(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """One that no setting asks for: the records say where it was. The exit goes on, and is refused."""
    settings = protected(exchange, "spot", stop_loss_pct=None)
    async with trading(exchange, tmp_path / "state", settings=settings) as trader:
        trader.signal("buy")
        await trader.until(lambda: trader.held)
        held = str(trader.held)
        trader.sell(held, type=OrderType.STOP_MARKET, stop_price=D("58500"), reduce_only=True)
        await trader.until(lambda: len(stops(exchange, "spot")) == 1)
        (before,) = stops(exchange, "spot")
        refused: dict[str, Any] = {"method": "POST", "path": "*rder", "code": -2010, "status": 400}
        exchange.misbehave("error", params={"type": "MARKET"}, count=FOREVER, **refused)
        stop_refused = exchange.misbehave("error", count=FOREVER, **refused)
        trader.signal("close")
        await trader.until(lambda: "stop_refused" in trader.alerts())
        assert not before.open
        await trader.run.bus.dispatched()
        ignored = shutil.ignore_patterns("*.sock")
        remains = shutil.copytree(tmp_path / "state", tmp_path / "remains", ignore=ignored)
        trader.run.orchestrator.settle = nothing
    stop_refused.remove()
    async with trading(exchange, remains, settings=settings) as trader:
        await trader.until(lambda: len(stops(exchange, "spot")) == 1)
        (after,) = stops(exchange, "spot")
        assert (after.quantity, after.stop_price) == (before.quantity, before.stop_price)


async def nothing() -> None:
    """A killed run sees to nothing at its end."""


async def test_a_stop_that_is_refused_is_tried_again_and_the_position_is_said_to_be_unprotected(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, FUTURES)
    async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
        exchange.misbehave("error", method="POST", path="algoOrder", code=-2021, status=400)
        await trader.orders_done(trader.buy("0.02"))
        await trader.until(lambda: "stop_refused" in trader.alerts())
        assert "nothing limits its loss" in trader.said("stop_refused")[0]
        await trader.until(lambda: sizes(exchange, FUTURES) == [D("0.02")])
        await trader.until(lambda: "stop_refused" not in trader.alerts())


# --- the dead-man switch ----------------------------------------------------------------------------


def armed(exchange: LoopbackExchange) -> int:
    """What the countdown was last set to, ms."""
    return int(exchange.truth.entries("dead-man-armed")[-1].detail["ms"])


def fired(exchange: Any) -> list[str]:
    return [entry.detail["symbol"] for entry in exchange.truth.entries("dead-man-fired")]


async def test_the_switch_is_off_before_a_stop_is_placed_and_armed_again_when_it_is_gone(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, FUTURES, dead_man=2)
    async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
        await trader.until(lambda: armed(exchange) == 2_000)
        assert trader.live.status().dead_man == {SPOT: "armed"}
        await trader.orders_done(trader.buy("0.02"))
        await trader.until(lambda: stops(exchange, FUTURES))
        (stop,) = stops(exchange, FUTURES)
        kinds = [
            (e.kind, e.detail.get("ms", e.detail.get("type")))
            for e in exchange.truth.entries("dead-man-armed", "accepted")
        ]
        assert kinds[kinds.index(("accepted", stop.type)) - 1] == ("dead-man-armed", 0)
        assert trader.live.status().dead_man == {SPOT: "off: a stop of ours rests"}
        exchange.arm_countdown("main", OTHER, 2_500)
        await trader.until(lambda: exchange.truth.entries("dead-man-fired"))
        assert fired(exchange) == [OTHER]  # and what was armed before it would have fired, too
        assert stop.open
        await trader.orders_done(trader.sell("0.02", reduce_only=True))
        await trader.until(lambda: armed(exchange) == 2_000)


async def test_an_order_of_others_disarms_the_switch(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, FUTURES, dead_man=2)
    async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
        await trader.until(lambda: armed(exchange) == 2_000)
        theirs = exchange.outside_order("main", SPOT, "BUY", "0.01", "50000", market=FUTURES)
        await trader.until(lambda: armed(exchange) == 0)
        said = {SPOT: "off: an order of others rests"}
        await trader.until(lambda: trader.live.status().dead_man == said)
        exchange.engines[FUTURES].cancel(theirs)
        await trader.until(lambda: armed(exchange) == 2_000)


async def test_a_stop_of_others_counts_as_an_order_of_others(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, FUTURES, dead_man=2)
    exchange.outside_order("main", SPOT, "BUY", "0.01", market=FUTURES)
    exchange.outside_order("main", SPOT, "SELL", "0.01", market=FUTURES, stop_price="50000")
    async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
        await trader.until(lambda: trader.live.status().dead_man[SPOT].startswith("off"))
        assert {e.detail["ms"] for e in exchange.truth.entries("dead-man-armed")} <= {0}


# --- cancelling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", ["spot", FUTURES])
async def test_cancelling_all_leaves_our_stops_and_the_orders_of_others(
    market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, market)
    async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
        await trader.first_entry()
        await trader.until(lambda: len(stops(exchange, market)) == 1)
        await trader.in_status(trader.buy("0.01", "55000"), "accepted")
        theirs = exchange.outside_order("main", SPOT, "BUY", "0.01", "50000", market=market)
        (stop,) = stops(exchange, market)
        for whose in (Whose.OURS, Whose.OURS_UNKNOWN):
            await trader.run.gateway.cancel_all(keep_protection=True, whose=whose, within=WITHIN_S)
            assert (stop.open, theirs.open) == (True, True)
        await trader.until(lambda: len(exchange.truth.open_orders(market=market)) == 2)
        (proof,) = await trader.run.gateway.proof(everything=False, within=WITHIN_S)
        (shown,) = proof.open_orders
        assert (shown.protects, shown.client_order_id) == (True, stop.client_id)
        assert (shown.quantity, shown.stop_price) == (stop.quantity, stop.stop_price)
        await trader.run.gateway.cancel_all(
            keep_protection=True, whose=Whose.ALL_UNKNOWN, within=WITHIN_S
        )
        assert (stop.open, theirs.open) == (True, False)


@pytest.mark.parametrize("market", ["spot", FUTURES])
async def test_a_stop_of_ours_that_the_books_do_not_know_is_protection_all_the_same(
    market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, market)
    async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
        await trader.first_entry()
        await trader.until(lambda: len(stops(exchange, market)) == 1)
        (known,) = stops(exchange, market)
        exchange.outside_order("main", SPOT, "BUY", "0.01", market=market)
        orphan = exchange.outside_order(
            "main", SPOT, "SELL", "0.005", market=market, stop_price="50000",
            client_order_id=known.client_id[:5] + "orphan", reduce_only=market == FUTURES,
        )  # fmt: skip
        await trader.run.gateway.cancel_all(
            keep_protection=True, whose=Whose.OURS_UNKNOWN, within=WITHIN_S
        )
        assert orphan in exchange.truth.open_orders(market=market)
        await trader.run.gateway.cancel_all(
            keep_protection=False, whose=Whose.OURS_UNKNOWN, within=WITHIN_S
        )
        left = exchange.truth.open_orders(market=market)
        assert (orphan in left, known in left) == (False, True)


# --- the real process -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stop_and_the_orders_of_others_outlive_a_process_that_is_killed(tmp_path: Path) -> None:
    """Longer than the countdown that it had armed before; the next run finds the stop, and keeps it."""
    portfolio = ", stop_loss_pct = 5"
    with live_harness(
        tmp_path, Character.BEARISH, market=FUTURES, dead_man=1, portfolio=portfolio
    ) as live:
        with live.running() as run:
            live.exchange.until(lambda: stops(live.exchange, FUTURES))
            theirs = live.exchange.outside_order(
                "main", SPOT, "BUY", "0.01", "50000", market=FUTURES
            )
            run.kill()
        (before,) = stops(live.exchange, FUTURES)
        live.exchange.arm_countdown("main", OTHER, 1_200)
        live.exchange.until(lambda: fired(live.exchange))
        with live.running() as run:
            live.exchange.stop_walking()
            wait_until(lambda: live.tradectl("reconcile").code == 0, every=0.5)
            (after,) = stops(live.exchange, FUTURES)
            assert (after, theirs) == (before, theirs)
            assert theirs in live.exchange.truth.open_orders(market=FUTURES)
            run.send(signal.SIGTERM)
            assert run.end().code == 0
        assert fired(live.exchange) == [OTHER]
        assert live.replayed().verified
