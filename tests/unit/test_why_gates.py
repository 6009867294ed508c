"""Each gate that can hold a symbol back is brought about, and named with its figures."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.fake_account import PERP
from tests.fixtures.journalled import RUN, journalled
from tests.unit.test_untraded import HOUR, PAUSE, RISING, START, candles, settings, with_opens
from tradectl.config.settings import Settings
from tradectl.documents.why import GateRow, ShutGate, SymbolWhy
from tradectl.domain.errors import UsageError
from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    LimitBreached,
    MarketDataEvent,
    OrderCanceled,
    OrderRejected,
    QuoteEvent,
    Record,
    RestrictionKind,
    RiskAction,
    SignalAction,
    SizeChanged,
    StrategySignalEvent,
    SymbolRestricted,
    TargetComputed,
)
from tradectl.domain.money import ONE, ZERO
from tradectl.domain.refusals import RefusalCause
from tradectl.domain.time import SECOND, iso
from tradectl.explain.not_traded import Unfollowed, not_traded
from tradectl.explain.state_at import fold_to, state_at
from tradectl.explain.why_symbol import why_symbol
from tradectl.journal.reader import JournalReader
from tradectl.strategy.configured import StrategyInstance
from tradectl.system.trading_system import no_gateway

D = Decimal
BTC = "BTCUSDT"
BUY, SELL = SignalAction.BUY, SignalAction.SELL


def trade(price: str, second: int, symbol: str = BTC) -> MarketDataEvent:
    ts = START + second * SECOND
    return MarketDataEvent(symbol=symbol, price=D(price), volume=D(1), ts=ts)


def signal(action: SignalAction, strategy: str = "it", symbol: str = BTC) -> StrategySignalEvent:
    """Out of somebody's own code."""
    return StrategySignalEvent(symbol=symbol, action=action, strategy=strategy, reason="by hand")


def restricted(kind: RestrictionKind) -> SymbolRestricted:
    return SymbolRestricted(symbol=BTC, kind=kind, message="so it is")


def breached(code: str, action: RiskAction) -> LimitBreached:
    return LimitBreached(code=code, message="too much", limit="5", actual="6.5", action=action)


def two(*, perpetual: bool) -> Settings:
    """Two strategies that speak only when they are spoken for."""
    made = settings("donchian-breakout", "paper.fill=close")
    pair = tuple(
        StrategyInstance(name, "donchian-breakout", allocation=D("0.5")) for name in ("it", "other")
    )
    instruments = (msgspec.structs.replace(PERP, symbol=BTC),) if perpetual else ()
    return msgspec.structs.replace(made, strategies=pair, instruments=instruments)


DONCHIAN = settings("donchian-breakout")
QUIET = settings("donchian-breakout", "paper.latency_ms=0", "paper.latency_jitter_ms=0")
"""Silent by itself: two trades are no breakout."""
HELD = [trade("100", 0), signal(BUY), trade("100", 1), trade("100", 2)]

