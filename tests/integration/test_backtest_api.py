"""`from tradectl import backtest`: the command's own run, in code."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import tradectl
from tests.integration.test_backtest import BEGIN, candles
from tradectl import backtest
from tradectl.domain.errors import TradectlError, UsageError
from tradectl.events import BarEvent
from tradectl.replay.replay import Replay
from tradectl.state.books import Books
from tradectl.strategy import Signal, Strategy

DAYS = 28
DAY = 86_400 * 10**9
BEGIN_NS = int(BEGIN.timestamp()) * 10**9


class Waves(Strategy):
    """Buys low and sells high, of a price that goes up and down."""

    low: int = 1010

    def on_bar(self, bar: BarEvent) -> Signal | None:
        return self.long() if bar.price < self.low else self.flat()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prices = (1000 + 40 * (hour // 30 % 2) for hour in range(24 * DAYS))
    return candles(tmp_path_factory.mktemp("data") / "BTCUSDT.csv", prices)


def test_it_gives_what_the_command_gives(tmp_path: Path, data: Path) -> None:
    found = backtest(data, "donchian-breakout", parameters={"entry": 5, "exit": 3})
    words = ["--strategy", "donchian-breakout", "--set", "strategy.entry=5"]
    words += ["--set", "strategy.exit=3"]
    told = tradectl(tmp_path, "backtest", "--data", data, "--json", *words).document()
    assert found.summary.fills == told["fills"] > 10
    assert found.summary.portfolio.equity == told["portfolio"]["equity"]
    assert found.summary.journal == ""


def test_a_class_will_do_with_its_parameters(data: Path) -> None:
    found = backtest(data, Waves, parameters={"low": 1020}, flatten_at_end=True)
    assert found.trades
    assert {trip.strategy for trip in found.trades} == {"Waves"}
    assert sum(trip.pnl for trip in found.trades) == Decimal(found.report.pnl)
    assert Decimal(found.summary.pnl) == Decimal(found.report.pnl)


def test_equity_and_statistics(data: Path) -> None:
    found = backtest(data, Waves)
    times = [time for time, _ in found.equity]
    assert times == sorted(times)
    assert times[0] >= datetime(2023, 11, 14, tzinfo=UTC)
    assert found.equity[-1][1] == pytest.approx(float(found.summary.portfolio.equity))
    said = found.statistics
    assert said["trips"] == len([trip for trip in found.trades if not trip.is_open])
    assert said["return_pct"] == pytest.approx(float(found.summary.return_pct), abs=1e-3)
    assert said["sharpe"] is not None
    assert said["best"] >= said["expectancy"] >= said["worst"]
    assert isinstance(said["best"], float)
    assert times[0] <= found.trades[0].opened <= found.trades[0].closed <= times[-1]
    assert "trades" in repr(found)
    assert found.html().startswith("<!doctype html>")


def test_to_arrow(data: Path) -> None:
    pytest.importorskip("pyarrow")
    found = backtest(data, Waves)
    tables = found.to_arrow()
    assert tables["trades"].num_rows == len(found.trades)
    assert tables["equity"].num_rows == len(found.equity)
    assert tables["days"].num_rows == len(found.report.days) >= DAYS


def test_in_a_notebook_a_loop_runs_already(data: Path) -> None:
    async def cell() -> int:
        return len(backtest(data, Waves).trades)

    assert asyncio.run(cell()) == len(backtest(data, Waves).trades) > 0


def test_a_class_that_is_in_no_file_is_run(data: Path) -> None:
    class Local(Waves):
        low: int = 1005

    assert backtest(data, Local).trades


@pytest.mark.parametrize(
    "since", ["2023-12-01", date(2023, 12, 1), datetime(2023, 12, 1, tzinfo=UTC)]
)
def test_a_part_of_the_data(data: Path, since: str | date | datetime) -> None:
    found = backtest(data, Waves, since=since, until="2023-12-11T00:00:00+00:00")
    assert found.summary.data_from == "2023-12-01T00:00:00.000000Z"
    assert found.summary.data_to == "2023-12-11T00:00:00.000000Z"


def test_with_a_state_directory_there_is_a_journal_and_the_answer_is_kept(
    tmp_path: Path, data: Path
) -> None:
    first = backtest(data, Waves, state_dir=tmp_path, settings={"account.cash": 5000})
    again = backtest(data, Waves, state_dir=tmp_path, settings={"account.cash": 5000})
    assert (first.summary.is_kept, again.summary.is_kept) == (False, True)
    assert again.trades == first.trades
    assert again.statistics == first.statistics
    assert Replay(Path(first.summary.journal)).run().verified


def test_what_is_no_strategy_is_refused(data: Path) -> None:
    with pytest.raises(UsageError, match="expected a Strategy, or the name of one"):
        backtest(data, dict)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(UsageError, match=r"got an object: give its class Waves"):
        backtest(data, Waves())  # type: ignore[arg-type]  # on purpose
    with pytest.raises(UsageError, match="expected a Strategy, or the name of one, got 5"):
        backtest(data, 5)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(UsageError, match="no strategy 'nonsense'"):
        backtest(data, "nonsense")
    with pytest.raises(UsageError, match="has no parameter 'high'"):
        backtest(data, Waves, parameters={"high": 3})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"since": 5}, "since: expected a text, a date or a datetime, got 5"),
        ({"since": "soon"}, "since: expected a day"),
        ({"until": "2020-01-01"}, "it begins at 2023-11-14"),
        ({"symbols": 5}, "symbols: expected a name, or several, got 5"),
        ({"fill": "middle"}, "paper.fill: expected"),
        ({"fill": "intrabar"}, 'fill="intrabar": there is no finer data'),
        ({"settings": {"paper.fil": "close"}}, "paper.fil: unknown key"),
    ],
)
def test_what_is_wrong_is_told_by_its_argument(data: Path, arguments: Any, said: str) -> None:
    with pytest.raises(TradectlError) as refused:
        backtest(data, Waves, **arguments)
    assert said in str(refused.value)
    assert "--" not in str(refused.value)
    assert "command line" not in str(refused.value)


class TwoFirst(Strategy):
    """Two symbols are held until the second day is over, and then all the others are to be."""

    def on_bar(self, bar: BarEvent) -> Signal | None:
        is_first = bar.symbol in ("AUSDT", "BUSDT")
        return self.flat() if is_first and bar.ts >= 2 * DAY + BEGIN_NS else self.long()


def test_orders_of_one_moment_share_the_money_and_the_limits(tmp_path: Path) -> None:
    """Each that is approved is in the books before the next is looked at."""
    files = [candles(tmp_path / f"{name}USDT.csv", [1000] * 72) for name in "ABCDEF"]
    settings: dict[str, float | str] = {"portfolio.fraction": 0.4, "risk.max_leverage": "none"}
    found = backtest(files, TwoFirst, settings=settings, flatten_at_end=True)
    assert len(found.trades) == 5  # of the others three, each with 30% of the equity
    for trip in found.trades:
        held = [o for o in found.trades if o.opened_at <= trip.opened_at < o.closed_at]
        assert sum(other.entry_value for other in held) <= Decimal(100_000)


def test_money_that_is_not_conserved_fails_the_test_whose_backtest_it_is(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    equity = Books.equity
    monkeypatch.setattr(Books, "equity", lambda books: equity(books) + Decimal("1e-12"))
    with pytest.raises(AssertionError, match="equity: "):
        backtest(data, Waves)
