"""A folder of images whose sub-folders are the classes."""

from pathlib import Path

import numpy as np

from pipeline.datasets.class_folders import class_names, left_out
from pipeline.datasets.image_files import FORMATS, FolderFiles
from pipeline.datasets.labelled_images import LabelledImages


def by_folder(path: Path) -> LabelledImages:
    """Return the images under a folder, with the sub-folder of each as its class.

    Args:
        path: The folder.

    Returns:
        The images at any depth of each sub-folder that is not hidden; the classes are the
        sub-folders' names, sorted.

    Raises:
        ValueError: The folder has fewer than two sub-folders, or one of them has no image.
    """
    classes = _classes(path)
    files = FolderFiles.of(path)
    class_of = {file: file.relative_to(path).parts[0] for file in files.images}
    inside = [file for file in files.images if file.parent != path]
    found = {class_of[file] for file in inside}
    if empty := [name for name in classes if name not in found]:
        raise ValueError(
            f"each sub-folder of {path} must hold images ({', '.join(FORMATS)}), "
            f"found none in {empty}"
        )
    index = {name: number for number, name in enumerate(classes)}
    outside = [file for file in files.images if file.parent == path]
    others = [file for file in files.others if file.parent != path]
    return LabelledImages(
        files=tuple(inside),
        task="classification",
        y=np.array([index[class_of[file]] for file in inside], dtype=np.int64),
        classes=tuple(classes),
        notes=(
            *left_out(outside, path, "image", "in no class's folder"),
            *left_out(others, path, "file", f"none of {', '.join(FORMATS)}"),
        ),
    )


def _classes(path: Path) -> list[str]:
    classes = class_names(path)
    if len(classes) < 2:
        found = f"only {classes[0]!r}" if classes else "none"
        raise ValueError(
            f"{path} must have one sub-folder of images for each of at least two classes, found "
            f"{found}; or name a table with the label of each image, dataset.labels=labels.csv"
        )
    return classes
