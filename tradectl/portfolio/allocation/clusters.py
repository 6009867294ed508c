"""Which symbols move together: a tree of them, joined by how far apart they are, the nearest first.

The library that joins them is loaded by the first that asks: most methods of allocation need no tree.
"""

from __future__ import annotations

import numpy as np

from tradectl.portfolio.allocation.estimates import Array, correlation


def distances(covariance: Array) -> Array:
    """sqrt((1 - rho) / 2) between each two, row by row: 0 for what is the same, 1 for the opposite."""
    apart = np.sqrt((1 - correlation(covariance)) / 2)
    return apart[np.triu_indices(len(apart), 1)]


def leaves(covariance: Array) -> list[int]:
    """The symbols in an order in which neighbours are alike: single linkage, with the leaves turned so
    that neighbours are as near as they can be."""
    from scipy.cluster import hierarchy

    apart = distances(covariance)
    tree = hierarchy.optimal_leaf_ordering(hierarchy.linkage(apart, "single"), apart)
    return [int(leaf) for leaf in hierarchy.leaves_list(tree)]


def alike(covariance: Array, correlated: float) -> list[list[int]]:
    """Groups of two and more, each joined by correlations above `correlated`."""
    from scipy.cluster import hierarchy

    size = len(covariance)
    if size < 2:
        return []
    tree = hierarchy.linkage(distances(covariance), "single")
    names = hierarchy.fcluster(tree, np.sqrt((1 - correlated) / 2), "distance")
    groups: dict[int, list[int]] = {}
    for index in range(size):
        groups.setdefault(int(names[index]), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


__all__ = ["alike", "leaves"]
