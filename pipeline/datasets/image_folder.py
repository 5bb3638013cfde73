"""A folder of images, one sub-folder a class, as arrays."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.rows import Array

_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_FORMATS = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
_NAMED_FILES = 10


def read_images(
    path: Path, *, image_size: Sequence[int], color_mode: str
) -> tuple[Array, Array, tuple[str, ...]]:
    """Read all images under a folder into memory, resized.

    What is read, and how, is `keras.utils.image_dataset_from_directory`'s: `.png`, `.jpg`,
    `.jpeg`, `.bmp` and `.gif` files at any depth of each sub-folder that is not hidden, in the
    order of their names.

    Args:
        path: The folder.
        image_size: Height and width in pixels to which every image is resized.
        color_mode: `grayscale` (1 channel), `rgb` (3) or `rgba` (4).

    Returns:
        The pixels, `(n, height, width, channels)` float32 from 0 to 255; the class indices,
        `(n,)` int64; the sub-folders' names, sorted.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: The folder has fewer than two sub-folders, one of them has no image, a file
            cannot be decoded (all such files are found before any is used), or an argument is
            wrong.
    """
    height, width = _checked_size(image_size)
    if color_mode not in _CHANNELS:
        raise ValueError(f"color_mode must be one of {list(_CHANNELS)}, received {color_mode!r}")
    _check_folder(path)
    import keras

    batches = keras.utils.image_dataset_from_directory(
        path,
        label_mode="int",
        color_mode=color_mode,
        batch_size=32,
        image_size=(height, width),
        shuffle=False,
        verbose=False,
    )
    classes = tuple(batches.class_names)
    files = [Path(file) for file in batches.file_paths]
    _check_files(path, files, classes, color_mode)
    x = np.empty((len(files), height, width, _CHANNELS[color_mode]), dtype=np.float32)
    y = np.empty(len(files), dtype=np.int64)
    start = 0
    for images, labels in batches.as_numpy_iterator():
        x[start : start + len(labels)] = images
        y[start : start + len(labels)] = labels
        start += len(labels)
    return x, y, classes


def left_out(path: Path) -> list[str]:
    """Say which files under a folder of images `read_images` does not read.

    Args:
        path: The folder.

    Returns:
        A sentence on the images that lie in no class's folder, and one on the files in such folders
        that have another format; hidden files are nobody's images.
    """
    files = sorted(file for file in path.rglob("*") if file.is_file() and not _hidden(file, path))
    outside = [file for file in files if file.parent == path and _is_image(file)]
    others = [file for file in files if file.parent != path and not _is_image(file)]
    return [
        *_sentence(outside, path, "image", "in no class's folder"),
        *_sentence(others, path, "file", f"none of {', '.join(_FORMATS)}"),
    ]


def _hidden(file: Path, path: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(path).parts)


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in _FORMATS


def _sentence(files: Sequence[Path], path: Path, what: str, why: str) -> list[str]:
    if not files:
        return []
    number = f"1 {what}" if len(files) == 1 else f"{len(files)} {what}s"
    return [f"{number} of {path} left out, {why}: {_listed(files, path)}"]


def _listed(files: Sequence[Path], path: Path) -> str:
    names = ", ".join(str(file.relative_to(path)) for file in files[:_NAMED_FILES])
    return names + (f" and {len(files) - _NAMED_FILES} more" if len(files) > _NAMED_FILES else "")


def _checked_size(image_size: Sequence[int]) -> tuple[int, int]:
    match image_size:
        case [int(height), int(width)] if height > 0 and width > 0:
            return height, width
    raise ValueError(
        "image_size must be a height and a width in pixels, both integers above 0, for example "
        f"[128, 128], received {image_size!r}"
    )


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        raise FileNotFoundError(
            "path must be a folder with one sub-folder of images a class; there is no folder of "
            f"images at {path}"
        )
    classes = [p.name for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")]
    if len(classes) < 2:
        found = f"only {classes[0]!r}" if classes else "none"
        raise ValueError(
            f"{path} must have one sub-folder of images for each of at least two classes, "
            f"found {found}"
        )


def _check_files(path: Path, files: list[Path], classes: tuple[str, ...], color_mode: str) -> None:
    found = {file.relative_to(path).parts[0] for file in files}
    if empty := [name for name in classes if name not in found]:
        raise ValueError(
            f"each sub-folder of {path} must hold images ({', '.join(_FORMATS)}), "
            f"found none in {empty}"
        )
    with ThreadPoolExecutor() as pool:
        readable = list(pool.map(lambda file: _decodes(file, _CHANNELS[color_mode]), files))
    if bad := [file for file, ok in zip(files, readable, strict=True) if not ok]:
        raise ValueError(
            f"{len(bad)} of the {len(files)} files in {path} cannot be decoded as {color_mode} "
            f"images, repair or remove them: {_listed(bad, path)}"
        )


def _decodes(file: Path, channels: int) -> bool:
    """Tell whether Keras' own decoder takes the file.

    Pillow is no substitute: it takes formats and colour modes (a grayscale GIF or BMP, a CMYK
    JPEG) that the decoder behind `image_dataset_from_directory` refuses.
    """
    import tensorflow as tf

    data: Any = tf.io.read_file(str(file))
    try:
        tf.io.decode_image(data, channels=channels, expand_animations=False)
    except tf.errors.InvalidArgumentError:
        return False
    return True
