"""A reversal over a limit, as a whole run: what reduces is done, what enters is denied."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.command import events_of, journals, tradectl
from tests.fixtures.planned import PERPETUAL, candles, planned
from tests.fixtures.run_inputs import replayed
from tradectl.domain.events import OrderDenied, OrderFilled, OrderInitialized

PRICES = [100] * 4 + [*range(105, 141, 5), 135, 130, *range(120, 49, -10)]
SETTINGS = """
[account]
cash = 39000
[portfolio]
fraction = 1
max_weight = 1
[paper]
slippage_bps = 0
[risk]
{limit}
daily_loss_alert_pct = 50
daily_loss_pause_pct = 60
daily_loss_halt_pct = 70
drawdown_alert_pct = 70
drawdown_pause_pct = 80
drawdown_halt_pct = 90
"""


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("max_position_notional = 40000", "ORDER_NOTIONAL"),
        ("max_order_notional = 'none'\nmax_position_notional = 40000", "POSITION_NOTIONAL"),
        ("max_order_notional = 'none'\nmax_position_notional = 'none'\nmax_gross_notional = 40000",
         "GROSS_EXPOSURE"),
        ("max_order_notional = 'none'\nmax_position_notional = 'none'\nmax_leverage = 0.99",
         "LEVERAGE"),
    ],
)  # fmt: skip
def test_flat_at_the_bar_of_the_reversal(tmp_path: Path, limit: str, code: str) -> None:
    first = "3 long 0.98" if code == "LEVERAGE" else "3 long"
    config = planned(tmp_path, f"{first}, 13 short", SETTINGS.format(limit=limit) + PERPETUAL)
    data = candles(tmp_path / "BTCUSDT.csv", PRICES)
    state = tmp_path / "state"
    ended = tradectl(state, "run", "--headless", "--json", "-c", config, "--data", data)
    assert ended.code == 0
    entry, exit_ = events_of(journals(state)[-1], OrderFilled)
    assert exit_.quantity == entry.quantity
    denied = events_of(journals(state)[-1], OrderDenied)
    assert {denial.code for denial in denied} == {code}
    made = events_of(journals(state)[-1], OrderInitialized)
    reducing = [order for order in made if order.order.reduce_only]
    assert [order.reason for order in reducing] == [
        f"the part that reduces passes: {code}: {denied[0].message}"
    ]
    assert reducing[0].order.order_id == exit_.order_id
    assert replayed(state).verified
    equity = Decimal(ended.document()["portfolio"]["equity"])
    assert equity > 50_000
