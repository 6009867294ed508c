"""What the owner of an account has on it beside the bot, on the real command: it is shown and compared,
and never traded. What he says is ours is booked as he was shown, and waits for `resume`.
"""

from __future__ import annotations

import json
import threading
import time
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import PATIENCE_S, Running
from tests.fixtures.live_harness import LiveHarness, live_harness
from tests.fixtures.live_trader import SPOT
from tests.fixtures.run_inputs import Character, look
from tests.profiles import in_turn
from tradectl.domain.orders import client_order_id

pytestmark = pytest.mark.slow
DUST = Decimal("0.0001")


def opened(live: LiveHarness, run: Running) -> Decimal:
    """The run holds something, and the market stands still from now on."""
    run.line(" FILL ")
    live.exchange.stop_walking()
    live.exchange.until(lambda: live.position > 0)
    return live.position


def status_once(live: LiveHarness, wanted: str) -> dict[str, Any]:
    """The status, once it tells of `wanted` external coins."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        external = [(row.symbol, str(row.quantity)) for row in look(live.folder).status().external]
        if (SPOT, wanted) in external or time.monotonic() > ends:
            told: dict[str, Any] = live.tradectl("status", "--json").document()
            return told
        time.sleep(0.2)


def sold(live: LiveHarness) -> Decimal:
    fills = live.exchange.truth.fills(foreign=False)
    return sum((fill.quantity for fill in fills if fill.side == "SELL"), Decimal(0))


def test_a_deposit_is_external_and_flattening_sells_nothing_of_it(tmp_path: Path) -> None:
    with live_harness(tmp_path, Character.KEEN) as live, live.running() as run:
        ours = opened(live, run)
        live.exchange.outside_transfer("main", "BTC", "1")
        told = status_once(live, "1")
        assert told["external"] == [{"symbol": SPOT, "quantity": "1"}]
        assert told["restrictions"] == []
        assert "not ours, never traded: BTCUSDT 1" in live.tradectl("status").out
        found = live.tradectl("reconcile", "--json")
        assert found.code == 0
        [row] = found.document()["symbols"]
        assert (row["external"], row["difference"]) == ("1", "0")
        gone = live.tradectl("reconcile", "--accept", "exchange")
        assert gone.code == 2
        assert "expected external, position, fill or transfer" in " ".join(gone.err.split())

        receipt = live.tradectl("emergency-stop", "--flatten", "--json").document()
        assert receipt["confirmed"], receipt
        assert (receipt["closed"], receipt["positions_left"]) == ([SPOT], [])
        assert ours - DUST <= sold(live) <= ours
        assert 1 <= live.position <= 1 + DUST


def test_what_is_accepted_is_booked_as_shown_and_nothing_is_traded(tmp_path: Path) -> None:
    with live_harness(tmp_path, Character.KEEN) as live, live.running() as run:
        ours = opened(live, run)
        live.exchange.outside_transfer("main", "BTC", "1")
        status_once(live, "1")
        shown = live.tradectl("reconcile", "--accept", "position", "--json")
        assert shown.code == 1
        proposal = json.loads(shown.out)["proposal"]
        [booking] = [row for row in proposal["bookings"] if row["symbol"] == SPOT]
        assert Decimal(booking["ours_after"]) == ours + 1
        assert (proposal["profit"], proposal["orders"]) == ("0", [])
        assert "add --confirm to book it" in live.tradectl("reconcile", "--accept", "position").out
        [position] = live.tradectl("positions", "--json").document()
        assert Decimal(position["size"]) == ours

        done = live.tradectl("reconcile", "--accept", "position", "--confirm", "--json").document()
        assert (done["accepted"], done["clean"]) == (True, True)
        assert done["proposal"]["bookings"] == proposal["bookings"]
        told = live.tradectl("status", "--json").document()
        assert (told["state"], told["external"]) == ("PAUSED", [])
        [position] = live.tradectl("positions", "--json").document()
        assert Decimal(position["size"]) == ours + 1
        assert sold(live) == 0
        assert live.tradectl("reconcile").code == 0


def test_what_the_owner_sold_of_ours_is_a_manual_fill_and_is_not_bought_back(
    tmp_path: Path,
) -> None:
    with live_harness(tmp_path, Character.KEEN) as live, live.running() as run:
        ours = opened(live, run)
        bought = len(live.exchange.truth.ours())
        live.exchange.outside_trade(
            "main", SPOT, "SELL", str(ours.quantize(Decimal("0.00001"), ROUND_DOWN))
        )
        run.line("MANUAL sell")
        fills = live.tradectl("fills", "--json").document()
        assert fills[0]["strategy"] == "manual" or fills[-1]["strategy"] == "manual"
        assert live.tradectl("reconcile").code == 0
        live.exchange.start_walking(50)
        time.sleep(2)
        assert len(live.exchange.truth.ours()) == bought
        live.tradectl("stop")
        assert run.end().code == 0
    assert live.replayed().verified


# --- the owner's orders, and a second bot ------------------------------------------------------------


@pytest.mark.parametrize("everything", in_turn([False, True], 2))
def test_what_the_owner_s_order_locks_is_freed_where_all_is_meant_and_told_where_not(
    tmp_path: Path, everything: bool
) -> None:
    with live_harness(tmp_path, Character.KEEN) as live, live.running() as run:
        ours = opened(live, run)
        size = str(ours.quantize(Decimal("0.00001"), ROUND_DOWN))
        order = live.exchange.outside_order("main", SPOT, "SELL", size, "90000")
        more = ("--all", "--yes") if everything else ()
        told = live.tradectl("emergency-stop", "--flatten", "--json", *more)
        receipt = json.loads(told.out)
        assert receipt["confirmed"] == everything, receipt
        if everything:
            assert order.client_id in receipt["cancelled"]
            assert (receipt["closed"], receipt["foreign_orders"]) == ([SPOT], [])
            assert live.position < DUST
            assert told.code == 0
        else:
            assert receipt["foreign_orders"] == [order.client_id]
            assert receipt["positions_left"] == [SPOT]
            assert "was not closed" in receipt["error"]
            assert live.position == ours
            assert told.code != 0


def tried(live: LiveHarness) -> list[Any]:
    """The orders to sell that the exchange was sent, taken or not."""
    sent: list[Any] = live.exchange.truth.requests("POST", "/order")
    return [request for request in sent if request.detail["params"]["side"] == "SELL"]


def test_flattening_is_tried_again_until_the_owner_has_freed_the_coins(tmp_path: Path) -> None:
    with live_harness(tmp_path, Character.KEEN) as live, live.running() as run:
        ours = opened(live, run)
        size = str(ours.quantize(Decimal("0.00001"), ROUND_DOWN))
        order = live.exchange.outside_order("main", SPOT, "SELL", size, "90000")

        def free() -> None:
            live.exchange.until(lambda: len(tried(live)) >= 2)
            live.exchange.engines["spot"].cancel(order)

        helper = threading.Thread(target=free)
        helper.start()
        told = live.tradectl("emergency-stop", "--flatten", "--json")
        helper.join()
        assert told.document()["closed"] == [SPOT]
        assert live.position < DUST


def test_where_a_part_is_locked_the_rest_has_its_stop_and_is_closed_at_once(
    tmp_path: Path,
) -> None:
    with (
        live_harness(tmp_path, Character.KEEN, portfolio=", stop_loss_pct = 3") as live,
        live.running() as run,
    ):
        ours = opened(live, run)
        live.exchange.until(lambda: stops(live))
        [first] = stops(live)
        live.exchange.engines["spot"].cancel(first)
        half = (ours / 2).quantize(Decimal("0.00001"), ROUND_DOWN)
        order = live.exchange.outside_order("main", SPOT, "SELL", str(half), "90000")
        live.exchange.until(lambda: [s for s in stops(live) if s.quantity <= ours - half])
        assert order.client_id in run.line("coins_bound")
        told = live.tradectl("emergency-stop", "--flatten", "--json")
        receipt = json.loads(told.out)
        assert not receipt["confirmed"]
        assert receipt["foreign_orders"] == [order.client_id]
        assert live.position <= half + DUST
        assert live.tradectl("emergency-stop", "--flatten", "--all", "--yes").code == 0
        assert live.position < DUST


def stops(live: LiveHarness) -> list[Any]:
    resting: list[Any] = live.exchange.truth.open_orders()
    return [order for order in resting if not order.foreign and order.stop_price]


def test_a_second_tradectl_on_the_account_is_found_by_its_tags(tmp_path: Path) -> None:
    theirs = client_order_id("another account", "its order")
    with live_harness(tmp_path, Character.KEEN) as live:
        live.exchange.outside_order("main", SPOT, "BUY", "0.01", "50000", client_order_id=theirs)
        findings = live.tradectl("doctor", "-c", live.config, "--json")
        [orders] = [
            f for f in json.loads(findings.out)["findings"] if f["check"].endswith("open orders")
        ]
        assert (orders["verdict"], theirs[:5] in orders["message"]) == ("warned", True)
        with live.running() as run:
            run.line("other_tradectl")
            told = live.tradectl("status", "--json").document()
            assert told["exchanges"][0]["other_bots"] == [theirs[:5]]
            alerts = live.tradectl("alerts", "--json").document()
            assert "other_tradectl" in {alert["type"] for alert in alerts}


def test_a_second_tradectl_is_found_by_what_it_traded_lately(tmp_path: Path) -> None:
    theirs = client_order_id("another account", "its order")
    with live_harness(tmp_path, Character.KEEN) as live:
        live.exchange.outside_order("main", SPOT, "BUY", "0.01", client_order_id=theirs)
        told = json.loads(live.tradectl("doctor", "-c", live.config, "--json").out)
        [orders] = [f for f in told["findings"] if f["check"].endswith("open orders")]
        assert orders["verdict"] == "warned"
        assert f"another tradectl ({theirs[:5]}) traded in the last hour" in orders["message"]
        with live.running() as run:
            run.line("other_tradectl")
