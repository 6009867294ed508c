"""Replay of what was just recorded, every decision made again and compared.

Two rates: by the time that the replay itself took, and by that of the whole process, start-up included.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from statistics import median

from tradectl.operations.bench.bench import Bench, in_turns
from tradectl.operations.bench.table import Row, at_least

TITLES = {"quiet": "replay, no orders", "flip": "replay, an order every 22 trades"}
GOAL = at_least(200_000)


def measure(bench: Bench) -> Iterator[Row]:
    commands = [
        bench.tradectl("replay", bench.journal(config).journal, "--json") for config in TITLES
    ]
    bench.spawn(commands[0])
    taken = in_turns(bench.rounds(5), *(partial(bench.spawn, command) for command in commands))
    for title, runs in zip(TITLES.values(), taken, strict=True):
        document = runs[0].document
        events, compared = document["events"], document["compared"]
        verified = "verified" if document["verified"] else "NOT VERIFIED"
        yield Row(
            what=title,
            value=median(run.document["events_per_s"] for run in runs),
            unit="events/s",
            goals=(GOAL,),
            note=f"{events} events, {compared} of them decisions made again: {verified}",
        )
        yield Row(
            what=f"{title}, whole process",
            value=median(events / run.wall_s for run in runs),
            unit="events/s",
        )
