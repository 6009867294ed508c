"""What is said of an order by hand before it is confirmed."""

from __future__ import annotations

from rich.console import Console

from tests.fixtures.rows import each_row
from tradectl.cli.output.by_hand import order
from tradectl.documents.by_hand import HandOrder, HandPlan
from tradectl.domain.money import Side


@each_row(
    ("algorithm", "parts", "rest", "said"),
    [
        ("twap", 10, "sent", "over 5m: 10 parts, 30.0 s apart; what is left is sent at the end"),
        ("pov", 10, "left", "over 5m: at most 10 parts, 30.0 s apart; what is left stays undone"),
        ("iceberg", 4, "sent", "over 5m: 4 parts, one after the other; what is left is sent"),
        ("peg", None, "sent", "over 5m: it follows the price every 30.0 s; what is left is sent"),
    ],
)
def test_how_it_will_be_worked(algorithm: str, parts: int | None, rest: str, said: str) -> None:
    plan = HandPlan(horizon_s=300, interval_s=30, parts=parts, rest=rest)
    assert said in _text(algorithm, plan)


def test_what_leaves_whole_says_nothing_of_it() -> None:
    assert "what is left" not in _text("", None)


def _text(algorithm: str, plan: HandPlan | None) -> str:
    answer = HandOrder(
        confirmed=False, state="RUNNING", symbol="BTCUSDT", side=Side.BUY, quantity="1", price=None,
        notional="100", algorithm=algorithm, plan=plan, denied=None,
    )  # fmt: skip
    console = Console(width=120)
    with console.capture() as capture:
        console.print(order(answer))
    return capture.get()
