"""The datasets: what a search trains, validates and tests on, their loaders and their batches.

It knows nothing of models or searches.
"""

from pipeline.datasets.dataset import Dataset, Task
from pipeline.datasets.image_loader import images
from pipeline.datasets.loaders import (
    breast_cancer,
    cifar10,
    csv,
    diabetes,
    digits,
    fashion_mnist,
    mnist,
    wine,
)
from pipeline.datasets.rows import Array
from pipeline.datasets.splits import Inputs, Split

__all__ = [
    "Array",
    "Dataset",
    "Inputs",
    "Split",
    "Task",
    "breast_cancer",
    "cifar10",
    "csv",
    "diabetes",
    "digits",
    "fashion_mnist",
    "images",
    "mnist",
    "wine",
]
