"""Small images in files, for tests."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def write_image(
    path: Path, value: Any, *, size: tuple[int, int] = (6, 4), mode: str = "RGB"
) -> None:
    """Write an image of one colour, `size` being its width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


def write_noise(path: Path, *, size: tuple[int, int] = (13, 9), seed: int = 0) -> None:
    """Write an image of random pixels; those of a JPEG are what its compression makes of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_classes(folder: Path, *, each: int = 10, size: tuple[int, int] = (8, 8)) -> Path:
    """Write a folder of noise in two classes, a dark and a bright one."""
    random = np.random.default_rng(0)
    for name, least in {"dark": 0, "light": 120}.items():
        (folder / name).mkdir(parents=True)
        for number in range(each):
            pixels = random.integers(least, least + 130, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:02}.png")
    return folder
