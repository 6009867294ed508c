"""The timers that several rooms know, by the names of their `TimerFired`."""

from __future__ import annotations

RISK_TIMER = "risk"
"""Equity is measured and compared with the limits; stops and closings are seen to."""
END_TIMER = "end"
"""A run ends that others may continue: equity is measured once more."""
END_OF_DATA_TIMER = "end of data"
"""Recorded data has ended, and every position is to be closed."""
