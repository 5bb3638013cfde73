"""Models with frozen layers, and images for them."""

from typing import Any

import keras
import keras_tuner
import numpy as np
from keras import layers

from pipeline.datasets import Dataset, Split
from pipeline.preprocessing import ImageScaling

SHAPE = (75, 75, 3)  # the least that InceptionV3 takes


def images(train: int = 24, validation: int = 10, *, shape: Any = SHAPE, seed: int = 0) -> Dataset:
    """Return images of three classes, of different brightness."""
    random = np.random.default_rng(seed)

    def split(count: int) -> Split:
        y = random.integers(0, 3, count)
        x = random.random((count, *shape)) * 64 + y[:, None, None, None] * 60
        return Split(x.astype(np.float32), y.astype(np.int64))

    splits = [split(count) for count in (train, validation, 6)]
    scaling = ImageScaling(shape, 255.0)
    return Dataset("images", "classification", *splits, ("a", "b", "c"), "made", scaling)


def compiled(inputs: Any, features: Any, **arguments: Any) -> keras.Model:
    """Return a compiled model with a head of a dropout, a batch normalization and two layers."""
    hidden = layers.Dense(8, activation="relu", name="hidden")(features)
    hidden = layers.Dropout(0.3)(layers.BatchNormalization(name="head_norm")(hidden))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="out")(hidden))
    loss = "sparse_categorical_crossentropy"
    optimizer = keras.optimizers.Adam(1e-3)
    arguments = {"optimizer": optimizer, "loss": loss, "metrics": ["accuracy"]} | arguments
    model.compile(**arguments)
    return model


class OnBackbone(keras_tuner.HyperModel):
    """A head on a frozen backbone that all models share, as one layer or layer by layer."""

    def __init__(self, backbone: keras.Model, *, nested: bool) -> None:
        super().__init__()
        self.backbone = backbone
        self.nested = nested
        backbone.trainable = False

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a compiled model."""
        if not self.nested:
            return compiled(self.backbone.inputs[0], self.backbone.outputs[0])
        inputs = keras.Input(SHAPE)
        scaled = layers.Rescaling(1 / 255)(inputs)
        return compiled(inputs, self.backbone(scaled, training=False))


def backbone(name: str) -> keras.Model:
    """Return a network of `keras.applications` with random weights and without dropout."""
    keras.utils.set_random_seed(7)
    network = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=SHAPE, pooling="avg"
    )
    for layer in network.layers:
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0
    return network


def on_frozen_layer(hp: keras_tuner.HyperParameters) -> keras.Model:
    """Return a model of two layers; the first is frozen and the same in all models."""
    inputs = keras.Input(SHAPE)
    frozen = layers.Conv2D(4, 3, strides=4, kernel_initializer="ones", trainable=False)
    hidden = layers.GlobalAveragePooling2D()(frozen(layers.Rescaling(1 / 255)(inputs)))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))
    optimizer = keras.optimizers.SGD(hp.Choice("rate", [0.001, 0.01]))
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model
