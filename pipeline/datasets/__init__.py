"""The datasets: what a search trains, validates and tests on, their loaders and their batches.

It knows nothing of models or searches.
"""

from pipeline.datasets.array_files import arrays
from pipeline.datasets.dataset import Dataset, Task
from pipeline.datasets.image_loader import images
from pipeline.datasets.loaders import (
    breast_cancer,
    cifar10,
    diabetes,
    digits,
    fashion_mnist,
    mnist,
    wine,
)
from pipeline.datasets.rows import Array
from pipeline.datasets.splits import Inputs, Split
from pipeline.datasets.streams import Stream
from pipeline.datasets.table_loader import csv
from pipeline.datasets.texts import text
from pipeline.datasets.time_series import series

__all__ = [
    "Array",
    "Dataset",
    "Inputs",
    "Split",
    "Stream",
    "Task",
    "arrays",
    "breast_cancer",
    "cifar10",
    "csv",
    "diabetes",
    "digits",
    "fashion_mnist",
    "images",
    "mnist",
    "series",
    "text",
    "wine",
]
