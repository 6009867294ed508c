"""What is shown of an account is what its journals add up to, computed again beside the books.

Real files are run as spot, as a perpetual that pays funding, as one that borrows much behind a stop, and
as one that borrows all that it may until it is liquidated;
the books are followed through the whole journal and compared as they go, and what a kill leaves of it is
compared as well.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
from itertools import cycle, product
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.fixtures.command import (
    BUSY,
    header_of,
    journals,
    records_of,
    running,
    sealed,
    tradectl,
    wait_until,
)
from tests.fixtures.documents import as_json
from tests.fixtures.recomputed import Recomputed, differing, sealed_lines
from tests.fixtures.run_inputs import replayed
from tests.integration.test_determinism import (
    BTC,
    CANDLES,
    ETH,
    LIMITS,
    PERPETUAL,
    QUOTES,
    SEVERAL,
    config,
    files,
    instrument,
    played,
)
from tests.profiles import examples, in_turn, is_deep
from tests.real_data import all_real_data, beginning, real_data
from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.events import Record
from tradectl.journal.writer import Header
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.state.status import portfolio_totals, position_rows, strategy_rows
from tradectl.storage.store import RunBegun, Store
from tradectl.system.trading_system import BookkeepingSystem

KILLS = examples(2)
FUNDED = SEVERAL.replace(
    "paper = { ", "paper = { funding_rate = 0.001, funding_interval_hours = 1, "
)
EXPOSED = FUNDED.replace(
    "[risk]",
    "[portfolio]\nsizing = 'fixed_fraction'\nfraction = 9.0\nmax_weight = 9.0\nstop_loss_pct = 3.0\n"
    "[risk]\nmax_leverage = 'none'\nmax_gross_notional = 'none'\nmax_position_notional = 'none'\n"
    "max_order_notional = 'none'",
)
"""Much borrowed, so that much is lost."""
RUINED = EXPOSED.replace("stop_loss_pct = 3.0\n", "").replace("9.0", "19.0")
"""As much as there is, and nothing limits a loss before the exchange does."""
REAL = {
    "candles/binance_5m_20230810_20230820/XRPUSDT.csv.gz": ("exposed",),
    "candles/binance_1h_20201201_20210717/LUNAUSDT.csv.gz": ("ruined",),
    "quotes/binance_usdm_BTCUSDT_20200222_tardis.csv.gz": ("funded",),
    "trades/binance_ETHUSDT_20230202.csv.gz": ("spot",),
}
"""Each kind of data and each kind of account; deep, all of all."""
ROWS = 400
"""Of each real file, where the tests do not go deep."""
FALLS = {"ruined": 1000}
"""After so many rows all is lost soon."""
ENDED_BY_ITS_LOSSES = 6
RUINS = [(name, "ruined") for name in REAL if "ruined" in REAL[name]]
KINDS = ("candles/*/*.csv.gz", "quotes/*.csv.gz", "trades/*.csv.gz")
NAMES = [name for kind in KINDS for name in all_real_data(kind)] if is_deep() else [*REAL]
COMPARED = examples(50)
"""So many times in a run, at least, the books are compared with what is worked out beside them."""
TO_JOURNAL = 30
"""A journal has more bytes than that for each byte of the packed data."""


KINDS_OF_ACCOUNTS = {"spot": SEVERAL, "funded": FUNDED, "exposed": EXPOSED, "ruined": RUINED}
PLAYED = dict.fromkeys(NAMES, KINDS_OF_ACCOUNTS) if is_deep() else REAL


class RealFile(NamedTuple):
    """What is played: quotes with the trades of the same minutes, as strategies go by trades."""

    name: str
    base: str
    quote: str

    @classmethod
    def of(cls, name: str) -> RealFile:
        base, quote = re.findall("([A-Z0-9]+?)(USDT|BTC|EUR|USD_PERP)", Path(name).name)[-1]
        return cls(name, base, quote)

    def files(self, folder: Path, kind: str) -> list[Path]:
        names = [self.name]
        if self.name.startswith("quotes/"):
            names.append(self.name.replace("quotes/", "trades/"))
        if is_deep():
            return [real_data(name) for name in names]
        after = FALLS.get(kind, 0)
        return [beginning(name, ROWS, folder / name.split("/")[0], after=after) for name in names]

    def words(self, folder: Path, kind: str) -> list[object]:
        settings = KINDS_OF_ACCOUNTS[kind]
        if kind != "spot":
            perpetual = instrument(self.base + self.quote).replace(
                "max_leverage = 5", "max_leverage = 20"
            )
            perpetual = perpetual.replace("tick_size = 0.01", "tick_size = 0.00000001")
            settings += perpetual.replace('"USDT"', f'"{self.quote.removesuffix("_PERP")}"')
        return [*config(folder, settings), *files(*self.files(folder / "data", kind))]


def is_record(line: bytes) -> bool:
    return line.startswith(b'{"seq":')


def assert_agrees(folder: Path, *shown: dict[str, Any]) -> None:
    """Each of what was shown, after the last record."""
    expected = Recomputed.of(*journals(folder))
    assert [differing(each, expected) for each in shown] == [[]] * len(shown)


def status_of(folder: Path, run_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = tradectl(folder, "status", "--json", "--run", run_id).document()
    return shown


def assert_agrees_all_along(path: Path, *shown: dict[str, Any]) -> int:
    """The books, folded record by record, against the same records, and in the end what was shown; how
    often they were compared on the way. The journal is its account's first."""
    header, lines = header_of(path), list(sealed_lines(path))
    account = Account.load(header.state)
    system = BookkeepingSystem(Settings.load(header.config), account, header.run_id, DataClock())
    expected, times, every = Recomputed(), 0, max(len(lines) // (2 * COMPARED), 1)
    for number, line in enumerate(lines):
        if "header" in line:
            expected.begin(line["header"])
        if "event" not in line:
            continue
        if number >= (times + 1) * every and "cause" not in line:  # what follows is booked with it
            assert differing(figures(system.books), expected) == [], f"before record {line['seq']}"
            times += 1
        system.fold(msgspec.convert(line, Record))
        expected.take(line["event"])
    assert [differing(each, expected) for each in shown] == [[]] * len(shown)
    return times


def figures(books: Books) -> dict[str, Any]:
    """As `status` shows them."""
    return {
        "portfolio": as_json(portfolio_totals(books)),
        "positions": as_json(position_rows(books)),
        "strategies": as_json(strategy_rows(books)),
    }


SETTINGS = [BUSY, LIMITS, SEVERAL, PERPETUAL, FUNDED + instrument("BTCUSDT")]
RECORDED = [(BTC, ETH), (CANDLES,), (QUOTES, BTC)]
RUNS = list(product(SETTINGS, RECORDED) if is_deep() else zip(SETTINGS, cycle(RECORDED)))


@pytest.mark.parametrize(("settings", "data"), RUNS)
def test_a_recorded_run(tmp_path: Path, settings: str, data: tuple[Path, ...]) -> None:
    """Each settings, and each data; deep, with each other."""
    summary = played(tmp_path, *config(tmp_path, settings), *files(*data))
    assert_agrees(tmp_path, summary, status_of(tmp_path, summary["run_id"]))


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for name, kinds in PLAYED.items() for kind in kinds]
)
def test_a_real_file(tmp_path: Path, name: str, kind: str) -> None:
    words = RealFile.of(name).words(tmp_path, kind)
    answer = tradectl(tmp_path, "run", "--headless", "--json", *words)
    assert answer.code in (0, ENDED_BY_ITS_LOSSES)
    if (name, kind) in RUINS:
        assert answer.code == ENDED_BY_ITS_LOSSES
    summary = json.loads(answer.out)
    assert summary["orders"] > 0  # what never trades proves nothing
    status, (path,) = status_of(tmp_path, summary["run_id"]), journals(tmp_path)
    assert assert_agrees_all_along(path, summary, status) > COMPARED
    assert replayed(tmp_path).verified


