"""A search of a small convolutional network on a folder of images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import tensorflow as tf

from benchmarks.image_folders import CLASSES, IMAGES
from benchmarks.work import BATCH_SIZE, SEED


class SmallCNN(keras_tuner.HyperModel):
    """Three convolutions with poolings, and a dense layer.

    Args:
        image_size: Height and width of the images.
    """

    def __init__(self, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.image_size = tuple(image_size)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a compiled model that takes pixels from 0 to 255."""
        filters = hp.Choice("filters", [8, 16])
        units = hp.Int("units", min_value=16, max_value=64, step=16)
        dropout = hp.Float("dropout", min_value=0.0, max_value=0.5, step=0.1)
        learning_rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
        inputs = keras.Input((*self.image_size, 3))
        features = keras.layers.Rescaling(1 / 255)(inputs)
        for block, strides in enumerate((2, 1, 1)):
            features = keras.layers.Conv2D(
                filters * 2**block, 3, strides=strides, activation="relu"
            )(features)
            features = keras.layers.MaxPooling2D()(features)
        features = keras.layers.GlobalAveragePooling2D()(features)
        features = keras.layers.Dense(units, activation="relu")(features)
        features = keras.layers.Dropout(dropout)(features)
        outputs = keras.layers.Dense(len(CLASSES), activation="softmax")(features)
        model = keras.Model(inputs, outputs)
        model.compile(
            optimizer=keras.optimizers.Adam(learning_rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model


@dataclass(frozen=True)
class ImageCase:
    """What KerasTuner searches.

    Attributes:
        hypermodel: Builds the models.
        train: Batches that they are trained on.
        validation: Batches that they are validated on.
    """

    hypermodel: keras_tuner.HyperModel
    train: tf.data.Dataset
    validation: tf.data.Dataset

    def fit_arguments(self, epochs: int) -> dict[str, Any]:
        """Return what `keras.Model.fit` is given.

        Args:
            epochs: Epochs of a trial.
        """
        return {
            "x": self.train,
            "validation_data": self.validation,
            "epochs": epochs,
            "verbose": 0,
        }


def read_as_keras_guide(case: str, data: Path, *, cached: bool) -> ImageCase:
    """Return a case that reads images as Keras's guide does, with prefetching.

    Args:
        case: One of `image_folders.IMAGES`.
        data: The folder that was made of it.
        cached: Whether what was decoded stays in memory.
    """
    size = IMAGES[case].read_size

    def batches(name: str) -> tf.data.Dataset:
        read = keras.utils.image_dataset_from_directory(
            data / name, image_size=size, batch_size=BATCH_SIZE, seed=SEED, verbose=False
        )
        return (read.cache() if cached else read).prefetch(tf.data.AUTOTUNE)

    return ImageCase(hypermodel(case), batches("train"), batches("validation"))


def hypermodel(case: str) -> SmallCNN:
    """Return the hypermodel of a case."""
    return SmallCNN(IMAGES[case].read_size)
