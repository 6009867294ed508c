"""Weights are worked out outside of the core: in a thread where it is live, and always answered."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal

from tests.fixtures.rows import each_row
from tradectl.adapters.weights_worker import WeightsWorker, answer_to
from tradectl.bus.core import Core, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.allocation import AllocationTarget, ComputeWeights, Targets, Weights
from tradectl.domain.errors import AllocationFailed
from tradectl.domain.events import EventType, Record, TimerFired, WeightsComputed
from tradectl.domain.market_history import MarketHistory

ASKED = ComputeWeights(7, {"A": AllocationTarget(1)}, MarketHistory())


class Half:
    """Everything gets a half; it notes in which thread that was worked out."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def __call__(self, targets: Targets, history: MarketHistory) -> Weights:
        self.threads.append(threading.get_ident())
        return {symbol: Decimal("0.5") for symbol in targets}


async def test_live_the_loop_goes_on_while_a_thread_computes() -> None:
    bus, half, came = EventBus(core=Core("run")), Half(), asyncio.Event()
    answers: list[WeightsComputed] = []

    def asks(_event: TimerFired, _record: Record) -> None:
        bus.send(ASKED)

    def hears(event: WeightsComputed) -> None:
        answers.append(event)
        came.set()

    WeightsWorker(bus, half).bind()
    bus.attach(TimerFired, asks, Stage.PORTFOLIO)
    bus.subscribe(EventType.PORTFOLIO, hears)
    await bus.start()
    bus.post(TimerFired(name="now"))
    await came.wait()
    await bus.stop()
    assert [(each.request, each.weights) for each in answers] == [(7, {"A": Decimal("0.5")})]
    assert half.threads != [threading.get_ident()]
    for thread in threading.enumerate():  # nothing of it is left behind, for the end to wait for
        if thread.ident in half.threads:
            thread.join(60)
            assert not thread.is_alive()


@each_row(
    ("error", "said"),
    [
        (AllocationFailed("too little history"), "too little history"),
        (ValueError("not finite\n"), "ValueError: not finite"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_what_fails_is_an_answer_too(error: BaseException, said: str) -> None:
    def fails(targets: Targets, history: MarketHistory) -> Weights:
        raise error

    answer = answer_to(ASKED, fails)
    assert not answer.weights
    assert answer.failure.strip() == said
