"""What slows trading down: sizes by loss and by volatility, a locked profit, a cooldown, a breaker.

Each is brought about in a whole system on paper, which is decided again and folded at the end.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.fixtures.risk_system import BTC, ETH, RiskSystem
from tests.fixtures.rows import each_row
from tradectl.config.rules import check
from tradectl.config.settings import Settings
from tradectl.domain.errors import ConfigError
from tradectl.domain.events import Command, PauseEnded, SizeChanged, SymbolRestricted
from tradectl.domain.risk_memory import RiskMemory
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits, SizeStep
from tradectl.risk.order_limits import Budget

D = Decimal
A_DAY = 86_400.0
TENFOLD = PortfolioSettings(fraction=D(1), max_weight=D(1), drift=D("0.05"))
"""The whole of equity in one position: a price that falls by 1% costs 1%."""


def step(at: str, size: str) -> SizeStep:
    return SizeStep(at_pct=D(at), size=D(size))


def at_work(**limits: Any) -> RiskSystem:
    """Long 100,000 of BTC at 100, with a limit of notional that does not matter."""
    wide = {"max_order_notional": None, "max_position_notional": None}
    run = RiskSystem(portfolio=TENFOLD, **{**wide, **limits})
    return run.tick(100).says("buy").tick(100)


def settle(run: RiskSystem, price: str | float, times: int = 8) -> RiskSystem:
    """The price stays, until risk checks agree on it."""
    for _ in range(times):
        run.tick(price, after=3)
    return run


def sizes(run: RiskSystem) -> list[str]:
    return [f"{e.cause} {e.symbol} {e.size}".replace("  ", " ") for e in run.events(SizeChanged)]


# --- by a loss --------------------------------------------------------------------------------------


def test_a_loss_scales_positions_step_by_step_and_back() -> None:
    run = at_work(daily_loss_sizes=(step("3", "0.5"), step("5", "0.25")))
    settle(run, 97.5)
    assert sizes(run) == []
    settle(run, 96.9)
    assert sizes(run) == ["DAILY_LOSS 0.5"]
    (event,) = run.events(SizeChanged)
    assert (
        event.message == "today's loss is 3.10%, and the step is at 3%: positions are scaled by 0.5"
    )
    assert (event.limit, event.actual) == ("3", "3.1")
    assert run.held() == pytest.approx(D(500), rel=D("0.01"))
    settle(run, 92.9)
    assert sizes(run)[1:] == ["DAILY_LOSS 0.25"]
    settle(run, 94)
    assert sizes(run)[2:] == [], "not before the loss is clearly below its step"
    settle(run, 110)
    assert sizes(run)[-1] == "DAILY_LOSS 1"
    assert run.held() == pytest.approx(D(900), rel=D("0.05"))
    run.replays()


def test_one_wild_print_scales_nothing() -> None:
    run = at_work(daily_loss_sizes=(step("3", "0.5"),))
    settle(run, 100).tick(50, after=4.9).tick(100, after=0.2)
    settle(run, 100)
    assert sizes(run) == []


def test_the_drawdown_has_steps_of_its_own_and_the_smaller_size_counts() -> None:
    run = at_work(daily_loss_sizes=(step("3", "0.5"),), drawdown_sizes=(step("4", "0.2"),))
    settle(run, 95)
    assert sorted(sizes(run)) == ["DAILY_LOSS 0.5", "DRAWDOWN 0.2"]
    assert run.system.books.risk.size_of(BTC) == D("0.2")
    run.tick(95, after=A_DAY)
    settle(run, 95)
    assert "DAILY_LOSS 1" in sizes(run), "a new day"
    assert run.system.books.risk.size_of(BTC) == D("0.2")
    run.replays()


def test_a_size_survives_a_restart_and_ends_where_its_step_is_gone() -> None:
    run = at_work(daily_loss_sizes=(step("3", "0.5"),))
    settle(run, 96).restart()
    assert run.system.books.risk.size_of(BTC) == D("0.5")
    run.replays() if run.records else None
    run.settings = msgspec.structs.replace(
        run.settings, risk=msgspec.structs.replace(run.settings.risk, daily_loss_sizes=())
    )
    run.restart()
    settle(run, 96)
    assert sizes(run) == ["DAILY_LOSS 1"]
    run.replays()


def test_a_person_who_resumes_lets_sizes_go() -> None:
    run = at_work(daily_loss_sizes=(step("3", "0.5"),))
    settle(run, 96).command(Command.PAUSE).command(Command.RESUME)
    settle(run, 96)
    assert sizes(run)[-1] == "DAILY_LOSS 1"


@pytest.mark.parametrize(
    "steps",
    [(step("3", "0.5"), step("3", "0.2")), (step("3", "0.5"), step("4", "0.5"))],
)
def test_steps_go_down(steps: tuple[SizeStep, ...]) -> None:
    with pytest.raises(ConfigError, match=r"risk\.drawdown_sizes\[1\]: expected a larger loss"):
        RiskLimits(drawdown_sizes=steps)


# --- by volatility ----------------------------------------------------------------------------------


def moving(run: RiskSystem, moves: list[float]) -> RiskSystem:
    """A day for each move."""
    price = 100.0
    for move in moves:
        price *= 1 + move
        run.tick(round(price, 2), after=A_DAY / 2).tick(round(price, 2), after=A_DAY / 2)
    return run


@each_row(
    ("target", "most", "size"),
    [("40", "1", "0.67"), ("5", "1", "0.25"), ("90", "1", "1"), ("90", "3", "1.5")],
    ids=["scaled", "at least", "at most", "beyond"],
)
def test_positions_are_scaled_by_the_target_over_what_the_symbol_moves(
    target: str, most: str, size: str
) -> None:
    """3 % up and down each day: its deviation is 3.16 % a day, 60 % a year."""
    run = RiskSystem(
        volatility_target_pct=D(target), volatility_days=10, volatility_size_max=D(most)
    )
    moving(run.tick(100, after=60), [0.03, -0.03] * 6)
    assert run.system.books.risk.size_of(BTC) == pytest.approx(D(size), rel=D("0.02"))
    assert run.system.books.risk.size_of(ETH) == 1
    price = run.system.books.mark(BTC)
    assert price is not None
    run.says("buy").tick(price)
    whole = 20_000 / price
    assert run.held() == pytest.approx(whole * D(size), rel=D("0.02"))
    run.replays()


def test_a_run_begins_with_the_size_of_the_days_before_it() -> None:
    run = RiskSystem(volatility_target_pct=D(40), volatility_days=10)
    moving(run.tick(100, after=60), [0.03, -0.03] * 6)
    run.settings = msgspec.structs.replace(
        run.settings,
        risk=msgspec.structs.replace(run.settings.risk, volatility_target_pct=D(20)),
    )
    run.restart()
    settle(run, 100, 3)
    assert len(sizes(run)) == 1
    assert run.system.books.risk.size_of(BTC) == pytest.approx(D("0.33"), rel=D("0.02"))
    run.replays()


# --- a locked profit --------------------------------------------------------------------------------


def test_back_at_the_floor_of_a_profit_nothing_is_entered_until_tomorrow() -> None:
    run = at_work(profit_lock_from_pct=D(4), profit_lock_keep_pct=D(50))
    settle(run, 103)
    settle(run, 101)
    assert run.limits("PROFIT_LOCK") == [], "nothing was locked in yet"
    settle(run, 106)
    settle(run, 103.2)
    assert run.limits("PROFIT_LOCK") == []
    settle(run, 102.9)
    (breach,) = run.limits("PROFIT_LOCK")
    assert breach.message.startswith(
        "50% of the day's profit is locked in: equity was 106,000.00 at"
    )
    assert breach.limit == "103000"
    assert run.state() == "PAUSED"
    assert run.held() > 0, "what is held stays"
    run.restart().tick(103, after=A_DAY)
    settle(run, 103)
    assert [event.code for event in run.events(PauseEnded)] == ["PROFIT_LOCK"]
    assert run.state() == "RUNNING"
    run.replays()


def test_the_profit_of_a_run_is_locked_in_until_resumed() -> None:
    run = at_work(profit_lock_from_pct=D(4), profit_lock_of="run")
    settle(run, 100)
    settle(run, 108)
    run.tick(108, after=A_DAY)
    settle(run, 103.9)
    assert run.state() == "PAUSED"
    run.tick(103.9, after=A_DAY)
    settle(run, 103.9)
    assert run.state() == "PAUSED"
    run.command(Command.RESUME)
    settle(run, 103.9)
    assert run.state() == "RUNNING"
    run.replays()


def test_money_that_was_put_in_is_no_profit() -> None:
    memory = RiskMemory(day_high=D(105), run_high=D(106), run_start=D(100))
    memory.shift(D(50))
    assert (memory.day_high, memory.run_high, memory.run_start) == (D(155), D(156), D(150))
    nothing = RiskMemory()
    nothing.shift(D(50))
    assert nothing == RiskMemory()


def test_a_wild_print_is_no_high() -> None:
    run = at_work(profit_lock_from_pct=D(4))
    settle(run, 100).tick(150, after=4.9).tick(100, after=0.2)
    settle(run, 100)
    assert run.limits("PROFIT_LOCK") == []


# --- a cooldown -------------------------------------------------------------------------------------


def lose(run: RiskSystem, pct: float = 1.0) -> RiskSystem:
    return run.tick(100).says("buy").tick(100).says("close").tick(100 - pct)


def test_losing_trips_in_a_row_ask_for_a_while_without_entries() -> None:
    run = RiskSystem(cooldown_losses=3, cooldown_minutes=10)
    lose(lose(run))
    run.tick(100).says("buy").tick(100).says("close").tick(101)  # one that wins: it counts anew
    lose(lose(run))
    assert run.state() == "RUNNING"
    lose(run)
    (breach,) = run.limits("COOLDOWN")
    assert breach.message.startswith("3 round trips in a row lost ")
    assert breach.message.endswith("no entries for 10 minutes, or until resumed")
    assert run.state() == "PAUSED"
    run.tick(100, after=300).says("buy").tick(100)
    assert run.held() == 0
    run.restart().tick(100, after=200).tick(100, after=200)
    assert [event.code for event in run.events(PauseEnded)] == ["COOLDOWN"]
    lose(run)
    assert run.state() == "RUNNING", "it counts anew"
    run.replays()


def test_what_was_lost_in_a_cooldown_was_sat_through() -> None:
    run = RiskSystem(cooldown_losses=1, cooldown_minutes=1)
    run.tick(50, ETH).says("buy", ETH).tick(50, ETH)
    lose(run)
    assert run.state() == "PAUSED"
    run.says("close", ETH).tick(49, ETH)
    assert run.system.books.risk.losing_trips == 1
    run.tick(100, after=61).tick(100, after=6)
    assert run.state() == "RUNNING"
    (ended,) = run.events(PauseEnded)
    assert ended.message == "1 minute is over"
    run.says("buy").tick(100).tick(100)
    (breach,) = run.limits("COOLDOWN")
    assert breach.message.startswith("1 round trip in a row lost ")
    assert (run.state(), run.held() > 0) == ("RUNNING", True)
    run.replays()


def test_a_step_that_is_passed_on_the_way_is_told_as_one_that_is_waiting() -> None:
    levels = {"alert": "0.15", "pause": "0.155", "halt": "0.16"}
    run = at_work(**{f"daily_loss_{step}_pct": D(value) for step, value in levels.items()})
    settle(run, "99.8")
    alert, halt = run.limits("DAILY_LOSS")
    assert alert.message.endswith(
        "the limit is 0.15%; pause at 0.155% and reduce at 0.16% once readings agree on it"
    )
    assert alert.message.startswith("today's loss is 0.200%")
    assert halt.message.endswith("the limit is 0.16%, beyond the pause at 0.155%")
    run.replays()


def test_a_loss_of_so_much_does_it_in_one_trip_or_in_several() -> None:
    run = RiskSystem(cooldown_loss_pct=D("0.5"))
    lose(run, 1)
    assert run.state() == "RUNNING", "0.2 % of equity"
    lose(run, 2)
    (breach,) = run.limits("COOLDOWN")
    assert (breach.limit, breach.action) == ("0.5", "pause")
    assert D(breach.actual) == pytest.approx(D("0.6"), abs=D("0.01"))
    run.replays()


def test_a_position_that_turns_is_two_trips_and_an_exit_in_parts_is_one() -> None:
    run = RiskSystem(cooldown_losses=9)
    run.tick(100).says("buy").tick(100).says("sell").tick(99)
    assert run.system.books.risk.losing_trips == 1
    run.says("buy").tick(100)
    assert run.system.books.risk.losing_trips == 2
    run.says("buy", strength=0.5).tick(99)
    assert run.system.books.risk.losing_trips == 2
    run.says("close").tick(98)
    assert run.system.books.risk.losing_trips == 3
    run.replays()


# --- the breaker ------------------------------------------------------------------------------------


def held_back(run: RiskSystem) -> list[tuple[str, bool]]:
    return [(e.symbol, e.restricted) for e in run.events(SymbolRestricted)]


def test_a_symbol_that_moves_too_far_too_fast_is_not_entered_for_a_while() -> None:
    run = RiskSystem(breaker_move_pct=D(5), breaker_window_seconds=60, breaker_minutes=10)
    run.tick(50, ETH).tick(100).tick(102, after=20).tick(104.9, after=20)
    assert held_back(run) == []
    run.tick(105, after=10)
    assert held_back(run) == [(BTC, True)]
    (event,) = run.events(SymbolRestricted)
    assert event.message == (
        "its price moved 5.00% within 60 s, and the limit is 5.00%; nothing is entered for 10 minutes"
    )
    run.says("buy").tick(105).says("buy", ETH).tick(50, ETH)
    assert run.held() == 0
    assert run.held(ETH) > 0, "of the other symbol nothing is held back"
    run.restart().tick(105, after=300)
    assert held_back(run) == []
    run.tick(105, after=290).tick(105, after=30)
    assert held_back(run) == [(BTC, False)]
    run.says("buy").tick(105)
    assert run.held() > 0
    run.replays()


def test_exits_go_on_while_a_symbol_is_held() -> None:
    run = RiskSystem(breaker_move_pct=D(5))
    run.trade("buy", 100).tick(94).says("close").tick(94)
    assert held_back(run) == [(BTC, True)]
    assert run.held() == 0
    run.replays()


def test_a_move_that_takes_its_time_is_none() -> None:
    run = RiskSystem(breaker_move_pct=D(5), breaker_window_seconds=60)
    for n in range(12):
        run.tick(100 + n, after=30)
    assert held_back(run) == []


def test_moves_go_on_and_so_does_the_hold() -> None:
    run = RiskSystem(breaker_move_pct=D(5), breaker_window_seconds=60, breaker_minutes=2)
    for n in range(20):
        run.tick(100 + 6 * (n % 2), after=20)
    assert held_back(run) == [(BTC, True)] * len(held_back(run))
    assert 4 <= len(held_back(run)) <= 8, "said again, and not with every price"
    for _ in range(20):
        run.tick(106, after=20)
    assert held_back(run)[-1] == (BTC, False)
    run.replays()


def test_the_limit_may_be_in_deviations_of_the_symbol_s_own_days() -> None:
    """3.16 % a day is 0.46 % in half an hour; five of them are 2.3 %."""
    run = RiskSystem(
        breaker_sigmas=D(5), breaker_window_seconds=1800, volatility_days=10, breaker_minutes=10
    )
    moving(run.tick(100, after=60), [0.03, -0.03] * 6)
    before = len(held_back(run))
    price = run.system.books.mark(BTC)
    assert price is not None
    run.tick(price, after=A_DAY).tick(price * D("1.022"), after=60)
    assert len(held_back(run)) == before
    run.tick(price * D("1.024"), after=60)
    assert held_back(run)[-1] == (BTC, True)
    run.replays()


# --- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"symbols": ("DOGEUSDT",)}, r"risk\.budgets\[0\]\.symbols: 'DOGEUSDT' is none of"),
        ({"strategies": ("x",)}, r"risk\.budgets\[0\]\.strategies: 'x' is none of"),
        ({}, "risk.budgets: 'b': expected either symbols or strategies"),
    ],
)
def test_a_budget_is_of_what_there_is(budget: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(Settings(risk=RiskLimits(budgets=(Budget(name="b", max_pct=D(10), **budget),))))
