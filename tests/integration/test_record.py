"""`record`, `exchanges`, `markets`: the real command against an exchange on this machine."""

from __future__ import annotations

import json
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from tests.contracts import check_output
from tests.fixtures.command import (
    PATIENCE_S,
    PIPES,
    Answer,
    command,
    environment,
    header_of,
    records_of,
    tradectl,
)
from tests.fixtures.processes import kill_group, start
from tests.fixtures.run_inputs import Typed
from tradectl.domain.events import MarketDataEvent, QuoteEvent
from tradectl.operations.recorder import default_path
from tradectl.testkit import loopback_thread

THREE = ("--symbol", "BTCUSDT", "--symbol", "ETHUSDT")
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def exchange() -> Iterator[Any]:
    """One whose market walks by itself."""
    with loopback_thread(seed=1) as found:
        found.start_walking(100)
        yield found


@pytest.fixture
def config(tmp_path: Path, exchange: Any) -> Path:
    return written(tmp_path, exchange.url)


def written(folder: Path, url: str) -> Path:
    path = folder / "tradectl.toml"
    path.write_text(f'[[exchanges]]\nid = "binance"\nurl = "{url}"\ntimeout_seconds = 2\n')
    return path


class Recorder:
    """`tradectl record` in the background."""

    def __init__(self, config: Path, output: Path, *words: str, most_bytes: int = 0) -> None:
        self.output = output
        asked = ("record", "--exchange", "binance", "-c", config, "--json", "--output", output)
        self.process = start([*asked, *words], environment(), live=True, **PIPES)
        if most_bytes:
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            kill_group(self.process)

    def trades(self) -> list[int]:
        """The ids that are in the file by now."""
        if not self.output.exists():
            return []
        events = [record.event for record in records_of(self.output)]
        return [int(event.trade_id) for event in events if type(event) is MarketDataEvent]

    def end(self, by: signal.Signals | None = None) -> Answer:
        if by is not None:
            self.process.send_signal(by)
        out, err = self.process.communicate(timeout=PATIENCE_S)
        check_output(("record", "--json"), out)
        return Answer(self.process.returncode, out, err)


def made_by(exchange: Any, symbol: str = "BTCUSDT") -> list[int]:
    return [trade.id for trade in exchange.engines["spot"].trades[symbol].trades]


