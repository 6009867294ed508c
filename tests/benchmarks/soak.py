"""Months of a paper account in an hour: does anything of it grow with what it has seen?

    python tests/benchmarks/soak.py [--events N] [--ticks N] [--folder DIR] [--json]

A real `tradectl run` on the simulated market at a hundred times its usual pace, with several strategies,
until the journals have so many events. On its way, at parts of it that stand in PLAN:

    kill     kill -9, at once and once more while it recovers, and start again
    stop     a graceful stop, and start again
    outage   the process is stopped for longer than market data may be old, and goes on
    reload   a strategy's parameters are changed in the file and applied; a pause of a second
    vacuum   all of it is two days old: parts are compressed, journals of ended runs removed

The second half is one process. Figures are taken all along, and told by tenth: what the process itself
says (`--metrics-port`), and what lies on the disk. At the end its journal is replayed, in all its parts,
and every decision compared. Exit code 1 where a verdict is not good.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "tradectl")
MB = 1 << 20
LOOK_EVERY_S = 1.0
PATIENCE_S = 120.0
STALE_S = 2.0
DAY_S = 86_400.0
TENTHS = 10
MOST_RISE, MOST_RSS_RISE = 1.05, 1.10
"""So many times what it was in the middle a figure of the last tenth may be."""
MB_OF_AN_ORDER = 0.002
"""In the database, which keeps the newest 100,000: with its fills, its stop, its alerts."""
TRIES = 5
ASKED_NOW = 2
"""What answering somebody may take for a moment."""

CONFIG = """
symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
feed.ticks_per_second = {ticks}
feed.stale_after_seconds = {stale}
journal = {{ part_mb = 32, pack_after_days = 1, keep_days = 1 }}
monitoring.metrics_port = {port}
risk.max_orders_per_second = 1000
risk.daily_loss_halt_pct = "none"
risk.daily_loss_pause_pct = "none"
risk.drawdown_halt_pct = "none"
risk.drawdown_pause_pct = "none"
portfolio.stop_loss_pct = 2
[[alert_channels]]
name = "file"
kind = "log"
[[strategies]]
name = "fast"
strategy = "ema-cross"
parameters = {{ fast = {fast}, slow = 150, band_bps = 0.5 }}
[[strategies]]
name = "slow"
strategy = "ema-cross"
parameters = {{ fast = 500, slow = 2000, band_bps = 1.0 }}
[[strategies]]
name = "turns"
strategy = "rsi-reversion"
"""

PLAN: dict[float, str] = {
    0.06: "reload",
    0.12: "kill",
    0.20: "vacuum",
    0.26: "outage",
    0.33: "kill",
    0.40: "stop",
    0.45: "vacuum",
    0.48: "kill",
    **{0.50 + n / 50: "reload" for n in range(1, 25, 2)},
    **{0.50 + n / 50: "vacuum" for n in range(2, 25, 4)},
    **{0.50 + n / 50: "outage" for n in range(4, 25, 8)},
}


class Figures(msgspec.Struct, frozen=True):
    """At one look. `seq` is the process's newest record; sizes in MB."""

    events: int
    seq: int
    rss: float
    files: int
    threads: int
    tasks: int
    database: float
    journals: float
    others: float
    orders: int


