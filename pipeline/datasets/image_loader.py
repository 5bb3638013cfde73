"""The loader of images, each of whose files is read once."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.configuration.names import stem
from pipeline.datasets.dataset import Dataset
from pipeline.datasets.image_folder import by_folder
from pipeline.datasets.image_form import ImageForm
from pipeline.datasets.image_pixels import read_pixels
from pipeline.datasets.image_table import by_table
from pipeline.datasets.preprocessing import ImageScaling
from pipeline.datasets.rows import select
from pipeline.datasets.splits import Partition, Split
from pipeline.datasets.tasks import Task


def images(
    *,
    path: str,
    labels: str | None,
    file: str,
    target: str | Sequence[str],
    label_separator: str | None,
    task: Task | None,
    image_size: Sequence[int],
    color_mode: str,
    validation_size: float,
    test_size: float,
    seed: int,
    cache: str,
    max_cache_mb: int,
    tell: Callable[[str], None] = lambda _sentence: None,
) -> Dataset:
    """Load a folder of images, with one sub-folder a class or a table of their labels.

    The images stay in a memory-mapped file on the disk, of which batches are read while they are
    used: `pipeline.datasets.image_pixels`.

    Args:
        path: The folder, absolute or relative to the working directory.
        labels: The table, likewise; None if the sub-folders are the classes. The four arguments
            below are of `pipeline.datasets.image_table`, and without a table they do nothing.
        file: The table's column of files.
        target: Its column of labels or numbers, or a list of columns.
        label_separator: What parts several labels in one column.
        task: What the targets are; None to infer it.
        image_size: Height and width in pixels to which every image is resized.
        color_mode: `grayscale`, `rgb` or `rgba`.
        validation_size: Fraction of the images to validate on.
        test_size: Fraction of the images to test on.
        seed: Seed of the splits.
        cache: A folder for what is read, shared by all searches that name it.
        max_cache_mb: What all of it may take; what was used least recently gives way.
        tell: Told, in a sentence, of what takes long.

    Raises:
        FileNotFoundError: There is no such folder or table.
        ValueError: The folder or the table is not as it must be, or an argument is wrong.
        StorageError: What is read cannot be written.
    """
    partition = Partition({"validation_size": validation_size, "test_size": test_size}, seed)
    form = ImageForm(image_size, color_mode)
    folder = _absolute(path)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"path must be an existing folder; there is no folder of images at {folder}"
        )
    found = (
        by_folder(folder)
        if labels is None
        else by_table(
            folder,
            _absolute(labels),
            file=file,
            target=target,
            label_separator=label_separator,
            task=task,
        )
    )
    classes = found.classes if found.task == "classification" else ()
    # Before anything is read, so that too few images of a class are told at once.
    parts = partition.apply(np.arange(len(found.files)), found.y, classes=classes)
    x = read_pixels(
        found.files,
        folder,
        form,
        cache=_absolute(cache),
        max_cache_mb=max_cache_mb,
        tell=tell,
    )
    train, validation, test = (Split(select(x, part.x), part.y) for part in parts)
    return Dataset(
        name=stem(folder),
        task=found.task,
        train=train,
        validation=validation,
        test=test,
        classes=found.classes,
        source=str(folder),
        preprocessing=ImageScaling(form.shape, max_value=255.0),
        targets=found.targets,
        notes=found.notes,
    )


def _absolute(path: str) -> Path:
    return Path(str(path)).expanduser().resolve()