Case = tuple[ShutGate, Settings, list[Any], str, str | None, str | None]
CASES: dict[str, Case] = {
    "halted by a limit": (
        ShutGate.HALTED, QUIET, [*HELD, breached("DRAWDOWN", RiskAction.HALT)], "too much", None, None,
    ),
    "halted by hand": (
        ShutGate.HALTED, QUIET, [*HELD, EmergencyStopReceived(reason="enough")], "enough", None, None,
    ),
    "paused by hand": (
        ShutGate.PAUSED, DONCHIAN, [PAUSE, *candles(RISING)], "lunch", None, None,
    ),
    "paused by a limit": (
        ShutGate.PAUSED, QUIET, [*HELD, breached("DAILY_LOSS", RiskAction.PAUSE)], "too much", "5", "6.5",
    ),
    "in quarantine": (
        ShutGate.QUARANTINED,
        DONCHIAN,
        [
            *candles(RISING[:2]),
            CommandReceived(command=Command.QUARANTINE, target="it", reason="no more"),
        ],
        "no more",
        None,
        None,
    ),
    "quotes alone": (
        ShutGate.NO_DATA,
        DONCHIAN,
        [QuoteEvent(symbol=BTC, price=D(1), volume=D(0), ts=START)],
        "quotes alone",
        None,
        None,
    ),
    "bars that cannot be made": (
        ShutGate.TIMEFRAME,
        settings("donchian-breakout", "strategy.timeframe=1m"),
        candles(RISING),
        "the data has bars of 1h",
        None,
        None,
    ),
    "restricted": (
        ShutGate.RESTRICTED, QUIET, [*HELD, restricted(RestrictionKind.MISMATCH)], "so it is", None, None,
    ),
    "a stale feed": (
        ShutGate.STALE, QUIET, [*HELD, restricted(RestrictionKind.STALE)], "so it is", None, None,
    ),
    "a limit": (
        ShutGate.LIMIT,
        settings("donchian-breakout", "risk.max_order_notional=10"),
        candles(RISING),
        "over the limit of 10",
        "10",
        "19999",
    ),
    "not warm": (
        ShutGate.WARMING_UP, DONCHIAN, candles(RISING[:2]), "needs 20 bars of 1h, saw 2", "20", "2",
    ),
    "silent from the beginning": (
        ShutGate.NO_SIGNAL, DONCHIAN, candles([100] * 60), "no signal in 60 bars of 1h", None, None,
    ),
    "netted away": (
        ShutGate.NETTED,
        two(perpetual=True),
        [trade("100", 0), signal(BUY), signal(SELL, "other"), trade("100", 1)],
        "together",
        None,
        None,
    ),
    "too small": (
        ShutGate.TOO_SMALL,
        settings("donchian-breakout", "account.cash=20"),
        [trade("100", 0), signal(BUY)],
        "below the exchange's minimum of 5 USDT",
        "5",
        "4",
    ),
    "dust": (
        ShutGate.TOO_SMALL,
        settings(
            "donchian-breakout", "account.cash=30", "portfolio.min_trade_notional=0",
            "paper.latency_ms=0", "paper.latency_jitter_ms=0",
        ),
        [*HELD, trade("80", 3), trade("70", 4), signal(SignalAction.CLOSE)],
        "dust: below the exchange's minimum of 5 USDT",
        "5",
        "4.2",
    ),
    "within the drift": (
        ShutGate.DRIFT, QUIET, [*HELD, trade("101", 3)], "within the drift of 25%", "25", "0.8",
    ),
    "not worth its cost": (
        ShutGate.COST,
        settings(
            "donchian-breakout", "portfolio.drift=0", "portfolio.min_trade_notional=0",
            "paper.latency_ms=0", "paper.latency_jitter_ms=0",
        ),
        [*HELD, trade("100.1", 3)],
        "the drift is less than the cost",
        None,
        None,
    ),
    "without a weight": (
        ShutGate.NO_WEIGHT,
        settings("donchian-breakout", "portfolio.sizing=allocation"),
        [trade("100", 0), signal(BUY)],
        "no weight yet",
        None,
        None,
    ),
    "stopped out": (
        ShutGate.STOPPED_OUT,
        settings(
            "donchian-breakout", "portfolio.stop_loss_pct=5",
            "paper.latency_ms=0", "paper.latency_jitter_ms=0",
        ),
        [*HELD, trade("90", 4), trade("90", 5), trade("90", 6)],
        "stopped out",
        None,
        None,
    ),
}  # fmt: skip


def asked(folder: Path, made: Settings, inputs: list[Any], **more: Any) -> SymbolWhy:
    return why_symbol(journalled(folder, made, inputs, ends=False), BTC, **more)


@pytest.mark.parametrize("name", CASES)
def test_a_gate_is_named(name: str, tmp_path: Path) -> None:
    gate, made, inputs, text, limit, actual = CASES[name]
    why = asked(tmp_path, made, inputs)
    assert why.held_by is gate, why.gates
    (row,) = [row for row in why.gates if row.kind is gate][:1]
    assert text in row.text
    assert row.limit == limit
    if actual is None:
        assert row.actual is None
    else:
        assert row.actual is not None
        assert row.actual.startswith(actual)


def test_every_gate_is_brought_about_somewhere() -> None:
    elsewhere = {
        ShutGate.NO_STRATEGY,
        ShutGate.COOLING_DOWN,
        ShutGate.WORKING_ORDER,
        ShutGate.ON_TARGET,
        ShutGate.SCALED,
    }
    assert {case[0] for case in CASES.values()} | elsewhere == {*ShutGate}