def test_a_recording_is_played_and_verified(exchange: Any, config: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    words = ("record", "--exchange", "binance", "-c", config, *THREE, "--output", path)
    told = command(*words, "--channel", "trades", "--channel", "quotes", "--channel", "book",
                   "--duration", "2", "--json", live=True).document()  # fmt: skip
    assert told["reason"] == "duration is over"
    assert told["symbols"] == ["BTCUSDT", "ETHUSDT"]
    assert told["events"] == sum(told["by_symbol"].values()) == told["counts"]["delivered"]
    assert min(told["by_symbol"].values()) > 50
    records = records_of(path)
    assert len(records) == told["events"]
    assert {record.cause for record in records} == {0}
    assert {type(record.event).__name__ for record in records} == {
        "MarketDataEvent", "QuoteEvent", "BookEvent",
    }  # fmt: skip
    verified = command("replay", path, "--json").document()
    assert verified["verified"] is True
    assert verified["clean"] is True
    assert verified["state_hash"] == verified["recorded_state_hash"] == told["state_hash"]
    played = tradectl(
        tmp_path / "state", "run", "--headless", "--data", path, "--symbol", "BTCUSDT", "--json"
    ).document()
    assert played["bad_rows"] == 0
    assert header_of(path).config["instruments"][0]["tick_size"] == "0.01"


def test_no_trade_is_missing_though_connections_are_lost(
    exchange: Any, config: Path, tmp_path: Path
) -> None:
    with Recorder(config, tmp_path / "a.jsonl", "--symbol", "BTCUSDT") as recorder:
        exchange.until(lambda: len(recorder.trades()) > 30, PATIENCE_S)
        for _ in range(2):
            before = len(recorder.trades())
            exchange.restart_streams()
            exchange.until(lambda least=before + 40: len(recorder.trades()) > least, PATIENCE_S)
        told = recorder.end(signal.SIGINT).document()
        trades, printed = recorder.trades(), made_by(exchange)
        first = printed.index(trades[0])
        assert trades == printed[first : first + len(trades)]
        assert told["counts"]["reconnects"] >= 2
        assert told["reason"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_a_footer(
    exchange: Any, config: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with Recorder(config, tmp_path / "a.jsonl", "--symbol", "BTCUSDT") as recorder:
        exchange.until(recorder.trades, PATIENCE_S)
        answer = recorder.end(number)
        assert answer.code == 0
        assert "Traceback" not in answer.err
        assert command("replay", recorder.output, "--json").document()["clean"] is True


def test_a_disk_without_room_ends_it_in_one_line(
    exchange: Any, config: Path, tmp_path: Path
) -> None:
    with Recorder(
        config, tmp_path / "a.jsonl", "--symbol", "BTCUSDT", most_bytes=40_000
    ) as recorder:
        answer = recorder.end()
        assert answer.code == 1
        assert "cannot be written: File too large" in answer.complaint()
        replayed = command("replay", recorder.output, "--json").document()
        assert replayed["verified"] is True
        assert replayed["clean"] is False


def test_nothing_is_ever_overwritten(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("mine")
    answer = command("record", "--exchange", "binance", "-c", config, "--output", path, live=True)
    assert answer.code == 2
    assert "a.jsonl is there already" in answer.complaint()
    assert path.read_text() == "mine"


def test_the_default_name_says_what_is_in_it(tmp_path: Path) -> None:
    now = 1_723_161_255 * 10**9
    names = []
    for symbols in (["BTCUSDT"], ["BTCUSDT"], ["BTC/USDT:USDT", "../x"], list("ABCDE")):
        path = default_path("binance", symbols, tmp_path, now)
        path.touch()
        names.append(path.name)
    assert names == [
        "binance-BTCUSDT-20240808T235415Z.jsonl",
        "binance-BTCUSDT-20240808T235415Z-2.jsonl",
        "binance-BTCUSDTUSDT-x-20240808T235415Z.jsonl",
        "binance-A-B-C-and2-20240808T235415Z.jsonl",
    ]


def test_where_nothing_comes_it_says_so(config: Path, exchange: Any, tmp_path: Path) -> None:
    exchange.stop_walking()
    answer = command("record", "--exchange", "binance", "-c", config, "--symbol", "BTCUSDT",
                     "--channel", "trades", "--duration", "0.5", "--output", tmp_path / "a.jsonl",
                     "--json", live=True)  # fmt: skip
    assert answer.code == 1
    assert json.loads(answer.out)["events"] == 0
    assert answer.complaint() == "tradectl: nothing came from binance"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("record --exchange binanse", "did you mean binance"),
        ("record --exchange BINANCE", "no exchange is called 'BINANCE'"),
        ("record --exchange binance --symbol BTCUSDX", "unknown symbol 'BTCUSDX': did you mean"),
        ("record --exchange binance --channel candles", "expected trades, quotes or book"),
        ("record --symbol BTCUSDT", "Missing option '--exchange'"),
        ("markets binance --market futures", "expected spot or perpetual"),
        ("markets binanse", "did you mean binance"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    typed: Typed, config: Path, words: str, complaint: str
) -> None:
    answer = typed(f"{words} -c {config}")
    assert answer.code == 2
    assert complaint in answer.complaint()


@pytest.mark.parametrize("words", ["record --exchange binance", "markets binance"])
def test_an_exchange_that_cannot_be_reached_is_no_traceback(
    typed: Typed, tmp_path: Path, words: str
) -> None:
    answer = typed(f"{words} -c {written(tmp_path, NOWHERE)}")
    assert answer.code == 1
    assert "binance cannot be reached" in answer.complaint()
    assert list(tmp_path.glob("*.jsonl")) == []


def test_markets_show_the_rules(typed: Typed, config: Path) -> None:
    rows = json.loads(typed(f"markets binance -c {config} --quote usdt --search btc --json").out)
    assert [row["symbol"] for row in rows] == ["BTCUSDT"]
    assert rows[0] == {
        "symbol": "BTCUSDT",
        "unified": "BTC/USDT",
        "kind": "spot",
        "quote": "USDT",
        "tick_size": "0.01",
        "lot_size": "0.00001",
        "min_notional": "5",
        "active": True,
        "supported": True,
        "note": "",
    }
    table = typed(f"markets binance -c {config}").out
    assert "BTCUSDT" in table
    assert "0.00001" in table
    perpetual = json.loads(typed(f"markets binance -c {config} --market perpetual --json").out)
    assert {row["kind"] for row in perpetual} == {"perpetual"}
    assert "no such markets" in typed(f"markets binance -c {config} --quote XYZ").out


def test_exchanges_are_listed(typed: Typed) -> None:
    rows = {row["id"]: row for row in json.loads(typed("exchanges --json").out)}
    assert rows["binance"] == {
        "id": "binance",
        "name": "Binance",
        "certified": True,
        "websocket": True,
        "spot": True,
        "perpetual": True,
        "testnet": True,
        "passphrase": False,
        "described": True,
        "user_stream": True,
        "lookup_by_client_id": True,
        "stops": ["spot", "perpetual"],
        "dead_man_switch": ["perpetual"],
        "funding_history": True,
        "position_modes": ["one-way", "hedge"],
        "tested_by": rows["binance"]["tested_by"],
    }
    assert any("contract" in test for test in rows["binance"]["tested_by"])
    assert rows["okx"]["passphrase"] is True
    assert "kraken" in typed("exchanges").out


def test_what_is_proven_of_one_exchange_is_told_of_it(typed: Typed) -> None:
    told = json.loads(typed("exchanges gate --json").out)
    assert {kind["kind"] for kind in told["proven"]} == {"spot", "perpetual"}
    assert any("no stops that rest there on spot" in lack for lack in told["cannot"])
    assert "x-gate-exptime" in told["fence"]
    assert "untested with the real exchange" in typed("exchanges gate").out
    assert typed("exchanges gat").code == 2


def test_quotes_of_a_recording_are_quotes(exchange: Any, config: Path, tmp_path: Path) -> None:
    words = ("--symbol", "BTCUSDT", "--channel", "quotes", "--duration", "1")
    with Recorder(config, tmp_path / "a.jsonl", *words) as recorder:
        assert recorder.end().code == 0
        assert {type(record.event) for record in records_of(recorder.output)} == {QuoteEvent}
