"""From a file of recorded trades to the result, whole process, beside NautilusTrader doing the same.

Ours is the command that a user types: it reads the file, keeps the averages, sizes, checks, matches and
books every order, and leaves a journal that can be replayed and a database. `peer.py` does what it can
of that with its own library, in an interpreter that has it. The time is from the start of the process
to its end, imports and all. That both did the same is shown by a hash over all of their fills. It holds
for the recording beside the checkout: in the excerpt that comes with the tests some trades are smaller
than the orders, which the peer then fills in parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from msgspec.structs import replace

from tradectl.domain.events import OrderFilled
from tradectl.domain.money import plain
from tradectl.journal.reader import JournalReader
from tradectl.operations.bench.bench import Bench, Finished, in_turns
from tradectl.operations.bench.table import Bound, Row, at_least, times

OURS_TO_THEIRS = {"quiet": "ema", "flip": "flip"}
TITLES = {"quiet": "file to result, no orders", "flip": "file to result, an order every 22 trades"}


class Contest(NamedTuple):
    """The finished runs of one half: ours, and by interpreter those of the peers."""

    ours: list[Finished]
    peers: dict[str, list[Finished]]


def measure(bench: Bench, peers: list[list[str]]) -> Iterator[Row]:
    contests = contest(bench, peers)
    for config, held in contests.items():
        yield from compared(bench, config, held)
    yield from cost_of_orders(contests["quiet"], contests["flip"])


def contest(bench: Bench, peers: list[list[str]]) -> dict[str, Contest]:
    """Both halves, in the same rounds: one is going to be taken from the other."""
    contenders: list[Callable[[], Finished]] = []
    for config, mode in OURS_TO_THEIRS.items():
        contenders.append(partial(bench.run, config))
        for peer in peers:
            theirs = (str(bench.trades()), "--mode", mode, "--json")
            contenders.append(partial(bench.spawn, [*peer, *theirs]))
    in_turns(1, *contenders)
    runs = iter(in_turns(bench.rounds(5), *contenders))
    return {
        config: Contest(next(runs), {peer[0]: next(runs) for peer in peers})
        for config in OURS_TO_THEIRS
    }


def compared(bench: Bench, config: str, held: Contest) -> Iterator[Row]:
    """One row for each peer, or one without a comparison when there is none."""
    mine = bench.journal(config)
    summary = mine.run.document
    said = f"{summary['orders']} orders, {summary['fills']} fills; ours {spent(held.ours)}"
    row = Row(
        what=TITLES[config],
        value=bench.rows / median_wall(held.ours),
        unit="trades/s",
        note=f"{said}; no peer to compare with: name one with --peer",
    )
    if not held.peers:
        yield row
    for theirs in held.peers.values():
        document = theirs[0].document
        same = document["fills_sha256"] == fills_sha256(mine.journal)
        fills = f"; same fills: {'yes' if same else 'NO'}, theirs {document['fills']}"
        by_cpu = median_cpu(theirs) / median_cpu(held.ours)
        yield replace(
            row,
            against=called(theirs),
            other=bench.rows / median_wall(theirs),
            goals=(aim(document["version"], config),),
            note=f"{said}; theirs {spent(theirs)} ({by_cpu:.2f}x by CPU)"
            + (fills if config == "flip" else ""),
        )


def aim(version: str, config: str) -> Bound:
    """Twice 2.0.0rc6; ten times 1.x where there are orders, and ahead of it where there are none."""
    if version.startswith("1."):
        return times(10 if config == "flip" else 1)
    return times(2)


def cost_of_orders(quiet: Contest, flip: Contest) -> Iterator[Row]:
    """Orders a second: how many there were, by the time that they added to the run without them."""
    value = orders_a_second(quiet.ours, flip.ours)
    if value is None:
        return
    row = Row(
        what="orders on paper",
        value=value,
        unit="orders/s",
        floor=at_least(100),
        goals=(at_least(10_000),),
        note=f"from the signal to the fill in books and journal {1e6 / value:.0f} us an order",
    )
    if not flip.peers:
        yield row
    for peer, theirs in flip.peers.items():
        yield replace(row, against=called(theirs), other=orders_a_second(quiet.peers[peer], theirs))


def orders_a_second(quiet: list[Finished], flip: list[Finished]) -> float | None:
    """None when orders seem to take no time at all: too few of them, or too busy a machine."""
    more = flip[0].document["orders"] - quiet[0].document["orders"]
    added = median_wall(flip) - median_wall(quiet)
    return more / added if added > 0 else None


def called(theirs: list[Finished]) -> str:
    return f"NautilusTrader {theirs[0].document['version']}"


def spent(runs: list[Finished]) -> str:
    return f"{median_wall(runs):.2f} s, {median_cpu(runs):.2f} s of CPU"


def fills_sha256(journal: Path) -> str:
    """Over a line `ts_ns,signed quantity,price` for each fill: what peer.py says of its own."""
    sha256 = hashlib.sha256()
    with JournalReader(journal) as reader:
        for record in reader.records():
            fill = record.event
            if isinstance(fill, OrderFilled):
                change = plain(fill.side.signed(fill.quantity))
                sha256.update(f"{fill.ts},{change},{plain(fill.price)}\n".encode())
    return sha256.hexdigest()


def median_wall(runs: list[Finished]) -> float:
    return median(run.wall_s for run in runs)


def median_cpu(runs: list[Finished]) -> float:
    return median(run.cpu_s for run in runs)
