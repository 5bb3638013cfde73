"""Hypermodels that search the head of a frozen network, whose layers all trials share."""

from abc import abstractmethod
from typing import Any

import keras
import keras_tuner

from benchmarks.work import SEED


class FrozenWithHead(keras_tuner.HyperModel):
    """A head on the features of a frozen network.

    Args:
        base_model: The network.
        num_classes: Classes to tell apart.
    """

    def __init__(self, base_model: keras.Model, num_classes: int) -> None:
        super().__init__()
        self.base_model = base_model
        self.num_classes = num_classes

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return the whole model, compiled."""
        self.base_model.trainable = False
        return self.head(hp, self.base_model.input, self.features())

    def frozen_part(self) -> keras.Model:
        """Return the network from images to features."""
        self.base_model.trainable = False
        return keras.Model(self.base_model.input, self.features())

    def build_on_features(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return the head alone, compiled; it takes features."""
        inputs = keras.Input(self.features().shape[1:])
        return self.head(hp, inputs, inputs)

    @abstractmethod
    def features(self) -> Any:
        """Return the network's symbolic features."""

    @abstractmethod
    def head(self, hp: keras_tuner.HyperParameters, inputs: Any, features: Any) -> keras.Model:
        """Return a compiled model with a head on some features."""


class InceptionHead(FrozenWithHead):
    """The head that the first user of this pipeline searched, on InceptionV3 up to mixed5."""

    def features(self) -> Any:
        """Return what the layer mixed5 gives."""
        return self.base_model.get_layer("mixed5").output

    def head(self, hp: keras_tuner.HyperParameters, inputs: Any, features: Any) -> keras.Model:
        """Return a model with two dense layers, normalised and dropped out."""
        features = keras.layers.Flatten()(features)
        dense_units_1 = hp.Int("dense_units_1", min_value=32, max_value=512, step=32)
        dense_units_2 = hp.Int("dense_units_2", min_value=32, max_value=512, step=32)
        dropout_rate1 = hp.Float("dropout_rate1", min_value=0.1, max_value=0.5, step=0.1)
        dropout_rate2 = hp.Float("dropout_rate2", min_value=0.1, max_value=0.5, step=0.1)
        features = keras.layers.Dense(dense_units_1, activation="relu")(features)
        features = keras.layers.BatchNormalization(name="batch_norm_1")(features)
        features = keras.layers.Dropout(dropout_rate1)(features)
        features = keras.layers.Dense(dense_units_2, activation="relu")(features)
        features = keras.layers.BatchNormalization(name="batch_norm_2")(features)
        features = keras.layers.Dropout(dropout_rate2)(features)
        learning_rate = hp.Float("learning_rate", min_value=0.0001, max_value=0.01)
        return _classifier(inputs, features, self.num_classes, learning_rate)


class PooledHead(FrozenWithHead):
    """One dense layer of 128 units on a whole network with pooled features."""

    def features(self) -> Any:
        """Return what the network gives."""
        return self.base_model.output

    def head(self, hp: keras_tuner.HyperParameters, inputs: Any, features: Any) -> keras.Model:
        """Return a model with a dense layer, dropped out."""
        dropout = hp.Float("dropout", min_value=0.0, max_value=0.5, step=0.1)
        learning_rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
        features = keras.layers.Dense(128, activation="relu")(features)
        features = keras.layers.Dropout(dropout)(features)
        return _classifier(inputs, features, self.num_classes, learning_rate)


def _classifier(inputs: Any, features: Any, classes: int, learning_rate: float) -> keras.Model:
    outputs = keras.layers.Dense(classes, activation="softmax")(features)
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def inception() -> FrozenWithHead:
    """Return the hypermodel of the case `inception`: 128 x 128 x 3 images, four classes."""
    keras.utils.set_random_seed(SEED)  # the same network for every contender
    network = keras.applications.InceptionV3(
        weights=None, include_top=False, input_shape=(128, 128, 3)
    )
    return InceptionHead(network, num_classes=4)


def mobilenet() -> FrozenWithHead:
    """Return the hypermodel of the case `mobilenet`: 160 x 160 x 3 images, four classes."""
    keras.utils.set_random_seed(SEED)  # the same network for every contender
    network = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(160, 160, 3), pooling="avg"
    )
    return PooledHead(network, num_classes=4)
