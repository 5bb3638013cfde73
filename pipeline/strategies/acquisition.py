"""The search for the point of a space that is worth most."""

from collections.abc import Callable

import numpy as np

from pipeline.strategies.coordinates import Array, Coordinates

_CANDIDATES = 1000  # random points
_BEST = 5  # of the points known, around which others are tried
_NEIGHBOURS = 20  # around each of those, at each width
_WIDTHS = (0.1, 0.03, 0.01)  # standard deviations, where the whole range is 1
_MOVED = 0.3  # least share of a neighbour's coordinates that differ; two do on average
_RESAMPLED = 0.1  # share of them that are drawn anew

Merit = Callable[[Array], Array]
"""Tells of points, of shape (points, columns), how much each is worth; the highest is best."""


def best_points(
    coordinates: Coordinates, merit: Merit, known: Array, generator: np.random.Generator
) -> Array:
    """Return points of the space, those that are worth most first.

    Random ones, others near points that are known to be good, and finer and finer ones around
    the best of all these.

    Args:
        coordinates: The space.
        merit: What a point is worth.
        known: Good points of earlier trials; shape (points, columns).
        generator: Where random numbers come from.

    Returns:
        Shape (points, columns), as `Coordinates.nearest` returns them.
    """
    random = coordinates.nearest(generator.random((_CANDIDATES, len(coordinates.columns))))
    around = [_around(coordinates, known, width, generator) for width in _WIDTHS]
    points = np.concatenate([random, *around])
    worth = merit(points)
    for width in _WIDTHS:
        best = points[np.argsort(-worth, kind="stable")[:_BEST]]
        finer = _around(coordinates, best, width, generator)
        points, worth = np.concatenate([points, finer]), np.concatenate([worth, merit(finer)])
    return points[np.argsort(-worth, kind="stable")]


def _around(
    coordinates: Coordinates, centres: Array, width: float, generator: np.random.Generator
) -> Array:
    """Return neighbours of points: some coordinates moved, at least to a next value, or anew."""
    points = np.repeat(centres, _NEIGHBOURS, axis=0)
    columns = points.shape[1]
    steps = generator.normal(0, 1, points.shape) * np.maximum(width, coordinates.gaps)
    moved = 1 - np.abs(1 - np.abs(points + steps))  # reflected at both ends
    moves = generator.random(points.shape) < max(2 / columns, _MOVED)
    anew = generator.random(points.shape) < _RESAMPLED
    points = np.where(moves, moved, points)
    return coordinates.nearest(
        np.clip(np.where(anew, generator.random(points.shape), points), 0, 1)
    )
