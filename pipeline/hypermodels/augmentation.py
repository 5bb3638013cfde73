"""Images changed at random in training, by layers of the model that do nothing at inference."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import keras_tuner

from pipeline.datasets.dataset import Dataset
from pipeline.datasets.preprocessing import ImageScaling


def _flip(hp: keras_tuner.HyperParameters) -> keras.Layer | None:
    mode = hp.Choice("flip", ["none", "horizontal", "horizontal_and_vertical"])
    return None if mode == "none" else keras.layers.RandomFlip(mode, dtype="float32")


def _rotation(hp: keras_tuner.HyperParameters) -> keras.Layer | None:
    turns = hp.Float("rotation", min_value=0.0, max_value=0.2, step=0.05)
    return keras.layers.RandomRotation(turns, dtype="float32") if turns else None


def _zoom(hp: keras_tuner.HyperParameters) -> keras.Layer | None:
    share = hp.Float("zoom", min_value=0.0, max_value=0.3, step=0.1)
    return keras.layers.RandomZoom(share, dtype="float32") if share else None


def _contrast(hp: keras_tuner.HyperParameters) -> keras.Layer | None:
    share = hp.Float("contrast", min_value=0.0, max_value=0.3, step=0.1)
    if not share:
        return None
    return keras.layers.RandomContrast(share, value_range=(0.0, 1.0), dtype="float32")


_LAYERS: Mapping[str, Callable[[keras_tuner.HyperParameters], keras.Layer | None]] = {
    "flip": _flip,
    "rotation": _rotation,
    "zoom": _zoom,
    "contrast": _contrast,
}


def checked(augmentation: Sequence[str], dataset: Dataset) -> tuple[str, ...]:
    """Return kinds of augmentation that are known.

    Args:
        augmentation: `flip`, `rotation`, `zoom`, `contrast`, or some of them.
        dataset: Whose images they are for.

    Raises:
        ValueError: It is no list of these, or the dataset's images are not brought to 0 to 1.
    """
    listed = isinstance(augmentation, Sequence) and not isinstance(augmentation, str)
    if not listed or not set(augmentation) <= _LAYERS.keys():
        raise ValueError(
            f"augmentation must be a list of {', '.join(_LAYERS)}, or of some of them; received "
            f"{augmentation!r}"
        )
    if augmentation and not isinstance(dataset.preprocessing, ImageScaling):
        raise ValueError(
            "augmentation is for images that pipeline.preprocessing.ImageScaling brings to 0 to "
            f"1; the dataset {dataset.name} has the preprocessing {dataset.preprocessing!r}"
        )
    return tuple(augmentation)


def augmented(hp: keras_tuner.HyperParameters, images: Any, augmentation: Sequence[str]) -> Any:
    """Return images that are changed at random in training, each by itself.

    How much is searched, a hyperparameter of its own for each kind; with the least there is none.

    Args:
        hp: Is asked for `flip` (`none`, `horizontal` or `horizontal_and_vertical`), `rotation` (up
            to so many turns either way), `zoom` and `contrast` (up to such a share of more or
            less).
        images: Symbolic images from 0 to 1.
        augmentation: As `checked` returns it.
    """
    for kind in augmentation:
        layer = _LAYERS[kind](hp)
        images = images if layer is None else layer(images)
    return images
