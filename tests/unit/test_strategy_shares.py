"""How strategies share the portfolio: fixed, equal, by calm and by reward for risk, within bounds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from tests.fixtures.books import Ledger, tick
from tests.fixtures.fake_account import PERP, FakeAccount
from tests.fixtures.fake_account import SPOT as COIN
from tradectl.config.rules import check
from tradectl.config.settings import Settings
from tradectl.domain.allocation import Allocated
from tradectl.domain.errors import ConfigError
from tradectl.domain.event import SignalAction
from tradectl.domain.events import SharesComputed, StrategySignalEvent, TimerFired
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.time import DAY
from tradectl.portfolio.allocation_settings import AllocationSettings
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.strategy_shares import StrategyShares, base_shares
from tradectl.strategy.configured import StrategyInstance

ONE = Decimal(1)
NAMES = ("calm", "wild")


def made(**profits: list[int]) -> MarketHistory:
    series = {name: tuple(map(Decimal, values)) for name, values in profits.items()}
    return MarketHistory(next_period=20, profits=series)


def shares(how: Any, history: MarketHistory, **settings: Any) -> dict[str, Decimal]:
    account = FakeAccount()
    account.history = history
    usual: dict[str, Any] = {"min_history": 4, "strategy_least": Decimal("0.1")}
    chosen = AllocationSettings(strategies=how, **usual | settings)
    found = StrategyShares(chosen, NAMES).computed(account)
    assert found is not None
    return found.shares


CALM = [0, 1, 3, 4, 6, 7]
WILD = [0, 30, -10, 40, 0, 60]
FALLING = [0, -1, -3, -4, -6, -7]


def test_the_calmer_one_gets_more_and_nobody_less_than_the_least_or_more_than_the_most() -> None:
    found = shares("inverse_volatility", made(calm=CALM, wild=WILD), strategy_most=ONE)
    assert found["calm"] > found["wild"] > Decimal("0.1")
    assert sum(found.values()) == 1
    found = shares("inverse_volatility", made(calm=CALM, wild=WILD))
    assert found == {"calm": Decimal("0.6000"), "wild": Decimal("0.4000")}


def test_the_better_one_for_its_risk_gets_more_and_one_that_loses_the_least() -> None:
    found = shares("risk_adjusted", made(calm=CALM, wild=WILD))
    assert found["calm"] > found["wild"]
    found = shares("risk_adjusted", made(calm=FALLING, wild=WILD), strategy_most=ONE)
    assert found == {"calm": Decimal("0.1000"), "wild": Decimal("0.9000")}
    assert shares("risk_adjusted", made(calm=FALLING, wild=FALLING))["calm"] == Decimal("0.5")


def test_who_has_too_short_a_record_counts_like_the_others_on_average() -> None:
    assert shares("inverse_volatility", made(calm=CALM))["wild"] == Decimal("0.5")
    assert shares("inverse_volatility", made(calm=[0, 0, 0, 0, 0, 0], wild=WILD))[
        "calm"
    ] == Decimal("0.5")


def test_they_are_worked_out_once_a_period() -> None:
    account = FakeAccount()
    account.history = made(calm=CALM, wild=WILD)
    made_shares = StrategyShares(AllocationSettings(strategies="risk_adjusted"), NAMES)
    assert made_shares.computed(account) is not None
    account.allocation = Allocated(shares_period=20)
    assert made_shares.computed(account) is None
    assert StrategyShares(AllocationSettings(), NAMES).computed(FakeAccount()) is None


def test_profits_count_by_the_unit_of_the_share_that_a_strategy_had() -> None:
    ledger = Ledger()
    ledger.books.account.history = MarketHistory()
    ledger.at = 2 * DAY + 5
    ledger.tell(TimerFired(name="risk"))
    ledger.tell(SharesComputed(period=2, shares={"s": Decimal("0.25")}))
    ledger.trade("o1", "buy 2@100").tell(tick("110"))
    ledger.at += DAY
    ledger.tell(TimerFired(name="risk"))
    assert ledger.books.history is not None
    assert ledger.books.history.profits["s"][-1] == 80
    assert ledger.books.history.made["s"] == 20
    ledger.tell(tick("120"))
    ledger.at += DAY
    ledger.tell(TimerFired(name="risk"))
    assert [*ledger.books.history.profits["s"]] == [80, 160]


def test_a_position_is_as_large_as_the_share_that_is_in_force() -> None:
    engine = PortfolioEngine(
        PortfolioSettings(sizing="fixed_fraction", fraction=ONE, max_weight=ONE),
        dict.fromkeys(NAMES, ONE),
        iter(map(str, range(99))).__next__,
        allocation=AllocationSettings(strategies="inverse_volatility"),
    )

    def wanted(account: FakeAccount) -> Decimal:
        signal = StrategySignalEvent(symbol=COIN.symbol, action=SignalAction.BUY, strategy="calm")
        event: Any = engine.on_signal(signal, account, 0)[0]
        target: Decimal = event.target
        return target

    account = FakeAccount(cash="10000").price(COIN.symbol, "100")
    assert wanted(account) == 50  # half of it: nothing is known of profits
    account.allocation = Allocated(shares={"calm": Decimal("0.2"), "wild": Decimal("0.8")})
    assert wanted(account) == 20


@pytest.mark.parametrize(("conflict", "target"), [("net", 0), ("strongest", 0), ("agree", 0)])
def test_a_rule_of_conflict_holds_for_targets_of_equal_weight(conflict: Any, target: int) -> None:
    assert disagreeing(conflict, 1.0) == target


def test_the_stronger_side_is_followed_alone() -> None:
    """Of the half that each of the two may have: 50 coins of 100 for 10,000."""
    assert disagreeing("net", 0.5) == 25
    assert disagreeing("strongest", 0.5) == 50
    assert disagreeing("agree", 0.5) == 0


def disagreeing(conflict: Any, strength: float) -> Decimal:
    """The target of a perpetual that one strategy buys and the other sells with this strength."""
    engine = PortfolioEngine(
        PortfolioSettings(sizing="fixed_fraction", fraction=ONE, max_weight=ONE, conflict=conflict),
        dict.fromkeys(NAMES, Decimal("0.5")),
        iter(map(str, range(99))).__next__,
    )
    account = FakeAccount(cash="10000").price(PERP.symbol, "100")
    last = None
    for name, action, how in (("calm", "buy", 1.0), ("wild", "sell", strength)):
        signal = StrategySignalEvent(
            symbol=PERP.symbol, action=SignalAction(action), strategy=name, strength=how,
            followed=name == "calm",
        )  # fmt: skip
        last = engine.on_signal(signal, account, 0)
    assert last is not None
    event: Any = last[0]
    target: Decimal = event.target
    return target


def test_equal_shares_are_told_once() -> None:
    account = FakeAccount()
    even = StrategyShares(AllocationSettings(strategies="equal"), NAMES)
    told = even.computed(account)
    assert told is not None
    assert told.shares == dict.fromkeys(NAMES, Decimal("0.5"))
    account.allocation = Allocated(shares=told.shares)
    assert even.computed(account) is None


def test_shares_as_a_run_begins() -> None:
    configured = {"calm": Decimal("0.3"), "wild": Decimal("0.7")}
    assert base_shares(AllocationSettings(), configured) == configured
    assert base_shares(AllocationSettings(strategies="equal"), configured) == dict.fromkeys(
        NAMES, Decimal("0.5")
    )


def test_a_share_of_its_own_contradicts_one_that_is_worked_out() -> None:
    two = tuple(StrategyInstance(name, "ema-cross") for name in NAMES)
    settings = Settings(strategies=two, allocation=AllocationSettings(strategies="equal"))
    check(settings)
    own = replace(two[0], allocation=Decimal("0.3"))
    with pytest.raises(ConfigError, match=r"strategies\[0\].allocation: .* it is worked out"):
        check(replace(settings, strategies=(own, two[1])))
    most = AllocationSettings(strategies="equal", strategy_least=Decimal("0.6"))
    with pytest.raises(ConfigError, match=r"allocation\.strategy_least: expected at most 1 / 2"):
        check(replace(settings, allocation=most))
