"""Images decoded and resized, several at a time, each file read once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.class_folders import named
from pipeline.datasets.image_form import ImageForm
from pipeline.datasets.rows import Array

_BY_PILLOW = (".tif", ".tiff", ".webp")
_BATCH = 64


class UndecodableError(ValueError):
    """Files cannot be decoded; the message names them."""


def decoded(files: Sequence[Path], path: Path, form: ImageForm) -> Iterator[Array]:
    """Decode images and resize them, as `keras.utils.image_dataset_from_directory` does.

    That decodes with TensorFlow and resizes bilinearly, without antialiasing, to floats. Here these
    are rounded to the nearest of 0 to 255, halves to the even one. What TensorFlow does not decode,
    `.tiff` and `.webp`, Pillow does.

    Args:
        files: Images.
        path: A folder that they are in.
        form: What they are made into.

    Yields:
        Some images after the other, `(n, height, width, channels)` uint8.

    Raises:
        UndecodableError: Files cannot be decoded; all of them are told.
    """
    import tensorflow as tf

    height, width, channels = form.shape

    def pixels(file: Any, by_pillow: Any) -> Any:
        image = tf.cond(
            by_pillow,
            lambda: tf.numpy_function(_opener(form.pillow_mode), [file], tf.uint8, stateful=False),
            lambda: _by_tensorflow(file, channels),
        )
        image = tf.ensure_shape(image, (None, None, channels))
        return tf.cast(tf.round(tf.image.resize(image, (height, width))), tf.uint8)

    names = [str(file) for file in files]
    batches = (
        tf.data.Dataset.from_tensor_slices((names, [_is_pillows(file) for file in files]))
        .map(pixels, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(_BATCH)
        .prefetch(1)
    )
    try:
        yield from batches.as_numpy_iterator()
    except tf.errors.OpError as error:
        bad = _undecodable(files, form)
        if not bad:  # a disk that does not answer, or no memory
            raise
        raise UndecodableError(
            f"{len(bad)} of the {len(files)} files in {path} cannot be decoded as "
            f"{form.color_mode} images, repair or remove them: {named(bad, path)}"
        ) from error


def _by_tensorflow(file: Any, channels: int) -> Any:
    import tensorflow as tf

    return tf.io.decode_image(tf.io.read_file(file), channels=channels, expand_animations=False)


def _opener(mode: str) -> Callable[[bytes], Array]:
    def opened(file: bytes) -> Array:
        """Return the first image of a file, in 8 bits a channel."""
        from PIL import Image

        with Image.open(file.decode()) as image:
            if image.mode.startswith("I;16"):  # of which Pillow would cut off what is above 255
                high = (np.asarray(image) >> 8).astype(np.uint8)
                pixels = np.asarray(Image.fromarray(high).convert(mode))
            else:
                pixels = np.asarray(image.convert(mode))
        return pixels.reshape(*pixels.shape[:2], len(mode))

    return opened


def _is_pillows(file: Path) -> bool:
    return file.suffix.lower() in _BY_PILLOW


def _undecodable(files: Sequence[Path], form: ImageForm) -> list[Path]:
    """Return the files that their decoder does not take.

    Pillow is no substitute for TensorFlow's: it takes formats and colour modes (a grayscale GIF or
    BMP, a CMYK JPEG) that TensorFlow refuses.
    """
    with ThreadPoolExecutor() as pool:
        readable = list(pool.map(lambda file: _decodes(file, form), files))
    return [file for file, ok in zip(files, readable, strict=True) if not ok]


def _decodes(file: Path, form: ImageForm) -> bool:

    try:
        if _is_pillows(file):
            _opener(form.pillow_mode)(str(file).encode())
        else:
            _by_tensorflow(str(file), form.shape[-1])
    except Exception:  # each library has its own for a damaged file
        return False
    return True
