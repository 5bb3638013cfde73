"""Folders of generated images with texture, made once and kept for later runs."""

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.work import SEED

CLASSES = ("across", "down", "falling", "rising")
ALL = "all"
_SIZES = {"validation_size": 0.15, "test_size": 0.15}


@dataclass(frozen=True)
class Images:
    """What a folder of images is made of.

    Attributes:
        count: How many images there are, as many of each class.
        file_size: Width and height of a file, in pixels.
        read_size: Height and width at which they are read.
    """

    count: int
    file_size: tuple[int, int]
    read_size: tuple[int, int]


IMAGES = {
    "photographs": Images(3000, (640, 480), (96, 96)),
    "small_images": Images(6000, (160, 160), (160, 160)),
}


def made(images: Images, folder: Path) -> Path:
    """Make a folder of JPEG files, if it is not there.

    Args:
        images: What it is made of.
        folder: Where folders of images are.

    Returns:
        Its path. In it, `all` has all images in a sub-folder a class; `train` and `validation` have
        links to those that our loader trains and validates on.
    """
    width, height = images.file_size
    path = folder / f"{images.count}-{width}x{height}"
    if not path.exists():
        temporary = path.with_suffix(".tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        _write(images, temporary)
        temporary.rename(path)
    return path


def _write(images: Images, folder: Path) -> None:
    files = [
        folder / ALL / CLASSES[number % len(CLASSES)] / f"{number:06}.jpg"
        for number in range(images.count)
    ]
    for name in CLASSES:
        (folder / ALL / name).mkdir(parents=True)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        sizes = [images.file_size] * len(files)
        list(pool.map(_write_one, range(len(files)), sizes, files, chunksize=50))
    _link(sorted(files), folder)


def _link(files: list[Path], folder: Path) -> None:
    """Part the files as `dataset=images` parts them."""
    from pipeline.datasets.splits import Partition

    labels = np.array([CLASSES.index(file.parent.name) for file in files])
    partition = Partition(_SIZES, seed=0)
    train, validation, _ = partition.apply(np.arange(len(files)), labels, classes=CLASSES)
    for name, part in {"train": train, "validation": validation}.items():
        for number in part.x:
            link = folder / name / files[number].relative_to(folder / ALL)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(files[number], link)


def _write_one(number: int, size: tuple[int, int], file: Path) -> None:
    """Write an image of clouds with stripes, whose direction is the class, and with noise."""
    random = np.random.default_rng([SEED, number])
    width, height = size
    clouds = sum(_clouds(random, cells, size) / cells for cells in (4, 16, 64))
    angle = np.pi / 4 * CLASSES.index(file.parent.name) + random.normal(scale=0.1)
    rows, columns = np.ogrid[:height, :width]
    along = rows * np.cos(angle) + columns * np.sin(angle)
    period = random.uniform(width / 40, width / 10)
    stripes = random.uniform(20, 40) * np.sin(2 * np.pi * along / period)
    noise = random.normal(scale=8, size=(height, width, 3))
    pixels = 128 + 2 * clouds + stripes[..., np.newaxis] + noise
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, quality=90)


def _clouds(
    random: np.random.Generator, cells: int, size: tuple[int, int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    coarse = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(smooth, dtype=np.float64) - 128
