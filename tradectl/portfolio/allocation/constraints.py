"""What weights have to keep to, as rows of a linear program.

The variables are the weights of n symbols, and where somebody asks for sums of sizes, helpers beside
them:

    |w| <= a     with hedges, a weight's size counts toward the gross
    |w - h| <= t what is traded to get from the weights held now, h, to w
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from tradectl.portfolio.allocation.estimates import Array

ENOUGH = 1e-9


class Group(Struct, frozen=True):
    """The symbols, by their place, whose sizes together are at most `cap`."""

    members: list[int]
    cap: float


class Constraints(Struct, frozen=True):
    """Of the symbols in their order: the side of each (1 or -1), the share held now, how large one may
    be, what all are at most (`allotted`), and what the settings have beside that. A weight is above
    zero on the side of its symbol's target."""

    sides: Array
    held: Array
    cap: float
    allotted: float
    long_only: bool = True
    gross: float | None = None
    net: float | None = None
    turnover: float | None = None
    groups: list[Group] = []

    @property
    def size(self) -> int:
        return len(self.sides)

    def kept_by(self, weights: Array) -> bool:
        """It is within all of them, and the sum is what is allotted."""
        bound, most, _ = self.rows()
        helpers = [] if self.long_only else [np.abs(weights)]
        helpers += [] if self.turnover is None else [np.abs(weights - self.held)]
        return bool((bound @ np.concatenate([weights, *helpers]) <= most + ENOUGH).all())

    def rows(self) -> tuple[Array, Array, Array]:
        """A, b and s: what A x <= b of the variables x, and s @ x is the sum of the weights."""
        rows = _Rows(self.size, 1 + (not self.long_only) + (self.turnover is not None))
        sizes = 0  # the block of variables that says how large a weight is
        if self.long_only:
            rows.each(0, -1.0, 0.0)
        else:
            sizes = 1
            rows.magnitude(sizes, np.zeros(self.size))
        rows.each(sizes, 1.0, self.cap)
        everybody = np.ones(self.size)
        for group in self.groups:
            rows.sum(sizes, np.isin(np.arange(self.size), group.members), group.cap)
        rows.sum(sizes, everybody, self.allotted if self.gross is None else self.gross)
        rows.sum(0, everybody, self.allotted)
        if self.net is not None:
            rows.sum(0, self.sides, self.net)
            rows.sum(0, -self.sides, self.net)
        if self.turnover is not None:
            rows.magnitude(rows.blocks - 1, self.held)
            rows.sum(rows.blocks - 1, everybody, self.turnover)
        total = np.zeros(rows.blocks * self.size)
        total[: self.size] = 1.0
        return np.vstack(rows.bound), np.concatenate(rows.most), total


class _Rows:
    """Rows of A x <= b, of `blocks` of `size` variables; the first block is the weights."""

    def __init__(self, size: int, blocks: int) -> None:
        self.size, self.blocks = size, blocks
        self.bound: list[Array] = []
        self.most: list[Array] = []

    def _add(self, *parts: tuple[int, Array], limit: Array) -> None:
        rows = np.zeros((len(limit), self.blocks * self.size))
        for block, values in parts:
            rows[:, block * self.size : (block + 1) * self.size] = values
        self.bound.append(rows)
        self.most.append(limit)

    def each(self, block: int, sign: float, limit: float) -> None:
        self._add((block, sign * np.eye(self.size)), limit=np.full(self.size, limit))

    def sum(self, block: int, values: Array, limit: float) -> None:
        self._add((block, values), limit=np.array([limit]))

    def magnitude(self, block: int, start: Array) -> None:
        """How far the weights are from `start` is at most the helpers of the block."""
        one = np.eye(self.size)
        self._add((0, one), (block, -one), limit=start)
        self._add((0, -one), (block, -one), limit=-start)


__all__ = ["Constraints", "Group"]
