"""What can be asked of `profit`: quick to import, for a command line that only offers the words."""

from __future__ import annotations

from enum import StrEnum


class By(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Lots(StrEnum):
    """What a sale sells: a part of all that is held at its average cost, or the oldest."""

    AVERAGE = "average"
    FIFO = "fifo"


class Per(StrEnum):
    SYMBOL = "symbol"
    STRATEGY = "strategy"


__all__ = ["By", "Lots", "Per"]
