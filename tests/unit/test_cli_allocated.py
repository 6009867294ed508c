"""How the weights of an allocation are shown."""

from __future__ import annotations

from rich.console import Console, Group

from tradectl.cli.output.allocated import allocated
from tradectl.documents.account import AllocationStatus


def shown(status: AllocationStatus | None, held_back: int = 0) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(Group(*allocated(status, held_back)))
    return capture.get()


def test_weights_shares_and_what_is_not_worth_its_cost_are_shown() -> None:
    status = AllocationStatus(
        weights={"BTCUSDT": "0.4", "ETHUSDT": "0.123456", "SOLUSDT": "0"},
        since="2023-04-01T00:00:00.000000Z",
        failure="too little history",
        held_back={"ETHUSDT": "it would cost 2.10 USDT, and is worth 0.80"},
        shares={"slow": "0.6", "fast": "0.4"},
    )
    text = shown(status)
    assert "weights     BTCUSDT 40.0%, ETHUSDT 12.3%  since" in text
    assert "too little history" in text
    assert "slow 60.0%, fast 40.0%" in text
    assert "ETHUSDT: it would cost 2.10 USDT, and is worth 0.80" in text
    assert "SOLUSDT" not in text
    assert "1,234 rebalancings that would cost more" in shown(status, 1234)


def test_nothing_is_shown_where_there_is_no_allocation() -> None:
    assert not shown(None).strip()
