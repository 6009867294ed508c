"""Every figure that tradectl promises, measured here and beside what it is to be compared with.

    python tests/benchmarks/run.py [NAME...] [--peer PYTHON]... [--backtesting PYTHON] [--rows N]
                                   [--source FILE] [--quick] [--json]

Without a name, all of them:

    bus      events through the bus, beside asyncio.PriorityQueue and NautilusTrader's
    file     from a file of recorded trades to the result, whole process, beside NautilusTrader
    backtest of 500,000 candles and of the trades, beside backtesting.py and NautilusTrader
    replay   replay of those runs' journals, every decision verified
    latency  tick to order and to fill, at 1,000 ticks a second on a live clock
    risk     what the check of an order takes, with every limit on
    start    from the start of `run` to its first event and its first fill
    cold     `--version`, `--help` and `status`, beside a bare Typer program
    cpu      share of a processor that a run takes at 100 events a second
    memory   all along a run over three million trades, and how far its database is behind
    recovery of an account after a kill, without a snapshot and with one
    component how long one that fails is away
    state    orders, reports and fills folded into the books
    alerts   from an alert to its handler
    channel  tick to order beside a channel that never answers
    growth   what an order and an event cost where there is much, beside where there is little

`--peer` names an interpreter that has NautilusTrader (2.0.0rc6 needs Python 3.12 or later, in an
environment of its own); it may be given more than once; without it ours runs alone. `--backtesting`
names one that has backtesting.py. Trades are made
out of the recording beside the checkout, or of the excerpt that comes with the tests.

What is compared takes turns in one run, and medians count: the machine may be busy, the ratios stand.
`--quick` is for looking whether it all works. Exit code 1: a floor was missed, or a figure not had.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradectl.operations.bench.bench import Bench
    from tradectl.operations.bench.table import Row

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]


def main() -> int:
    sys.path[0] = str(CHECKOUT)  # a plain `python tests/benchmarks/run.py` names its own folder
    from tests.benchmarks.make_trades import default_source, read_rows
    from tradectl.operations.bench.bench import Bench
    from tradectl.operations.bench.table import MISSED_FLOOR, as_text

    options = parse()
    source = options.source or default_source()
    load_before = load()
    known = benchmarks(options.peer, options.backtesting)
    rows: list[Row] = []
    all_taken = True
    with tempfile.TemporaryDirectory(prefix="tradectl-bench-") as folder:
        bench = Bench(Path(folder), read_rows(source), options.rows, quick=options.quick)
        for name in options.names:
            all_taken &= take(name, known[name](bench), rows)
    machine = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": f"{load_before} before, {load()} after",
        "trades": f"{options.rows:,} of {source.name}",
    }
    if options.json:
        print(json.dumps({"machine": machine, "rows": [row.document() for row in rows]}, indent=2))
    else:
        print(", ".join(f"{key} {value}" for key, value in machine.items()), end="\n\n")
        print(as_text(rows))
    return int(not all_taken or any(row.verdict == MISSED_FLOOR for row in rows))


def load() -> str:
    """The load average of the last minute."""
    return f"{os.getloadavg()[0]:.2f}"


def benchmarks(
    peers: list[str], backtesting: list[str]
) -> dict[str, Callable[[Bench], Iterable[Row]]]:
    from tests.benchmarks import backtests
    from tradectl.operations.bench import bus_speed, whole_process
    from tradectl.operations.bench.promises import ALONE

    return {
        "bus": lambda bench: bus_speed.measure(bench, beside(peers, "peer_bus.py")),
        "file": lambda bench: whole_process.measure(bench, beside(peers, "peer.py")),
        "backtest": lambda bench: backtests.measure(bench, peers, backtesting),
        **ALONE,
    }


def beside(peers: list[str], script: str) -> list[list[str]]:
    """What each of these interpreters is started with."""
    return [[peer, str(HERE / script)] for peer in peers]


def take(name: str, measured: Iterable[Row], rows: list[Row]) -> bool:
    """Collect the rows, telling on stderr how it goes; False if a figure could not be had, which
    costs none of the others."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    try:
        for row in measured:
            print("  " + "  ".join(filter(None, row.cells())), file=sys.stderr, flush=True)
            rows.append(row)
    except (OSError, RuntimeError) as error:
        print(f"{name} failed: {error}", file=sys.stderr, flush=True)
        return False
    return True


def parse() -> Any:
    known = list(benchmarks([], []))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--peer", action="append", default=[], metavar="PYTHON")
    parser.add_argument("--backtesting", action="append", default=[], metavar="PYTHON")
    parser.add_argument("--rows", type=int, help="trades a file (200000, --quick: 20000)")
    parser.add_argument("--source", type=Path, help="recorded trades to make the files out of")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller files")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]!r}: there are {', '.join(known)}")
    options.names = options.names or known
    options.rows = options.rows or (20_000 if options.quick else 200_000)
    return options


if __name__ == "__main__":
    sys.exit(main())