def test_what_positions_are_scaled_by_is_said_beside_it(tmp_path: Path) -> None:
    sizes = [
        SizeChanged(cause="DAILY_LOSS", size=Decimal("0.5")),
        SizeChanged(cause="VOLATILITY", symbol=BTC, size=Decimal("0.8")),
        SizeChanged(cause="VOLATILITY", symbol="ETHUSDT", size=Decimal("0.1")),
    ]
    why = asked(tmp_path, QUIET, [trade("100", 0), *sizes, signal(BUY), trade("100", 1)])
    row = named(why, ShutGate.SCALED)
    assert row.text == "positions are scaled by 0.4 (DAILY_LOSS 0.5, VOLATILITY 0.8)"
    assert why.held_by is not ShutGate.SCALED


def named(why: SymbolWhy, kind: ShutGate) -> GateRow:
    return next(row for row in why.gates if row.kind is kind)


def test_a_symbol_without_data_or_without_a_strategy(tmp_path: Path) -> None:
    alone = StrategyInstance("it", "donchian-breakout", symbols=(BTC,))
    made = msgspec.structs.replace(DONCHIAN, strategies=(alone,))
    path = journalled(tmp_path, made, candles(RISING[:3], "ETHUSDT"))
    assert why_symbol(path, "ETHUSDT").held_by is ShutGate.NO_STRATEGY
    assert why_symbol(path, BTC).held_by is ShutGate.NO_DATA
    for near in ("ETHUSD", "ethusdt"):
        with pytest.raises(UsageError, match=r"did you mean 'ETHUSDT'\? \(known: ETHUSDT\)"):
            why_symbol(path, near)
    with pytest.raises(UsageError, match=r"'FOO': known: ETHUSDT$"):
        why_symbol(path, "FOO")


def test_data_that_grew_old_while_the_run_wrote_nothing(tmp_path: Path) -> None:
    made = settings("donchian-breakout", "risk.max_data_age_seconds=30")
    why = asked(tmp_path, made, [trade("100", 0)], silent=90 * SECOND)
    assert why.held_by is ShutGate.STALE
    row = named(why, ShutGate.STALE)
    assert (row.limit, row.actual, why.data_age_s) == ("30", "90", 90.0)


@pytest.fixture
def working(tmp_path: Path) -> Callable[..., SymbolWhy]:
    """An order that nobody answers, and what comes after it."""

    def ask(*later: Event, at: str | int | None = None) -> SymbolWhy:
        made = settings("donchian-breakout")
        inputs = [trade("100", 0), signal(BUY), *later]
        path = journalled(tmp_path, made, inputs, gateway=no_gateway, ends=False)
        return why_symbol(path, BTC, at)

    return ask


def test_an_order_that_works_comes_first(working: Callable[..., SymbolWhy]) -> None:
    why = working(trade("100", 1))
    assert why.held_by is ShutGate.WORKING_ORDER
    assert "submitted" in named(why, ShutGate.WORKING_ORDER).text
    assert why.wanted[0].signal == "by hand"


def test_what_an_exchange_refused_cools_down(working: Callable[..., SymbolWhy]) -> None:
    order_id = "20240101T000000000-0001-2-1"
    refused = OrderRejected(
        order_id=order_id, symbol=BTC, reason="no money", cause=RefusalCause.FUNDS
    )
    why = working(refused)
    assert why.held_by is ShutGate.COOLING_DOWN
    assert "no money" in named(why, ShutGate.COOLING_DOWN).text
    assert "the next try is at" in named(why, ShutGate.COOLING_DOWN).text


def test_what_is_wanted_is_held(tmp_path: Path) -> None:
    flat = [*HELD, StrategySignalEvent(symbol=BTC, action=SignalAction.CLOSE, strategy="it")]
    why = asked(tmp_path, QUIET, [*flat, trade("100", 5), trade("100", 6)])
    assert [row.kind for row in why.gates] == [ShutGate.NO_SIGNAL, ShutGate.ON_TARGET]
    assert "no signal since" in why.gates[0].text
    assert (why.position, why.wanted[0].quantity) == ("0", "0")


