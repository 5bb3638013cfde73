"""The hypermodels we ship: what models a search may build, and their search spaces."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner

from pipeline.datasets.dataset import Dataset
from pipeline.hypermodels import augmentation as augmentations
from pipeline.hypermodels import backbones
from pipeline.hypermodels.heads import finished, learning_rate
from pipeline.hypermodels.requirements import (
    check_images,
    check_numbers,
    checked,
)

_GRID = 4
"""Most rows and columns of features that a CNN's dense layer sees."""


# The text of a hypermodel's class is in the fingerprints of the searches that were begun with it:
# these are the names that MLP has for what other modules hold now.
_finish, _learning_rate = finished, learning_rate


def _checked(dataset: Dataset) -> Dataset:
    """Return a dataset of numbers."""
    check_numbers(checked(dataset), "MLP")
    return dataset


class MLP(keras_tuner.HyperModel):
    """Dense layers of equal width, for any dataset; images are flattened.

    Searches `layers`, `units`, `activation`, `dropout` and `learning_rate`.

    Args:
        dataset: What the models must fit.

    Raises:
        TypeError: `dataset` is none.

    Example:
        >>> model = MLP(dataset=digits).build(keras_tuner.HyperParameters())
        >>> model.fit(digits.train.x, digits.train.y)
    """

    def __init__(self, *, dataset: Dataset) -> None:
        super().__init__()
        self._dataset = _checked(dataset)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a compiled model that takes raw examples."""
        layers = hp.Int("layers", min_value=1, max_value=3)
        units = hp.Int("units", min_value=16, max_value=256, step=2, sampling="log")
        activation = hp.Choice("activation", ["relu", "tanh"])
        dropout = hp.Float("dropout", min_value=0.0, max_value=0.5, step=0.1)

        inputs, features = self._dataset.inputs()
        if len(features.shape) > 2:
            features = keras.layers.Flatten()(features)
        for _ in range(layers):
            features = keras.layers.Dense(units, activation=activation)(features)
            features = keras.layers.Dropout(dropout)(features)
        return _finish(inputs, features, self._dataset, _learning_rate(hp))


class CNN(keras_tuner.HyperModel):
    """Blocks of a convolution and a pooling, then a dense layer, for images of any size.

    Each block halves the image and doubles the filters. The last features are averaged on a grid
    of at most 4 x 4, so that the dense layer does not grow with the image. Searches `blocks`,
    `filters` (of the first block), `kernel_size`, `dense_units`, `dropout` and `learning_rate`.

    Args:
        dataset: What the models must fit.
        augmentation: Kinds of random changes in training, of which how much is searched too, as in
            `pipeline.hypermodels.augmentation`.

    Raises:
        TypeError: `dataset` is none.
        ValueError: Its examples are no images, or there is no such augmentation.
    """

    def __init__(self, *, dataset: Dataset, augmentation: Sequence[str] = ()) -> None:
        super().__init__()
        self._dataset = checked(dataset)
        check_images(dataset, "CNN")
        self._augmentation = augmentations.checked(augmentation, dataset)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a compiled model that takes raw images."""
        blocks = hp.Int("blocks", min_value=1, max_value=3)
        filters = hp.Int("filters", min_value=16, max_value=64, step=2, sampling="log")
        kernel_size = hp.Choice("kernel_size", [3, 5])
        dense_units = hp.Int("dense_units", min_value=32, max_value=256, step=2, sampling="log")
        dropout = hp.Float("dropout", min_value=0.0, max_value=0.5, step=0.1)

        inputs, features = self._dataset.inputs()
        features = augmentations.augmented(hp, features, self._augmentation)
        for block in range(blocks):
            features = keras.layers.Conv2D(
                filters * 2**block, kernel_size, padding="same", activation="relu"
            )(features)
            features = keras.layers.MaxPooling2D(2, padding="same")(features)
        window = tuple(math.ceil(size / _GRID) for size in features.shape[1:3])
        if window != (1, 1):
            features = keras.layers.AveragePooling2D(window, padding="same")(features)
        features = keras.layers.Flatten()(features)
        features = keras.layers.Dense(dense_units, activation="relu")(features)
        features = keras.layers.Dropout(dropout)(features)
        return finished(inputs, features, self._dataset, learning_rate(hp))


