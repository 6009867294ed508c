"""How long a component is away that failed: from its error to its first step after it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from tradectl.bus.clock import ComputerClock
from tradectl.domain.time import SECOND
from tradectl.operations.bench.bench import Bench
from tradectl.operations.bench.table import Row, at_most
from tradectl.runtime.orchestrator import TradingOrchestrator

GIVE_UP_S = 60.0


def measure(bench: Bench) -> Iterator[Row]:
    yield Row(
        what="a component that fails is at work again",
        value=asyncio.run(away()),
        unit="s",
        floor=at_most(30),
        goals=(at_most(2),),
    )


async def away() -> float:
    """Seconds, of a loop that raises once, in an orchestrator as a run has it."""
    began: list[int] = []
    again = asyncio.Event()

    async def loop() -> None:
        began.append(ComputerClock.ticks())
        if len(began) == 1:
            raise RuntimeError("a measurement")
        again.set()
        await asyncio.sleep(GIVE_UP_S)

    orchestrator = TradingOrchestrator()
    orchestrator.add_loop("measured", loop)
    await orchestrator.start()
    try:
        await asyncio.wait_for(again.wait(), GIVE_UP_S)
    finally:
        await orchestrator.stop()
    return (began[1] - began[0]) / SECOND
