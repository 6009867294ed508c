"""The figures of a run: Prometheus's own parser takes them, they are those of the journal, and what is
drawn and ruled of them has their names."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
import socket
import threading
import tomllib
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.command import BUSY, journals, records_of
from tests.fixtures.monitoring import LONGEST_S, until
from tradectl.bus.step_times import LONGEST_MARCH
from tradectl.config.load import load_settings
from tradectl.domain.errors import UsageError
from tradectl.domain.events import (
    EventPriority,
    EventType,
    OrderAccepted,
    OrderFilled,
    OrderSubmitted,
    Record,
)
from tradectl.domain.statistics import DOUBLINGS
from tradectl.monitoring.metrics_server import MOST_AT_ONCE, OWN_HELPS, MetricsServer
from tradectl.runtime.run import TradingRun
from tradectl.runtime.run_metrics import HELPS, MONEY, MOST_SYMBOLS, RunMetrics
from tradectl.runtime.run_options import RunOptions
from tradectl.storage.directory import StateDir

CONFIGS = Path(__file__).parents[2] / "configs" / "monitoring"
OF_THE_SERVER = OWN_HELPS.keys()
OF_CHANNELS_AND_EXCHANGES = {
    "outbox_waiting", "outbox_dropped", "orders_unknown", "held_back_ratio", "alert_delivery_seconds",
    "clock_offset_seconds", "utc_offset_seconds", "event_lag_seconds", "event_lag_newest_seconds",
    "breaker_open", "requests_answered", "requests_failed",
}  # fmt: skip
SUFFIXES = re.compile(r"_(total|bucket|sum|count)$")


def figures_in(text: str) -> dict[str, float]:
    """By name and labels: what Prometheus's own parser makes of it."""
    return {
        sample.name + json.dumps(sample.labels, sort_keys=True): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Scraper:
    """Stands in for the screen of a run: it takes the figures as the run ends."""

    def __init__(self, run: TradingRun) -> None:
        self.run = run
        self.metrics = RunMetrics(run, run.monitor, run.alerts, None, list, log=run._watchers._log)
        self.text = self.with_money = ""

    async def start(self, run: TradingRun) -> None:
        """The run ends once it has traded a little."""
        self.traded = asyncio.ensure_future(self._trade())

    async def _trade(self) -> None:
        account, resources = self.run.books.account, self.run.monitor.resources
        await until(lambda: account.fills_count >= 5 and resources().threads)
        self.run.end("it has traded")

    async def stop(self) -> None:
        self.text = self.metrics.text()
        self.metrics._money = True
        self.with_money = self.metrics.text()


async def scraped(folder: Path) -> Scraper:
    state_dir = StateDir(folder)
    state_dir.create()
    often = ["orchestrator.health_check_interval_seconds=0.05"]
    settings = load_settings(None, tomllib.loads(BUSY), {}, often)
    with state_dir.owned():
        run = TradingRun(RunOptions(settings=settings, state_dir=state_dir), None)
        scraper = Scraper(run)
        await run.execute(scraper)
    return scraper


async def test_the_figures_are_those_of_the_journal(tmp_path: Path) -> None:
    scraper = await scraped(tmp_path / "s")
    figures = figures_in(scraper.text)
    last = figures["tradectl_journal_seq{}"]
    (journal,) = journals(tmp_path / "s")
    records = [record for record in records_of(journal) if record.seq <= last]
    events = [record.event for record in records]
    kinds = Counter(
        type(event).__name__ for event in events if event.event_type is not EventType.MARKET_DATA
    )
    told = {
        json.loads(name.removeprefix("tradectl_events_total"))["kind"]: count
        for name, count in figures.items()
        if name.startswith("tradectl_events_total{")
    }
    assert told == kinds
    assert kinds["OrderFilled"] > 0
    assert figures["tradectl_fills_total{}"] == kinds["OrderFilled"]
    assert figures["tradectl_orders_denied_total{}"] == kinds["OrderDenied"]
    check_counts(figures, records)
    check_histograms(scraper.text, figures)
    every = HELPS.keys() - OF_THE_SERVER - OF_CHANNELS_AND_EXCHANGES
    assert names_of(scraper.text) == every - {*MONEY}
    assert names_of(scraper.with_money) == every
    check_oldest_of_a_thousand_symbols(scraper.metrics)


def names_of(text: str) -> set[str]:
    found = {name.partition("{")[0].removeprefix("tradectl_") for name in figures_in(text)}
    return {SUFFIXES.sub("", name) for name in found}


def check_oldest_of_a_thousand_symbols(metrics: RunMetrics) -> None:
    metrics._figures.forget_gauges()
    metrics._of_the_data({f"S{number}": float(number) for number in range(1_000)})
    figures = figures_in(metrics._figures.prometheus())
    ages = [name for name in figures if name.startswith("tradectl_data_age_seconds")]
    assert len(ages) == MOST_SYMBOLS
    assert figures["tradectl_data_age_max_seconds{}"] == 999
    assert '{"symbol": "S999"}' in "".join(ages)


def check_histograms(text: str, figures: dict[str, float]) -> None:
    """Each has its edges in order, and what is told of it adds up."""
    edges: dict[str, list[tuple[float, float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples if family.type == "histogram" else ():
            labels = {**sample.labels}
            if (edge := labels.pop("le", None)) is not None:
                name = family.name + "_count" + json.dumps(labels, sort_keys=True)
                edges.setdefault(name, []).append((float(edge), sample.value))
    assert len(edges) > 10
    for name, found in edges.items():
        assert found == sorted(found), name
        assert found[-1] == (math.inf, figures[name])
        assert len(found) == len(DOUBLINGS) + 1


def check_counts(figures: dict[str, float], records: list[Record]) -> None:
    """Histograms that have as many observations as the journal has of what they measure."""
    events = [record.event for record in records]
    submitted = {e.order_id for e in events if isinstance(e, OrderSubmitted)}
    filled = {e.order_id for e in events if isinstance(e, OrderFilled)}
    accepted = [e for e in events if isinstance(e, OrderAccepted) and e.order_id in submitted]
    of_paper = '{"exchange": "paper"}'
    assert figures[f"tradectl_order_accept_seconds_count{of_paper}"] == len(accepted)
    assert figures[f"tradectl_order_fill_seconds_count{of_paper}"] == len(filled & submitted)
    inputs = sum(not record.cause for record in records)
    assert inputs / LONGEST_MARCH <= figures["tradectl_step_seconds_count{}"] <= inputs + 1
    waited = {
        json.loads(name.removeprefix("tradectl_bus_wait_seconds_count"))["class"]: count
        for name, count in figures.items()
        if name.startswith("tradectl_bus_wait_seconds_count")
    }
    assert {*waited} == {priority.name.lower() for priority in EventPriority}
    assert waited["market_data"]
    assert waited["execution"]
    assert figures['tradectl_bus_queue_depth{"class": "market_data"}'] >= 0


# --- over HTTP -----------------------------------------------------------------------------------------


class Told:
    """Figures that a test sets."""

    state = "RUNNING"

    def __init__(self) -> None:
        self.found: list[str] = []

    def troubles(self) -> list[str]:
        return self.found

    def text(self) -> str:
        return "# TYPE tradectl_fills_total counter\ntradectl_fills_total 7.0\n"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[MetricsServer]:
    journal = tmp_path / "j"
    journal.write_bytes(b"12345")
    server = MetricsServer(0, Told(), tmp_path, journal)
    await server.start()
    yield server
    await server.stop()


def asked(server: MetricsServer, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def test_metrics_health_and_ready_are_served(server: MetricsServer) -> None:
    figures = server._figures
    assert isinstance(figures, Told)
    status, text = await asyncio.to_thread(asked, server, "/metrics")
    found = figures_in(text)
    assert (status, found["tradectl_fills_total{}"], found["tradectl_journal_bytes{}"]) == (
        200,
        7,
        5,
    )
    assert found["tradectl_loop_answers{}"] == 1
    assert all(f"# HELP tradectl_{name} " in text for name in OWN_HELPS)
    for state, troubles, health, ready in (
        ("RUNNING", [], 200, 200),
        ("PAUSED", [], 200, 200),
        ("STARTING", [], 200, 503),
        ("HALTED", [], 200, 503),
        ("RUNNING", ["feed"], 503, 503),
    ):
        figures.state, figures.found = state, troubles
        for path, expected in (("/health", health), ("/ready", ready)):
            status, text = await asyncio.to_thread(asked, server, path)
            assert status == expected, (state, path)
            told = {"ok": expected == 200, "state": state, "troubles": troubles}
            assert json.loads(text) == told
    assert (await asyncio.to_thread(asked, server, "/"))[0] == 404


async def test_whoever_asks_by_another_name_is_refused(server: MetricsServer) -> None:
    for host in ("evil.example:9464", "127.0.0.1.evil.example", ""):
        status, text = await asyncio.to_thread(asked, server, "/metrics", Host=host)
        assert (status, "fills" in text) == (403, False), host
    assert (await asyncio.to_thread(asked, server, "/metrics", Host="localhost"))[0] == 200


async def test_it_answers_while_the_loop_stands_still(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(asked, server, "/metrics")
    monkeypatch.setattr("tradectl.monitoring.metrics_server.ANSWER_S", 0.05)
    answers: list[tuple[int, str]] = []

    def ask() -> None:
        answers.extend(asked(server, path) for path in ("/metrics", "/health"))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(30)  # this is what stops the loop
    (_, text), (health, verdict) = answers
    figures = figures_in(text)
    assert (figures["tradectl_loop_answers{}"], figures["tradectl_fills_total{}"]) == (0, 7)
    assert (health, json.loads(verdict)["troubles"]) == (503, ["loop"])


def said(connection: socket.socket) -> bytes:
    """All of it, until the other side closes."""
    with connection.makefile("rb") as answer, contextlib.suppress(ConnectionError):
        return answer.read()
    return b""


async def test_few_are_heard_at_once_each_for_a_while_in_all_by_one_thread(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds connections open takes nothing that trading needs."""
    monkeypatch.setattr("tradectl.monitoring.metrics_server.PATIENCE_S", 0.2)
    threads = threading.active_count()
    with contextlib.ExitStack() as open_ones:

        def connected() -> socket.socket:
            address = "127.0.0.1", server.port
            return open_ones.enter_context(socket.create_connection(address, LONGEST_S))

        def trickled(slow: list[socket.socket]) -> list[bytes]:
            """A byte now and then, for as long as the other side listens; what the last ones hear."""
            while server._at_once:
                for each in slow:
                    with contextlib.suppress(OSError):
                        each.sendall(b"G")
                threading.Event().wait(0.01)
            return [said(each) for each in slow]

        slow = [connected() for _ in range(MOST_AT_ONCE)]
        await until(lambda: server._at_once == MOST_AT_ONCE)
        assert await asyncio.to_thread(said, connected()) == b""
        assert threading.active_count() <= threads + 1  # that of the test
        assert await asyncio.to_thread(trickled, slow) == [b""] * MOST_AT_ONCE
    assert (await asyncio.to_thread(asked, server, "/health"))[0] == 200


async def test_what_is_no_question_is_answered_in_json_and_a_bug_ends_nothing(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def ask(sent: bytes) -> tuple[bytes, bytes]:
        with socket.create_connection(("127.0.0.1", server.port), LONGEST_S) as connection:
            connection.sendall(sent)
            head, _, body = said(connection).partition(b"\r\n\r\n")
        return head.partition(b"\r\n")[0], body

    for sent, status in (
        (b"POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", b"405 Method Not Allowed"),
        (b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", b"405 Method Not Allowed"),
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"G" * 100_000, b"400 Bad Request"),
    ):
        first, body = await asyncio.to_thread(ask, sent)
        if sent[:1] == b"G" and not first:
            continue  # it has closed before all of that was sent
        assert first == b"HTTP/1.1 " + status
        assert not body if sent.startswith(b"HEAD") else json.loads(body)["error"]

    def buggy() -> str:
        raise KeyError("no such figure")

    monkeypatch.setattr(server._figures, "text", buggy)
    code, text = await asyncio.to_thread(asked, server, "/metrics")
    assert (code, list(json.loads(text))) == (500, ["error"])
    assert (await asyncio.to_thread(asked, server, "/health"))[0] == 200
    assert capfd.readouterr() == ("", "")


async def test_a_port_that_is_taken_is_said(server: MetricsServer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--metrics-port.*cannot be used: Address already in use"):
        MetricsServer(server.port, Told(), tmp_path, tmp_path)


# --- what is made of them -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["grafana-dashboard.json", "prometheus-rules.yml"])
def test_what_is_drawn_and_ruled_has_the_names_of_figures(name: str) -> None:
    text = (CONFIGS / name).read_text()
    used = {SUFFIXES.sub("", word) for word in re.findall(r"tradectl_(\w+)", text)}
    assert used
    assert used <= HELPS.keys() | OF_THE_SERVER
    assert not used & {*MONEY}


def test_the_dashboard_draws_every_figure_that_is_no_money() -> None:
    text = (CONFIGS / "grafana-dashboard.json").read_text()
    dashboard = json.loads(text)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    left = {name for name in HELPS if f"tradectl_{name}" not in text}
    assert left == {*MONEY, "info", "journal_seq", "handler_handled", "handler_mean_seconds",
                    "bus_published"}  # fmt: skip