class Transfer(keras_tuner.HyperModel):
    """A frozen, trained image network with a new head of two dense layers.

    The backbone is loaded once, and all models share it. In every model it is one layer named
    `backbone`, called in inference mode, behind its preprocessing. Searches `dense_units_1`,
    `dense_units_2`, `dropout_rate1`, `dropout_rate2` and `learning_rate`.

    Args:
        dataset: What the models must fit. Grey images are given to all channels of the backbone.
        backbone: A class of `keras.applications`, for example `InceptionV3`, or the path of a
            `.keras` or `.h5` file.
        weights: `imagenet`, a file to load the backbone's weights from, or None for those it has:
            random ones, or those in its file.
        cut_layer: The backbone's layer that gives the features; None for its last.
        pooling: `avg` or `max` over the positions of the features; None flattens them.
        image_size: Height and width to which images are resized inside the model; None keeps the
            dataset's.
        preprocessing: What the backbone was trained on, as in `backbones.preprocess`; None for
            what `keras.applications` says, which a file must state.
        augmentation: As of `CNN`; a trial that has some trains the whole model, not its head alone.
        seed: What random weights are drawn from.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument cannot work, alone or with the dataset.
        FileNotFoundError: The backbone's or the weights' file does not exist.
        ConnectionError: The `imagenet` weights cannot be downloaded.

    Example:
        >>> hypermodel = Transfer(dataset=flowers, backbone="MobileNetV2", weights="imagenet")
        >>> model = hypermodel.build(keras_tuner.HyperParameters())
    """

    def __init__(
        self,
        *,
        dataset: Dataset,
        backbone: str,
        weights: str | None,
        cut_layer: str | None = None,
        pooling: str | None = None,
        image_size: Sequence[int] | None = None,
        preprocessing: str | None = None,
        augmentation: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._dataset = checked(dataset)
        check_images(dataset, "Transfer")
        self._augmentation = augmentations.checked(augmentation, dataset)
        _check_text("backbone", backbone)
        _check_text("weights", weights, optional=True)
        _check_text("cut_layer", cut_layer, optional=True)
        if type(seed) is not int:
            raise TypeError(f"seed must be an integer, received {seed!r}")
        _check_choice("pooling", pooling, ("avg", "max"))
        _check_choice("preprocessing", preprocessing, backbones.PREPROCESSINGS)
        self._pooling = pooling
        self._preprocessing = preprocessing or backbones.preprocessing_of(backbone)
        self._image_size = _image_size(image_size, dataset)
        self._load = functools.partial(
            backbones.load, backbone, weights=weights, image_size=self._image_size, seed=seed
        )
        self._backbone = backbone
        self._cut_layer = cut_layer
        self._loaded: dict[str, keras.Model] = {}
        self._check_features(self._part())

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a compiled model that takes raw images."""
        dense_units_1 = hp.Int("dense_units_1", min_value=32, max_value=512, step=32)
        dense_units_2 = hp.Int("dense_units_2", min_value=32, max_value=512, step=32)
        dropout_rate1 = hp.Float("dropout_rate1", min_value=0.1, max_value=0.5, step=0.1)
        dropout_rate2 = hp.Float("dropout_rate2", min_value=0.1, max_value=0.5, step=0.1)

        inputs, features = self._features(hp)
        features = keras.layers.Dense(dense_units_1, activation="relu")(features)
        features = keras.layers.BatchNormalization(name="batch_norm_1")(features)
        features = keras.layers.Dropout(dropout_rate1)(features)
        features = keras.layers.Dense(dense_units_2, activation="relu")(features)
        features = keras.layers.BatchNormalization(name="batch_norm_2")(features)
        features = keras.layers.Dropout(dropout_rate2)(features)
        return finished(inputs, features, self._dataset, learning_rate(hp))

    def _features(self, hp: keras_tuner.HyperParameters) -> tuple[Any, Any]:
        """Return fresh inputs and what the frozen part makes of them, one vector an image."""
        part = self._part()
        inputs, images = self._dataset.inputs()
        images = augmentations.augmented(hp, images, self._augmentation)
        if self._image_size != self._dataset.input_shape[:2]:
            images = keras.layers.Resizing(*self._image_size, dtype="float32")(images)
        channels = part.inputs[0].shape[-1]
        if images.shape[-1] != channels:
            images = keras.layers.Concatenate(dtype="float32")([images] * channels)
        features = part(backbones.preprocess(images, self._preprocessing), training=False)
        if self._pooling == "avg":
            return inputs, keras.layers.GlobalAveragePooling2D()(features)
        if self._pooling == "max":
            return inputs, keras.layers.GlobalMaxPooling2D()(features)
        return inputs, keras.layers.Flatten()(features)

    def _part(self) -> keras.Model:
        """Return a new frozen model of the shared layers: nothing ties a trial to the next.

        Keras keeps all models that a layer was ever called in as long as the layer lives, so the
        shared layers must not be called. The layers compute in the policy they are made under,
        which a trainer may set after the hypermodel was made.
        """
        policy = str(keras.config.dtype_policy().name)
        if policy not in self._loaded:
            self._loaded = {policy: self._load()}
        return backbones.cut(self._loaded[policy], self._cut_layer)

    def _check_features(self, part: keras.Model) -> None:
        channels, given = part.inputs[0].shape[-1], self._dataset.input_shape[-1]
        if given not in (1, channels):
            raise ValueError(
                f"{self._backbone} takes images of 1 or {channels} channels, and those of the "
                f"dataset {self._dataset.name} have {given}"
            )
        if self._preprocessing in ("torch", "caffe") and channels != 3:
            raise ValueError(
                f"preprocessing {self._preprocessing} is for backbones of 3 channels, and "
                f"{self._backbone} has {channels}"
            )
        if self._pooling is not None and len(part.outputs[0].shape) != 4:
            raise ValueError(
                f"pooling {self._pooling} needs features of shape (height, width, channels), and "
                f"the cut layer gives {tuple(part.outputs[0].shape[1:])}: set pooling to null"
            )


def _check_text(name: str, value: object, *, optional: bool = False) -> None:
    if not isinstance(value, str) and not (optional and value is None):
        raise TypeError(f"{name} must be text{' or null' * optional}, received {value!r}")


def _check_choice(name: str, value: str | None, choices: Sequence[str]) -> None:
    if value is not None and value not in choices:
        raise ValueError(f"{name} must be null or one of {', '.join(choices)}; received {value!r}")


def _image_size(image_size: Sequence[int] | None, dataset: Dataset) -> tuple[int, int]:
    size = dataset.input_shape[:2] if image_size is None else image_size
    if (
        isinstance(size, str)
        or not isinstance(size, Sequence)
        or len(size) != 2
        or not all(type(value) is int and value > 0 for value in size)
    ):
        raise ValueError(
            "image_size must be null or [height,width] in pixels, each at least 1; "
            f"received {image_size!r}"
        )
    height, width = size
    return height, width
