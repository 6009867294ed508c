"""The loopback exchange: Binance spot and USD-M futures, as far as ccxt speaks to them, on this machine.

It matches orders in real books, keeps the ground truth, and misbehaves when told to.
By hand: `python -m tests.loopback`.
"""

from tests.loopback.accounts import Fees
from tests.loopback.exchange import KEY, SECRET, LoopbackExchange
from tests.loopback.faults import FOREVER, Fault, Kind
from tests.loopback.pointing import point_at
from tests.loopback.threaded import loopback_thread

__all__ = [
    "FOREVER",
    "KEY",
    "SECRET",
    "Fault",
    "Fees",
    "Kind",
    "LoopbackExchange",
    "loopback_thread",
    "point_at",
]
