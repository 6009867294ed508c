"""What rests is what a strategy wants to rest: placed, kept, cancelled by the difference, filled, held
back while nothing may enter, gone on with after a kill; and never more than it named."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from tests.fixtures.driven import PERPETUAL, SPOT, Driven, settings_with, trade
from tests.fixtures.rows import each_row
from tests.profiles import in_turn
from tradectl.domain.brackets import Bracket
from tradectl.domain.events import (
    CancelRequested,
    Command,
    CommandReceived,
    EmergencyStopReceived,
    MarketDataEvent,
    OrderAccepted,
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    OrderRejected,
    QuotesDenied,
    QuotesWanted,
    SharesComputed,
    SystemEvent,
    TimerFired,
)
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.domain.quotes import QuoteLevel, QuoteSet, within
from tradectl.domain.states import TradingState
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.state.account import Account
from tradectl.strategy import Answer, Fill, Signal, Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.quote_words import Quotes

D = Decimal


class Scripted(Strategy):
    """Says at the n-th trade of a symbol what the test has put under n; None: nothing."""

    script: ClassVar[dict[int, Any]] = {}
    heard: ClassVar[list[Fill]] = []

    def start(self) -> None:
        self._n = -1

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        self._n += 1
        said = self.script.get(self._n)
        return None if said is None else said(self)

    def on_fill(self, fill: Fill) -> Answer:
        self.heard.append(fill)
        return None


class Dice(Strategy):
    """Quotes around the price, on a side or two, as the dice fall."""

    seed: int = 0
    speaks: ClassVar[bool] = True

    def start(self) -> None:
        self._dice = random.Random(f"{self.seed} {self.symbol}")

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        dice = self._dice
        if not self.speaks or dice.random() < 0.4:
            return None
        if dice.random() < 0.05:
            said: list[Signal | Quotes] = [self.quote(), self.flat(), self.long(0.1)]
            return dice.choice(said)
        step = trade.price / 1000
        middle = (trade.price / step).to_integral_value() * step
        size = D(200) / trade.price
        bids = [
            (middle - step * n, size * dice.randint(1, 3), f"b{n}")
            for n in range(1, dice.randint(1, 4))
        ]
        asks = [
            (middle + step * n, size * dice.randint(1, 3), f"a{n}")
            for n in range(1, dice.randint(1, 4))
        ]
        return self.quote(bids, asks, post_only=dice.random() < 0.7)


CLASSES: dict[str, type[Strategy]] = {"Scripted": Scripted, "Dice": Dice}


def run_of(
    script: Mapping[int, Any],
    symbol: str = PERPETUAL,
    *,
    account: Account | None = None,
    run_id: str = "run",
    strategies: int = 1,
    **more: Any,
) -> Driven:
    Scripted.script, Scripted.heard = dict(script), []
    names = ("mine", "other", "third")[:strategies]
    instances = (StrategyInstance(name, "Scripted", symbols=(symbol,)) for name in names)
    paper = PaperSettings(
        limit_fill="touch", slippage_bps=ZERO, latency_ms=more.pop("latency_ms", 0)
    )
    return Driven(
        settings_with(*instances, paper=paper, **more), CLASSES, account=account, run_id=run_id
    )


def quote(bids: str = "", asks: str = "", **more: Any) -> Any:
    """`99 1 a, 98 2 b` on each side."""

    def levels(text: str) -> list[Any]:
        return [tuple(each.split()) for each in text.split(",") if each.strip()]

    return lambda strategy: strategy.quote(levels(bids), levels(asks), **more)


def resting(run: Driven, symbol: str = PERPETUAL) -> list[str]:
    """`buy 99 1 a`, the best first."""
    orders = run.system.books.working_in(symbol).quotes.values()
    rows = [(o.spec.side, o.spec.price or ZERO, o.remaining, o.spec.tag) for o in orders]
    rows.sort(key=lambda row: (row[0], -row[1] if row[0] == "buy" else row[1]))
    return [
        f"{side} {price.normalize():f} {left.normalize():f} {tag}"
        for side, price, left, tag in rows
    ]


def ticks(run: Driven, *prices: object, begin: float = 0, symbol: str = PERPETUAL) -> None:
    for n, price in enumerate(prices):
        run.feed(trade(price, begin + n, symbol))


# --- the difference ------------------------------------------------------------------------------------


def test_what_is_wanted_rests_with_its_tags() -> None:
    run = run_of({0: quote("99 1 near, 98 2 far", "101 1")})
    ticks(run, 100, 100)
    assert resting(run) == ["buy 99 1 near", "buy 98 2 far", "sell 101 1 ask"]
    assert all(o.spec.post_only for o in run.system.books.working_orders())
    run.check()


def test_what_rests_as_it_is_wanted_is_kept_and_only_the_rest_is_touched() -> None:
    run = run_of({0: quote("99 1, 98 1", "101 1"), 2: quote("99 1, 97 1", "101 1")})
    ticks(run, 100, 100)
    before = {o.spec.order_id for o in run.system.books.working_orders()}
    ticks(run, 100, 100, 100, begin=2)
    assert resting(run) == ["buy 99 1 bid", "buy 97 1 bid", "sell 101 1 ask"]
    after = {o.spec.order_id for o in run.system.books.working_orders()}
    assert len(before & after) == 2
    assert len(run.of(CancelRequested)) == 1
    run.check()


def test_more_at_a_level_is_added_beside_what_has_its_place_and_less_replaces_the_newest() -> None:
    run = run_of({0: quote("99 1"), 2: quote("99 3"), 4: quote("99 1.5")})
    ticks(run, 100, 100, 100, 100)
    assert resting(run) == ["buy 99 1 bid", "buy 99 2 bid"]
    ticks(run, 100, 100, 100, begin=4)
    assert resting(run) == ["buy 99 1 bid", "buy 99 0.5 bid"]
    assert len(run.of(CancelRequested)) == 1
    run.check()


def test_the_same_word_again_changes_nothing() -> None:
    run = run_of(dict.fromkeys(range(20), quote("99 1", "101 1")))
    ticks(run, *[100] * 20)
    assert len(run.of(QuotesWanted)) == 1
    assert len(run.of(OrderInitialized)) == 2


def test_nothing_is_wanted_any_more() -> None:
    run = run_of({0: quote("99 1", "101 1"), 2: quote()})
    ticks(run, 100, 100, 100, 100)
    assert resting(run) == []
    assert len(run.of(CancelRequested)) == 2
    run.check()


def test_a_fill_is_taken_from_what_is_wanted_and_is_not_placed_again_by_itself() -> None:
    run = run_of({0: quote("99 1 a, 98 1 b", "101 1"), 4: quote("99 1 a, 98 1 b", "101 1")})
    ticks(run, 100, 100, "98.5", 100)
    assert resting(run) == ["buy 98 1 b", "sell 101 1 ask"]
    assert run.system.books.holdings(PERPETUAL)["mine"].quantity == 1
    assert [f"{f.side} {f.quantity.normalize()} {f.tag}" for f in Scripted.heard] == ["buy 1 a"]
    ticks(run, 100, 100, begin=4)
    assert resting(run) == ["buy 99 1 a", "buy 98 1 b", "sell 101 1 ask"]
    run.check()


def test_a_part_of_a_fill_leaves_the_rest_where_it_is() -> None:
    run = run_of({0: quote("99 1")})
    ticks(run, 100, 100)
    run.feed(trade("98.9", 2, PERPETUAL, volume="0.4"))
    left = run.system.books.quotes(PERPETUAL)["mine"]
    assert resting(run) == ["buy 99 0.6 bid"]
    assert left.bids == (QuoteLevel(D(99), D("0.6"), "bid"),)
    assert len(run.of(OrderInitialized)) == 1
    run.check()


def test_the_place_of_what_is_being_cancelled_is_taken_once_it_is_gone() -> None:
    run = run_of({0: quote("99 1"), 3: quote("98 1")}, latency_ms=1500)
    ticks(run, *[100] * 4)
    assert [o.status for o in run.system.books.working_orders()] == ["pending_cancel"]
    ticks(run, 100, 100, 100, 100, 100, begin=4)
    assert resting(run) == ["buy 98 1 bid"]
    run.check()


def test_a_fill_that_wins_against_the_cancel_is_all_that_is_traded() -> None:
    run = run_of({0: quote("99 1"), 4: quote("98 1")}, latency_ms=1500)
    ticks(run, *[100] * 5)
    run.feed(trade("98.5", 4.3, PERPETUAL))
    ticks(run, 100, 100, 100, 100, begin=5)
    assert len(run.of(OrderFilled)) == 1
    assert resting(run) == []
    assert not run.system.books.quotes(PERPETUAL)["mine"]
    run.check()


def test_prices_and_quantities_are_of_the_symbols_steps_and_never_nearer_or_more() -> None:
    run = run_of({0: quote("99.009 1.0009", "100.991 1.0009")})
    ticks(run, 100, 100)
    assert resting(run) == ["buy 99 1 bid", "sell 101 1 ask"]


@each_row(
    ("said", "message"),
    [
        (quote("101 1", "100 1"), "a bid at 101 is not below its own ask at 100"),
        (quote("x 1"), "price 'x': expected a number of 0 or more"),
        (quote("99 -1"), "quantity '-1': expected a number of 0 or more"),
        (quote("99 1 " + "t" * 30), "expected 1 to 24 printable characters"),
        (quote("99"), "expected (price, quantity) or (price, quantity, tag), got"),
        (lambda s: s.quote([(99, True)]), "quantity True: expected a number"),
        (lambda s: s.quote([(99 - n / 10, 1) for n in range(300)]), "expected 200 at most"),
    ],
)
def test_what_cannot_rest_is_a_failure_of_the_strategy(said: Any, message: str) -> None:
    run = run_of({0: said})
    ticks(run, 100, 100)
    assert any(message in e.message for e in run.of(SystemEvent))
    assert resting(run) == []
    run.check()


# --- signals and quotes, and several strategies --------------------------------------------------------


def test_a_signal_ends_its_quotes_and_quotes_end_its_target() -> None:
    run = run_of({0: quote("99 1", "101 1"), 2: lambda s: s.long(0.1), 6: quote("97 1")})
    ticks(run, 100, 100, 100, 100, 100, 100)
    assert resting(run) == []
    held = run.system.books.position(PERPETUAL).quantity
    assert held > 1
    ticks(run, 100, 100, 100, begin=6)
    assert resting(run) == ["buy 97 1 bid"]
    assert not run.system.books.targets(PERPETUAL)
    run.feed(TimerFired(name="rebalance"))
    ticks(run, 100, begin=9)
    assert run.system.books.position(PERPETUAL).quantity == held
    run.check()


def test_several_strategies_quote_one_symbol_each_its_own() -> None:
    run = run_of(
        {0: lambda s: quote("99 1", "101 1")(s) if s is not None else None},
        strategies=3,
        risk=RiskLimits(duplicate_window_ms=0),
    )
    ticks(run, 100, 100)
    assert resting(run).count("buy 99 1 bid") == 3
    ticks(run, "98.9", 100, begin=2)
    held = run.system.books.holdings(PERPETUAL)
    assert {name: own.quantity for name, own in held.items()} == dict.fromkeys(
        ("mine", "other", "third"), D(1)
    )
    run.check()


def test_one_who_goes_by_signals_is_not_disturbed_by_one_who_quotes() -> None:
    class Holder(Scripted):
        script: ClassVar[dict[int, Any]] = {1: lambda s: s.long(0.1), 6: lambda s: s.flat()}

    settings = settings_with(
        StrategyInstance("holder", "Holder", symbols=(PERPETUAL,)),
        StrategyInstance("quoter", "Scripted", symbols=(PERPETUAL,)),
        paper=PaperSettings(limit_fill="touch", latency_ms=0),
        risk=RiskLimits(self_match_prevention=False),
    )
    Scripted.script = {0: quote("99 1", "110 1")}
    run = Driven(settings, {**CLASSES, "Holder": Holder})
    ticks(run, 100, 100, 100, "98.9", 100, 100)
    run.feed(TimerFired(name="rebalance"))
    holder, quoter = (run.system.books.holdings(PERPETUAL)[n] for n in ("holder", "quoter"))
    assert quoter.quantity == 1
    assert holder.quantity > 1
    ticks(run, 100, 100, 100, begin=6)
    assert run.system.books.holdings(PERPETUAL)["holder"].quantity == 0
    assert run.system.books.position(PERPETUAL).quantity == 1
    assert resting(run) == ["sell 110 1 ask"]
    run.check()


# --- coins ---------------------------------------------------------------------------------------------


def test_on_spot_only_coins_that_it_has_are_offered() -> None:
    run = run_of({0: quote("99 1", "101 3")}, SPOT)
    ticks(run, 100, 100, symbol=SPOT)
    assert resting(run, SPOT) == ["buy 99 1 bid"]
    ticks(run, "98.9", 100, 100, begin=2, symbol=SPOT)
    assert resting(run, SPOT) == ["sell 101 1 ask"]
    ticks(run, "101.1", 100, begin=5, symbol=SPOT)
    assert run.system.books.position(SPOT).quantity == 0
    run.check()


# --- what risk says ------------------------------------------------------------------------------------


def test_the_whole_is_judged_as_if_all_of_it_rested() -> None:
    limits = RiskLimits(max_position_notional=D(250))
    run = run_of({0: quote("99 1, 98 1"), 2: quote("99 1, 98 1, 97 1")}, risk=limits)
    ticks(run, 100, 100)
    assert len(resting(run)) == 2
    ticks(run, 100, 100, begin=2)
    (denied,) = run.of(QuotesDenied)
    assert denied.code == "POSITION_NOTIONAL"
    assert resting(run) == []
    run.check()


def test_its_own_resting_orders_do_not_stand_against_the_next_word() -> None:
    """Instead of what rests, and not beside it."""
    limits = RiskLimits(max_position_notional=D(250))
    run = run_of({0: quote("99 1, 98 1"), 2: quote("98 1, 97 1")}, risk=limits)
    ticks(run, *[100] * 6)
    assert resting(run) == ["buy 98 1 bid", "buy 97 1 bid"]
    assert run.of(QuotesDenied) == []


def test_an_exit_is_not_held_back_by_what_stands_against_an_entry() -> None:
    limits = RiskLimits(max_position_notional=D(150))
    script = {0: quote("99 1"), 4: quote("98 5", "101 5")}
    run = run_of(script, risk=limits)
    ticks(run, 100, 100, "98.9", 100, 100, 100)
    (denied,) = run.of(QuotesDenied)
    assert denied.quotes == QuoteSet(asks=(QuoteLevel(D(101), D(1), "ask"),))
    assert resting(run) == ["sell 101 1 ask"]
    run.check()


def test_its_allocation_is_what_its_position_may_come_to() -> None:
    Scripted.script = {0: quote("100 2", "101 2"), 2: quote("99 1")}
    instance = StrategyInstance("mine", "Scripted", symbols=(PERPETUAL,), allocation=D("0.001"))
    small = Driven(settings_with(instance), CLASSES)
    ticks(small, 100, 100, 100, 100)
    (denied,) = small.of(QuotesDenied)
    assert denied.code == "ALLOCATION"
    assert "its allocation is 100" in denied.message
    assert resting(small) == ["buy 99 1 bid"]


def test_a_share_that_was_worked_out_takes_the_place_of_its_allocation() -> None:
    run = run_of({1: quote("99 50"), 3: quote("99 40")})
    run.feed(SharesComputed(period=1, shares={"mine": D("0.045")}))
    ticks(run, 100, 100, 100, 100, 100, 100)
    assert [denied.code for denied in run.of(QuotesDenied)] == ["ALLOCATION"]
    assert resting(run) == ["buy 99 40 bid"]
    run.check()


def test_what_a_post_only_order_would_take_is_left_out_until_it_speaks_again() -> None:
    run = run_of({1: quote("101 1 a, 99 1 b"), 4: quote("98 1 a, 99 1 b")})
    ticks(run, 100, 100, 100, 100)
    assert resting(run) == ["buy 99 1 b"]
    assert len(run.of(OrderRejected)) == 1
    ticks(run, 100, 100, begin=4)
    assert resting(run) == ["buy 99 1 b", "buy 98 1 a"]
    run.check()


# --- what has no room ----------------------------------------------------------------------------------


def test_what_has_no_room_among_the_working_orders_is_placed_once_there_is() -> None:
    """Nor is it asked for again and again meanwhile."""
    limits = RiskLimits(max_working_orders=3)
    run = run_of({0: quote("99 1 b1, 98 1 b2")}, strategies=2, risk=limits)
    run.feed(command(Command.PAUSE))
    ticks(run, 100)
    run.feed(command(Command.RESUME))
    ticks(run, *[100] * 200, begin=1)
    assert resting(run) == ["buy 99 1 b1", "buy 99 1 b1", "buy 98 1 b2"]
    denied = run.of(OrderDenied)
    assert {denial.code for denial in denied} == {"WORKING_ORDERS"}
    assert 2 <= len(denied) <= 10  # at first, and after 1, 2, 4, ... 60 s
    ticks(run, 99, *[100] * 70, begin=201)
    assert resting(run) == ["buy 98 1 b2", "buy 98 1 b2"]
    run.check()


def test_levels_that_are_alike_do_not_repeat_each_other() -> None:
    run = run_of(
        {0: quote("99 1 b1, 99 1 b2")}, strategies=2, risk=RiskLimits(duplicate_window_ms=60_000)
    )
    ticks(run, 100, 100)
    assert run.of(OrderDenied) == []
    assert len(resting(run)) == 4
    run.check()


@pytest.mark.parametrize("latency_ms", [0, 300])
def test_pieces_of_a_level_stay_few(latency_ms: int) -> None:
    """Each bid that is filled lets as much be offered, and all of it at one level."""
    bids = ", ".join(f"{100 - n} 1 b{n}" for n in range(1, 10))
    run = run_of({0: quote(bids, "120 9 a")}, SPOT, latency_ms=latency_ms)
    ticks(run, 100, 100, symbol=SPOT)
    for n in range(1, 10):
        ticks(run, *[100 - n] * 4, begin=4 * n, symbol=SPOT)
        asks = [row for row in resting(run, SPOT) if row.startswith("sell")]
        assert len(asks) <= 3
        assert sum(int(row.split()[2]) for row in asks) == n
    assert run.of(OrderDenied) == []
    run.check()


# --- trading states ------------------------------------------------------------------------------------


def command(what: Command) -> CommandReceived:
    return CommandReceived(command=what, reason="test")


def test_while_paused_only_what_reduces_rests_and_all_of_it_again_after() -> None:
    run = run_of({0: quote("99 1, 95 1", "105 3")})
    ticks(run, 100, 100, "98.9", 100)
    run.feed(command(Command.PAUSE))
    ticks(run, 100, 100, begin=4)
    assert resting(run) == ["sell 105 1 ask"]
    assert all(o.spec.reduce_only for o in run.system.books.working_orders())
    run.feed(command(Command.RESUME), TimerFired(name="risk"))
    ticks(run, 100, 100, 100, begin=6)
    assert resting(run) == ["buy 95 1 bid", "sell 105 1 ask", "sell 105 2 ask"]
    run.check()


def test_an_emergency_stop_leaves_nothing_and_places_nothing() -> None:
    run = run_of({0: quote("99 1", "101 1"), 3: quote("98 1")})
    ticks(run, 100, 100)
    run.feed(EmergencyStopReceived(reason="test", command=Command.EMERGENCY_STOP))
    ticks(run, 100, 100, 100, begin=2)
    assert run.system.books.trading_state is TradingState.HALTED
    assert resting(run) == []
    run.check()


def test_what_the_operator_cancels_stays_cancelled_until_it_speaks_again() -> None:
    run = run_of({0: quote("99 1", "101 1"), 5: quote("98 1")})
    ticks(run, 100, 100)
    run.feed(command(Command.CANCEL_ALL))
    ticks(run, 100, 100, 100, begin=2)
    run.feed(TimerFired(name="risk"))
    assert resting(run) == []
    ticks(run, 100, 100, begin=5)
    assert resting(run) == ["buy 98 1 bid"]
    run.check()


def test_a_level_that_is_cancelled_by_hand_stays_so_until_it_speaks_again() -> None:
    run = run_of({0: quote("99 1, 98 1"), 6: quote("99 1, 98 1.5")})
    ticks(run, 100, 100)
    order_id = next(iter(run.system.books.working_orders())).spec.order_id
    run.feed(CommandReceived(command=Command.CANCEL, target=order_id, reason="test"))
    run.feed(TimerFired(name="risk"))
    ticks(run, 100, 100, begin=2)
    assert resting(run) == ["buy 98 1 bid"]
    ticks(run, 100, 100, 100, begin=4)
    assert resting(run) == ["buy 99 1 bid", "buy 98 1 bid", "buy 98 0.5 bid"]
    run.check()


def test_a_position_that_is_closed_by_hand_takes_its_quotes_along() -> None:
    run = run_of(dict.fromkeys(range(40), quote("99 1, 95 1", "105 1")))
    ticks(run, 100, 100, "98.9", 100)
    run.feed(CommandReceived(command=Command.CLOSE, target=PERPETUAL, reason="test"))
    ticks(run, 100, 100, 100, begin=4)
    assert run.system.books.position(PERPETUAL).quantity == 0
    run.check()


def test_quarantine_withdraws_what_nobody_looks_after() -> None:
    run = run_of({0: quote("99 1", "101 1")})
    ticks(run, 100, 100)
    run.feed(CommandReceived(command=Command.QUARANTINE, target="mine", reason="test"))
    ticks(run, 100, 100, begin=2)
    assert resting(run) == []
    run.check()


def test_where_data_is_too_old_its_quotes_go_and_come_back() -> None:
    run = run_of({0: quote("99 1")}, risk=RiskLimits(max_data_age_seconds=D(10)))
    ticks(run, 100, 100)
    ticks(run, *[50_000] * 20, begin=2, symbol=SPOT)
    assert resting(run) == []
    ticks(run, *[100] * 8, begin=23)
    assert resting(run) == ["buy 99 1 bid"]
    run.check()


def test_the_end_of_the_data_leaves_nothing() -> None:
    run = run_of({0: quote("99 1", "101 1")})
    ticks(run, 100, 100, "98.9")
    run.feed(TimerFired(name="end of data"))
    run.end()
    assert resting(run) == []
    assert run.system.books.position(PERPETUAL).quantity == 0


# --- a kill --------------------------------------------------------------------------------------------


def test_a_restart_goes_on_with_what_rests_and_doubles_nothing() -> None:
    script = {0: quote("99 1, 98 1", "101 1"), 4: quote("99 1, 97 1", "101 1")}
    first = run_of(script)
    ticks(first, 100, 100)
    before = {o.spec.order_id for o in first.system.books.working_orders()}
    left = first.refolded().books.snapshot()
    second = run_of(script, account=left, run_id="next")
    ticks(second, 100, 100, 100, begin=2)
    assert resting(second) == resting(first)
    assert {o.spec.order_id for o in second.system.books.working_orders()} == before
    second.feed(TimerFired(name="risk"))
    assert {o.spec.order_id for o in second.system.books.working_orders()} == before
    ticks(second, 100, 100, 100, begin=5)
    assert resting(second) == ["buy 99 1 bid", "buy 97 1 bid", "sell 101 1 ask"]
    second.check()


def test_nothing_new_is_placed_on_the_word_of_a_run_before() -> None:
    first = run_of({0: quote("99 1, 98 1")}, latency_ms=500)
    first.feed(trade(100, 0, PERPETUAL))
    left = first.refolded().books.snapshot()
    left.orders = [order for order in left.orders if order.spec.price != 98]
    second = run_of({}, account=left, run_id="next")
    ticks(second, 100, 100, 100, begin=2)
    second.feed(TimerFired(name="risk"))
    assert second.of(OrderInitialized) == []


def test_what_was_not_placed_before_a_kill_is_placed_once_it_says_so_again() -> None:
    first = run_of({0: quote("99 1, 98 1")}, latency_ms=500)
    first.feed(trade(100, 0, PERPETUAL))
    left = first.refolded().books.snapshot()
    left.orders = [order for order in left.orders if order.spec.price != 98]
    second = run_of(dict.fromkeys(range(5), quote("99 1, 98 1")), account=left, run_id="next")
    ticks(second, 100, 100, 100, begin=2)
    assert resting(second) == ["buy 99 1 bid", "buy 98 1 bid"]
    assert len(second.of(QuotesWanted)) == 1
    second.check()


def test_a_run_that_ends_takes_its_quotes_away_and_the_next_places_them_anew() -> None:
    script = dict.fromkeys(range(9), quote("99 1, 98 1", "101 1"))
    first = run_of(script)
    ticks(first, 100, 100)
    first.feed(TimerFired(name="end"))
    ticks(first, 100, begin=2)
    assert resting(first) == []
    first.check()
    left = first.refolded().books.snapshot()
    second = run_of(script, account=left, run_id="next")
    ticks(second, 100, 100, begin=3)
    assert len(resting(second)) == 3
    second.check()


def test_what_a_strategy_wanted_that_is_not_configured_any_more_goes() -> None:
    first = run_of({0: quote("99 1", "101 1")})
    ticks(first, 100, 100)
    second = Driven(
        settings_with(StrategyInstance("another", "Dice", symbols=(SPOT,))),
        CLASSES,
        account=first.refolded().books.snapshot(),
        run_id="next",
    )
    ticks(second, 100, begin=2)
    second.feed(TimerFired(name="risk"))
    ticks(second, 100, begin=3)
    assert resting(second) == []


# --- whatever happens ----------------------------------------------------------------------------------


def check_envelopes(run: Driven) -> None:
    """As each order is asked for, all that may come of a side is no more than is wanted there."""
    folded = Driven(run.settings, CLASSES, account=run.begun_anew(), run_id=run.run_id).system
    for record in run.records:
        folded.fold(record)
        event = record.event
        if isinstance(event, OrderInitialized) and event.order.tag:
            spec, books = event.order, folded.books
            wanted = books.quotes(spec.symbol)[spec.strategy].total(spec.side)
            may_come = spec.quantity + sum(
                order.remaining
                for order in books.working_in(spec.symbol).quotes.values()
                if (order.spec.strategy, order.spec.side) == (spec.strategy, spec.side)
            )
            assert may_come <= wanted, record


def check_converged(run: Driven) -> None:
    """Once all is answered, what rests is what is wanted, as far as it can be."""
    books = run.system.books
    no_room = [e for e in run.of(OrderDenied) if e.code == "WORKING_ORDERS"]
    is_full = any(books.working_count() >= int(denied.limit) for denied in no_room)
    for symbol in books.quoted():
        for name, wanted in books.quotes(symbol).items():
            for side in Side:
                levels = wanted.on(side)
                held = books.holdings(symbol).get(name)
                own = held.quantity if held is not None else ZERO
                if symbol == SPOT and side is Side.SELL:
                    levels = within(levels, max(own, ZERO))
                there: dict[tuple[Decimal | None, str], Decimal] = {}
                for order in books.working_in(symbol).quotes.values():
                    if (order.spec.strategy, order.spec.side) == (name, side):
                        at = order.spec.price, order.spec.tag
                        there[at] = there.get(at, ZERO) + order.remaining
                for level in levels:
                    lacks = level.quantity - there.pop((level.price, level.tag), ZERO)
                    assert lacks >= 0, (symbol, name, level, lacks)
                    assert is_full or lacks * level.price < 5, (symbol, name, level, lacks)
                assert there == {}


@pytest.mark.parametrize("seed", in_turn(range(80), 80))
def test_whatever_happens_what_rests_comes_to_what_is_wanted_and_is_never_more(seed: int) -> None:
    dice = random.Random(seed)
    instances = [
        StrategyInstance(name, "Dice", parameters={"seed": seed + n})
        for n, name in enumerate(("mine", "other")[: dice.randint(1, 2)])
    ]
    settings = settings_with(
        *instances,
        paper=PaperSettings(
            latency_ms=dice.choice([0, 700]),
            limit_fill="touch",
            market_fill=dice.choice(["full", "bounded"]),
        ),
        portfolio=PortfolioSettings(fraction=D("0.1")),
        risk=RiskLimits(
            duplicate_window_ms=0,
            max_position_notional=dice.choice([None, D(1500)]),
            self_match_prevention=False,
        ),
    )
    run = Driven(settings, CLASSES)
    prices = {SPOT: 60_000.0, PERPETUAL: 3_000.0}
    for n in range(250):
        symbol = dice.choice([SPOT, PERPETUAL])
        prices[symbol] *= 1 + dice.gauss(0, 0.0015)
        volume = dice.choice(["0.001", "0.05", "10"])
        run.feed(trade(f"{prices[symbol]:.2f}", n / 2, symbol, volume))
        if dice.random() < 0.02:
            run.feed(command(dice.choice([Command.PAUSE, Command.RESUME, Command.CANCEL_ALL])))
    check_envelopes(run)
    run.check()
    run.feed(command(Command.RESUME))
    Dice.speaks = False
    try:
        for n in range(6):
            for symbol in (SPOT, PERPETUAL):
                run.feed(trade(f"{prices[symbol]:.2f}", 200 + n * 2, symbol, "0.00001"))
                run.feed(TimerFired(name="risk"))
    finally:
        Dice.speaks = True
    check_converged(run)


@pytest.mark.parametrize(("symbol", "shared"), [(PERPETUAL, False), (SPOT, True)])
def test_what_becomes_of_others_orders_matters_where_they_share_the_room(
    symbol: str, shared: bool
) -> None:
    run = run_of({0: quote("99 1 near")}, symbol)
    ticks(run, 100, 100, symbol=symbol)
    books, quoting = run.system.books, run.system.portfolio.engine.quoting
    (own,) = books.working_in(symbol).quotes.values()
    other = OrderSpec("other", symbol, Side.BUY, Decimal(1), OrderType.LIMIT, Decimal(90))
    run.feed(OrderInitialized(source_component="test", order=other))
    told = {
        order_id: quoting.concerned(OrderAccepted(order_id=order_id, symbol=symbol), books)
        for order_id in (own.spec.order_id, "other")
    }
    stop = OrderSpec(
        "stop", symbol, Side.SELL, Decimal(1), OrderType.STOP_MARKET, stop_price=Decimal(80),
        reduce_only=True,
    )  # fmt: skip
    run.feed(OrderInitialized(source_component="test", order=stop))
    filled = OrderFilled(
        order_id="stop", symbol=symbol, trade_id="1", side=Side.SELL, quantity=Decimal(1),
        price=Decimal(80), fee=Decimal(0), fee_currency="USDT",
    )  # fmt: skip
    assert quoting.concerned(filled, books) == ""
    everybody = {own.spec.order_id: "", "other": ""}
    assert told == (everybody if shared else {own.spec.order_id: own.spec.strategy, "other": None})


@each_row(
    ("bracket", "exit_price"),
    [(Bracket(take_profit_pct=D(1)), "100.5"), (Bracket(stop_loss_pct=D(2)), "96.9")],
)
def test_quotes_go_with_the_fill_that_closed_what_they_were_for(
    bracket: Bracket, exit_price: str
) -> None:
    Scripted.script = {0: quote("99 1 near, 90 1 far")}
    instance = StrategyInstance("mine", "Scripted", symbols=(PERPETUAL,), bracket=bracket)
    paper = PaperSettings(limit_fill="touch", slippage_bps=ZERO, latency_ms=0)
    run = Driven(settings_with(instance, paper=paper), CLASSES)
    ticks(run, 100, 100, "98.9")
    assert resting(run) == ["buy 90 1 far"]
    ticks(run, exit_price, begin=3)
    assert not run.system.books.position(PERPETUAL).quantity
    assert resting(run) == []
    run.check()