KILLED = [(name, ("spot", "funded", "exposed")[n % 3]) for n, name in enumerate(NAMES)]


@pytest.mark.parametrize(("name", "kind"), KILLED if is_deep() else KILLED[:3:2])
def test_a_real_file_killed_on_the_way(tmp_path: Path, name: str, kind: str) -> None:
    """What the dead process left is shown as it is: to the last record that is sealed. One that has lost
    all that it had may have ended before."""
    played = RealFile.of(name)
    size = played.files(tmp_path / "data", kind)[0].stat().st_size * TO_JOURNAL
    killed_at = size * Random(name).uniform(0.1, 0.9)
    with running(tmp_path, *played.words(tmp_path, kind)) as run:
        (path,) = journals(tmp_path)
        wait_until(lambda: path.stat().st_size >= killed_at or run.process.poll() is not None)
        wait_until(lambda: any(map(is_record, sealed(path))))  # of a short file, that may be all
        run.kill()
    shown = status_of(tmp_path, path.stem)
    assert shown["last_seq"] > 0
    assert_agrees_all_along(path, shown)
    assert replayed(tmp_path).verified


def test_killed_in_the_middle_of_a_write(tmp_path: Path) -> None:
    """Of a group, or of the footer: a kill comes between two pages of what is written at once. One place
    in each with every commit; deep, all in both."""
    played(tmp_path, *config(tmp_path, SEVERAL), *files(BTC))
    (path,) = journals(tmp_path)
    whole = path.read_bytes()
    seals = [match.start() for match in re.finditer(rb'{"seal":', whole)]
    cuts = []
    for seal in (seals[len(seals) // 2], seals[-1]):
        cuts.append(seal - 40)  # in a record
        cuts.append(seal + 30)  # in the seal
        cuts.append(seal)  # before it
        cuts.append(whole.index(b"\n", seal))  # before its end
    for cut in in_turn(cuts, 4):
        path.write_bytes(whole[:cut])
        forget(tmp_path, header_of(path))
        shown = status_of(tmp_path, path.stem)
        assert_agrees(tmp_path, shown)
        assert shown["last_seq"] == records_of(path)[-1].seq
        assert replayed(tmp_path).verified


def forget(folder: Path, header: Header) -> None:
    """The database knows that the run has begun, and nothing more."""
    for file in folder.glob("state.db*"):
        file.unlink()

    async def begun() -> None:
        store = Store(folder / "state.db")
        await store.open()
        await store.begin_run(
            RunBegun(
                header.run_id,
                header.state["account_id"],
                header.account,
                header.mode,
                header.source,
                header.started_at,
                header.run_id,
            )
        )
        await store.close()

    asyncio.run(begun())


@pytest.mark.parametrize("settings", [BUSY, SEVERAL, PERPETUAL] if is_deep() else [SEVERAL])
def test_an_account_that_is_killed_again_and_again(tmp_path: Path, settings: str) -> None:
    words = config(tmp_path, settings)
    for _ in range(KILLS):
        with running(tmp_path, *words) as run:
            run.line(" FILL ")
            run.line(" FILL ")
            run.send(signal.SIGKILL)
        assert_agrees(tmp_path, tradectl(tmp_path, "status", "--json").document())
    words = ["run", "--headless", "--json", *words, "--duration", "1"]
    assert_agrees(tmp_path, tradectl(tmp_path, *words).document())
    assert replayed(tmp_path).verified
