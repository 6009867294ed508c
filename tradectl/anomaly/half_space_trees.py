"""How unlike all before a point is: half-space trees, a model that learns as it goes.

Tan, Ting and Liu (2011), "Fast anomaly detection for streaming data". Each tree halves the space at
random again and again; where few points of the last window fell, a point is unlike them. A window is
counted while the one before it judges.
"""

from __future__ import annotations

from random import Random

TREES, DEPTH, WINDOW = 25, 8, 250
ENOUGH = 0.1
"""Of a window: a node with less is not looked into."""


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
        return max(0.0, 1 - self._mass(point) / self._usual) if self._usual else 0.0

    def _mass(self, point: list[float]) -> float:
        return sum(tree.mass(point) for tree in self._trees)

    def add(self, point: list[float]) -> None:
        self._masses += self._mass(point)
        for tree in self._trees:
            tree.count(point)
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

    def _child(self, node: int, point: list[float]) -> int:
        return 2 * node + 1 + (point[self._axes[node]] >= self._halves[node])

    def mass(self, point: list[float]) -> float:
        """How many of the last window fell near it, each as much more as its node is smaller."""
        node = 0
        for depth in range(DEPTH + 1):
            counted = self._known[node]
            if depth == DEPTH or counted <= ENOUGH * WINDOW:
                return counted * 2.0**depth
            node = self._child(node, point)
        raise AssertionError

    def count(self, point: list[float]) -> None:
        node = 0
        self._new[0] += 1
        for _ in range(DEPTH):
            node = self._child(node, point)
            self._new[node] += 1

    def turn(self) -> None:
        self._known, self._new = self._new, [0] * len(self._new)


__all__ = ["HalfSpaceTrees"]
