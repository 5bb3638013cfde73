"""Generated images of garments, as small and as hard to tell apart as those of Fashion-MNIST."""

import numpy as np

from benchmarks.work import SEED
from pipeline.datasets import Dataset, Split
from pipeline.preprocessing import ImageScaling

_SIZE = 28
_CLASSES = ("t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "bag", "boot")
# Rectangles of each: rows and columns from and to, on a grid of 14 x 14.
_PARTS: tuple[tuple[tuple[int, int, int, int], ...], ...] = (
    ((2, 12, 4, 10), (2, 5, 1, 13)),
    ((1, 13, 4, 6), (1, 13, 8, 10), (1, 4, 4, 10)),
    ((2, 12, 4, 10), (2, 12, 1, 3), (2, 12, 11, 13)),
    ((1, 5, 5, 9), (5, 13, 3, 11)),
    ((1, 13, 4, 10), (2, 12, 1, 3), (2, 12, 11, 13)),
    ((9, 11, 1, 13), (6, 9, 8, 12)),
    ((2, 12, 4, 10), (2, 8, 1, 3), (2, 8, 11, 13)),
    ((5, 12, 2, 12), (2, 5, 5, 9)),
    ((2, 12, 7, 12), (9, 12, 1, 12)),
)
_MOVED = 3  # pixels, at most, in each direction


def garments() -> Dataset:
    """Generate silhouettes that are moved, of uneven brightness, folded and noisy.

    Returns:
        6,000 images to train on, 1,000 to validate and 1,000 to test on, with pixels of 0 to 1.
    """
    random = np.random.default_rng(SEED)
    return Dataset(
        "garments",
        "classification",
        train=_drawn(6000, random),
        validation=_drawn(1000, random),
        test=_drawn(1000, random),
        classes=_CLASSES,
        source="benchmarks.garments.garments",
        preprocessing=ImageScaling((_SIZE, _SIZE, 1), max_value=1.0),
    )


def _drawn(count: int, random: np.random.Generator) -> Split:
    y = random.integers(len(_CLASSES), size=count)
    x = np.stack([_garment(int(label), random) for label in y])
    return Split(x[..., np.newaxis], y.astype(np.int64))


def _garment(label: int, random: np.random.Generator) -> np.ndarray:
    image = np.zeros((_SIZE, _SIZE), np.float32)
    for top, bottom, left, right in _PARTS[label]:
        brightness = random.uniform(0.3, 1.0)
        image[2 * top : 2 * bottom, 2 * left : 2 * right] = brightness
    folds = 1 + 0.4 * np.sin(np.arange(_SIZE) * random.uniform(0.3, 1.5) + random.uniform(0, 6))
    moved = np.roll(image * folds, random.integers(-_MOVED, _MOVED + 1, 2), (0, 1))
    noisy = moved + random.normal(0, 0.35, image.shape)
    return np.clip(noisy, 0, 1).astype(np.float32)
