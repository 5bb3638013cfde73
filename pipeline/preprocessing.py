"""How raw examples become numbers, where users import it from (`pipeline.datasets`)."""

from pipeline.datasets.preprocessing import (
    ImageScaling,
    Preprocessing,
    Standardization,
)
from pipeline.datasets.table_encoding import TableEncoding

__all__ = ["ImageScaling", "Preprocessing", "Standardization", "TableEncoding"]
