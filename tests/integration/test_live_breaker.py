"""An exchange that does not answer gets no entries until it does; all that protects goes on."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.live_trader import QUICK, Trader, settings_for, trading
from tradectl.config.settings import Settings
from tradectl.documents.run import BreakerFigures, CallFigures
from tradectl.domain.events import RestrictionKind, SymbolRestricted
from tradectl.testkit import FOREVER, LoopbackExchange

pytestmark = [pytest.mark.usefixtures("key_environment"), pytest.mark.virtual_time]

AWAY = RestrictionKind.AWAY
QUESTIONS: dict[str, Any] = {"method": "GET", "path": "*"}


def settings(exchange: LoopbackExchange, **more: Any) -> Settings:
    slow = {"breaker_failures": 3, "breaker_seconds": 1.0, "breaker_longest_seconds": 60.0}
    at = msgspec.structs.replace(QUICK, **(slow | more))
    return settings_for(exchange, at=at)


def breaker(trader: Trader) -> BreakerFigures:
    found = trader.live.status().breaker
    assert found is not None
    return found


def calls(trader: Trader) -> CallFigures:
    found = trader.live.status().calls
    assert found is not None
    return found


async def test_what_does_not_answer_is_not_entered_and_exits_cancels_and_the_stop_go_on(
    tmp_path: Path,
) -> None:
    async with (
        LoopbackExchange(seed=1) as exchange,
        trading(exchange, tmp_path / "state", settings=settings(exchange)) as trader,
    ):
        await trader.first_entry()
        resting = trader.buy("0.01", "59900")
        await trader.in_status(resting, "accepted")
        fault = exchange.misbehave("no-reply", **QUESTIONS, count=FOREVER)
        await trader.until(lambda: trader.said("breaker_opened"))
        await trader.until(lambda: AWAY in trader.restrictions())
        # the comparison that failed, too, restricts nothing: what holds entries back is the breaker alone
        assert trader.restrictions() == {AWAY}
        entry = trader.buy("0.01")
        assert (await trader.orders_done(entry)).status == "denied"
        assert trader.denied(entry) == "RESTRICTED"
        trader.cancel(resting)
        assert (await trader.orders_done(resting)).status == "canceled"
        exit_ = trader.sell("0.005", reduce_only=True)
        assert (await trader.orders_done(exit_)).status == "filled"
        await trader.until(lambda: len(trader.said("breaker_half_open")) >= 2)
        assert trader.said("breaker_stayed_open")
        assert breaker(trader).opened == 1
        assert calls(trader).last_error
        fault.remove()
        await trader.until(lambda: trader.said("breaker_closed"))
        await trader.clean()
        assert "breaker_opened" not in trader.alerts()
        assert (await trader.orders_done(trader.buy("0.01"))).status == "filled"
        assert breaker(trader).state == "closed"
        assert calls(trader).answered > calls(trader).failed > 0
        held = trader.run.state.availability()
        assert held is not None
        assert "away" in [each.cause for each in held.held_back]


async def test_an_emergency_stop_flattens_at_one_whose_breaker_is_open(tmp_path: Path) -> None:
    async with (
        LoopbackExchange(seed=1) as exchange,
        trading(exchange, tmp_path / "state", settings=settings(exchange)) as trader,
    ):
        await trader.first_entry()
        fault = exchange.misbehave("no-reply", **QUESTIONS, count=FOREVER)
        await trader.until(lambda: AWAY in trader.restrictions())
        await trader.run.orchestrator.emergency_stop("now", flatten=True)
        await trader.until(lambda: not trader.true_position)
        assert not trader.said("breaker_closed")
        fault.remove()


async def test_one_that_tells_all_and_takes_no_order_is_away_too(tmp_path: Path) -> None:
    async with (
        LoopbackExchange(seed=1) as exchange,
        trading(exchange, tmp_path / "state", settings=settings(exchange)) as trader,
    ):
        await trader.first_entry()
        exchange.misbehave("no-reply", method="POST", path="order", placed=False, count=3)
        for _ in range(3):
            await trader.until(lambda: not trader.restrictions())
            await trader.orders_done(trader.buy("0.01"))
        assert "3 orders in a row without an answer" in trader.said("breaker_opened")[0]
        await trader.until(lambda: trader.said("breaker_closed"))
        await trader.first_entry()


async def test_probes_come_after_growing_pauses_and_a_flapping_exchange_is_one_alert(
    tmp_path: Path,
) -> None:
    async with LoopbackExchange(seed=1) as exchange:
        wide = settings(exchange, breaker_longest_seconds=4.0)
        async with trading(exchange, tmp_path / "state", settings=wide) as trader:
            fault = exchange.misbehave("no-reply", **QUESTIONS, count=FOREVER)
            await trader.until(lambda: len(trader.said("breaker_half_open")) == 4)
            asked = [
                r.at for r in trader.seen if getattr(r.event, "kind", "") == "breaker_half_open"
            ]
            gaps = [(b - a) / 1e9 for a, b in itertools.pairwise(asked)]
            # the cooldown, and the time that a request without an answer takes
            assert [round(gap) for gap in gaps] == [2, 4, 4]
            await trader.until(lambda: len(trader.said("breaker_stayed_open")) == 4)
            assert (
                len(trader.said("breaker_opened")) == trader.alerts()["breaker_opened"].count == 1
            )
            fault.remove()
            await trader.until(lambda: trader.said("breaker_closed"))
            exchange.misbehave("no-reply", **QUESTIONS, count=FOREVER)
            await trader.until(lambda: breaker(trader).opened == 2)
            assert breaker(trader).retry_in_s > 3  # it is not forgiven yet
            assert trader.events(SymbolRestricted)