def test_what_held_it_then_is_told_by_number_and_by_time(tmp_path: Path) -> None:
    bars = candles(RISING)
    pause_at = bars[40].ts  # type: ignore[union-attr]
    path = journalled(tmp_path, DONCHIAN, [*bars[:41], PAUSE, *bars[41:]], ends=False)
    assert why_symbol(path, BTC, 2).held_by is ShutGate.WARMING_UP
    with pytest.raises(UsageError, match="nothing had happened by then"):
        why_symbol(path, BTC, iso(START - HOUR))
    assert why_symbol(path, BTC, iso(pause_at - HOUR)).held_by is not ShutGate.PAUSED
    assert why_symbol(path, BTC, iso(pause_at + HOUR)).held_by is ShutGate.PAUSED


def test_a_price_is_as_old_as_it_was_at_the_time_that_was_asked_for(tmp_path: Path) -> None:
    path = journalled(tmp_path, DONCHIAN, candles(RISING))
    why = why_symbol(path, BTC, iso(START + 3 * HOUR + HOUR // 2))
    assert (why.data_age_s, why.time) == (1800, iso(START + 3 * HOUR + HOUR // 2))


def test_a_drawdown_is_never_above_its_maximum(tmp_path: Path) -> None:
    """Inside a candle, too."""
    made = settings("donchian-breakout", "paper.fill=next-open")
    path = journalled(tmp_path, made, with_opens(candles([*RISING, 100, 90, 80, 120, 60])))
    last = fold_to(path).seq
    found = [state_at(path, seq).account.portfolio for seq in range(last - 25, last)]
    drawdowns = [(D(p.drawdown_pct), D(p.max_drawdown_pct)) for p in found if p is not None]
    assert any(now for now, _ in drawdowns)
    assert all(now <= most for now, most in drawdowns)


def test_code_that_a_journal_names_is_not_run_unasked(tmp_path: Path) -> None:
    """All but what its strategies wait for is known all the same."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from tradectl.strategy import Strategy\n\n"
        "class Mine(Strategy):\n"
        "    def on_trade(self, trade):\n"
        "        return self.long(reason='always')\n"
    )
    made = settings(f"{file}:Mine", "risk.max_order_notional=10")
    path = journalled(tmp_path, made, [trade("100", 0), trade("100", 1)], ends=False)
    unasked = why_symbol(path, BTC)
    assert "--trust" in unasked.note
    assert unasked.held_by is ShutGate.LIMIT
    trusted = why_symbol(path, BTC, judge=lambda settings: settings)
    assert (trusted.note, trusted.held_by) == ("", ShutGate.LIMIT)
    assert trusted.wanted == unasked.wanted


def test_code_that_has_changed_since_does_not_speak_for_what_was(tmp_path: Path) -> None:
    """What was recorded counts."""
    file = tmp_path / "mine.py"
    text = (
        "from tradectl.strategy import Strategy\n\n"
        "class Mine(Strategy):\n"
        "    def on_trade(self, trade):\n"
        "        return self.long(reason='always')\n"
    )
    file.write_text(text)
    file.chmod(0o600)
    run = (
        "import sys; sys.path.insert(0, sys.argv[3]);"
        "from pathlib import Path; from tests.unit.test_why_gates import *;"
        "made = settings(f'{sys.argv[1]}:Mine');"
        "journalled(Path(sys.argv[2]), made, [trade('100', 0), trade('100', 1)], ends=False)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", run, file, tmp_path, root], check=True, cwd=root)
    file.write_text(text.replace("self.long(", "self.flat("))
    why = why_symbol(tmp_path / f"{RUN}.jsonl", BTC, judge=lambda settings: settings)
    assert "comes out otherwise from record 2 on" in why.note
    assert why.wanted[0].share == "1"


def test_all_that_was_not_traded_is_counted(tmp_path: Path) -> None:
    made = settings("donchian-breakout", "risk.max_order_notional=10")
    bars = candles(RISING)
    found = not_traded(journalled(tmp_path, made, [*bars[:50], PAUSE, *bars[50:]]))
    assert (found.signals, found.orders, found.fills) == (1, 1, 0)
    ((code, count),) = [(row.code, row.count) for row in found.denied]
    assert (code, count) == ("ORDER_NOTIONAL", 1)
    assert {row.code for row in found.untraded} == {"denied"}
    assert found.held_back["operator"] == pytest.approx(1 / 6, abs=0.02)


def test_what_waited_for_the_next_open_and_was_ordered_then_was_traded(tmp_path: Path) -> None:
    bars = with_opens(candles([*RISING, *reversed(RISING)]))
    path = journalled(tmp_path, settings("donchian-breakout", "paper.fill=next-open"), bars)
    found = not_traded(path)
    assert found.fills == found.orders > 1
    assert (found.targets, found.denied, found.unfilled) == ([], [], [])


def test_a_stop_that_is_cancelled_was_not_meant_to_trade(tmp_path: Path) -> None:
    bars = with_opens(candles([*RISING, *reversed(RISING)]))
    made = settings("donchian-breakout", "paper.fill=next-open", "portfolio.stop_loss_pct=9")
    path = journalled(tmp_path, made, bars)
    with JournalReader(path) as journal:
        assert any(isinstance(record.event, OrderCanceled) for record in journal.records())
    assert not_traded(path).unfilled == []


def test_a_target_that_waits_for_an_open_that_never_comes_is_counted(tmp_path: Path) -> None:
    bars = with_opens(candles(RISING))
    made = settings("donchian-breakout", "paper.fill=next-open")
    with JournalReader(journalled(tmp_path, made, bars)) as journal:
        events = [record.event for record in journal.records()]
    spoke = next(n for n, event in enumerate(events) if isinstance(event, StrategySignalEvent))
    heard = sum(isinstance(event, MarketDataEvent) for event in events[:spoke])
    other = f"{RUN[:-1]}2"
    (row,) = not_traded(journalled(tmp_path, made, bars[:heard], run_id=other)).targets
    assert (row.code, row.symbol, row.count) == ("not_filled", BTC, 1)


def put_off_then(current: Decimal, target: Decimal, *, on_target: Decimal) -> list[Any]:
    """What is counted of a target that was put off, and answered by being on target."""
    off = TargetComputed(
        symbol=BTC, target=target, current=current, change=ZERO, code=ReasonCode.NOT_FILLED
    )
    on = msgspec.structs.replace(
        off, target=on_target, current=on_target, code=ReasonCode.ON_TARGET
    )
    unfollowed = Unfollowed()
    for seq, event in enumerate((off, on), start=1):
        unfollowed.look(Record(seq, seq, event))
    return unfollowed.end()


def test_what_something_else_reached_or_nobody_asked_for_is_not_untraded() -> None:
    assert put_off_then(ONE, ZERO, on_target=ZERO) == []  # a stop has closed it
    assert put_off_then(ZERO, ZERO, on_target=ONE) == []
    assert len(put_off_then(ZERO, ONE, on_target=ZERO)) == 1


def test_what_was_put_off_is_counted_and_not_kept() -> None:
    """An order may work for days, and each tick in between puts a target off."""
    unfollowed, seqs = Unfollowed(), iter(range(1, 100_000))

    def put_off(times: int) -> int:
        before, _ = tracemalloc.get_traced_memory()
        for seq in islice(seqs, times):
            why = f"{seq} is on its way"
            target = TargetComputed(
                symbol=BTC, target=ONE, current=ZERO, change=ZERO, reason=why,
                code=ReasonCode.NOT_FILLED,
            )  # fmt: skip
            unfollowed.look(Record(seq, seq, target))
        return tracemalloc.get_traced_memory()[0] - before

    tracemalloc.start()
    try:
        put_off(1_000)
        assert put_off(4_000) < 20_000  # bytes
    finally:
        tracemalloc.stop()
    assert sum(row.count for row in unfollowed.end()) == 5_000


def test_reasons_that_differ_by_what_was_measured_are_one() -> None:
    unfollowed = Unfollowed()
    for seq in range(1, 5):
        target = TargetComputed(
            symbol=BTC, target=ONE, current=ZERO, change=ZERO, code=ReasonCode.TOO_SMALL,
            reason=f"worth {seq}.25 is less than 5",
        )  # fmt: skip
        unfollowed.look(Record(seq, seq, target))
    (row,) = unfollowed.end()
    assert (row.text, row.count) == ("worth … is less than 5", 4)
