"""Reasons that differ by what was measured count together; what was set stays in them."""

from __future__ import annotations

from tests.fixtures.rows import each_row
from tradectl.analysis.attribution import reason_kind


@each_row(
    ("reason", "kind"),
    [
        ("RSI 28.41 is below 30", "RSI … is below 30"),
        ("stop loss at 59,900.5", "stop loss at …"),
        ("trailing stop, 0.75% from the best price", "trailing stop, 0.75% from the best price"),
        ("take profit, 12.5% from the entry price", "take profit, 12.5% from the entry price"),
        ("fell 0.75% in a day", "fell …% in a day"),
    ],
)
def test_a_reason_keeps_its_settings(reason: str, kind: str) -> None:
    assert reason_kind(reason) == kind
