"""Whether a drift is worth its cost: by its own variance, and by what else is off its weight."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.fake_account import FakeAccount
from tests.fixtures.perpetuals import perpetual
from tradectl.domain.allocation import Allocated
from tradectl.domain.event import ReasonCode
from tradectl.domain.market_history import MarketHistory
from tradectl.portfolio import worth
from tradectl.portfolio.allocation_settings import AllocationSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.position_delta import PositionDelta
from tradectl.portfolio.worth import Worth

D = Decimal
MOVES = (0.02, -0.01, 0.03, -0.02, 0.01, -0.03)
ONE, LIKE, UNLIKE = (perpetual(name) for name in ("ONE", "LIKE", "UNLIKE"))


def closes(sign: int) -> tuple[Decimal, ...]:
    prices = [D(100)]
    for move in MOVES:
        prices.append(prices[-1] * (1 + D(str(move)) * sign))
    return tuple(prices)


def account(**held: str) -> FakeAccount:
    """10,000 of equity, a weight of a tenth in each, at a price of 100."""
    view = FakeAccount("10000", (ONE, LIKE, UNLIKE))
    view.history = MarketHistory(
        closes={"ONE": closes(1), "LIKE": closes(1), "UNLIKE": closes(-1)}, next_period=1
    )
    names = ("ONE", *held)
    view.allocation = Allocated(weights=dict.fromkeys(names, D("0.1")))
    for name, quantity in {"ONE": "15", **held}.items():
        view.price(name, "100").own(name, quantity)
    return view


def why(view: FakeAccount, cost_bps: str, unwanted: str = "") -> str:
    """Of bringing 15 coins of ONE to 10, where a trade costs so much and one symbol is `unwanted`."""
    settings = PortfolioSettings(trade_cost_bps=D(cost_bps))
    change = PositionDelta(ONE, D(100), D(15), D(10), D(10), D(-5), [], D(0))
    found = Worth(
        settings,
        AllocationSettings(risk_aversion=D(300)),
        lambda symbol, _view: D(symbol != unwanted),
    ).obstacle(change, view)
    if found is None:
        return ""
    assert found[0] is ReasonCode.COST
    return found[1]


def gain(view: FakeAccount, unwanted: str = "") -> Decimal:
    return D(why(view, "9000", unwanted).rpartition(" ")[2])


def test_alone_it_is_its_own_variance_that_counts() -> None:
    mean = sum(MOVES) / len(MOVES)
    variance = sum((move - mean) ** 2 for move in MOVES) / (len(MOVES) - 1)
    expected = 300 * 30 * 10_000 * variance * 0.05**2 / 2
    assert gain(account()) == pytest.approx(D(str(expected)), abs=D("0.01"))


def test_what_moves_together_weighs_more_and_what_makes_up_for_it_less() -> None:
    alone = gain(account())
    assert gain(account(LIKE="15")) == pytest.approx(3 * alone, abs=D("0.02"))
    assert gain(account(LIKE="5")) == pytest.approx(-alone, abs=D("0.02"))
    assert gain(account(UNLIKE="15")) == pytest.approx(-alone, rel=D("0.05"))
    assert gain(account(LIKE="10")) == pytest.approx(alone, abs=D("0.01"))


def test_what_nobody_wants_and_nobody_holds_is_not_off_its_weight() -> None:
    alone = gain(account())
    assert gain(account(LIKE="0"), unwanted="LIKE") == pytest.approx(alone, abs=D("0.01"))
    assert gain(account(LIKE="5"), unwanted="LIKE") == pytest.approx(3 * alone, abs=D("0.02"))


def test_it_is_done_where_together_it_is_worth_it() -> None:
    assert why(account(), "2000")
    assert not why(account(LIKE="15"), "2000")


def test_of_very_many_each_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "MOST_TOGETHER", 1)
    assert gain(account(LIKE="15")) == gain(account())
