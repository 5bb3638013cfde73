"""The image datasets that Keras downloads."""

import os
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np

from pipeline.datasets.rows import Array
from pipeline.datasets.splits import Split

CLASSES: dict[str, tuple[str, ...]] = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "cifar10": (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
}
"""Names of the classes, as Keras' documentation gives them, by dataset."""

_CACHED = {  # in Keras' cache, relative to its folder `datasets`
    "mnist": "mnist.npz",
    "fashion_mnist": "fashion-mnist",
    "cifar10": "cifar-10-batches-py-target_archive",
}


def download(name: str) -> tuple[Split, Split]:
    """Load one of `keras.datasets`, from Keras' cache or else from the network.

    Args:
        name: A key of `CLASSES`.

    Returns:
        Keras' training and test data: pixels `(n, height, width, channels)`, float32 from 0 to
        255; class indices `(n,)`, int64.

    Raises:
        ConnectionError: The dataset is not in the cache and cannot be downloaded.
    """
    import keras

    try:
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:
        if not is_download_failure(error):
            raise
        cache = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"
        raise ConnectionError(
            f"{name} has to be downloaded once and that failed ({error}): connect to the network, "
            f"copy it from another machine's Keras cache to {cache / _CACHED[name]}, or choose a "
            "dataset that comes with scikit-learn (digits, breast_cancer, wine, diabetes)"
        ) from error
    return _split(*train), _split(*test)


def is_download_failure(error: BaseException) -> bool:
    """Whether what Keras raised says that a file cannot be fetched.

    Keras 3.15 raises a bare Exception in place of the error of `urllib` that it handles.
    """
    broken = isinstance(error, ConnectionError | TimeoutError)
    return broken or isinstance(error.__context__, URLError)


def _split(images: Array, labels: Any) -> Split:
    x = images if images.ndim == 4 else images[..., np.newaxis]
    return Split(x.astype(np.float32), np.asarray(labels).ravel().astype(np.int64))
