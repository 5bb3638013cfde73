"""The hypermodel for sequences: examples of several steps, each with the same features."""

from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner
import numpy as np

from pipeline.datasets.dataset import Dataset
from pipeline.datasets.rows import Array, blocks
from pipeline.datasets.splits import Split
from pipeline.datasets.window_scaling import WindowScaling
from pipeline.hypermodels.heads import Start, finished, learning_rate
from pipeline.hypermodels.requirements import check_steps, checked

_KERNEL = 3  # steps


class Sequence(keras_tuner.HyperModel):
    """Steps that are read by a GRU or an LSTM, convolved, or taken together by dense layers.

    Searches `encoder` (`gru`, `lstm`, `convolution` or `dense`), `layers`, `units`, `dropout` and
    `learning_rate`; and, of windows with the past of the targets, `relative`: whether these are
    given and predicted as differences from their last known step, which holds for a level that was
    never trained (Zeng et al., "Are Transformers Effective for Time Series Forecasting?", 2022).

    Args:
        dataset: What the models must fit: examples of shape (steps, features), for any task.

    Raises:
        TypeError: `dataset` is none.
        ValueError: Its examples are no sequences.
    """

    def __init__(self, *, dataset: Dataset) -> None:
        super().__init__()
        self._dataset = checked(dataset)
        check_steps(dataset, "Sequence")
        self._past = _Past.of(dataset)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a compiled model that takes raw sequences."""
        encoder = hp.Choice("encoder", ["gru", "lstm", "convolution", "dense"])
        layers = hp.Int("layers", min_value=1, max_value=2)
        units = hp.Int("units", min_value=16, max_value=128, step=2, sampling="log")
        dropout = hp.Float("dropout", min_value=0.0, max_value=0.5, step=0.1)
        past = self._past if self._past is not None and hp.Boolean("relative") else None

        inputs, steps = self._dataset.inputs()
        start = None
        if past is not None:
            start, steps = past.start(inputs), past.relative(steps)
        match encoder:
            case "gru":
                features = _read(steps, keras.layers.GRU, units, layers)
            case "lstm":
                features = _read(steps, keras.layers.LSTM, units, layers)
            case "convolution":
                features = _convolved(steps, units, layers)
            case _:
                features = keras.layers.Flatten()(steps)
                for _ in range(layers):
                    features = keras.layers.Dense(units, activation="relu")(features)
        features = keras.layers.Dropout(dropout)(features)
        return finished(inputs, features, self._dataset, learning_rate(hp), start)


@dataclass(frozen=True, eq=False)
class _Past:
    """The targets' past among the inputs of windows.

    Attributes:
        marks: `(targets, inputs)` float32, a 1 in each row where the target is.
        last: Of the training windows, the last known step of the targets, in their shape.
    """

    marks: Array
    last: Array

    @classmethod
    def of(cls, dataset: Dataset) -> "_Past | None":
        """Return it, if all targets of a dataset are among its inputs."""
        scaling, train = dataset.preprocessing, dataset.train
        if not isinstance(scaling, WindowScaling) or not scaling.targets:
            return None
        if not isinstance(train, Split):  # which the loader of windows makes
            return None
        places = list(scaling.targets)
        last = np.concatenate([block[:, -1:, places] for block in blocks(train.x)])
        marks = np.eye(dataset.input_shape[-1], dtype="float32")[places]
        return cls(marks, last if len(places) > 1 else last[..., 0])

    def relative(self, steps: Any) -> Any:
        """Return steps with the targets' past as differences from its last one."""
        return steps - _last(steps) * self.marks.sum(axis=0)

    def start(self, inputs: Any) -> Start:
        """Return the last known step of the targets, in their unit."""
        last = _last(inputs)
        each = [keras.ops.sum(last * mark, axis=-1, keepdims=True) for mark in self.marks]
        if len(each) > 1:
            return Start(keras.layers.Concatenate(dtype="float32")(each), self.last)
        return Start(keras.layers.Flatten(dtype="float32")(each[0]), self.last)


def _last(steps: Any) -> Any:
    return keras.layers.Cropping1D((steps.shape[1] - 1, 0), dtype="float32")(steps)


def _read(steps: Any, kind: Any, units: int, layers: int) -> Any:
    for layer in range(layers):
        steps = kind(units, return_sequences=layer < layers - 1)(steps)
    return steps


def _convolved(steps: Any, units: int, layers: int) -> Any:
    """Look back from the last step, in convolutions whose strides double until all is seen.

    Van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016.

    Args:
        steps: `(steps, features)`.
        units: Features of each convolution.
        layers: Convolutions of each stride.
    """
    length, seen, stride = steps.shape[1], 1, 1
    while stride == 1 or seen < length:
        for _ in range(layers):
            steps = keras.layers.Conv1D(
                units, _KERNEL, padding="causal", dilation_rate=stride, activation="relu"
            )(steps)
            seen += (_KERNEL - 1) * stride
        stride *= 2
    return keras.layers.Flatten()(_last(steps))
