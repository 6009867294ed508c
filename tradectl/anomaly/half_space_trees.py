"""How unlike all before a point is: half-space trees, a model that learns as it goes.

Tan, Ting and Liu (2011), "Fast anomaly detection for streaming data". Each tree halves the space at
random again and again; where few points of the last window fell, a point is unlike them. A window is
counted while the one before it judges.
"""

from __future__ import annotations

from random import Random

TREES, DEPTH, WINDOW = 25, 8, 250
FEW = 0.1 * WINDOW
"""A node with no more of a window is not looked into."""


class HalfSpaceTrees:
    """Of points of `dimensions` figures in 0 to 1. The same `seed` and points give the same scores."""

    def __init__(self, dimensions: int, seed: int = 0) -> None:
        draws = Random(seed)
        self._trees = [_Tree(dimensions, draws) for _ in range(TREES)]
        self._seen = 0
        self._masses = 0.0
        self._usual = 0.0

    def score(self, point: list[float]) -> float:
        """From 0, where as many points were as around most, to 1, where none was; 0 before two windows
        are full: one that is counted, and one that says what is usual by it."""
        if not self._usual:
            return 0.0
        return max(0.0, 1 - sum(tree.mass(point) for tree in self._trees) / self._usual)

    def add(self, point: list[float]) -> None:
        self._masses += sum(tree.add(point) for tree in self._trees)
        self._seen += 1
        if self._seen % WINDOW == 0:
            self._usual, self._masses = self._masses / WINDOW, 0.0
            for tree in self._trees:
                tree.turn()


class _Tree:
    """Complete, in an array: node n has the children 2n + 1 and 2n + 2."""

    def __init__(self, dimensions: int, draws: Random) -> None:
        inner, nodes = 2**DEPTH - 1, 2 ** (DEPTH + 1) - 1
        self._axes = [draws.randrange(dimensions) for _ in range(inner)]
        self._halves = [0.0] * inner
        self._known, self._new = [0] * nodes, [0] * nodes
        lows, highs = [], []
        for _ in range(dimensions):  # a work range around the data, as in the paper
            centre = draws.random()
            reach = 2 * max(centre, 1 - centre)
            lows.append(centre - reach)
            highs.append(centre + reach)
        self._halve(0, lows, highs)

    def _halve(self, node: int, lows: list[float], highs: list[float]) -> None:
        if node >= len(self._axes):
            return
        axis = self._axes[node]
        low, high = lows[axis], highs[axis]
        half = self._halves[node] = (low + high) / 2
        highs[axis] = half
        self._halve(2 * node + 1, lows, highs)
        highs[axis], lows[axis] = high, half
        self._halve(2 * node + 2, lows, highs)
        lows[axis] = low

    def mass(self, point: list[float]) -> float:
        """How many of the last window fell near it, each as much more as its node is smaller."""
        node = depth = 0
        while depth < DEPTH and self._known[node] > FEW:
            node = 2 * node + 1 + (point[self._axes[node]] >= self._halves[node])
            depth += 1
        return self._known[node] * 2.0**depth

    def add(self, point: list[float]) -> float:
        """Counts it, and on the same way down finds its mass in the last window."""
        axes, halves, known, new = self._axes, self._halves, self._known, self._new
        node, mass = 0, None
        for depth in range(DEPTH):
            new[node] += 1
            if mass is None and known[node] <= FEW:
                mass = known[node] * 2.0**depth
            node = 2 * node + 1 + (point[axes[node]] >= halves[node])
        new[node] += 1
        return known[node] * 2.0**DEPTH if mass is None else mass

    def turn(self) -> None:
        self._known, self._new = self._new, [0] * len(self._new)


__all__ = ["HalfSpaceTrees"]
