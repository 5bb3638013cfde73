"""The files of images under a folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""What the name of an image ends with; case does not matter."""


@dataclass(frozen=True)
class FolderFiles:
    """The files under a folder, in the order of `keras.utils.image_dataset_from_directory`.

    Hidden files, and those in hidden folders such as `.ipynb_checkpoints`, are nobody's images.

    Attributes:
        path: The folder.
        images: Those that are images by their names.
        others: Those of other formats.
    """

    path: Path
    images: tuple[Path, ...]
    others: tuple[Path, ...]

    @classmethod
    def of(cls, path: Path) -> "FolderFiles":
        """List the files in a folder and at any depth of its sub-folders."""
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
        found = [entry for entry in entries if entry.is_file()]
        found += [file for entry in entries if entry.is_dir() for file in _below(entry)]
        images = tuple(file for file in found if is_image(file))
        others = tuple(file for file in found if not is_image(file))
        return cls(path, images, others)


def is_image(file: Path) -> bool:
    """Whether a file is an image by its name."""
    return file.suffix.lower() in FORMATS


def _below(folder: Path) -> Iterator[Path]:
    visited = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        visited.append((root, names))
    for root, names in sorted(visited):
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))
