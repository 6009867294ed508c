"""`config apply`: what the file says holds in the run that trades, and after its end."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.fixtures.command import events_of, header_of, journals, running, tradectl
from tests.fixtures.live_trader import settings_for, trading
from tests.fixtures.run_inputs import private
from tradectl.config.load import load_settings
from tradectl.config.settings import Settings
from tradectl.documents.settings import SettingsApplied
from tradectl.domain.errors import ExchangeError, UsageError
from tradectl.domain.events import (
    Event,
    SettingsChanged,
    SuccessorShown,
    SystemEvent,
    SystemEventKind,
    TimerFired,
)
from tradectl.domain.states import TradingState
from tradectl.domain.system_events import Market
from tradectl.domain.time import SECOND
from tradectl.domain.timers import RISK_TIMER
from tradectl.feeds.whole_log import read_log
from tradectl.recovery.recovery import recover
from tradectl.replay.replay import Replay
from tradectl.runtime import succession
from tradectl.runtime.orchestrator import TradingOrchestrator
from tradectl.runtime.reloading import Reloading
from tradectl.runtime.run import TradingRun
from tradectl.runtime.run_options import RunOptions, Typed
from tradectl.storage.directory import StateDir
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.succession import Candidates

D = Decimal
STRATEGY = """
[[strategies]]
name = "trend"
strategy = "donchian-breakout"
parameters = {{ timeframe = "1s", entry = {entry}, exit = 4 }}
"""

virtual = pytest.mark.virtual_time(lasting=3600.0)


def text(*, entry: int = 8, risk: str = "", more: str = "", last: str = "") -> str:
    tables = f"[risk]\n{risk}\n{STRATEGY.format(entry=entry)}\n{last}"
    return f"feed.ticks_per_second = 5\n{more}\n{tables}"


class Operated:
    """A run with an operator at its file: `acts` are done one after the other, then it ends."""

    def __init__(
        self, folder: Path, *acts: Callable[[Operated], Awaitable[None]], **said: Any
    ) -> None:
        self.folder, self.acts = folder, acts
        self.file = private(folder / "tradectl.toml", text(**said))
        self.run: TradingRun
        self.answers: list[SettingsApplied] = []

    def write(self, **said: Any) -> None:
        private(self.file, text(**said))

    def _read(self) -> Settings:
        return load_settings(self.file)

    async def trade(self) -> TradingRun:
        state_dir = StateDir(self.folder / "state")
        state_dir.create()
        settings = self._read()
        options = RunOptions(
            settings=settings, state_dir=state_dir, config=self.file,
            typed=Typed(settings, self._read),
        )  # fmt: skip
        with state_dir.owned():
            self.run = TradingRun(options, recover(state_dir))
            await self.run.execute(self)
        return self.run

    async def start(self, run: TradingRun) -> None:
        self._acting = asyncio.ensure_future(self._act())

    async def _act(self) -> None:
        try:
            for act in self.acts:
                await act(self)
        finally:
            self.run.end("as the test wants it")

    async def stop(self) -> None:
        await self._acting

    async def apply(self, **more: Any) -> SettingsApplied:
        answer = await self.run._reloads().apply(**more)
        self.answers.append(answer)
        return answer

    async def sleep(self, seconds: float) -> None:
        await self.run.bus.clock.sleep(seconds)


def verified(run: TradingRun) -> bool:
    report = Replay(run.journal_path).run()
    return bool(report.verified and report.clean)


@virtual
async def test_limits_and_parameters_apply_to_a_run_that_is_replayed_and_recovered(
    tmp_path: Path,
) -> None:
    async def act(operated: Operated) -> None:
        await operated.sleep(30)
        operated.write(entry=12, risk="max_leverage = 1\nmax_same_direction = 2")
        answer = await operated.apply()
        assert (answer.applied, answer.why) == (True, "")
        books = operated.run.books
        shutil.copytree(tmp_path / "state" / "journals", tmp_path / "killed" / "journals")
        killed = recover(StateDir(tmp_path / "killed"), trusting=True)
        assert killed is not None
        assert killed.last_seq >= (answer.seq or 0) > 0
        assert killed.applied == {
            "risk.max_leverage": "1",
            "risk.max_same_direction": 2,
            "strategies.trend.parameters.entry": 12,
        }
        assert books.limits.max_same_direction == 2
        (told,) = operated.run.system.strategy.engine.statistics()
        assert told.warm
        await operated.sleep(30)
        again = await operated.apply()
        assert not again.differences

    operated = Operated(tmp_path, act, risk="max_leverage = 2")
    run = await operated.trade()
    assert verified(run)
    (change,) = events_of(run.journal_path, SettingsChanged)
    seen = [e for each in events_of(run.journal_path, SuccessorShown) for e in each.events]
    assert {each.symbol for each in seen} == {*run.settings.symbols}
    assert len(seen) == change.shown["trend"] < 3 * 60  # bars, not trades
    renewed = [e for e in events_of(run.journal_path, SystemEvent) if "renewed" in e.kind]
    assert [each.component for each in renewed] == ["strategy:trend"]
    again = await Operated(
        tmp_path, entry=12, risk="max_leverage = 1\nmax_same_direction = 2"
    ).trade()
    assert again.books.trading_state.value == "RUNNING"
    said = [event.kind for event in events_of(again.journal_path, SystemEvent)]
    assert SystemEventKind.SETTINGS_LEFT not in said
    assert SystemEventKind.CHANGED not in said


@virtual
async def test_what_loosens_waits_for_a_confirmation_of_just_that(tmp_path: Path) -> None:
    async def act(operated: Operated) -> None:
        await operated.sleep(5)
        operated.write(risk='max_leverage = "none"\nmin_equity = 10')
        first = await operated.apply()
        assert not first.applied
        assert {(e.key, e.old, e.new, e.verdict) for e in first.differences} == {
            ("risk.min_equity", "none", "10", "safe"),
            ("risk.max_leverage", "2", "none", "loosens"),
        }
        operated.write(risk='max_leverage = "none"\nmin_equity = 5')
        other = await operated.apply(confirm=True, plan=first.plan)
        assert "no longer what you have seen" in other.why
        assert not other.applied
        assert operated.run.books.limits.max_leverage is not None
        shown = await operated.apply(dry_run=True)
        done = await operated.apply(confirm=True, plan=shown.plan)
        assert done.applied
        assert operated.run.books.limits.max_leverage is None

    operated = Operated(tmp_path, act, risk="max_leverage = 2")
    assert verified(await operated.trade())


@virtual
async def test_one_setting_that_needs_a_restart_refuses_all(tmp_path: Path) -> None:
    async def act(operated: Operated) -> None:
        await operated.sleep(20)
        operated.write(risk="max_leverage = 1", more="seed = 7")
        answer = await operated.apply(confirm=True)
        assert not answer.applied
        assert answer.why.startswith("seed cannot be changed while the run trades")
        with pytest.raises(UsageError, match="this run was begun with"):
            await operated.apply(file=str(tmp_path / "another.toml"))
        operated.write(entry=500)
        with pytest.raises(UsageError, match="cannot be warmed"):
            await operated.apply()

    run = await Operated(tmp_path, act).trade()
    assert verified(run)
    assert events_of(run.journal_path, SettingsChanged) == []


@virtual
async def test_routes_levels_and_paces_are_others_from_then_on(tmp_path: Path) -> None:
    channel = '[[alert_channels]]\nname = "file"\nkind = "log"\n'
    quiet = '[[alert_routes]]\nchannels = ["file"]\nseverity = "critical"\n'
    loud = '[[alert_routes]]\nchannels = ["file"]\nseverity = "warning"\n'
    told = tmp_path / "state" / "alerts.log"
    low = '[[thresholds]]\nreading = "threads"\nraised_at = 1\nfor_seconds = 5\npause = true\n'
    paces = (
        "orchestrator.health_check_interval_seconds = 1\nmonitoring.stall_seconds = 30\n"
        "alerts.remind_seconds = 30\njournal.part_mb = 1\norchestrator.store_interval_seconds = 2\n"
    )

    async def act(operated: Operated) -> None:
        await operated.sleep(5)
        operated.write(last=channel + quiet, risk="max_leverage = 3")
        assert (await operated.apply(confirm=True)).applied
        await operated.sleep(5)
        assert not told.exists() or "max_leverage" not in told.read_text()
        operated.write(last=channel + loud, risk="max_leverage = 3")
        (only,) = (await operated.apply()).differences
        assert (only.key, only.verdict) == ("alert_routes[0]", "safe")
        assert (only.old, only.new) == ('{ severity = "critical" }', '{ severity = "warning" }')
        for most in ("4", "5", "6"):  # one after the other: none of them is only counted
            operated.write(last=channel + loud, risk=f"max_leverage = {most}")
            assert (await operated.apply(confirm=True)).applied
        watching = loud.replace("warning", "info") + 'about = "trades"\n' + low
        more = "log.level = 'debug'\norchestrator.risk_check_interval_seconds = 1\n" + paces
        operated.write(last=channel + loud + watching, risk="max_leverage = 6", more=more)
        shown = await operated.apply()
        assert (shown.applied, [e for e in shown.differences if e.verdict != "safe"]) == (True, [])
        await operated.sleep(20)
        assert operated.run.books.trading_state is TradingState.PAUSED
        operated.write(last=channel + loud, risk="max_leverage = 6", more=more)
        shown = await operated.apply()
        assert [e.key for e in shown.differences if e.verdict == "loosens"] == ["thresholds"]
        assert (await operated.apply(confirm=True)).applied
        await operated.sleep(5)
        assert not operated.run.books.account.pauses
        assert not operated.run.orchestrator.has("trade-notices")
        for line in ("log.level = 'off'", "monitoring.metrics_port = 9099"):
            operated.write(last=channel + loud, risk="max_leverage = 6", more=f"{line}\n{paces}")
            (why,) = [e.reason for e in (await operated.apply()).differences if e.reason]
            assert why

    operated = Operated(tmp_path, act, last=channel + quiet)
    assert verified(await operated.trade())
    lines = told.read_text()
    for old, new in ((3, 4), (4, 5), (5, 6)):
        assert f"risk.max_leverage from {old} to {new} (looser)" in lines
    assert "entry: " in lines  # from when on trades are told of
    with read_log(operated.run.journal_path) as log:
        fired = [(r.event, r.at) for r in log.records() if isinstance(r.event, TimerFired)]
    at = [at for event, at in fired if event.name == RISK_TIMER]
    steps = [round((b - a) / SECOND) for a, b in pairwise(at)]
    assert (steps[0], {*steps[-9:]}) == (5, {1})
    assert '"level":"debug"' in (tmp_path / "state" / "logs" / "tradectl.log").read_text()


@virtual
async def test_a_successor_is_shown_the_market_bit_by_bit_while_the_old_one_trades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "AT_FIRST", 2)
    monkeypatch.setattr(succession, "AT_MOST", 2)

    async def act(operated: Operated) -> None:
        await operated.sleep(40)
        operated.write(entry=14)
        strategy = operated.run.system.strategy
        applying = asyncio.ensure_future(operated.apply())
        while (found := strategy.candidates().get("trend")) is None or found.shown < 8:
            await operated.sleep(0)
        shutil.copytree(tmp_path / "state" / "journals", tmp_path / "killed" / "journals")
        assert strategy.engine.instance("trend").config.parameters["entry"] == 8
        assert (await applying).applied
        assert strategy.engine.instance("trend").config.parameters["entry"] == 14
        operated.write(entry=500)
        for dry_run in (True, False):
            with pytest.raises(UsageError, match="cannot be warmed"):
                await operated.apply(dry_run=dry_run)
        await operated.sleep(1)
        assert strategy.candidates().get("trend") is None

    run = await Operated(tmp_path, act).trade()
    assert verified(run)
    shown = events_of(run.journal_path, SuccessorShown)
    assert max(len(each.events) for each in shown) == 2
    assert [each.parameters.get("entry") for each in shown if each.begins] == [14, 500]
    assert [each.over for each in shown].count(True) == 1
    killed = recover(StateDir(tmp_path / "killed"), trusting=True)
    assert killed is not None
    assert killed.applied == {}
    (journal,) = journals(tmp_path / "killed")
    assert Replay(journal).run().verified


@virtual
async def test_a_successor_that_is_slower_than_its_market_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = succession.Succession._shown

    def slowly(self: succession.Succession, config: StrategyInstance) -> succession.Show:
        show = shown(self, config)

        async def show_slowly(part: Sequence[Market]) -> int:
            await show(part)
            await self._session.bus.clock.sleep(0.4 * len(part))
            return int(0.4 * len(part) * SECOND)

        return show_slowly

    async def act(operated: Operated) -> None:
        await operated.sleep(20)
        operated.write(entry=12)
        began = operated.run.bus.clock.now()
        with monkeypatch.context() as slow:
            slow.setattr(succession.Succession, "_shown", slowly)
            with pytest.raises(UsageError, match="falls behind its market: it takes 400 ms"):
                await operated.apply()
        assert operated.run.bus.clock.now() - began < 40 * SECOND
        assert (await operated.apply()).applied

    assert verified(await Operated(tmp_path, act).trade())


@virtual
async def test_who_asks_hears_of_a_successor_that_fails_at_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_over = Candidates.take_over

    def fails(self: Candidates, *given: Any) -> list[Event]:
        found = self.get("trend")
        assert found is not None
        found.running.quarantine("no")
        return take_over(self, *given)

    async def act(operated: Operated) -> None:
        await operated.sleep(20)
        operated.write(entry=12)
        monkeypatch.setattr(Candidates, "take_over", fails)
        answer = await operated.apply()
        assert answer.applied
        assert answer.notes == [
            "strategy 'trend' goes on as before: by these parameters it fails: no"
        ]

    await Operated(tmp_path, act).trade()


@virtual
async def test_two_that_ask_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    async def act(operated: Operated) -> None:
        await operated.sleep(20)
        operated.write(entry=10, risk="max_leverage = 1")
        await asyncio.gather(operated.apply(), operated.apply())

    operated = Operated(tmp_path, act)
    run = await operated.trade()
    assert [answer.applied for answer in operated.answers] == [True, False]
    assert [len(answer.differences) for answer in operated.answers] == [2, 0]
    assert len(events_of(run.journal_path, SettingsChanged)) == 1


@virtual
async def test_a_limit_that_the_next_run_does_not_have_keeps_it_from_entering(
    tmp_path: Path,
) -> None:
    async def act(operated: Operated) -> None:
        await operated.sleep(5)
        operated.write(risk="max_leverage = 1")
        assert (await operated.apply()).applied

    await Operated(tmp_path, act, risk="max_leverage = 2").trade()
    run = await Operated(tmp_path, risk="max_leverage = 2").trade()
    assert run.books.trading_state.value == "PAUSED"
    (said,) = [
        event.message
        for event in events_of(run.journal_path, SystemEvent)
        if event.kind == SystemEventKind.SETTINGS_LEFT
    ]
    assert "risk.max_leverage from 1 to 2 (looser)" in said
    assert verified(run)
    third = await Operated(tmp_path, risk="max_leverage = 2").trade()
    said_again = [event.kind for event in events_of(third.journal_path, SystemEvent)]
    assert SystemEventKind.SETTINGS_LEFT not in said_again


@virtual
async def test_a_run_that_fails_before_it_says_what_it_lacks_leaves_that_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(operated: Operated) -> None:
        await operated.sleep(5)
        operated.write(risk="max_leverage = 1")
        assert (await operated.apply()).applied

    async def fails(_self: TradingOrchestrator) -> None:
        raise ExchangeError("it is away")

    await Operated(tmp_path, act, risk="max_leverage = 2").trade()
    failing = Operated(tmp_path, risk="max_leverage = 2")
    failing._acting = asyncio.ensure_future(asyncio.sleep(0))
    with monkeypatch.context() as patched:
        patched.setattr(TradingOrchestrator, "start", fails)
        with pytest.raises(ExchangeError):
            await failing.trade()
    run = await Operated(tmp_path, risk="max_leverage = 2").trade()
    assert run.books.trading_state.value == "PAUSED"
    assert "risk.max_leverage is looser" in run.books.account.trading_state_reason
    assert verified(run)


async def test_a_run_without_a_file_says_how_to_have_one(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path / "s")
    state_dir.create()
    with state_dir.owned():
        run = TradingRun(RunOptions(settings=Settings(), state_dir=state_dir), None)
        with pytest.raises(UsageError, match="begin it with -c FILE"):
            await run._reloads().apply()


def test_by_the_command_line_it_holds_after_a_kill_and_a_restart(tmp_path: Path) -> None:
    state, file = tmp_path / "state", private(tmp_path / "t.toml", text(risk="max_leverage = 2"))
    words = ["-c", file]
    with running(state, *words) as run:
        private(file, text(risk="max_leverage = 1"))
        shown = tradectl(state, "config", "apply", "--dry-run", "--json").document()
        assert [each["verdict"] for each in shown["differences"]] == ["safe"]
        answer = tradectl(state, "config", "apply", "-c", file, "--plan", shown["plan"])
        assert "1 setting applied, at record" in answer.out
        private(file, text(risk='max_leverage = "none"'))
        loose = tradectl(state, "config", "apply")
        assert (loose.code, "add --confirm" in loose.out) == (1, True)
        private(file, "risk = [")
        assert tradectl(state, "config", "apply").code == 2
        private(file, text(risk='max_leverage = "none"'))
        told = [e["type"] for e in tradectl(state, "alerts", "--json").document()]
        assert "settings_changed" in told
        run.send(signal.SIGKILL)
        run.end()
    assert tradectl(state, "alerts", "--json").document() == []
    ended = {e["message"].rpartition("; ")[2] for e in _all_alerts(state)}
    assert ended == {"the run ended"}
    report = tradectl(state, "risk", "--json").document()
    assert next(e["value"] for e in report["limits"] if e["limit"] == "risk.max_leverage") == "1"
    assert tradectl(state, "config", "apply").code == 4
    with running(state, *words) as run:
        run.line("settings_left")
        status = tradectl(state, "status", "--json").document()
        assert status["state"] == "PAUSED"
        assert "risk.max_leverage" in status["paused"]["reason"]
        active = [e for e in _all_alerts(state) if e["status"] == "active"]
        assert {e["run_id"] for e in active} == {status["run_id"]}
        run.send(signal.SIGTERM)
        run.end()
    left = {e["type"] for e in tradectl(state, "alerts", "--json").document()}
    assert left == {"settings_left", "still_paused"}
    assert header_of(journals(state)[-1]).continues == journals(state)[0].stem


def _all_alerts(state: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tradectl(state, "alerts", "--all", "--json").document()
    return found


@virtual
@pytest.mark.usefixtures("key_environment")
async def test_with_money_it_is_the_same_way(exchange: Any, tmp_path: Path) -> None:
    file = private(tmp_path / "live.toml", "")
    settings = settings_for(exchange)
    asked = [settings]

    def now(**limits: Any) -> None:
        asked.append(replace(asked[-1], risk=replace(asked[-1].risk, **limits)))

    async with trading(exchange, tmp_path / "state", settings=settings) as trader:
        run = trader.run
        typed = Typed(settings, lambda: asked[-1])
        options = replace(run.options, config=file, typed=typed)
        changing = Reloading(run, options, run._watchers)
        bought = await trader.orders_done(trader.buy("0.1"))
        now(max_order_notional=D(50), max_data_age_seconds=D(5))
        assert (await changing.apply()).applied
        denied = trader.buy("0.1")
        await trader.judged(denied)
        assert trader.denied(denied) == "ORDER_NOTIONAL"
        await trader.orders_done(trader.sell(str(bought.filled)))  # an exit
        now(max_data_age_seconds=None)
        assert not (await changing.apply()).applied
        assert (await changing.apply(confirm=True)).applied
        assert run.books.limits.max_data_age_seconds == D(30)  # as old as the feed's may be
        assert not (await changing.apply()).differences
        now(max_data_age_seconds=D(60))  # it was off in the file, and 30 in the run
        answer = await changing.apply()
        assert [(e.old, e.new, e.verdict) for e in answer.differences] == [
            ("30.0", "60", "loosens")
        ]
        assert not answer.applied
        await trader.quiet()
