"""The loopback exchange: Binance spot and USD-M futures, as far as ccxt speaks to them, on this machine.

It matches orders in real books, keeps the ground truth, and misbehaves when told to.
By hand: `python -m tradectl.testkit`.
"""

from tradectl.testkit.accounts import Fees
from tradectl.testkit.exchange import KEY, SECRET, LoopbackExchange
from tradectl.testkit.faults import FOREVER, Fault, Kind
from tradectl.testkit.pointing import point_at
from tradectl.testkit.threaded import loopback_thread

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
