"""Files of images with what is known of each: what a model is to learn."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.rows import Array
from pipeline.datasets.tasks import Task


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images that are not read yet, and their targets.

    Attributes:
        files: The images, one or more.
        task: `classification`, `multilabel` or `regression`.
        y: Their targets in the files' order, as the task says.
        classes: Names of the classes or labels; empty for regression.
        targets: Names of a regression's targets, if the table has several.
        notes: What is left out, a sentence each.
    """

    files: tuple[Path, ...]
    task: Task
    y: Array
    classes: tuple[str, ...]
    targets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
