"""Something unusual, with the figures that show it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    PRICE = "price"
    RANGE = "range"
    VOLUME = "volume"
    SPREAD = "spread"
    SILENCE = "silence"
    PATTERN = "pattern"
    """nothing by itself, but all together as never before"""
    REJECTS = "rejects"
    SLIPPAGE = "slippage"
    LATENCY = "latency"
    PROFIT = "profit"


class Finding(Struct, frozen=True, kw_only=True):
    """`subject` is a symbol, or `account`; `score` is in usual deviations, of a pattern from 0 to 1."""

    kind: Kind
    subject: str
    score: float
    text: str


__all__ = ["Finding", "Kind"]
