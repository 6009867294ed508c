"""The event bus: what comes in waits by priority, is decided once, written down, then shown.

Edges post inputs. Each turn takes the waiting ones, highest class first, through the core's step; the
journal gets a turn's records in one write; only then do observers hear of them, and only once a step is
durable do its commands leave for an exchange. So nothing is ever seen, or sent, that a crash could undo.

Time moves with the inputs. Scheduled inputs (timers, an exchange's delayed answer) come when a live
clock reaches them, or, on recorded data, just before the first event that lies after them.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from tradectl.bus.clock import Clock, WallClock
from tradectl.bus.command_release import CommandRelease, Journal, broken
from tradectl.bus.components import ComponentRegistry, Terms
from tradectl.bus.core import Core, Handler, Stage, checked
