"""Which symbols move together: a tree of them, joined by how far apart they are, the nearest first."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from tradectl.portfolio.allocation.estimates import Array, correlation


def distances(covariance: Array) -> Array:
    """sqrt((1 - rho) / 2) between each two: 0 for what is the same, 1 for the opposite."""
    apart = np.sqrt((1 - correlation(covariance)) / 2)
    np.fill_diagonal(apart, 0.0)
    return squareform(apart, checks=False)


def leaves(covariance: Array) -> list[int]:
    """The symbols in an order in which neighbours are alike: single linkage, with the leaves turned so
    that neighbours are as near as they can be."""
    apart = distances(covariance)
    return [
        int(leaf) for leaf in leaves_list(optimal_leaf_ordering(linkage(apart, "single"), apart))
    ]


def alike(covariance: Array, correlated: float) -> list[list[int]]:
    """Groups of two and more, each joined by correlations above `correlated`."""
    size = len(covariance)
    if size < 2:
        return []
    names = fcluster(
        linkage(distances(covariance), "single"), np.sqrt((1 - correlated) / 2), "distance"
    )
    groups: dict[int, list[int]] = {}
    for index in range(size):
        groups.setdefault(int(names[index]), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


__all__ = ["alike", "leaves"]
