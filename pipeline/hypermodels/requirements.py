"""What the shipped hypermodels require of a dataset, and what is said where it is another one."""

from pipeline.datasets.dataset import Dataset
from pipeline.datasets.text_encoding import TextEncoding


def checked(dataset: Dataset) -> Dataset:
    """Return a dataset; raise a TypeError if it is none."""
    if not isinstance(dataset, Dataset):
        raise TypeError(f"dataset must be a pipeline.datasets.Dataset, received {dataset!r}")
    return dataset


def check_numbers(dataset: Dataset, hypermodel: str) -> None:
    """Raise a ValueError if a dataset's examples are texts."""
    if isinstance(dataset.preprocessing, TextEncoding):
        raise ValueError(_needs(dataset, hypermodel, "numbers"))


def check_images(dataset: Dataset, hypermodel: str) -> None:
    """Raise a ValueError if a dataset's examples are no images."""
    if len(dataset.input_shape) != 3:
        raise ValueError(_needs(dataset, hypermodel, "images (height, width, channels)"))


def check_steps(dataset: Dataset, hypermodel: str) -> None:
    """Raise a ValueError if a dataset's examples are no sequences."""
    if len(dataset.input_shape) != 2:
        raise ValueError(_needs(dataset, hypermodel, "sequences (steps, features)"))


def texts(dataset: Dataset, hypermodel: str) -> TextEncoding:
    """Return how a dataset's texts are encoded; raise a ValueError if it has none."""
    encoding = dataset.preprocessing
    if not isinstance(encoding, TextEncoding):
        raise ValueError(_needs(dataset, hypermodel, "texts, with a TextEncoding"))
    return encoding


def _needs(dataset: Dataset, hypermodel: str, what: str) -> str:
    if isinstance(dataset.preprocessing, TextEncoding):
        received, model = "are texts", "text"
    else:
        received = f"have the shape {dataset.input_shape}"
        model = {2: "sequence", 3: "cnn"}.get(len(dataset.input_shape), "mlp")
    return (
        f"{hypermodel} needs {what}, and the examples of the dataset {dataset.name} {received}: "
        f"use model={model}"
    )
