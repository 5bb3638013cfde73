"""The last layer of a shipped model, which answers the dataset's question, and its loss."""

from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner
import numpy as np

from pipeline.datasets.dataset import Dataset, Split
from pipeline.datasets.rows import Array
from pipeline.datasets.tasks import class_indices, is_one_hot

_FEW = 32


def learning_rate(hp: keras_tuner.HyperParameters) -> float:
    """Declare the learning rate that all shipped hypermodels search, and return it."""
    return float(hp.Float("learning_rate", min_value=1e-4, max_value=1e-2, sampling="log"))


@dataclass(frozen=True, eq=False)
class Start:
    """What a regression predicts the difference from.

    Attributes:
        symbolic: Of an example, in the unit of the targets; broadcast to them.
        trained: The same of the training examples, an array.
    """

    symbolic: Any
    trained: Array


def finished(
    inputs: Any,
    features: Any,
    dataset: Dataset,
    learning_rate: float,
    start: Start | None = None,
) -> keras.Model:
    """Add the layer that answers the dataset's question, and compile the model.

    Args:
        inputs: The model's inputs.
        features: `(n, d)` symbolic numbers.
        dataset: What the model must fit.
        learning_rate: Adam's.
        start: What the targets of a regression are predicted from; None for 0.

    Raises:
        ValueError: The dataset's task asks for no vector an example.
    """
    match dataset.task:
        case "classification":
            return _of_classes(inputs, features, dataset, learning_rate)
        case "multilabel":
            return _of_labels(inputs, features, dataset, learning_rate)
        case "regression":
            return _of_numbers(inputs, features, dataset, learning_rate, start)
    raise ValueError(
        f"the task of the dataset {dataset.name} is custom, and the models that are shipped answer "
        "classification, multilabel and regression: name a model of your own with model._target_"
    )


def _of_classes(inputs: Any, features: Any, dataset: Dataset, learning_rate: float) -> keras.Model:
    y, count = _form_of_targets(dataset), len(dataset.classes)
    if class_indices(y, count).ndim > 1:
        raise ValueError(_not_a_vector(dataset, "a class for each place of it"))
    outputs = keras.layers.Dense(count, activation="softmax", dtype="float32")(features)
    model = keras.Model(inputs, outputs)
    one_hot = is_one_hot(y, count)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def _of_labels(inputs: Any, features: Any, dataset: Dataset, learning_rate: float) -> keras.Model:
    count = len(dataset.classes)
    outputs = keras.layers.Dense(count, activation="sigmoid", dtype="float32")(features)
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="binary_crossentropy",
        metrics=[
            "binary_accuracy",
            keras.metrics.AUC(multi_label=True, num_labels=count, name="auc"),
            keras.metrics.F1Score(average="macro", threshold=0.5, name="f1"),
        ],
    )
    return model


def _of_numbers(
    inputs: Any, features: Any, dataset: Dataset, learning_rate: float, start: Start | None
) -> keras.Model:
    """Learn targets of mean 0 and deviation 1, which a last layer brings back to their unit.

    So it works for targets of any scale. Adam's epsilon is in the unit of the gradients, the square
    of the targets' unit.
    """
    y = np.asarray(dataset.train.y)
    if y.ndim > 3:
        raise ValueError(_not_a_vector(dataset, f"targets of the shape {y.shape[1:]}"))
    learnt = y if start is None else y - start.trained
    mean = learnt.mean(axis=0, dtype="float64")
    deviation = learnt.std(axis=0, dtype="float64")
    deviation = np.where(deviation > 0, deviation, 1.0)
    outputs = keras.layers.Dense(mean.size, dtype="float32")(features)
    if y.ndim == 3:
        outputs = keras.layers.Reshape(y.shape[1:], dtype="float32")(outputs)
    scale, offset = (one.tolist() if mean.size > 1 else one.item() for one in (deviation, mean))
    outputs = keras.layers.Rescaling(scale, offset=offset, dtype="float32")(outputs)
    if start is not None:
        outputs = keras.ops.add(outputs, start.symbolic)
    model = keras.Model(inputs, outputs)
    unit = float(np.mean(deviation**2))
    # Keras's R² takes a vector of targets at most.
    r2 = [keras.metrics.R2Score(name="r2")] if y.ndim < 3 else []
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate, epsilon=1e-7 * unit),
        loss="mse",
        metrics=["mae", *r2],
    )
    return model


def _form_of_targets(dataset: Dataset) -> np.ndarray:
    """Return all targets of arrays, and of a stream those that it keeps."""
    train = dataset.train
    return np.asarray(train.y if isinstance(train, Split) else train.first(_FEW).y)


def _not_a_vector(dataset: Dataset, what: str) -> str:
    return (
        f"each example of the dataset {dataset.name} has {what}, and the models that are shipped "
        "answer one class, several labels or a vector of numbers, of one or several steps: name a "
        "model of your own"
    )
