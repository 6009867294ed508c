"""NautilusTrader's message bus, to compare with ours: messages a second to one subscribed handler.

Run by an interpreter that has the library, 2.0.0rc6 or 1.231, as peer.py is:

    PYTHON tests/benchmarks/peer_bus.py 200000

Its bus calls the handler right away: no queue, no bound, no order of priority, nothing that could be
written down in between. A publish is a function call by topic, and that is its measure.
"""

# Not among the development dependencies: to the type checker everything of the library is Any.
# mypy: disable-error-code="import-not-found, no-redef"
from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

VERSION = version("nautilus_trader")
TOPIC = "data.trades.SIM.BTCUSDT"

if VERSION.startswith("1."):
    from nautilus_trader.common.component import MessageBus, TestClock
    from nautilus_trader.model.identifiers import TraderId
else:
    from nautilus_trader.common import MessageBus
    from nautilus_trader.model import TraderId


def new_bus() -> Any:
    trader = TraderId("TRADER-001")
    return MessageBus(trader, TestClock()) if VERSION.startswith("1.") else MessageBus(trader)


def main() -> None:
    count, seen = int(sys.argv[1]), 0

    def handler(_: object) -> None:
        nonlocal seen
        seen += 1

    bus, message = new_bus(), object()
    bus.subscribe(TOPIC, handler)
    publish = bus.publish
    started = time.perf_counter()
    for _ in range(count):
        publish(TOPIC, message)
    elapsed = time.perf_counter() - started
    print(json.dumps({"version": VERSION, "seen": seen, "events_per_s": count / elapsed}))


if __name__ == "__main__":
    main()
