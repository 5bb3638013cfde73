"""MobileNetV2 as torchvision trained it, for `keras.applications`, read without torch."""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_HEADER = 3  # pickles before the weights: a number, the format's version, and the machine's sizes
_TORCH_EPSILON, _KERAS_EPSILON = 1e-5, 1e-3  # of batch normalization
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read_state(path: Path) -> dict[str, np.ndarray]:
    """Read a state dictionary in torch's format of before 1.6.

    Args:
        path: The file.

    Returns:
        Its tensors by name, in the order of the file.

    Raises:
        pickle.UnpicklingError: The file asks for anything but tensors.
    """
    with path.open("rb") as file:
        for _ in range(_HEADER):
            pickle.load(file)
        reader = _Reader(file)
        tensors = reader.load()
        keys = pickle.load(file)
        stored = {key: _stored(file, reader.dtypes[key]) for key in keys}
    return {name: _tensor(stored, *tensor) for name, tensor in tensors.items()}


class _Reader(pickle.Unpickler):
    """Reads tensors as what they are views of, and nothing else.

    Attributes:
        dtypes: Those of the storages that it met, by their keys.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.dtypes: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda key, offset, shape, strides, *_: (key, offset, shape, strides)
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is no tensor")

    def persistent_load(self, pid: Any) -> str:
        _, dtype, key, *_ = pid
        self.dtypes[key] = dtype
        return str(key)


def _stored(file: BinaryIO, dtype: np.dtype[Any]) -> np.ndarray:
    (count,) = np.frombuffer(file.read(8), "<i8")
    return np.frombuffer(file.read(int(count) * dtype.itemsize), dtype)


def _tensor(
    stored: dict[str, np.ndarray],
    key: str,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
) -> np.ndarray:
    data = stored[key]
    steps = [step * data.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(data[offset:], shape, steps)


def save_mobilenet(state: dict[str, np.ndarray], path: Path) -> None:
    """Save the network without its classifier, with weights as Keras has them.

    Torch adds 1e-5 to a variance and Keras 1e-3, so that what is saved is less by the difference.

    Args:
        state: torchvision's MobileNetV2.
        path: The `.weights.h5` file to write.
    """
    import keras

    arrays = [
        array
        for name, array in state.items()
        if name.startswith("features.") and not name.endswith("num_batches_tracked")
    ]
    remaining = iter(arrays)
    model = keras.applications.MobileNetV2(include_top=False, weights=None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([next(remaining).transpose(2, 3, 0, 1)])
        elif isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([next(remaining).transpose(2, 3, 1, 0)])
        elif isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (next(remaining) for _ in range(4))
            layer.set_weights([gamma, beta, mean, variance + _TORCH_EPSILON - _KERAS_EPSILON])
    if next(remaining, None) is not None:
        raise ValueError("this is not torchvision's MobileNetV2")
    model.save_weights(path)
