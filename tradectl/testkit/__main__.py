"""The loopback exchange by hand.

    python -m tradectl.testkit [--port 8377] [--seed N] [--ticks-per-second 20] [--wire FILE]

It prints its address, a key, and the lines that point tradectl at it. The market walks by itself, or
plays a recorded wire file. Faults, quotes and changes from outside are asked for under /loopback/:

    curl localhost:8377/loopback/truth
    curl localhost:8377/loopback/fault -d '{"kind": "no-reply", "method": "POST", "path": "order"}'
    curl localhost:8377/loopback/outside -d '{"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1"}'

`tradectl/testkit/admin.py` lists them all, `tradectl/testkit/faults.py` the kinds of faults.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path

from tradectl.testkit.exchange import LoopbackExchange

BANNER = """\
Loopback exchange at {url}   (Ctrl-C ends it)

  export TRADECTL_BINANCE_API_KEY={key}
  export TRADECTL_BINANCE_API_SECRET={secret}

  # tradectl.toml
  [[exchanges]]
  id = "binance"
  url = "{url}"

Spot {spot}; perpetuals {futures}. By hand: curl {url}/loopback/truth
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tradectl.testkit", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, default=8377)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ticks-per-second", type=float, default=20.0, help="0: a still market")
    parser.add_argument("--usdt", default="100000", help="of each account at the start")
    parser.add_argument("--wire", type=Path, help="a recorded spot file to play")
    parser.add_argument("--speed", type=float, default=1.0, help="of --wire; 0: as fast as it goes")
    return parser.parse_args()


async def run(asked: argparse.Namespace) -> None:
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with LoopbackExchange(asked.seed, port=asked.port, usdt=asked.usdt) as exchange:
        names = {m: ", ".join(engine.rules) for m, engine in exchange.engines.items()}
        print(BANNER.format(url=exchange.url, key=exchange.key, secret=exchange.secret, **names))
        if asked.ticks_per_second > 0:
            exchange.start_walking(asked.ticks_per_second)
        playing = None
        if asked.wire is not None:
            playing = asyncio.create_task(exchange.play_wire(asked.wire, asked.speed or None))
        await over.wait()
        if playing is not None:
            playing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await playing


if __name__ == "__main__":
    asyncio.run(run(arguments()))