class Soak:
    """`folder` has all of it: configuration, state, what the run says."""

    def __init__(self, folder: Path, events: int, ticks: int) -> None:
        self._folder, self._events, self._ticks = folder, events, ticks
        self.state = folder / "state"
        self._config = folder / "soak.toml"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._before = self._seq = 0
        self._fast = 30
        self.done: list[str] = []
        self.figures: list[Figures] = []

    def run(self) -> None:
        self._configure()
        self._start()
        left = sorted(PLAN)
        while (share := (self._before + self._seq) / self._events) < 1:
            if left and share >= left[0]:
                what = PLAN[left.pop(0)]
                acts: dict[str, Callable[[], None]] = {
                    "kill": self._kill,
                    "stop": self._stop,
                    "outage": self._outage,
                    "reload": self._reload,
                    "vacuum": self._vacuum,
                }
                acts[what]()
                self.done.append(f"{what} at {share:.2f}")
                print(f"{time.strftime('%H:%M:%S')} {self.done[-1]}", file=sys.stderr)
            self._look()
            time.sleep(LOOK_EVERY_S)
        self._ask("stop")
        self._ended()

    # --- the process ---------------------------------------------------------------------------------

    def _configure(self) -> None:
        text = CONFIG.format(ticks=self._ticks, stale=STALE_S, port=self._port, fast=self._fast)
        self._config.write_text(text)
        self._config.chmod(0o600)

    def _start(self) -> None:
        """Until it trades."""
        words = ("run", "--headless", "-c", str(self._config), "--state-dir", str(self.state))
        with (self._folder / "run.log").open("ab") as log:
            self._process = subprocess.Popen([*COMMAND, *words], stdout=log, stderr=log)
        since = time.monotonic()
        while not self._metrics():
            if self._process.poll() is not None or time.monotonic() - since > PATIENCE_S:
                raise SystemExit(f"the run did not start: see {self._folder / 'run.log'}")
            time.sleep(0.2)

    def _ended(self) -> None:
        assert self._process is not None
        self._process.wait(PATIENCE_S)
        self._before += self._seq
        self._seq = 0

    def _kill(self) -> None:
        """Once more in the middle of recovering."""
        assert self._process is not None
        self._process.kill()
        self._ended()
        words = ("run", "--headless", "-c", str(self._config), "--state-dir", str(self.state))
        again = subprocess.Popen(
            [*COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(0.5)
        again.kill()
        again.wait()
        self._start()

    def _stop(self) -> None:
        self._ask("stop")
        self._ended()
        self._start()

    def _outage(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(2 * STALE_S)
        self._process.send_signal(signal.SIGCONT)

    def _reload(self) -> None:
        """Other parameters of a strategy, and a pause of a second."""
        self._fast = 30 + (self._fast - 20) % 60
        self._configure()
        self._ask("config", "apply", "-c", str(self._config), "--confirm")
        self._ask("pause")
        time.sleep(1)
        self._ask("resume")

    def _vacuum(self) -> None:
        """As if all that is finished had been written two days ago."""
        then = time.time() - 2 * DAY_S
        newest: dict[str, Path] = {}
        for path in sorted(
            (self.state / "journals").iterdir(), key=lambda each: each.stat().st_mtime
        ):
            newest[path.name.partition(".")[0]] = path
        last = max(newest)
        for path in (self.state / "journals").iterdir():
            if path != newest[last]:
                os.utime(path, (then, then))
        self._ask("vacuum")

    def _ask(self, *words: str) -> None:
        """Once more where a busy machine had it answer too late."""
        for _ in range(TRIES):
            asked = subprocess.run(
                [*COMMAND, *words, "--state-dir", str(self.state)],
                capture_output=True,
                text=True,
                check=False,
            )
            if not asked.returncode:
                return
            self.done.append(f"{' '.join(words)}: {asked.stderr.strip()}")
            print(self.done[-1], file=sys.stderr)
            time.sleep(LOOK_EVERY_S)
        raise SystemExit(f"in vain: {' '.join(words)}")

    # --- figures -------------------------------------------------------------------------------------

    def _metrics(self) -> dict[str, float]:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}/metrics", timeout=5
            ) as told:
                text = told.read().decode()
        except (urllib.error.URLError, OSError):
            return {}
        found = re.findall(r"^tradectl_(\w+) (\S+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}

    def _look(self) -> None:
        told = self._metrics()
        if not told or "journal_seq" not in told:
            return
        self._seq = int(told["journal_seq"])
        names = [path for path in self.state.rglob("*") if path.is_file()]
        sizes = {path: size_of(path) / MB for path in names}
        journals = sum(size for path, size in sizes.items() if path.parent.name == "journals")
        database = sum(size for path, size in sizes.items() if path.name.startswith("state.db"))
        self._keep(
            Figures(
                events=self._before + self._seq,
                seq=self._seq,
                rss=told.get("process_rss_bytes", 0) / MB,
                files=int(told.get("process_open_files", 0)),
                threads=int(told.get("process_threads", 0)),
                tasks=int(told.get("loop_tasks", 0)),
                database=database,
                journals=journals,
                others=sum(sizes.values()) - journals - database,
                orders=int(told.get("orders_total", told.get("orders", 0))),
            )
        )

    def _keep(self, found: Figures) -> None:
        """Also in a file, whatever comes."""
        self.figures.append(found)
        with (self._folder / "figures.jsonl").open("ab") as file:
            file.write(msgspec.json.encode(found) + b"\n")

    def replayed(self) -> dict[str, Any]:
        """The journal of the last run, by all its parts."""
        names = sorted((self.state / "journals").glob("*.jsonl*"))
        first = max(
            (path for path in names if path.name.count(".") == 1), key=lambda path: path.name
        )
        words = [*COMMAND, "replay", str(first), "--json"]
        told = subprocess.run(words, capture_output=True, text=True, check=False)
        found: dict[str, Any] = json.loads(told.stdout)
        return found


# --- what came of it ---------------------------------------------------------------------------------


def by_tenth(figures: list[Figures], events: int) -> list[Figures]:
    """The largest of each figure in each tenth."""
    tenths: list[list[Figures]] = [[] for _ in range(TENTHS)]
    for each in figures:
        tenths[min(TENTHS - 1, each.events * TENTHS // events)].append(each)
    return [
        Figures(*(max(getattr(each, name) for each in some) for name in Figures.__struct_fields__))
        for some in tenths
        if some
    ]


def verdicts(tenths: list[Figures], replay: dict[str, Any]) -> dict[str, bool]:
    """Of the process of the second half, once it is warm; of the disk, all along."""
    middle, last = tenths[len(tenths) * 6 // TENTHS], tenths[-1]
    disk = [(each.journals, each.others) for each in tenths]
    return {
        "memory rises by a tenth at most": last.rss <= middle.rss * MOST_RSS_RISE,
        "descriptors are no more": last.files <= middle.files + ASKED_NOW,
        "threads are no more": last.threads <= middle.threads + ASKED_NOW,
        "tasks are no more": last.tasks <= middle.tasks + ASKED_NOW,
        "the database grows with orders alone": last.database
        <= middle.database + (last.orders - middle.orders) * MB_OF_AN_ORDER + 0.5,
        "journals are bounded": disk[-1][0] <= max(size for size, _ in disk[2:-2]) * MOST_RISE + 1,
        "all else is bounded": disk[-1][1] <= disk[len(disk) // 2][1] * MOST_RISE + 1,
        "its journal is replayed and verified": bool(replay.get("verified")),
    }


def as_text(tenths: list[Figures]) -> str:
    names = Figures.__struct_fields__
    lines = ["  ".join(f"{name:>10}" for name in names)]
    for each in tenths:
        values = (getattr(each, name) for name in names)
        lines.append(
            "  ".join(f"{v:10.1f}" if isinstance(v, float) else f"{v:10,}" for v in values)
        )
    return "\n".join(lines)


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # it is gone by now


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def main() -> int:
    parser = argparse.ArgumentParser(description="Months of a paper account in an hour.")
    parser.add_argument("--events", type=int, default=10_000_000, help="in all (%(default)s)")
    parser.add_argument(
        "--ticks", type=int, default=2_000, help="per symbol and second (%(default)s)"
    )
    parser.add_argument("--folder", type=Path, help="is left there; else a temporary one")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="tradectl-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(CHECKOUT)
    began = time.monotonic()
    soak = Soak(folder, options.events, options.ticks)
    soak.run()
    took = time.monotonic() - began
    replay = soak.replayed()
    tenths = by_tenth(soak.figures, options.events)
    found = verdicts(tenths, replay)
    if options.json:
        document = {
            "seconds": took,
            "acts": soak.done,
            "tenths": msgspec.to_builtins(tenths),
            "replay": replay,
            "verdicts": found,
        }
        print(json.dumps(document, indent=2))
    else:
        print(f"{took:,.0f} s, sizes in MB, the largest of each tenth; {len(soak.done)} acts")
        print(as_text(tenths))
        print(f"replay: {replay.get('events', 0):,} events, verified {replay.get('verified')}")
        for what, holds in found.items():
            print(f"{'good' if holds else 'NOT GOOD':9} {what}")
    if not options.folder:
        shutil.rmtree(folder)
    return int(not all(found.values()))


if __name__ == "__main__":
    sys.exit(main())
