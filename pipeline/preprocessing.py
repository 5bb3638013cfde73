"""How raw examples become numbers, where users import it from (`pipeline.datasets`)."""

from pipeline.datasets.named_inputs import NamedInputs
from pipeline.datasets.preprocessing import (
    ImageScaling,
    Preprocessing,
    Standardization,
)
from pipeline.datasets.table_encoding import TableEncoding
from pipeline.datasets.text_encoding import TextEncoding
from pipeline.datasets.window_scaling import WindowScaling

__all__ = [
    "ImageScaling",
    "NamedInputs",
    "Preprocessing",
    "Standardization",
    "TableEncoding",
    "TextEncoding",
    "WindowScaling",
]
