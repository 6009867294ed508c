"""The real process, killed while the exchange moves money and closes positions by itself: what commands
show is what the exchange has."""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import wait_until
from tests.fixtures.live_harness import LiveHarness, live_harness
from tests.fixtures.live_trader import SPOT
from tests.fixtures.run_inputs import Character


def portfolio(live: LiveHarness) -> dict[str, Any]:
    found: dict[str, Any] = live.tradectl("status", "--json").document()["portfolio"]
    return found


@pytest.mark.slow
def test_kill_9_neither_loses_nor_doubles_what_the_exchange_moved(tmp_path: Path) -> None:
    with live_harness(tmp_path, Character.KEEN, market="futures") as live:
        paid = Decimal(0)
        with live.running() as run:
            run.line(" FILL ")
            live.exchange.stop_walking()
            wait_until(lambda: live.position and not live.exchange.truth.open_orders(), 20)
            paid += live.exchange.fund(SPOT, "0.01")
            run.line("FUNDING")
            live.exchange.pay("COMMISSION_REBATE", "7.5", shown=3)
            live.exchange.fund(SPOT, "0.002", late=1.0)
            run.kill()
        live.exchange.outside_transfer("main", "USDT", "2500", market="futures")
        with live.running() as run:
            live.exchange.stop_walking()
            wait_until(lambda: Decimal(portfolio(live)["transferred"]) == 2500, 20)
            wait_until(lambda: Decimal(portfolio(live)["cash"]) == live.exchange.wallet(), 20)
            shown = portfolio(live)
            funded = live.exchange.accounts["main"].futures.income.total("FUNDING_FEE")
            assert Decimal(shown["funding"]) == funded < paid
            assert Decimal(shown["rebates"]) == Decimal("7.5")
            wait_until(lambda: live.tradectl("reconcile").code == 0, every=1.0)
            live.exchange.deleverage(SPOT)
            run.line("DELEVERAGED")
            assert live.tradectl("positions", "--json").document() == []
            assert "adl" in {row["type"] for row in live.tradectl("alerts", "--json").document()}
            run.send(signal.SIGTERM)
            assert run.end().code == 0
        assert live.position == 0
        assert live.replayed().verified
        assert live.replayed(0).verified
